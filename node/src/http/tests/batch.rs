//! Many orders in one request.

use super::super::HttpLimits;
use super::{Shop, Told, json};
use holdfast_inventory::Answer;
use serde_json::json as value;

fn keyed(key: &str, buyer: &str, sku: &str, quantity: u64) -> serde_json::Value {
    value!({"idempotency_key": key, "buyer": buyer, "lines": [{"sku": sku, "quantity": quantity}]})
}

async fn send(shop: &Shop, orders: &[serde_json::Value]) -> Told {
    shop.api(json("POST", "/v1/orders/batch", &[], &value!({ "orders": orders }).to_string())).await
}

#[tokio::test]
async fn each_order_stands_for_itself_in_its_place() {
    let shop = Shop::selling(3);
    let told = send(
        &shop,
        &[
            keyed("k1", "ann", "tee", 2),
            keyed("k2", "bob", "hat", 1),
            keyed("k1", "ann", "tee", 2),
            keyed("k3", "bob", "tee", 0),
            keyed("k4", "ann", "tee", 1),
            keyed("a b", "cat", "tee", 1),
            keyed("k5", "cat", "tee", 2),
            keyed("k6", "dan", "tee", 1),
        ],
    )
    .await;
    assert_eq!(told.status, 200, "{told:?}");
    let results = told.body["results"].as_array().unwrap();
    let told_of = |place: usize| {
        let problem = &results[place]["problem"];
        problem["type"].as_str().map_or_else(|| results[place]["order"]["status"].as_str().unwrap(), |urn| urn.rsplit(':').next().unwrap())
    };
    let all: Vec<&str> = (0..results.len()).map(told_of).collect();
    assert_eq!(all, ["held", "unknown-sku", "held", "malformed", "buyer-limit", "malformed", "insufficient-stock", "held"]);
    assert_eq!(results[0]["order"]["id"], results[2]["order"]["id"], "a replay inside a batch");
    assert_eq!(results[3]["problem"]["pointer"], "/orders/3/lines/0/quantity");
    assert_eq!(results[5]["problem"]["pointer"], "/orders/5/idempotency_key");
    assert!(results[4]["problem"]["stamp_ms"].is_u64() && results[4]["problem"]["request_id"].is_string());
    assert_eq!(told.header("holdfast-stamp"), "1000000000000");
}

