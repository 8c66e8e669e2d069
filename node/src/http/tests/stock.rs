//! Stock, as its owner changes it and everybody reads it.

use std::sync::atomic::Ordering;

use holdfast_inventory::{SettingsPatch, Stamp};

use super::{Shop, json, one};
use crate::http::port::Unavailable;

#[tokio::test]
async fn a_sku_is_created_read_patched_and_its_version_counts() {
    let shop = Shop::selling(10);
    let body = r#"{"sku":"hat","stock":5,"per_buyer_limit":1,"hold_ttl_ms":0,"title":"A \"hat\"","late_confirm":"reacquire","opens_at":"2030-01-01T00:00:00Z"}"#;
    let made = shop.admin(json("POST", "/v1/skus", &[], body)).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!((made.header("etag"), made.header("location")), ("\"1\"", "/v1/skus/hat"));
    assert_eq!((&made.body["state"], &made.body["available"], &made.body["title"]), (&"not_open".into(), &5.into(), &"A \"hat\"".into()));
    let again = shop.admin(json("POST", "/v1/skus", &[], body)).await;
    assert_eq!((again.status.as_u16(), again.problem()), (409, "sku-exists"));
    let patch = |tag: &str, body: &str| json("PATCH", "/v1/skus/hat", &[("if-match", tag)], body);
    let told = shop.admin(patch("\"1\"", r#"{"opens_at":null,"per_buyer_limit":3}"#)).await;
    assert_eq!((told.status.as_u16(), told.header("etag")), (200, "\"2\""));
    assert_eq!((&told.body["state"], &told.body["opens_at"], &told.body["per_buyer_limit"]), (&"open".into(), &().into_null(), &3.into()));
    let stale = shop.admin(patch("\"1\"", "{}")).await;
    assert_eq!((stale.status.as_u16(), stale.problem(), &stale.body["version"]), (412, "version-stale", &2.into()));
    assert_eq!(shop.get("/v1/skus/hat").await.body["late_confirm"], "reacquire");
    assert_eq!(shop.get("/v1/skus/nobody").await.problem(), "unknown-sku");
    assert_eq!(shop.get("/v1/skus/no%20body").await.problem(), "malformed");
}

/// JSON's null, where a comparison wants a value.
trait IntoNull {
    fn into_null(self) -> serde_json::Value;
}

impl IntoNull for () {
    fn into_null(self) -> serde_json::Value {
        serde_json::Value::Null
    }
}

#[tokio::test]
async fn skus_are_listed_in_pages() {
    let shop = Shop::selling(1);
    for name in ["a", "b", "c"] {
        shop.node.create(name, 1, SettingsPatch::default());
    }
    let page = shop.get("/v1/skus?limit=3").await;
    let names = |told: &super::Told| -> Vec<String> {
        told.body["skus"].as_array().unwrap().iter().map(|sku| sku["sku"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&page), ["tee", "a", "b"]);
    let next = page.header("link").strip_prefix('<').unwrap().split('>').next().unwrap().to_owned();
    let rest = shop.get(&next).await;
    assert_eq!(names(&rest), ["c"]);
    assert!(rest.body.get("next").is_none());
    assert_eq!(shop.get("/v1/skus?cursor=-1").await.problem(), "malformed");
}

#[tokio::test]
async fn an_adjustment_is_made_once_per_key_and_never_below_what_is_sold() {
    let shop = Shop::selling(3);
    assert_eq!(shop.buy("k", &one("ann")).await.status, 201);
    let adjust = |key: &str, body: &str| json("POST", "/v1/skus/tee/adjustments", &[("idempotency-key", key)], body);
    let told = shop.admin(adjust("a1", r#"{"delta":5,"reason":"delivery","reference":"note 7"}"#)).await;
    assert_eq!((told.status.as_u16(), &told.body["stock"]), (200, &8.into()), "{told:?}");
    let again = shop.admin(adjust("a1", r#"{"delta":5,"reason":"delivery","reference":"note 7"}"#)).await;
    assert_eq!((&again.body["stock"], again.header("idempotency-replayed")), (&8.into(), "true"));
    assert_eq!(again.body["index"], told.body["index"]);
    assert_eq!(shop.buy("k2", &one("bob")).await.status, 201);
    let later = shop.admin(adjust("a1", r#"{"delta":5,"reason":"delivery","reference":"note 7"}"#)).await;
    assert_eq!((&later.body["held"], &later.body["index"]), (&2.into(), &told.body["index"]), "as it is now, with its original index");
    let other = shop.admin(adjust("a1", r#"{"delta":6,"reason":"delivery"}"#)).await;
    assert_eq!((other.status.as_u16(), other.problem()), (422, "idempotency-key-reused"));
    let below = shop.admin(adjust("a2", r#"{"delta":-8,"reason":"lost"}"#)).await;
    assert_eq!((below.status.as_u16(), below.problem(), &below.body["takeable"]), (409, "adjustment-refused", &6.into()));
    assert_eq!(shop.get("/v1/skus/tee").await.body["stock"], 8);
}

#[tokio::test]
async fn a_sale_stops_and_goes_on_at_once() {
    let shop = Shop::selling(3);
    let sale = |word: &str| json("POST", &format!("/v1/skus/tee/{word}"), &[], "");
    assert_eq!(shop.admin(sale("close")).await.body["state"], "closed");
    let told = shop.buy("k", &one("ann")).await;
    assert_eq!((told.status.as_u16(), told.problem()), (409, "closed"));
    assert!(told.body["server_time"].is_string());
    assert!(told.body.get("opens_at").is_none(), "it never had a time");
    let opened = SettingsPatch { opens_at: Some(Some(Stamp(5))), closes_at: Some(Some(Stamp(9))), ..SettingsPatch::default() };
    shop.node.create("hat", 3, opened);
    let over = shop.buy("k", &one("ann").replace("tee", "hat")).await;
    assert_eq!((over.problem(), &over.body["opens_at"]), ("closed", &"1970-01-01T00:00:00.005Z".into()));
    assert_eq!(shop.admin(sale("open")).await.body["state"], "open");
    assert_eq!(shop.buy("k", &one("ann")).await.status, 201);
}

#[tokio::test]
async fn the_books_add_up() {
    let shop = Shop::selling(3);
    assert_eq!(shop.buy("k", &one("ann")).await.status, 201);
    let told = shop.get("/v1/skus/tee/audit").await;
    let audit: holdfast_api::Audit = serde_json::from_value(told.body).unwrap();
    assert!(audit.conserved && audit.adds_up());
    assert_eq!((audit.stock, audit.held, audit.digest.len()), (3, 1, 32));
    *shop.node.unavailable.lock().unwrap() = Some(Unavailable::NoLeader);
    assert_eq!(shop.get("/v1/skus/tee/audit").await.problem(), "no-leader");
}

#[tokio::test]
async fn sold_out_is_told_only_by_a_fresh_node() {
    let shop = Shop::selling(1);
    let path = "/v1/skus/tee/availability";
    let told = shop.get(path).await;
    assert_eq!((&told.body["available"], &told.body["sold_out"]), (&1.into(), &false.into()));
    shop.node.now.fetch_add(1_000, Ordering::Relaxed);
    for path in [path, "/v1/skus/tee/availability?consistency=linearizable"] {
        let told = shop.get(path).await;
        assert_eq!(told.body["as_of_ms"], 1_000_000_000_995_u64, "less the five that the clock may be ahead");
    }
    shop.node.now.fetch_sub(1_000, Ordering::Relaxed);
    assert_eq!(shop.buy("k", &one("ann")).await.status, 201);
    let told = shop.get(path).await;
    assert_eq!((&told.body["sold_out"], &told.body["final"], &told.body["held"]), (&true.into(), &false.into(), &1.into()));
    shop.node.is_fresh.store(false, Ordering::Relaxed);
    shop.node.proof_comes.store(false, Ordering::Relaxed);
    let told = shop.get(path).await;
    assert_eq!((told.status.as_u16(), told.problem()), (503, "stale"));
    shop.node.proof_comes.store(true, Ordering::Relaxed);
    assert_eq!(shop.get(path).await.body["sold_out"], true);
    assert_eq!(shop.get("/v1/skus/tee/availability?consistency=linearizable").await.status, 200);
    assert_eq!(shop.get("/v1/skus/tee/availability?consistency=eventual").await.problem(), "malformed");
    *shop.node.unavailable.lock().unwrap() = Some(Unavailable::NoLeader);
    assert_eq!(shop.get("/v1/skus/tee/availability?consistency=linearizable").await.problem(), "no-leader");
}

#[tokio::test]
async fn what_the_cluster_could_not_do_is_told() {
    let shop = Shop::selling(1);
    for (unavailable, name) in [
        (Unavailable::NoLeader, "no-leader"),
        (Unavailable::Unknown, "outcome-unknown"),
        (Unavailable::Overloaded, "overloaded"),
        (Unavailable::Draining, "draining"),
        (Unavailable::Stale, "stale"),
    ] {
        *shop.node.unavailable.lock().unwrap() = Some(unavailable);
        let told = shop.admin(json("POST", "/v1/skus", &[], r#"{"sku":"hat","stock":5}"#)).await;
        assert_eq!((told.status.as_u16(), told.problem()), (503, name));
        assert!(told.headers.contains_key("retry-after"));
    }
}
