//! What a shop's operator does over HTTP, on the admin listener of one node.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::http::{self, Call};
use crate::wait;

/// A SKU that is sold at once, without a hold.
pub async fn create_sku(admin: SocketAddr, sku: &str, stock: u64) -> Result<()> {
    create_sku_with(admin, &json!({ "sku": sku, "stock": stock, "hold_ttl_ms": 0 })).await
}

/// A SKU as `body` says.
pub async fn create_sku_with(admin: SocketAddr, body: &Value) -> Result<()> {
    http::call(admin, &Call::post("/v1/skus", body)).await?.expect(201)?;
    Ok(())
}

/// What one node says about a SKU's units, linearizable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Units there are.
    pub stock: u64,
    /// Units no node has.
    pub pool: u64,
    /// Units that each node may sell.
    pub slices: Vec<(u64, u64)>,
    /// Units held.
    pub held: u64,
    /// Units confirmed.
    pub confirmed: u64,
    /// Whether the node itself finds its numbers in order.
    pub conserved: bool,
    /// Log index.
    pub index: u64,
    /// Digest there.
    pub digest: String,
}

impl Audit {
    /// Asks one node.
    pub async fn of(admin: SocketAddr, sku: &str) -> Result<Audit> {
        let body = http::call(admin, &Call::get(format!("/v1/skus/{sku}/audit"))).await?.expect(200)?;
        Audit::read(&body).with_context(|| format!("audit of {sku} at {admin}: {body}"))
    }

    fn read(body: &Value) -> Option<Audit> {
        let slices = body["slices"].as_array()?.iter().map(|s| Some((s["node"].as_u64()?, s["units"].as_u64()?))).collect::<Option<_>>()?;
        Some(Audit {
            stock: body["stock"].as_u64()?,
            pool: body["pool"].as_u64()?,
            slices,
            held: body["held"].as_u64()?,
            confirmed: body["confirmed"].as_u64()?,
            conserved: body["conserved"].as_bool()?,
            index: body["index"].as_u64()?,
            digest: plain(&body["digest"])?,
        })
    }

    /// Units in slices.
    pub fn sliced(&self) -> u64 {
        self.slices.iter().map(|(_, units)| units).sum()
    }

    /// Units of orders.
    pub fn sold(&self) -> u64 {
        self.held + self.confirmed
    }

    /// The law, counted here and not believed.
    pub fn ensure_conserved(&self) -> Result<()> {
        let sum = self.pool + self.sliced() + self.sold();
        ensure!(self.stock == sum && self.conserved, "not conserved: {sum} units accounted for in {self:?}");
        Ok(())
    }
}

/// The audit of `sku` once so many nodes have a slice of it.
pub async fn granted(admin: SocketAddr, sku: &str, nodes: usize) -> Result<Audit> {
    wait::until("a slice on every node", crate::limits::AGREED_WITHIN, async || {
        let audit = Audit::of(admin, sku).await.ok()?;
        (audit.slices.iter().filter(|(_, units)| *units > 0).count() == nodes).then_some(audit)
    })
    .await
}

/// Index and digest of one node.
pub async fn digest(admin: SocketAddr) -> Result<(u64, String)> {
    let body = http::call(admin, &Call::get("/v1/cluster")).await?.expect(200)?;
    let digest = &body["digest"];
    digest["index"].as_u64().zip(plain(&digest["value"])).with_context(|| format!("no digest in {body}"))
}

/// A digest may be printed as text or as a number: compared as text.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audit(pool: u64) -> Audit {
        let body = json!({ "sku": "x", "stock": 10, "pool": pool, "slices": [{ "node": 1, "session": 3, "units": 2 }, { "node": 2, "session": 4, "units": 1 }],
            "held": 1, "confirmed": 2, "conserved": true, "index": 9, "digest": "ab" });
        Audit::read(&body).unwrap()
    }

    #[test]
    fn the_law_is_counted_and_not_believed() {
        audit(4).ensure_conserved().unwrap();
        assert!(audit(5).ensure_conserved().unwrap_err().to_string().contains("11 units"));
    }

    #[test]
    fn an_audit_without_a_number_is_not_read() {
        assert_eq!(Audit::read(&json!({ "stock": 10 })), None);
    }
}
