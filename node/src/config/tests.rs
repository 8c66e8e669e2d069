//! The reference file against the types, and every refusal with its file, key and reason.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use holdfast_inventory::{NodeId, Params};

use super::reference::{REFERENCE_FILE, rows};
use super::*;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(Path::new("cluster.toml"), text)
}

/// The reference file with one piece of text replaced.
fn with(piece: &str, by: &str) -> String {
    assert!(REFERENCE_FILE.contains(piece), "{piece:?} is not in the reference file");
    REFERENCE_FILE.replacen(piece, by, 1)
}

#[test]
fn the_reference_file_says_the_defaults() {
    let config = parse(REFERENCE_FILE).unwrap();
    assert_eq!(config.members.len(), 3);
    assert_eq!(config, Config { members: config.members.clone(), ..Config::default() });
}

#[test]
fn a_cluster_begins_with_the_core_s_own_defaults() {
    assert_eq!(Config::default().params(), Params::default());
}

#[test]
fn the_reference_file_explains_every_key_and_no_other() {
    let mut config = parse(REFERENCE_FILE).unwrap();
    config.members.truncate(1);
    config.cluster.secret = Some(ClusterSecret::new("at least sixteen bytes"));
    config.cluster.secret_file = Some("cluster.secret".into());
    config.cluster.bind_host = Some([0, 0, 0, 0].into());
    let known: BTreeSet<_> = keys_of(&toml::Table::try_from(&config).unwrap());
    let explained: BTreeSet<_> = rows().into_iter().filter(|row| !row.meaning.is_empty()).map(|row| row.key).collect();
    assert_eq!(explained, known);
}

fn keys_of(table: &toml::Table) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for (section, value) in table {
        let (name, inner) = match value {
            toml::Value::Array(members) => (format!("{section}[0]"), members[0].as_table().unwrap()),
            other => (section.clone(), other.as_table().unwrap()),
        };
        keys.extend(inner.keys().map(|key| format!("{name}.{key}")));
    }
    keys
}

#[test]
fn the_optional_keys_are_examples_that_parse() {
    let text = with("#secret = ", "secret = ").replacen("#bind_host", "bind_host", 1);
    let config = parse(&text).unwrap();
    assert_eq!(config.cluster.secret.unwrap().reveal(), "at least sixteen bytes");
    assert!(config.cluster.bind_host.is_some());
}

