//! The format on disk, byte for byte: what `tests/fixtures/format-v5.txt` holds is read by this build, and written alike; what those of
//! versions 2 to 4 hold is read.
//!
//! A change here is a change of format: it needs a new version. Format 1 kept the Raft log in a database; its log is refused.
//! Format 2 kept each order's status by itself, and its small files are of version 1; format 3 kept each mark of a SKU by itself, and its
//! small files are of version 2; format 4 kept the records of a snapshot by shards, which is seen in `inventory`, and its small files are of
//! version 3. All go on as this one.

use std::fmt::Write as _;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use holdfast_inventory::{
    BuyerHash, Event, EventKind, Incarnation, KeyHash, Line, LogIndex, NodeId, Order, OrderRef, SkuId, Stamp, Status, StatusAt, codec,
};

use crate::durable_file::DurableFile;
use crate::engine::{Batch, Engine};
use crate::frame::seal;
use crate::identity::IdentityV1;
use crate::log_group::{Edit, Group};
use crate::log_segment::Segment;
use crate::marks::{self, Marks};
use crate::order_keys::status_key;
use crate::pages::{Page, puts_of};
use crate::statuses::{self, ByOrder, StatusV1};
use crate::{ClusterId, DataDir, DataSync, DiskId, LogRecord, OpenMode, OrderLog, Roster};
use crate::{Met, OwnStarts};

const FIXTURE: &str = include_str!("../tests/fixtures/format-v5.txt");
const BEFORE: [&str; 3] = [
    include_str!("../tests/fixtures/format-v4.txt"),
    include_str!("../tests/fixtures/format-v3.txt"),
    include_str!("../tests/fixtures/format-v2.txt"),
];

fn record(index: u64) -> LogRecord {
    LogRecord { index, head: Bytes::from_static(b"head"), payload: vec![index.to_le_bytes()[0]; 300].into() }
}

/// A segment of two groups in which every kind of record stands.
fn segment(dir: &Path) -> Vec<u8> {
    let segment = Segment::make(&dir.join("new"), 1, 0xfeed_beef, 4_096, &DataSync).unwrap();
    let mut first = Group::default();
    first.add_edit(Edit::Begin { next: None });
    first.add_edit(Edit::Vote(Bytes::from_static(b"vote")));
    (256..260).for_each(|index| first.add_entry(&record(index)));
    let mut second = Group::default();
    second.add_edit(Edit::Truncate { next: Some(259) });
    second.add_edit(Edit::Purge { upto: 257, marker: Bytes::from_static(b"marker") });
    second.add_edit(Edit::Committed(Bytes::from_static(b"committed")));
    let mut at = 512;
    for (group, sequence) in [(first, 1), (second, 2)] {
        let (bytes, _) = group.seal(segment.salt, sequence);
        segment.file.write_all_at(&bytes, at).unwrap();
        at += bytes.len() as u64;
    }
    let mut bytes = std::fs::read(&segment.path).unwrap();
    assert!(bytes.drain(usize::try_from(at).unwrap()..).all(|byte| byte == 0), "the rest is zeros");
    bytes
}

fn events() -> Vec<Event> {
    let at = OrderRef { index: LogIndex(258), position: 0 };
    let order = Order {
        at,
        buyer: "ann".into(),
        lines: [Line { sku: SkuId(3), units: 2 }].into_iter().collect(),
        created: Stamp(77),
        node: NodeId(1),
        key: KeyHash(9),
        previous: Some(OrderRef { index: LogIndex(7), position: 1 }),
    };
    let status = Status::Held { until: Stamp(99), extended: false };
    vec![
        Event { position: 0, kind: EventKind::Accepted { order, status } },
        Event { position: 1, kind: EventKind::Changed { order: at, status: Status::Confirmed, content: None } },
        Event { position: 2, kind: EventKind::BuyerForgotten { buyer: BuyerHash(5), latest: at } },
    ]
}

