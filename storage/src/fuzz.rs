//! What must hold of bytes from a disk or a peer: see `fuzz/` at the top.
//!
//! Where a checksum guards bytes, it is put right before they are read: else only their checksums would be tried.

#[path = "../../fuzz/target.rs"]
mod target;

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use holdfast_inventory::{Event, EventKind, Incarnation, LogIndex, NodeId, OrderRef, SkuId, Stamp, Status, StatusAt, codec};

pub use target::Target;

use crate::durable_file::DurableFile;
use crate::frame::seal;
use crate::identity::IdentityV1;
use crate::limits::SNAPSHOT_CHUNK_BYTES;
use crate::log_group::{Edit, Group, GroupHeader, read_entry};
use crate::log_segment::{header, read_header};
use crate::marks::{self, Marks};
use crate::order_keys::{mark_list_key, page_key, place_of, sku_of, status_key, statuses_key};
use crate::pages::{Page, puts_of};
use crate::snapshot_reader::SnapshotReader;
use crate::statuses::{self, ByOrder, StatusV1};
use crate::{ClusterId, DataDir, DiskId, OpenMode, Roster};
use crate::{Met, OwnStarts};

/// Everything that this crate reads.
pub const TARGETS: &[Target] = &[
    Target { name: "log_group", check: log_group, seeds: log_groups },
    Target { name: "log_segment", check: log_segment, seeds: || vec![header(3, 7).to_vec()] },
    Target { name: "order_page", check: order_page, seeds: order_pages },
    Target { name: "order_status", check: order_status, seeds: statuses },
    Target { name: "order_marks", check: order_marks, seeds: mark_lists },
    Target { name: "small_file", check: small_file, seeds: small_files },
    Target { name: "snapshot_file", check: snapshot_file, seeds: snapshot_files },
];

const SALT: u32 = 7;
const INDEX: LogIndex = LogIndex(5);

