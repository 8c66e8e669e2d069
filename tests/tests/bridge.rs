//! Five nodes, cut so that no clean majority stands against a minority: somebody leads, and the sale goes on.

use anyhow::{Context, Result, ensure};
use holdfast_tests::chaos::links::Links;
use holdfast_tests::chaos::proxy::Weather;
use holdfast_tests::cluster::Cluster;
use holdfast_tests::options::ClusterOptions;
use holdfast_tests::sale::{Sale, SalePlan};
use holdfast_tests::turn::Turn;
use holdfast_tests::{checks, operator, program};

const NODES: usize = 5;
const STOCK: usize = 1_500;

/// Places in the order of nodes that begins with the leader.
type Kept = [(usize, usize)];

#[tokio::test(flavor = "multi_thread")]
async fn two_sides_that_see_only_the_node_between_them_sell_everything() -> Result<()> {
    const BRIDGE: usize = 2;
    sell_everything_over(&[(0, 1), (0, BRIDGE), (1, BRIDGE), (BRIDGE, 3), (BRIDGE, 4), (3, 4)]).await
}

/// No majority hears the old leader, and the node that does is needed for another.
#[tokio::test(flavor = "multi_thread")]
async fn a_leader_heard_by_the_bridge_alone_is_replaced_and_everything_is_sold() -> Result<()> {
    const BRIDGE: usize = 1;
    sell_everything_over(&[(0, BRIDGE), (BRIDGE, 2), (BRIDGE, 3), (2, 3)]).await
}

/// Cuts every other link in the middle of a sale, and heals when everything is sold.
async fn sell_everything_over(kept: &Kept) -> Result<()> {
    let turn = Turn::take().await?;
    let mut cluster = Cluster::prepare(&turn, options())?;
    let links = Links::between(&cluster).await?;
    cluster.start_all().await?;
    operator::create_sku(cluster.admin(1), "sneaker", STOCK as u64).await?;
    operator::granted(cluster.admin(1), "sneaker", NODES).await?;
    let sale = Sale::begin(cluster.apis(), SalePlan::new("sneaker", 2 * STOCK).per_second(500));
    sale.reached(STOCK / 5).await?;

    let mut nodes = cluster.ids();
    let leader = cluster.leader().await?;
    nodes.sort_by_key(|id| *id != leader);
    let is_kept =
        |from, to| kept.iter().any(|&(one, other)| [(nodes[one], nodes[other]), (nodes[other], nodes[one])].contains(&(from, to)));
    links.set(|from, to| (!is_kept(from, to)).then_some(Weather { is_cut: true, ..Weather::default() }));
    let sold = sale.reached(STOCK).await;
    let [held, ..] = links.touched();
    links.heal();

    sold.context("not everything was sold while the links were cut")?;
    ensure!(held > 0, "the cuts held nothing up");
    let report = sale.finish().await?;
    println!("{report}");
    report.ensure_exactly(STOCK, "sold-out")?;
    checks::all(&cluster, "sneaker", &report).await?;
    cluster.end().await
}

/// A leader's word lasts long beside its heartbeat: a slow machine replaces nobody by chance.
fn options() -> ClusterOptions {
    let mut options = ClusterOptions::new(program!());
    options.nodes = NODES as u64;
    let times = [("raft", "election_timeout_min_ms", 600), ("raft", "election_timeout_max_ms", 1_200), ("stock", "resend_after_ms", 1_500)];
    times.into_iter().fold(options, |options, (section, key, ms)| options.set(section, key, ms))
}
