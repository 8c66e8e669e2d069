//! Every call of the contract in one table: what the description is generated from. A test walks it over both routers,
//! so that no call is described and not served, or served and not described.

use holdfast_api::{ProblemType, paths};

use ProblemType as P;

/// Which listener serves a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// Only the admin listener.
    Admin,
    /// Both; lists and the feed need `buyer=` on the api listener.
    Both,
}

/// One call.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Unique name, for generated clients.
    pub id: &'static str,
    /// Method, in capitals.
    pub method: &'static str,
    /// Path, parameters in braces.
    pub path: &'static str,
    /// Who serves it.
    pub listener: Listener,
    /// What it does.
    pub summary: &'static str,
    /// Schema of the request body; empty for none.
    pub request: &'static str,
    /// Status of success.
    pub status: u16,
    /// Schema of the answer; empty for one that is not JSON.
    pub answer: &'static str,
    /// Headers that the request may or must carry.
    pub headers: &'static [Header],
    /// Problems besides those that every call may tell.
    pub problems: &'static [ProblemType],
}

/// A request header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// `Idempotency-Key`, required.
    Key,
    /// `Apply-Before`, optional.
    ApplyBefore,
    /// `If-Match`, required.
    IfMatch,
    /// `Last-Event-ID`, optional.
    LastEventId,
}

const JSON: &[P] = &[P::NotJson, P::TooLarge, P::Malformed];
const UNAVAILABLE: &[P] = &[P::NoLeader, P::Overloaded, P::Draining, P::OutcomeUnknown];

const fn call(id: &'static str, method: &'static str, path: &'static str, listener: Listener, summary: &'static str) -> Call {
    Call { id, method, path, listener, summary, request: "", status: 200, answer: "", headers: &[], problems: &[] }
}

