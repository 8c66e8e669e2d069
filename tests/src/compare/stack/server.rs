//! The processes of the usual stack.

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::process::Command;

use super::replies::Reply;
use super::resp::Resp;
use crate::compare::bares::listens;
use crate::compare::cell::{Load, Measured, System};
use crate::compare::holdfast::SKU;
use crate::compare::limits::{LADDER, STOCK};
use crate::compare::peer::Peer;
use crate::compare::subject::Subject;
use crate::ports;
use crate::process::Process;

/// Redis, as Debian has it in `redis-server`, and the service before it. Dropped: killed.
#[derive(Debug)]
pub struct Redis {
    store: Process,
    shop: Process,
    subject: Subject,
    _dir: TempDir,
}

impl Peer for Redis {
    const SYSTEM: System = System::Redis;
    const LADDER: &'static [u32] = &LADDER;

    async fn why_not() -> Option<String> {
        let told = Command::new("redis-server").arg("--version").output().await;
        told.err().map(|error| format!("redis-server is not installed (Debian: redis-server): {error}"))
    }

    async fn start(program: &str) -> Result<Redis> {
        let dir = TempDir::with_prefix("holdfast-redis-")?;
        let found = ports::free(2)?;
        let (at, shop_at) = (found[0], found[1]);
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &at.port().to_string(), "--daemonize", "no"]).arg("--dir").arg(dir.path());
        command.args(["--appendonly", "yes", "--appendfsync", "always"]);
        // Snapshots and rewrites of its file would only take time from it.
        command.args(["--save", "", "--auto-aof-rewrite-percentage", "0"]);
        let store = Process::start(command, &dir.path().join("redis.log"))?;
        listens("redis", at).await?;
        let stock = Resp::connect(at).await?.ask(&[b"SET", format!("stock:{SKU}").as_bytes(), STOCK.to_string().as_bytes()]).await?;
        ensure!(stock == Reply::Text("OK".into()), "the stock is not taken: {stock:?}");
        let mut command = Command::new(program);
        command.args(["shop", &shop_at.to_string(), &at.to_string()]);
        let shop = Process::start(command, &dir.path().join("shop.log"))?;
        listens("the service before redis", shop_at).await.context("it does not start")?;
        let watched = vec![("service".to_owned(), shop.id()), ("redis".to_owned(), store.id())];
        let subject = Subject { system: System::Redis, targets: vec![shop_at], watched };
        Ok(Redis { store, shop, subject, _dir: dir })
    }

    async fn measure(&self, clients: u32, seconds: u32) -> Result<Measured> {
        self.subject.measure(Load::Plateau, clients, seconds).await
    }

    async fn end(self) -> Result<()> {
        self.shop.kill().await?;
        self.store.kill().await
    }
}
