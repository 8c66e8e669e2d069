//! Binding before anything else starts, so that a taken port is told at once.

use std::io;
use std::net::{IpAddr, SocketAddr};

use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket, lookup_host};

use crate::limits::ACCEPT_BACKLOG;

/// An address could not be listened on.
#[derive(Debug, Error)]
#[error("{what} cannot listen on {address}: {source}; free the port or change the address in the configuration")]
pub struct BindError {
    /// Whose address: `api`, `admin` or `peer`.
    pub what: &'static str,
    /// The address.
    pub address: String,
    /// What the system said.
    pub source: io::Error,
}

/// Listens on `address` (`host:port`), or on its port at `host` if one is given.
pub async fn bind(what: &'static str, address: &str, host: Option<IpAddr>) -> Result<TcpListener, BindError> {
    let fail = |source| BindError { what, address: address.to_owned(), source };
    let resolved = resolve(address, host).await.map_err(fail)?;
    listen(resolved).map_err(fail)
}

async fn resolve(address: &str, host: Option<IpAddr>) -> io::Result<SocketAddr> {
    if let (Some(host), Some((_, port))) = (host, address.rsplit_once(':')) {
        let port = port.parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "not a port"))?;
        return Ok(SocketAddr::new(host, port));
    }
    let mut found = lookup_host(address).await?;
    found.next().ok_or_else(|| io::Error::new(io::ErrorKind::AddrNotAvailable, "the name has no address"))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restarted node takes its port although connections of the earlier one still linger in TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(ACCEPT_BACKLOG)
}
