//! Keys of the order log: a letter and big-endian integers.
//!
//! | key | value |
//! |---|---|
//! | `E` index position | a page: the entry's stamp and its events from that position on |
//! | `S` index position | an order's latest status, if it changed since its acceptance |
//! | `K` sku index position | nothing: that page accepts an order with this SKU |
//! | `B` buyer index position | nothing: a chain of that buyer's orders ends here |
//! | `M` `T` | last entry whose pages are all written |
//! | `M` `G` | missing ranges |

use holdfast_inventory::{BuyerHash, LogIndex, OrderRef, SkuId};

use crate::Place;
use crate::frame::damaged;

pub(crate) const THROUGH_KEY: &[u8] = b"MT";
pub(crate) const MISSING_KEY: &[u8] = b"MG";

const PLACE_BYTES: usize = 10;

pub(crate) fn page_key(place: Place) -> Vec<u8> {
    key(b'E', &[], place)
}

pub(crate) fn status_key(order: OrderRef) -> Vec<u8> {
    key(b'S', &[], (order.index, order.position))
}

pub(crate) fn sku_key(sku: SkuId, place: Place) -> Vec<u8> {
    key(b'K', &sku.0.to_be_bytes(), place)
}

pub(crate) fn buyer_key(buyer: BuyerHash, place: Place) -> Vec<u8> {
    key(b'B', &buyer.0.to_be_bytes(), place)
}

fn key(tag: u8, scope: &[u8], place: Place) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + scope.len() + PLACE_BYTES);
    key.push(tag);
    key.extend_from_slice(scope);
    key.extend_from_slice(&place.0.0.to_be_bytes());
    key.extend_from_slice(&place.1.to_be_bytes());
    key
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
