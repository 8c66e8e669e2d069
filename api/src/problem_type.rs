//! Every refusal and error that a caller can hear, and the three questions each of them answers.

use std::fmt;

/// What every `type` begins with.
pub const URN_PREFIX: &str = "urn:holdfast:problem:";

/// What kind of problem. Stable: a type once told keeps its name and its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProblemType {
    /// No unit anywhere.
    SoldOut,
    /// Some units are left, fewer than asked.
    InsufficientStock,
    /// The buyer would have more units than one buyer may.
    BuyerLimit,
    /// The sale has not begun.
    NotOpen,
    /// The sale is over or stopped.
    Closed,
    /// Confirm or extend after the hold ended.
    HoldExpired,
    /// The order's status does not allow it.
    OrderState,
    /// The SKU's name is taken.
    SkuExists,
    /// The units that should be taken are not all in the pool.
    AdjustmentRefused,
    /// The first request with this key still runs.
    KeyInProgress,
    /// The request breaks the contract.
    Malformed,
    /// A request that needs a key came without one.
    IdempotencyKeyRequired,
    /// No such SKU.
    UnknownSku,
    /// No such order.
    UnknownOrder,
    /// No such path.
    NotFound,
    /// The path knows other methods.
    MethodNotAllowed,
    /// The settings changed since the caller saw them.
    VersionStale,
    /// A change of settings came without the version it builds on.
    IfMatchRequired,
    /// The body is longer than is read.
    TooLarge,
    /// The body is not declared as JSON.
    NotJson,
    /// The key belongs to a request that says something else.
    IdempotencyKeyReused,
    /// The request is not signed by a known key.
    SignatureInvalid,
    /// The caller may not do this.
    Forbidden,
    /// More requests than the caller may send.
    RateLimited,
    /// The buyer's earlier request still runs.
    OneAtATime,
    /// No leader is known.
    NoLeader,
    /// A bound is reached, or the request's time ran out before it was judged.
    Overloaded,
    /// The node is about to stop.
    Draining,
    /// Units are on their way between nodes.
    Refilling,
    /// The node has lost touch with the cluster.
    Stale,
    /// The bound on remembered orders is reached, the cluster's or the buyer's.
    Capacity,
    /// The request was sent on and its fate is not known yet.
    OutcomeUnknown,
    /// A defect; logged with the request id.
    Internal,
}

/// What is fixed for a type.
struct Facts {
    urn: &'static str,
    status: u16,
    retry: Retry,
    effect: Effect,
    title: &'static str,
}

/// Whether the same request may be answered otherwise a little later.
#[derive(PartialEq, Eq)]
enum Retry {
    Helps,
    Futile,
}

/// What the request may have done.
#[derive(PartialEq, Eq)]
enum Effect {
    None,
    Unknown,
}

impl ProblemType {
    /// Every type, in the order of the reference table.
    pub const ALL: [Self; 33] = [
        Self::SoldOut,
        Self::InsufficientStock,
        Self::BuyerLimit,
        Self::NotOpen,
        Self::Closed,
        Self::HoldExpired,
        Self::OrderState,
        Self::SkuExists,
        Self::AdjustmentRefused,
        Self::KeyInProgress,
        Self::Malformed,
        Self::IdempotencyKeyRequired,
        Self::UnknownSku,
        Self::UnknownOrder,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::VersionStale,
        Self::IfMatchRequired,
        Self::TooLarge,
        Self::NotJson,
        Self::IdempotencyKeyReused,
        Self::SignatureInvalid,
        Self::Forbidden,
        Self::RateLimited,
        Self::OneAtATime,
        Self::NoLeader,
        Self::Overloaded,
        Self::Draining,
        Self::Refilling,
        Self::Stale,
        Self::Capacity,
        Self::OutcomeUnknown,
        Self::Internal,
    ];

