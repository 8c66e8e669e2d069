//! What a durable append costs: `log_commit DIR SECONDS RECORDS BYTES [PROCESSES]`.
//!
//! One writer per process appends groups of `RECORDS` records of `BYTES` each and waits for every one; each process has a
//! log of its own in `DIR`, which must be on the disk that is meant. Prints commits per second and quantiles of the wait.

use std::env;
use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use bytes::Bytes;
use holdfast_inventory::NodeId;
use holdfast_storage::{DataDir, LogRecord, LogStore, OpenMode};

/// Purged this often, keeping as many: as a node that makes snapshots does.
const PURGE_EVERY: u64 = 100_000;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

struct Load {
    dir: PathBuf,
    seconds: f64,
    records: u64,
    bytes: usize,
    processes: usize,
}

fn main() -> Result<()> {
    let load = Load::from_args()?;
    if load.processes == 1 {
        println!("{}", measure(&load)?);
        return Ok(());
    }
    let started = (0..load.processes).map(|number| {
        let dir = load.dir.join(number.to_string());
        let args = [load.seconds.to_string(), load.records.to_string(), load.bytes.to_string()];
        Command::new(env::current_exe()?).arg(dir).args(args).stdout(Stdio::inherit()).spawn()
    });
    let mut children = started.collect::<io::Result<Vec<_>>>()?;
    let ended = children.iter_mut().map(Child::wait).collect::<io::Result<Vec<_>>>()?;
    if ended.iter().all(ExitStatus::success) { Ok(()) } else { Err("a process failed".into()) }
}

impl Load {
    fn from_args() -> Result<Self> {
        let args: Vec<String> = env::args().skip(1).collect();
        let at = |n: usize| args.get(n).ok_or("log_commit DIR SECONDS RECORDS BYTES [PROCESSES]");
        let processes = args.get(4).map_or(Ok(1), |text| text.parse())?;
        Ok(Self { dir: at(0)?.into(), seconds: at(1)?.parse()?, records: at(2)?.parse()?, bytes: at(3)?.parse()?, processes })
    }
}

fn measure(load: &Load) -> Result<String> {
    let log = open(&load.dir)?;
    let payload = Bytes::from(vec![0x5a; load.bytes]);
    let mut next = log.bounds().last.map_or(0, |(last, _)| last + 1);
    let mut waits = Vec::new();
    let end = Instant::now() + Duration::from_secs_f64(load.seconds);
    while Instant::now() < end {
        let records = (next..next + load.records).map(|index| LogRecord { index, head: Bytes::new(), payload: payload.clone() }).collect();
        let (sender, done) = channel();
        let begin = Instant::now();
        // The receiver waits for it below.
        log.append(records, Box::new(move |result| drop(sender.send(result))));
        done.recv()??;
        waits.push(begin.elapsed());
        if next / PURGE_EVERY < (next + load.records) / PURGE_EVERY && next > PURGE_EVERY {
            log.purge(next - PURGE_EVERY, Bytes::new())?;
        }
        next += load.records;
    }
    waits.sort_unstable();
    let quantile = |per_mille: usize| waits.get(waits.len() * per_mille / 1_000).map_or(0.0, |wait| wait.as_secs_f64() * 1e3);
    let rate = waits.len() as f64 / load.seconds;
    Ok(format!("{rate:.0} commits/s, p50 {:.3} ms, p99 {:.3} ms, p99.9 {:.3} ms", quantile(500), quantile(990), quantile(999)))
}

fn open(dir: &Path) -> Result<LogStore> {
    let data = DataDir::open(dir, OpenMode::Create)?;
    data.start(NodeId(1))?;
    Ok(data.log()?)
}