/// So many of another region that they stand in a list.
fn many_marks() -> Marks {
    let skus = |of: u32| (0..70).map(|n| SkuId(of * n)).collect();
    [((LogIndex(64), 3), skus(1)), ((LogIndex(127), 300), skus(900))].into()
}

fn identity() -> IdentityV1 {
    let roster = Roster { cluster: ClusterId(4), members: [(NodeId(1), DiskId(6))].into() };
    IdentityV1 { disk: DiskId(6), node: NodeId(1), incarnation: Incarnation(3), cluster: Some(roster) }
}

fn starts() -> OwnStarts {
    let mut starts = OwnStarts::default();
    starts.add(Incarnation(2), 5);
    starts.add(Incarnation(3), 9);
    starts
}

fn met() -> std::collections::BTreeMap<NodeId, Met> {
    [(NodeId(2), Met { disk: DiskId(8), incarnation: Incarnation(4), nonce: 11 })].into()
}

/// Everything that is written, by name, as this build writes it.
fn written(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    all.push(("segment".to_owned(), segment(dir)));
    let puts = puts_of(LogIndex(258), Stamp(77), &events());
    let statuses: Vec<_> = statuses::puts_of(&puts.statuses.into_iter().collect()).collect();
    let marks = marks::puts_of(&puts.marks.into_iter().chain(many_marks()).collect());
    for (key, value) in puts.items.into_iter().chain(marks).chain(statuses) {
        all.push((format!("orders {}", hex(&key)), value.to_vec()));
    }
    for (name, kind, body) in
        [("identity", 1, codec::encode(&identity())), ("starts", 3, codec::encode(&starts())), ("peers", 2, codec::encode(&met()))]
    {
        let file = DurableFile::new(dir.join(name), kind);
        file.write(&body).unwrap();
        all.push((name.to_owned(), std::fs::read(file.path()).unwrap()));
    }
    let data = DataDir::open(&dir.join("data"), OpenMode::Create).unwrap();
    data.start(NodeId(1)).unwrap();
    let mut writer = data.snapshots().unwrap().writer(258, 2, b"meta").unwrap();
    writer.chunk(b"first").unwrap();
    writer.chunk(b"second").unwrap();
    all.push(("snapshot".to_owned(), std::fs::read(writer.finish().unwrap().path).unwrap()));
    all
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn fixture(text: &str) -> Vec<(String, Vec<u8>)> {
    text.lines().map(|line| line.split_once(" = ").unwrap()).map(|(name, value)| (name.to_owned(), unhex(value))).collect()
}

fn before() -> impl Iterator<Item = (String, Vec<u8>)> {
    BEFORE.into_iter().flat_map(fixture)
}

fn fixed(name: &str) -> Vec<u8> {
    fixture(FIXTURE).into_iter().find(|(other, _)| other == name).unwrap().1
}

#[test]
fn this_build_writes_the_committed_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let written = written(dir.path());
    let text = written.iter().map(|(name, value)| format!("{name} = {}\n", hex(value))).collect::<Vec<_>>().concat();
    assert!(written == fixture(FIXTURE), "the format changed; now it is:\n{text}");
}

#[test]
fn this_build_reads_the_committed_bytes() {
    let at = OrderRef { index: LogIndex(258), position: 0 };
    for (name, value) in fixture(FIXTURE).into_iter().chain(before()) {
        let Some(key) = name.strip_prefix("orders ").map(unhex) else { continue };
        match key[0] {
            b'E' => assert_eq!(Page::read(&key, &value).unwrap().events, events()),
            b'S' => {
                let mut statuses = ByOrder::new();
                statuses::read(&key, &value, &mut statuses).unwrap();
                assert_eq!(statuses[&at].status.status, Status::Confirmed);
            }
            b'L' => {
                let mut read = Marks::new();
                marks::read(&key, &value).unwrap().into_iter().for_each(|(sku, page)| read.entry(page).or_default().push(sku));
                assert_eq!(read, many_marks());
            }
            _ => assert!(value.is_empty()),
        }
    }
}

