//! F6 to F11: what happens between nodes.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, bail};
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::time::{sleep, timeout};

use super::Surroundings;
use crate::chaos::fault::{FaultKind, Made};
use crate::chaos::limits::NETWORK_FAULT_MS;
use crate::chaos::links::Links;
use crate::chaos::proxy::{FAIR, Weather};
use crate::http::{self, Call};

/// 1 Mbit/s.
const SLOW_BYTES_PER_SECOND: u64 = 125_000;

/// Of a hundred pieces, in per mille; far more than any network.
const OFTEN: u32 = 20;

const CUT: Weather = Weather { is_cut: true, ..FAIR };

/// Until a node says who leads.
const ASKED_WITHIN: Duration = Duration::from_secs(1);

/// Changes the weather for a while; fired if it touched anything.
pub(super) async fn make(kind: FaultKind, around: &Surroundings, random: &mut StdRng) -> Result<Made> {
    let (links, nodes) = (&around.links, around.admins.len() as u64);
    let leader = if kind == FaultKind::F6 { leader(&around.admins).await } else { None };
    let one = leader.filter(|_| random.random()).unwrap_or_else(|| random.random_range(1..=nodes));
    let before = links.touched();
    let (variant, told) =
        if kind == FaultKind::F6 { cut_off(links, one, leader) } else { change(kind, links, (one, (one % nodes) + 1), random)? };
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

/// Who leads, as the first node that answers says.
async fn leader(admins: &[SocketAddr]) -> Option<u64> {
    for &admin in admins {
        let asked = timeout(ASKED_WITHIN, http::call(admin, &Call::get("/v1/cluster"))).await;
        let told = asked.ok().and_then(|answer| answer.ok()?.json().ok()?["leader"].as_u64());
        if told.is_some() {
            return told;
        }
    }
    None
}

/// Cuts off one node, by its id.
fn cut_off(links: &Links, one: u64, leader: Option<u64>) -> (&'static str, String) {
    links.set(|from, to| (from == one || to == one).then_some(CUT));
    let variant = if leader == Some(one) { "the leader" } else { "another node" };
    (variant, format!("node {one}, {variant}, alone"))
}

/// Changes the weather of all links, or of those of `one` or between `one` and `other`; in which way, and what was done.
fn change(kind: FaultKind, links: &Links, (one, other): (u64, u64), random: &mut StdRng) -> Result<(&'static str, String)> {
    Ok(match kind {
        FaultKind::F7 if random.random() => {
            links.set(|from, to| ((from, to) == (one, other)).then_some(CUT));
            ("one way", format!("{one} → {other} cut"))
        }
        FaultKind::F7 => {
            links.set(|from, to| ((from, to) == (one, other) || (to, from) == (one, other)).then_some(CUT));
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
            let (repeat, reorder) = if random.random() { (OFTEN, 0) } else { (0, OFTEN) };
            links.set(|_, _| Some(Weather { repeat, reorder, ..Weather::default() }));
            let variant = if repeat > 0 { "repeated" } else { "out of order" };
            (variant, format!("pieces {variant}"))
        }
        FaultKind::F11 => {
            links.set(|_, _| Some(Weather { flip: OFTEN, ..Weather::default() }));
            ("", "flipped bits".into())
        }
        other => bail!("{other} is no fault of links"),
    })
}