#[test]
fn every_refusal_names_file_key_and_reason() {
    let refusals = [
        (with("heartbeat_ms = 50", "hartbeat_ms = 50"), "raft.hartbeat_ms: unknown field"),
        (with("[raft]", "[rafts]"), "rafts: unknown field"),
        (with("heartbeat_ms = 50", "heartbeat_ms = \"fast\""), "raft.heartbeat_ms: invalid type"),
        (with("heartbeat_ms = 50", "heartbeat_ms = -1"), "raft.heartbeat_ms: invalid value"),
        (
            with("heartbeat_ms = 50", "heartbeat_ms = 100"),
            "raft.election_timeout_min_ms: must be at least twice raft.heartbeat_ms (100); it is 150",
        ),
        (
            with("_max_ms = 300", "_max_ms = 150"),
            "raft.election_timeout_max_ms: must be greater than raft.election_timeout_min_ms (150); it is 150",
        ),
        (
            with("reclaim_after_ms = 2000", "reclaim_after_ms = 300"),
            "stock.reclaim_after_ms: must be greater than raft.election_timeout_max_ms (300); it is 300",
        ),
        (
            with("resend_after_ms = 500", "resend_after_ms = 299"),
            "stock.resend_after_ms: must be at least raft.election_timeout_max_ms (300); it is 299",
        ),
        (with("buffer_ratio = 0.1", "buffer_ratio = 0.95"), "stock.buffer_ratio: must be from 0 to 0.9; it is 0.95"),
        (with("buffer_ratio = 0.1", "buffer_ratio = nan"), "stock.buffer_ratio: must be from 0 to 0.9; it is NaN"),
        (with("refill_wait_ms = 200", "refill_wait_ms = 2001"), "stock.refill_wait_ms: must be at most orders.request_ttl_ms (2000)"),
        (with("request_ttl_ms = 2000", "request_ttl_ms = 0"), "orders.request_ttl_ms: must be 10 or more; it is 0"),
        (
            with("sliced_above_per_node = 256", "sliced_above_per_node = 64"),
            "stock.sliced_above_per_node: must be greater than stock.pooled_below_per_node (64)",
        ),
        (with("max_lines = 16", "max_lines = 17"), "orders.max_lines: must be 16 or less; it is 17"),
        (with("max_lines = 16", "max_lines = 0"), "orders.max_lines: must be 1 or more; it is 0"),
        (
            with("default_hold_ttl_ms = 600000", "default_hold_ttl_ms = 604800001"),
            "orders.default_hold_ttl_ms: must be at most orders.max_hold_ttl_ms (604800000)",
        ),
        (with("max_head_bytes = 16384", "max_head_bytes = 100"), "http.max_head_bytes: must be 8192 or more; it is 100"),
        (
            with("idle_timeout_ms = 75000", "idle_timeout_ms = 10"),
            "http.idle_timeout_ms: must be at least http.header_timeout_ms (5000); it is 10",
        ),
        (with("format = \"text\"", "format = \"xml\""), "log.format: unknown variant"),
        (with("filter = \"info,openraft=warn\"", "filter = \"info,=,\""), "log.filter: is not a filter"),
        (with("id = 2", "id = 1"), "members[1].id: 1 is the id of members[0] too: each member has its own"),
        (with("id = 2", "id = 0"), "members[1].id: must be 1 or more"),
        (with("peer = \"127.0.0.1:7122\"\n", ""), "members[1]: missing field `peer`"),
        (with("127.0.0.1:7122", "127.0.0.1"), "members[1].peer: must be host:port"),
        (with("127.0.0.1:7122", "127.0.0.1:0"), "members[1].peer: must be host:port"),
        (with("127.0.0.1:7122", "127.0.0.1:7110"), "members[1].peer: 127.0.0.1:7110 is members[0].api too"),
        (with("weight = 1", "weight = 0"), "members[0].weight: must be 1 to 1000; it is 0"),
        (with("name = \"holdfast\"", "name = \"two words\""), "cluster.name: must be 1 to 64 visible ASCII"),
        (with("#secret", "secret").replacen("#secret_file", "secret_file", 1), "cluster.secret_file: and cluster.secret are both given"),
        (String::new(), "members: a cluster has 1 to 7 members; there are 0"),
        ("members = 3 3".into(), "members: "),
    ];
    for (text, wanted) in refusals {
        let told = parse(&text).unwrap_err().to_string();
        assert!(told.starts_with(&format!("cluster.toml: {wanted}")), "wanted {wanted:?}, told {told:?}");
        assert!(!told.contains('\n'), "one sentence: {told:?}");
    }
}

fn write_config(text: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("cluster.toml");
    fs::write(&file, text).unwrap();
    (directory, file)
}

#[test]
fn the_secret_may_be_in_a_file_of_its_own_and_has_a_least_length() {
    let (directory, file) = write_config(&with("#secret_file", "secret_file"));
    fs::write(directory.path().join("cluster.secret"), "0123456789abcdef\n").unwrap();
    assert_eq!(Config::load(&file).unwrap().cluster.secret.unwrap().reveal(), "0123456789abcdef");
    fs::write(directory.path().join("cluster.secret"), "short\n").unwrap();
    let told = Config::load(&file).unwrap_err().to_string();
    assert!(told.ends_with("cluster.secret: must be 16 bytes or longer; it has 5"), "{told}");
    fs::remove_file(directory.path().join("cluster.secret")).unwrap();
    assert!(Config::load(&file).unwrap_err().to_string().contains("cluster.secret: cannot be read"));
}

#[test]
fn a_node_must_be_a_member() {
    let config = parse(REFERENCE_FILE).unwrap();
    config.require_member(Path::new("cluster.toml"), NodeId(3)).unwrap();
    let told = config.require_member(Path::new("cluster.toml"), NodeId(4)).unwrap_err().to_string();
    assert_eq!(told, "cluster.toml: members: node 4 is not one of them (they are 1, 2, 3): add it, or start a node that is");
}

#[test]
fn two_members_and_a_missing_secret_are_warned_of() {
    let mut config = parse(REFERENCE_FILE).unwrap();
    config.cluster.secret = Some(ClusterSecret::new("0123456789abcdef"));
    assert_eq!(config.warnings(), [""; 0]);
    config.members.pop();
    assert!(matches!(config.warnings()[..], [two] if two.contains("majority of two is both")), "{:?}", config.warnings());
    config.members.pop();
    config.cluster.secret = None;
    assert!(matches!(config.warnings()[..], [secret] if secret.contains("no cluster secret")), "{:?}", config.warnings());
}

#[test]
fn the_secret_is_never_shown() {
    let config = Config {
        cluster: ClusterSection { secret: Some(ClusterSecret::new("0123456789abcdef")), ..Default::default() },
        ..Config::default()
    };
    assert!(!format!("{config:?}").contains("0123456789abcdef"));
}
