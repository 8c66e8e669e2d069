//! Snapshot files: whole or absent, the newest two, damage found and survived.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test may panic, and its numbers are small")]

use holdfast_inventory::NodeId;
use holdfast_storage::limits::SNAPSHOT_CHUNK_BYTES;
use holdfast_storage::{DataDir, Loaded, OpenMode, SnapshotInfo, Snapshots};

fn open(root: &std::path::Path) -> Snapshots {
    let dir = DataDir::open(root, OpenMode::Create).unwrap();
    dir.start(NodeId(1)).unwrap();
    dir.snapshots().unwrap()
}

fn write(snapshots: &Snapshots, index: u64) -> SnapshotInfo {
    let mut writer = snapshots.writer(index, 3, b"meta").unwrap();
    for chunk in chunks(index) {
        writer.chunk(&chunk).unwrap();
    }
    writer.finish().unwrap()
}

fn chunks(index: u64) -> Vec<Vec<u8>> {
    (1..5).map(|n| vec![index as u8; n * 1_000]).collect()
}

fn read(snapshots: &Snapshots, info: &SnapshotInfo) -> Vec<Vec<u8>> {
    snapshots.reader(info).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_snapshot_reads_back_also_after_a_restart() {
    let root = tempfile::tempdir().unwrap();
    let snapshots = open(root.path());
    assert_eq!(snapshots.newest(), None);
    let made = write(&snapshots, 7);
    assert_eq!((made.index, made.term, &made.meta[..]), (7, 3, &b"meta"[..]));
    drop(snapshots);
    let snapshots = open(root.path());
    assert_eq!(snapshots.newest(), Some(made.clone()));
    assert_eq!(read(&snapshots, &made), chunks(7));
}

#[test]
fn the_newest_two_are_kept_and_an_open_one_stays_readable() {
    let root = tempfile::tempdir().unwrap();
    let snapshots = open(root.path());
    let first = write(&snapshots, 1);
    let reader = snapshots.reader(&first).unwrap();
    write(&snapshots, 2);
    write(&snapshots, 3);
    let names = std::fs::read_dir(root.path().join("snapshots")).unwrap().count();
    assert_eq!((names, snapshots.newest().unwrap().index), (2, 3));
    assert_eq!(reader.map(Result::unwrap).collect::<Vec<_>>(), chunks(1));
}

#[test]
fn an_unfinished_snapshot_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let snapshots = open(root.path());
    let mut writer = snapshots.writer(1, 1, b"").unwrap();
    writer.chunk(b"half").unwrap();
    drop(writer);
    assert_eq!(std::fs::read_dir(root.path().join("snapshots")).unwrap().count(), 0);
    std::fs::write(root.path().join("snapshots/9.part"), b"left by a crash").unwrap();
    drop(snapshots);
    open(root.path());
    assert_eq!(std::fs::read_dir(root.path().join("snapshots")).unwrap().count(), 0);
}

#[test]
fn a_damaged_newest_gives_way_to_the_one_before() {
    let root = tempfile::tempdir().unwrap();
    let snapshots = open(root.path());
    write(&snapshots, 1);
    let newest = write(&snapshots, 2);
    let good = std::fs::read(&newest.path).unwrap();
    drop(snapshots);
    for cut in [0, 3, 20, 40, 1_500, good.len() - 1] {
        std::fs::write(&newest.path, &good[..cut]).unwrap();
        assert_eq!(open(root.path()).newest().unwrap().index, 1, "cut to {cut}");
    }
    for flip in [6, 25, 32, 50, 3_000, good.len() - 10, good.len() - 2] {
        let mut bad = good.clone();
        bad[flip] ^= 4;
        std::fs::write(&newest.path, &bad).unwrap();
        assert_eq!(open(root.path()).newest().unwrap().index, 1, "flipped byte {flip}");
    }
    let longer = [&good[..], b"x"].concat();
    std::fs::write(&newest.path, longer).unwrap();
    assert_eq!(open(root.path()).newest().unwrap().index, 1);
}

/// A version that is not known, and a byte of damage that looks like one.
#[test]
fn a_version_is_believed_only_with_its_checksum() {
    let root = tempfile::tempdir().unwrap();
    let snapshots = open(root.path());
    write(&snapshots, 1);
    let newest = write(&snapshots, 2);
    drop(snapshots);
    let mut bytes = std::fs::read(&newest.path).unwrap();
    bytes[4] = 9;
    std::fs::write(&newest.path, &bytes).unwrap();
    let dir = DataDir::open(root.path(), OpenMode::Existing).unwrap();
    assert_eq!(dir.snapshots().unwrap().newest().unwrap().index, 1);
    let header = 4 + 1 + 8 + 8 + 4 + newest.meta.len();
    let checksum = crc32fast::hash(&bytes[..header]).to_le_bytes();
    bytes[header..header + 4].copy_from_slice(&checksum);
    std::fs::write(&newest.path, &bytes).unwrap();
    let refused = dir.snapshots().unwrap_err();
    assert!(refused.refused() && refused.to_string().contains("format version 9"), "{refused}");
    assert!(newest.path.exists());
}

