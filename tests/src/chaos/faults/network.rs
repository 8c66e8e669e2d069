//! F6 to F11: what happens between nodes.

use std::time::Duration;

use anyhow::{Result, bail};
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::time::sleep;

use crate::chaos::fault::{FaultKind, Made};
use crate::chaos::limits::NETWORK_FAULT_MS;
use crate::chaos::links::Links;
use crate::chaos::proxy::Weather;

/// 1 Mbit/s.
const SLOW_BYTES_PER_SECOND: u64 = 125_000;

/// Of a hundred pieces, in per mille; far more than any network.
const OFTEN: u32 = 20;

/// Changes the weather for a while; fired if it touched anything.
pub(super) async fn make(kind: FaultKind, links: &Links, nodes: u64, random: &mut StdRng) -> Result<Made> {
    let before = links.touched();
    let (variant, told) = change(kind, links, nodes, random)?;
    let lasting = Duration::from_millis(random.random_range(NETWORK_FAULT_MS));
    sleep(lasting).await;
    links.heal();
    let after = links.touched();
    let [held, delayed, broken, changed] = [0, 1, 2, 3].map(|at| after[at] - before[at]);
    let touched = match kind {
        FaultKind::F6 | FaultKind::F7 => held,
        FaultKind::F8 => delayed,
        FaultKind::F9 => held + broken,
        _ => changed,
    };
    if touched == 0 {
        return Ok(Made::not_run(format!("{told} touched nothing in {lasting:.1?}")));
    }
    Ok(Made::fired(variant, format!("{told} for {lasting:.1?}: {held} held, {delayed} delayed, {broken} broken, {changed} changed")))
}

/// In which way, and what was done.
fn change(kind: FaultKind, links: &Links, nodes: u64, random: &mut StdRng) -> Result<(&'static str, String)> {
    let one = random.random_range(1..=nodes);
    let other = (one % nodes) + 1;
    let cut = Weather { is_cut: true, ..Weather::default() };
    Ok(match kind {
        FaultKind::F6 => {
            links.set(|from, to| (from == one || to == one).then_some(cut));
            ("", format!("node {one} alone"))
        }
        FaultKind::F7 if random.random() => {
            links.set(|from, to| ((from, to) == (one, other)).then_some(cut));
            ("one way", format!("{one} → {other} cut"))
        }
        FaultKind::F7 => {
            links.set(|from, to| ((from, to) == (one, other) || (to, from) == (one, other)).then_some(cut));
            ("both ways", format!("{one} and {other} apart"))
        }
        FaultKind::F8 => {
            let delay = Duration::from_millis(random.random_range(5..500));
            let bytes_per_second = random.random::<bool>().then_some(SLOW_BYTES_PER_SECOND);
            let weather = Weather { delay, jitter: delay, bytes_per_second, ..Weather::default() };
            let all = random.random();
            links.set(|from, to| (all || from == one || to == one).then_some(weather));
            let links = if all { "all links".into() } else { format!("links of {one}") };
            (if all { "all links" } else { "links of one" }, format!("{delay:.0?} delay on {links}"))
        }
        FaultKind::F9 => {
            let (reset, half_open) = if random.random() { (OFTEN, 0) } else { (0, OFTEN) };
            links.set(|_, _| Some(Weather { reset, half_open, ..Weather::default() }));
            let variant = if reset > 0 { "breaks in mid-frame" } else { "half-open connections" };
            (variant, variant.into())
        }
        FaultKind::F10 => {
            links.set(|_, _| Some(Weather { repeat: OFTEN, ..Weather::default() }));
            ("", "repeated pieces".into())
        }
        FaultKind::F11 => {
            links.set(|_, _| Some(Weather { flip: OFTEN, ..Weather::default() }));
            ("", "flipped bits".into())
        }
        other => bail!("{other} is no fault of links"),
    })
}
