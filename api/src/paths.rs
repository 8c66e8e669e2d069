//! Every path, as the router wants it (with `{…}` for parameters) and as a caller does.

/// Create and list SKUs.
pub const SKUS: &str = "/v1/skus";
/// Read and patch a SKU.
pub const SKU: &str = "/v1/skus/{sku}";
/// Add or take stock.
pub const ADJUSTMENTS: &str = "/v1/skus/{sku}/adjustments";
/// Stop the sale of a SKU.
pub const CLOSE: &str = "/v1/skus/{sku}/close";
/// Resume the sale of a SKU.
pub const OPEN: &str = "/v1/skus/{sku}/open";
/// A SKU's books.
pub const AUDIT: &str = "/v1/skus/{sku}/audit";
/// What a SKU has left.
pub const AVAILABILITY: &str = "/v1/skus/{sku}/availability";
/// Create and list orders.
pub const ORDERS: &str = "/v1/orders";
/// Create many orders, each for itself.
pub const ORDERS_BATCH: &str = "/v1/orders/batch";
/// Read an order.
pub const ORDER: &str = "/v1/orders/{id}";
/// Make a held order final.
pub const CONFIRM: &str = "/v1/orders/{id}/confirm";
/// Give a held order back.
pub const RELEASE: &str = "/v1/orders/{id}/release";
/// Give a confirmed order back.
pub const CANCEL: &str = "/v1/orders/{id}/cancel";
/// Hold an order longer, once.
pub const EXTEND: &str = "/v1/orders/{id}/extend";
/// The change feed.
pub const EVENTS: &str = "/v1/events";
/// Cluster time.
pub const TIME: &str = "/v1/time";
/// What the cluster looks like from a node.
pub const CLUSTER: &str = "/v1/cluster";
/// Whether the process lives.
pub const LIVEZ: &str = "/livez";
/// Whether the node can serve an order now.
pub const READYZ: &str = "/readyz";
/// Metrics in Prometheus text.
pub const METRICS: &str = "/metrics";
/// The description of all this.
pub const OPENAPI: &str = "/openapi.json";

/// `pattern` with its one parameter replaced by `value`, percent-encoded where a path segment needs it.
///
/// ```
/// use holdfast_api::paths;
/// assert_eq!(paths::fill(paths::AUDIT, "tee-m"), "/v1/skus/tee-m/audit");
/// assert_eq!(paths::fill(paths::SKU, "a/b"), "/v1/skus/a%2Fb");
/// ```
pub fn fill(pattern: &str, value: &str) -> String {
    match (pattern.find('{'), pattern.find('}')) {
        (Some(open), Some(close)) if open < close => {
            format!("{}{}{}", &pattern[..open], encode(value), &pattern[close + 1..])
        }
        _ => pattern.to_owned(),
    }
}

/// `value` as one segment of a path or one value of a query: everything but unreserved characters percent-encoded.
pub fn encode(value: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_cannot_leave_its_segment() {
        assert_eq!(fill(CONFIRM, "../x?y#z"), "/v1/orders/..%2Fx%3Fy%23z/confirm");
        assert_eq!(encode("é %"), "%C3%A9%20%25");
    }

    #[test]
    fn a_path_without_parameter_is_itself() {
        assert_eq!(fill(SKUS, "x"), SKUS);
    }
}
