//! What came of a sale, as its buyers know it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use anyhow::{Result, ensure};

/// What a buyer knows of an order at last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// 201.
    Acknowledged {
        /// Its id.
        id: String,
        /// Log index.
        index: u64,
    },
    /// A definite no: the problem's name.
    Refused(String),
    /// No definite answer in time: the last thing heard.
    Unknown(String),
}

/// One order of a sale.
#[derive(Clone, Debug)]
pub struct Bought {
    /// Who.
    pub buyer: String,
    /// Idempotency key.
    pub key: String,
    /// Of what.
    pub sku: String,
    /// How many.
    pub quantity: u64,
    /// What came of it.
    pub fate: Fate,
    /// When that was known, since the sale began.
    pub at: Duration,
    /// Attempts made.
    pub attempts: u32,
    /// Whether the fate of an earlier attempt is unknown: a refusal then speaks for its own attempt only.
    pub ambiguous: bool,
}

/// What came of a sale.
#[derive(Clone, Debug, Default)]
pub struct SaleReport {
    /// Every order of it.
    pub orders: Vec<Bought>,
}

impl SaleReport {
    /// Orders that were acknowledged.
    pub fn acknowledged(&self) -> impl Iterator<Item = &Bought> {
        self.orders.iter().filter(|order| matches!(order.fate, Fate::Acknowledged { .. }))
    }

    /// How many were acknowledged.
    pub fn acknowledged_count(&self) -> usize {
        self.acknowledged().count()
    }

    /// Ids of the acknowledged orders.
    pub fn ids(&self) -> Vec<String> {
        self.orders
            .iter()
            .filter_map(|order| match &order.fate {
                Fate::Acknowledged { id, .. } => Some(id.clone()),
                Fate::Refused(_) | Fate::Unknown(_) => None,
            })
            .collect()
    }

    /// How often each refusal was heard.
    pub fn refused(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for order in &self.orders {
            if let Fate::Refused(problem) = &order.fate {
                *counts.entry(problem.as_str()).or_default() += 1;
            }
        }
        counts
    }

    /// Orders whose fate nobody knows.
    pub fn unknown(&self) -> impl Iterator<Item = &Bought> {
        self.orders.iter().filter(|order| matches!(order.fate, Fate::Unknown(_)))
    }

    /// The longest time without an acknowledgement that began at or after `from`, up to the first one after `to`.
    /// None if nothing was acknowledged after `from`.
    pub fn longest_gap(&self, from: Duration, to: Duration) -> Option<Duration> {
        let mut moments: Vec<Duration> = self.acknowledged().map(|order| order.at).filter(|at| *at >= from).collect();
        moments.sort_unstable();
        let end = moments.iter().position(|at| *at > to).map_or(moments.len(), |after| after + 1);
        let mut last = from;
        let gaps = moments[..end].iter().map(|&at| at.saturating_sub(std::mem::replace(&mut last, at)));
        gaps.max()
    }

    /// Fails unless every order is acknowledged or refused, `acknowledged` of them so, and every refusal is `problem`.
    pub fn ensure_exactly(&self, acknowledged: usize, problem: &str) -> Result<()> {
        ensure!(self.unknown().next().is_none(), "some fates are unknown: {self}");
        ensure!(self.acknowledged_count() == acknowledged, "{} acknowledged instead of {acknowledged}: {self}", self.acknowledged_count());
        ensure!(self.refused().keys().all(|heard| *heard == problem), "refused otherwise than {problem}: {self}");
        Ok(())
    }
}

impl fmt::Display for SaleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attempts: u32 = self.orders.iter().map(|order| order.attempts).sum();
        let last = self.orders.iter().map(|order| order.at).max().unwrap_or_default();
        write!(f, "{} orders in {attempts} attempts and {last:.1?}: {} acknowledged", self.orders.len(), self.acknowledged_count())?;
        for (problem, count) in self.refused() {
            write!(f, ", {count} {problem}")?;
        }
        let unknown = self.unknown().count();
        if let Some(Bought { fate: Fate::Unknown(heard), .. }) = self.unknown().next() {
            write!(f, ", {unknown} unknown ({heard})")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bought(at_ms: u64, fate: Fate) -> Bought {
        let at = Duration::from_millis(at_ms);
        Bought { buyer: "b".into(), key: "k".into(), sku: "s".into(), quantity: 1, fate, at, attempts: 1, ambiguous: false }
    }

    fn acknowledged(at_ms: u64) -> Bought {
        bought(at_ms, Fate::Acknowledged { id: at_ms.to_string(), index: at_ms })
    }

    #[test]
    fn the_longest_gap_counts_from_the_fault_to_the_first_sale_after_the_window() {
        let report = SaleReport { orders: [10, 900, 100, 130, 1000].map(acknowledged).to_vec() };
        let ms = Duration::from_millis;
        assert_eq!(report.longest_gap(ms(120), ms(500)), Some(ms(770)));
        assert_eq!(report.longest_gap(ms(20), ms(110)), Some(ms(80)));
        assert_eq!(report.longest_gap(ms(2000), ms(3000)), None);
    }

    #[test]
    fn a_sale_with_an_unknown_fate_or_another_refusal_is_not_exact() {
        let refused = |problem: &str| bought(1, Fate::Refused(problem.into()));
        let exact = SaleReport { orders: vec![acknowledged(1), refused("sold-out")] };
        exact.ensure_exactly(1, "sold-out").unwrap();
        assert!(exact.ensure_exactly(2, "sold-out").is_err());
        let other = SaleReport { orders: vec![acknowledged(1), refused("insufficient-stock")] };
        assert!(other.ensure_exactly(1, "sold-out").is_err());
        let unknown = SaleReport { orders: vec![acknowledged(1), bought(2, Fate::Unknown("timeout".into()))] };
        assert!(unknown.ensure_exactly(1, "sold-out").unwrap_err().to_string().contains("timeout"));
    }
}
