//! The order of a start.
//!
//! Incarnation durable → stores open → peers may ask who this is → roster durable (a new cluster only) → no member that can be
//! reached knows a later start → consensus → everything is answered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use futures_util::future::join_all;
use holdfast_inventory::{Inventory, LogIndex, NodeId};
use holdfast_storage::{DataDir, Identity, Loaded, LogStore, OpenError, OrderLog, Snapshots};
use openraft::SnapshotPolicy;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::alarm::Alarm;
use crate::blocking::blocking;
use crate::bootstrap::{self, Founders};
use crate::log::Log;
use crate::machine::{Machine, Parts};
use crate::mirror::{SnapshotMetaV1, from_disk};
use crate::network::{Calls, Dialer, Network, Sending};
use crate::node::{Handle, RaftNode};
use crate::server::{self, Host};
use crate::snapshot::read_state;
use crate::types::Consensus;
use crate::wire::{BootstrapWord, ClusterKey, Gate, HandshakeError, Purpose};
use crate::{LeaderView, Observer, RaftConfig, Service, StampSource, StartError, backfill, limits, trim, watcher};

impl From<OpenError> for StartError {
    fn from(error: OpenError) -> Self {
        StartError::Storage(error)
    }
}

/// What a node is started with, beside its configuration.
pub(crate) struct Given {
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) service: Arc<dyn Service>,
    pub(crate) stamps: Arc<dyn StampSource>,
}

struct Stores {
    log: LogStore,
    orders: OrderLog,
    snapshots: Snapshots,
    /// The state of the newest of them, until consensus asks for it.
    loaded: Option<Box<Loaded<Inventory>>>,
}

pub(crate) async fn start(config: RaftConfig, data: DataDir, given: Given) -> Result<RaftNode, StartError> {
    check(&config, &data)?;
    let alarm = Alarm::new();
    let (identity, mut stores) = open(&data, config.node).await?;
    stores.alarm_on_fault(&alarm);
    let peers = data.peers(&identity)?;
    let gate = Arc::new(Gate::new(&identity, ClusterKey::new(&config.cluster_name, &config.cluster_secret), peers, alarm.clone()));
    let addresses = config.members.iter().map(|(id, node)| (id.0, node.peer.clone())).collect();
    let dialer = Dialer::new(Arc::clone(&gate), addresses);
    let roster = identity.cluster.as_ref().map(bootstrap::told);
    let word = BootstrapWord { members: config.members.keys().map(|id| id.0).collect(), roster };
    let host_stores = (stores.orders.clone(), stores.snapshots.clone());
    let host = Arc::new(Host::new(gate, Arc::clone(&given.service), host_stores, alarm.clone(), word));
    let listener = config.listener.listen().map_err(|error| StartError::Config(format!("peer listener: {error}")))?;
    let serving = AbortOnDropHandle::new(tokio::spawn(server::serve(listener, Arc::clone(&host))));

    let identity = join(&config, &data, identity, &dialer, &host).await?;
    inquire(&config, &dialer).await?;
    let parts = parts(&stores, Arc::clone(&given.observer), alarm.clone(), config.snapshots);
    let machine = Machine::new(parts.clone(), stores.loaded.take());
    let sending = Sending::default();
    let network = Network { dialer: dialer.clone(), snapshots: stores.snapshots, sending: sending.clone(), alarm };
    let consensus = run(&config, machine, network).await?;
    host.open(consensus.clone());
    initialize(&config, &identity, &consensus).await?;
    Ok(assemble((config, identity), given, parts, (consensus, dialer, sending), (host.stopping.clone(), serving)))
}

/// Asks every other member which start of this disk it met last: an older copy of the disk finds itself out before anybody writes
/// it down. Who cannot be reached soon is not waited for.
async fn inquire(config: &RaftConfig, dialer: &Dialer) -> Result<(), StartError> {
    let limit = Duration::from_millis(limits::INQUIRY_MS);
    let others = config.members.keys().copied().filter(|id| *id != config.node);
    let asked = others.map(async |id| (id, tokio::time::timeout(limit, dialer.dial(id.0, "", Purpose::Inquiry)).await));
    for (by, answer) in join_all(asked).await {
        if let Ok(Err(HandshakeError::Refused(refusal))) = answer
            && refusal.is_final()
        {
            return Err(StartError::Refused { by, reason: refusal.to_string() });
        }
    }
    Ok(())
}