#[test]
fn this_build_reads_the_committed_log() {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::open(dir.path(), OpenMode::Create).unwrap();
    data.start(NodeId(1)).unwrap();
    let mut segment = fixed("segment");
    segment.resize(8_192, 0);
    std::fs::write(dir.path().join("log/0000000001.segment"), segment).unwrap();
    let log = data.log().unwrap();
    assert_eq!(log.read(258, 300, usize::MAX).unwrap(), [record(258)]);
    assert_eq!(log.bounds().purged, Some((257, Bytes::from_static(b"marker"))));
    assert_eq!(log.bounds().last, Some((258, Bytes::from_static(b"head"))));
    assert_eq!((log.vote(), log.committed()), (Some(Bytes::from_static(b"vote")), Some(Bytes::from_static(b"committed"))));
}

#[test]
fn this_build_reads_the_committed_files() {
    let dir = tempfile::tempdir().unwrap();
    for (name, kind, expected) in
        [("identity", 1, codec::encode(&identity())), ("starts", 3, codec::encode(&starts())), ("peers", 2, codec::encode(&met()))]
    {
        for (_, bytes) in fixture(FIXTURE).into_iter().chain(before()).filter(|(other, _)| other == name) {
            std::fs::write(dir.path().join(name), bytes).unwrap();
            assert_eq!(DurableFile::new(dir.path().join(name), kind).read().unwrap().unwrap(), expected);
        }
    }
    let data = DataDir::open(&dir.path().join("data"), OpenMode::Create).unwrap();
    data.start(NodeId(1)).unwrap();
    std::fs::write(dir.path().join("data/snapshots/258-2.snap"), fixed("snapshot")).unwrap();
    let snapshots = data.snapshots().unwrap();
    let newest = snapshots.newest().unwrap();
    assert_eq!((newest.index, newest.term, &newest.meta[..]), (258, 2, &b"meta"[..]));
    let chunks: Vec<_> = snapshots.reader(&newest).unwrap().map(Result::unwrap).collect();
    assert_eq!(chunks, [b"first".to_vec(), b"second".to_vec()]);
}

fn open_orders(root: &Path) -> OrderLog {
    let data = DataDir::open(root, OpenMode::Create).unwrap();
    data.start(NodeId(1)).unwrap();
    data.orders().unwrap()
}

fn put_order_item(root: &Path, key: &[u8], body: &[u8]) {
    let engine = Engine::open(&root.join("orders"), Arc::new(DataSync)).unwrap();
    let mut batch = Batch::default();
    batch.put(key, seal(key, &[body]).into());
    engine.apply(batch).unwrap();
    engine.sync().unwrap();
}

#[test]
fn an_order_log_of_format_2_is_read_and_goes_on_as_this_one() {
    let root = tempfile::tempdir().unwrap();
    let (at, status) = (OrderRef { index: LogIndex(1), position: 4 }, |status| StatusAt { status, since: Stamp(9) });
    open_orders(root.path()).append(LogIndex(2), Stamp(1), &[]).unwrap();
    let key = status_key(at);
    let confirmed = StatusV1 { at: (LogIndex(2), 0), status: status(Status::Confirmed) };
    put_order_item(root.path(), &key, &codec::encode(&confirmed));
    let log = open_orders(root.path());
    assert_eq!((log.appended_index(), log.was_reset()), (Some(LogIndex(2)), false));
    assert_eq!(log.changes().of(at).unwrap(), Some(confirmed.status));
    let cancelled = EventKind::Changed { order: at, status: Status::Cancelled, content: None };
    log.append(LogIndex(3), Stamp(9), &[Event { position: 0, kind: cancelled }]).unwrap();
    drop(log);
    let log = open_orders(root.path());
    assert_eq!((log.appended_index(), log.changes().of(at).unwrap()), (Some(LogIndex(3)), Some(status(Status::Cancelled))));
    log.check().unwrap();
}
