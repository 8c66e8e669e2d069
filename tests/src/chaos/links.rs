//! The links between all nodes, each through a proxy of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;

use super::proxy::{Direction, Proxy, Weather};
use crate::cluster::Cluster;

/// Every directed link of a cluster. Dropped: no node reaches another one.
#[derive(Debug)]
pub struct Links {
    directions: BTreeMap<(u64, u64), Arc<Direction>>,
    _proxies: Vec<Proxy>,
}

impl Links {
    /// Puts a proxy between every two nodes of a cluster that has not started yet.
    pub async fn between(cluster: &Cluster) -> Result<Links> {
        let ids = cluster.ids();
        let pairs = || ids.iter().flat_map(|&from| ids.iter().map(move |&to| (from, to))).filter(|(from, to)| from != to);
        let directions: BTreeMap<_, _> = pairs().map(|pair| (pair, Arc::new(Direction::default()))).collect();
        let mut proxies = Vec::new();
        for &from in &ids {
            let mut seen = cluster.members().to_vec();
            for member in seen.iter_mut().filter(|member| member.id != from) {
                let (there, back) = (&directions[&(from, member.id)], &directions[&(member.id, from)]);
                let proxy = Proxy::start(member.peer, Arc::clone(there), Arc::clone(back)).await?;
                member.peer = proxy.address();
                proxies.push(proxy);
            }
            cluster.show_members(from, &seen)?;
        }
        Ok(Links { directions, _proxies: proxies })
    }

    /// Sets the weather of every direction for which `weather` gives one; the others are fair.
    pub fn set(&self, weather: impl Fn(u64, u64) -> Option<Weather>) {
        for ((from, to), direction) in &self.directions {
            direction.set(weather(*from, *to).unwrap_or_default());
        }
    }

    /// Fair weather everywhere.
    pub fn heal(&self) {
        self.set(|_, _| None);
    }

    /// Pieces held up, delayed, broken off and changed on all links, since the beginning.
    pub fn touched(&self) -> [u64; 4] {
        let mut sum = [0; 4];
        for direction in self.directions.values() {
            for (sum, count) in sum.iter_mut().zip(direction.touched().counts()) {
                *sum += count;
            }
        }
        sum
    }
}