/// The handle, and the tasks that follow consensus.
fn assemble(
    (config, identity): (RaftConfig, Identity),
    given: Given,
    parts: Parts,
    (consensus, dialer, sending): (Consensus, Dialer, Sending),
    (stopping, serving): (CancellationToken, AbortOnDropHandle<()>),
) -> RaftNode {
    let calls = Arc::new(Calls::new(dialer));
    let (leader, view) = watch::channel(LeaderView::default());
    let following = tokio::spawn(watcher::follow(consensus.clone(), config.node.0, leader, parts.alarm.clone()));
    let others = config.members.keys().map(|id| id.0).filter(|id| *id != config.node.0).collect();
    let filling = tokio::spawn(backfill::run(parts.orders.clone(), Arc::clone(&calls), others, parts.alarm.clone()));
    let trimming =
        tokio::spawn(trim::run(consensus.clone(), parts.log.store().clone(), (parts.snapshots.clone(), sending), config.snapshots));
    let tasks = [following, filling, trimming].map(AbortOnDropHandle::new);
    let node = RaftNode::new(Handle {
        own: config.node,
        identity,
        consensus,
        inventory: parts.inventory,
        orders: parts.orders,
        calls,
        service: given.service,
        stamps: given.stamps,
        progress: parts.progress.subscribe(),
        leader: view,
        // openraft's lease is as long as its longest election timeout.
        lease_ms: config.timing.election_wait().max_ms,
        alarm: parts.alarm,
        stopping,
        serving: Mutex::new(Some(serving)),
        tasks: Mutex::new(tasks.into()),
    });
    node.watch_founding(config.params);
    node
}

/// Before anything is touched: a directory that was given by mistake stays as it is.
fn check(config: &RaftConfig, data: &DataDir) -> Result<(), StartError> {
    if !config.members.contains_key(&config.node) {
        return Err(StartError::Config(format!("node {} is not among the configured members", config.node)));
    }
    match data.peek()?.and_then(|identity| identity.cluster) {
        Some(roster) if !bootstrap::is_named(&roster, &config.cluster_name) => Err(StartError::OtherCluster(config.cluster_name.clone())),
        None if !config.bootstrap => Err(StartError::EmptyDirectory),
        _ => Ok(()),
    }
}

async fn open(data: &DataDir, node: NodeId) -> Result<(Identity, Stores), StartError> {
    let data = data.clone();
    let opening = blocking(move || -> Result<_, StartError> {
        let identity = data.start(node)?;
        let (log, orders) = (data.log()?, data.orders()?);
        let (snapshots, loaded) = data.snapshots_read(read_state)?;
        let stores = Stores { log, orders, snapshots, loaded: loaded.map(Box::new) };
        stores.refuse_foreign(&identity)?;
        refuse_gap(&stores.log, &stores.snapshots, &data)?;
        Ok((identity, stores))
    });
    opening.await.map_err(|error| StartError::Raft(error.to_string()))?
}

impl Stores {
    /// A file that somebody copied from another cluster would take the place of this one's state, and of the log before it.
    fn refuse_foreign(&self, identity: &Identity) -> Result<(), StartError> {
        let Some(Loaded { info, .. }) = self.loaded.as_deref() else { return Ok(()) };
        let meta: SnapshotMetaV1 = from_disk(&info.meta).map_err(|error| StartError::Raft(format!("{}: {error}", info.path.display())))?;
        let own = identity.cluster.as_ref().map(|roster| bootstrap::told(roster).1);
        if own == Some(meta.disks()) { Ok(()) } else { Err(StartError::ForeignSnapshot(info.path.display().to_string())) }
    }

    fn alarm_on_fault(&self, alarm: &Alarm) {
        let (log, orders) = (alarm.clone(), alarm.clone());
        self.log.on_poison(Box::new(move |reason| log.fault(format!("Raft log: {reason}"))));
        self.orders.on_poison(Box::new(move |reason| orders.fault(format!("order log: {reason}"))));
    }
}

/// The state is made of a snapshot and of the entries after it. Entries that this node may be one of a majority to have are
/// never given up to close a gap.
pub(crate) fn refuse_gap(log: &LogStore, snapshots: &Snapshots, data: &DataDir) -> Result<(), StartError> {
    let log_begins_after = begins_after(log);
    let reached = LogIndex(snapshots.newest().map_or(0, |snapshot| snapshot.index));
    if reached >= log_begins_after {
        return Ok(());
    }
    Err(StartError::SnapshotLost { log_begins_after, dir: data.path().join("snapshots").display().to_string() })
}

