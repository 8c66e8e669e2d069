//! What the Desk reads of the replicated state: small copies, so that it decides without holding a lock on the state.

use crate::{Fingerprint, LateConfirm, Millis, Mode, OrderRef, SkuId, Stamp, Version};

/// The numbers of one SKU at one applied index, as one session sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkuView {
    /// Which SKU.
    pub sku: SkuId,
    /// Whether orders draw from slices or from the pool.
    pub mode: Mode,
    /// Units ever added, net.
    pub stock: u64,
    /// Units that no node has.
    pub pool: u64,
    /// Units in the slice of the session that was asked for; zero without one.
    pub slice: u64,
    /// Units in all slices together.
    pub slices: u64,
    /// Units of held orders.
    pub held: u64,
    /// Units of confirmed orders.
    pub confirmed: u64,
    /// No order before this stamp.
    pub opens_at: Option<Stamp>,
    /// No order at this stamp or later.
    pub closes_at: Option<Stamp>,
    /// Stopped by its owner, whatever the hours say.
    pub stopped: bool,
    /// Most units that one buyer may have, held and confirmed.
    pub per_buyer_limit: Option<u32>,
    /// How long an order is held; zero: bought at once.
    pub hold_ttl: Millis,
    /// What a confirm after expiry does.
    pub late_confirm: LateConfirm,
    /// Version of the settings.
    pub version: Version,
}

/// Whether a SKU sells at a stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaleState {
    /// It sells.
    Open,
    /// Not yet.
    NotOpen {
        /// First stamp at which it sells.
        opens_at: Stamp,
    },
    /// Over, or stopped by its owner.
    Closed,
}

/// What the state remembers of an idempotency key: only accepted orders are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// The order that the key owns.
    pub order: OrderRef,
    /// What its request said.
    pub fingerprint: Fingerprint,
}

impl SkuView {
    /// Units that nobody has bought or holds: pool and all slices.
    ///
    /// Saturates; conservation keeps the true sum within `stock`.
    pub fn available(&self) -> u64 {
        self.pool.saturating_add(self.slices)
    }

    /// Whether the SKU sells at `stamp`. Not yet open is found before closed, as in the precedence of refusals.
    pub fn sale_state(&self, stamp: Stamp) -> SaleState {
        match (self.opens_at, self.closes_at) {
            (Some(opens_at), _) if stamp < opens_at => SaleState::NotOpen { opens_at },
            (_, Some(closes_at)) if stamp >= closes_at => SaleState::Closed,
            _ if self.stopped => SaleState::Closed,
            _ => SaleState::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> SkuView {
        SkuView {
            sku: SkuId(0),
            mode: Mode::Sliced,
            stock: 10,
            pool: 3,
            slice: 2,
            slices: 5,
            held: 1,
            confirmed: 1,
            opens_at: Some(Stamp(100)),
            closes_at: Some(Stamp(200)),
            stopped: false,
            per_buyer_limit: None,
            hold_ttl: Millis(0),
            late_confirm: LateConfirm::Refuse,
            version: Version(1),
        }
    }

    #[test]
    fn a_sale_opens_at_its_first_stamp_and_is_closed_at_its_last() {
        let view = view();
        assert_eq!(view.sale_state(Stamp(99)), SaleState::NotOpen { opens_at: Stamp(100) });
        assert_eq!(view.sale_state(Stamp(100)), SaleState::Open);
        assert_eq!(view.sale_state(Stamp(199)), SaleState::Open);
        assert_eq!(view.sale_state(Stamp(200)), SaleState::Closed);
    }

    #[test]
    fn a_stopped_sale_is_closed_but_one_not_yet_open_says_so_first() {
        let view = SkuView { stopped: true, ..view() };
        assert_eq!(view.sale_state(Stamp(150)), SaleState::Closed);
        assert_eq!(view.sale_state(Stamp(50)), SaleState::NotOpen { opens_at: Stamp(100) });
    }
}
