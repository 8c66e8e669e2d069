//! What the values of a configuration must be, alone and together.

use std::collections::BTreeMap;

use super::error::Flaw;
use super::{Config, Member};
use crate::limits::{MAX_BUFFER_RATIO, MAX_MEMBERS, MAX_WEIGHT, MIN_SECRET_BYTES};

type Checked = Result<(), Flaw>;

/// Every check but the secret's, which may come from elsewhere.
pub(super) fn all(config: &Config) -> Checked {
    cluster(config)?;
    members(&config.members)?;
    raft(config)?;
    // Before the stock's, which are bounded by them.
    orders(config)?;
    stock(config)?;
    http(config)?;
    log(config)
}

/// What is allowed and seldom meant.
pub(super) fn warnings(config: &Config) -> Vec<&'static str> {
    let mut warnings = Vec::new();
    if config.members.len() == 2 {
        warnings.push("a cluster of two members sells nothing while either is down, for a majority of two is both: have one, or three");
    }
    if config.cluster.secret.is_none() {
        warnings.push("there is no cluster secret: whoever reaches the peer port can pose as a node; set cluster.secret");
    }
    warnings
}

/// The secret, wherever it came from.
pub(super) fn secret(config: &Config) -> Checked {
    match &config.cluster.secret {
        Some(secret) if secret.reveal().len() < MIN_SECRET_BYTES => {
            refuse("cluster.secret", format!("must be {MIN_SECRET_BYTES} bytes or longer; it has {}", secret.reveal().len()))
        }
        _ => Ok(()),
    }
}

fn cluster(config: &Config) -> Checked {
    let name = &config.cluster.name;
    if name.is_empty() || name.len() > 64 || !name.chars().all(|c| c.is_ascii_graphic()) {
        return refuse("cluster.name", "must be 1 to 64 visible ASCII characters");
    }
    if config.cluster.secret.is_some() && config.cluster.secret_file.is_some() {
        return refuse("cluster.secret_file", "and cluster.secret are both given: keep one of them");
    }
    Ok(())
}

fn members(members: &[Member]) -> Checked {
    if members.is_empty() || members.len() > MAX_MEMBERS {
        return refuse("members", format!("a cluster has 1 to {MAX_MEMBERS} members; there are {}", members.len()));
    }
    let mut ids = BTreeMap::new();
    let mut addresses = BTreeMap::new();
    for (position, member) in members.iter().enumerate() {
        let key = |name: &str| format!("members[{position}].{name}");
        if member.id.0 == 0 {
            return refuse(key("id"), "must be 1 or more");
        }
        if let Some(other) = ids.insert(member.id, position) {
            return refuse(key("id"), format!("{} is the id of members[{other}] too: each member has its own", member.id));
        }
        if member.weight == 0 || member.weight > MAX_WEIGHT {
            return refuse(key("weight"), format!("must be 1 to {MAX_WEIGHT}; it is {}", member.weight));
        }
        for (name, address) in [("api", &member.api), ("admin", &member.admin), ("peer", &member.peer)] {
            if !is_address(address) {
                return refuse(key(name), format!("must be host:port with a port from 1 to 65535; it is {address:?}"));
            }
            if let Some(other) = addresses.insert(address.as_str(), key(name)) {
                return refuse(key(name), format!("{address} is {other} too: each listener has its own address"));
            }
        }
    }
    Ok(())
}

