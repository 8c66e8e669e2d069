//! What an answer says, for the history.

use holdfast_api::{Availability, Order, Problem, ProblemType, Sku};

use super::call::{Asked, Content, Heard};
use super::names::Names;

/// An answer as it came.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Its status code.
    pub status: u16,
    /// Whether it was marked as the answer to a repetition.
    pub replayed: bool,
    /// Its body.
    pub body: &'a [u8],
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// For the history.
    pub heard: Heard,
    /// The id of the order that it tells.
    pub order: Option<String>,
    /// What breaks the contract, or tells of a defect. An answer that cannot be read is as good as none, and odd.
    pub oddity: Option<String>,
}

impl Answer<'_> {
    /// Reads the answer to what was asked.
    pub fn read(&self, asked: Asked, names: &mut Names) -> Read {
        let read = match (self.status, asked) {
            (200 | 201, Asked::Order { .. } | Asked::Step { .. } | Asked::Read { .. }) => self.order(names),
            (200, Asked::Look { .. }) => self
                .json::<Availability>()
                .map(|read| Read::of(Heard::Available { index: read.index, available: read.available, held: read.held })),
            (200 | 201, Asked::Adjust { .. }) => self.json::<Sku>().map(|sku| Read::of(Heard::Adjusted { index: sku.index })),
            _ => self.problem(names),
        };
        read.unwrap_or_else(|| {
            let told = format!("status {} with {}", self.status, String::from_utf8_lossy(self.body));
            Read { oddity: Some(told), ..Read::of(Heard::Nothing) }
        })
    }

    fn json<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(self.body).ok()
    }

    fn order(&self, names: &mut Names) -> Option<Read> {
        let order: Order = self.json()?;
        let content = Some(Content::of(&order));
        let heard =
            Heard::Order { id: names.number(&order.id), index: order.index, status: order.status, replayed: self.replayed, content };
        Some(Read { order: Some(order.id), ..Read::of(heard) })
    }

    fn problem(&self, names: &mut Names) -> Option<Read> {
        let told: Problem = self.json()?;
        let problem = told.kind().filter(|kind| kind.status() == self.status)?;
        let oddity = (problem == ProblemType::Internal).then(|| format!("a defect: {told}"));
        let sku = told.sku.as_deref().map(|sku| names.number(sku));
        let is_final = told.is_final.unwrap_or(false);
        let heard = Heard::Refused { problem, sku, index: told.index, available: told.available, is_final };
        Some(Read { oddity, ..Read::of(heard) })
    }
}

impl Read {
    fn of(heard: Heard) -> Self {
        Self { heard, order: None, oddity: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::History;

    fn read(status: u16, body: &str) -> Read {
        let mut history = History::default();
        let (key, buyer) = (history.names.number("k"), history.names.number("ann"));
        let asked = Asked::Order { key, body: history.body(buyer, &[], false), apply_before: None };
        Answer { status, replayed: false, body: body.as_bytes() }.read(asked, &mut history.names)
    }

    #[test]
    fn problems_are_read_and_defects_and_nonsense_are_odd() {
        let sold_out = r#"{"type":"urn:holdfast:problem:sold-out","status":409,"sku":"tee","index":7,"final":true}"#;
        let told = read(409, sold_out);
        assert!(matches!(told.heard, Heard::Refused { problem: ProblemType::SoldOut, index: Some(7), is_final: true, .. }));
        assert_eq!(told.oddity, None);
        assert!(read(503, sold_out).oddity.is_some(), "another status than its type's");
        assert!(read(500, r#"{"type":"urn:holdfast:problem:internal","status":500}"#).oddity.is_some());
        let told = read(201, r#"{"id":"a"}"#);
        assert_eq!((told.heard, told.oddity.is_some()), (Heard::Nothing, true));
    }
}
