//! A power cut while records are written: every acknowledged one is there afterwards.
//!
//! The data directory lies on an ext4 file system in a loop file. The cut is ext4's own shutdown without flushing its journal:
//! what was not synced is gone, as with a real one. Needs root, loop devices, `mkfs.ext4` and `python3` (for the ioctl; this
//! workspace has no unsafe code); where they are missing the test says so and passes.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test may panic, and its numbers are small")]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use bytes::Bytes;
use common::history::{is_sold, sold, stamp};
use common::{append_and_wait, record};
use holdfast_inventory::{LogIndex, NodeId};
use holdfast_storage::limits::SNAPSHOT_CHUNK_BYTES;
use holdfast_storage::{DataDir, Disk, OpenMode, Syncer};

const CHILD_DIR: &str = "STORAGE_TEST_POWER_CUT_DIR";
const NO_SYNC: &str = "STORAGE_TEST_NO_SYNC";
const ONE_SNAPSHOT: &str = "STORAGE_TEST_ONE_SNAPSHOT";
const ROUNDS: u64 = 4;
const RECORDS_PER_ROUND: u64 = 400;
const EXIT_DISK: i32 = 3;
const STALL_LIMIT: Duration = Duration::from_secs(10);
/// Longest until a child whose disk is gone has left.
const LEFT_WITHIN: Duration = Duration::from_secs(20);

/// `EXT4_IOC_SHUTDOWN` with `EXT4_GOING_FLAGS_NOLOGFLUSH`.
const CUT: &str = "import fcntl,os,struct,sys; fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', 2))";

fn open(root: &Path) -> DataDir {
    let dir = DataDir::open(root, OpenMode::Create).unwrap().on_disk(Disk { stall_limit: STALL_LIMIT, ..Disk::default() });
    dir.start(NodeId(1)).unwrap();
    dir
}

fn payload_bytes(index: u64) -> usize {
    (index as usize * 131) % 12_000
}

/// Not a test of its own: in a child it writes everything that a node writes, and prints what is acknowledged.
#[test]
fn child_that_writes_until_the_power_is_cut() {
    let Some(root) = std::env::var_os(CHILD_DIR).filter(|_| std::env::var_os(ONE_SNAPSHOT).is_none()) else { return };
    let dir = open(Path::new(&root));
    let no_sync = std::env::var_os(NO_SYNC).is_some();
    let log = if no_sync { dir.log_with(Arc::new(NoSync)).unwrap() } else { dir.log().unwrap() };
    let (orders, snapshots) = (dir.orders().unwrap(), dir.snapshots().unwrap());
    log.on_poison(Box::new(leave));
    orders.on_poison(Box::new(leave));
    let mut next = log.bounds().last.map_or(1, |(last, _)| last + 1);
    loop {
        append_and_wait(&log, vec![record(next, payload_bytes(next))]);
        writeln!(std::io::stderr(), "acknowledged {next}").unwrap();
        orders.append(LogIndex(next), stamp(next), &sold(next)).unwrap();
        // Syncing another file would sync the file system's journal, and hide the planted bug.
        if next.is_multiple_of(50) && !no_sync {
            orders.sync_through(LogIndex(next)).unwrap();
            let mut writer = snapshots.writer(next, 1, b"").unwrap();
            writer.chunk(&vec![next as u8; 100_000]).unwrap();
            writer.finish().unwrap();
            writeln!(std::io::stderr(), "snapshot {next}").unwrap();
            // Purging behind, as a node does: it must not cost what is before it.
            log.purge(next.saturating_sub(100), Bytes::from_static(b"m")).unwrap();
        }
        next += 1;
    }
}

/// Not a test of its own: in a child it makes one snapshot, tells it, and waits for its end.
#[test]
fn child_that_makes_one_snapshot() {
    let (Some(root), Some(bug)) = (std::env::var_os(CHILD_DIR), std::env::var_os(ONE_SNAPSHOT)) else { return };
    let dir = open(Path::new(&root));
    plant(&bug.to_string_lossy());
    let mut writer = dir.snapshots().unwrap().writer(SNAPSHOT, 1, b"").unwrap();
    // The most of it past the system's cache, its end through it.
    for length in [SNAPSHOT_CHUNK_BYTES, SNAPSHOT_CHUNK_BYTES - 7, 50_000] {
        writer.chunk(&vec![7; length]).unwrap();
    }
    writer.finish().unwrap();
    writeln!(std::io::stderr(), "acknowledged {SNAPSHOT}").unwrap();
    loop {
        std::thread::park();
    }
}

/// Index of that snapshot.
const SNAPSHOT: u64 = 9;

