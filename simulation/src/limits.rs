//! Every bound, pace and duration of a simulation.

use std::time::Duration;

/// The grain of time: within it each host runs once, and the network moves.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// Longest run; a correct one ends far earlier.
pub(crate) const LONGEST: Duration = Duration::from_secs(90);

/// Where peers connect to.
pub(crate) const PEER_PORT: u16 = 7_000;

/// Where buyers and operators connect to.
pub(crate) const API_PORT: u16 = 7_001;

/// Connections that wait to be accepted.
pub(crate) const ACCEPTED_AHEAD: usize = 64;

/// Segments that a connection may have under way.
pub(crate) const TCP_SEGMENTS: usize = 65_536;

/// An attempt is given up after so long: longer than a node takes to say that it does not know.
pub(crate) const ATTEMPT_WITHIN: Duration = Duration::from_secs(4);

/// One order or step, all attempts.
pub(crate) const ASKED_WITHIN: Duration = Duration::from_secs(12);

/// How long an attempt may still be applied, where it says so.
pub(crate) const APPLY_WITHIN_MS: u64 = 2_500;

/// From the healing of everything until every node has acknowledged a new order: three election timeouts, and a start.
pub(crate) const LIVE_AGAIN_WITHIN: Duration = Duration::from_secs(3);

/// After the last call, until holds are over, sessions reclaimed and all nodes at one index.
pub(crate) const QUIET_WITHIN: Duration = Duration::from_secs(15);

/// Between two looks.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Between two attempts of a buyer, in milliseconds.
pub(crate) const RETRY_PAUSE_MS: std::ops::Range<u64> = 5..60;

/// How long a brief hold lasts.
pub(crate) const BRIEF_HOLD_MS: u64 = 1_500;

/// Longest frame between buyers and nodes.
pub(crate) const MAX_FRAME_BYTES: usize = 64 << 20;

/// What wall clocks show when a simulation begins, since 1970.
pub(crate) const EPOCH: Duration = Duration::from_secs(1_790_000_000);

/// A node that is stopped in good order has this long to give its slices back.
pub(crate) const STOP_WITHIN: Duration = Duration::from_secs(1);

/// From the end of the load to the healing of everything.
pub(crate) const HEAL_AFTER: Duration = Duration::from_millis(300);