    /// The `type` of the body: `urn:holdfast:problem:sold-out`.
    pub const fn urn(self) -> &'static str {
        self.facts().urn
    }

    /// The last part of the URN: `sold-out`. What metrics are labelled with.
    pub fn name(self) -> &'static str {
        &self.urn()[URN_PREFIX.len()..]
    }

    /// The type of a body's `type`; none if this build does not know it.
    pub fn from_urn(urn: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.urn() == urn)
    }

    /// The HTTP status.
    pub const fn status(self) -> u16 {
        self.facts().status
    }

    /// The `title` of the body: the same for every problem of the type.
    pub const fn title(self) -> &'static str {
        self.facts().title
    }

    /// Whether the same request, sent again with the same key a little later, may be answered otherwise.
    ///
    /// What waits for a person, for the sale to open or for other buyers' holds to end is not worth a retry.
    pub fn retry_may_help(self) -> bool {
        self.facts().retry == Retry::Helps
    }

    /// Whether the request certainly had no effect and will have none. If not, its fate is unknown: only the same
    /// request with the same key finds out.
    pub fn certainly_no_effect(self) -> bool {
        self.facts().effect == Effect::None
    }

    #[rustfmt::skip]
    const fn facts(self) -> Facts {
        use Effect::{None, Unknown};
        use Retry::{Futile, Helps};
        const fn facts(urn: &'static str, status: u16, retry: Retry, effect: Effect, title: &'static str) -> Facts {
            Facts { urn, status, retry, effect, title }
        }
        match self {
            Self::SoldOut => facts("urn:holdfast:problem:sold-out", 409, Futile, None, "Sold out"),
            Self::InsufficientStock => facts("urn:holdfast:problem:insufficient-stock", 409, Futile, None, "Fewer units left than asked for"),
            Self::BuyerLimit => facts("urn:holdfast:problem:buyer-limit", 409, Futile, None, "The buyer's limit is reached"),
            Self::NotOpen => facts("urn:holdfast:problem:not-open", 409, Futile, None, "The sale has not begun"),
            Self::Closed => facts("urn:holdfast:problem:closed", 409, Futile, None, "The sale is over"),
            Self::HoldExpired => facts("urn:holdfast:problem:hold-expired", 409, Futile, None, "The hold has expired"),
            Self::OrderState => facts("urn:holdfast:problem:order-state", 409, Futile, None, "The order's status does not allow this"),
            Self::SkuExists => facts("urn:holdfast:problem:sku-exists", 409, Futile, None, "The SKU exists already"),
            Self::AdjustmentRefused => facts("urn:holdfast:problem:adjustment-refused", 409, Futile, None, "Not that many units can be taken"),
            // The order that the first request may get is the key's order: whoever holds the key does not know yet.
            Self::KeyInProgress => facts("urn:holdfast:problem:key-in-progress", 409, Helps, Unknown, "The first request with this key still runs"),
            Self::Malformed => facts("urn:holdfast:problem:malformed", 400, Futile, None, "The request is malformed"),
            Self::IdempotencyKeyRequired => facts("urn:holdfast:problem:idempotency-key-required", 400, Futile, None, "An Idempotency-Key is required"),
            Self::UnknownSku => facts("urn:holdfast:problem:unknown-sku", 404, Futile, None, "No such SKU"),
            Self::UnknownOrder => facts("urn:holdfast:problem:unknown-order", 404, Futile, None, "No such order"),
            Self::NotFound => facts("urn:holdfast:problem:not-found", 404, Futile, None, "No such path"),
            Self::MethodNotAllowed => facts("urn:holdfast:problem:method-not-allowed", 405, Futile, None, "The path does not know this method"),
            Self::VersionStale => facts("urn:holdfast:problem:version-stale", 412, Futile, None, "The settings changed meanwhile"),
            Self::IfMatchRequired => facts("urn:holdfast:problem:if-match-required", 428, Futile, None, "If-Match is required"),
            Self::TooLarge => facts("urn:holdfast:problem:too-large", 413, Futile, None, "The body is too large"),
            Self::NotJson => facts("urn:holdfast:problem:not-json", 415, Futile, None, "The body must be JSON"),
            Self::IdempotencyKeyReused => facts("urn:holdfast:problem:idempotency-key-reused", 422, Futile, None, "The key belongs to another request"),
            Self::SignatureInvalid => facts("urn:holdfast:problem:signature-invalid", 401, Futile, None, "The signature is not valid"),
            Self::Forbidden => facts("urn:holdfast:problem:forbidden", 403, Futile, None, "Not allowed"),
            Self::RateLimited => facts("urn:holdfast:problem:rate-limited", 429, Helps, None, "Too many requests"),
            Self::OneAtATime => facts("urn:holdfast:problem:one-at-a-time", 429, Helps, None, "The buyer's earlier request still runs"),
            Self::NoLeader => facts("urn:holdfast:problem:no-leader", 503, Helps, None, "The cluster has no leader now"),
            Self::Overloaded => facts("urn:holdfast:problem:overloaded", 503, Helps, None, "The node is overloaded"),
            Self::Draining => facts("urn:holdfast:problem:draining", 503, Helps, None, "The node is about to stop"),
            Self::Refilling => facts("urn:holdfast:problem:refilling", 503, Helps, None, "Units are on their way to this node"),
            Self::Stale => facts("urn:holdfast:problem:stale", 503, Helps, None, "The node has lost touch with the cluster"),
            Self::Capacity => facts("urn:holdfast:problem:capacity", 503, Helps, None, "No more orders can be remembered"),
            Self::OutcomeUnknown => facts("urn:holdfast:problem:outcome-unknown", 503, Helps, Unknown, "The outcome is not known yet"),
            Self::Internal => facts("urn:holdfast:problem:internal", 500, Helps, Unknown, "Internal error"),
        }
    }
}