/// All calls, in the order of the contract.
pub const CALLS: &[Call] = &[
    Call {
        request: "CreateSku",
        status: 201,
        answer: "Sku",
        problems: &[P::SkuExists],
        ..call("createSku", "POST", paths::SKUS, Listener::Admin, "Puts a SKU on sale.")
    },
    Call { answer: "SkuList", ..call("listSkus", "GET", paths::SKUS, Listener::Admin, "Lists SKUs in order of creation.") },
    Call { answer: "Sku", problems: &[P::UnknownSku], ..call("readSku", "GET", paths::SKU, Listener::Admin, "Reads a SKU.") },
    Call {
        request: "PatchSku",
        answer: "Sku",
        headers: &[Header::IfMatch],
        problems: &[P::UnknownSku, P::IfMatchRequired, P::VersionStale],
        ..call("patchSku", "PATCH", paths::SKU, Listener::Admin, "Changes settings of the version that the caller has seen.")
    },
    Call {
        request: "AdjustStock",
        answer: "Sku",
        headers: &[Header::Key],
        problems: &[P::IdempotencyKeyRequired, P::UnknownSku, P::IdempotencyKeyReused, P::AdjustmentRefused],
        ..call("adjustStock", "POST", paths::ADJUSTMENTS, Listener::Admin, "Adds or takes stock, once per key.")
    },
    Call { answer: "Sku", problems: &[P::UnknownSku], ..call("closeSku", "POST", paths::CLOSE, Listener::Admin, "Stops a sale at once.") },
    Call { answer: "Sku", problems: &[P::UnknownSku], ..call("openSku", "POST", paths::OPEN, Listener::Admin, "Resumes a sale at once.") },
    Call {
        answer: "Audit",
        problems: &[P::UnknownSku, P::NoLeader, P::Stale],
        ..call("auditSku", "GET", paths::AUDIT, Listener::Admin, "Tells where every unit is, linearizable.")
    },
    Call {
        answer: "Availability",
        problems: &[P::UnknownSku, P::NoLeader, P::Stale],
        ..call("readAvailability", "GET", paths::AVAILABILITY, Listener::Both, "Tells what a SKU has left, from memory.")
    },
    Call {
        request: "CreateOrder",
        status: 201,
        answer: "Order",
        headers: &[Header::Key, Header::ApplyBefore],
        problems: ORDER_PROBLEMS,
        ..call("createOrder", "POST", paths::ORDERS, Listener::Both, "Holds or buys: at most once per key.")
    },
    Call {
        request: "CreateOrders",
        answer: "BatchAnswer",
        headers: &[Header::ApplyBefore],
        ..call("createOrders", "POST", paths::ORDERS_BATCH, Listener::Both, "Holds or buys many times, each for itself.")
    },
    Call {
        answer: "OrderList",
        problems: &[P::UnknownSku, P::Stale],
        ..call("listOrders", "GET", paths::ORDERS, Listener::Both, "Lists orders, newest first.")
    },
    Call {
        answer: "Order",
        problems: &[P::UnknownOrder, P::Stale],
        ..call("readOrder", "GET", paths::ORDER, Listener::Both, "Reads an order as it is now.")
    },
    Call { problems: STEP_PROBLEMS, ..step("confirmOrder", paths::CONFIRM, "Makes a held order final.") },
    Call { problems: STEP_PROBLEMS, ..step("releaseOrder", paths::RELEASE, "Gives a held order back.") },
    Call { problems: STEP_PROBLEMS, ..step("cancelOrder", paths::CANCEL, "Gives a confirmed order back.") },
    Call { problems: STEP_PROBLEMS, ..step("extendOrder", paths::EXTEND, "Holds an order longer, once.") },
    Call {
        headers: &[Header::LastEventId],
        problems: &[P::Overloaded, P::Draining],
        ..call("followEvents", "GET", paths::EVENTS, Listener::Both, "Tells what happens, as server-sent events.")
    },
    Call { answer: "ServerTime", ..call("readTime", "GET", paths::TIME, Listener::Both, "Tells cluster time.") },
    Call {
        answer: "ClusterStatus",
        ..call("readCluster", "GET", paths::CLUSTER, Listener::Admin, "Tells what the cluster looks like from this node.")
    },
    Call { answer: "Health", ..call("livez", "GET", paths::LIVEZ, Listener::Both, "Answers while the process lives.") },
    Call { answer: "Health", ..call("readyz", "GET", paths::READYZ, Listener::Both, "200 if the node can serve an order now, else 503.") },
    call("metrics", "GET", paths::METRICS, Listener::Admin, "Metrics in Prometheus text."),
    call("openapi", "GET", paths::OPENAPI, Listener::Both, "This description."),
];

const fn step(id: &'static str, path: &'static str, summary: &'static str) -> Call {
    Call { answer: "Order", headers: &[Header::ApplyBefore], ..call(id, "POST", path, Listener::Both, summary) }
}

const ORDER_PROBLEMS: &[P] = &[
    P::IdempotencyKeyRequired,
    P::UnknownSku,
    P::IdempotencyKeyReused,
    P::KeyInProgress,
    P::NotOpen,
    P::Closed,
    P::BuyerLimit,
    P::InsufficientStock,
    P::SoldOut,
    P::Capacity,
    P::Refilling,
    P::Stale,
];

const STEP_PROBLEMS: &[P] = &[
    P::UnknownOrder,
    P::OrderState,
    P::HoldExpired,
    P::UnknownSku,
    P::BuyerLimit,
    P::InsufficientStock,
    P::SoldOut,
    P::Refilling,
    P::Stale,
];

impl Call {
    /// Every problem that the call may tell, once each, in the order of the contract.
    pub fn all_problems(&self) -> Vec<ProblemType> {
        let with_body: &[P] = if self.request.is_empty() { &[P::Malformed] } else { JSON };
        let with_log: &[P] = if self.method == "GET" { &[] } else { UNAVAILABLE };
        let always = &[P::Internal];
        let told = |kind: &ProblemType| [self.problems, with_body, with_log, always].iter().any(|some| some.contains(kind));
        P::ALL.iter().copied().filter(told).collect()
    }
}