fn is_address(address: &str) -> bool {
    address.rsplit_once(':').is_some_and(|(host, port)| {
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let host_is_good = bare.map_or(!host.contains(':'), |inner| inner.parse::<std::net::Ipv6Addr>().is_ok());
        let clean = !host.is_empty() && host.chars().all(|c| c.is_ascii_graphic() && c != '/');
        clean && host_is_good && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

fn raft(config: &Config) -> Checked {
    let raft = &config.raft;
    at_least("raft.heartbeat_ms", raft.heartbeat_ms.0, 5)?;
    if raft.election_timeout_min_ms.0 < 2 * raft.heartbeat_ms.0 {
        let reason =
            format!("must be at least twice raft.heartbeat_ms ({}); it is {}", raft.heartbeat_ms.0, raft.election_timeout_min_ms.0);
        return refuse("raft.election_timeout_min_ms", reason);
    }
    let (min, max) = (raft.election_timeout_min_ms.0, raft.election_timeout_max_ms.0);
    above("raft.election_timeout_max_ms", max, "raft.election_timeout_min_ms", min)?;
    at_most("raft.election_timeout_max_ms", max, 60_000)?;
    if max < 3 * raft.heartbeat_ms.0 {
        let reason = format!("must be at least three times raft.heartbeat_ms ({}); it is {max}", raft.heartbeat_ms.0);
        return refuse("raft.election_timeout_max_ms", reason);
    }
    at_least("raft.snapshot_every_entries", raft.snapshot_every_entries, 1)?;
    at_least("raft.log_keep_bytes", raft.log_keep_bytes, 1 << 20)
}

fn stock(config: &Config) -> Checked {
    let stock = &config.stock;
    if !(0.0..=MAX_BUFFER_RATIO).contains(&stock.buffer_ratio) {
        return refuse("stock.buffer_ratio", format!("must be from 0 to {MAX_BUFFER_RATIO}; it is {}", stock.buffer_ratio));
    }
    let election = config.raft.election_timeout_max_ms.0;
    above("stock.reclaim_after_ms", stock.reclaim_after_ms.0, "raft.election_timeout_max_ms", election)?;
    not_below("stock.resend_after_ms", stock.resend_after_ms.0, "raft.election_timeout_max_ms", election)?;
    not_above("stock.refill_wait_ms", stock.refill_wait_ms.0, "orders.request_ttl_ms", config.orders.request_ttl_ms.0)?;
    at_least("stock.reconcile_every_ms", stock.reconcile_every_ms.0, 1)?;
    at_least("stock.report_every_ms", stock.report_every_ms.0, 1)?;
    above("stock.reclaim_after_ms", stock.reclaim_after_ms.0, "stock.report_every_ms", stock.report_every_ms.0)?;
    at_least("stock.fresh_for_ms", stock.fresh_for_ms.0, 1)?;
    let (below, above_units) = (stock.pooled_below_per_node, stock.sliced_above_per_node);
    above("stock.sliced_above_per_node", above_units, "stock.pooled_below_per_node", below)?;
    at_least("stock.max_skus", stock.max_skus.into(), 1)?;
    within("stock.max_stock", stock.max_stock, 1, 1_000_000_000_000)
}

fn orders(config: &Config) -> Checked {
    let orders = &config.orders;
    within("orders.request_ttl_ms", orders.request_ttl_ms.0, 10, 60_000)?;
    at_least("orders.max_waiting", orders.max_waiting.into(), 1)?;
    at_least("orders.max_hold_ttl_ms", orders.max_hold_ttl_ms.0, 1)?;
    not_above("orders.default_hold_ttl_ms", orders.default_hold_ttl_ms.0, "orders.max_hold_ttl_ms", orders.max_hold_ttl_ms.0)?;
    at_least("orders.idempotency_ttl_ms", orders.idempotency_ttl_ms.0, 60_000)?;
    at_least("orders.max_orders", orders.max_orders, 1)?;
    within("orders.max_orders_per_buyer", orders.max_orders_per_buyer.into(), 1, orders.max_orders)?;
    within("orders.max_line_units", orders.max_line_units.into(), 1, 1_000)?;
    within("orders.max_lines", orders.max_lines.into(), 1, 16)?;
    within("orders.max_batch_requests", orders.max_batch_requests.into(), 1, 8_192)?;
    within("orders.max_entry_bytes", orders.max_entry_bytes.into(), 64 << 10, 4 << 20)?;
    at_least("orders.sweep_per_entry", orders.sweep_per_entry.into(), 1)?;
    at_least("orders.state_hash_every", orders.state_hash_every, 1)
}

fn http(config: &Config) -> Checked {
    let http = &config.http;
    at_least("http.max_connections", http.max_connections.into(), 1)?;
    at_least("http.max_admin_connections", http.max_admin_connections.into(), 1)?;
    at_least("http.header_timeout_ms", http.header_timeout_ms.0, 1)?;
    at_least("http.body_timeout_ms", http.body_timeout_ms.0, 1)?;
    not_below("http.idle_timeout_ms", http.idle_timeout_ms.0, "http.header_timeout_ms", http.header_timeout_ms.0)?;
    at_least("http.write_timeout_ms", http.write_timeout_ms.0, 1)?;
    at_least("http.max_body_bytes", http.max_body_bytes.into(), 1_024)?;
    let batch = u64::from(http.max_batch_body_bytes);
    not_below("http.max_batch_body_bytes", batch, "http.max_body_bytes", http.max_body_bytes.into())?;
    at_most("http.max_batch_body_bytes", batch, 64 << 20)?;
    within("http.max_head_bytes", http.max_head_bytes.into(), 8_192, 1 << 20)
}

fn log(config: &Config) -> Checked {
    match config.log.filter.parse::<tracing_subscriber::EnvFilter>() {
        Ok(_) => Ok(()),
        Err(error) => refuse("log.filter", format!("is not a filter such as `info,holdfast_raft=debug`: {error}")),
    }
}

fn refuse(key: impl Into<String>, reason: impl Into<String>) -> Checked {
    Err(Flaw::new(key, reason))
}

fn at_least(key: &str, value: u64, least: u64) -> Checked {
    if value < least { refuse(key, format!("must be {least} or more; it is {value}")) } else { Ok(()) }
}

fn at_most(key: &str, value: u64, most: u64) -> Checked {
    if value > most { refuse(key, format!("must be {most} or less; it is {value}")) } else { Ok(()) }
}

fn within(key: &str, value: u64, least: u64, most: u64) -> Checked {
    at_least(key, value, least)?;
    at_most(key, value, most)
}

fn above(key: &str, value: u64, other: &str, bound: u64) -> Checked {
    if value <= bound { refuse(key, format!("must be greater than {other} ({bound}); it is {value}")) } else { Ok(()) }
}

fn not_below(key: &str, value: u64, other: &str, bound: u64) -> Checked {
    if value < bound { refuse(key, format!("must be at least {other} ({bound}); it is {value}")) } else { Ok(()) }
}

fn not_above(key: &str, value: u64, other: &str, bound: u64) -> Checked {
    if value > bound { refuse(key, format!("must be at most {other} ({bound}); it is {value}")) } else { Ok(()) }
}
