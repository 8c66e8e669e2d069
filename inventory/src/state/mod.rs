//! The replicated state: one file per command, each in two phases (decide, then carry out).
//!
//! Promises: [`Inventory::apply`] is total and deterministic. Time is the entry's stamp, clamped to never go back;
//! an order's id is its entry and position; every number that decides an outcome is in the replicated
//! [`Params`](crate::Params); no iteration order of a hash map reaches state, snapshot or digest.
//! `stock = pool + Σ slice + held + confirmed` is asserted for each touched SKU after each entry, in release builds.
//!
//! *Architecture invariant:* a clone costs one pointer per shard or page, and a later write copies the touched shard
//! only; so a snapshot is taken by cloning under a lock and written without it.
//!
//! Map:
//!
//! | file | holds |
//! |---|---|
//! | `apply` | the dispatcher, and what every entry does: clock, sweep, command, notices, digest |
//! | `bootstrap`, `create_sku`, `patch_sku`, `adjust_stock`, `set_sale`, `set_members`, `open_session`, `close_session`, `grant`, `set_mode` | a command each |
//! | `batch` | sessions, numbers and dispatch of a batch; `order`, `confirm`, `release`, `cancel`, `extend`, `return_units` a request each |
//! | `expire`, `forget_keys`, `forget_orders`, `forget_adjustments`, `forget_buyers` | what passing time does |
//! | `transition` | what the steps in an order's life share |
//! | `sku`, `sku_table`, `session`, `records` | what is remembered |
//! | `gradual_map`, `shard`, `dense`, `pages`, `deadlines` | how |
//! | `hashing`, `digest` | keyed hashes; agreement of replicas |
//! | `read` | questions |
//! | `snapshot`, `snapshot_part`, `snapshot_reader`, `plain_records` | the state as bytes, and back |

mod adjust_stock;
mod apply;
mod batch;
mod bootstrap;
mod cancel;
mod close_session;
mod confirm;
mod create_sku;
mod deadlines;
mod dense;
mod digest;
mod entry;
mod expire;
mod extend;
mod forget_adjustments;
mod forget_buyers;
mod forget_keys;
mod forget_orders;
mod gradual_map;
mod grant;
mod hashes;
mod hashing;
mod limits;
mod open_session;
mod order;
mod pages;
mod patch_sku;
mod plain_records;
mod read;
mod records;
mod release;
mod return_units;
mod session;
mod set_members;
mod set_mode;
mod set_sale;
mod shard;
mod sku;
mod sku_table;
mod snapshot;
mod snapshot_part;
mod snapshot_reader;
mod transition;

use std::sync::Arc;

pub use hashes::Hashes;
pub use read::{Gauges, OrderNow};
pub use session::Session;
pub use sku::{Sku, Slice};
pub use snapshot::SnapshotChunks;
pub use snapshot_reader::{SnapshotError, SnapshotReader};

use crate::{BuyerHash, Epoch, KeyHash, LogIndex, NodeId, Params, Secret, Stamp};
use deadlines::Deadlines;
use gradual_map::GradualMap;
use limits::{HOLD_GRANULE, KEEP_GRANULE};
use pages::{Packed, Pages};
use records::{Adjustment, Buyer, HeldOrder, KeyEntry, OrderRecord};
use session::Sessions;
use sku_table::SkuTable;

/// What the bootstrap fixed.
#[derive(Clone, Debug)]
struct Founding {
    params: Params,
    secret: Secret,
}

/// Everything that all nodes agree on, at one log index.
#[derive(Clone)]
pub struct Inventory {
    last_index: LogIndex,
    clock: Stamp,
    digest: u128,
    epoch: Epoch,
    is_bootstrapped: bool,
    founding: Arc<Founding>,
    members: Arc<[NodeId]>,
    sessions: Sessions,
    skus: SkuTable,
    keys: GradualMap<KeyHash, KeyEntry>,
    orders: Pages<OrderRecord>,
    held: Pages<HeldOrder>,
    buyers: GradualMap<BuyerHash, Buyer>,
    adjustments: GradualMap<KeyHash, Adjustment>,
    hold_deadlines: Deadlines<Packed>,
    key_deadlines: Deadlines<KeyHash>,
    order_deadlines: Deadlines<Packed>,
    adjustment_deadlines: Deadlines<KeyHash>,
    /// Remembered orders whose key is forgotten: they count towards the bound on remembered orders.
    keyless: u64,
    /// Shard of `buyers` that the next tick looks through.
    buyer_cursor: usize,
}

impl Default for Inventory {
    fn default() -> Self {
        Self::new()
    }
}

impl Inventory {
    /// The state before the first entry: members can be set; every other command waits for the bootstrap.
    pub fn new() -> Self {
        Self::founded(Founding { params: Params::default(), secret: Secret([0; 16]) })
    }

    fn founded(founding: Founding) -> Self {
        let secret = founding.secret;
        Self {
            last_index: LogIndex(0),
            clock: Stamp(0),
            digest: 0,
            epoch: Epoch(0),
            is_bootstrapped: false,
            founding: Arc::new(founding),
            members: Arc::new([]),
            sessions: Sessions::default(),
            skus: SkuTable::new(secret),
            keys: GradualMap::new(secret),
            orders: Pages::new(secret),
            held: Pages::new(secret),
            buyers: GradualMap::new(secret),
            adjustments: GradualMap::new(secret),
            hold_deadlines: Deadlines::new(HOLD_GRANULE),
            key_deadlines: Deadlines::new(KEEP_GRANULE),
            order_deadlines: Deadlines::new(KEEP_GRANULE),
            adjustment_deadlines: Deadlines::new(KEEP_GRANULE),
            keyless: 0,
            buyer_cursor: 0,
        }
    }
}
