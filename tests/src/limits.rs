//! Every bound and deadline of the harness.

use std::time::Duration;

/// From spawning a node until it can serve an order; generous, for a debug build on a busy machine.
pub const READY_WITHIN: Duration = Duration::from_secs(30);

/// From SIGTERM until a node has left.
pub const STOPPED_WITHIN: Duration = Duration::from_secs(20);

/// Until a start that must be refused has been refused.
pub const REFUSED_WITHIN: Duration = Duration::from_secs(20);

/// Until replicas that get no more work stand at one index.
pub const AGREED_WITHIN: Duration = Duration::from_secs(20);

/// Until a cluster with a quorum names a leader.
pub const LEADER_WITHIN: Duration = Duration::from_secs(10);

/// One HTTP call of a check or an operator.
pub const CALL_WITHIN: Duration = Duration::from_secs(10);

/// One attempt of a buyer: longer than the server's `request_ttl`, so that a live node always answers first.
pub const ATTEMPT_WITHIN: Duration = Duration::from_secs(3);

/// A whole order, all attempts: longer than any fault that a test makes.
pub const ORDER_WITHIN: Duration = Duration::from_mins(1);

/// After this no attempt of a buyer can still be applied: the server's default `request_ttl` and a good margin.
pub const ATTEMPTS_ARE_OVER: Duration = Duration::from_secs(4);

/// How long a buyer keeps away from a node that did not answer, as a load balancer would.
pub const AVOID_DEAD_NODE: Duration = Duration::from_millis(500);

/// Shortest and longest pause before a buyer tries again.
pub const RETRY_PAUSE_MS: std::ops::Range<u64> = 5..50;

/// A whole sale of a test.
pub const SALE_WITHIN: Duration = Duration::from_mins(3);

/// Between two looks at a condition.
pub const POLL_EVERY: Duration = Duration::from_millis(25);

/// Orders on one page of a listing.
pub const LEDGER_PAGE: usize = 500;

/// Checks of single orders in flight at once.
pub const CHECKS_AT_ONCE: usize = 32;

/// Lines of a node's log that a failed test prints.
pub const LOG_TAIL_LINES: usize = 60;

/// Gap without an acknowledgement after a kill, with the default election settings.
pub const GAP_AFTER_KILL: Duration = Duration::from_secs(1);
