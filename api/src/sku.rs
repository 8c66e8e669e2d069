//! SKUs: their settings and their numbers.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::Time;

/// Body of `POST /v1/skus`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateSku {
    /// Its name: 1–64 of `A–Z a–z 0–9 . _ -`; must be new.
    #[schema(example = "tee-m", pattern = "^[A-Za-z0-9._-]{1,64}$")]
    pub sku: String,
    /// Units it starts with, 0–10^12.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_u64)]
    pub stock: u64,
    /// Most units that one buyer may have, held and confirmed; absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 4_294_967_295_u64)]
    pub per_buyer_limit: Option<u32>,
    /// How long an order is held, at most the cluster's `orders.max_hold_ttl_ms`; 0: bought at once; absent: its default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_ttl_ms: Option<u64>,
    /// No order before this cluster time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<Time>,
    /// No order at this cluster time or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes_at: Option<Time>,
    /// What a confirm after expiry does; absent: `refuse`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_confirm: Option<LateConfirm>,
    /// For people; at most 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    pub title: Option<String>,
}

/// Body of `PATCH /v1/skus/{sku}`. An absent field leaves its setting, `null` removes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchSku {
    /// See [`CreateSku::per_buyer_limit`].
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 4_294_967_295_u64)]
    pub per_buyer_limit: Option<Option<u32>>,
    /// See [`CreateSku::hold_ttl_ms`]; cannot be removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_ttl_ms: Option<u64>,
    /// See [`CreateSku::opens_at`].
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<Time>)]
    pub opens_at: Option<Option<Time>>,
    /// See [`CreateSku::closes_at`].
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<Time>)]
    pub closes_at: Option<Option<Time>>,
    /// See [`CreateSku::late_confirm`]; cannot be removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_confirm: Option<LateConfirm>,
    /// See [`CreateSku::title`].
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    pub title: Option<Option<String>>,
}

/// A field that is there, `null` included; without this serde takes `null` for absent.
#[expect(clippy::option_option, reason = "absent, null and a value are three things in a patch")]
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

/// A SKU as it was at log index `index`. Also the answer to an adjustment and to `close` and `open`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sku {
    /// Its name.
    pub sku: String,
    /// For people.
    #[serde(default)]
    pub title: Option<String>,
    /// Units ever added, less those taken.
    pub stock: u64,
    /// Units that can be sold now: pool and slices.
    pub available: u64,
    /// Units in held orders.
    pub held: u64,
    /// Units in confirmed orders.
    pub confirmed: u64,
    /// Where orders draw their units.
    pub mode: Mode,
    /// Whether it is on sale.
    pub state: SaleState,
    /// Most units that one buyer may have.
    #[serde(default)]
    pub per_buyer_limit: Option<u32>,
    /// How long an order is held; 0: bought at once.
    pub hold_ttl_ms: u64,
    /// No order before this cluster time.
    #[serde(default)]
    pub opens_at: Option<Time>,
    /// No order at this cluster time or later.
    #[serde(default)]
    pub closes_at: Option<Time>,
    /// What a confirm after expiry does.
    pub late_confirm: LateConfirm,
    /// Version of the settings: the `ETag`, without its quotation marks.
    pub version: u64,
    /// Log index that these numbers are true at. In answer to a replayed adjustment, the index of the adjustment.
    pub index: u64,
}

/// A page of SKUs, in order of creation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SkuList {
    /// The page.
    pub skus: Vec<Sku>,
    /// Cursor of the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What a confirm after expiry does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LateConfirm {
    /// It is refused.
    #[default]
    Refuse,
    /// It takes the units again, if there are any.
    Reacquire,
}

/// Where a SKU's orders draw their units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// From the slice of the node that was asked.
    Sliced,
    /// From the pool, in log order.
    Pooled,
}

/// Whether a SKU is on sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SaleState {
    /// It is.
    Open,
    /// Not yet.
    NotOpen,
    /// No longer, or stopped.
    Closed,
}

impl fmt::Display for LateConfirm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refuse => "refuse",
            Self::Reacquire => "reacquire",
        })
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sliced => "sliced",
            Self::Pooled => "pooled",
        })
    }
}

impl fmt::Display for SaleState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::NotOpen => "not_open",
            Self::Closed => "closed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_tells_absent_from_null() {
        let patch: PatchSku = serde_json::from_str(r#"{"opens_at":null,"title":"T"}"#).unwrap();
        assert_eq!(patch, PatchSku { opens_at: Some(None), title: Some(Some("T".into())), ..PatchSku::default() });
        assert_eq!(serde_json::to_string(&patch).unwrap(), r#"{"opens_at":null,"title":"T"}"#);
        assert!(serde_json::from_str::<PatchSku>(r#"{"stock":1}"#).is_err());
    }

    #[test]
    fn a_new_sku_needs_a_name_and_a_stock() {
        assert!(serde_json::from_str::<CreateSku>(r#"{"sku":"a","stock":0}"#).is_ok());
        for bad in [r#"{"sku":"a"}"#, r#"{"stock":1}"#, r#"{"sku":"a","stock":-1}"#, r#"{"sku":"a","stock":1,"late_confirm":"maybe"}"#] {
            assert!(serde_json::from_str::<CreateSku>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn words_are_the_json_words() {
        for late in [LateConfirm::Refuse, LateConfirm::Reacquire] {
            assert_eq!(serde_json::to_value(late).unwrap(), late.to_string());
        }
        for mode in [Mode::Sliced, Mode::Pooled] {
            assert_eq!(serde_json::to_value(mode).unwrap(), mode.to_string());
        }
        for state in [SaleState::Open, SaleState::NotOpen, SaleState::Closed] {
            assert_eq!(serde_json::to_value(state).unwrap(), state.to_string());
        }
    }
}
