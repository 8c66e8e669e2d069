//! `holdfast status`: members, leader, lag, slices and alarms.

use clap::Args;
use holdfast_client::api::{Audit, ClusterStatus, Member};
use serde::Serialize;

use super::endpoints::Endpoints;
use super::failure::Failure;
use super::output::{self, or_dash};
use super::sku;
use crate::limits::{ALARM_CLOCK_OFFSET_MS, ALARM_FREE_SHARE, ALARM_LAG_ENTRIES};

/// Show members, leader, lag, slices and alarms.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    endpoints: Endpoints,
}

impl StatusArgs {
    pub(super) fn json(&self) -> bool {
        self.endpoints.json
    }
}

/// What `status --json` answers.
#[derive(Debug, Serialize)]
struct Status {
    cluster: ClusterStatus,
    /// Empty if the stock can't be read linearizably now, which is an alarm.
    audits: Vec<Audit>,
    alarms: Vec<String>,
}

/// Asks one node and shows what it knows.
pub(super) async fn run(args: StatusArgs) -> Result<(), Failure> {
    let client = args.endpoints.hasty_client()?;
    let cluster = client.cluster().await?;
    let mut alarms = cluster_alarms(&cluster);
    // A cluster without a quorum can't be audited, and that is when its status matters most.
    let audits = match sku::audits(&client).await {
        Ok(audits) => audits,
        Err(failure) => {
            alarms.push(format!("the stock could not be read: {}", failure.detail()));
            Vec::new()
        }
    };
    alarms.extend(audits.iter().filter(|audit| !sku::conserved(audit)).map(|audit| format!("the units of {} do not add up", audit.sku)));
    let status = Status { cluster, audits, alarms };
    if args.endpoints.json { output::json(&status) } else { show(&status) }
}

fn cluster_alarms(cluster: &ClusterStatus) -> Vec<String> {
    let mut alarms: Vec<String> = cluster.members.iter().flat_map(member_alarms).collect();
    if cluster.leader.is_none() {
        alarms.push(format!("node {} knows no leader: nothing can be sold through it", cluster.node));
    }
    let disk = &cluster.disk;
    if (disk.free_bytes as f64) < ALARM_FREE_SHARE * (disk.used_bytes as f64) {
        alarms.push(format!("node {} has little room left: {} bytes free, {} used", cluster.node, disk.free_bytes, disk.used_bytes));
    }
    alarms
}

fn member_alarms(member: &Member) -> Vec<String> {
    let mut alarms = Vec::new();
    if member.alive == Some(false) {
        alarms.push(format!("node {} was not heard lately", member.id));
    } else if member.session.is_none() {
        alarms.push(format!("node {} has no session: it can't sell", member.id));
    }
    if let Some(lag) = member.lag.filter(|lag| *lag > ALARM_LAG_ENTRIES) {
        alarms.push(format!("node {} is {lag} entries behind", member.id));
    }
    if let Some(offset) = member.clock_offset_ms.filter(|offset| offset.unsigned_abs() > ALARM_CLOCK_OFFSET_MS) {
        alarms.push(format!("the clock of node {} is {offset} ms off", member.id));
    }
    alarms
}

fn show(status: &Status) -> Result<(), Failure> {
    let cluster = &status.cluster;
    output::fields(&[
        ("cluster", cluster.cluster_id.clone()),
        ("asked", format!("node {}", cluster.node)),
        ("leader", cluster.leader.map_or_else(|| "none".to_owned(), |leader| format!("node {leader}"))),
        ("term", cluster.term.to_string()),
        ("applied", cluster.applied.to_string()),
        ("committed", cluster.committed.to_string()),
        ("digest", format!("{} at {}", cluster.digest.value, cluster.digest.index)),
    ])?;
    output::line("")?;
    let rows: Vec<_> = cluster.members.iter().map(|member| member_row(member, cluster.leader)).collect();
    output::table(["NODE", "ROLE", "ALIVE", "LAG", "SESSION", "CLOCK", "API", "ADMIN"], &rows)?;
    if !status.audits.is_empty() {
        output::line("")?;
        let rows: Vec<_> = status.audits.iter().map(stock_row).collect();
        output::table(["SKU", "STOCK", "POOL", "SLICES", "HELD", "CONFIRMED", "CONSERVED"], &rows)?;
    }
    output::line("")?;
    if status.alarms.is_empty() {
        return output::line("no alarms");
    }
    status.alarms.iter().try_for_each(|alarm| output::line(&format!("ALARM {alarm}")))
}