#[tokio::test]
async fn an_order_that_breaks_the_contract_is_told_at_its_place_and_the_others_go_on() {
    let good = |key: &str| format!(r#"{{"idempotency_key":"{key}","buyer":"ann","lines":[{{"sku":"tee","quantity":1}}]}}"#);
    let bad = [
        (good("k").replace(":1}", ":-1}"), "/lines/0/quantity"),
        (good("k").replace(":1}", ":1.5}"), "/lines/0/quantity"),
        (good("k").replace("\"ann\"", "7"), "/buyer"),
        (good("k").replace("\"idempotency_key\":\"k\",", ""), ""),
        (good("k").replace("buyer", "byer"), "/byer"),
        (good("k").replacen('{', "{\"buyer\":\"bob\",", 1), ""),
        ("[]".into(), ""),
        (r#"["k","ann",[{"sku":"tee","quantity":1}],false]"#.into(), ""),
        (r#"{"idempotency_key":"k","buyer":"ann","lines":[["tee",1]]}"#.into(), ""),
        ("null".into(), ""),
    ];
    for (bad, pointer) in bad {
        let shop = Shop::selling(9);
        let body = format!(r#"{{"orders":[{},{bad},{}]}}"#, good("k1"), good("k2"));
        let told = shop.api(json("POST", "/v1/orders/batch", &[], &body)).await;
        assert_eq!(told.status, 200, "{bad}: {told:?}");
        let results = &told.body["results"];
        assert_eq!((&results[0]["order"]["status"], &results[2]["order"]["status"]), (&"held".into(), &"held".into()), "{bad}");
        let problem = &results[1]["problem"];
        assert_eq!(problem["type"], "urn:holdfast:problem:malformed", "{bad}");
        assert_eq!(problem["pointer"].as_str(), Some(&*format!("/orders/1{pointer}")), "{bad}");
        assert_eq!(shop.reached(), 2, "{bad}");
    }
}

#[tokio::test]
async fn an_unknown_sku_in_a_batch_is_told_only_with_a_proof() {
    let shop = Shop::selling(9);
    let orders = [keyed("k1", "ann", "hat", 1), keyed("k2", "ann", "tee", 1)];
    let told = send(&shop, &orders).await;
    let problem = &told.body["results"][0]["problem"];
    assert_eq!((&problem["sku"], &problem["stamp_ms"]), (&"hat".into(), &1_000_000_000_000_u64.into()));
    assert!(problem["index"].is_u64(), "{told:?}");
    shop.node.proof_comes.store(false, std::sync::atomic::Ordering::Relaxed);
    let told = send(&shop, &orders).await;
    assert_eq!(told.body["results"][0]["problem"]["type"], "urn:holdfast:problem:stale");
    assert_eq!(told.body["results"][1]["order"]["status"], "held");
}

#[tokio::test]
async fn the_largest_batch_of_the_contract_is_read() {
    use holdfast_api::limits::{MAX_BATCH_ORDERS, MAX_LINES, MAX_NAME_BYTES, MAX_QUANTITY};
    let shop = Shop::selling(9);
    let name = |of: &str| of.repeat(MAX_NAME_BYTES);
    let lines = vec![value!({"sku": name("x"), "quantity": MAX_QUANTITY}); MAX_LINES];
    let order = value!({"idempotency_key": name("\\"), "buyer": name("\""), "lines": lines, "confirm": false});
    let told = send(&shop, &vec![order; MAX_BATCH_ORDERS]).await;
    assert_eq!(told.status, 200, "{:?}", told.body["detail"]);
    assert_eq!(told.body["results"].as_array().unwrap().len(), MAX_BATCH_ORDERS);
}

#[tokio::test]
async fn an_answer_reads_as_the_contracts_struct() {
    let shop = Shop::selling(3);
    shop.node.script.lock().unwrap().extend([Answer::Overloaded]);
    let told = send(&shop, &[keyed("k1", "a\"n", "tee", 1), keyed("k2", "ann", "tee", 1)]).await;
    let answer: holdfast_api::BatchAnswer = serde_json::from_value(told.body).unwrap();
    assert!(matches!(&answer.results[0], holdfast_api::BatchResult::Problem(problem) if problem.retry_after_ms.is_some()));
    assert!(matches!(&answer.results[1], holdfast_api::BatchResult::Order(order) if order.buyer == "ann"));
}

#[tokio::test]
async fn what_is_wrong_with_the_batch_itself_refuses_it_whole() {
    let shop = Shop::with_limits(3, HttpLimits { max_body_bytes: 10, max_batch_body_bytes: 2 << 20, ..HttpLimits::default() });
    assert_eq!(send(&shop, &[]).await.body["pointer"], "/orders");
    let many: Vec<_> = (0..8_193).map(|n| keyed(&n.to_string(), "ann", "tee", 1)).collect();
    assert_eq!(send(&shop, &many).await.body["pointer"], "/orders");
    for whole in ["[[{}]]", r#"{"orders":[{}],"more":1}"#, r#"{"orders":{}}"#, r#"{"orders":[{},]}"#, r#"{"orders":[{}]"#] {
        let told = shop.api(json("POST", "/v1/orders/batch", &[], whole)).await;
        assert_eq!((told.status.as_u16(), told.problem()), (400, "malformed"), "{whole}");
    }
    let told = shop.api(json("POST", "/v1/orders/batch", &[], &"x".repeat(3 << 20))).await;
    assert_eq!((told.status.as_u16(), told.problem()), (413, "too-large"));
    assert_eq!(shop.reached(), 0);
}

#[tokio::test]
async fn a_big_batch_is_taken_whole() {
    let shop = Shop::selling(10_000);
    let many: Vec<_> = (0..8_192).map(|n| keyed("k", &format!("buyer-{n}"), "tee", 1)).collect();
    let told = send(&shop, &many).await;
    assert_eq!(told.status, 200);
    let results = told.body["results"].as_array().unwrap();
    assert!(results.iter().enumerate().all(|(n, result)| result["order"]["buyer"] == format!("buyer-{n}")));
}