/// Plants a bug of this name in this process.
#[cfg(feature = "planted-bugs")]
fn plant(name: &str) {
    use holdfast_storage::planted::Planted;
    let bugs = [Planted::SnapshotNotSynced, Planted::SnapshotNameNotSynced];
    holdfast_storage::planted::plant(bugs.into_iter().find(|bug| format!("{bug:?}") == name));
}

#[cfg(not(feature = "planted-bugs"))]
fn plant(_: &str) {}

/// What a node does when a store fails: it tells why and is gone, whoever still waits for the disk.
fn leave(reason: &str) {
    eprintln!("poisoned {reason}");
    std::process::exit(EXIT_DISK);
}

/// The planted bug: written, and never synced.
struct NoSync;

impl Syncer for NoSync {
    fn sync(&self, _file: &std::fs::File) -> std::io::Result<()> {
        Ok(())
    }
}

struct CutDisk {
    _root: tempfile::TempDir,
    image: PathBuf,
    mount: PathBuf,
}

impl CutDisk {
    fn make() -> Result<Self, String> {
        let root = tempfile::tempdir().map_err(|e| e.to_string())?;
        let (image, mount) = (root.path().join("disk.img"), root.path().join("mnt"));
        std::fs::create_dir(&mount).map_err(|e| e.to_string())?;
        let file = std::fs::File::create(&image).map_err(|e| e.to_string())?;
        file.set_len(512 << 20).map_err(|e| e.to_string())?;
        run("python3", &["-c", "import fcntl"])?;
        run("mkfs.ext4", &["-q", "-F", &text(&image)])?;
        let disk = Self { _root: root, image, mount };
        disk.mount()?;
        Ok(disk)
    }

    fn make_or_say_so() -> Option<Self> {
        Self::make()
            .inspect_err(|reason| {
                assert!(std::env::var_os("CI").is_none(), "no power can be cut on this machine: {reason}");
                // Past what keeps the output of tests that pass.
                let told = format!("NOT RUN: power cut test needs root, loop mounts, mkfs.ext4 and python3: {reason}\n");
                std::io::stderr().write_all(told.as_bytes()).unwrap();
            })
            .ok()
    }

    fn mount(&self) -> Result<(), String> {
        run("mount", &["-o", "loop", &text(&self.image), &text(&self.mount)])
    }

    fn cut(&self) -> Result<(), String> {
        run("python3", &["-c", CUT, &text(&self.mount)])
    }

    fn unmount(&self) -> Result<(), String> {
        run("umount", &[&text(&self.mount)])
    }

    fn data(&self) -> PathBuf {
        self.mount.join("data")
    }
}

impl Drop for CutDisk {
    fn drop(&mut self) {
        if let Err(error) = self.unmount() {
            eprintln!("left mounted: {error}");
        }
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn run(program: &str, args: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(args).output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim())) }
}

/// What a child said before its disk was gone, and why it left if it did so by itself.
#[derive(Default)]
struct Said {
    acknowledged: u64,
    snapshot: u64,
    poisoned: Option<String>,
}

fn start_writing(disk: &CutDisk, planted: Option<&str>) -> Child {
    start(disk, "child_that_writes_until_the_power_is_cut", planted.map(|name| (name, "1")))
}

fn start(disk: &CutDisk, child: &str, told: Option<(&str, &str)>) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", child, "--nocapture"])
        .env(CHILD_DIR, disk.data())
        .envs(told)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Cuts the power once the child has acknowledged `records`, and then does `after_cut`.
fn cut_after(disk: &CutDisk, child: &mut Child, records: u64, after_cut: impl FnOnce(&mut Child)) -> Said {
    let mut said = Said::default();
    let (mut count, mut after_cut) = (0, Some(after_cut));
    for line in BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok) {
        let number = |prefix| line.strip_prefix(prefix).and_then(|number| number.parse().ok());
        if let Some(index) = number("acknowledged ") {
            said.acknowledged = index;
            count += 1;
        }
        said.snapshot = number("snapshot ").unwrap_or(said.snapshot);
        said.poisoned = line.strip_prefix("poisoned ").map(str::to_owned).or(said.poisoned);
        if count >= records
            && let Some(after_cut) = after_cut.take()
        {
            disk.cut().expect("the file system takes the shutdown");
            after_cut(child);
        }
    }
    assert!(after_cut.is_none(), "the child ended before the cut");
    said
}

fn write_and_cut(disk: &CutDisk, records: u64, planted: Option<&str>) -> Said {
    let mut child = start_writing(disk, planted);
    // A power cut ends the process with the disk. What it said before is still in the pipe.
    let said = cut_after(disk, &mut child, records, |child| child.kill().unwrap());
    child.wait().unwrap();
    said
}

