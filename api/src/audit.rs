//! A SKU's books: every unit and where it is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer to `GET /v1/skus/{sku}/audit`; linearizable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Audit {
    /// The SKU's name.
    pub sku: String,
    /// Units ever added, less those taken.
    pub stock: u64,
    /// Units that no node has.
    pub pool: u64,
    /// Units that one session each may sell, by session; empty slices are left out.
    pub slices: Vec<SliceUnits>,
    /// Units in held orders.
    pub held: u64,
    /// Units in confirmed orders.
    pub confirmed: u64,
    /// Whether `stock = pool + Σ slice + held + confirmed`.
    pub conserved: bool,
    /// Log index that these numbers are true at.
    pub index: u64,
    /// The rolling digest at that index: 32 hexadecimal digits, equal on every node.
    pub digest: String,
}

/// One session's slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SliceUnits {
    /// The session's node.
    pub node: u64,
    /// The session.
    pub session: u64,
    /// Units.
    pub units: u64,
}

impl Audit {
    /// Whether the numbers of this answer add up, whatever it says about itself.
    pub fn adds_up(&self) -> bool {
        let parts = [self.pool, self.held, self.confirmed].into_iter().chain(self.slices.iter().map(|slice| slice.units));
        parts.map(u128::from).sum::<u128>() == u128::from(self.stock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_unit_astray_does_not_add_up() {
        let slices = vec![SliceUnits { node: 1, session: 5, units: 2 }, SliceUnits { node: 2, session: 6, units: 3 }];
        let mut audit =
            Audit { sku: "s".into(), stock: 11, pool: 1, slices, held: 4, confirmed: 1, conserved: true, index: 9, digest: "0".repeat(32) };
        assert!(audit.adds_up());
        audit.slices[1].units = 4;
        assert!(!audit.adds_up());
    }
}
