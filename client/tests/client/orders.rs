//! One order over many attempts.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use holdfast_client::api::{Problem, ProblemType, headers};
use holdfast_client::{Client, ClientConfig, ClientError};

use crate::script::{NOW_MS, Node, Seen, Step, accepted, answer, order, problem, stamped, told};
use crate::{ATTEMPT_MS, client, config, draft};

#[tokio::test]
async fn a_node_that_cannot_be_reached_is_left_for_the_next() {
    let gone = Node::start([]).await;
    let config = config(&[&gone]);
    drop(gone);
    let node = Node::start([accepted()]).await;
    let client = Client::new(ClientConfig { api: [config.api.clone(), vec![node.url.clone()]].concat(), ..config }).unwrap();
    let placed = client.place(&mut draft()).await.unwrap();
    assert_eq!((placed.order.id.as_str(), placed.replayed), ("o-1", false));
    assert_eq!(node.seen().len(), 1);
}

#[tokio::test]
async fn a_busy_node_is_left_for_the_next_and_the_next_is_kept() {
    let busy = Node::start([problem(ProblemType::NoLeader)]).await;
    let node = Node::start([accepted()]).await;
    let client = client(&[&busy, &node]);
    for _ in 0..3 {
        client.place(&mut draft()).await.unwrap();
    }
    assert_eq!((busy.seen().len(), node.seen().len()), (1, 3));
}

#[tokio::test]
async fn every_attempt_carries_the_same_key_and_names_its_death() {
    let steps = [problem(ProblemType::Overloaded), Step::Lose, Step::Hang, problem(ProblemType::OutcomeUnknown), accepted()];
    let node = Node::start(steps).await;
    let mut draft = draft();
    client(&[&node]).place(&mut draft).await.unwrap();
    let seen = node.seen();
    assert_eq!(seen.len(), 5);
    assert_eq!(seen.iter().map(Seen::key).collect::<BTreeSet<_>>(), BTreeSet::from([draft.key().as_str()]));
    assert!(seen.iter().all(|later| later.body == seen[0].body));
    let deaths: Vec<u64> = seen.iter().map(|seen| seen.header(headers::APPLY_BEFORE).parse().unwrap()).collect();
    assert!(deaths.iter().all(|death| (NOW_MS + ATTEMPT_MS..NOW_MS + 60_000).contains(death)), "{deaths:?}");
    assert!(deaths.is_sorted(), "{deaths:?}");
}

#[tokio::test]
async fn each_draft_has_its_own_key() {
    let node = Node::start([accepted()]).await;
    let client = client(&[&node]);
    client.place(&mut draft()).await.unwrap();
    client.place(&mut draft()).await.unwrap();
    assert_ne!(node.seen()[0].key(), node.seen()[1].key());
}

#[tokio::test]
async fn a_lost_answer_is_an_unknown_outcome_with_the_key() {
    let node = Node::start([Step::Lose]).await;
    let mut draft = draft();
    let error = client(&[&node]).place(&mut draft).await.unwrap_err();
    assert!(!error.certainly_no_effect());
    let ClientError::Unknown { key, until_ms, .. } = error else { panic!("{error}") };
    assert_eq!(key.as_deref(), Some(draft.key().as_str()));
    assert!(until_ms.unwrap() >= NOW_MS + ATTEMPT_MS);
    assert!(node.seen().len() > 1, "it was asked again");
}

