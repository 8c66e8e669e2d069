//! A disk in memory: what a process sees of it, and what a power cut leaves.
//!
//! Bytes reach the disk in whole sectors, and only when their file is synced; until then each unsynced sector survives a power cut
//! or does not, as chance has it. Names reach it in the order in which they changed, and only when their directory is synced;
//! until then some first ones of them survive. A process that is killed loses neither. After a sync that failed the sectors count
//! as clean: the page cache shows them, a later sync does not write them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::planted::{self, Planted};
use crate::limits::LOG_SECTOR_BYTES;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Dir,
    /// The number of a file.
    File(u64),
}

/// How a disk breaks in the middle of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The process is gone before its write is synced.
    Killed,
    /// The power is.
    PowerCut,
}

/// A file's bytes, as they are seen and as they are stored.
#[derive(Default)]
struct Content {
    seen: Vec<u8>,
    stored: Vec<u8>,
    dirty: BTreeSet<usize>,
}

impl Content {
    fn write(&mut self, bytes: &[u8], at: usize) {
        let end = at + bytes.len();
        if self.seen.len() < end {
            self.seen.resize(end, 0);
        }
        self.seen[at..end].copy_from_slice(bytes);
        self.dirty.extend(at / LOG_SECTOR_BYTES..end.div_ceil(LOG_SECTOR_BYTES));
    }

    fn store(&mut self, sector: usize) {
        let from = sector * LOG_SECTOR_BYTES;
        let to = (from + LOG_SECTOR_BYTES).min(self.seen.len());
        if self.stored.len() < to {
            self.stored.resize(to, 0);
        }
        if from < to {
            self.stored[from..to].copy_from_slice(&self.seen[from..to]);
        }
    }

    fn sync(&mut self) {
        for sector in std::mem::take(&mut self.dirty) {
            self.store(sector);
        }
        self.stored.truncate(self.seen.len());
    }

    fn lose_power(&mut self, random: &mut SmallRng) {
        for sector in std::mem::take(&mut self.dirty) {
            if random.random() {
                self.store(sector);
            }
        }
        self.seen.clone_from(&self.stored);
    }
}

/// A change of names that is not stored yet.
struct Renamed {
    dir: PathBuf,
    name: PathBuf,
    now: Option<Entry>,
}

/// One disk.
pub(crate) struct MemoryDisk {
    names: BTreeMap<PathBuf, Entry>,
    stored_names: BTreeMap<PathBuf, Entry>,
    renamed: Vec<Renamed>,
    files: BTreeMap<u64, Content>,
    next_file: u64,
    /// Counts processes: handles of an earlier one are dead.
    process: u64,
    /// Whether a process uses it: the last breaths of one that was killed change nothing.
    is_used: bool,
    random: SmallRng,
    /// Breaks at the next sync of a file.
    breaks: Option<Broken>,
    /// Breaks at the sync of the next vote.
    breaks_at_vote: Option<Broken>,
    /// It broke by itself.
    broke: Option<Broken>,
    failing_syncs: u32,
    syncs: u64,
    /// Shortest and longest time of a sync, in microseconds.
    sync_us: (u64, u64),
}

