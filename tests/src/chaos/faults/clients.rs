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
