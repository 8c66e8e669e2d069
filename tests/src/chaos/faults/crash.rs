//! F1 and F3: processes that are gone at once.

use std::time::Duration;

use anyhow::Result;
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::time::sleep;

use crate::chaos::fault::Made;
use crate::chaos::limits::AWAY_MS;
use crate::chaos::site::Site;

/// Starts that are cut short, in a row.
const SHORT_LIVES: usize = 3;

/// How long each of them lasts.
const SHORT_LIFE_MS: std::ops::RangeInclusive<u64> = 0..=60;

/// SIGKILL of one, the leader, two or all.
pub(super) async fn kill(site: &mut Site, random: &mut StdRng) -> Result<Made> {
    let ids = site.ids();
    let one = site.any(random);
    let (victims, who) = match random.random_range(0..6) {
        0 | 1 => (vec![one], format!("node {one}")),
        2 | 3 => {
            let (leader, leads) = site.leader_or_any(random).await;
            (vec![leader], if leads { format!("leader {leader}") } else { format!("node {leader}") })
        }
        4 => (ids.iter().copied().filter(|id| *id != one).collect(), format!("all but {one}")),
        _ => (ids, "all".into()),
    };
    for id in victims {
        site.kill(id).await?;
    }
    let away = Duration::from_millis(random.random_range(AWAY_MS));
    sleep(away).await;
    Ok(Made::fired(format!("{who} gone for {away:.1?}")))
}

/// SIGKILL, and again while it recovers.
pub(super) async fn kill_in_recovery(site: &mut Site, random: &mut StdRng) -> Result<Made> {
    let id = site.any(random);
    let mut lives = Vec::new();
    for _ in 0..SHORT_LIVES {
        site.kill(id).await?;
        site.cluster.spawn(id)?;
        let life = Duration::from_millis(random.random_range(SHORT_LIFE_MS));
        sleep(life).await;
        lives.push(format!("{life:.0?}"));
    }
    site.kill(id).await?;
    Ok(Made::fired(format!("node {id} lived for {}", lives.join(", "))))
}
