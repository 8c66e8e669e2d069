//! Names of SKUs as this node has met them.
//!
//! A SKU's name and number never change and are never reused, so what is remembered stays true, and an order finds its
//! SKU without locking the state against the next apply. Only names that exist are remembered: callers cannot fill it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use holdfast_inventory::{Inventory, Line, SkuId};

use super::limits::MAX_KNOWN_NAMES;

/// The names met so far, both ways.
#[derive(Default)]
pub(crate) struct SkuNames {
    known: RwLock<Known>,
}

/// A read lock on the names; held for look-ups only.
pub(crate) struct Names<'a>(RwLockReadGuard<'a, Known>);

#[derive(Default)]
struct Known {
    by_name: HashMap<Arc<str>, SkuId>,
    by_id: HashMap<SkuId, Arc<str>>,
}

impl SkuNames {
    /// The number of a SKU: remembered, or asked of `inventory` and remembered then.
    pub(crate) fn id<'a>(&self, name: &str, inventory: impl FnOnce() -> RwLockReadGuard<'a, Inventory>) -> Option<SkuId> {
        if let Some(id) = self.read().0.by_name.get(name) {
            return Some(*id);
        }
        // Bound first, so that the state's lock is free again before the table's is taken.
        let found = inventory().sku_id(name);
        if let Some(id) = found {
            self.remember(id, name);
        }
        found
    }

    /// The names, those of `lines` among them.
    pub(crate) fn covering<'a>(&self, lines: &[Line], inventory: impl FnOnce() -> RwLockReadGuard<'a, Inventory>) -> Names<'_> {
        let names = self.read();
        if lines.iter().all(|line| names.0.by_id.contains_key(&line.sku)) {
            return names;
        }
        drop(names);
        let found: Vec<(SkuId, Box<str>)> = {
            let inventory = inventory();
            lines.iter().filter_map(|line| Some((line.sku, inventory.sku(line.sku)?.name.as_str().into()))).collect()
        };
        for (id, name) in found {
            self.remember(id, &name);
        }
        self.read()
    }

    fn read(&self) -> Names<'_> {
        Names(self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn remember(&self, id: SkuId, name: &str) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.by_id.len() < MAX_KNOWN_NAMES {
            let name: Arc<str> = name.into();
            known.by_name.insert(Arc::clone(&name), id);
            known.by_id.insert(id, name);
        }
    }
}

impl Names<'_> {
    /// A SKU's name; for a number that no SKU of this node has, which is a defect elsewhere, a question mark.
    pub(crate) fn name(&self, id: SkuId) -> &str {
        self.0.by_id.get(&id).map_or("?", |name| name)
    }
}
