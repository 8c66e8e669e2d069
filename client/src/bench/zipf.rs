//! Which SKU is asked for: the first is the hottest.

use rand::{Rng, RngExt};

/// Draws 0 … n − 1, the k-th with a weight of 1 ÷ (k + 1)^s: 0 is all alike, 1 is Zipf's law.
#[derive(Clone, Debug)]
pub struct Zipf {
    /// Sums of the weights up to each, as shares of the whole.
    up_to: Box<[f64]>,
}

impl Zipf {
    /// Over `n` things, at least one; `s` is the exponent.
    pub fn new(n: usize, s: f64) -> Self {
        let mut sum = 0.0;
        let mut up_to: Vec<f64> = Vec::with_capacity(n.max(1));
        for rank in 1..=n.max(1) {
            sum += (rank as f64).powf(-s);
            up_to.push(sum);
        }
        for part in &mut up_to {
            *part /= sum;
        }
        Self { up_to: up_to.into() }
    }

    /// One of them.
    pub fn draw(&self, random: &mut impl Rng) -> usize {
        let drawn: f64 = random.random();
        self.up_to.partition_point(|part| *part <= drawn).min(self.up_to.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn drawn(n: usize, s: f64) -> Vec<f64> {
        let (zipf, mut random) = (Zipf::new(n, s), StdRng::seed_from_u64(7));
        let mut counts = vec![0.0; n];
        for _ in 0..100_000 {
            counts[zipf.draw(&mut random)] += 1.0 / 100_000.0;
        }
        counts
    }

    #[test]
    fn shares_are_those_of_zipfs_law() {
        let sum: f64 = (1..=10).map(|rank| 1.0 / f64::from(rank)).sum();
        for (place, share) in drawn(10, 1.0).into_iter().enumerate() {
            let expected = 1.0 / (place as f64 + 1.0) / sum;
            assert!((share - expected).abs() < 0.01, "{place}: {share} instead of {expected}");
        }
    }

    #[test]
    fn without_an_exponent_all_are_alike_and_one_is_always_drawn() {
        assert!(drawn(4, 0.0).into_iter().all(|share| (share - 0.25).abs() < 0.01));
        assert_eq!(Zipf::new(1, 1.0).draw(&mut StdRng::seed_from_u64(1)), 0);
    }
}
