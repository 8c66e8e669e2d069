//! What a seed stands for: the cluster, its pace, and what befalls it.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// Whom a fault is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whom {
    /// Who leads when it happens; any node, if nobody does.
    Leader,
    /// This node.
    Node(u64),
    /// All nodes.
    All,
}

/// What befalls a cluster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// The process is killed, and started again.
    Kill,
    /// The same between a write and its sync.
    KillAtSync,
    /// Its power is cut, and comes back.
    PowerCut,
    /// The same between a write and its sync.
    PowerCutAtSync,
    /// A vote is put at risk: its power is cut, and cut again for `away` between the first vote that it writes then and the sync,
    /// while one of the others is gone. Who comes to lead by a vote that was given all the same is killed, for `gone`.
    VoteAtRisk { away: Duration, gone: Duration },
    /// A sync fails; the node must leave, and is started again.
    FailedSync,
    /// Its syncs take so many milliseconds.
    SlowDisk(u64),
    /// It is stopped in good order, and started again.
    Stop,
    /// No node hears it, nor does it hear any.
    CutOff,
    /// It hears nobody.
    Deaf,
    /// Nobody hears it.
    Mute,
    /// Buyers do not reach it.
    CutFromBuyers,
    /// Its wall clock is off by so many milliseconds.
    WallClock(i64),
    /// Messages take up to so many milliseconds.
    Delay(u64),
}

impl Fault {
    /// Whether it ends the process that it befalls: not twice, and not one that is ending.
    pub(crate) fn ends_process(self) -> bool {
        use Fault::{FailedSync, Kill, KillAtSync, PowerCut, PowerCutAtSync, Stop, VoteAtRisk};
        matches!(self, Kill | KillAtSync | PowerCut | PowerCutAtSync | FailedSync | Stop | VoteAtRisk { .. })
    }
}

/// A fault, its time and its target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Planned {
    pub(crate) at: Duration,
    pub(crate) lasts: Duration,
    pub(crate) fault: Fault,
    pub(crate) whom: Whom,
}

/// All that a seed decides beforehand.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) nodes: u64,
    pub(crate) buyers: u64,
    /// How long buyers come.
    pub(crate) load: Duration,
    /// Between two things that a buyer does, in milliseconds, on the average.
    pub(crate) pace_ms: u64,
    pub(crate) latency_ms: u64,
    /// Shortest and longest sync, in microseconds.
    pub(crate) sync_us: (u64, u64),
    pub(crate) snapshot_every: u64,
    pub(crate) keep_entries: u64,
    pub(crate) faults: Vec<Planned>,
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let nodes = if random.random_range(0..8) == 0 { 5 } else { 3 };
        let load = Duration::from_millis(random.random_range(2_000..5_000));
        let count = random.random_range(0..=4);
        let mut faults: Vec<Planned> = (0..count).map(|_| planned(&mut random, nodes, load)).collect();
        faults.sort_by_key(|planned| planned.at);
        let least = random.random_range(100..1_000);
        let mut plan = Self {
            nodes,
            buyers: random.random_range(3..=8),
            load,
            pace_ms: random.random_range(20..150),
            latency_ms: random.random_range(1..=8),
            sync_us: (least, least + random.random_range(100..5_000)),
            snapshot_every: random.random_range(20..150),
            keep_entries: random.random_range(1..40),
            faults,
        };
        if seed % 8 == 5 && nodes == 3 {
            plan.load = Duration::from_secs(6);
            plan.faults = votes_at_risk(&mut random, plan.load);
        }
        plan
    }
}

/// Instead of all other faults.
fn votes_at_risk(random: &mut SmallRng, load: Duration) -> Vec<Planned> {
    let mut at = Duration::from_millis(random.random_range(0..500));
    let mut faults = Vec::new();
    while at < load.mul_f64(0.6) {
        let lasts = Duration::from_millis(random.random_range(50..500));
        let away = Duration::from_millis(random.random_range(20..80));
        let gone = Duration::from_millis(random.random_range(1_500..2_500));
        faults.push(Planned { at, lasts, fault: Fault::VoteAtRisk { away, gone }, whom: Whom::Leader });
        at += lasts + away + gone + Duration::from_millis(random.random_range(1_500..2_500));
    }
    faults
}

fn planned(random: &mut SmallRng, nodes: u64, load: Duration) -> Planned {
    let at = load.mul_f64(random.random_range(0.0..0.9));
    let lasts = Duration::from_millis(random.random_range(20..2_500));
    let whom = match random.random_range(0..10) {
        0..4 => Whom::Leader,
        _ => Whom::Node(random.random_range(1..=nodes)),
    };
    let all = |whom, random: &mut SmallRng| if random.random_range(0..4) == 0 { Whom::All } else { whom };
    let (fault, whom) = match random.random_range(0..100) {
        0..12 => (Fault::Kill, all(whom, random)),
        12..20 => (Fault::KillAtSync, all(whom, random)),
        20..32 => (Fault::PowerCut, all(whom, random)),
        32..42 => (Fault::PowerCutAtSync, all(whom, random)),
        42..47 => (Fault::FailedSync, whom),
        47..53 => (Fault::SlowDisk(random.random_range(30..400)), all(whom, random)),
        53..58 => (Fault::Stop, whom),
        58..68 => (Fault::CutOff, whom),
        68..76 => (Fault::Deaf, whom),
        76..84 => (Fault::Mute, whom),
        84..88 => (Fault::CutFromBuyers, whom),
        88..94 => (Fault::WallClock(random.random_range(-3_600_000..3_600_000)), whom),
        _ => (Fault::Delay(random.random_range(20..200)), Whom::All),
    };
    Planned { at, lasts, fault, whom }
}
