//! The reference page of problem types, made from the code.

use std::fmt::Write;

use crate::ProblemType;

/// When a type is told and which extensions its body has, for people.
fn told(kind: ProblemType) -> (&'static str, &'static str) {
    match kind {
        ProblemType::SoldOut => ("no unit can be sold anywhere; `final` if none is held either", "`sku`, `final`, `index`"),
        ProblemType::InsufficientStock => ("some units are left, fewer than asked for", "`sku`, `available`, `index`"),
        ProblemType::BuyerLimit => ("the order would pass the per-buyer limit", "`sku`, `limit`, `bought`, `index`"),
        ProblemType::NotOpen => ("the sale begins later, by cluster time", "`sku`, `opens_at`, `server_time`"),
        ProblemType::Closed => ("the sale is over or stopped, by cluster time", "`sku`, `opens_at`, `server_time`"),
        ProblemType::HoldExpired => ("confirm or extend after the hold ended", "`refund_required`, `index`"),
        ProblemType::OrderState => ("the order's status does not allow the step", "`order_status`, `index`"),
        ProblemType::SkuExists => ("the name is taken", "`sku`, `index`"),
        ProblemType::AdjustmentRefused => ("the pool holds fewer units than should be taken", "`sku`, `takeable`, `index`"),
        ProblemType::KeyInProgress => ("the first request with this key has no answer yet", "`retry_after_ms`"),
        ProblemType::Malformed => ("a field, a header, the path or the query breaks the contract", "`pointer`"),
        ProblemType::IdempotencyKeyRequired => ("the call needs an `Idempotency-Key`", "`pointer`"),
        ProblemType::UnknownSku => ("no SKU has this name", "`sku`, `index`"),
        ProblemType::UnknownOrder => ("no order has this id, or it is too old to change", "`index`"),
        ProblemType::NotFound => ("the path leads nowhere", ""),
        ProblemType::MethodNotAllowed => ("the path knows other methods; `Allow` names them", ""),
        ProblemType::VersionStale => ("`If-Match` names an older version of the settings", "`sku`, `version`"),
        ProblemType::IfMatchRequired => ("a patch came without `If-Match`", ""),
        ProblemType::TooLarge => ("the body is longer than is read", "`limit`"),
        ProblemType::NotJson => ("`Content-Type` is not `application/json`, or the body has a `Content-Encoding`", ""),
        ProblemType::IdempotencyKeyReused => ("the key's order says something else", ""),
        ProblemType::SignatureInvalid => ("the signature is missing, wrong or too old", ""),
        ProblemType::Forbidden => ("the key may not do this", ""),
        ProblemType::RateLimited => ("the caller sends more than it may", "`retry_after_ms`"),
        ProblemType::OneAtATime => ("the buyer's earlier request has no answer yet", "`retry_after_ms`"),
        ProblemType::NoLeader => ("an election runs, or no majority is within reach", "`retry_after_ms`"),
        ProblemType::Overloaded => ("a queue is full, or the request's time ran out", "`retry_after_ms`"),
        ProblemType::Draining => ("the node finishes what it has and stops", "`retry_after_ms`"),
        ProblemType::Refilling => ("enough units exist and are on their way here", "`sku`, `retry_after_ms`"),
        ProblemType::Stale => ("the node cannot prove that what it knows is current", "`retry_after_ms`"),
        ProblemType::Capacity => ("the bound on remembered orders is reached, the cluster's or the buyer's", "`retry_after_ms`"),
        ProblemType::OutcomeUnknown => ("the request was sent on and no answer came in time", "`retry_after_ms`"),
        ProblemType::Internal => ("a defect; the log has the request id", ""),
    }
}

/// The problem types as a Markdown table: what `docs/reference/problems.md` holds below its heading.
pub fn reference_table() -> String {
    let mut out = String::from("| type | status | title | told when | extensions | retry may help | certainly no effect |\n");
    out.push_str("|---|---|---|---|---|---|---|\n");
    for kind in ProblemType::ALL {
        let (when, extensions) = told(kind);
        let extensions = if extensions.is_empty() { "–" } else { extensions };
        let (retry, effect) = (yes_or_no(kind.retry_may_help()), yes_or_no(kind.certainly_no_effect()));
        let row = format!("| `{kind}` | {} | {} | {when} | {extensions} | {retry} | {effect} |", kind.status(), kind.title());
        // Writing to a String cannot fail.
        writeln!(out, "{row}").ok();
    }
    out
}

fn yes_or_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_one_row_of_seven_cells() {
        let table = reference_table();
        let rows: Vec<_> = table.lines().skip(2).collect();
        assert_eq!(rows.len(), ProblemType::ALL.len());
        for (row, kind) in rows.iter().zip(ProblemType::ALL) {
            assert!(row.starts_with(&format!("| `{}` | {} |", kind.name(), kind.status())), "{row}");
            assert_eq!(row.matches('|').count(), 8, "{row}");
        }
    }
}
