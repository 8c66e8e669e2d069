//! Other systems that sell, or keep what was sold.

use anyhow::{Context, Result};

use super::cell::{Load, Measured, System};
use super::limits::LADDER_SECONDS;

/// A system that is started, measured at its plateau, and ended.
#[allow(async_fn_in_trait, reason = "asked and awaited in one task")]
pub trait Peer: Sized {
    /// Who it is.
    const SYSTEM: System;
    /// Numbers of clients that are tried for its plateau.
    const LADDER: &'static [u32];
    /// Why it cannot be measured here; none if it can.
    async fn why_not() -> Option<String>;
    /// Starts it, with the help of `program`, this one.
    async fn start(program: &str) -> Result<Self>;
    /// Writes without pause by so many clients.
    async fn measure(&self, clients: u32, seconds: u32) -> Result<Measured>;
    /// Ends it and removes its data.
    async fn end(self) -> Result<()>;

    /// How many clients suit it best.
    async fn plateau(&self) -> Result<u32> {
        best(Self::SYSTEM, Self::LADDER, async |clients| self.measure(clients, LADDER_SECONDS).await).await
    }
}

/// The rung with the highest rate; tells each.
pub async fn best(system: System, ladder: &[u32], measure: impl AsyncFn(u32) -> Result<Measured>) -> Result<u32> {
    let mut tried = Vec::new();
    for &clients in ladder {
        let measured = measure(clients).await?;
        eprintln!("  {system}, trying {clients} clients: {:.0}/s", measured.per_second);
        tried.push((clients, measured.per_second));
    }
    highest(&tried).with_context(|| format!("nothing was tried for {}, {system}", Load::Plateau))
}

fn highest(tried: &[(u32, f64)]) -> Option<u32> {
    tried.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(clients, _)| *clients)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plateau_is_where_the_rate_is_highest() {
        assert_eq!(highest(&[(64, 10.0), (128, 30.0), (256, 20.0)]), Some(128));
        assert_eq!(highest(&[]), None);
    }
}
