//! Every state that a crash, a power cut or a bad disk can leave of a small log: it comes back as it was acknowledged, or it
//! is refused. Segments are of 4 KiB, so that a few records fill them, and have been written before with other things.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;

use bytes::Bytes;

use crate::dir_lock::DirLock;
use crate::log_group::{GROUP_HEADER_BYTES, GroupHeader};
use crate::log_recovery::recover;
use crate::log_segment::{Segment, SegmentBytes, number_of, segment_path};
use crate::{Disk, LogBounds, LogRecord, LogStore, OpenError, Syncer};

const SECTOR: usize = 512;
const SIZES: SegmentBytes = SegmentBytes { first: 4_096, most: 4_096 };

/// The page cache is all that these tests need.
struct NoSync;

impl Syncer for NoSync {
    fn sync(&self, _file: &File) -> io::Result<()> {
        Ok(())
    }
}

/// What readers of an opened log are told.
#[derive(Clone, Debug, PartialEq)]
struct Found {
    bounds: LogBounds,
    vote: Option<Bytes>,
    committed: Option<Bytes>,
    records: Vec<LogRecord>,
}

fn found(root: &Path) -> Result<Found, OpenError> {
    let tail = recover(&root.join("log"))?.tail;
    let bounds = tail.bounds().clone();
    let records = tail.read(tail.first_cached().unwrap_or(0), u64::MAX, usize::MAX);
    Ok(Found { bounds, vote: tail.vote, committed: tail.committed, records })
}

fn is_damage(result: &Result<Found, OpenError>) -> bool {
    matches!(result, Err(OpenError::LogDamaged { .. } | OpenError::Damaged { .. }))
}

fn open(root: &Path) -> LogStore {
    LogStore::open(&root.join("log"), SIZES, &Disk { syncer: Arc::new(NoSync), ..Disk::default() }, Arc::new(DirLock::take(root).unwrap()))
        .unwrap()
}

fn record(index: u64, bytes: usize) -> LogRecord {
    let payload = (0..bytes as u64).map(|n| (index * 31 + n * 7).to_le_bytes()[0]).collect::<Vec<_>>();
    LogRecord { index, head: Bytes::from(index.to_le_bytes().to_vec()), payload: payload.into() }
}

fn append(log: &LogStore, records: Vec<LogRecord>) {
    let (sender, done) = channel();
    log.append(records, Box::new(move |result| sender.send(result).unwrap()));
    done.recv().unwrap().unwrap();
}

fn vote(log: &LogStore, vote: &'static [u8]) {
    let (sender, done) = channel();
    log.save_vote(Bytes::from_static(vote), Box::new(move |result| sender.send(result).unwrap()));
    done.recv().unwrap().unwrap();
}

/// A log whose files have all been segments before, with entries 80..=90 left, a vote and both marks.
fn worn() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("log")).unwrap();
    let mut log = open(root.path());
    for index in 0..=90 {
        append(&log, vec![record(index, 300)]);
        if index % 20 == 19 {
            log.purge(index, Bytes::from_static(b"marker")).unwrap();
            // A group of its own: nothing comes before it is written.
            drop(log);
            log = open(root.path());
        }
    }
    log.save_committed(Bytes::from_static(b"committed"));
    drop(log);
    // Until two groups stand in a segment that was another before: five sectors are left.
    for _ in 0..8 {
        vote(&open(root.path()), b"vote");
        let (path, end) = last_segment(root.path());
        let behind = std::fs::read(path).unwrap().split_off(end);
        if behind.len() == 5 * SECTOR && behind.iter().any(|byte| *byte != 0) {
            return root;
        }
    }
    panic!("the last segment is new or full: {:?}", segments(root.path()));
}

type Files = BTreeMap<PathBuf, Vec<u8>>;

