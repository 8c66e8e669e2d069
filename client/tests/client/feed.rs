//! The change feed over several connections.

use holdfast_client::ClientError;
use holdfast_client::api::{Change, EventId, EventQuery, ProblemType, headers};

use crate::client;
use crate::script::{Node, answer, problem};

fn event(index: u64, position: u16) -> String {
    format!(
        "id: {index}-{position}\nevent: sold-out\ndata: {{\"index\":{index},\"position\":{position},\"at\":\"2026-11-20T12:00:00.000Z\",\"type\":\"sold-out\",\"sku\":\"s\"}}\n\n"
    )
}

#[tokio::test]
async fn a_feed_goes_on_at_the_next_node_after_the_last_event() {
    let first = Node::start([answer(200, &format!(": hello\n\n{}{}id: 9-0\ndata: {{\"unfin", event(7, 0), event(7, 1)))]).await;
    let second = Node::start([problem(ProblemType::Stale), answer(200, &format!("{}{}", event(7, 1), event(8, 0)))]).await;
    let mut feed = client(&[&first, &second]).events(&EventQuery { from: Some(5), buyer: None });
    let mut ids = Vec::new();
    for _ in 0..3 {
        let event = feed.next().await.unwrap();
        assert_eq!(event.change, Change::SoldOut { sku: "s".into() });
        ids.push((event.index, event.position));
    }
    assert_eq!(ids, [(7, 0), (7, 1), (8, 0)], "each once");
    assert_eq!(feed.last_id(), Some(EventId { index: 8, position: 0 }));
    assert_eq!((first.seen()[0].target.as_str(), first.seen()[0].header(headers::LAST_EVENT_ID)), ("/v1/events?from=5", ""));
    assert!(second.seen().iter().all(|seen| seen.header(headers::LAST_EVENT_ID) == "7-1"));
}

#[tokio::test]
async fn a_refused_feed_says_why() {
    let node = Node::start([problem(ProblemType::Malformed)]).await;
    let error = client(&[&node]).events(&EventQuery::default()).next().await.unwrap_err();
    assert!(matches!(error, ClientError::Refused(_)), "{error}");
}

#[tokio::test]
async fn a_feed_that_nobody_gives_is_unavailable() {
    let node = Node::start([problem(ProblemType::NoLeader)]).await;
    let error = client(&[&node]).events(&EventQuery::default()).next().await.unwrap_err();
    assert!(matches!(error, ClientError::Unavailable { .. }), "{error}");
}

#[tokio::test]
async fn data_that_is_no_event_breaks_the_contract() {
    let node = Node::start([answer(200, "data: nonsense\n\n")]).await;
    let error = client(&[&node]).events(&EventQuery::default()).next().await.unwrap_err();
    assert!(matches!(error, ClientError::Protocol { .. }), "{error}");
}
