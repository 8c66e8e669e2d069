//! Every no of the core and of the node as a problem of the contract. The only file that chooses a problem type for a
//! refusal, so that the mapping can be read, and tested, as a table.

use holdfast_api::{ProblemType, Time};
use holdfast_inventory::desk::Answer;
use holdfast_inventory::{LogIndex, Refusal, SkuId, SkuRefusal, Stamp};

use super::port::Unavailable;
pub(crate) use super::problem_reply::Reply;
use super::status_word;

/// A buyer's request was refused at `index`; `name` tells a SKU's name, `opens_at` when the sale of a closed one began.
pub(crate) fn of_refusal(
    refusal: Refusal,
    index: LogIndex,
    stamp: Stamp,
    name: impl Fn(SkuId) -> String,
    opens_at: impl Fn(SkuId) -> Option<Stamp>,
) -> Reply {
    let about = |kind, sku: SkuId, detail: &dyn Fn(&str) -> String| {
        let name = name(sku);
        Reply::new(kind, detail(&name)).with(|problem| problem.sku = Some(name))
    };
    let reply = match refusal {
        Refusal::KeyReused => key_reused(),
        Refusal::TooLate => Reply::new(
            ProblemType::Overloaded,
            "The request's time ran out before it was judged; it had no effect: repeat it with the same key.",
        ),
        Refusal::Capacity { of_buyer: true } => Reply::new(
            ProblemType::Capacity,
            "This buyer has as many remembered orders as one buyer may have; repeat later with the same key.",
        ),
        Refusal::Capacity { of_buyer: false } => Reply::new(
            ProblemType::Capacity,
            "The cluster remembers as many orders as it may; repeat later with the same key, and tell the operator.",
        ),
        Refusal::UnknownSku { sku } => {
            about(ProblemType::UnknownSku, sku, &|name| format!("There is no SKU \"{name}\" here; check its name."))
        }
        Refusal::NotOpen { sku, opens_at } => {
            about(ProblemType::NotOpen, sku, &|name| format!("The sale of {name} opens at {}; order again then.", Time(opens_at.0)))
                .with(|problem| (problem.opens_at, problem.server_time) = (Some(Time(opens_at.0)), Some(Time(stamp.0))))
        }
        Refusal::Closed { sku } => {
            about(ProblemType::Closed, sku, &|name| format!("The sale of {name} is closed; nothing can be ordered."))
                .with(|problem| (problem.opens_at, problem.server_time) = (opens_at(sku).map(|at| Time(at.0)), Some(Time(stamp.0))))
        }
        Refusal::BuyerLimit { sku, limit, bought } => about(ProblemType::BuyerLimit, sku, &|name| {
            format!("One buyer may have {limit} of {name} and this one has {bought}; ask for fewer.")
        })
        .with(|problem| (problem.limit, problem.bought) = (Some(limit.into()), Some(bought.into()))),
        Refusal::Refilling { sku } => {
            about(ProblemType::Refilling, sku, &|name| format!("Units of {name} are on their way to this node; repeat with the same key."))
        }
        Refusal::InsufficientStock { sku, available } => {
            about(ProblemType::InsufficientStock, sku, &|name| format!("Only {available} of {name} are left; ask for fewer."))
                .with(|problem| problem.available = Some(available))
        }
        Refusal::SoldOut { sku, is_final } => sold_out(about, sku, is_final),
        Refusal::UnknownOrder => {
            Reply::new(ProblemType::UnknownOrder, "There is no such order here, or it is too old to change; check the id.")
        }
        Refusal::OrderState { status } => Reply::new(
            ProblemType::OrderState,
            format!("The order is {}, which does not allow this; read it again before going on.", status.word()),
        )
        .with(|problem| problem.order_status = Some(status_word(status))),
        Refusal::HoldExpired { refund_required } => hold_expired(refund_required),
    };
    reply.at(index, stamp)
}

fn key_reused() -> Reply {
    Reply::new(
        ProblemType::IdempotencyKeyReused,
        "This Idempotency-Key belongs to a request that said something else; take a new key for a new request.",
    )
}

fn sold_out(about: impl Fn(ProblemType, SkuId, &dyn Fn(&str) -> String) -> Reply, sku: SkuId, is_final: bool) -> Reply {
    about(ProblemType::SoldOut, sku, &|name| {
        if is_final {
            format!("All units of {name} are sold; none comes back by itself.")
        } else {
            format!("No unit of {name} is left now; some are held and may come back.")
        }
    })
    .with(|problem| problem.is_final = Some(is_final))
}

fn hold_expired(refund_required: bool) -> Reply {
    let detail = if refund_required {
        "The hold expired and its units went back to stock; pay the buyer back if a payment was taken."
    } else {
        "The hold expired and its units went back to stock; order again."
    };
    Reply::new(ProblemType::HoldExpired, detail).with(|problem| problem.refund_required = Some(refund_required))
}