fn files(root: &Path) -> Files {
    let inside = std::fs::read_dir(root.join("log")).unwrap().map(|file| file.unwrap().path());
    inside.chain([root.join("log.made")]).map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

fn restore(root: &Path, state: &Files) {
    std::fs::remove_dir_all(root.join("log")).unwrap();
    std::fs::create_dir(root.join("log")).unwrap();
    for (path, bytes) in state {
        std::fs::write(path, bytes).unwrap();
    }
}

/// Segments in ascending order with the end of their groups; 512 if there are none.
fn segments(root: &Path) -> Vec<(PathBuf, usize)> {
    let numbers: std::collections::BTreeSet<u32> = files(root).keys().filter_map(|path| number_of(path)).collect();
    let end_of = |number| {
        let segment = Segment::open(&root.join("log"), number).unwrap();
        let bytes = std::fs::read(&segment.path).unwrap();
        let mut end = SECTOR;
        while let Some(header) = bytes.get(end..).and_then(|bytes| GroupHeader::read(bytes, segment.salt)) {
            end += header.padded_bytes();
        }
        (segment.path, end)
    };
    numbers.into_iter().map(end_of).collect()
}

#[test]
fn a_worn_log_is_what_these_tests_are_about() {
    let root = worn();
    assert!(segments(root.path()).len() >= 3);
    let found = found(root.path()).unwrap();
    assert_eq!(found.records, (80..=90).map(|index| record(index, 300)).collect::<Vec<_>>());
    assert_eq!((found.vote, found.committed), (Some(Bytes::from_static(b"vote")), Some(Bytes::from_static(b"committed"))));
}

/// A log to which a group of five sectors was added, of which nobody heard.
struct Unheard {
    root: tempfile::TempDir,
    before: Files,
    after: Files,
    /// The segment that holds the group, from where to where without padding.
    path: PathBuf,
    start: usize,
    end: usize,
    expected: Found,
    whole: Found,
}

impl Unheard {
    fn new() -> Self {
        let root = worn();
        let (path, start) = last_segment(root.path());
        let (before, expected) = (files(root.path()), found(root.path()).unwrap());
        append(&open(root.path()), (91..=93).map(|index| record(index, 650)).collect());
        let seen = root.path().join("log/seen");
        std::fs::write(&seen, &before[&seen]).unwrap();
        let (after, whole) = (files(root.path()), found(root.path()).unwrap());
        let end = start + GROUP_HEADER_BYTES + 3 * (8 + 13 + 8 + 650);
        assert_eq!((last_segment(root.path()), whole.records.len()), ((path.clone(), start + 5 * SECTOR), expected.records.len() + 3));
        Self { root, before, after, path, start, end, expected, whole }
    }

    /// What must be found if the segment's bytes are these.
    fn check(&self, bytes: &[u8], state: &str) {
        std::fs::write(&self.path, bytes).unwrap();
        let is_whole = bytes[..self.end] == self.after[&self.path][..self.end];
        let expected = if is_whole { &self.whole } else { &self.expected };
        assert!(found(self.root.path()).unwrap() == *expected, "{state}");
    }
}

/// The last segment that holds a group, and where that ends.
fn last_segment(root: &Path) -> (PathBuf, usize) {
    segments(root).into_iter().rfind(|(_, end)| *end > SECTOR).unwrap()
}

#[test]
fn a_tail_torn_at_any_byte_is_dropped() {
    let log = Unheard::new();
    let (before, after) = (&log.before[&log.path], &log.after[&log.path]);
    for cut in log.start..=log.start + 5 * SECTOR {
        log.check(&[&after[..cut], &before[cut..]].concat(), &format!("written up to {cut}"));
        log.check(&[&before[..cut], &after[cut..]].concat(), &format!("written from {cut} on"));
    }
}

#[test]
fn sectors_of_a_torn_tail_in_any_order_never_come_back() {
    let log = Unheard::new();
    let root = log.root.path();
    for written in 0..(1_u32 << 5) - 1 {
        restore(root, &log.before);
        let mut torn = log.before[&log.path].clone();
        for sector in (0..5).filter(|sector| written & (1 << sector) != 0) {
            let range = log.start + sector * SECTOR..log.start + (sector + 1) * SECTOR;
            torn[range.clone()].copy_from_slice(&log.after[&log.path][range]);
        }
        log.check(&torn, &format!("sectors {written:05b}"));
        // Life goes on over it, with shorter groups.
        let mut records = log.expected.records.clone();
        for index in 91..94 {
            append(&open(root), vec![record(index, 10)]);
            records.push(record(index, 10));
            assert_eq!(found(root).unwrap().records, records, "sectors {written:05b}");
        }
    }
}

/// Where a segment's header and its groups are, without their padding.
fn meant(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut starts: Vec<usize> = (0..bytes.len()).step_by(SECTOR).collect();
    let salt = u32::from_le_bytes(bytes[12..16].try_into().unwrap());
    starts.retain(|at| *at == 0 || GroupHeader::read(&bytes[*at..], salt).is_some());
    let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
    let unpadded = |(start, end): (usize, usize)| start..start + bytes[start..end].iter().rposition(|byte| *byte != 0).unwrap() + 1;
    starts.iter().copied().zip(ends).map(unpadded).collect()
}

#[test]
fn a_flipped_bit_anywhere_is_damage_or_changes_nothing() {
    let root = worn();
    let expected = found(root.path()).unwrap();
    let live: BTreeMap<PathBuf, usize> = segments(root.path()).into_iter().collect();
    for (path, bytes) in files(root.path()) {
        let meant = live.get(&path).map_or_else(Vec::new, |end| meant(&bytes[..*end]));
        for at in 0..bytes.len() {
            let result = found_with_a_flip(root.path(), &path, at);
            let is_meant = meant.iter().any(|range| range.contains(&at));
            assert!(is_damage(&result) || (!is_meant && result.unwrap() == expected), "byte {at} of {}", path.display());
        }
    }
}

/// After a power cut the note may be gone: then only the last group of all can be taken for a torn one.
#[test]
fn a_flipped_bit_before_the_last_group_is_damage_also_without_the_note() {
    let root = worn();
    std::fs::remove_file(root.path().join("log/seen")).unwrap();
    let last = last_segment(root.path()).0;
    for (path, end) in segments(root.path()) {
        let mut meant = meant(&std::fs::read(&path).unwrap()[..end]);
        if path == last {
            let group = meant.pop().unwrap();
            assert!(found_with_a_flip(root.path(), &path, group.start).is_ok(), "the last one");
            assert_eq!(meant.len(), 2, "the header and the group before");
        }
        for at in meant.into_iter().flatten() {
            assert!(is_damage(&found_with_a_flip(root.path(), &path, at)), "byte {at} of {}", path.display());
        }
    }
}

fn found_with_a_flip(root: &Path, path: &Path, at: usize) -> Result<Found, OpenError> {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at as u64).unwrap();
    file.write_all_at(&[byte[0] ^ (1 << (at % 8))], at as u64).unwrap();
    let found = found(root);
    file.write_all_at(&byte, at as u64).unwrap();
    found
}

