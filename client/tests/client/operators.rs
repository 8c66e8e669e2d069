//! The operator's calls: what cannot be settled by a stamp is told as unknown.

use holdfast_client::api::{AdjustStock, Consistency, CreateSku, OrderQuery, OrderStatus, PatchSku, ProblemType, headers};
use holdfast_client::{Client, ClientConfig, ClientError, IdempotencyKey};

use crate::client;
use crate::script::{NOW_MS, Node, Step, answer, problem, stamped};

const SKU: &str = r#"{"sku":"tee-m","stock":5,"available":5,"held":0,"confirmed":0,"mode":"pooled","state":"open","hold_ttl_ms":0,"late_confirm":"refuse","version":1,"index":3}"#;

fn new_sku() -> CreateSku {
    CreateSku { sku: "tee-m".into(), stock: 5, ..CreateSku::default() }
}

#[tokio::test]
async fn a_sku_is_created_once() {
    let node = Node::start([problem(ProblemType::NoLeader), answer(201, SKU)]).await;
    assert_eq!(client(&[&node]).create_sku(&new_sku()).await.unwrap().stock, 5);
    assert_eq!(node.seen()[1].body, r#"{"sku":"tee-m","stock":5}"#);
}

#[tokio::test]
async fn sku_exists_after_a_lost_attempt_may_speak_of_that_attempt() {
    let node = Node::start([Step::Lose, stamped(ProblemType::SkuExists, NOW_MS + 60_000)]).await;
    let error = client(&[&node]).create_sku(&new_sku()).await.unwrap_err();
    assert!(matches!(error, ClientError::Unknown { key: None, until_ms: None, .. }), "{error}");
    let node = Node::start([problem(ProblemType::SkuExists)]).await;
    assert!(matches!(client(&[&node]).create_sku(&new_sku()).await, Err(ClientError::Refused(_))));
}

#[tokio::test]
async fn what_reached_no_node_was_certainly_not_done() {
    let node = Node::start([]).await;
    let client = client(&[&node]);
    drop(node);
    let error = client.create_sku(&new_sku()).await.unwrap_err();
    assert!(matches!(error, ClientError::Unavailable { .. }), "{error}");
    assert!(error.certainly_no_effect());
}

#[tokio::test]
async fn an_adjustment_keeps_its_key_over_its_attempts() {
    let node = Node::start([Step::Lose, answer(200, SKU)]).await;
    let key = IdempotencyKey::new("delivery-7").unwrap();
    let adjustment = AdjustStock { delta: -2, reason: "broken".into(), reference: None };
    client(&[&node]).adjust_stock("tee-m", &key, &adjustment).await.unwrap();
    assert!(node.seen().iter().all(|seen| seen.key() == "delivery-7" && seen.target == "/v1/skus/tee-m/adjustments"));
    assert_eq!(node.seen().len(), 2);
}

#[tokio::test]
async fn a_patch_names_the_version_it_builds_on() {
    let node = Node::start([answer(200, SKU)]).await;
    let patch = PatchSku { opens_at: Some(None), ..PatchSku::default() };
    client(&[&node]).patch_sku("tee-m", 4, &patch).await.unwrap();
    let seen = node.seen().remove(0);
    assert_eq!((seen.method.as_str(), seen.header("if-match"), seen.header("content-type")), ("PATCH", "\"4\"", headers::JSON));
    assert_eq!(seen.body, r#"{"opens_at":null}"#);
}

#[tokio::test]
async fn a_read_is_never_unknown() {
    let node = Node::start([Step::Lose]).await;
    let error = client(&[&node]).sku("tee-m").await.unwrap_err();
    assert!(matches!(error, ClientError::Unavailable { problem: None, .. }), "{error}");
    let node = Node::start([Step::Lose, problem(ProblemType::UnknownSku)]).await;
    let error = client(&[&node]).audit("tee-m").await.unwrap_err();
    assert_eq!(error.problem().and_then(holdfast_client::api::Problem::kind), Some(ProblemType::UnknownSku));
}

#[tokio::test]
async fn lists_go_to_the_listener_that_may_answer_them() {
    let page = answer(200, r#"{"orders":[],"next":"c2"}"#);
    let (api, admin) = (Node::start([page.clone()]).await, Node::start([page]).await);
    let config = ClientConfig::with_api([api.url.clone()]).and_admin([admin.url.clone()]);
    let client = Client::new(config).unwrap();
    let query = OrderQuery { status: Some(OrderStatus::Held), cursor: Some("a=b".into()), ..OrderQuery::default() };
    assert_eq!(client.orders(&query).await.unwrap().next.as_deref(), Some("c2"));
    client.orders(&OrderQuery { buyer: Some("b&c".into()), ..OrderQuery::default() }).await.unwrap();
    assert_eq!(admin.seen()[0].target, "/v1/orders?status=held&cursor=a%3Db");
    assert_eq!(api.seen()[0].target, "/v1/orders?buyer=b%26c");
}

#[tokio::test]
async fn availability_asks_for_the_freshness_it_wants() {
    let body =
        r#"{"sku":"tee-m","available":0,"held":1,"sold_out":true,"final":false,"state":"open","opens_at":null,"index":9,"as_of_ms":5}"#;
    let node = Node::start([answer(200, body)]).await;
    let left = client(&[&node]).availability("tee-m", Consistency::Linearizable).await.unwrap();
    assert!(left.sold_out && !left.is_final);
    assert_eq!(node.seen()[0].target, "/v1/skus/tee-m/availability?consistency=linearizable");
}

#[tokio::test]
async fn a_call_without_a_node_for_it_is_not_sent() {
    let client = Client::new(ClientConfig::with_api(["127.0.0.1:1"])).unwrap();
    assert!(matches!(client.cluster().await, Err(ClientError::Usage { .. })));
    assert!(matches!(Client::new(ClientConfig::default()), Err(ClientError::Usage { .. })));
}