/// The Desk's noes that are not refusals; none for those answers that stand for an order, or for a refusal.
pub(crate) fn of_answer(answer: &Answer) -> Option<Reply> {
    let (kind, detail) = match answer {
        Answer::KeyInProgress => {
            (ProblemType::KeyInProgress, "The first request with this Idempotency-Key still runs; repeat to hear its answer.")
        }
        Answer::Overloaded => (
            ProblemType::Overloaded,
            "The node has too much to do, or the request's time was over; it had no effect: repeat it with the same key.",
        ),
        Answer::Draining => {
            (ProblemType::Draining, "This node is about to stop; the request had no effect: repeat it at another node with the same key.")
        }
        Answer::Stale => {
            (ProblemType::Stale, "This node cannot tell what the others sold; the request had no effect: repeat it with the same key.")
        }
        Answer::NoLeader => {
            (ProblemType::NoLeader, "The cluster has no leader now; the request had no effect: repeat it with the same key.")
        }
        Answer::OutcomeUnknown => {
            (ProblemType::OutcomeUnknown, "Whether the request took effect is not known yet; repeat it with the same key to find out.")
        }
        Answer::Accepted { .. } | Answer::Replayed { .. } | Answer::Transitioned { .. } | Answer::Refused { .. } => return None,
    };
    Some(Reply::new(kind, detail))
}

/// A call that needed the cluster got no answer.
pub(crate) fn of_unavailable(unavailable: Unavailable) -> Reply {
    let (kind, detail) = match unavailable {
        Unavailable::NoLeader => (ProblemType::NoLeader, "The cluster has no leader now; repeat the request."),
        Unavailable::Unknown => {
            (ProblemType::OutcomeUnknown, "Whether the request took effect is not known yet; look before repeating it.")
        }
        Unavailable::Overloaded => (ProblemType::Overloaded, "The node has as much to do as it may; repeat the request."),
        Unavailable::Draining => (ProblemType::Draining, "This node is about to stop; repeat the request at another node."),
        Unavailable::Stale => (ProblemType::Stale, "This node has not heard from a quorum lately; repeat the request."),
    };
    Reply::new(kind, detail)
}

/// An operator's command on the SKU called `name` was not carried out.
pub(crate) fn of_sku_refusal(refusal: SkuRefusal, name: &str, index: LogIndex, stamp: Stamp) -> Reply {
    let reply = match refusal {
        SkuRefusal::NotBootstrapped => Reply::new(ProblemType::NoLeader, "The cluster is still being made; repeat the request."),
        SkuRefusal::Exists => {
            Reply::new(ProblemType::SkuExists, format!("There is a SKU \"{name}\" already; patch it, or choose another name."))
        }
        SkuRefusal::Unknown => Reply::unknown_sku(name),
        SkuRefusal::OutOfBounds => Reply::malformed_at(
            "",
            "A value or the number of SKUs is past a bound of this cluster, or the sale would close before it opens; ask for less, or correct the times.",
        ),
        SkuRefusal::Capacity => Reply::new(
            ProblemType::Capacity,
            "The cluster remembers as many adjustments as it may (stock.max_skus); repeat later with the same key.",
        ),
        SkuRefusal::VersionStale { version } => Reply::new(
            ProblemType::VersionStale,
            format!("The settings changed meanwhile and have version {version} now; read them again and repeat with their ETag."),
        )
        .with(|problem| problem.version = Some(version.0)),
        SkuRefusal::KeyReused => key_reused(),
        SkuRefusal::AdjustmentRefused { takeable } => Reply::new(
            ProblemType::AdjustmentRefused,
            format!("Only {takeable} units of {name} can be taken now; take fewer, or repeat in a moment."),
        )
        .with(|problem| problem.takeable = Some(takeable)),
    };
    reply.with(|problem| problem.sku = Some(name.to_owned())).at(index, stamp)
}

#[cfg(test)]
mod tests {
    use holdfast_inventory::{OrderRef, Status, Version};

    use super::*;

    const SKU: SkuId = SkuId(4);

    fn refused(refusal: Refusal) -> Reply {
        of_refusal(refusal, LogIndex(7), Stamp(99), |sku| format!("sku-{sku}"), |_| Some(Stamp(5)))
    }

