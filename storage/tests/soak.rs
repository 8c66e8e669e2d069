//! The order log over many rounds of orders that come, end and are forgotten by the state. History stays for good: disk grows by it, in a
//! late round by no more than in an early one. Once its cache is full memory grows by sled's table of pages, a small part of that.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test may panic, and its numbers are small")]

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::history::{accepted, at, changed, forgotten, order, stamp};
use holdfast_inventory::{Event, LogIndex, NodeId, Status};
use holdfast_storage::{DataDir, OpenMode, OrderLog, Query};

/// Asks for a longer run.
const MINUTES: &str = "HOLDFAST_SOAK_MINUTES";

/// Rounds at least.
const ROUNDS: u64 = 24;

/// Until then caches fill: the database is about three times as large as they are.
const PLATEAU: u64 = 9;

const ENTRIES: u64 = 250;
const PER_ENTRY: u16 = 200;

/// Memory above that at the plateau: what an allocator does not give back.
const MEMORY_ROOM_BYTES: u64 = 32 << 20;

/// And this part of what the database has grown by since.
const MEMORY_GROWTH: u64 = 8;

/// Disk that a round takes, of what one took up to the plateau.
const DISK_GROWTH: f64 = 1.3;

/// Disk of an order, with the end of it and its place in the lists.
const DISK_BYTES_PER_ORDER: u64 = 400;

/// After a round.
#[derive(Clone, Copy, Debug)]
struct Size {
    disk: u64,
    memory: u64,
}

#[test]
fn disk_grows_by_the_history_alone_and_memory_by_a_small_part_of_it() {
    let minutes: u64 = std::env::var(MINUTES).map_or(0, |minutes| minutes.parse().unwrap());
    let until = Instant::now() + Duration::from_secs(60 * minutes);
    let root = tempfile::tempdir().unwrap();
    let dir = DataDir::open(root.path(), OpenMode::Create).unwrap();
    dir.start(NodeId(1)).unwrap();
    let log = dir.orders().unwrap();
    let mut sizes = Vec::new();
    for round in 0.. {
        if round >= ROUNDS && Instant::now() >= until {
            break;
        }
        write(&log, round);
        read(&log, round);
        let size = Size { disk: disk_of(root.path()), memory: memory() };
        println!("round {round}: {size:?}");
        sizes.push(size);
        judge(&sizes).unwrap();
    }
}

/// The entries of a round. The orders of each end in the next one, in all ways, and then the state forgets some of their buyers.
fn write(log: &OrderLog, round: u64) {
    let first = round * ENTRIES + 1;
    for index in first..first + ENTRIES {
        log.append(LogIndex(index), stamp(index), &entry(index)).unwrap();
    }
    log.sync_through(LogIndex(first + ENTRIES - 1)).unwrap();
}

fn entry(index: u64) -> Vec<Event> {
    let buyer = |position| format!("buyer-{index}-{position}");
    let mut events: Vec<_> =
        (0..PER_ENTRY).map(|position| accepted(order(at(index, position), &buyer(position), &[(index % 3) as u32], None))).collect();
    if index > 1 {
        let ends = [Status::Confirmed, Status::Released, Status::Expired, Status::Cancelled];
        let ended = |position: u16| changed(PER_ENTRY + position, at(index - 1, position), ends[usize::from(position) % ends.len()]);
        events.extend((0..PER_ENTRY).map(ended));
        events.push(forgotten(2 * PER_ENTRY, index.into(), at(index - 1, 0)));
    }
    events
}

/// Looks into every round so far, as support does.
fn read(log: &OrderLog, round: u64) {
    for before in 0..=round {
        let old = at(before * ENTRIES + 7, 3);
        assert_eq!(log.order(old).unwrap().unwrap().status.status, Status::Cancelled);
        let page = log.list(&Query { before: Some(old), limit: 100, ..Query::default() }).unwrap().unwrap();
        assert_eq!(page.orders.len(), 100);
    }
}

fn judge(sizes: &[Size]) -> Result<(), String> {
    let now = sizes[sizes.len() - 1];
    let per_order = now.disk / (sizes.len() as u64 * ENTRIES * u64::from(PER_ENTRY));
    // Before that the database's first files count for more than what is in them.
    if sizes.len() as u64 >= PLATEAU && per_order > DISK_BYTES_PER_ORDER {
        return Err(format!("{per_order} bytes of disk per order: {sizes:?}"));
    }
    let Some(plateau) = sizes.get(PLATEAU as usize - 1).filter(|_| sizes.len() as u64 > PLATEAU) else { return Ok(()) };
    let room = MEMORY_ROOM_BYTES + now.disk.saturating_sub(plateau.disk) / MEMORY_GROWTH;
    if now.memory > plateau.memory + room {
        return Err(format!("memory grows with the database: {sizes:?}"));
    }
    // The database grows by segments, several at once and then none for a round: as many rounds late as early.
    if (sizes.len() as u64) < 2 * PLATEAU {
        return Ok(());
    }
    let early = plateau.disk as f64 / PLATEAU as f64;
    let late = now.disk.saturating_sub(plateau.disk) as f64 / (sizes.len() as u64 - PLATEAU) as f64;
    if late > early * DISK_GROWTH { Err(format!("a round takes {late:.0} bytes of disk instead of {early:.0}: {sizes:?}")) } else { Ok(()) }
}

#[test]
fn disk_or_memory_that_runs_away_is_found() {
    let rounds = |disk: fn(u64) -> u64, memory: fn(u64) -> u64| -> Vec<_> {
        (1..=ROUNDS).map(|round| Size { disk: disk(round) << 20, memory: memory(round) << 20 }).collect()
    };
    let judged = |sizes: Vec<_>| judge(&sizes).map_err(|told| told.split(':').next().unwrap_or_default().to_owned());
    assert_eq!(judged(rounds(|round| 10 * round, |_| 150)), Ok(()));
    assert!(judged(rounds(|round| 30 * round, |_| 150)).unwrap_err().ends_with("bytes of disk per order"));
    assert!(judged(rounds(|round| 8 * round + round * round / 4, |_| 150)).unwrap_err().starts_with("a round takes"));
    assert_eq!(judged(rounds(|round| 10 * round, |round| 150 + 5 * round)), Err("memory grows with the database".into()));
}

/// What this process has in memory.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

fn disk_of(path: &Path) -> u64 {
    let about = std::fs::metadata(path).unwrap();
    if !about.is_dir() {
        return about.len();
    }
    std::fs::read_dir(path).unwrap().map(|entry| disk_of(&entry.unwrap().path())).sum()
}
