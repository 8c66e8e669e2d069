//! Running nodes against each other.
//!
//! Nodes pass the same index at different times: what each says is kept until all were heard of one index. Everything that
//! is compared is a function of the log up to there, so that any difference at an equal index is a defect.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use futures_util::future::try_join_all;
use holdfast_client::api::{Audit, OrderQuery, ProblemType, limits::MAX_PAGE};
use holdfast_client::{Client, ClientConfig, ClientError};
use tokio::time::{Instant, sleep};

use super::report::{Report, SkuReport, by_status, in_words};
use super::witness::{Witness, named};
use crate::cli::failure::Failure;
use crate::cli::sku;
use crate::limits::{MAX_LISTED_ORDERS, VERIFY_ORDERS_WITHIN, VERIFY_PAUSE, VERIFY_WITHIN};

/// Asks the nodes behind these admin listeners.
pub(super) async fn verify(urls: &[String]) -> Result<Report, Failure> {
    let nodes = try_join_all(urls.iter().map(|url| Node::at(url))).await?;
    ensure_one_cluster(&nodes, urls)?;
    let mut heard = Heard::of(&nodes).await?;
    heard.compare_states(&nodes).await?;
    heard.compare_orders(&nodes).await?;
    heard.report(&nodes.iter().map(|node| node.id).collect::<Vec<_>>())
}

struct Node {
    id: u64,
    cluster: String,
    client: Client,
}

impl Node {
    async fn at(url: &str) -> Result<Self, Failure> {
        let client = Client::new(ClientConfig::default().and_admin([url]))?;
        let status = client.cluster().await?;
        Ok(Self { id: status.node, cluster: status.cluster_id, client })
    }

    async fn index(&self) -> Result<u64, Failure> {
        Ok(self.client.cluster().await?.digest.index)
    }

    /// The books of a SKU, which must add up.
    async fn books(&self, name: &str) -> Result<Audit, Failure> {
        let audit = self.client.audit(name).await.map_err(|error| match &error {
            ClientError::Refused(problem) if problem.kind() == Some(ProblemType::UnknownSku) => {
                Failure::Unsound(format!("node {} does not know the SKU {name}, which another lists", self.id))
            }
            _ => error.into(),
        })?;
        if sku::conserved(&audit) {
            return Ok(audit);
        }
        let (index, terms) = (audit.index, Terms::from(&audit));
        Err(Failure::Unsound(format!("node {}: at index {index} the units of {name} do not add up: {terms}", self.id)))
    }

    /// Its newest orders, counted, with the index they are of, if its log stood still meanwhile.
    async fn orders(&self) -> Result<Listed, Failure> {
        let before = self.index().await?;
        let mut orders = Orders::default();
        let mut page = OrderQuery { limit: Some(MAX_PAGE), ..OrderQuery::default() };
        loop {
            let told = match self.client.orders(&page).await {
                // It answered for its state: what it lacks is the history, which it may still be fetching.
                Err(ClientError::Unavailable { .. }) => return Ok(Listed::NotYet),
                told => told?,
            };
            for order in &told.orders {
                orders.count(&order.id, order.status.word());
            }
            page.cursor = told.next;
            if page.cursor.is_none() || orders.total() >= u64::from(MAX_LISTED_ORDERS) {
                break;
            }
        }
        Ok(if self.index().await? == before { Listed::At(before, orders) } else { Listed::Moved })
    }
}

/// Fails unless these are different nodes of one cluster.
fn ensure_one_cluster(nodes: &[Node], urls: &[String]) -> Result<(), Failure> {
    for (place, node) in nodes.iter().enumerate() {
        for (before, other) in nodes[..place].iter().enumerate() {
            let (one, two) = (&urls[before], &urls[place]);
            if node.cluster != other.cluster {
                return Err(Failure::Failed(format!("{one} and {two} are not of one cluster")));
            }
            if node.id == other.id {
                return Err(Failure::Failed(format!("{one} and {two} are one node, {}: it can't be held against itself", node.id)));
            }
        }
    }
    Ok(())
}

/// All that was heard.
struct Heard {
    digests: Witness<String>,
    skus: BTreeMap<String, Witness<Terms>>,
    orders: Witness<Orders>,
    /// The latest node that could not list its orders.
    without_orders: Option<u64>,
}

impl Heard {
    /// Nothing yet, of every SKU that one of them lists.
    async fn of(nodes: &[Node]) -> Result<Self, Failure> {
        let lists = try_join_all(nodes.iter().map(|node| sku::all(&node.client))).await?;
        let skus = lists.into_iter().flatten().map(|sku| (sku.sku, Witness::new(nodes.len()))).collect();
        Ok(Self { digests: Witness::new(nodes.len()), skus, orders: Witness::new(nodes.len()), without_orders: None })
    }