    /// One of each, in their order of precedence.
    fn refusals() -> Vec<(Refusal, ProblemType)> {
        vec![
            (Refusal::KeyReused, ProblemType::IdempotencyKeyReused),
            (Refusal::TooLate, ProblemType::Overloaded),
            (Refusal::Capacity { of_buyer: true }, ProblemType::Capacity),
            (Refusal::Capacity { of_buyer: false }, ProblemType::Capacity),
            (Refusal::UnknownSku { sku: SKU }, ProblemType::UnknownSku),
            (Refusal::NotOpen { sku: SKU, opens_at: Stamp(5) }, ProblemType::NotOpen),
            (Refusal::Closed { sku: SKU }, ProblemType::Closed),
            (Refusal::BuyerLimit { sku: SKU, limit: 2, bought: 1 }, ProblemType::BuyerLimit),
            (Refusal::Refilling { sku: SKU }, ProblemType::Refilling),
            (Refusal::InsufficientStock { sku: SKU, available: 3 }, ProblemType::InsufficientStock),
            (Refusal::SoldOut { sku: SKU, is_final: true }, ProblemType::SoldOut),
            (Refusal::SoldOut { sku: SKU, is_final: false }, ProblemType::SoldOut),
            (Refusal::UnknownOrder, ProblemType::UnknownOrder),
            (Refusal::OrderState { status: Status::Released }, ProblemType::OrderState),
            (Refusal::HoldExpired { refund_required: true }, ProblemType::HoldExpired),
        ]
    }

    #[test]
    fn every_refusal_has_its_type_place_and_sentence() {
        for (refusal, kind) in refusals() {
            let reply = refused(refusal);
            assert_eq!(reply.kind, kind, "{refusal:?}");
            assert_eq!((reply.problem.index, reply.stamp), (Some(7), Some(Stamp(99))), "{refusal:?}");
            assert!(reply.problem.detail.ends_with('.'), "{refusal:?}: {}", reply.problem.detail);
        }
    }

    #[test]
    fn a_refusal_about_a_sku_names_it() {
        for (refusal, _) in refusals() {
            let about = format!("{refusal:?}").contains("sku: SkuId(4)");
            assert_eq!(refused(refusal).problem.sku.as_deref(), about.then_some("sku-4"), "{refusal:?}");
        }
    }

    #[test]
    fn extensions_carry_the_numbers() {
        let problem = |refusal| *refused(refusal).problem;
        let limit = problem(Refusal::BuyerLimit { sku: SKU, limit: 2, bought: 1 });
        assert_eq!((limit.limit, limit.bought), (Some(2), Some(1)));
        assert_eq!(problem(Refusal::InsufficientStock { sku: SKU, available: 3 }).available, Some(3));
        assert_eq!(problem(Refusal::SoldOut { sku: SKU, is_final: true }).is_final, Some(true));
        assert_eq!(problem(Refusal::HoldExpired { refund_required: false }).refund_required, Some(false));
        let opens = problem(Refusal::NotOpen { sku: SKU, opens_at: Stamp(5) });
        assert_eq!((opens.opens_at, opens.server_time), (Some(Time(5)), Some(Time(99))));
        let closed = problem(Refusal::Closed { sku: SKU });
        assert_eq!((closed.opens_at, closed.server_time), (Some(Time(5)), Some(Time(99))));
    }

    #[test]
    fn only_what_is_worth_it_invites_a_retry() {
        for kind in ProblemType::ALL {
            let reply = Reply::new(kind, "Because.").with_retry_after(u16::MAX);
            assert_eq!(reply.problem.retry_after_ms.is_some(), kind.retry_may_help(), "{kind}");
        }
    }

    #[test]
    fn jitter_spreads_the_wait() {
        let wait = |jitter| Reply::new(ProblemType::NoLeader, "Because.").with_retry_after(jitter).problem.retry_after_ms;
        assert_eq!((wait(0), wait(u16::MAX)), (Some(500), Some(1_000)));
        assert!(wait(0) < wait(30_000) && wait(30_000) < wait(u16::MAX));
    }

    #[test]
    fn every_no_of_the_desk_and_the_owner_is_a_problem() {
        for (answer, kind) in [
            (Answer::KeyInProgress, ProblemType::KeyInProgress),
            (Answer::Overloaded, ProblemType::Overloaded),
            (Answer::Draining, ProblemType::Draining),
            (Answer::Stale, ProblemType::Stale),
            (Answer::NoLeader, ProblemType::NoLeader),
            (Answer::OutcomeUnknown, ProblemType::OutcomeUnknown),
        ] {
            assert_eq!(of_answer(&answer).map(|reply| reply.kind), Some(kind));
        }
        assert!(of_answer(&Answer::Replayed { order: OrderRef { index: LogIndex(1), position: 0 } }).is_none());
        for (refusal, kind) in [
            (SkuRefusal::NotBootstrapped, ProblemType::NoLeader),
            (SkuRefusal::Exists, ProblemType::SkuExists),
            (SkuRefusal::Unknown, ProblemType::UnknownSku),
            (SkuRefusal::OutOfBounds, ProblemType::Malformed),
            (SkuRefusal::Capacity, ProblemType::Capacity),
            (SkuRefusal::VersionStale { version: Version(3) }, ProblemType::VersionStale),
            (SkuRefusal::KeyReused, ProblemType::IdempotencyKeyReused),
            (SkuRefusal::AdjustmentRefused { takeable: 3 }, ProblemType::AdjustmentRefused),
        ] {
            assert_eq!(of_sku_refusal(refusal, "tee", LogIndex(1), Stamp(1)).kind, kind, "{refusal:?}");
        }
    }
}
