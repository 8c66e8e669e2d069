//! How each fault is made, and what proves that it was.
//!
//! A fault of nodes leaves some of them down, or started; whoever makes it starts the rest afterwards. A fault of the
//! surroundings (links, clients) leaves them as it found them. So one of each can be made at once.

mod clients;
mod clock;
pub mod crash;
mod damage;
mod full;
mod hostile;
mod identity;
mod memory;
mod network;
mod pause;
mod power;
mod scarce;
mod snapshot;
mod sync;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use rand::rngs::StdRng;

use super::crowd::Crowd;
use super::fault::{FaultKind, Made};
use super::links::Links;
use super::machine::Machine;
use super::site::Site;

/// What lies around the nodes.
#[derive(Debug)]
pub struct Surroundings {
    /// Between them.
    pub links: Links,
    /// Their clients.
    pub crowd: Arc<Crowd>,
    /// Where operators call.
    pub admins: Vec<SocketAddr>,
}

/// Why this build can never make a fault; none if it can.
pub fn never(kind: FaultKind) -> Option<&'static str> {
    match kind {
        FaultKind::F2 if !cfg!(feature = "abort-points") => Some("this build has no abort points (feature abort-points)"),
        FaultKind::F21 => Some("this version cannot change its members"),
        FaultKind::F22 => Some("this version has no call that hands leadership on"),
        _ => None,
    }
}

/// Why this machine cannot make a fault; none if it can.
pub fn why_not(kind: FaultKind, machine: &Machine) -> Option<String> {
    let lacking = match kind {
        FaultKind::F13 | FaultKind::F16 => machine.no_disks.as_deref(),
        FaultKind::F14 | FaultKind::F15 => machine.no_strace.as_deref(),
        _ => None,
    };
    never(kind).or(lacking).map(str::to_owned)
}

/// Whether a fault is one of the surroundings.
pub fn is_around(kind: FaultKind) -> bool {
    use FaultKind::{F6, F7, F8, F9, F10, F11, F12, F24, F25, F26};
    matches!(kind, F6 | F7 | F8 | F9 | F10 | F11 | F12 | F24 | F25 | F26)
}

/// Whether a fault needs the links as they are: what it asserts, it asserts of a node that reaches the others.
pub fn needs_fair_links(kind: FaultKind) -> bool {
    use FaultKind::{F18, F19, F23};
    matches!(kind, F18 | F19 | F23)
}

/// Makes a fault of nodes.
pub async fn make(kind: FaultKind, site: &mut Site, random: &mut StdRng) -> Result<Made> {
    match kind {
        FaultKind::F1 => crash::kill(site, random).await,
        FaultKind::F2 => crash::at_a_point(site, random).await,
        FaultKind::F3 => crash::kill_in_recovery(site, random).await,
        FaultKind::F4 => pause::leader(site, random).await,
        FaultKind::F5 => pause::any(site, random).await,
        FaultKind::F13 => power::cut(site, random).await,
        FaultKind::F14 => sync::fails(site, random).await,
        FaultKind::F15 => sync::is_slow(site, random).await,
        FaultKind::F16 => full::fill(site, random).await,
        FaultKind::F17 => damage::damage(site, random).await,
        FaultKind::F18 => identity::exchange(site, random).await,
        FaultKind::F19 => clock::wrong(site, random).await,
        FaultKind::F20 => scarce::starve(site, random).await,
        FaultKind::F23 => snapshot::lag(site).await,
        _ => Ok(Made::not_run(never(kind).unwrap_or("it is no fault of nodes"))),
    }
}

/// Makes a fault of the surroundings.
pub async fn make_around(kind: FaultKind, around: &Surroundings, random: &mut StdRng) -> Result<Made> {
    match kind {
        FaultKind::F6 | FaultKind::F7 | FaultKind::F8 | FaultKind::F9 | FaultKind::F10 | FaultKind::F11 => {
            network::make(kind, around, random).await
        }
        FaultKind::F12 => clients::impatient(&around.crowd).await,
        FaultKind::F24 => clients::race(&around.crowd, random).await,
        FaultKind::F25 => clients::burst(&around.crowd, random).await,
        FaultKind::F26 => hostile::come(&around.crowd, random).await,
        _ => Ok(Made::not_run("it is a fault of nodes")),
    }
}
