//! The feed, health, time, cluster and metrics.

use std::time::Duration;

use axum::body::BodyDataStream;
use futures_util::StreamExt as _;
use http::Request;

use holdfast_inventory::{self as core, Answer, Ask, Content, Line, LogIndex, OrderRef, SkuId, Stamp, Transition};

use super::fake::{NODE, START};
use super::{Shop, get, json, one};
use crate::http::port::Unavailable;

/// Reads events until `count` have come.
async fn read(stream: &mut BodyDataStream, count: usize) -> Vec<(String, holdfast_api::Event)> {
    let mut text = String::new();
    let all = async {
        while text.matches("\n\n").count() < count {
            text += std::str::from_utf8(&stream.next().await.expect("the stream goes on").unwrap()).unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(10), all).await.expect("events within ten seconds");
    let field = |frame: &str, name: &str| frame.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    text.split("\n\n")
        .filter(|frame| frame.contains("data:"))
        .map(|frame| (field(frame, "id:"), serde_json::from_str(&field(frame, "data:")).unwrap()))
        .collect()
}

async fn follow(shop: &Shop, path: &str, last: Option<&str>) -> BodyDataStream {
    let request = last.into_iter().fold(Request::get(path), |request, last| request.header("last-event-id", last));
    let response = shop.raw(request.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    response.into_body().into_data_stream()
}

#[tokio::test]
async fn history_is_told_and_goes_on_as_it_happens() {
    let shop = Shop::selling(1);
    let told = shop.buy("k", &one("ann")).await;
    let mut stream = follow(&shop, "/v1/events?from=1", None).await;
    let first = read(&mut stream, 2).await;
    let names: Vec<&str> = first.iter().map(|(_, event)| event.change.name()).collect();
    assert_eq!(names, ["order-held", "sold-out"]);
    let id = told.body["id"].as_str().unwrap();
    shop.api(json("POST", &format!("/v1/orders/{id}/release"), &[], "")).await;
    let then = read(&mut stream, 2).await;
    let names: Vec<&str> = then.iter().map(|(_, event)| event.change.name()).collect();
    assert_eq!(names, ["order-released", "back-in-stock"]);
    drop(stream);
    let mut again = follow(&shop, "/v1/events", Some(&first[1].0)).await;
    assert_eq!(read(&mut again, 2).await, then, "goes on after the last event its reader has");
}

#[tokio::test]
async fn an_order_is_told_as_held_once_however_long() {
    let shop = Shop::selling(9);
    let id = shop.buy("k1", &one("ann")).await.body["id"].as_str().unwrap().to_owned();
    for step in ["extend", "confirm"] {
        assert_eq!(shop.api(json("POST", &format!("/v1/orders/{id}/{step}"), &[], "")).await.status, 200);
    }
    let mut stream = follow(&shop, "/v1/events?from=1&buyer=ann", None).await;
    let told = read(&mut stream, 2).await;
    assert_eq!(told.iter().map(|(_, event)| event.change.name()).collect::<Vec<_>>(), ["order-held", "order-confirmed"]);
}

#[tokio::test]
async fn an_event_about_an_order_whose_page_is_missing_is_waited_for() {
    let shop = Shop::selling(9);
    let bought = shop.node.without_pages(shop.buy("k1", &one("ann").replace("]}", "],\"confirm\":true}"))).await;
    let at = OrderRef { index: LogIndex(bought.body["index"].as_u64().unwrap()), position: 0 };
    let lines = [Line { sku: SkuId(0), units: 1 }].into_iter().collect();
    let content = Some(Content { buyer: "ann".into(), lines, created: Stamp(START), node: NODE });
    let step = Transition { order: at, content, apply_before: Stamp(u64::MAX) };
    let cancelled = shop.node.judge(Ask { request: core::Request::Cancel(step), key: None, fingerprint: None, buyer: None });
    assert!(matches!(cancelled, Answer::Transitioned { .. }), "{cancelled:?}");
    let (after, from) = (at.index.0 + 1, format!("/v1/events?buyer=ann&from={}", at.index.0 + 1));
    let mut stream = follow(&shop, &from, None).await;
    shop.buy("k2", &one("ann")).await;
    assert!(tokio::time::timeout(Duration::from_millis(300), stream.next()).await.is_err(), "nothing is told over the hole");
    shop.node.fill_in();
    let told = read(&mut stream, 2).await;
    assert_eq!(told.iter().map(|(_, event)| event.change.name()).collect::<Vec<_>>(), ["order-cancelled", "order-held"]);
    assert!(told.iter().all(|(_, event)| event.index > after));
}

#[tokio::test]
async fn a_buyer_hears_only_of_its_own_orders() {
    let shop = Shop::selling(9);
    shop.buy("k1", &one("ann")).await;
    shop.buy("k2", &one("bob")).await;
    shop.buy("k3", &one("ann")).await;
    let mut stream = follow(&shop, "/v1/events?from=1&buyer=bob", None).await;
    shop.buy("k4", &one("bob")).await;
    let told = read(&mut stream, 2).await;
    assert!(told.iter().all(|(_, event)| matches!(&event.change, holdfast_api::Change::OrderHeld { order } if order.buyer == "bob")));
    assert_eq!(shop.api(get("/v1/events")).await.problem(), "malformed");
    assert_eq!(shop.api(get("/v1/events?buyer=a%20b")).await.problem(), "malformed");
}

#[tokio::test]
async fn streams_end_when_the_node_drains() {
    let shop = Shop::selling(1);
    let mut stream = follow(&shop, "/v1/events", None).await;
    shop.node.stopping.cancel();
    let end = tokio::time::timeout(Duration::from_secs(10), stream.next()).await.expect("ends");
    assert!(end.is_none());
    assert_eq!(shop.get("/v1/events").await.problem(), "draining");
}

#[tokio::test]
async fn health_and_time_answer_on_both_listeners() {
    let shop = Shop::selling(1);
    for told in [shop.api(get("/readyz")).await, shop.get("/readyz").await, shop.api(get("/livez")).await] {
        assert_eq!((told.status.as_u16(), &told.body["ready"]), (200, &true.into()));
    }
    let told = shop.api(get("/v1/time")).await;
    assert_eq!((&told.body["now_ms"], &told.body["error_bound_ms"]), (&1_000_000_000_000_u64.into(), &5.into()));
    *shop.node.unavailable.lock().unwrap() = Some(Unavailable::NoLeader);
    let told = shop.get("/readyz").await;
    assert_eq!((told.status.as_u16(), &told.body["reason"]), (503, &"no leader is known".into()));
    assert_eq!(shop.get("/livez").await.status, 200);
}

#[tokio::test]
async fn the_cluster_is_told_with_its_digest() {
    let shop = Shop::selling(1);
    let told = shop.get("/v1/cluster").await;
    let status: holdfast_api::ClusterStatus = serde_json::from_value(told.body).unwrap();
    assert_eq!((status.leader, status.digest.index, status.digest.value.len()), (Some(1), status.applied, 32));
    assert_eq!(status.members[0].disk_id.as_deref(), Some("00000000000000000000000000000005"));
}

#[tokio::test]
pub(super) async fn metrics_count_what_was_answered() {
    let shop = Shop::selling(1);
    shop.buy("k1", &one("ann")).await;
    shop.buy("k1", &one("ann")).await;
    shop.buy("k2", &one("bob")).await;
    shop.buy("k3", "{").await;
    let told = shop.get("/metrics").await;
    let page = told.body.as_str().unwrap();
    for line in [
        "holdfast_orders_total{outcome=\"accepted\"} 1",
        "holdfast_orders_total{outcome=\"replayed\"} 1",
        "holdfast_orders_total{outcome=\"sold-out\"} 1",
        "holdfast_orders_total{outcome=\"malformed\"} 1",
        "holdfast_problems_total{type=\"sold-out\"} 1",
        "holdfast_held_units{sku=\"tee\"} 1",
        "holdfast_stranded_units 0",
        "holdfast_raft_is_leader 1",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} not in\n{page}");
    }
}