    /// Asks until every node told its digest and each SKU's books at an equal index.
    async fn compare_states(&mut self, nodes: &[Node]) -> Result<(), Failure> {
        let deadline = Instant::now() + VERIFY_WITHIN;
        loop {
            let open: Vec<_> = self.skus.iter().filter(|(_, terms)| terms.agreed().is_none()).map(|(name, _)| name.clone()).collect();
            if open.is_empty() && self.digests.agreed().is_some() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let told = "the nodes were at no equal index while they were asked: ask again when less is sold";
                return Err(Failure::Failed(told.to_owned()));
            }
            try_join_all(nodes.iter().map(|node| ask(node, &open))).await?.into_iter().flatten().for_each(|said| self.hear(said));
            self.ensure_equal()?;
            sleep(VERIFY_PAUSE).await;
        }
    }

    fn hear(&mut self, said: Said) {
        self.digests.hear(said.node, said.index, said.digest);
        if let Some((name, terms)) = said.books {
            self.skus.entry(name).and_modify(|sku| sku.hear(said.node, said.index, terms));
        }
    }

    /// Asks until every node listed its orders at an equal index; gives up without an error where selling goes on, since then
    /// no node stands still for as long as a list takes, and where a node can't list them yet.
    async fn compare_orders(&mut self, nodes: &[Node]) -> Result<(), Failure> {
        let deadline = Instant::now() + VERIFY_ORDERS_WITHIN;
        while self.orders.agreed().is_none() && Instant::now() < deadline {
            for (node, told) in nodes.iter().zip(try_join_all(nodes.iter().map(Node::orders)).await?) {
                match told {
                    Listed::At(index, orders) => self.orders.hear(node.id, index, orders),
                    Listed::NotYet => self.without_orders = Some(node.id),
                    Listed::Moved => {}
                }
            }
            self.ensure_equal()?;
            sleep(VERIFY_PAUSE).await;
        }
        Ok(())
    }

    fn ensure_equal(&self) -> Result<(), Failure> {
        let of_skus = self.skus.iter().find_map(|(name, terms)| terms.difference(&format!("the units of {name}")));
        // Other units make another digest: the units say more.
        let found = of_skus.or_else(|| self.orders.difference("its orders")).or_else(|| self.digests.difference("the digest"));
        found.map_or(Ok(()), |difference| Err(Failure::Unsound(format!("{difference}; stop them and keep their data directories"))))
    }

    fn report(&self, ids: &[u64]) -> Result<Report, Failure> {
        let (index, digest) = self.digests.agreed().ok_or_else(|| Failure::Failed("no digest was compared".to_owned()))?;
        let orders = self.orders.agreed().map(|(_, orders)| orders);
        let skus: Vec<_> = self.skus.iter().filter_map(|(name, terms)| Some(terms.agreed()?.1.report(name, terms.agreed()?.0))).collect();
        let (checked, agreement) = match ids {
            [_] => ("by its own books: there was no other to hold it against", "held against no other"),
            _ => ("against each other, at equal log indices", "which agree in digest and units"),
        };
        let units = format!("every unit of {} SKUs is accounted for on {}, {agreement}", skus.len(), named(ids));
        Ok(Report {
            checked: format!("{} {checked}", named(ids)),
            first: None,
            index,
            entries: None,
            snapshot: None,
            digest: digest.clone(),
            orders: orders.map(|orders| by_status(&orders.counts)),
            result: match orders {
                _ if ids.len() == 1 => format!("sound as far as it goes: {units}"),
                Some(orders) if orders.total() >= u64::from(MAX_LISTED_ORDERS) => {
                    format!("sound: {units}, and in their newest {} orders", orders.total())
                }
                Some(orders) => format!("sound: {units}, and in all {} orders", orders.total()),
                None => {
                    let why = self
                        .without_orders
                        .map_or_else(|| "the log moved on meanwhile".to_owned(), |node| format!("node {node} could not list its own yet"));
                    format!("sound as far as it goes: {units}; orders were not compared, since {why}")
                }
            },
            nodes: ids.to_vec(),
            skus,
        })
    }
}

/// What a node said at one index.
struct Said {
    node: u64,
    index: u64,
    digest: String,
    books: Option<(String, Terms)>,
}

/// A node's digest, and its books of some SKUs.
async fn ask(node: &Node, skus: &[String]) -> Result<Vec<Said>, Failure> {
    let digest = node.client.cluster().await?.digest;
    let mut said = vec![Said { node: node.id, index: digest.index, digest: digest.value, books: None }];
    for name in skus {
        let audit = node.books(name).await?;
        let terms = Terms::from(&audit);
        said.push(Said { node: node.id, index: audit.index, digest: audit.digest, books: Some((audit.sku, terms)) });
    }
    Ok(said)
}