#[test]
fn what_is_no_file_is_passed_over() {
    let root = tempfile::tempdir().unwrap();
    write(&open(root.path()), 1);
    let of = |name: &str| root.path().join("snapshots").join(name);
    std::fs::create_dir(of("9-1.snap")).unwrap();
    std::fs::create_dir(of("1.part")).unwrap();
    std::os::unix::fs::symlink(of("nowhere"), of("8-1.snap")).unwrap();
    assert_eq!(open(root.path()).newest().unwrap().index, 1);
}

/// The same of a file whose greater part went past the system's cache.
#[test]
fn a_large_file_that_is_cut_or_spoilt_at_a_block_gives_way_too() {
    let root = tempfile::tempdir().unwrap();
    let snapshots = open(root.path());
    write(&snapshots, 1);
    let mut writer = snapshots.writer(2, 3, b"meta").unwrap();
    (0..3).for_each(|n| writer.chunk(&vec![n; SNAPSHOT_CHUNK_BYTES - usize::from(n)]).unwrap());
    let newest = writer.finish().unwrap();
    let good = std::fs::read(&newest.path).unwrap();
    assert_eq!(good.len() as u64, newest.file_bytes);
    drop(snapshots);
    let read_back = open(root.path());
    assert_eq!(read(&read_back, &newest).concat().len(), 3 * SNAPSHOT_CHUNK_BYTES - 3);
    drop(read_back);
    for at in [4_096, 1 << 20, 2 << 20, 3 << 20] {
        std::fs::write(&newest.path, &good[..at]).unwrap();
        assert_eq!(open(root.path()).newest().unwrap().index, 1, "cut to {at}");
        let mut bad = good.clone();
        bad[at] ^= 4;
        std::fs::write(&newest.path, &bad).unwrap();
        assert_eq!(open(root.path()).newest().unwrap().index, 1, "flipped byte {at}");
    }
}

/// A reader that stops early, here at once, does not hide damage at the end; it may find some itself, and can end the opening.
#[test]
fn what_is_made_of_the_newest_is_made_of_one_that_is_whole() {
    let root = tempfile::tempdir().unwrap();
    let snapshots = open(root.path());
    (1..=2).for_each(|index| drop(write(&snapshots, index)));
    let newest = write(&snapshots, 3);
    drop(snapshots);
    let dir = DataDir::open(root.path(), OpenMode::Existing).unwrap();
    let failed = dir.snapshots_read(|_| Err::<(), _>(std::io::Error::other("of a later build")));
    assert!(failed.unwrap_err().to_string().contains("snapshots/3-3.snap"));
    let (_, loaded) = dir.snapshots_read(|reader| Ok(reader.index())).unwrap();
    assert_eq!(loaded.map(|loaded| (loaded.info, loaded.value)), Some((newest.clone(), 3)));
    let mut bytes = std::fs::read(&newest.path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&newest.path, bytes).unwrap();
    let mut seen = Vec::new();
    let (snapshots, loaded) = dir
        .snapshots_read(|reader| {
            seen.push(reader.index());
            Ok(seen.len())
        })
        .unwrap();
    assert_eq!((loaded.map(|loaded| (loaded.info.index, loaded.value)), seen), (Some((2, 2)), vec![3, 2]));
    assert_eq!(snapshots.damaged(), ["3-3.snap"]);
    let found = std::io::ErrorKind::InvalidData;
    let (snapshots, loaded) = dir.snapshots_read(|_| Err::<(), _>(found.into())).unwrap();
    assert!(loaded.is_none() && snapshots.newest().is_none());
    assert_eq!(snapshots.damaged(), ["2-3.snap"]);
}

#[test]
fn a_received_file_is_taken_only_whole() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let made = write(&open(here.path()), 9);
    let bytes = std::fs::read(&made.path).unwrap();
    let snapshots = open(there.path());
    let mut torn = snapshots.receiver().unwrap();
    torn.write(&bytes[..bytes.len() - 1]).unwrap();
    assert!(torn.finish(|_| Ok(())).is_err());
    assert_eq!(snapshots.newest(), None);
    let mut receiver = snapshots.receiver().unwrap();
    for part in bytes.chunks(100) {
        receiver.write(part).unwrap();
    }
    let Loaded { info: taken, value: of } = receiver.finish(|reader| Ok(reader.index())).unwrap();
    assert_eq!(of, 9);
    assert_eq!((taken.index, taken.term, taken.meta.clone()), (9, 3, made.meta));
    assert_eq!(read(&snapshots, &taken), chunks(9));
}

/// A device that is always full stands in for the disk.
#[test]
fn a_full_disk_is_told_with_the_file_and_how_far_it_came() {
    let root = tempfile::tempdir().unwrap();
    let snapshots = open(root.path());
    let newest = write(&snapshots, 1);
    let path = root.path().join("snapshots/2.part");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let error = snapshots.writer(2, 3, b"meta").unwrap().finish().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    let told = error.to_string();
    let beginning = format!("{} could not be written after 0 bytes: No space left on device", path.display());
    assert!(told.starts_with(&beginning) && told.ends_with(&format!("the newest one has {}", newest.file_bytes)), "{told}");
    assert!(!path.exists() && snapshots.newest() == Some(newest));
}