/// Bytes are no group, or edits; each entry of them is refused or reads back as it is written. The bytes are records: a kind, a
/// length, content.
fn log_group(mut bytes: &[u8]) {
    // As they are, they are no group under any salt, or damage.
    if let Some(read) = GroupHeader::read(bytes, SALT) {
        drop(read.read_body(bytes));
    }
    let mut group = Group::default();
    while let [kind, length, rest @ ..] = bytes {
        let (content, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        group.add(*kind, &[content]);
        bytes = rest;
    }
    let (sealed, _) = group.seal(SALT, 1);
    let header = GroupHeader::read(&sealed, SALT).expect("a header just written");
    let Ok(edits) = header.read_body(&sealed).expect("a body just written") else { return };
    for edit in edits {
        let Edit::Entry { offset, bytes, .. } = edit else { continue };
        let Ok(record) = read_entry(&sealed[offset as usize..][..bytes as usize]) else { continue };
        let mut again = Group::default();
        again.add_entry(&record);
        let (again, edits) = again.seal(SALT, 1);
        let [Edit::Entry { offset, bytes, .. }] = edits[..] else { panic!("one entry is one edit") };
        assert_eq!(read_entry(&again[offset as usize..][..bytes as usize]).ok(), Some(record));
    }
}

fn log_groups() -> Vec<Vec<u8>> {
    let record = |kind: u8, content: &[u8]| [&[kind, u8::try_from(content.len()).unwrap_or(u8::MAX)], content].concat();
    let optional = [[1].as_slice(), &9_u64.to_le_bytes()].concat();
    let entry = [9_u64.to_le_bytes().as_slice(), &4_u32.to_le_bytes(), b"headpayload"].concat();
    let marked = [9_u64.to_le_bytes().as_slice(), b"mark"].concat();
    vec![
        [record(1, &optional), record(2, &entry), record(3, &optional), record(4, &marked), record(5, b"vote"), record(6, b"mark")]
            .concat(),
    ]
}

/// A header is refused, or is the one that its salt and number make.
fn log_segment(bytes: &[u8]) {
    let Some(bytes) = bytes.first_chunk() else { return };
    drop(read_header(bytes, 3));
    let mut bytes = *bytes;
    let sum = crc32fast::hash(&bytes[..16]);
    bytes[16..].copy_from_slice(&sum.to_le_bytes());
    if let Ok(salt) = read_header(&bytes, 3) {
        assert_eq!(header(3, salt), bytes);
    }
}

/// A page is refused, or its events give pages that read back as the same events.
fn order_page(body: &[u8]) {
    let key = page_key((INDEX, 0));
    drop(Page::read(&key, body));
    let Ok(page) = Page::read(&key, &seal(&key, &[body])) else { return };
    let pages = puts_of(INDEX, page.stamp, &page.events).items.into_iter().filter(|(key, _)| key[0] == page_key((INDEX, 0))[0]);
    let again = pages.map(|(key, value)| Page::read(&key, &value).expect("a page just written").events);
    assert_eq!(again.collect::<Vec<_>>().concat(), page.events);
}

fn order_pages() -> Vec<Vec<u8>> {
    let adjusted = EventKind::Adjusted { sku: SkuId(1), delta: -2, stock: 9, reason: "delivery".into(), reference: Some("note 7".into()) };
    let events = [Event { position: 0, kind: adjusted }, Event { position: 1, kind: EventKind::SoldOut { sku: SkuId(1) } }];
    let mut body = Stamp(1_000).0.to_le_bytes().to_vec();
    for event in &events {
        let event = codec::encode(event);
        body.extend_from_slice(&u32::try_from(event.len()).unwrap_or(u32::MAX).to_le_bytes());
        body.extend_from_slice(&event);
    }
    vec![body]
}

/// A list of marks is refused, or reads back as it is written, however that is cut.
fn order_marks(body: &[u8]) {
    let key = mark_list_key((INDEX, 0), (INDEX, 3));
    let Ok(found) = marks::read(&key, &seal(&key, &[body])) else { return };
    let mut pages = BTreeMap::<_, BTreeSet<_>>::new();
    for (sku, page) in &found {
        pages.entry(*page).or_default().insert(*sku);
    }
    let written: Marks = pages.into_iter().map(|(page, skus)| (page, skus.into_iter().collect())).collect();
    let mut again = BTreeSet::new();
    for (key, value) in marks::puts_of(&written) {
        match marks::read(&key, &value) {
            Ok(marks) => again.extend(marks),
            // One that stands apart.
            Err(_) => drop(again.insert((sku_of(&key).expect("a key just made"), place_of(&key).expect("a key just made")))),
        }
    }
    assert_eq!(again, found.into_iter().collect());
}

fn mark_lists() -> Vec<Vec<u8>> {
    vec![codec::encode(&(vec![(5_u8, 0_u16), (5, 3)], vec![(1_u32, 0_u8), (0, 1), (7, 1)]))]
}

/// A status, or statuses of a group, are refused, or read back as they are written.
fn order_status(body: &[u8]) {
    let read = |key: &[u8], value: &[u8]| {
        let mut found = ByOrder::new();
        statuses::read(key, value, &mut found).ok().map(|()| found)
    };
    let group = OrderRef { index: INDEX, position: 0 };
    for key in [status_key(group), statuses_key(group, (INDEX, 3))] {
        let Some(found) = read(&key, &seal(&key, &[body])) else { continue };
        let again: Option<ByOrder> =
            statuses::puts_of(&found).map(|(key, value)| read(&key, &value)).try_fold(ByOrder::new(), |mut all, some| {
                all.extend(some?);
                Some(all)
            });
        assert_eq!(again, Some(found));
    }
}

fn statuses() -> Vec<Vec<u8>> {
    let held = Status::Held { until: Stamp(9), extended: true };
    let status = StatusV1 { at: (INDEX, 3), status: StatusAt { status: held, since: Stamp(4) } };
    vec![codec::encode(&status), codec::encode(&vec![(0_u8, status), (9, status)])]
}

/// A file is refused, or its body is what was written; a body is refused, or an identity, own starts or the starts met, each of
/// which reads back as it is written.
fn small_file(body: &[u8]) {
    let file = DurableFile::new("small".into(), 1);
    drop(file.check(body));
    let Ok(sealed) = file.seal(body) else { return };
    assert_eq!(file.check(&sealed).ok().as_deref(), Some(body));
    if let Ok(identity) = codec::decode::<IdentityV1>(body) {
        assert_eq!(codec::decode(&codec::encode(&identity)).ok(), Some(identity));
    }
    if let Ok(starts) = codec::decode::<OwnStarts>(body) {
        assert_eq!(codec::decode(&codec::encode(&starts)).ok(), Some(starts));
    }
    if let Ok(met) = codec::decode::<BTreeMap<NodeId, Met>>(body) {
        assert_eq!(codec::decode(&codec::encode(&met)).ok(), Some(met));
    }
}

fn small_files() -> Vec<Vec<u8>> {
    let (node, disk, incarnation) = (NodeId(1), DiskId(20), Incarnation(3));
    let roster = Roster { cluster: ClusterId(5), members: [(node, disk)].into() };
    let identity = IdentityV1 { disk, node, incarnation, cluster: Some(roster) };
    let mut starts = OwnStarts::default();
    starts.add(incarnation, 9);
    vec![codec::encode(&identity), codec::encode(&starts), codec::encode(&BTreeMap::from([(node, Met { disk, incarnation, nonce: 9 })]))]
}

/// A file is refused, or its chunks are within their bound, and are with their frames all of it.
fn snapshot_file(bytes: &[u8]) {
    for file in [bytes.to_vec(), with_checksums(bytes)] {
        let Ok(chunks) = SnapshotReader::begin(&file[..]) else { continue };
        let around = 29 + chunks.meta().len() + 16;
        let framed = chunks.map(|chunk| {
            let bytes = chunk?.len();
            assert!((1..=SNAPSHOT_CHUNK_BYTES).contains(&bytes), "a chunk of {bytes} bytes");
            Ok(8 + bytes)
        });
        if let Ok(framed) = framed.sum::<io::Result<usize>>() {
            assert_eq!(around + framed, file.len());
        }
    }
}

/// The same bytes with the checksums of header, chunks and end as they must be, as far as the lengths lead.
fn with_checksums(bytes: &[u8]) -> Vec<u8> {
    let mut file = bytes.to_vec();
    let Some(meta) = u32_at(&file, 21) else { return file };
    let mut at = 25 + meta;
    seal_at(&mut file, 0, at, at);
    at += 4;
    while let Some(length) = u32_at(&file, at) {
        if length == 0 {
            seal_at(&mut file, 0, at + 12, at + 12);
            break;
        }
        seal_at(&mut file, at + 8, at + 8 + length, at + 4);
        at += 8 + length;
    }
    file
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    let number = bytes.get(at..)?.first_chunk()?;
    usize::try_from(u32::from_le_bytes(*number)).ok()
}

/// Puts the checksum of `from..to` at a place, if the file has both.
fn seal_at(file: &mut [u8], from: usize, to: usize, at: usize) {
    let Some(checksum) = file.get(from..to).map(crc32fast::hash) else { return };
    if let Some(place) = file.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *place = checksum.to_le_bytes();
    }
}

fn snapshot_files() -> Vec<Vec<u8>> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let data = DataDir::open(&dir.path().join("data"), OpenMode::Create).expect("a new directory");
    data.start(NodeId(1)).expect("an empty directory");
    let snapshots = data.snapshots().expect("no snapshots");
    let mut writer = snapshots.writer(7, 2, b"meta").expect("a file");
    writer.chunk(b"one").and_then(|()| writer.chunk(b"two")).expect("room");
    vec![std::fs::read(writer.finish().expect("room").path).expect("a file just written")]
}

#[cfg(test)]
mod tests {
    #[test]
    fn any_bytes_are_read_or_refused() {
        super::target::hold(super::TARGETS);
    }
}