/// The terms of conservation of one SKU.
#[derive(Debug, PartialEq)]
struct Terms {
    stock: u64,
    pool: u64,
    slices: Vec<(u64, u64)>,
    held: u64,
    confirmed: u64,
}

impl From<&Audit> for Terms {
    fn from(audit: &Audit) -> Self {
        let slices = audit.slices.iter().map(|slice| (slice.session, slice.units)).collect();
        Self { stock: audit.stock, pool: audit.pool, slices, held: audit.held, confirmed: audit.confirmed }
    }
}

impl Terms {
    fn sliced(&self) -> u64 {
        self.slices.iter().map(|(_, units)| units).sum()
    }

    fn report(&self, sku: &str, index: u64) -> SkuReport {
        SkuReport {
            sku: sku.to_owned(),
            index,
            stock: self.stock,
            confirmed: self.confirmed,
            held: self.held,
            available: self.pool + self.sliced(),
            pool: self.pool,
            sliced: self.sliced(),
            adjusted: None,
            orders: None,
        }
    }
}

impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slices: Vec<_> = self.slices.iter().map(|(session, units)| format!("{units} of session {session}")).collect();
        let slices = if slices.is_empty() { "none".to_owned() } else { slices.join(" and ") };
        write!(f, "stock {}, pool {}, slices {slices}, held {}, confirmed {}", self.stock, self.pool, self.held, self.confirmed)
    }
}

/// What a node told of its orders.
enum Listed {
    /// These, at this index.
    At(u64, Orders),
    /// Its log moved on meanwhile.
    Moved,
    /// It can't list them: a node fetches the history that a snapshot jumped over from its peers.
    NotYet,
}

/// Orders, newest first, counted and told apart.
#[derive(Debug, Default, PartialEq)]
struct Orders {
    counts: BTreeMap<&'static str, u64>,
    /// Of all ids and statuses in their order.
    hash: u64,
}

impl Orders {
    fn count(&mut self, id: &str, status: &'static str) {
        *self.counts.entry(status).or_default() += 1;
        let mut hash = DefaultHasher::new();
        (self.hash, id, status).hash(&mut hash);
        self.hash = hash.finish();
    }

    fn total(&self) -> u64 {
        self.counts.values().sum()
    }
}

impl fmt::Display for Orders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (hash {:016x})", in_words(&by_status(&self.counts)), self.hash)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::StatusCode;
    use axum::routing::get;
    use axum::{Json, Router};
    use holdfast_client::api::{ClusterStatus, Digest, Disk};
    use tokio::net::TcpListener;

    use super::*;

    fn heard(nodes: &[u64]) -> Heard {
        let mut digests = Witness::new(nodes.len());
        for node in nodes {
            digests.hear(*node, 7, "d".to_owned());
        }
        Heard { digests, skus: BTreeMap::new(), orders: Witness::new(nodes.len()), without_orders: None }
    }

    #[test]
    fn one_node_is_not_said_to_agree() {
        let mut one = heard(&[3]);
        one.orders.hear(3, 7, Orders::default());
        let report = one.report(&[3]).unwrap();
        assert!(report.result.ends_with("accounted for on node 3, held against no other"), "{}", report.result);
        assert!(report.checked.contains("no other") && !report.result.contains("agree"), "{}", report.checked);
    }

    #[test]
    fn a_node_that_could_not_list_its_orders_is_named() {
        let mut two = heard(&[1, 2]);
        two.without_orders = Some(2);
        let result = two.report(&[1, 2]).unwrap().result;
        assert!(result.ends_with("orders were not compared, since node 2 could not list its own yet"), "{result}");
    }

    #[tokio::test]
    async fn a_node_that_can_not_list_its_orders_yet_does_not_end_the_check() {
        let status = ClusterStatus {
            cluster_id: "c".into(),
            node: 2,
            leader: Some(1),
            term: 1,
            applied: 7,
            committed: 7,
            members: Vec::new(),
            digest: Digest { index: 7, value: "d".into() },
            disk: Disk { used_bytes: 0, free_bytes: 0 },
        };
        let router = Router::new()
            .route("/v1/cluster", get(async move || Json(status)))
            .route("/v1/orders", get(async || StatusCode::SERVICE_UNAVAILABLE));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let config = ClientConfig { retry_for: Duration::from_millis(500), ..ClientConfig::default() }.and_admin([url.as_str()]);
        let node = Node { id: 2, cluster: "c".into(), client: Client::new(config).unwrap() };
        assert!(matches!(node.orders().await.unwrap(), Listed::NotYet));
    }
}
