//! What one node says was sold: every order of a SKU, listed page by page.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::http::{self, Connection};
use crate::limits::LEDGER_PAGE;

/// An order as a node tells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its id.
    pub id: String,
    /// Who.
    pub buyer: String,
    /// SKU and units of each line.
    pub lines: Vec<(String, u64)>,
    /// Status now.
    pub status: String,
}

impl Entry {
    /// Reads the order out of an answer.
    pub fn read(order: &Value) -> Result<Entry> {
        Entry::try_read(order).with_context(|| format!("not an order: {order}"))
    }

    fn try_read(order: &Value) -> Option<Entry> {
        let line = |line: &Value| Some((line["sku"].as_str()?.to_owned(), line["quantity"].as_u64()?));
        Some(Entry {
            id: order["id"].as_str()?.to_owned(),
            buyer: order["buyer"].as_str()?.to_owned(),
            lines: order["lines"].as_array()?.iter().map(line).collect::<Option<_>>()?,
            status: order["status"].as_str()?.to_owned(),
        })
    }

    /// Whether its units are held or confirmed.
    pub fn is_live(&self) -> bool {
        self.status == "held" || self.status == "confirmed"
    }

    /// Units of one SKU.
    pub fn units(&self, sku: &str) -> u64 {
        self.lines.iter().filter(|(name, _)| name == sku).map(|(_, units)| units).sum()
    }
}

/// Every order of `sku` that this node knows, by id. Fails if a page brings an order that an earlier one had.
pub async fn read(admin: SocketAddr, sku: &str) -> Result<Vec<Entry>> {
    let mut connection = Connection::to(admin);
    let (mut entries, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let from = cursor.as_ref().map(|cursor| format!("&cursor={}", escaped(cursor))).unwrap_or_default();
        let path = format!("/v1/orders?sku={sku}&limit={LEDGER_PAGE}{from}");
        let page = http::read(&mut connection, &path).await?;
        let orders = page["orders"].as_array().context("a page without orders")?;
        entries.extend(orders.iter().map(Entry::read).collect::<Result<Vec<_>>>()?);
        match page["next"].as_str() {
            Some(next) => {
                ensure!(cursor.as_deref() != Some(next), "the cursor stands still at {next}");
                cursor = Some(next.to_owned());
            }
            None => break,
        }
    }
    entries.sort_unstable();
    let twice = entries.windows(2).find(|pair| pair[0].id == pair[1].id);
    ensure!(twice.is_none(), "listed twice at {admin}: {twice:?}");
    Ok(entries)
}

/// Percent-encodes everything but letters and digits.
fn escaped(text: &str) -> String {
    text.bytes().map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_order_is_read_with_all_its_lines() {
        let order =
            json!({ "id": "a", "buyer": "b", "status": "held", "lines": [{ "sku": "x", "quantity": 2 }, { "sku": "y", "quantity": 1 }] });
        let entry = Entry::read(&order).unwrap();
        assert!(entry.is_live());
        assert_eq!((entry.units("x"), entry.units("y"), entry.units("z")), (2, 1, 0));
        assert!(Entry::read(&json!({ "id": "a" })).is_err());
    }

    #[test]
    fn a_cursor_keeps_its_odd_characters() {
        assert_eq!(escaped("a+/=9"), "a%2B%2F%3D9");
    }
}
