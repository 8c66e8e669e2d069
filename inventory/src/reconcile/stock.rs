//! What the policy reads of the applied state.

use crate::{Inventory, Mode, NodeId, SessionId, SkuId, Stamp};

/// The applied state of the leader.
pub trait Stock {
    /// The members.
    fn members(&self) -> Vec<NodeId>;
    /// The open sessions, one a node at most.
    fn open_sessions(&self) -> Vec<(NodeId, SessionId)>;
    /// How many SKUs there are: their numbers are `0..sku_count`.
    fn sku_count(&self) -> u32;
    /// One SKU.
    fn sku_stock(&self, sku: SkuId) -> Option<SkuStock>;
    /// Deadline of the oldest hold that was not swept; none if nothing is held.
    fn next_deadline(&self) -> Option<Stamp>;
    /// A SKU is pooled below this many units a member.
    fn pooled_below_per_node(&self) -> u64;
    /// A SKU is sliced at or above this many units a member.
    fn sliced_above_per_node(&self) -> u64;
}

/// The units of one SKU that nobody has bought, by where they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkuStock {
    /// Which SKU.
    pub sku: SkuId,
    /// Its mode.
    pub mode: Mode,
    /// Units that no node has.
    pub pool: u64,
    /// Units of each open session; those without any may be missing.
    pub slices: Vec<(SessionId, u64)>,
}

impl SkuStock {
    /// Pool and slices together.
    pub fn available(&self) -> u64 {
        self.slices.iter().fold(self.pool, |sum, (_, units)| sum.saturating_add(*units))
    }

    /// Units of one session.
    pub fn slice(&self, session: SessionId) -> u64 {
        self.slices.iter().find(|(id, _)| *id == session).map_or(0, |(_, units)| *units)
    }
}

impl Stock for Inventory {
    fn members(&self) -> Vec<NodeId> {
        Inventory::members(self).to_vec()
    }

    fn open_sessions(&self) -> Vec<(NodeId, SessionId)> {
        self.sessions().filter(|session| session.open).map(|session| (session.node, session.id)).collect()
    }

    fn sku_count(&self) -> u32 {
        u32::try_from(self.gauges().skus).unwrap_or(u32::MAX)
    }

    fn sku_stock(&self, sku: SkuId) -> Option<SkuStock> {
        let sku = self.sku(sku)?;
        let slices = sku.slices.iter().map(|slice| (slice.session, slice.units)).collect();
        Some(SkuStock { sku: sku.id, mode: sku.mode, pool: sku.pool, slices })
    }

    fn next_deadline(&self) -> Option<Stamp> {
        Inventory::next_deadline(self)
    }

    fn pooled_below_per_node(&self) -> u64 {
        self.params().pooled_below_per_node
    }

    fn sliced_above_per_node(&self) -> u64 {
        self.params().sliced_above_per_node
    }
}
