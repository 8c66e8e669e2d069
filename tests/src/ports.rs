//! Ports that nobody uses.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Result, bail};

/// Where ports are looked for: under the range from which the kernel takes the near ends of outgoing connections. A port
/// of that range could be taken by a buyer's connection while its node is down, and the node could never come back.
const RANGE: std::ops::Range<u16> = 18_000..32_000;

/// How many random ports are tried for each one that is found.
const TRIES: usize = 200;

/// `count` addresses of this machine that were free a moment ago, all different.
pub fn free(count: usize) -> Result<Vec<SocketAddr>> {
    let mut kept = Vec::with_capacity(count);
    for _ in 0..count * TRIES {
        if kept.len() == count {
            break;
        }
        let port = rand::random_range(RANGE);
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            kept.push(listener);
        }
    }
    if kept.len() < count {
        bail!("no {count} free ports in {RANGE:?}");
    }
    // Bound until all are found, so that none is given twice.
    Ok(kept.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?)
}

/// A base for `dev --base-port` whose ports for `nodes` nodes are all free: node n has base + 10n, + 1 and + 2.
pub fn free_base(nodes: u16) -> Result<u16> {
    for _ in 0..TRIES {
        let base = rand::random_range(RANGE) / 100 * 100;
        let wanted = (1..=nodes).flat_map(|n| (0..3).map(move |part| base + 10 * n + part));
        if wanted.map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port))).collect::<Result<Vec<_>, _>>().is_ok() {
            return Ok(base);
        }
    }
    bail!("no free base port in {RANGE:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_ports_differ_and_can_be_bound() {
        let found = free(9).unwrap();
        let bound: Vec<_> = found.iter().map(|a| TcpListener::bind(a).unwrap()).collect();
        assert_eq!(bound.len(), 9);
    }

    #[test]
    fn a_free_base_leaves_room_for_every_node() {
        let base = free_base(3).unwrap();
        assert!(base.is_multiple_of(100));
        TcpListener::bind((Ipv4Addr::LOCALHOST, base + 32)).unwrap();
    }
}
