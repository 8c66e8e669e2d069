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
    // Bound until all are found, so that none is given twice.
    Ok(bound(count)?.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?)
}

fn bound(count: usize) -> Result<Vec<TcpListener>> {
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
    Ok(kept)
}

/// A base for `dev --base-port` whose ports for `nodes` nodes are all free: node n has base + 10n, + 1 and + 2.
pub fn free_base(nodes: u16) -> Result<u16> {
    Ok(bound_base(nodes)?.0)
}

fn bound_base(nodes: u16) -> Result<(u16, Vec<TcpListener>)> {
    for _ in 0..TRIES {
        let base = rand::random_range(RANGE) / 100 * 100;
        let wanted = (1..=nodes).flat_map(|n| (0..3).map(move |part| base + 10 * n + part));
        if let Ok(kept) = wanted.map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port))).collect() {
            return Ok((base, kept));
        }
    }
    bail!("no free base port in {RANGE:?}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    // Of what is still bound: another test may take a port as soon as it is free.
    fn ports(kept: &[TcpListener]) -> BTreeSet<u16> {
        kept.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
    }

    #[test]
    fn free_ports_differ_and_can_be_bound() {
        let found = ports(&bound(9).unwrap());
        assert!(found.len() == 9 && found.iter().all(|port| RANGE.contains(port)), "{found:?}");
    }

    #[test]
    fn a_free_base_leaves_room_for_every_node() {
        let (base, kept) = bound_base(3).unwrap();
        assert!(base.is_multiple_of(100));
        assert_eq!(ports(&kept), [10, 11, 12, 20, 21, 22, 30, 31, 32].map(|part| base + part).into());
    }
}