/// The last entry that the log let go of; 0 if it has all.
pub(crate) fn begins_after(log: &LogStore) -> LogIndex {
    // The log counts from 0, snapshots from 1.
    LogIndex(log.bounds().purged.map_or(0, |(purged, _)| purged + 1))
}

/// Resumes the cluster of the data directory, or makes one with the other members: durable here when this returns.
async fn join(config: &RaftConfig, data: &DataDir, mut identity: Identity, dialer: &Dialer, host: &Host) -> Result<Identity, StartError> {
    if identity.cluster.is_some() {
        return Ok(identity);
    }
    let founders = Founders { name: &config.cluster_name, own: config.node.0, disk: host.gate.disk(), members: &config.members };
    let mut fatal = host.alarm.watch();
    let roster = tokio::select! {
        biased;
        roster = bootstrap::gather(&founders, dialer) => roster?,
        _ = fatal.wait_for(Option::is_some) => return Err(StartError::Raft("a fault ended the start".into())),
    };
    data.set_roster(&mut identity, roster.clone())?;
    host.set_word(BootstrapWord { roster: Some(bootstrap::told(&roster)), ..host.word() });
    host.gate.join(&roster);
    Ok(identity)
}

fn parts(stores: &Stores, observer: Arc<dyn Observer>, alarm: Alarm, policy: crate::SnapshotPolicy) -> Parts {
    Parts {
        inventory: Arc::new(RwLock::new(Inventory::new())),
        orders: stores.orders.clone(),
        snapshots: stores.snapshots.clone(),
        log: Log::new(stores.log.clone()),
        observer,
        progress: watch::Sender::new(LogIndex(0)),
        alarm,
        policy,
    }
}

async fn run(config: &RaftConfig, machine: Machine, network: Network) -> Result<Consensus, StartError> {
    let raft = |error: &dyn std::fmt::Display| StartError::Raft(error.to_string());
    let settings = Arc::new(settings(config).validate().map_err(|error| raft(&error))?);
    let log = machine.parts.log.clone();
    Consensus::new(config.node.0, settings, network, log, machine).await.map_err(|error| raft(&error))
}

fn settings(config: &RaftConfig) -> openraft::Config {
    let wait = config.timing.election_wait();
    openraft::Config {
        cluster_name: "holdfast".into(),
        heartbeat_interval: config.timing.heartbeat_ms,
        election_timeout_min: wait.min_ms,
        election_timeout_max: wait.max_ms,
        heartbeat_min_interval: None,
        enable_pre_vote: Some(true),
        quorum_loss_probe_interval: Some(2 * config.timing.election_max_ms),
        // A restarted leader that resumed its term would have lost proposals that nobody hears of.
        enable_leader_restore: Some(false),
        allow_log_reversion: Some(false),
        max_payload_entries: limits::APPEND_ENTRIES,
        install_snapshot_timeout: limits::SNAPSHOT_INSTALL_MS,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(config.snapshots.every_entries),
        max_in_snapshot_log_to_keep: config.snapshots.keep_entries,
        replication_lag_threshold: config.snapshots.lag_entries,
        purge_batch_size: limits::PURGE_ENTRIES.min(config.snapshots.keep_entries.max(1)),
        ..openraft::Config::default()
    }
}

/// The lowest member of a cluster without a log begins it. Tried again at a restart in between: it then finds either no
/// log, or its own.
async fn initialize(config: &RaftConfig, identity: &Identity, consensus: &Consensus) -> Result<(), StartError> {
    let Some(roster) = &identity.cluster else { return Ok(()) };
    let raft = |error: &dyn std::fmt::Display| StartError::Raft(error.to_string());
    let is_lowest = roster.members.keys().next() == Some(&config.node);
    if !is_lowest || consensus.is_initialized().await.map_err(|error| raft(&error))? {
        return Ok(());
    }
    let mut members = BTreeMap::new();
    for (id, disk) in &roster.members {
        let node = config.members.get(id).ok_or_else(|| StartError::Config(format!("member {id} of the cluster is not configured")))?;
        members.insert(id.0, node.on_disk(disk.0));
    }
    consensus.initialize(members).await.map_err(|error| raft(&error))
}
