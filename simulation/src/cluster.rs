//! The nodes as hosts of a simulation: each with its disk, its process while it has one, and its wall clock.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use holdfast_inventory::{Millis, NodeId};
use holdfast_node::config::{ClusterSecret, Config, Member};
use holdfast_node::server::ServeOptions;
use holdfast_node::simulated::SimulatedNode;
use holdfast_storage::simulated::SimulatedDisk;
use holdfast_storage::{DataDir, Disk, OpenMode};
use tokio::sync::Notify;

use crate::limits::{API_PORT, PEER_PORT, STOP_WITHIN};
use crate::plan::Plan;
use crate::{call, network, trace};

/// Why a process ended that was asked to.
pub(crate) const STOPPED: &str = "stopped";

/// The name of a node's host.
pub(crate) fn host(node: u64) -> String {
    format!("node-{node}")
}

/// One node, over all its processes.
pub(crate) struct Machine {
    pub(crate) disk: SimulatedDisk,
    /// The process at work, once it has started.
    pub(crate) running: RefCell<Option<SimulatedNode>>,
    /// Asks the process to stop in good order.
    pub(crate) stop: Notify,
    /// Whether its history had a gap at the last look.
    pub(crate) has_gap: Cell<bool>,
    /// Why the process ended by itself.
    pub(crate) left: RefCell<Option<String>>,
    /// Its wall clock against simulated time, in milliseconds.
    pub(crate) wall_offset_ms: Cell<i64>,
}

/// All nodes.
pub(crate) struct Cluster {
    pub(crate) members: BTreeMap<u64, Machine>,
    config: Config,
}

impl Cluster {
    pub(crate) fn new(seed: u64, plan: &Plan) -> Rc<Self> {
        let member = |node: u64| {
            let disk = SimulatedDisk::insert(PathBuf::from("/").join(host(node)), seed.wrapping_mul(31).wrapping_add(node));
            disk.set_sync_time(Duration::from_micros(plan.sync_us.0), Duration::from_micros(plan.sync_us.1));
            Machine {
                disk,
                running: RefCell::default(),
                stop: Notify::new(),
                has_gap: Cell::new(false),
                left: RefCell::default(),
                wall_offset_ms: Cell::new(0),
            }
        };
        let members = (1..=plan.nodes).map(|node| (node, member(node))).collect();
        Rc::new(Self { members, config: config(plan) })
    }

    fn options(&self, node: u64) -> ServeOptions {
        ServeOptions {
            config: self.config.clone(),
            node: NodeId(node),
            data: self.members[&node].disk.root().join("data"),
            disk: Disk::default(),
            bootstrap: true,
            clock_offset_ms: 0,
            stop: tokio_util::sync::CancellationToken::new(),
        }
    }

    /// A process of a node, until its host is stopped from outside.
    pub(crate) async fn run(self: Rc<Self>, node: u64) {
        network::name_host(&host(node));
        trace::tell(format_args!("{} starts", host(node)));
        if let Err(reason) = self.serve(node).await {
            self.leave(node, reason);
        }
        std::future::pending::<()>().await;
    }

    async fn serve(&self, node: u64) -> Result<(), String> {
        let told = |error: &dyn std::fmt::Display| error.to_string();
        let options = self.options(node);
        let peers = network::listen_peers().await.map_err(|error| told(&error))?;
        let data = DataDir::open(&options.data, OpenMode::Create).map_err(|error| told(&error))?;
        let process = SimulatedNode::start(&options, data, peers).await.map_err(|error| told(&error))?;
        let calls = network::listen(API_PORT).await.map_err(|error| told(&error))?;
        tokio::spawn(call::serve(process.clone(), calls));
        trace::tell(format_args!("{} serves", host(node)));
        let (machine, mut fatal) = (&self.members[&node], process.fatal());
        *machine.running.borrow_mut() = Some(process.clone());
        tokio::select! {
            biased;
            why = fatal.wait_for(Option::is_some) => Err(why.map_or_else(|error| told(&error), |why| format!("{why:?}"))),
            () = machine.stop.notified() => {
                process.stop(STOP_WITHIN).await;
                Err(STOPPED.into())
            }
        }
    }

    fn leave(&self, node: u64, reason: String) {
        trace::tell(format_args!("{} leaves: {reason}", host(node)));
        self.members[&node].left.borrow_mut().get_or_insert(reason);
    }

    /// Who leads, by what the nodes themselves say.
    pub(crate) fn leader(&self) -> Option<u64> {
        self.leader_and_term().map(|(leader, _)| leader)
    }

    /// The same with its term.
    pub(crate) fn leader_and_term(&self) -> Option<(u64, u64)> {
        self.members.iter().find_map(|(&node, member)| {
            let running = member.running.borrow();
            let status = running.as_ref()?.status();
            (status.state == holdfast_raft::RaftRole::Leader).then_some((node, status.term))
        })
    }

    /// Whether the wall clock of this node too may be wrong: those of a majority never are, for the cluster clock follows them.
    pub(crate) fn may_be_wrong(&self, node: u64) -> bool {
        let wrong = self.members.iter().filter(|(other, member)| **other != node && member.wall_offset_ms.get() != 0).count();
        wrong < (self.members.len() - 1) / 2
    }

    /// The wall clock of the host that runs now, against simulated time.
    pub(crate) fn wall_offset_ms(&self) -> i64 {
        let own = network::own_name();
        self.members.iter().find(|(node, _)| host(**node) == own).map_or(0, |(_, member)| member.wall_offset_ms.get())
    }
}

fn config(plan: &Plan) -> Config {
    let mut config = Config::default();
    config.cluster.secret = Some(ClusterSecret::new("a secret of simulated nodes"));
    config.members = (1..=plan.nodes)
        .map(|node| Member {
            id: NodeId(node),
            api: format!("{}:{API_PORT}", host(node)),
            admin: format!("{}:{API_PORT}", host(node)),
            peer: format!("{}:{PEER_PORT}", host(node)),
            weight: 1,
        })
        .collect();
    config.raft.snapshot_every_entries = plan.snapshot_every;
    config.raft.log_keep_entries = plan.keep_entries;
    config.orders.default_hold_ttl_ms = Millis(600_000);
    config
}
