//! Keys of the order log: a letter and big-endian integers.
//!
//! | key | value |
//! |---|---|
//! | `E` index position | a page: the entry's stamp and its events from that position on |
//! | `S` index position index position | statuses that changed since acceptance, of orders from the first place on; the second place is the newest change among them |
//! | `S` index position | a single order's latest status, as format 2 of the directory wrote it |
//! | `K` sku index position | nothing: that page accepts an order with this SKU |
//! | `L` index position index position | the same of many pages of a region, the first and the last of which have these places |
//! | `B` buyer index position | nothing: a chain of that buyer's orders ends here |
//! | `M` `T` | last entry whose pages are all written |
//! | `M` `G` | missing ranges |

use holdfast_inventory::{BuyerHash, LogIndex, OrderRef, SkuId};

use crate::Place;
use crate::frame::damaged;
use crate::limits::STATUS_GROUP;

pub(crate) const THROUGH_KEY: &[u8] = b"MT";
pub(crate) const MISSING_KEY: &[u8] = b"MG";

const PLACE_BYTES: usize = 10;
const PAGE_KEY_BYTES: usize = 1 + PLACE_BYTES;
const LIST_KEY_BYTES: usize = 1 + 2 * PLACE_BYTES;

pub(crate) fn page_key(place: Place) -> Vec<u8> {
    key(b'E', &[], place)
}

/// The key of an item that keeps statuses of the group that begins with `group`.
pub(crate) fn statuses_key(group: OrderRef, newest: Place) -> Vec<u8> {
    let mut key = status_key(group);
    push_place(&mut key, newest);
    key
}

/// Where the items of a group begin and end, single statuses of its orders among them.
pub(crate) fn statuses_range(group: OrderRef) -> (Vec<u8>, Vec<u8>) {
    let end = match group.position.checked_add(STATUS_GROUP) {
        Some(position) => OrderRef { position, ..group },
        None => OrderRef { index: LogIndex(group.index.0.saturating_add(1)), position: 0 },
    };
    (status_key(group), status_key(end))
}

/// Where all pages begin and end.
pub(crate) const ALL_PAGES: (&[u8], &[u8]) = (b"E", b"F");

/// Where all marks begin and end that stand apart.
pub(crate) const ALL_MARKS_APART: (&[u8], &[u8]) = (b"K", b"L");

/// Where all lists of marks begin and end.
pub(crate) const ALL_MARK_LISTS: (&[u8], &[u8]) = (b"L", b"M");

/// Where all items with statuses begin and end.
pub(crate) const ALL_STATUSES: (&[u8], &[u8]) = (b"S", b"T");

/// Whose statuses an item keeps.
pub(crate) enum StatusKey {
    /// A single order's, in the form of format 2.
    One(OrderRef),
    /// Of a group that begins with this order.
    Group(OrderRef),
}

impl StatusKey {
    pub(crate) fn read(key: &[u8]) -> std::io::Result<Self> {
        let order = |key| place_of(key).map(|(index, position)| OrderRef { index, position });
        match key.len().checked_sub(1 + PLACE_BYTES) {
            Some(0) => Ok(Self::One(order(key)?)),
            Some(PLACE_BYTES) => Ok(Self::Group(order(&key[..=PLACE_BYTES])?)),
            _ => Err(damaged("the key of a status is of a wrong length")),
        }
    }
}

/// The key of a single order's status, in the form of format 2.
pub(crate) fn status_key(order: OrderRef) -> Vec<u8> {
    key(b'S', &[], (order.index, order.position))
}

pub(crate) fn sku_key(sku: SkuId, place: Place) -> Vec<u8> {
    key(b'K', &sku.0.to_be_bytes(), place)
}

/// The SKU in the key of a mark that stands apart.
pub(crate) fn sku_of(key: &[u8]) -> std::io::Result<SkuId> {
    match key {
        [b'K', s0, s1, s2, s3, place @ ..] if place.len() == PLACE_BYTES => Ok(SkuId(u32::from_be_bytes([*s0, *s1, *s2, *s3]))),
        _ => Err(damaged("the key of a SKU's mark is of a wrong length")),
    }
}

pub(crate) fn mark_list_key(first: Place, last: Place) -> Vec<u8> {
    let mut key = mark_lists_from(first);
    push_place(&mut key, last);
    key
}

/// The place of a page.
pub(crate) fn page_begins(key: &[u8]) -> std::io::Result<Place> {
    match key.len() {
        PAGE_KEY_BYTES => place_of(key),
        _ => Err(damaged("the key of a page is of a wrong length")),
    }
}

/// The place of a list's first page.
pub(crate) fn list_begins(key: &[u8]) -> std::io::Result<Place> {
    match key.len() {
        LIST_KEY_BYTES => place_of(&key[..=PLACE_BYTES]),
        _ => Err(damaged("the key of a list of marks is of a wrong length")),
    }
}

/// Where lists of marks begin whose first page is at `first` or later.
pub(crate) fn mark_lists_from(first: Place) -> Vec<u8> {
    key(b'L', &[], first)
}

pub(crate) fn buyer_key(buyer: BuyerHash, place: Place) -> Vec<u8> {
    key(b'B', &buyer.0.to_be_bytes(), place)
}

fn key(tag: u8, scope: &[u8], place: Place) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + scope.len() + PLACE_BYTES);
    key.push(tag);
    key.extend_from_slice(scope);
    push_place(&mut key, place);
    key
}

fn push_place(key: &mut Vec<u8>, place: Place) {
    key.extend_from_slice(&place.0.0.to_be_bytes());
    key.extend_from_slice(&place.1.to_be_bytes());
}

/// The place at the end of a key.
pub(crate) fn place_of(key: &[u8]) -> std::io::Result<Place> {
    let Some([i0, i1, i2, i3, i4, i5, i6, i7, p0, p1]) = key.last_chunk::<PLACE_BYTES>() else {
        return Err(damaged("a key of the order log is too short"));
    };
    Ok((LogIndex(u64::from_be_bytes([*i0, *i1, *i2, *i3, *i4, *i5, *i6, *i7])), u16::from_be_bytes([*p0, *p1])))
}

/// The place after `place`.
pub(crate) fn after(place: Place) -> Place {
    place.1.checked_add(1).map_or((LogIndex(place.0.0.saturating_add(1)), 0), |position| (place.0, position))
}
