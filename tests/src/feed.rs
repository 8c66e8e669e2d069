//! The change feed of one node, from its beginning: the ledger.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use holdfast_client::api::{Change, Event};
use http_body_util::BodyExt;

use crate::http::{self, Call};

/// Reads the feed from its beginning, up to and with the adjustment whose reference is `last`; gives each event to `take`.
/// Waits for as long as it takes: give it a time limit.
pub async fn read_until(admin: SocketAddr, last: &str, mut take: impl FnMut(&Event)) -> Result<()> {
    let mut body = http::open(admin, &Call::get("/v1/events?from=1")).await?;
    let mut rest: Vec<u8> = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame?.into_data() else { continue };
        rest.extend_from_slice(&piece);
        let whole = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        for line in rest[..whole].split(|byte| *byte == b'\n') {
            let Some(data) = line.strip_prefix(b"data:") else { continue };
            let event: Event = serde_json::from_slice(data).with_context(|| format!("no event: {}", String::from_utf8_lossy(data)))?;
            take(&event);
            if matches!(&event.change, Change::StockAdjusted { reference: Some(reference), .. } if reference == last) {
                return Ok(());
            }
        }
        rest.drain(..whole);
    }
    bail!("the feed of {admin} ended before {last}")
}
