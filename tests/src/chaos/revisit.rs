//! What was acknowledged in a round, asked for again when it is over: every node has every order, and every key its own.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use holdfast_client::oracle::{Asked, BodyId, Heard, History, Name};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::limits::{ASKED_WITHIN, READ_AGAIN, REVISIT_TOLD, REVISITORS, SENT_AGAIN};
use super::recorder::{Attempted, Recorder};
use crate::http::{Call, Connection};
use crate::limits::{ATTEMPT_WITHIN, POLL_EVERY};

/// A call and the order that its answer must tell.
struct Question {
    call: Call,
    asked: Asked,
    order: Name,
    is_repetition: bool,
}

/// Repeats orders with their keys, each at one node, and reads others at every node. What was answered otherwise than it must be.
pub(super) async fn look_again(recorder: &Arc<Recorder>, apis: &[SocketAddr], seed: u64) -> Result<Vec<String>> {
    let mut asked: Vec<Vec<Question>> = apis.iter().map(|_| Vec::new()).collect();
    {
        let book = recorder.book();
        let mut bought = bought(&book.history);
        bought.shuffle(&mut StdRng::seed_from_u64(seed));
        for (at, &(key, body, order)) in bought.iter().take(SENT_AGAIN).enumerate() {
            asked[at % apis.len()].push(repetition(&book.history, key, body, order));
        }
        for &(_, _, order) in bought.iter().rev().take(READ_AGAIN) {
            for asked in &mut asked {
                asked.push(reading(&book.history, order));
            }
        }
    }
    let count: usize = asked.iter().map(Vec::len).sum();
    let mut revisitors = JoinSet::new();
    for ((node, &api), mut questions) in (1..).zip(apis).zip(asked) {
        let each = questions.len().div_ceil(REVISITORS).max(1);
        while !questions.is_empty() {
            let part = questions.split_off(questions.len().saturating_sub(each));
            revisitors.spawn(ask_all(Arc::clone(recorder), node, api, part));
        }
    }
    let mut wrong = Vec::new();
    while let Some(told) = revisitors.join_next().await {
        wrong.extend(told.context("who asks again panicked")?);
    }
    println!("{count} calls about acknowledged orders, {} answered wrongly", wrong.len());
    let more = wrong.len().saturating_sub(REVISIT_TOLD);
    wrong.truncate(REVISIT_TOLD);
    wrong.extend((more > 0).then(|| format!("… and {more} more about acknowledged orders")));
    Ok(wrong)
}

/// Key, body and order of every acknowledgement, each key once, by key.
fn bought(history: &History) -> Vec<(Name, BodyId, Name)> {
    let acknowledged = history.calls().iter().filter_map(|call| match (call.asked, call.heard) {
        (Asked::Order { key, body, .. }, Heard::Order { id, .. }) => Some((key, (body, id))),
        _ => None,
    });
    let mut bought: Vec<_> = acknowledged.collect::<HashMap<_, _>>().into_iter().map(|(key, (body, id))| (key, body, id)).collect();
    bought.sort_unstable_by_key(|(key, ..)| *key);
    bought
}

fn repetition(history: &History, key: Name, body_id: BodyId, order: Name) -> Question {
    let (body, text) = (history.body_of(body_id), |name| history.names.text(name));
    let lines: Vec<Value> = body.lines.iter().map(|line| json!({ "sku": text(line.sku), "quantity": line.units })).collect();
    let mut told = json!({ "buyer": text(body.buyer), "lines": lines });
    if body.confirm {
        told["confirm"] = true.into();
    }
    let call = Call::post("/v1/orders", &told).header("idempotency-key", text(key));
    Question { call, asked: Asked::Order { key, body: body_id, apply_before: None }, order, is_repetition: true }
}

fn reading(history: &History, order: Name) -> Question {
    let call = Call::get(format!("/v1/orders/{}", history.names.text(order)));
    Question { call, asked: Asked::Read { order }, order, is_repetition: false }
}

/// Asks one after another, and gives up when nothing is heard of one.
async fn ask_all(recorder: Arc<Recorder>, node: u64, api: SocketAddr, questions: Vec<Question>) -> Vec<String> {
    let mut connection = Connection::to(api);
    let mut wrong = Vec::new();
    for question in questions {
        match ask(&recorder, &mut connection, node, &question).await {
            Ok(told) => wrong.extend(told),
            Err(silent) => {
                wrong.push(silent);
                break;
            }
        }
    }
    wrong
}

/// Asks until something definite is heard; what is wrong with it. An error: nothing is heard.
async fn ask(recorder: &Recorder, connection: &mut Connection, node: u64, question: &Question) -> Result<Option<String>, String> {
    let deadline = Instant::now() + ASKED_WITHIN;
    let mut last = None;
    while Instant::now() < deadline {
        match recorder.attempt(connection, node, question.asked, &question.call, ATTEMPT_WITHIN).await {
            Attempted::Heard(Heard::Order { id, replayed, .. }, _) => {
                let is_right = id == question.order && replayed == question.is_repetition;
                return Ok(
                    (!is_right).then(|| told(recorder, node, question, "I8", &format!("heard of {}", name_of(recorder, id, replayed))))
                );
            }
            Attempted::Heard(heard, _) if heard.is_final_no() => {
                return Ok(Some(told(recorder, node, question, "I6", &format!("heard {heard:?}"))));
            }
            heard => last = Some(heard),
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
    Err(told(recorder, node, question, "I20", &format!("heard nothing definite for {ASKED_WITHIN:?}, at last {last:?}")))
}

fn name_of(recorder: &Recorder, id: Name, replayed: bool) -> String {
    format!("{}, {}", recorder.book().history.names.text(id), if replayed { "replayed" } else { "not replayed" })
}

fn told(recorder: &Recorder, node: u64, question: &Question, invariant: &str, heard: &str) -> String {
    let book = recorder.book();
    let names = &book.history.names;
    let what = match question.asked {
        Asked::Order { key, .. } => format!("key {} of", names.text(key)),
        _ => "a read of".into(),
    };
    format!("{invariant}: node {node}, asked again with {what} the acknowledged {}, {heard}", names.text(question.order))
}

#[cfg(test)]
mod tests {
    use holdfast_client::api::OrderStatus;
    use holdfast_client::oracle::Call as Recorded;

    use super::*;

    #[test]
    fn each_key_that_owns_an_order_is_asked_for_once() {
        let mut history = History::default();
        let (buyer, order) = (history.names.number("ann"), history.names.number("o-1"));
        let body = history.body(buyer, &[], true);
        let yes = Heard::Order { id: order, index: 7, status: OrderStatus::Confirmed, replayed: false, content: None };
        for (key, heard) in [("k-1", Heard::Nothing), ("k-1", yes), ("k-1", yes), ("k-2", Heard::Nothing)] {
            let asked = Asked::Order { key: history.names.number(key), body, apply_before: None };
            history.record(Recorded { began_us: 0, ended_us: 1, node: 1, asked, heard });
        }
        let key = history.names.number("k-1");
        assert_eq!(bought(&history), [(key, body, order)]);
        assert!(repetition(&history, key, body, order).is_repetition);
    }
}