fn member_row(member: &Member, leader: Option<u64>) -> [String; 8] {
    let role = if leader == Some(member.id) { "leader".to_owned() } else { format!("{:?}", member.role).to_lowercase() };
    let alive = or_dash(member.alive.map(|alive| if alive { "yes" } else { "no" }));
    let clock = member.clock_offset_ms.map(|offset| format!("{offset:+} ms"));
    let (lag, session) = (or_dash(member.lag), or_dash(member.session));
    [member.id.to_string(), role, alive, lag, session, or_dash(clock), member.api.clone(), member.admin.clone()]
}

fn stock_row(audit: &Audit) -> [String; 7] {
    let slices: Vec<_> = audit.slices.iter().map(|slice| format!("{}:{}", slice.node, slice.units)).collect();
    let slices = or_dash(Some(slices.join(" ")).filter(|text| !text.is_empty()));
    let conserved = if sku::conserved(audit) { "yes" } else { "NO" }.to_owned();
    let [stock, pool, held, confirmed] = [audit.stock, audit.pool, audit.held, audit.confirmed].map(|units| units.to_string());
    [audit.sku.clone(), stock, pool, slices, held, confirmed, conserved]
}

#[cfg(test)]
mod tests {
    use holdfast_client::api::{Digest, Disk, Role};

    use super::*;

    fn member(id: u64) -> Member {
        let address = String::new;
        Member {
            id,
            role: Role::Voter,
            api: address(),
            admin: address(),
            peer: address(),
            disk_id: None,
            alive: Some(true),
            lag: Some(0),
            session: Some(7),
            clock_offset_ms: Some(-3),
            version: None,
        }
    }

    fn cluster(members: Vec<Member>) -> ClusterStatus {
        ClusterStatus {
            cluster_id: String::new(),
            node: 1,
            leader: Some(1),
            term: 2,
            applied: 9,
            committed: 9,
            members,
            digest: Digest { index: 9, value: String::new() },
            disk: Disk { used_bytes: 100, free_bytes: 1_000 },
        }
    }

    #[test]
    fn a_sound_cluster_raises_no_alarm() {
        assert_eq!(cluster_alarms(&cluster(vec![member(1), member(2), member(3)])), Vec::<String>::new());
    }

    #[test]
    fn each_trouble_is_an_alarm_that_names_its_node() {
        type Cause = fn(&mut ClusterStatus);
        let troubles: [(&str, Cause); 6] = [
            ("node 2 was not heard", |cluster| cluster.members[0].alive = Some(false)),
            ("node 2 has no session", |cluster| cluster.members[0].session = None),
            ("node 2 is 100000 entries behind", |cluster| cluster.members[0].lag = Some(100_000)),
            ("the clock of node 2 is -9000 ms off", |cluster| cluster.members[0].clock_offset_ms = Some(-9_000)),
            ("node 1 knows no leader", |cluster| cluster.leader = None),
            ("node 1 has little room left", |cluster| cluster.disk.free_bytes = 1),
        ];
        for (wanted, cause) in troubles {
            let mut status = cluster(vec![member(2)]);
            cause(&mut status);
            let alarms = cluster_alarms(&status);
            assert!(alarms.len() == 1 && alarms[0].starts_with(wanted), "wanted {wanted:?}, got {alarms:?}");
        }
    }
}
