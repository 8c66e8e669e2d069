//! Many buyers at once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::buyer::{Buyer, Nodes, Wanted};
use crate::limits::{ATTEMPTS_ARE_OVER, SALE_WITHIN};
use crate::report::{Bought, Fate, SaleReport};

/// What is bought, by how many, how fast.
#[derive(Clone, Debug)]
pub struct SalePlan {
    /// Of what.
    pub sku: String,
    /// Orders.
    pub orders: usize,
    /// At most so many at once.
    pub at_once: usize,
    /// Orders begun per second until the first `sold-out` is heard; none: as fast as they are answered.
    pub per_second: Option<u32>,
    /// Units in each.
    pub quantity: u64,
    /// What the idempotency keys begin with: two sales of one SKU need two names.
    pub name: String,
    /// The one buyer of all; none: a random one each.
    pub buyer: Option<String>,
}

impl SalePlan {
    /// One unit each, a hundred at a time, as fast as they are answered.
    pub fn new(sku: &str, orders: usize) -> SalePlan {
        SalePlan { sku: sku.into(), orders, at_once: 100, per_second: None, quantity: 1, name: sku.into(), buyer: None }
    }

    /// So many orders per second: lets a sale last long enough for faults in the middle of it.
    #[must_use]
    pub fn per_second(mut self, orders: u32) -> SalePlan {
        self.per_second = Some(orders);
        self
    }

    /// So many at once.
    #[must_use]
    pub fn at_once(mut self, buyers: usize) -> SalePlan {
        self.at_once = buyers;
        self
    }

    /// All by one buyer.
    #[must_use]
    pub fn buyer(mut self, buyer: &str) -> SalePlan {
        self.buyer = Some(buyer.into());
        self
    }

    /// With keys of its own: for a second sale of a SKU.
    #[must_use]
    pub fn named(mut self, name: &str) -> SalePlan {
        self.name = name.into();
        self
    }

    fn wanted(&self, number: usize) -> Wanted {
        let buyer = self.buyer.clone().unwrap_or_else(|| format!("buyer-{:08x}", rand::random::<u32>()));
        Wanted { buyer, key: format!("{}-{number}", self.name), sku: self.sku.clone(), quantity: self.quantity }
    }
}

/// A sale under way. Dropped: its buyers stop.
#[derive(Debug)]
pub struct Sale {
    began: Instant,
    acknowledged: watch::Receiver<usize>,
    buyers: JoinHandle<SaleReport>,
}

struct Counter {
    plan: SalePlan,
    began: Instant,
    next: AtomicUsize,
    acknowledged: watch::Sender<usize>,
    sold_out: watch::Sender<bool>,
    nodes: Arc<Nodes>,
}

impl Sale {
    /// Begins a sale over these nodes.
    pub fn begin(apis: Vec<SocketAddr>, plan: SalePlan) -> Sale {
        let began = Instant::now();
        let (sender, acknowledged) = watch::channel(0);
        let counter = Counter {
            plan,
            began,
            next: AtomicUsize::new(0),
            acknowledged: sender,
            sold_out: watch::channel(false).0,
            nodes: Nodes::new(apis),
        };
        Sale { began, acknowledged, buyers: tokio::spawn(run(Arc::new(counter))) }
    }

    /// Time since it began.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Waits until so many orders were acknowledged.
    pub async fn reached(&self, orders: usize) -> Result<()> {
        let mut seen = self.acknowledged.clone();
        let reached = tokio::time::timeout(SALE_WITHIN, seen.wait_for(|count| *count >= orders)).await;
        reached.context("the sale came to a stand")?.context("the sale was over before")?;
        Ok(())
    }

    /// Waits until every fate is known.
    pub async fn finish(mut self) -> Result<SaleReport> {
        tokio::time::timeout(SALE_WITHIN, &mut self.buyers).await.context("the sale did not end")?.context("a buyer panicked")
    }
}

impl Drop for Sale {
    fn drop(&mut self) {
        self.buyers.abort();
    }
}

async fn run(counter: Arc<Counter>) -> SaleReport {
    let mut workers = JoinSet::new();
    for _ in 0..counter.plan.at_once {
        workers.spawn(work(Arc::clone(&counter)));
    }
    let mut report = SaleReport::default();
    for mut orders in workers.join_all().await {
        report.orders.append(&mut orders);
    }
    settle(&counter, &mut report).await;
    report
}