impl MemoryDisk {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            names: BTreeMap::new(),
            stored_names: BTreeMap::new(),
            renamed: Vec::new(),
            files: BTreeMap::new(),
            next_file: 0,
            process: 0,
            is_used: true,
            random: SmallRng::seed_from_u64(seed),
            breaks: None,
            breaks_at_vote: None,
            broke: None,
            failing_syncs: 0,
            syncs: 0,
            sync_us: (0, 0),
        }
    }

    /// The process that uses it is gone; what it wrote stays.
    pub(crate) fn kill(&mut self) {
        self.is_used = false;
        self.clear_faults();
    }

    /// Whether there was one that had not shown yet.
    pub(crate) fn clear_faults(&mut self) -> bool {
        let breaks = self.breaks.take().or(self.breaks_at_vote.take()).is_some();
        std::mem::take(&mut self.failing_syncs) > 0 || breaks
    }

    /// A new process uses it.
    pub(crate) fn use_again(&mut self) {
        self.process += 1;
        self.is_used = true;
    }

    /// The power is gone, and with it what was not synced.
    pub(crate) fn cut_power(&mut self) {
        self.kill();
        let kept = self.random.random_range(0..=self.renamed.len());
        for change in self.renamed.drain(..).take(kept) {
            set(&mut self.stored_names, change.name, change.now);
        }
        self.names.clone_from(&self.stored_names);
        for content in self.files.values_mut() {
            content.lose_power(&mut self.random);
        }
        let named: BTreeSet<u64> = self.names.values().filter_map(|entry| entry.file()).collect();
        self.files.retain(|file, _| named.contains(file));
    }

    pub(crate) fn break_at_next_sync(&mut self, how: Broken) {
        self.breaks = Some(how);
    }

    pub(crate) fn break_at_next_vote(&mut self, how: Broken) {
        self.breaks_at_vote = Some(how);
    }

    /// A vote is about to be written.
    pub(crate) fn expect_vote(&mut self) {
        self.breaks = self.breaks_at_vote.take().or(self.breaks);
    }

    pub(crate) fn fail_syncs(&mut self, count: u32) {
        self.failing_syncs = count;
    }

    /// Whether it broke by itself since this was asked.
    pub(crate) fn take_broke(&mut self) -> Option<Broken> {
        self.broke.take()
    }

    pub(crate) fn set_sync_time(&mut self, least: Duration, most: Duration) {
        let us = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.sync_us = (us(least), us(most));
    }

    /// How long the next sync takes.
    pub(crate) fn draw_sync_time(&mut self) -> Duration {
        Duration::from_micros(self.random.random_range(self.sync_us.0..=self.sync_us.1))
    }

    /// Syncs that returned.
    pub(crate) fn syncs(&self) -> u64 {
        self.syncs
    }

    pub(crate) fn process(&self) -> u64 {
        self.process
    }

    /// Fails for a process that is gone.
    pub(crate) fn check(&self, process: u64) -> io::Result<()> {
        if self.is_used && process == self.process { Ok(()) } else { Err(io::Error::other("the process is gone")) }
    }

    pub(crate) fn entry(&self, path: &Path) -> io::Result<Entry> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(crate) fn file(&self, path: &Path) -> io::Result<u64> {
        self.entry(path)?.file().ok_or_else(|| io::ErrorKind::IsADirectory.into())
    }

    pub(crate) fn make_dir(&mut self, path: &Path) {
        self.name(path, Some(Entry::Dir));
    }

    pub(crate) fn make_file(&mut self, path: &Path) -> u64 {
        self.next_file += 1;
        self.files.insert(self.next_file, Content::default());
        self.name(path, Some(Entry::File(self.next_file)));
        self.next_file
    }

    pub(crate) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let entry = self.entry(from)?;
        self.name(to, Some(entry));
        self.name(from, None);
        Ok(())
    }

    pub(crate) fn remove_file(&mut self, path: &Path) -> io::Result<()> {
        self.file(path)?;
        self.name(path, None);
        Ok(())
    }

    fn name(&mut self, path: &Path, now: Option<Entry>) {
        let dir = path.parent().map(Path::to_owned).unwrap_or_default();
        set(&mut self.names, path.to_owned(), now);
        self.renamed.push(Renamed { dir, name: path.to_owned(), now });
    }

    /// What is in a directory, by name.
    pub(crate) fn list(&self, dir: &Path) -> Vec<PathBuf> {
        self.names.keys().filter(|path| path.parent() == Some(dir)).cloned().collect()
    }

    pub(crate) fn bytes(&self, file: u64) -> &[u8] {
        self.files.get(&file).map_or(&[], |content| &content.seen)
    }

    pub(crate) fn write(&mut self, file: u64, bytes: &[u8], at: usize) {
        self.files.entry(file).or_default().write(bytes, at);
    }

    pub(crate) fn truncate(&mut self, file: u64) {
        let content = self.files.entry(file).or_default();
        content.seen.clear();
        content.dirty.clear();
    }

    pub(crate) fn sync_file(&mut self, file: u64) -> io::Result<()> {
        if let Some(how) = self.breaks.take() {
            self.broke = Some(how);
            match how {
                Broken::Killed => self.kill(),
                Broken::PowerCut => self.cut_power(),
            }
            return Err(io::Error::other("the disk is gone"));
        }
        let content = self.files.entry(file).or_default();
        if self.failing_syncs > 0 {
            self.failing_syncs -= 1;
            content.dirty.clear();
            return Err(io::Error::other("input/output error of the simulated disk"));
        }
        self.syncs += 1;
        if !planted::is(Planted::SyncNothing) {
            content.sync();
        }
        Ok(())
    }

    pub(crate) fn sync_dir(&mut self, dir: &Path) {
        let (synced, rest) = std::mem::take(&mut self.renamed).into_iter().partition(|change| change.dir == dir);
        self.renamed = rest;
        let synced: Vec<Renamed> = synced;
        for change in synced {
            set(&mut self.stored_names, change.name, change.now);
        }
    }
}

impl Entry {
    fn file(self) -> Option<u64> {
        match self {
            Entry::Dir => None,
            Entry::File(file) => Some(file),
        }
    }
}

fn set(names: &mut BTreeMap<PathBuf, Entry>, name: PathBuf, now: Option<Entry>) {
    match now {
        Some(entry) => drop(names.insert(name, entry)),
        None => drop(names.remove(&name)),
    }
}
