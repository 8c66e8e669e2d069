//! F12, F24 and F25: clients that give up early, race for the last units, come all at once.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::chaos::crowd::{Burst, Crowd};
use crate::chaos::fault::Made;
use crate::chaos::life;
use crate::chaos::limits::{BURST_BUYERS, BURST_PER_SECOND};
use crate::chaos::recorder::Orders;

const LASTING: Duration = Duration::from_secs(4);

/// Buyers who race for the last units at once.
const RACERS: u64 = 60;

/// Buyers who race for what is left of their own limit.
const GREEDY: u64 = 4;

/// From how many places at once each of them tries.
const PLACES: u64 = 4;

/// Every fourth attempt is given up within milliseconds and asked again elsewhere.
pub(super) async fn impatient(crowd: &Crowd) -> Result<Made> {
    let before = crowd.recorder.book().given_up_early;
    crowd.set_impatient(true);
    sleep(LASTING).await;
    crowd.set_impatient(false);
    let given_up = crowd.recorder.book().given_up_early - before;
    Ok(if given_up > 0 { Made::fired("", format!("{given_up} attempts given up early")) } else { Made::not_run("nobody gave up") })
}

/// Many more buyers than units, and some who try in many places at once to get more than their limit; all give back what they win.
pub(super) async fn race(crowd: &Arc<Crowd>, random: &mut StdRng) -> Result<Made> {
    let (race, until) = (random.random::<u32>(), Instant::now() + LASTING);
    let mut racers = JoinSet::new();
    for number in 0..RACERS + GREEDY * PLACES {
        let mut buyer = crowd.buyer(format!("r{race}-{number}"), u64::from(race) + number);
        let greedy = number.checked_sub(RACERS).map(|number| format!("greedy-{race}-{}", number / PLACES));
        racers.spawn(async move {
            let mut won = 0;
            while Instant::now() < until {
                won += u32::from(match &greedy {
                    Some(name) => life::limited(&mut buyer, name, true).await.is_some(),
                    None => life::race(&mut buyer).await.is_some(),
                });
            }
            (greedy.is_some(), won)
        });
    }
    let (greedy, racers): (Vec<_>, Vec<_>) = racers.join_all().await.into_iter().partition(|(is_greedy, _)| *is_greedy);
    let sum = |won: Vec<(bool, u32)>| won.into_iter().map(|(_, won)| won).sum::<u32>();
    let (within, won) = (sum(greedy), sum(racers));
    let told = format!("{won} races won by {RACERS} buyers, and {within} within the limits of {GREEDY}");
    Ok(if won > 0 && within > 0 { Made::fired("", told) } else { Made::not_run(format!("only {told}")) })
}

/// More buyers than can be answered, at a rate that does not wait for answers; fired if so many were waiting that more could not,
/// or some heard that it is too much, and orders were acknowledged all the same.
pub(super) async fn burst(crowd: &Arc<Crowd>, random: &mut StdRng) -> Result<Made> {
    let (number, recorder) = (u64::from(random.random::<u32>()), &crowd.recorder);
    let (per_second, from_us) = (random.random_range(BURST_PER_SECOND), recorder.now_us());
    let Burst { due, begun } = crowd.burst(number, per_second, LASTING).await?;
    let Orders { offered, acknowledged, overloaded } = recorder.orders_since(from_us, None);
    let told = format!(
        "{per_second} buyers a second, of {due} found {begun} one of {BURST_BUYERS} places: {offered} order calls in {:.1} s, \
         {acknowledged} acknowledged, {overloaded} refused as too much",
        (recorder.now_us() - from_us) as f64 / 1e6
    );
    Ok(if acknowledged > 0 && (begun < due || overloaded > 0) { Made::fired("", told) } else { Made::not_run(format!("only {told}")) })
}
