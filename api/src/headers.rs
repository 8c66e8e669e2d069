//! Header names of the contract that are not plain HTTP, in lower case as HTTP libraries want them.

/// Request: the key under which an order or an adjustment happens at most once.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Answer: `true` if the key owned the order before this request.
pub const IDEMPOTENCY_REPLAYED: &str = "idempotency-replayed";
/// Request: milliseconds of cluster time at which, and after which, the request certainly has no effect.
pub const APPLY_BEFORE: &str = "apply-before";
/// Answer: milliseconds of cluster time at which a definite answer was true. On a batch: the lowest of its
/// definite answers.
pub const HOLDFAST_STAMP: &str = "holdfast-stamp";
/// Request of the change feed: the id of the last event that arrived.
pub const LAST_EVENT_ID: &str = "last-event-id";

/// Media type of every body that is neither a problem nor a feed.
pub const JSON: &str = "application/json";
/// Media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";
/// Media type of the change feed.
pub const EVENT_STREAM: &str = "text/event-stream";
