//! The change feed: server-sent events whose `event:` is the type, whose `id:` is an [`EventId`] and whose `data:`
//! is an [`Event`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Order, Time};

/// Query of `GET /v1/events`. On the api listener `buyer` is required.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventQuery {
    /// First log index that is told; absent: from now on. `Last-Event-ID` goes before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// Only what happened to this buyer's orders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buyer: Option<String>,
}

/// Place of an event in history, as `Last-Event-ID` names it: `<index>-<position>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    /// Log index.
    pub index: u64,
    /// Position in the entry.
    pub position: u16,
}

/// The text is no event id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnEventId;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Log index.
    pub index: u64,
    /// Position in the entry.
    pub position: u16,
    /// Cluster time of the entry.
    pub at: Time,
    /// What.
    #[serde(flatten)]
    pub change: Change,
}

/// What happened. The tag `type` is also the `event:` of the feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Change {
    /// An order was accepted and is held. Told once: holding it longer is no event.
    OrderHeld {
        /// The order after it.
        order: Order,
    },
    /// An order is sold.
    OrderConfirmed {
        /// The order after it.
        order: Order,
    },
    /// A held order was given back.
    OrderReleased {
        /// The order after it.
        order: Order,
    },
    /// A hold's time ran out.
    OrderExpired {
        /// The order after it.
        order: Order,
    },
    /// A confirmed order was given back.
    OrderCancelled {
        /// The order after it.
        order: Order,
    },
    /// Stock was added or taken.
    StockAdjusted {
        /// Of which SKU.
        sku: String,
        /// Units, negative if taken.
        delta: i64,
        /// Stock after it.
        stock: u64,
        /// Why.
        reason: String,
        /// The operator's own reference.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
    },
    /// No unit can be sold any more.
    SoldOut {
        /// Of which SKU.
        sku: String,
    },
    /// Units of a sold-out SKU can be sold again.
    BackInStock {
        /// Of which SKU.
        sku: String,
    },
    /// Something that a newer server tells and this build does not know.
    #[serde(other)]
    Unknown,
}

impl Change {
    /// The `event:` of the feed.
    pub fn name(&self) -> &'static str {
        match self {
            Self::OrderHeld { .. } => "order-held",
            Self::OrderConfirmed { .. } => "order-confirmed",
            Self::OrderReleased { .. } => "order-released",
            Self::OrderExpired { .. } => "order-expired",
            Self::OrderCancelled { .. } => "order-cancelled",
            Self::StockAdjusted { .. } => "stock-adjusted",
            Self::SoldOut { .. } => "sold-out",
            Self::BackInStock { .. } => "back-in-stock",
            Self::Unknown => "unknown",
        }
    }
}

impl Event {
    /// Its place in history.
    pub fn id(&self) -> EventId {
        EventId { index: self.index, position: self.position }
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.index, self.position)
    }
}

impl FromStr for EventId {
    type Err = NotAnEventId;

    fn from_str(text: &str) -> Result<Self, NotAnEventId> {
        let (index, position) = text.split_once('-').ok_or(NotAnEventId)?;
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(index) || !digits(position) {
            return Err(NotAnEventId);
        }
        Ok(Self { index: index.parse().map_err(|_| NotAnEventId)?, position: position.parse().map_err(|_| NotAnEventId)? })
    }
}

impl fmt::Display for NotAnEventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be <log index>-<position>, as the feed's `id:` lines give it")
    }
}

impl std::error::Error for NotAnEventId {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_ids_travel_as_text() {
        let id = EventId { index: 77, position: 3 };
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "7", "7-", "-3", "+7-3", "7-3-1", "7-65536", "x-1", "99999999999999999999-1"] {
            assert_eq!(bad.parse::<EventId>(), Err(NotAnEventId), "{bad}");
        }
    }

    #[test]
    fn an_event_says_its_type_beside_its_place() {
        let event = Event { index: 7, position: 0, at: Time(0), change: Change::SoldOut { sku: "s".into() } };
        let text = r#"{"index":7,"position":0,"at":"1970-01-01T00:00:00.000Z","type":"sold-out","sku":"s"}"#;
        assert_eq!(serde_json::to_string(&event).unwrap(), text);
        assert_eq!(serde_json::from_str::<Event>(text).unwrap(), event);
        assert_eq!(serde_json::to_value(&event).unwrap()["type"], event.change.name());
    }

    #[test]
    fn an_event_of_a_newer_server_is_unknown_not_an_error() {
        let text = r#"{"index":7,"position":0,"at":"1970-01-01T00:00:00.000Z","type":"order-gifted","to":{"a":1}}"#;
        assert_eq!(serde_json::from_str::<Event>(text).unwrap().change, Change::Unknown);
    }
}
