//! One run: the cluster it loads, the SKUs it made there, and what it measures.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use holdfast_api::{ClusterStatus, CreateSku, Health, paths};
use tokio::sync::watch;

use super::error::BenchError;
use super::limits::{MAX_THREADS, READY_WITHIN, SPREAD_WITHIN, TOLD_EVERY};
use super::look;
use super::recorder::Recorder;
use super::report::Cluster;
use super::request::Names;
use super::servers::Servers;
use super::settings::{Settings, Watcher};
use super::target::Target;
use crate::{Client, ClientError};

/// A SKU that the run made.
#[derive(Clone, Debug)]
pub(super) struct Ware {
    pub(super) sku: Arc<str>,
    pub(super) stock: u64,
    pub(super) hold_ttl_ms: u64,
}

/// A run.
pub(super) struct Session<'a> {
    pub(super) settings: Settings,
    pub(super) client: Client,
    pub(super) targets: Vec<Target>,
    pub(super) servers: Servers,
    pub(super) cluster: Cluster,
    pub(super) wares: Vec<Ware>,
    /// What one must know to read the figures.
    pub(super) notes: Vec<String>,
    pub(super) recorder: Option<Arc<Recorder>>,
    pub(super) watcher: &'a dyn Watcher,
    pub(super) began: Instant,
    pub(super) date: SystemTime,
    /// The log when it began: what it sells is told behind it.
    pub(super) log_index: u64,
    stop: watch::Receiver<bool>,
    /// In the names of everything of this run.
    run: String,
    blocks: u64,
}

impl<'a> Session<'a> {
    /// Looks whether the cluster can serve, and refuses if one of the nodes cannot.
    pub(super) async fn open(settings: &Settings, watcher: &'a dyn Watcher, stop: watch::Receiver<bool>) -> Result<Self, BenchError> {
        if !(1..=MAX_THREADS).contains(&settings.threads) {
            return Err(ClientError::Usage { detail: format!("1 to {MAX_THREADS} threads") }.into());
        }
        let client = Client::new(settings.nodes.clone())?;
        let mut targets = resolve(&settings.nodes.api).await?;
        let admin = resolve(&settings.nodes.admin).await?;
        for target in &targets {
            ready(target).await?;
        }
        let status = client.cluster().await?;
        let Some(leader) = status.leader else { return Err(BenchError::NotReady("it has no leader".into())) };
        for target in &mut targets {
            let member = status.members.iter().find(|member| *member.api == *target.host || member.api.ends_with(&*target.host));
            target.node = member.map_or(0, |member| member.id);
        }
        let mut notes = Vec::new();
        let servers = Servers::find(&settings.pids, &addresses(&status, &targets, &admin).await, &admin).await;
        if let Servers::Processes(found) = &servers
            && found.len() < status.members.len()
        {
            notes.push(format!("the nodes' processor time and memory are of {} of {} nodes", found.len(), status.members.len()));
        }
        Ok(Self {
            servers,
            recorder: settings.check.then(|| Arc::new(Recorder::new())),
            cluster: Cluster::of(&status, leader, &targets),
            settings: settings.clone(),
            client,
            targets,
            wares: Vec::new(),
            notes,
            watcher,
            began: Instant::now(),
            date: SystemTime::now(),
            log_index: status.applied.max(1),
            stop,
            run: format!("{:08x}", rand::random::<u32>()),
            blocks: 0,
        })
    }

    /// Whether the run was told to end.
    pub(super) fn is_stopped(&self) -> bool {
        *self.stop.borrow() || self.recorder.as_ref().is_some_and(|recorder| recorder.is_full())
    }

