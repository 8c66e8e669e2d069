//! All SKUs by number and by name. Chunks are shared, so that a clone of the state copies pointers.

use std::sync::Arc;

use super::gradual_map::{GradualMap, HashedKey, Told};
use super::hashing::{Domain, Keyed};
use super::limits::SKU_CHUNK;
use super::sku::Sku;
use crate::{Secret, SkuId};

/// Keyed hash of a SKU's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct NameHash(u128);

impl HashedKey for NameHash {
    fn bits(self) -> u128 {
        self.0
    }
}

impl Told for SkuId {
    fn tell(&self, hash: &mut Keyed) {
        hash.u64(u64::from(self.0));
    }
}

/// See the top of the file.
#[derive(Clone)]
pub(super) struct SkuTable {
    chunks: Vec<Arc<Vec<Sku>>>,
    names: GradualMap<NameHash, SkuId>,
    secret: Secret,
}

impl SkuTable {
    pub(super) fn new(secret: Secret) -> Self {
        Self { chunks: Vec::new(), names: GradualMap::new(secret), secret }
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn id(&self, name: &str) -> Option<SkuId> {
        self.names.get(self.name_hash(name)).copied()
    }

    pub(super) fn get(&self, id: SkuId) -> Option<&Sku> {
        let at = id.0 as usize;
        self.chunks.get(at / SKU_CHUNK)?.get(at % SKU_CHUNK)
    }

    pub(super) fn get_mut(&mut self, id: SkuId) -> Option<&mut Sku> {
        let at = id.0 as usize;
        Arc::make_mut(self.chunks.get_mut(at / SKU_CHUNK)?).get_mut(at % SKU_CHUNK)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Sku> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// Appends the SKU with the next number; false if its number is not the next, or its name is taken.
    pub(super) fn push(&mut self, sku: Sku) -> bool {
        let name = self.name_hash(sku.name.as_str());
        if sku.id.0 as usize != self.len() || self.names.get(name).is_some() {
            return false;
        }
        self.names.insert(name, sku.id);
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < SKU_CHUNK => Arc::make_mut(chunk).push(sku),
            _ => self.chunks.push(Arc::new(vec![sku])),
        }
        true
    }

    pub(super) fn chunk(&self, at: usize) -> Option<&Arc<Vec<Sku>>> {
        self.chunks.get(at)
    }

    pub(super) fn chunks(&self) -> usize {
        self.chunks.len()
    }

    fn name_hash(&self, name: &str) -> NameHash {
        NameHash(Keyed::new(&self.secret, Domain::SkuName).bytes(name.as_bytes()).wide())
    }
}