impl fmt::Display for ProblemType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The contract's table, typed a second time on purpose: a status that changes by accident fails here.
    const CONTRACT: &[(u16, &[&str])] = &[
        (409, &["sold-out", "insufficient-stock", "buyer-limit", "not-open", "closed", "hold-expired"]),
        (409, &["order-state", "sku-exists", "adjustment-refused", "key-in-progress"]),
        (400, &["malformed", "idempotency-key-required"]),
        (404, &["unknown-sku", "unknown-order", "not-found"]),
        (405, &["method-not-allowed"]),
        (412, &["version-stale"]),
        (428, &["if-match-required"]),
        (413, &["too-large"]),
        (415, &["not-json"]),
        (422, &["idempotency-key-reused"]),
        (401, &["signature-invalid"]),
        (403, &["forbidden"]),
        (429, &["rate-limited", "one-at-a-time"]),
        (503, &["no-leader", "overloaded", "draining", "refilling", "stale", "capacity", "outcome-unknown"]),
        (500, &["internal"]),
    ];

    #[test]
    fn names_and_statuses_are_the_contracts() {
        let contract: BTreeSet<_> = CONTRACT.iter().flat_map(|(status, names)| names.iter().map(|name| (*name, *status))).collect();
        let built: BTreeSet<_> = ProblemType::ALL.into_iter().map(|known| (known.name(), known.status())).collect();
        assert_eq!(contract, built);
        assert_eq!(built.len(), ProblemType::ALL.len(), "each type once");
    }

    #[test]
    fn every_type_is_found_by_its_urn() {
        for known in ProblemType::ALL {
            assert!(known.urn().starts_with(URN_PREFIX), "{known:?}");
            assert_eq!(ProblemType::from_urn(known.urn()), Some(known));
            assert_eq!(ProblemType::from_urn(known.name()), None);
        }
        assert_eq!(ProblemType::from_urn("about:blank"), None);
    }

    #[test]
    fn all_lists_every_type_in_order() {
        for (place, known) in ProblemType::ALL.into_iter().enumerate() {
            assert_eq!(known as usize, place, "{known:?}");
        }
        assert_eq!(ProblemType::Internal as usize + 1, ProblemType::ALL.len(), "Internal stays the last variant");
    }

    #[test]
    fn only_busy_statuses_invite_a_retry() {
        for known in ProblemType::ALL {
            let invites = matches!(known.status(), 429 | 500 | 503) || known == ProblemType::KeyInProgress;
            assert_eq!(known.retry_may_help(), invites, "{known:?}");
        }
    }

    #[test]
    fn only_three_types_leave_the_fate_open() {
        let open: Vec<_> = ProblemType::ALL.into_iter().filter(|known| !known.certainly_no_effect()).collect();
        assert_eq!(open, [ProblemType::KeyInProgress, ProblemType::OutcomeUnknown, ProblemType::Internal]);
    }
}
