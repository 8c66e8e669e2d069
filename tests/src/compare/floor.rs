//! The short comparison: whether orders have collapsed beside the bare handler.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::bares::Bares;
use super::cell::{Load, System};
use super::holdfast::Holdfast;
use super::limits::{FLOOR_ROUNDS, FLOOR_SECONDS};
use super::row::BARE;
use super::spread::Spread;
use super::wrk;
use crate::turn::Turn;

/// What is left of the last published ratio when it has collapsed.
const COLLAPSED: f64 = 0.5;

/// What was published.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Published {
    /// Orders on the leader ÷ bare, by connections.
    leader_over_bare: BTreeMap<String, f64>,
}

/// The short comparison.
#[derive(Clone, Debug)]
pub struct Floor {
    /// This program.
    pub program: String,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It could not be measured, and why.
    NotRun(String),
    /// By connections: the ratios measured, the published one.
    Measured(Vec<(u32, Spread, f64)>),
}

impl Floor {
    /// Measures.
    pub async fn run(&self) -> Result<Verdict> {
        if let Some(reason) = wrk::why_not().await {
            return Ok(Verdict::NotRun(reason));
        }
        let published = published()?;
        let (turn, bares) = (Turn::take().await?, Bares::start(&self.program).await?);
        let holdfast = Holdfast::start(&turn, &self.program).await?;
        let mut measured = Vec::new();
        for (connections, published) in published {
            measured.push((connections, ratios(&bares, &holdfast, connections).await?, published));
        }
        if let Some(moved) = holdfast.moved().await? {
            eprintln!("{moved}");
        }
        holdfast.end().await?;
        bares.end().await?;
        Ok(Verdict::Measured(measured))
    }
}

async fn ratios(bares: &Bares, holdfast: &Holdfast, connections: u32) -> Result<Spread> {
    let (load, leader) = (Load::Orders(connections), holdfast.subject(System::Leader)?);
    let bare = bares.subject(BARE).context("no such handler")?;
    let mut ratios = Vec::new();
    for _ in 0..FLOOR_ROUNDS {
        let under = bare.measure(load, 0, FLOOR_SECONDS).await?.per_second;
        ratios.push(ratio(leader.measure(load, 0, FLOOR_SECONDS).await?.per_second, under)?);
    }
    Spread::of(&ratios).context("no round")
}

fn ratio(orders: f64, bare: f64) -> Result<f64> {
    ensure!(bare > 0.0, "the bare handler answered nothing: there is nothing to compare with");
    Ok(orders / bare)
}

/// A ratio that is no number does not hold.
fn holds(measured: &Spread, published: f64) -> bool {
    measured.median >= COLLAPSED * published
}

/// `tests/bench/published.toml`, by connections.
fn published() -> Result<Vec<(u32, f64)>> {
    let path = wrk::bench_file("published.toml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    read(&text).with_context(|| format!("{} is not as it should be", path.display()))
}

fn read(text: &str) -> Result<Vec<(u32, f64)>> {
    let published: Published = toml::from_str(text)?;
    let mut by_connections: Vec<(u32, f64)> =
        published.leader_over_bare.iter().map(|(connections, ratio)| Ok((connections.parse()?, *ratio))).collect::<Result<_>>()?;
    by_connections.sort_by_key(|(connections, _)| *connections);
    Ok(by_connections)
}

impl Verdict {
    /// Whether nothing could be measured.
    pub fn is_not_run(&self) -> bool {
        matches!(self, Verdict::NotRun(_))
    }

    /// Whether a median is under half of what was published; what was not run has not collapsed.
    pub fn has_collapsed(&self) -> bool {
        match self {
            Verdict::NotRun(_) => false,
            Verdict::Measured(measured) => !measured.iter().all(|(_, spread, published)| holds(spread, *published)),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let measured = match self {
            Verdict::NotRun(reason) => return writeln!(f, "NOT RUN: {reason}"),
            Verdict::Measured(measured) => measured,
        };
        for (connections, spread, published) in measured {
            let judged = if holds(spread, *published) { "holds" } else { "COLLAPSED" };
            writeln!(f, "orders ÷ bare, leader, {connections:>4} connections: {spread}, published {published}: {judged}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_ratios_can_be_read() {
        assert_eq!(published().unwrap().iter().map(|(connections, _)| *connections).collect::<Vec<_>>(), [100, 1024]);
        assert!(read("[leader_over_bare]\nmany = 0.4").is_err());
    }

    #[test]
    fn under_half_of_what_was_published_is_a_collapse() {
        let verdict = |ratio| Verdict::Measured(vec![(100, Spread::of(&[ratio]).unwrap(), 0.4)]);
        assert!(!verdict(0.2).has_collapsed());
        assert!(verdict(0.19).has_collapsed() && verdict(0.19).to_string().contains("COLLAPSED"));
        assert!(!Verdict::NotRun("no wrk".into()).has_collapsed());
    }

    #[test]
    fn nothing_beside_nothing_is_no_ratio_and_does_not_hold() {
        assert!(ratio(0.0, 0.0).is_err() && ratio(10.0, 0.0).is_err());
        assert!((ratio(10.0, 20.0).unwrap() - 0.5).abs() < 1e-9);
        let verdict = Verdict::Measured(vec![(100, Spread::of(&[f64::NAN]).unwrap(), 0.4)]);
        assert!(verdict.has_collapsed() && verdict.to_string().contains("COLLAPSED"));
    }
}