#[test]
fn a_power_cut_loses_nothing_that_was_acknowledged() {
    let Some(disk) = CutDisk::make_or_say_so() else { return };
    for round in 0..ROUNDS {
        let said = write_and_cut(&disk, RECORDS_PER_ROUND + round * 17, None);
        disk.unmount().unwrap();
        disk.mount().unwrap();
        let dir = open(&disk.data());
        let log = dir.log().unwrap();
        let (purged, last) = (log.bounds().purged.map_or(0, |(index, _)| index), log.bounds().last.unwrap().0);
        assert!(last >= said.acknowledged, "round {round}: acknowledged {}, found {last}", said.acknowledged);
        let records = log.read(purged + 1, u64::MAX, usize::MAX).unwrap();
        assert_eq!(records, (purged + 1..=last).map(|index| record(index, payload_bytes(index))).collect::<Vec<_>>());
        assert!(dir.snapshots().unwrap().newest().is_some_and(|newest| newest.index >= said.snapshot), "round {round}");
        let orders = dir.orders().unwrap();
        assert!(!orders.was_reset() && orders.durable_index() >= Some(LogIndex(said.snapshot)), "round {round}");
        for index in 1..=said.snapshot {
            assert!(is_sold(&orders, index, said.snapshot), "round {round}, orders of entry {index}");
        }
        for index in said.snapshot + 1..=last {
            orders.append(LogIndex(index), stamp(index), &sold(index)).unwrap();
        }
        println!("round {round}: acknowledged {}, recovered {last}, purged {purged}", said.acknowledged);
    }
}

/// Shows that the cut is real: with the sync left out, the same test would lose records.
#[test]
fn without_the_sync_a_power_cut_loses_acknowledged_records() {
    let Some(disk) = CutDisk::make_or_say_so() else { return };
    let said = write_and_cut(&disk, 100, Some(NO_SYNC));
    disk.unmount().unwrap();
    disk.mount().unwrap();
    let found = open(&disk.data()).log().map(|log| log.bounds().last.map_or(0, |(last, _)| last));
    assert!(found.as_ref().map_or(true, |last| *last < said.acknowledged), "acknowledged {}, found {found:?}", said.acknowledged);
}

/// Whether a snapshot that was told just before the power is cut is there afterwards.
fn snapshot_outlives_a_cut(disk: &CutDisk, bug: &str) -> bool {
    let mut child = start(disk, "child_that_makes_one_snapshot", Some((ONE_SNAPSHOT, bug)));
    cut_after(disk, &mut child, 1, |child| child.kill().unwrap());
    child.wait().unwrap();
    disk.unmount().unwrap();
    disk.mount().unwrap();
    let newest = open(&disk.data()).snapshots().unwrap().newest();
    std::fs::remove_dir_all(disk.data()).unwrap();
    newest.is_some_and(|newest| newest.index == SNAPSHOT)
}

#[test]
fn a_snapshot_that_was_told_outlives_a_power_cut() {
    let Some(disk) = CutDisk::make_or_say_so() else { return };
    assert!(snapshot_outlives_a_cut(&disk, ""));
}

#[cfg(feature = "planted-bugs")]
#[test]
fn every_planted_bug_of_snapshots_loses_one_that_was_told() {
    let Some(disk) = CutDisk::make_or_say_so() else { return };
    for bug in ["SnapshotNotSynced", "SnapshotNameNotSynced"] {
        assert!(snapshot_outlives_a_cut(&disk, ""), "without a bug");
        assert!(!snapshot_outlives_a_cut(&disk, bug), "{bug} is not caught");
    }
}

/// sled's flush sometimes waits for good for a write that failed.
#[test]
fn a_process_whose_disk_is_gone_leaves_by_itself() {
    let Some(disk) = CutDisk::make_or_say_so() else { return };
    for round in 0..ROUNDS {
        let mut child = start_writing(&disk, None);
        let id = child.id();
        let (left, leaving) = channel::<()>();
        let patience = std::thread::spawn(move || {
            // Heard from, or hung up on, if the child has left.
            if leaving.recv_timeout(LEFT_WITHIN).is_err_and(|error| error == std::sync::mpsc::RecvTimeoutError::Timeout) {
                run("kill", &["-KILL", &id.to_string()]).unwrap();
            }
        });
        let said = cut_after(&disk, &mut child, 50 + round * 17, |_| {});
        let status = child.wait().unwrap();
        drop(left);
        patience.join().unwrap();
        assert_eq!((status.code(), said.poisoned.is_some()), (Some(EXIT_DISK), true), "round {round}: {status}");
        println!("round {round}: {}", said.poisoned.unwrap_or_default());
        disk.unmount().unwrap();
        disk.mount().unwrap();
    }
}
