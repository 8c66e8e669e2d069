//! F1, F2 and F3: processes that are gone at once.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use anyhow::{Result, ensure};
use holdfast_storage::abort::POINTS;
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::time::{Instant, sleep};

use crate::chaos::fault::Made;
use crate::chaos::limits::AWAY_MS;
use crate::chaos::site::Site;
use crate::limits::POLL_EVERY;

/// Starts that are cut short, in a row.
const SHORT_LIVES: usize = 3;

/// Points that are passed many times a second.
const OFTEN_PASSED: [&str; 7] = ["log-write", "log-sync", "log-synced", "log-told", "apply", "applied", "answer"];

/// Until a node comes to the point at which it is to crash.
const PASSED_WITHIN: Duration = Duration::from_secs(20);

/// Until a node has seen that it is not to crash any more.
const DISARMED_WITHIN: Duration = Duration::from_millis(100);

const SIGABRT: i32 = 6;

/// The variant of F1 that kills the leader.
pub const LEADER: &str = "the leader";

/// SIGKILL of one, the leader, two or all.
pub(super) async fn kill(site: &mut Site, random: &mut StdRng) -> Result<Made> {
    let ids = site.ids();
    let one = site.any(random);
    let (victims, variant) = match random.random_range(0..6) {
        0 | 1 => (vec![one], "one"),
        2 | 3 => {
            let (leader, leads) = site.leader_or_any(random).await;
            (vec![leader], if leads { LEADER } else { "one" })
        }
        4 => (ids.into_iter().filter(|id| *id != one).collect(), "all but one"),
        _ => (ids, "all"),
    };
    let who = format!("{variant}: {victims:?}");
    for id in victims {
        site.kill(id).await?;
    }
    let away = Duration::from_millis(random.random_range(AWAY_MS));
    sleep(away).await;
    Ok(Made::fired(variant, format!("{who} gone for {away:.1?}")))
}

/// A crash at a named point of the code, some passings after it was asked for: of one node, or, where only a leader passes, of
/// whichever does.
pub(super) async fn at_a_point(site: &mut Site, random: &mut StdRng) -> Result<Made> {
    let point = POINTS[random.random_range(0..POINTS.len())];
    let (leader, leads) = site.leader_or_any(random).await;
    let one = site.any(random);
    let mut armed = match point {
        "vote" | "grant" | "reclaim" | "expire" => site.ids(),
        _ => vec![one],
    };
    // Votes are cast, and sessions closed, when a node is gone.
    match point {
        "vote" if leads => site.kill(leader).await?,
        "reclaim" if one != leader => site.kill(one).await?,
        _ => {}
    }
    armed.retain(|id| site.cluster.up().contains(id));
    let passings = if OFTEN_PASSED.contains(&point) { random.random_range(0..50) } else { 0 };
    for &id in &armed {
        std::fs::write(site.cluster.abort_file(id), format!("{point} {passings}"))?;
    }
    let mut gone = None;
    let until = Instant::now() + PASSED_WITHIN;
    while gone.is_none() && Instant::now() < until {
        for &id in &armed {
            if !site.cluster.is_running(id)? {
                gone = gone.or(Some(id));
            }
        }
        sleep(POLL_EVERY).await;
    }
    for &id in &armed {
        std::fs::remove_file(site.cluster.abort_file(id))?;
    }
    // Another one may have got there too before it was told otherwise.
    sleep(DISARMED_WITHIN).await;
    for &id in &armed {
        if let Some(status) = site.cluster.has_left(id)? {
            ensure!(status.signal() == Some(SIGABRT), "node {id} left with {status} instead of crashing at {point}");
        }
    }
    Ok(match gone {
        Some(id) => Made::fired(point, format!("node {id} crashed at {point} after {passings} passings")),
        None => Made::not_run(format!("no node came to {point} {passings} times within {PASSED_WITHIN:?}")),
    })
}

/// SIGKILL, and again while it recovers: at any moment of what a recovery takes here and now.
pub(super) async fn kill_in_recovery(site: &mut Site, random: &mut StdRng) -> Result<Made> {
    let id = site.any(random);
    site.kill(id).await?;
    let began = Instant::now();
    site.cluster.spawn(id)?;
    site.cluster.ready(id).await?;
    let recovery = began.elapsed();
    let mut lives = Vec::new();
    for _ in 0..SHORT_LIVES {
        site.kill(id).await?;
        site.cluster.spawn(id)?;
        let life = recovery.mul_f64(random.random());
        sleep(life).await;
        lives.push(format!("{life:.0?}"));
    }
    site.kill(id).await?;
    Ok(Made::fired("", format!("node {id} recovers in {recovery:.0?} and lived for {}", lives.join(", "))))
}
