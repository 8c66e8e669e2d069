//! One `PostgreSQL` with one hot row, driven by its own `pgbench`.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;

use super::cell::{Measured, System};
use super::limits::{LOAD_OVERTIME, POSTGRESQL_LADDER};
use super::peer::Peer;
use super::subject::watch;
use super::wrk::{Told, bench_file};
use crate::limits::{READY_WITHIN, STOPPED_WITHIN};
use crate::process::{Process, Signal};
use crate::wait;

/// Where Debian keeps the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// Whom it runs as if this program runs as root, which it refuses to.
const USER: &str = "postgres";

/// A server with its data in a temporary directory. Dropped: killed.
#[derive(Debug)]
pub struct PostgreSql {
    server: Process,
    programs: PathBuf,
    dir: TempDir,
}

impl Peer for PostgreSql {
    const SYSTEM: System = System::PostgreSql;
    const LADDER: &'static [u32] = &POSTGRESQL_LADDER;

    async fn why_not() -> Option<String> {
        let missing = programs().and_then(|_| owner()).err();
        missing.map(|error| format!("{error:#}"))
    }

    async fn start(_program: &str) -> Result<PostgreSql> {
        let (programs, owner) = (programs()?, owner()?);
        let dir = TempDir::with_prefix("holdfast-postgresql-")?;
        let data = dir.path().join("data");
        std::fs::create_dir(&data)?;
        std::fs::set_permissions(dir.path(), Permissions::from_mode(0o755))?;
        std::fs::set_permissions(&data, Permissions::from_mode(0o700))?;
        if let Some((user, group)) = owner {
            chown(&data, Some(user), Some(group))?;
        }
        let mut command = as_owner(&programs, "initdb", &data, owner);
        command.args(["--username", USER, "--auth", "trust", "--no-locale", "--encoding", "UTF8"]);
        done(command, READY_WITHIN).await?;
        let mut command = as_owner(&programs, "postgres", &data, owner);
        command.args(["-c", "listen_addresses=", "-c"]).arg(format!("unix_socket_directories={}", data.display()));
        let server = Process::start(command, &dir.path().join("postgresql.log"))?;
        let started = PostgreSql { server, programs, dir };
        wait::until("postgresql", READY_WITHIN, async || done(started.client("pg_isready"), READY_WITHIN).await.ok()).await?;
        let mut command = started.client("psql");
        command.args(["--quiet", "--set", "ON_ERROR_STOP=1", "--file"]).arg(bench_file("hot-row-schema.sql"));
        done(command, READY_WITHIN).await?;
        Ok(started)
    }

    async fn measure(&self, clients: u32, seconds: u32) -> Result<Measured> {
        let mut command = self.client("pgbench");
        // Prepared, over connections that stay, as a pool's do.
        command.args(["--no-vacuum", "--protocol", "prepared", "--jobs", "2", "--client", &clients.to_string()]);
        command.args(["--time", &seconds.to_string(), "--file"]).arg(bench_file("hot-row.sql"));
        let limit = Duration::from_secs(seconds.into()) + LOAD_OVERTIME;
        let load = async { read(&done(command, limit).await?).context("pgbench told nothing that can be read") };
        let measured = watch(&vec![("server".to_owned(), self.server.id())], load).await?;
        Ok(Measured { how: format!("{clients} clients of pgbench"), ..measured })
    }

    async fn end(mut self) -> Result<()> {
        // What it calls a fast shutdown.
        self.server.signal(Signal::Int).await?;
        self.server.wait(STOPPED_WITHIN).await.map(drop)
    }
}

impl PostgreSql {
    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.arg("--host").arg(self.dir.path().join("data")).args(["--username", USER]);
        command.env("PGDATABASE", USER);
        command
    }
}

/// A program of the server, which owns its data.
fn as_owner(programs: &Path, program: &str, data: &Path, owner: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(programs.join(program));
    command.arg("-D").arg(data).current_dir(data);
    if let Some((user, group)) = owner {
        command.uid(user).gid(group);
    }
    command
}

/// Runs a program that ends by itself; what it printed.
async fn done(mut command: Command, within: Duration) -> Result<String> {
    command.kill_on_drop(true);
    let output = timeout(within, command.output()).await.context("it does not end")??;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Its programs, of the newest version.
fn programs() -> Result<PathBuf> {
    let missing = "PostgreSQL is not installed (Debian: postgresql)";
    let versions = std::fs::read_dir(VERSIONS).context(missing)?.flatten();
    let number = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let newest = versions.map(|entry| entry.path()).max_by_key(number).context(missing)?.join("bin");
    ensure!(newest.join("pgbench").exists() && newest.join("initdb").exists(), missing);
    Ok(newest)
}

/// User and group that it must run as; none if it may run as this program does.
fn owner() -> Result<Option<(u32, u32)>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd")?;
    let line = users.lines().find_map(|line| line.strip_prefix(USER)?.strip_prefix(":"));
    let mut fields = line.with_context(|| format!("there is no user {USER}, and it does not run as root"))?.split(':').skip(1);
    let mut number = || fields.next().and_then(|field| field.parse().ok()).context("/etc/passwd is not as it should be");
    Ok(Some((number()?, number()?)))
}

/// What pgbench tells.
fn read(text: &str) -> Option<Told> {
    let after = |begin: &str| text.lines().find_map(|line| line.strip_prefix(begin))?.split_whitespace().next();
    let expected = after("number of transactions actually processed: ")?.parse::<u64>().ok()?;
    let unexpected = after("number of failed transactions: ").map_or(Some(0), |failed| failed.parse().ok())?;
    let per_second: f64 = after("tps = ")?.parse().ok()?;
    Some(Told { expected, unexpected, seconds: expected as f64 / per_second, p50_ms: None, p99_ms: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pgbench_tells_is_read() {
        let text = "pgbench (15.8)\nnumber of transactions actually processed: 6000\nnumber of failed transactions: 2 (0.033%)\n\
            latency average = 4.0 ms\ninitial connection time = 9.1 ms\ntps = 2000.5 (without initial connection time)\n";
        let told = read(text).unwrap();
        assert_eq!((told.expected, told.unexpected, told.p50_ms), (6000, 2, None));
        assert!((told.seconds - 6000.0 / 2000.5).abs() < 1e-9);
        assert_eq!(read("tps = 1"), None);
    }
}
