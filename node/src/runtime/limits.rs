//! The bounds of the runtime, each with a name.

use std::time::Duration;

use holdfast_inventory::Millis;

/// Batches that wait for the proposer, and again of those that consensus dropped.
pub const PROPOSALS_QUEUED: usize = 64;
/// Longest that the leader holds a batch for those of other nodes while a group is in flight, and again for the nodes of that group once it was applied.
pub const GROUP_WAIT: Millis = Millis(4);
/// A batch of so many bytes waits for no other node's: what a group saves is little beside it.
pub const GROUP_BYTES: usize = 8 << 10;
/// Batches that are held at most.
pub const GROUP_BATCHES: usize = 16;
/// Batches that pass unheld after one wait in vain: 1, twice as many after each that follows, so many at most.
pub const GROUP_PASSES: usize = 64;
/// Pause before the leader proposes again what consensus dropped, for no majority had answered lately when it came to it.
pub const DROPPED_PAUSE: Duration = Duration::from_millis(20);
/// A forwarded proposal is answered within this time or counted as lost.
pub const PROPOSE_TIMEOUT: Duration = Duration::from_millis(500);
/// A command of an operator is answered within this time, or its outcome is unknown.
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(5);
/// A read index is known within this time, elections included, or the read is refused.
pub const READ_TIMEOUT: Duration = Duration::from_secs(2);
/// One try of a read index.
pub const READ_TRY_TIMEOUT: Duration = Duration::from_millis(500);
/// Pause before the leader is asked again when nobody leads.
pub const LEADER_PAUSE: Duration = Duration::from_millis(20);
/// Two reports are at least this far apart.
pub const REPORT_AT_LEAST: Duration = Duration::from_millis(2);
/// A report is answered within this time or the next one is sent.
pub const REPORT_TIMEOUT: Duration = Duration::from_millis(500);
/// The policy's commands are applied within this time or it looks again.
pub const POLICY_TIMEOUT: Duration = Duration::from_secs(1);
/// The cluster clock is steered this often.
pub const STEER_EVERY: Duration = Duration::from_millis(500);
/// A member that has not reported for this long counts as not alive, its clock as not measured.
pub const ALIVE_FOR: Duration = Duration::from_secs(1);
/// An order of another node's entry is waited for this long before a read is refused.
pub const AWAIT_APPLIED: Duration = Duration::from_secs(1);
/// An adjustment that takes stock waits this long for returns.
pub const ADJUSTMENT_WAIT: Duration = Duration::from_secs(1);
/// A waiting adjustment looks at the pool this often.
pub const ADJUSTMENT_LOOK: Duration = Duration::from_millis(10);
/// A node asks for a proof of freshness when its last one is this old, whether anybody needs it or not.
pub const PROOF_KEPT: Millis = Millis(800);
/// A node whose last proof is older than this is not ready, and names no leader: it does not reach a quorum.
pub const READY_PROOF_AGE: Millis = Millis(2_000);
/// While buyers ask, the last stamp in the log is not older than this.
pub const STAMP_AGE: Millis = Millis(1_000);
/// Pause between two tries to open a session.
pub const SESSION_PAUSE: Duration = Duration::from_millis(50);