#[tokio::test]
async fn a_node_that_hangs_makes_the_outcome_unknown_in_time() {
    let node = Node::start([Step::Hang]).await;
    let begun = Instant::now();
    let error = client(&[&node]).place(&mut draft()).await.unwrap_err();
    assert!(matches!(error, ClientError::Unknown { .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn a_refusal_of_the_first_attempt_is_final_at_once() {
    for kind in [ProblemType::SoldOut, ProblemType::BuyerLimit, ProblemType::Malformed, ProblemType::IdempotencyKeyReused] {
        let node = Node::start([problem(kind)]).await;
        let error = client(&[&node]).place(&mut draft()).await.unwrap_err();
        assert!(matches!(&error, ClientError::Refused(problem) if problem.kind() == Some(kind)), "{error}");
        assert_eq!(node.seen().len(), 1, "{kind}");
    }
}

#[tokio::test]
async fn a_refusal_after_an_unknown_attempt_is_final_only_past_that_attempts_death() {
    let sold_out = |stamp| stamped(ProblemType::SoldOut, stamp);
    let node = Node::start([Step::Lose, sold_out(NOW_MS + 100), sold_out(NOW_MS + 250), sold_out(NOW_MS + 9_000)]).await;
    let error = client(&[&node]).place(&mut draft()).await.unwrap_err();
    assert!(matches!(error, ClientError::Refused(_)), "{error}");
    assert_eq!(node.seen().len(), 4);
}

#[tokio::test]
async fn a_refusal_after_an_unknown_attempt_that_never_becomes_final_is_unknown() {
    for early in [stamped(ProblemType::SoldOut, NOW_MS + 100), problem(ProblemType::SoldOut)] {
        let node = Node::start([Step::Lose, early]).await;
        let error = client(&[&node]).place(&mut draft()).await.unwrap_err();
        assert!(matches!(error, ClientError::Unknown { .. }), "{error}");
        assert!(node.seen().len() > 2);
    }
}

#[tokio::test]
async fn a_draft_placed_again_remembers_what_its_earlier_call_left_open() {
    let node = Node::start([Step::Lose]).await;
    let mut draft = draft();
    assert!(matches!(client(&[&node]).place(&mut draft).await, Err(ClientError::Unknown { .. })));
    let node = Node::start([stamped(ProblemType::SoldOut, NOW_MS)]).await;
    assert!(matches!(client(&[&node]).place(&mut draft).await, Err(ClientError::Unknown { .. })));
    let node = Node::start([stamped(ProblemType::SoldOut, NOW_MS + 60_000)]).await;
    assert!(matches!(client(&[&node]).place(&mut draft).await, Err(ClientError::Refused(_))));
}

#[tokio::test]
async fn a_dropped_call_leaves_its_draft_open() {
    let node = Node::start([Step::Hang, stamped(ProblemType::SoldOut, NOW_MS)]).await;
    let client = client(&[&node]);
    let mut draft = draft();
    tokio::select! {
        _ = client.place(&mut draft) => panic!("the node hangs"),
        () = async { while node.seen().is_empty() { tokio::task::yield_now().await } } => {}
    }
    let error = client.place(&mut draft).await.unwrap_err();
    assert!(matches!(error, ClientError::Unknown { .. }), "{error}");
}

#[tokio::test]
async fn the_retry_budget_bounds_the_attempts() {
    let node = Node::start([problem(ProblemType::Overloaded)]).await;
    let client = Client::new(ClientConfig { retry_burst: 2, retries_per_hundred_calls: 0, ..config(&[&node]) }).unwrap();
    let error = client.place(&mut draft()).await.unwrap_err();
    assert!(matches!(error, ClientError::Unavailable { .. }), "{error}");
    assert_eq!(error.problem().and_then(Problem::kind), Some(ProblemType::Overloaded));
    assert!(error.certainly_no_effect());
    assert_eq!(node.seen().len(), 3);
    client.place(&mut draft()).await.unwrap_err();
    assert_eq!(node.seen().len(), 4, "nothing is left for the next call");
}

#[tokio::test]
async fn the_pause_that_a_node_asks_for_is_kept() {
    let header = told(&Problem::new(ProblemType::Draining, ""), vec![("retry-after", "1".into())]);
    let finer = Problem { retry_after_ms: Some(400), ..Problem::new(ProblemType::Draining, "") };
    let both = told(&finer, vec![("retry-after", "30".into())]);
    for (step, least) in [(header, Duration::from_secs(1)), (both, Duration::from_millis(400))] {
        let node = Node::start([step, accepted()]).await;
        let begun = Instant::now();
        client(&[&node]).place(&mut draft()).await.unwrap();
        assert!(begun.elapsed() >= least, "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_pause_longer_than_the_call_ends_it_at_once() {
    let step = told(&Problem::new(ProblemType::Draining, ""), vec![("retry-after", "60".into())]);
    let node = Node::start([step]).await;
    let begun = Instant::now();
    assert!(matches!(client(&[&node]).place(&mut draft()).await, Err(ClientError::Unavailable { .. })));
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn nothing_is_sent_while_cluster_time_is_not_known() {
    let node = Node::start_with_time([accepted()], problem(ProblemType::NoLeader)).await;
    let error = client(&[&node]).place(&mut draft()).await.unwrap_err();
    assert!(matches!(error, ClientError::Unavailable { .. }), "{error}");
    assert!(node.seen().is_empty());
}

#[tokio::test]
async fn a_problem_of_an_unknown_type_is_read_and_judged_by_its_status() {
    let node = Node::start([answer(409, r#"{"type":"urn:holdfast:problem:from-the-future","title":"T","status":409,"new":[1]}"#)]).await;
    let error = client(&[&node]).place(&mut draft()).await.unwrap_err();
    let ClientError::Refused(problem) = error else { panic!("{error}") };
    assert_eq!((problem.kind(), problem.title.as_ref()), (None, "T"));
}

#[tokio::test]
async fn a_proxys_error_page_leaves_the_outcome_unknown_until_a_node_answers() {
    let node = Node::start([answer(502, "<html>Bad Gateway</html>")]).await;
    assert!(matches!(client(&[&node]).place(&mut draft()).await, Err(ClientError::Unknown { .. })));
    let node = Node::start([answer(502, "<html>Bad Gateway</html>"), accepted()]).await;
    assert!(client(&[&node]).place(&mut draft()).await.is_ok());
}

#[tokio::test]
async fn a_success_that_cannot_be_read_is_told_as_such() {
    let node = Node::start([answer(201, "{}")]).await;
    let error = client(&[&node]).place(&mut draft()).await.unwrap_err();
    assert!(matches!(error, ClientError::Protocol { .. }), "{error}");
    assert!(!error.certainly_no_effect());
}

#[tokio::test]
async fn a_replayed_order_is_told_as_such() {
    let headers = vec![(headers::IDEMPOTENCY_REPLAYED, "true".to_owned())];
    let node = Node::start([Step::Answer { status: 201, headers, body: order("o-9") }]).await;
    let placed = client(&[&node]).place(&mut draft()).await.unwrap();
    assert_eq!((placed.order.id.as_str(), placed.replayed), ("o-9", true));
}

#[tokio::test]
async fn steps_in_an_orders_life_go_to_its_path_and_name_their_death() {
    let node = Node::start([answer(200, &order("o-1"))]).await;
    let client = client(&[&node]);
    client.confirm("o/1").await.unwrap();
    client.release("o-1").await.unwrap();
    client.cancel("o-1").await.unwrap();
    client.extend("o-1").await.unwrap();
    let seen = node.seen();
    let targets: Vec<_> = seen.iter().map(|seen| seen.target.as_str()).collect();
    assert_eq!(targets, ["/v1/orders/o%2F1/confirm", "/v1/orders/o-1/release", "/v1/orders/o-1/cancel", "/v1/orders/o-1/extend"]);
    assert!(seen.iter().all(|seen| !seen.header(headers::APPLY_BEFORE).is_empty()));
}
