//! F12, F24 and F25: clients that give up early, race for the last units, come all at once.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::chaos::crowd::Crowd;
use crate::chaos::fault::Made;
use crate::chaos::life;
use crate::chaos::limits::ORDERS_PER_SECOND;

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

/// Ten times as many buyers, as fast as they are answered; fired if what they offered was twice the usual at least.
pub(super) async fn burst(crowd: &Arc<Crowd>, random: &mut StdRng) -> Result<Made> {
    let number = u64::from(random.random::<u32>());
    crowd.set_unpaced(true);
    let asked = crowd.burst(number, LASTING).await;
    crowd.set_unpaced(false);
    let told = format!("{asked} more lives of orders in {LASTING:?}");
    let usual = u64::from(ORDERS_PER_SECOND) * LASTING.as_secs();
    Ok(if asked >= usual { Made::fired("", told) } else { Made::not_run(format!("only {told}")) })
}
