//! Where requests go.

use std::net::SocketAddr;

use crate::ClientError;

/// One node's listener.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// As it was given, `host:port`; the `Host` of requests.
    pub(super) host: std::sync::Arc<str>,
    pub(super) address: SocketAddr,
    /// The node's id; 0 if it is not known.
    pub(super) node: u64,
}

impl Target {
    /// Looks the address of `url` up.
    pub(super) async fn resolve(url: &str) -> Result<Self, ClientError> {
        let host = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/');
        let found = tokio::net::lookup_host(host).await;
        let address = found.ok().and_then(|mut found| found.next());
        let address = address.ok_or_else(|| ClientError::Usage { detail: format!("{url} leads to no address: write http://host:port") })?;
        Ok(Self { host: host.into(), address, node: 0 })
    }
}