async fn work(counter: Arc<Counter>) -> Vec<Bought> {
    let mut buyer = Buyer::new(&counter.nodes);
    let mut orders = Vec::new();
    loop {
        let number = counter.next.fetch_add(1, Ordering::Relaxed);
        if number >= counter.plan.orders {
            return orders;
        }
        wait_for_turn(&counter, number).await;
        let wanted = counter.plan.wanted(number);
        let attempted = buyer.buy(&wanted).await;
        match &attempted.fate {
            Fate::Acknowledged { .. } => counter.acknowledged.send_modify(|count| *count += 1),
            Fate::Refused(problem) if problem == "sold-out" => {
                counter.sold_out.send_replace(true);
            }
            Fate::Refused(_) | Fate::Unknown(_) => {}
        }
        let Wanted { buyer, key, sku, quantity } = wanted;
        let at = counter.began.elapsed();
        orders.push(Bought {
            buyer,
            key,
            sku,
            quantity,
            fate: attempted.fate,
            at,
            attempts: attempted.attempts,
            ambiguous: attempted.ambiguous,
        });
    }
}

/// Sleeps until it is this order's turn by the plan's pace; no longer than until the sale is sold out.
async fn wait_for_turn(counter: &Counter, number: usize) {
    let Some(per_second) = counter.plan.per_second else { return };
    let turn = Duration::from_secs_f64(number as f64 / f64::from(per_second));
    let mut sold_out = counter.sold_out.subscribe();
    tokio::select! {
        () = tokio::time::sleep(turn.saturating_sub(counter.began.elapsed())) => {}
        _ = sold_out.wait_for(|sold_out| *sold_out) => {}
    }
}

/// A refusal speaks for its own attempt only. Where an earlier attempt went unanswered the buyer asks again once none of
/// them can be applied any more, and hears what is true for good.
async fn settle(counter: &Counter, report: &mut SaleReport) {
    let open: Vec<&mut Bought> = report.orders.iter_mut().filter(|o| o.ambiguous && matches!(o.fate, Fate::Refused(_))).collect();
    if open.is_empty() {
        return;
    }
    tokio::time::sleep(ATTEMPTS_ARE_OVER).await;
    let mut buyer = Buyer::new(&counter.nodes);
    for order in open {
        let wanted = Wanted { buyer: order.buyer.clone(), key: order.key.clone(), sku: order.sku.clone(), quantity: order.quantity };
        let attempted = buyer.buy(&wanted).await;
        order.fate = attempted.fate;
        order.attempts += attempted.attempts;
        order.ambiguous = attempted.ambiguous;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// A server with `stock` units that hangs up once after it sold one: the buyer cannot know.
    struct Shop {
        sold: Mutex<Vec<String>>,
        stock: usize,
        hung_up: Mutex<bool>,
    }

    impl Shop {
        fn answer(&self, key: &str) -> String {
            let mut sold = self.sold.lock().unwrap();
            if !sold.iter().any(|known| known == key) && sold.len() < self.stock {
                sold.push(key.to_owned());
            }
            let (status, body) = match sold.iter().position(|known| known == key) {
                Some(index) => (201, format!(r#"{{"id":"{key}","index":{index}}}"#)),
                None => (409, r#"{"type":"urn:holdfast:problem:sold-out"}"#.to_owned()),
            };
            format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        }

        async fn serve(self: Arc<Self>, stream: TcpStream) -> std::io::Result<()> {
            let mut stream = BufReader::new(stream);
            loop {
                let (mut key, mut length) = (String::new(), 0);
                loop {
                    let mut line = String::new();
                    if stream.read_line(&mut line).await? == 0 {
                        return Ok(());
                    }
                    match line.trim().split_once(": ") {
                        Some(("idempotency-key", value)) => key = value.to_owned(),
                        Some(("content-length", value)) => length = value.parse().unwrap_or(0),
                        _ if line.trim().is_empty() => break,
                        _ => {}
                    }
                }
                stream.read_exact(&mut vec![0; length]).await?;
                let answer = self.answer(&key);
                if !std::mem::replace(&mut *self.hung_up.lock().unwrap(), true) {
                    return Ok(());
                }
                stream.get_mut().write_all(answer.as_bytes()).await?;
            }
        }
    }

    #[tokio::test]
    async fn a_sale_gives_every_buyer_one_fate_and_an_order_lost_on_the_way_back_is_found_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = listener.local_addr().unwrap();
        let shop = Arc::new(Shop { sold: Mutex::new(Vec::new()), stock: 40, hung_up: Mutex::new(false) });
        let open = Arc::clone(&shop);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&open).serve(stream));
            }
        });

        let sale = Sale::begin(vec![api], SalePlan::new("x", 100).at_once(7).per_second(2_000));
        sale.reached(10).await.unwrap();
        let report = sale.finish().await.unwrap();

        server.abort();
        report.ensure_exactly(40, "sold-out").unwrap();
        assert_eq!(report.orders.len(), 100);
        assert_eq!(report.orders.iter().filter(|order| order.ambiguous).count(), 1, "{report}");
        let mut ids = report.ids();
        ids.sort_unstable();
        let mut sold = shop.sold.lock().unwrap().clone();
        sold.sort_unstable();
        assert_eq!(ids, sold);
    }
}
