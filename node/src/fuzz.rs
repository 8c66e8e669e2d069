//! What must hold of bytes from buyers and operators: see `fuzz/` at the top.

#[path = "../../fuzz/target.rs"]
mod target;

use std::path::Path;

pub use target::Target;

use crate::config::Config;
use crate::http::fuzz::{order_body, order_head};

/// Everything that this crate reads.
pub const TARGETS: &[Target] = &[
    Target {
        name: "order_body",
        check: order_body,
        seeds: || vec![ORDER.to_vec(), br#"{"lines":[],"buyer":"\u0062"}"#.to_vec(), LISTED.to_vec()],
    },
    Target { name: "order_head", check: order_head, seeds: || vec![HEAD.to_vec(), HEAD_SAID_TWICE.to_vec(), STEP_HEAD.to_vec()] },
    Target { name: "cluster_file", check: cluster_file, seeds: || vec![include_bytes!("../../cluster.toml").to_vec()] },
];

const ORDER: &[u8] = br#"{"buyer":"ann","lines":[{"sku":"tee-m","quantity":2},{"sku":"tee-l","quantity":1}],"confirm":true}"#;
const HEAD: &[u8] = b"POST /v1/orders HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\
    Idempotency-Key: \"k\"\r\nApply-Before: 17\r\nConnection: keep-alive\r\nAccept: */*\r\n\r\n";
/// What serde takes for an order, and the contract does not.
const LISTED: &[u8] = br#"["ann",[["tee-m",2]],true]"#;
/// What no two readers need understand alike.
const STEP_HEAD: &[u8] = b"POST /v1/orders/abc/confirm HTTP/1.1\r\nHost: x\r\nApply-Before: 17\r\n\r\n";

const HEAD_SAID_TWICE: &[u8] = b"POST /v1/orders HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\
    Content-Length: 13\r\nIdempotency-Key: k\r\n\r\n";

/// A file is refused in one sentence, or is a configuration.
fn cluster_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(error) = Config::parse(Path::new("cluster.toml"), text) {
        let sentence = error.to_string();
        assert!(sentence.starts_with("cluster.toml") && sentence.lines().count() == 1, "{sentence:?}");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn any_bytes_are_read_or_refused() {
        super::target::hold(super::TARGETS);
    }
}
