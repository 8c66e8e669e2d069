//! The node's clocks: monotonic time, wall time, and cluster time as estimated from the leader or, on the leader,
//! as steered. The only file of the node that reads a clock for the protocol.

use std::sync::Mutex;
use std::time::Duration;

use holdfast_inventory::desk::ClusterTime;
use holdfast_inventory::{Millis, Moment, Stamp};
use holdfast_raft::StampSource;
use tokio::time::Instant;

use super::locked;
use super::steering::{Steered, Steering};

/// How far two nodes' crystals drift apart, in parts per million; generous.
const DRIFT_PPM: u64 = 500;
/// Error of an estimate before the leader was heard.
const UNKNOWN_ERROR: Millis = Millis(3_600_000);

/// The node's clocks.
#[derive(Debug)]
pub(crate) struct Clock {
    began: Instant,
    /// Added to the wall clock: for clock faults in tests.
    wall_offset_ms: i64,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    steering: Steering,
    leads: bool,
    leads_since: Option<Moment>,
    /// The last answer of a leader: its cluster time at the middle of the round trip, and half the round trip.
    heard: Option<Heard>,
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    stamp: Stamp,
    at: Moment,
    half_trip: Millis,
}

impl Clock {
    /// Starts monotonic time now.
    pub(crate) fn start(wall_offset_ms: i64) -> Self {
        let began = Instant::now();
        let steering = Steering::new(Stamp(0), Moment(0));
        Self { began, wall_offset_ms, inner: Mutex::new(Inner { steering, leads: false, leads_since: None, heard: None }) }
    }

    /// Monotonic time since the start.
    pub(crate) fn moment(&self) -> Moment {
        Moment(u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// The instant of a moment, for timers.
    pub(crate) fn instant(&self, moment: Moment) -> Instant {
        self.began + Duration::from_micros(moment.0)
    }

    /// The node's wall clock. Never used for a decision on stock.
    pub(crate) fn wall(&self) -> Stamp {
        let ms = u64::try_from(since_epoch().as_millis()).unwrap_or(u64::MAX);
        Stamp(ms.saturating_add_signed(self.wall_offset_ms))
    }

    /// Cluster time, with a bound on how wrong it may be.
    pub(crate) fn cluster(&self) -> ClusterTime {
        let now = self.moment();
        let inner = locked(&self.inner);
        if inner.leads {
            return ClusterTime { now: inner.steering.at(now), error: Millis(0) };
        }
        match inner.heard {
            None => ClusterTime { now: inner.steering.at(now), error: UNKNOWN_ERROR },
            Some(heard) => {
                let passed = now.since(heard.at);
                // The leader may be steering at double speed: as much time as passed since it was heard may have passed again.
                let error = Millis(heard.half_trip.0 + 1 + passed.0 + passed.0 * DRIFT_PPM / 1_000_000);
                ClusterTime { now: heard.stamp + passed, error }
            }
        }
    }

    /// A stamp was applied.
    pub(crate) fn saw(&self, stamp: Stamp) {
        let now = self.moment();
        locked(&self.inner).steering.saw(stamp, now);
    }

    /// A leader said that cluster time was `stamp`, between `sent` and now.
    pub(crate) fn heard(&self, stamp: Stamp, sent: Moment) {
        let now = self.moment();
        let half = now.since(sent).0.div_ceil(2);
        let mut inner = locked(&self.inner);
        let at = Moment(sent.0 + (now.0 - sent.0) / 2);
        inner.heard = Some(Heard { stamp, at, half_trip: Millis(half) });
        inner.steering.saw(stamp, now);
    }

    /// This node leads from now on, or no longer.
    pub(crate) fn set_leads(&self, leads: bool) {
        let now = self.moment();
        let wall = self.wall();
        let mut inner = locked(&self.inner);
        if leads == inner.leads {
            return;
        }
        inner.leads = leads;
        inner.leads_since = leads.then_some(now);
        if !leads {
            inner.steering.follow(now);
            // What was heard before the term is out of date: the clock may have been stepped since.
            let stamp = inner.steering.at(now);
            inner.heard = Some(Heard { stamp, at: now, half_trip: Millis(0) });
            return;
        }
        inner.steering.lead(now);
        if inner.steering.at(now) < NEVER_STAMPED_BELOW {
            // A new cluster has no time yet: its first leader's wall clock is as good a beginning as any.
            inner.steering.saw(wall, now);
        }
    }

    /// Whether this node leads a cluster that was idle or stopped, and a step of its clock is not decided yet. Bounded: a
    /// leader that measures no majority goes on without.
    pub(crate) fn is_settling(&self) -> bool {
        let (now, wall) = (self.moment(), self.wall());
        let inner = locked(&self.inner);
        let since = inner.leads_since.map_or(Millis(0), |since| now.since(since));
        inner.leads && since < SETTLE_AT_MOST && inner.steering.is_settling(now, wall)
    }

    /// On the leader: steers towards the members' wall clocks.
    pub(crate) fn steer(&self, others: &[Stamp], members: usize) -> Steered {
        let now = self.moment();
        let own = self.wall();
        locked(&self.inner).steering.steer(now, own, others, members)
    }
}

#[cfg(feature = "simulation")]
use crate::simulated::since_epoch;

/// What the machine's wall clock shows.
#[cfg(not(feature = "simulation"))]
fn since_epoch() -> Duration {
    use std::time::{SystemTime, UNIX_EPOCH};
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Longest that a new leader holds orders back until a step of the cluster clock is decided.
const SETTLE_AT_MOST: Millis = Millis(1_000);

/// 1971: no cluster that ever stamped an entry shows less.
const NEVER_STAMPED_BELOW: Stamp = Stamp(31_536_000_000);

impl StampSource for Clock {
    fn stamp(&self) -> Stamp {
        let now = self.moment();
        let wall = self.wall();
        let mut inner = locked(&self.inner);
        if inner.steering.at(now) < NEVER_STAMPED_BELOW {
            // The very first entry may be proposed before this node has noticed that it leads.
            inner.steering.saw(wall, now);
        }
        inner.steering.at(now)
    }
}
