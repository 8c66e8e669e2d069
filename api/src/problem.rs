//! The body of every refusal and error: `application/problem+json` (RFC 9457).

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{OrderStatus, ProblemType, Time};

/// What went wrong, with the extensions that its type has.
///
/// Each extension is absent unless its type names it. Readers tolerate types and fields that they do not know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// URN of the [`ProblemType`].
    #[serde(rename = "type", default)]
    #[schema(value_type = String, example = "urn:holdfast:problem:sold-out")]
    pub urn: Cow<'static, str>,
    /// The same for every problem of the type.
    #[serde(default)]
    #[schema(value_type = String)]
    pub title: Cow<'static, str>,
    /// The HTTP status.
    #[serde(default)]
    pub status: u16,
    /// What happened and what to do, in one sentence.
    #[serde(default)]
    #[schema(value_type = String)]
    pub detail: Cow<'static, str>,
    /// What to look for in the node's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,

    /// Which SKU it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    /// `sold-out`: whether nothing is held either, so that no unit comes back by itself.
    #[serde(rename = "final", default, skip_serializing_if = "Option::is_none")]
    pub is_final: Option<bool>,
    /// Log index that the refusal is true at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// Milliseconds of cluster time that the refusal is true at; only in a batch, where no header can say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamp_ms: Option<u64>,
    /// `insufficient-stock`: units that can be sold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available: Option<u64>,
    /// `buyer-limit`: most units that one buyer may have. `too-large`: most bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// `buyer-limit`: units that the buyer has, held and confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bought: Option<u64>,
    /// `not-open`, `closed`: when the sale begins or began, if it has such a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<Time>,
    /// `not-open`, `closed`: cluster time of the refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_time: Option<Time>,
    /// `hold-expired`: whether a payment, if one was taken, must be paid back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_required: Option<bool>,
    /// `order-state`: what the order is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_status: Option<OrderStatus>,
    /// `adjustment-refused`: units that can be taken now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takeable: Option<u64>,
    /// `version-stale`: the version now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// `malformed`, `idempotency-key-required`: where it is wrong. A JSON pointer into the body, empty for the whole body; or,
    /// outside of the body, `header/<name>`, `path`, `query` or `query/<name>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Milliseconds after which a retry may help: `Retry-After`, finer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl Problem {
    /// A problem of a known type, without extensions; those are public fields.
    ///
    /// `detail` says what happened and what to do, in one sentence.
    pub fn new(kind: ProblemType, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            urn: Cow::Borrowed(kind.urn()),
            title: Cow::Borrowed(kind.title()),
            status: kind.status(),
            detail: detail.into(),
            ..Self::default()
        }
    }

    /// Its type; none if this build does not know it.
    pub fn kind(&self) -> Option<ProblemType> {
        ProblemType::from_urn(&self.urn)
    }

    /// See [`ProblemType::retry_may_help`]; of an unknown type the status decides.
    pub fn retry_may_help(&self) -> bool {
        self.kind().map_or_else(|| self.status == 429 || self.status >= 500, ProblemType::retry_may_help)
    }

    /// See [`ProblemType::certainly_no_effect`]; of an unknown type only a client's fault (4xx) is sure of it.
    pub fn certainly_no_effect(&self) -> bool {
        self.kind().map_or_else(|| (400..500).contains(&self.status), ProblemType::certainly_no_effect)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", if self.title.is_empty() { &self.urn } else { &self.title })?;
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_carries_only_the_extensions_it_has() {
        let problem = Problem {
            sku: Some("tee-m".into()),
            is_final: Some(true),
            index: Some(7),
            ..Problem::new(ProblemType::SoldOut, "Nothing is left of tee-m.")
        };
        let text = concat!(
            r#"{"type":"urn:holdfast:problem:sold-out","title":"Sold out","status":409,"#,
            r#""detail":"Nothing is left of tee-m.","sku":"tee-m","final":true,"index":7}"#
        );
        assert_eq!(serde_json::to_string(&problem).unwrap(), text);
        assert_eq!(serde_json::from_str::<Problem>(text).unwrap(), problem);
    }

    #[test]
    fn every_type_round_trips() {
        for kind in ProblemType::ALL {
            let text = serde_json::to_string(&Problem::new(kind, "because")).unwrap();
            let read: Problem = serde_json::from_str(&text).unwrap();
            assert_eq!(read.kind(), Some(kind));
            assert_eq!(read.status, kind.status());
            assert_eq!(read.retry_may_help(), kind.retry_may_help());
            assert_eq!(read.certainly_no_effect(), kind.certainly_no_effect());
        }
    }

    #[test]
    fn an_unknown_type_is_judged_by_its_status() {
        let read = |status: u16| -> Problem {
            serde_json::from_str(&format!(r#"{{"type":"urn:holdfast:problem:new","status":{status},"extra":[]}}"#)).unwrap()
        };
        for (status, retry, no_effect) in [(409, false, true), (429, true, true), (500, true, false), (503, true, false)] {
            let problem = read(status);
            assert_eq!(problem.kind(), None);
            assert_eq!((problem.retry_may_help(), problem.certainly_no_effect()), (retry, no_effect), "{status}");
        }
    }
}
