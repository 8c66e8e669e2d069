//! The end of a checked run: the change feed is read, the books are looked at, and the oracle judges.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use holdfast_api::{AdjustStock, Change, Event, EventQuery};
use tokio::time::timeout;

use super::error::BenchError;
use super::limits::{FEED_WITHIN, QUIET_WITHIN, TOLD_EVERY};
use super::recorder::{Book, Recorder};
use super::report::Checked;
use super::session::{Session, Ware};
use crate::oracle::{self, Asked, Call, Closing, Heard, Ledger, Terms};
use crate::{Client, ClientError, IdempotencyKey};

/// What came of it.
pub(super) struct Checking {
    pub(super) checked: Checked,
    pub(super) violations: Vec<String>,
    pub(super) notes: Vec<String>,
}

/// Judges every call of the run by the ledger of what it sold, from log index `from` on.
pub(super) async fn check(session: &Session<'_>, recorder: &Recorder) -> Result<Option<Checking>, BenchError> {
    let Some(first) = session.wares.first() else { return Ok(None) };
    session.watcher.did("reads the change feed and judges");
    let mut notes = Vec::new();
    let quiet = wait_for_quiet(session).await?;
    if !quiet {
        notes.push("holds were open at the end, and may end while the books are looked at: the books were not judged".to_owned());
    }
    let reference = mark_the_end(session, recorder, first).await?;
    let ledger = read_ledger(session, recorder, &reference).await?;
    let closing = if quiet { Some(closing(session, recorder).await?) } else { None };
    let mut book = recorder.book();
    let terms = terms(session, &mut book);
    let judgement = oracle::judge(&book.history, &ledger, &terms, closing.as_ref());
    let mut violations: Vec<String> = judgement.violations.iter().map(|found| format!("{:?}: {}", found.invariant, found.told)).collect();
    violations.extend(book.oddities.iter().map(|oddity| format!("an answer breaks the contract: {oddity}")));
    let counts = &judgement.counts;
    let checked = Checked {
        calls: counts.calls,
        orders: counts.orders,
        settled_present: counts.settled_present,
        settled_absent: counts.settled_absent,
        oddities: book.odd,
    };
    Ok(Some(Checking { checked, violations, notes }))
}

/// Until nothing is held that would end by itself soon. False if something is.
async fn wait_for_quiet(session: &Session<'_>) -> Result<bool, BenchError> {
    let (deadline, mut lasting) = (Instant::now() + QUIET_WITHIN, true);
    for ware in session.wares.iter().filter(|ware| ware.hold_ttl_ms > 0) {
        let ttl = Duration::from_millis(ware.hold_ttl_ms);
        // Holds of the beginning of the run outlast the judgement.
        if session.began.elapsed() + FEED_WITHIN < ttl {
            continue;
        }
        while session.client.audit(&ware.sku).await?.held > 0 {
            if Instant::now() > deadline {
                lasting = false;
                break;
            }
            tokio::time::sleep(TOLD_EVERY).await;
        }
    }
    Ok(lasting)
}

/// An adjustment that the feed tells behind everything else, and that is a call like any other.
async fn mark_the_end(session: &Session<'_>, recorder: &Recorder, ware: &Ware) -> Result<String, BenchError> {
    let reference = format!("{}-end", ware.sku);
    let adjustment = AdjustStock { delta: 1, reason: "holdfast bench ends".into(), reference: Some(reference.clone()) };
    let began_us = recorder.micros(Instant::now());
    let made = session.client.adjust_stock(&ware.sku, &IdempotencyKey::random(), &adjustment).await?;
    let ended_us = recorder.micros(Instant::now());
    let mut book = recorder.book();
    let names = &mut book.history.names;
    let asked = Asked::Adjust { sku: names.number(&ware.sku), delta: 1, reference: names.number(&reference) };
    book.history.record(Call { began_us, ended_us, node: 0, asked, heard: Heard::Adjusted { index: made.index } });
    Ok(reference)
}

async fn read_ledger(session: &Session<'_>, recorder: &Recorder, last: &str) -> Result<Ledger, BenchError> {
    let mut feed = session.client.events(&EventQuery { from: Some(session.log_index), buyer: None });
    let mut ledger = Ledger::default();
    let reading = async {
        loop {
            let event = feed.next().await?;
            if is_of(session, &event) {
                ledger.push(&event, &mut recorder.book().history.names);
            }
            if matches!(&event.change, Change::StockAdjusted { reference: Some(reference), .. } if reference == last) {
                return Ok::<_, ClientError>(());
            }
        }
    };
    timeout(FEED_WITHIN, reading)
        .await
        .map_err(|_| BenchError::Generator(format!("the change feed did not end within {FEED_WITHIN:?}")))??;
    Ok(ledger)
}

/// Whether an event is about what this run sells.
fn is_of(session: &Session<'_>, event: &Event) -> bool {
    let sku = match &event.change {
        Change::OrderHeld { order }
        | Change::OrderConfirmed { order }
        | Change::OrderReleased { order }
        | Change::OrderExpired { order }
        | Change::OrderCancelled { order } => order.lines.first().map(|line| &line.sku),
        Change::StockAdjusted { sku, .. } | Change::SoldOut { sku } | Change::BackInStock { sku } => Some(sku),
        Change::Unknown => return true,
    };
    sku.is_some_and(|sku| session.is_own(sku))
}

async fn closing(session: &Session<'_>, recorder: &Recorder) -> Result<Closing, BenchError> {
    let sessions = sessions(&session.client).await?;
    let mut closing = Closing { sessions, ..Closing::default() };
    for ware in &session.wares {
        let audit = session.client.audit(&ware.sku).await?;
        closing.audits.push((recorder.book().history.names.number(&ware.sku), audit));
    }
    Ok(closing)
}

/// Every node's open session, as the leader knows them.
async fn sessions(client: &Client) -> Result<BTreeMap<u64, u64>, ClientError> {
    let status = client.cluster().await?;
    Ok(status.members.iter().filter_map(|member| Some((member.id, member.session?))).collect())
}

fn terms(session: &Session<'_>, book: &mut Book) -> Vec<Terms> {
    let names = &mut book.history.names;
    let terms = |ware: &Ware| Terms {
        sku: names.number(&ware.sku),
        stock: ware.stock,
        per_buyer_limit: None,
        hold_ttl_ms: ware.hold_ttl_ms,
        is_always_open: true,
    };
    session.wares.iter().map(terms).collect()
}
