//! What the order log has not written yet, readable like what it has: an ordered map over the database.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_inventory::{LogIndex, OrderRef, SkuId};

use crate::Missing;
use crate::engine::Slice;
use crate::limits::ORDER_UNWRITTEN_BYTES;
use crate::marks::Marks;
use crate::pages::{Place, Put};
use crate::statuses::{ByOrder, StatusV1, put_newest, whole};

/// What is to be written: items, and marks and statuses that the writer makes items of.
#[derive(Default)]
pub(crate) struct Table {
    pub(crate) items: BTreeMap<Vec<u8>, Slice>,
    pub(crate) marks: Marks,
    pub(crate) statuses: ByOrder,
}

impl Table {
    /// Pages before `end` that accept orders with a SKU, in order.
    pub(crate) fn marked(&self, sku: SkuId, end: Place) -> impl Iterator<Item = Place> {
        self.marks.range(..end).filter(move |(_, skus)| skus.binary_search(&sku).is_ok()).map(|(page, _)| *page)
    }
}

/// What a page with marks counts for, beside them.
const MARKED_BYTES: usize = size_of::<(Place, Vec<SkuId>)>() + 32;

/// What a status counts for.
const STATUS_BYTES: usize = size_of::<(OrderRef, StatusV1)>() + 16;

/// Unwritten keys, and how far the log goes.
#[derive(Default)]
pub(crate) struct Memtable {
    active: Table,
    active_bytes: usize,
    /// What the writer is writing: dropped only when the database has it.
    writing: Option<Arc<Table>>,
    writing_bytes: usize,
    /// Last entry appended or jumped to.
    pub(crate) appended: Option<LogIndex>,
    /// Last entry that the database has.
    pub(crate) written: Option<LogIndex>,
    /// Last entry that survives a power cut.
    pub(crate) durable: Option<LogIndex>,
    /// Ranges without pages, oldest first.
    pub(crate) missing: Vec<Missing>,
    /// Whether `missing` changed since it was handed to the writer.
    pub(crate) missing_is_new: bool,
    /// Entry up to which someone waits for a sync.
    pub(crate) sync_wanted: Option<LogIndex>,
    pub(crate) is_closed: bool,
    /// Whether the writer has ended.
    pub(crate) is_ended: bool,
}

/// What the writer takes in one go.
pub(crate) struct Gathered {
    pub(crate) table: Arc<Table>,
    pub(crate) through: Option<LogIndex>,
    pub(crate) missing: Option<Vec<Missing>>,
}

impl Memtable {
    /// An empty one over a database that durably has everything up to `through`, except `missing`.
    pub(crate) fn recovered(through: Option<LogIndex>, missing: Vec<Missing>) -> Self {
        Self { appended: through, written: through, durable: through, missing, ..Self::default() }
    }

    pub(crate) fn put(&mut self, (key, value): Put) {
        self.active_bytes += key.len() + value.len() + 64;
        self.active.items.insert(key, value);
    }

    /// Notes the SKUs, ascending, of which a page accepts orders.
    pub(crate) fn put_marks(&mut self, page: Place, skus: Vec<SkuId>) {
        self.active_bytes += MARKED_BYTES + skus.len() * size_of::<SkuId>();
        self.active.marks.insert(page, skus);
    }

    /// Keeps a status unless a newer one of the same order is here.
    pub(crate) fn put_status(&mut self, order: OrderRef, status: StatusV1) {
        self.active_bytes += STATUS_BYTES;
        put_newest(&mut self.active.statuses, order, status);
    }

    /// Whether the bytes that the database does not have are within their bound.
    pub(crate) fn has_room(&self) -> bool {
        self.active_bytes + self.writing_bytes <= ORDER_UNWRITTEN_BYTES
    }

    /// Bytes that the writer has not begun to write.
    pub(crate) fn active_bytes(&self) -> usize {
        self.active_bytes
    }

    /// Whether there is something for the writer.
    pub(crate) fn is_dirty(&self) -> bool {
        self.appended != self.written || self.missing_is_new || self.active_bytes > 0
    }

    /// Hands everything to the writer; readers still find it here.
    pub(crate) fn gather(&mut self) -> Gathered {
        let table = Arc::new(std::mem::take(&mut self.active));
        self.writing_bytes = std::mem::take(&mut self.active_bytes);
        self.writing = Some(Arc::clone(&table));
        let missing = std::mem::take(&mut self.missing_is_new).then(|| self.missing.clone());
        Gathered { table, through: self.appended, missing }
    }

    /// Whether someone waits for a sync that can be done now.
    pub(crate) fn is_sync_due(&self) -> bool {
        self.sync_wanted.is_some_and(|wanted| self.appended >= Some(wanted))
    }

    /// Hears that the database has what was gathered.
    pub(crate) fn written(&mut self, through: Option<LogIndex>) {
        self.writing = None;
        self.writing_bytes = 0;
        self.written = through;
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<Slice> {
        self.active.items.get(key).or_else(|| self.writing.as_ref()?.items.get(key)).cloned()
    }

    /// What the writer has not begun to write.
    pub(crate) fn active(&self) -> &Table {
        &self.active
    }

    /// What it is writing.
    pub(crate) fn writing(&self) -> Option<Arc<Table>> {
        self.writing.clone()
    }

    /// An order's status, if it is to be written.
    pub(crate) fn status(&self, order: OrderRef) -> Option<StatusV1> {
        // A status is put here only if no newer one is known: the active table's is the newer.
        self.tables().find_map(|table| table.statuses.get(&order)).copied()
    }

    /// The statuses of a group that are to be written.
    pub(crate) fn statuses_of(&self, group: OrderRef) -> ByOrder {
        let mut statuses = ByOrder::new();
        for (order, status) in self.tables().flat_map(|table| table.statuses.range(whole(group))) {
            put_newest(&mut statuses, *order, *status);
        }
        statuses
    }

    /// The last key in `from..to`.
    pub(crate) fn last_in(&self, from: &[u8], to: &[u8]) -> Option<Put> {
        let last = self.tables().filter_map(|table| table.items.range::<[u8], _>(bounds(from, to)).next_back());
        // Of equal keys the active table's is the newer, and it comes first.
        last.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(key, value)| (key.clone(), value.clone()))
    }

    /// The first key in `from..to`.
    pub(crate) fn first_in(&self, from: &[u8], to: &[u8]) -> Option<Put> {
        let first = self.tables().filter_map(|table| table.items.range::<[u8], _>(bounds(from, to)).next());
        first.min_by(|a, b| a.0.cmp(b.0)).map(|(key, value)| (key.clone(), value.clone()))
    }

    /// The newer one first.
    fn tables(&self) -> impl Iterator<Item = &Table> {
        [Some(&self.active), self.writing.as_deref()].into_iter().flatten()
    }
}

fn bounds<'a>(from: &'a [u8], to: &'a [u8]) -> (std::ops::Bound<&'a [u8]>, std::ops::Bound<&'a [u8]>) {
    (std::ops::Bound::Included(from), std::ops::Bound::Excluded(if to < from { from } else { to }))
}