#[test]
fn a_lost_segment_is_damage_unless_it_holds_nothing() {
    let root = worn();
    let whole = files(root.path());
    let expected = found(root.path()).unwrap();
    for (path, end) in segments(root.path()) {
        std::fs::remove_file(&path).unwrap();
        let result = found(root.path());
        assert!(if end > SECTOR { is_damage(&result) } else { result.unwrap() == expected }, "{}", path.display());
        restore(root.path(), &whole);
    }
}

#[test]
fn a_segment_in_the_place_of_another_is_damage() {
    let root = worn();
    let all = segments(root.path());
    std::fs::copy(&all[0].0, &all[1].0).unwrap();
    assert!(is_damage(&found(root.path())));
}

/// Puts files beside a state, looks at what is found, then appends until two more segments were opened.
fn check_and_go_on(root: &Path, state: &Files, expected: &Found, beside: &[(PathBuf, Vec<u8>)]) {
    restore(root, state);
    for (path, bytes) in beside {
        std::fs::write(path, bytes).unwrap();
    }
    let names: Vec<_> = beside.iter().map(|(path, _)| path.display()).collect();
    assert!(found(root).unwrap() == *expected, "beside {names:?}");
    let mut records = expected.records.clone();
    // First one that may fit where the last did not, each after a start of its own; then more than a segment.
    for sizes in [&[1][..], &[1], &[600; 16]] {
        let log = open(root);
        for size in sizes {
            let next = record(records.last().unwrap().index + 1, *size);
            append(&log, vec![next.clone()]);
            records.push(next);
        }
    }
    assert!(found(root).unwrap().records == records, "beside {names:?}, and on");
    let left = files(root).into_keys().filter(|path| path.extension().is_some_and(|kind| kind == "unfinished"));
    assert_eq!(left.collect::<Vec<_>>(), [] as [PathBuf; 0]);
}

