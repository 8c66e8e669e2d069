//! The nodes of one listener, and which of them is asked.

use std::sync::atomic::{AtomicUsize, Ordering};

use http::Uri;

use crate::ClientError;

/// Which listener of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Buyers and shops.
    Api,
    /// Operators.
    Admin,
}

/// One node's address: `host:port`.
pub(crate) type Authority = String;

/// The nodes of one listener.
#[derive(Debug)]
pub(crate) struct Endpoints {
    nodes: Vec<Authority>,
    current: AtomicUsize,
}

impl Endpoints {
    /// Reads addresses like `http://host:port` or `host:port`.
    pub(crate) fn parse(addresses: &[String]) -> Result<Self, ClientError> {
        let nodes = addresses.iter().map(|address| authority(address)).collect::<Result<_, _>>()?;
        Ok(Self { nodes, current: AtomicUsize::new(0) })
    }

    /// The node to ask, and its place.
    pub(crate) fn current(&self) -> Option<(usize, &Authority)> {
        let place = self.current.load(Ordering::Relaxed).checked_rem(self.nodes.len())?;
        self.nodes.get(place).map(|node| (place, node))
    }

    /// The node at `place` did not serve: from now on the next one is asked. If another call has moved on already,
    /// nothing changes.
    pub(crate) fn leave(&self, place: usize) {
        let next = (place + 1).checked_rem(self.nodes.len()).unwrap_or(0);
        self.current.compare_exchange(place, next, Ordering::Relaxed, Ordering::Relaxed).ok();
    }
}

fn authority(address: &str) -> Result<Authority, ClientError> {
    let wrong = |why: &str| ClientError::Usage { detail: format!("\"{address}\" is no address of a node: {why}") };
    let rest = match address.split_once("://") {
        Some(("http", rest)) => rest,
        Some(_) => return Err(wrong("only http:// is spoken")),
        None => address,
    };
    let host = rest.strip_suffix('/').unwrap_or(rest);
    let uri: Uri = host.parse().map_err(|_| wrong("write http://host:port"))?;
    match uri.authority() {
        Some(authority) if authority.as_str() == host && !host.contains('@') => Ok(host.to_owned()),
        _ => Err(wrong("write http://host:port, without a path")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_or_without_scheme() {
        for address in ["http://127.0.0.1:7110", "127.0.0.1:7110", "http://node-1:7110/", "http://[::1]:7110"] {
            let nodes = Endpoints::parse(&[address.to_owned()]).unwrap();
            assert!(nodes.current().unwrap().1.ends_with(":7110"), "{address}");
        }
    }

    #[test]
    fn what_is_no_node_is_refused() {
        for address in ["", "https://a:1", "http://a:1/v1", "http://", "ftp://a", "http://u:p@a:1", "a b"] {
            assert!(matches!(Endpoints::parse(&[address.to_owned()]), Err(ClientError::Usage { .. })), "{address}");
        }
    }

    #[test]
    fn a_node_is_left_once_however_many_calls_it_failed() {
        let nodes = Endpoints::parse(&["a:1".into(), "b:1".into(), "c:1".into()]).unwrap();
        nodes.leave(0);
        nodes.leave(0);
        assert_eq!(nodes.current().unwrap().1, "b:1");
        nodes.leave(1);
        nodes.leave(2);
        assert_eq!(nodes.current().unwrap().1, "a:1");
    }
}