    /// Ends when the run is told to end, and never if nobody tells.
    pub(super) async fn stopped(&self) {
        if self.stop.clone().wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Names that nothing else of the run has.
    pub(super) fn names(&mut self) -> Names {
        self.blocks += 1;
        Names::new(&self.run, self.blocks)
    }

    /// Puts a SKU on sale, and waits a moment until every node has units of it.
    pub(super) async fn create(&mut self, stock: u64) -> Result<Arc<str>, BenchError> {
        let sku = self.put_on_sale(stock, self.settings.hold_ttl_ms).await?;
        self.spread(&sku, stock).await?;
        Ok(sku)
    }

    /// The same of so many SKUs, with holds of so many ms.
    pub(super) async fn create_many(&mut self, count: usize, stock: u64, hold_ttl_ms: u64) -> Result<Vec<Arc<str>>, BenchError> {
        let mut skus = Vec::new();
        while skus.len() < count && !self.is_stopped() {
            skus.push(self.put_on_sale(stock, Some(hold_ttl_ms)).await?);
        }
        let last = skus.last().ok_or_else(|| BenchError::Generator("it was stopped before a SKU was on sale".into()))?;
        self.spread(last, stock).await?;
        Ok(skus)
    }

    async fn put_on_sale(&mut self, stock: u64, hold_ttl_ms: Option<u64>) -> Result<Arc<str>, BenchError> {
        let sku = format!("{}{}", self.prefix(), self.wares.len());
        let title = Some("holdfast bench".to_owned());
        let made = self.client.create_sku(&CreateSku { sku: sku.clone(), stock, hold_ttl_ms, title, ..CreateSku::default() }).await?;
        let sku: Arc<str> = sku.into();
        self.wares.push(Ware { sku: Arc::clone(&sku), stock, hold_ttl_ms: made.hold_ttl_ms });
        Ok(sku)
    }

    /// What the names of this run's SKUs begin with.
    fn prefix(&self) -> String {
        format!("bench-{}-", self.run)
    }

    /// Whether this run made it.
    pub(super) fn is_own(&self, sku: &str) -> bool {
        sku.strip_prefix("bench-").and_then(|rest| rest.strip_prefix(&self.run)).is_some_and(|rest| rest.starts_with('-'))
    }

    async fn spread(&self, sku: &str, stock: u64) -> Result<(), BenchError> {
        let deadline = Instant::now() + SPREAD_WITHIN;
        let nodes = self.cluster.members.min(usize::try_from(stock).unwrap_or(usize::MAX));
        while Instant::now() < deadline && !self.is_stopped() {
            let audit = self.client.audit(sku).await?;
            if audit.slices.iter().filter(|slice| slice.units > 0).count() >= nodes {
                break;
            }
            tokio::time::sleep(TOLD_EVERY / 4).await;
        }
        Ok(())
    }

    /// Stops the sale of every SKU of the run. Tries all of them whatever happens, and tells of those that stay open.
    pub(super) async fn close(&mut self) {
        let mut failed = None;
        for ware in &self.wares {
            if let Err(error) = self.client.close_sku(&ware.sku).await {
                failed = Some(format!("{} is still on sale, and it may not be the only one of {}…: {error}", ware.sku, self.prefix()));
            }
        }
        if let Some(failed) = failed {
            self.watcher.did(&failed);
            self.notes.push(failed);
        } else {
            self.watcher.did(&format!("closed {} SKUs {}…; what is held of them expires by itself", self.wares.len(), self.prefix()));
        }
    }
}

/// Where any node may listen: the listeners that were given, and those that members tell.
async fn addresses(status: &ClusterStatus, api: &[Target], admin: &[Target]) -> Vec<SocketAddr> {
    let mut addresses: Vec<_> = api.iter().chain(admin).map(|target| target.address).collect();
    for member in &status.members {
        // One that leads nowhere from here is on another machine.
        if let Ok(target) = Target::resolve(&member.api).await {
            addresses.push(target.address);
        }
    }
    addresses
}

async fn resolve(urls: &[String]) -> Result<Vec<Target>, ClientError> {
    let mut targets = Vec::new();
    for url in urls {
        targets.push(Target::resolve(url).await?);
    }
    Ok(targets)
}

/// A node that does not serve for a moment only, as at a change of leaders, is asked again.
async fn ready(target: &Target) -> Result<(), BenchError> {
    let deadline = Instant::now() + READY_WITHIN;
    loop {
        let Err(why) = serves(target).await else { return Ok(()) };
        if Instant::now() >= deadline {
            return Err(BenchError::NotReady(format!("{} {why}", target.host)));
        }
        tokio::time::sleep(TOLD_EVERY).await;
    }
}

async fn serves(target: &Target) -> Result<(), String> {
    match look::get(target, paths::READYZ).await {
        Ok((200, _)) => Ok(()),
        Ok((status, body)) => {
            let reason = serde_json::from_slice::<Health>(&body).ok().and_then(|health| health.reason);
            Err(reason.map_or_else(|| format!("answers {status} to {}", paths::READYZ), |reason| format!("says: {reason}")))
        }
        Err(error) => Err(format!("does not answer: {error}")),
    }
}
