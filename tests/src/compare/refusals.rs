//! Refusals of a SKU that is sold out. `wrk` knows only that orders are refused: for what, the node that is asked says.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::bare::SOLD_OUT;
use super::cell::{Load, Measured, System};
use super::holdfast::Holdfast;
use super::wrk::Told;
use crate::http::{self, Call};

/// Where a node counts them.
const SERIES: &str = "holdfast_problems_total{type=\"sold-out\"}";

/// Refusals a second by the leader. Fails unless the SKU is sold out there, before and after.
pub async fn measure(holdfast: &Holdfast, seconds: u32) -> Result<Measured> {
    let (subject, admin) = (holdfast.subject(System::Leader)?, holdfast.admin());
    refuses(subject.targets[0]).await.context("before the refusals")?;
    let wrk = subject.wrk(Load::SoldOut, 0, seconds);
    let measured = subject.watch_wrk(&wrk, async {
        let before = counted(admin).await?;
        let told = wrk.run().await?;
        confirmed(told, counted(admin).await?.saturating_sub(before), wrk.connections)
    });
    let measured = measured.await?;
    refuses(subject.targets[0]).await.context("after the refusals")?;
    Ok(measured)
}

/// Fails unless an order at this node is refused since the SKU is sold out.
pub async fn refuses(node: SocketAddr) -> Result<()> {
    let refused = http::call(node, &order(&format!("probe-{}", rand::random::<u64>()))).await?;
    ensure!(refused.status == 409 && refused.problem().as_deref() == Some("sold-out"), "not sold out: {refused:?}");
    Ok(())
}

/// An order of it.
pub fn order(key: &str) -> Call {
    let body = json!({ "buyer": "first", "lines": [{ "sku": SOLD_OUT, "quantity": 1 }] });
    Call::post("/v1/orders", &body).header("idempotency-key", key)
}

async fn counted(admin: SocketAddr) -> Result<u64> {
    let told = http::call(admin, &Call::get("/metrics")).await?.sample(SERIES);
    told.with_context(|| format!("{admin} does not tell {SERIES}"))
}

/// What `wrk` took for refusals, of which the node gave `given` as sold out: what it gave no such answer to is another answer.
/// Fails if the node gave more than `wrk` can have left unread: then others ask too, and nothing is known of these.
fn confirmed(told: Told, given: u64, connections: u32) -> Result<Told> {
    let most = told.expected + told.unexpected + u64::from(connections);
    ensure!(given <= most, "wrk counted {} refusals, and the node says that it gave {given} of a SKU that is sold out", told.expected);
    let others = told.expected.saturating_sub(given);
    Ok(Told { expected: told.expected - others, unexpected: told.unexpected + others, ..told })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(expected: u64, unexpected: u64) -> Told {
        Told { expected, unexpected, seconds: 1.0, p50_ms: None, p99_ms: None }
    }

    #[test]
    fn only_what_the_node_gave_as_sold_out_is_a_refusal() {
        assert_eq!(confirmed(told(900, 0), 1_100, 256).unwrap(), told(900, 0), "some are on their way in the end");
        assert_eq!(confirmed(told(900, 2), 890, 256).unwrap(), told(890, 12));
        assert!(confirmed(told(900, 0), 1_157, 256).unwrap_err().to_string().contains("gave 1157"));
    }
}
