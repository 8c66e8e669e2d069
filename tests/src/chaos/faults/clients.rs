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
use crate::chaos::limits::{BURST_BUYERS, BURST_TIMES, ORDERS_PER_SECOND};
use crate::chaos::recorder::Orders;

const LASTING: Duration = Duration::from_secs(4);

/// Buyers who race at once.
const RACERS: u64 = 60;

/// Every fourth attempt is given up within milliseconds and asked again elsewhere.
pub(super) async fn impatient(crowd: &Crowd) -> Result<Made> {
    let before = crowd.recorder.book().given_up_early;
    crowd.set_impatient(true);
    sleep(LASTING).await;
    crowd.set_impatient(false);
    let given_up = crowd.recorder.book().given_up_early - before;
    Ok(if given_up > 0 { Made::fired("", format!("{given_up} attempts given up early")) } else { Made::not_run("nobody gave up") })
}

/// Many more buyers than units, who give back what they win.
pub(super) async fn race(crowd: &Arc<Crowd>, random: &mut StdRng) -> Result<Made> {
    let (race, until) = (random.random::<u32>(), Instant::now() + LASTING);
    let mut racers = JoinSet::new();
    for number in 0..RACERS {
        let mut buyer = crowd.buyer(format!("r{race}-{number}"), u64::from(race) + number);
        racers.spawn(async move {
            let mut won = 0;
            while Instant::now() < until {
                won += u32::from(life::race(&mut buyer).await.is_some());
            }
            won
        });
    }
    let won: u32 = racers.join_all().await.into_iter().sum();
    Ok(if won > 0 { Made::fired("", format!("{won} races won by {RACERS} buyers")) } else { Made::not_run("nobody won a race") })
}

/// Two to ten times as many orders, at a rate that does not wait for answers; fired if at least twice as many were asked for as
/// were acknowledged before, or some heard that it is too much.
pub(super) async fn burst(crowd: &Arc<Crowd>, random: &mut StdRng) -> Result<Made> {
    let (number, recorder) = (u64::from(random.random::<u32>()), &crowd.recorder);
    let per_second = random.random_range(BURST_TIMES) * ORDERS_PER_SECOND;
    let from_us = recorder.now_us();
    let lasting_us = u64::try_from(LASTING.as_micros())?;
    let before = recorder.orders_since(from_us.saturating_sub(lasting_us), None);
    let Burst { due, begun } = crowd.burst(number, per_second, LASTING).await?;
    let Orders { offered, acknowledged, overloaded } = recorder.orders_since(from_us, None);
    // The last ones may be answered late: what counts is what was asked for in a second.
    let (before, lasted) = (before.acknowledged as f64 / LASTING.as_secs_f64(), (recorder.now_us() - from_us) as f64 / 1e6);
    let times = offered as f64 / lasted / before.max(1.0);
    let told = format!(
        "{per_second} buyers a second, {begun} of {due} found one of {BURST_BUYERS} places: {offered} order calls in {lasted:.1} s, \
         {times:.1} times what was acknowledged before: {acknowledged} acknowledged, {overloaded} refused as too much"
    );
    let way = if begun < due { "more than can wait" } else { "" };
    Ok(if times >= 2.0 || overloaded > 0 { Made::fired(way, told) } else { Made::not_run(format!("only {told}")) })
}
