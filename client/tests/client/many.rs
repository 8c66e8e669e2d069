//! Many orders in one request.

use holdfast_client::api::{CreateOrders, ProblemType};
use holdfast_client::{ClientError, OrderDraft};

use crate::script::{NOW_MS, Node, Seen, Step, answer, order, problem};
use crate::{client, draft};

fn result_of(kind: ProblemType, stamp_ms: u64) -> String {
    format!(r#"{{"problem":{{"type":"{}","status":{},"stamp_ms":{stamp_ms}}}}}"#, kind.urn(), kind.status())
}

fn results(results: &[String]) -> Step {
    answer(200, &format!(r#"{{"results":[{}]}}"#, results.join(",")))
}

fn accepted(id: &str) -> String {
    format!(r#"{{"order":{}}}"#, order(id))
}

fn keys(seen: &Seen) -> Vec<String> {
    let orders = serde_json::from_slice::<CreateOrders<'_>>(&seen.body).unwrap().orders;
    orders.into_iter().map(|order| order.idempotency_key.into_owned()).collect()
}

fn drafts(count: usize) -> Vec<OrderDraft> {
    (0..count).map(|_| draft()).collect()
}

#[tokio::test]
async fn only_orders_without_a_final_answer_are_sent_again() {
    let first = results(&[accepted("o-0"), result_of(ProblemType::Refilling, NOW_MS), result_of(ProblemType::SoldOut, NOW_MS)]);
    let node = Node::start([first, results(&[accepted("o-1")])]).await;
    let mut drafts = drafts(3);
    let placed = client(&[&node]).place_many(&mut drafts).await.unwrap();
    assert_eq!(placed[0].as_ref().unwrap().id, "o-0");
    assert_eq!(placed[1].as_ref().unwrap().id, "o-1");
    assert!(matches!(placed[2], Err(ClientError::Refused(_))));
    let all: Vec<_> = drafts.iter().map(|draft| draft.key().to_string()).collect();
    assert_eq!(node.seen().iter().map(keys).collect::<Vec<_>>(), [all.clone(), vec![all[1].clone()]]);
}

#[tokio::test]
async fn a_refusal_after_a_lost_batch_counts_by_its_own_stamp() {
    let early_and_late = results(&[result_of(ProblemType::SoldOut, NOW_MS), result_of(ProblemType::SoldOut, NOW_MS + 60_000)]);
    let node = Node::start([Step::Lose, early_and_late, results(&[result_of(ProblemType::SoldOut, NOW_MS)])]).await;
    let mut drafts = drafts(2);
    let placed = client(&[&node]).place_many(&mut drafts).await.unwrap();
    assert!(matches!(&placed[0], Err(ClientError::Unknown { key, .. }) if key.as_deref() == Some(drafts[0].key().as_str())));
    assert!(matches!(placed[1], Err(ClientError::Refused(_))));
    assert_eq!(keys(&node.seen()[2]), [drafts[0].key().as_str()]);
}

#[tokio::test]
async fn a_batch_that_no_node_takes_is_unavailable() {
    let node = Node::start([problem(ProblemType::NoLeader)]).await;
    let placed = client(&[&node]).place_many(&mut drafts(2)).await.unwrap();
    assert!(placed.iter().all(|result| matches!(result, Err(ClientError::Unavailable { problem: Some(_), .. }))));
}

#[tokio::test]
async fn a_batch_whose_results_do_not_match_it_is_no_answer() {
    let node = Node::start([results(&[accepted("o-0")])]).await;
    let placed = client(&[&node]).place_many(&mut drafts(2)).await.unwrap();
    assert!(placed.iter().all(|result| matches!(result, Err(ClientError::Protocol { .. }))));
}

#[tokio::test]
async fn an_empty_batch_and_one_too_large_are_not_sent() {
    let node = Node::start([results(&[])]).await;
    for count in [0, 8_193] {
        assert!(matches!(client(&[&node]).place_many(&mut drafts(count)).await, Err(ClientError::Usage { .. })));
    }
    assert!(node.seen().is_empty());
}
