//! What the nodes use of their machine, as far as it can be known from here.

use std::net::SocketAddr;
use std::time::Duration;

use holdfast_api::paths;

use super::listeners;
use super::look;
use super::machine::{process_cpu, process_memory};
use super::target::Target;

/// The conventional name of a process's own processor time, in seconds.
const CPU_METRIC: &str = "process_cpu_seconds_total";

/// Where it is known from.
#[derive(Clone, Debug)]
pub(super) enum Servers {
    /// From the kernel, by process id.
    Processes(Vec<u32>),
    /// From the metrics of these nodes.
    Metrics(Vec<Target>),
    /// Not at all.
    Unknown,
}

impl Servers {
    /// The processes that were named; those that listen on this machine; what the nodes tell; or nothing.
    pub(super) async fn find(named: &[u32], listeners: &[SocketAddr], admin: &[Target]) -> Self {
        if !named.is_empty() {
            return Self::Processes(named.to_vec());
        }
        let local = listeners::processes(listeners);
        if !local.is_empty() {
            return Self::Processes(local);
        }
        let told = Self::Metrics(admin.to_vec());
        if told.cpu().await.is_some() { told } else { Self::Unknown }
    }

    /// Processor time of all of them so far.
    pub(super) async fn cpu(&self) -> Option<Duration> {
        match self {
            Self::Processes(pids) => pids.iter().map(|pid| process_cpu(*pid)).sum(),
            Self::Metrics(nodes) => Some(Duration::from_secs_f64(sum(nodes, CPU_METRIC).await?.max(0.0))),
            Self::Unknown => None,
        }
    }

    /// Memory of all of them now, in bytes; only of processes of this machine.
    pub(super) fn memory(&self) -> Option<u64> {
        match self {
            Self::Processes(pids) => pids.iter().map(|pid| process_memory(*pid)).sum(),
            Self::Metrics(_) | Self::Unknown => None,
        }
    }
}

async fn sum(nodes: &[Target], metric: &str) -> Option<f64> {
    let mut sum = 0.0;
    for node in nodes {
        let (_, text) = look::get(node, paths::METRICS).await.ok()?;
        sum += sample(&String::from_utf8_lossy(&text), metric)?;
    }
    (!nodes.is_empty()).then_some(sum)
}

fn sample(text: &str, metric: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_found_by_its_whole_name() {
        let text = "# HELP process_cpu_seconds_total x\nprocess_cpu_seconds_total_more 9\nprocess_cpu_seconds_total 1.5\n";
        assert_eq!(sample(text, CPU_METRIC), Some(1.5));
        assert_eq!(sample(text, "process_cpu"), None);
    }
}