#[test]
fn a_crash_between_any_two_steps_of_making_a_segment_costs_nothing() {
    let root = worn();
    for index in 91..100 {
        append(&open(root.path()), vec![record(index, 300)]);
        let (mut state, expected) = (files(root.path()), found(root.path()).unwrap());
        let log = root.path().join("log");
        let number = number_of(&last_segment(root.path()).0).unwrap();
        let next = segment_path(&log, number + 1);
        let used = state[&segment_path(&log, number)].clone();
        // The next one was not made yet, or is as a crash left it.
        let ready = state.remove(&next);
        check_and_go_on(root.path(), &state, &expected, &[]);
        for length in [0, 1, SECTOR, 4_096] {
            check_and_go_on(root.path(), &state, &expected, &[(log.join("next.unfinished"), vec![0; length])]);
        }
        // A spare that got its header and not its name, or neither.
        for spare in ready.iter().chain([&used]) {
            check_and_go_on(root.path(), &state, &expected, &[(log.join("0000000001.spare"), spare.clone())]);
        }
        if let Some(ready) = ready {
            check_and_go_on(root.path(), &state, &expected, &[(next.clone(), ready)]);
        }
        restore(root.path(), &state);
    }
}

#[test]
fn a_torn_first_group_of_a_new_segment_is_dropped() {
    let root = worn();
    let (before, expected, after) = loop {
        let index = found(root.path()).unwrap().records.last().unwrap().index + 1;
        let (before, expected) = (files(root.path()), found(root.path()).unwrap());
        append(&open(root.path()), vec![record(index, 1_100)]);
        if last_segment(root.path()).1 == SECTOR + 3 * SECTOR {
            break (before, expected, files(root.path()));
        }
    };
    let (path, end) = last_segment(root.path());
    let whole = &after[&path];
    let mut state = before;
    for cut in SECTOR..end {
        let fresh = state.get(&path).map_or_else(|| [&whole[..SECTOR], &vec![0; 4_096 - SECTOR]].concat(), Vec::clone);
        let torn = [&whole[..cut], &fresh[cut..]].concat();
        if torn[..end] != whole[..end] && cut % 37 == 0 {
            let seen = state.remove(&path);
            check_and_go_on(root.path(), &state, &expected, &[(path.clone(), torn)]);
            state.extend(seen.map(|bytes| (path.clone(), bytes)));
        }
    }
}

#[test]
fn segments_that_were_to_go_and_are_still_there_do_no_harm() {
    let root = worn();
    for index in 91..=110 {
        append(&open(root.path()), vec![record(index, 300)]);
    }
    let before = files(root.path());
    open(root.path()).purge(107, Bytes::from_static(b"later")).unwrap();
    let after = files(root.path());
    let expected = found(root.path()).unwrap();
    let gone: Vec<_> = before.keys().filter(|path| number_of(path).is_some() && !after.contains_key(*path)).cloned().collect();
    assert!(gone.len() >= 2, "the purge took segments: {gone:?}");
    for first in 0..gone.len() {
        let still_there: Vec<_> = gone[first..].iter().map(|path| (path.clone(), before[path].clone())).collect();
        check_and_go_on(root.path(), &after, &expected, &still_there);
    }
}

#[test]
fn a_log_that_was_made_and_not_marked_is_begun_again() {
    let root = tempfile::tempdir().unwrap();
    let log = root.path().join("log");
    std::fs::create_dir(&log).unwrap();
    Segment::make(&log.join("next.unfinished"), 1, 7, 4_096, &NoSync).unwrap();
    assert_eq!(found(root.path()).unwrap().bounds, LogBounds::default());
    append(&open(root.path()), vec![record(0, 10)]);
    assert_eq!(found(root.path()).unwrap().records, [record(0, 10)]);
    std::fs::remove_dir_all(&log).unwrap();
    assert!(is_damage(&found(root.path())), "it is marked now");
}
