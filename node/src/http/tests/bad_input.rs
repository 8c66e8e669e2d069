//! Bad input: the right status and type, one sentence, and nobody behind the handlers hears of it.

use super::super::HttpLimits;
use super::{Shop, get, json, one, order};
use axum::body::Body;
use http::Request;

const ORDER: &str = r#"{"buyer":"ann","lines":[{"sku":"tee","quantity":1}]}"#;

#[tokio::test]
async fn malformed_orders_are_refused_where_they_are_wrong() {
    let shop = Shop::selling(10);
    let line = |quantity: &str| format!(r#"{{"buyer":"ann","lines":[{{"sku":"tee","quantity":{quantity}}}]}}"#);
    let lines = |count: usize| format!(r#"{{"buyer":"ann","lines":[{}]}}"#, vec![r#"{"sku":"tee","quantity":1}"#; count].join(","));
    let long = "x".repeat(65);
    let mut elsewhere = Vec::new();
    let deep = format!(r#"{{"buyer":{}1{},"lines":[]}}"#, "[".repeat(10_000), "]".repeat(10_000));
    for (body, pointer) in [
        (line("0"), "/lines/0/quantity"),
        (line("-1"), "/lines/0/quantity"),
        (line("1.5"), "/lines/0/quantity"),
        (line("1e3"), "/lines/0/quantity"),
        (line("1001"), "/lines/0/quantity"),
        (line("99999999999999999999"), "/lines/0/quantity"),
        (line("\"1\""), "/lines/0/quantity"),
        (line("null"), "/lines/0/quantity"),
        (lines(0), "/lines"),
        (lines(17), "/lines"),
        (ORDER.replace("tee", "t e"), "/lines/0/sku"),
        (ORDER.replace("tee", &long), "/lines/0/sku"),
        (ORDER.replace("tee", "té"), "/lines/0/sku"),
        (ORDER.replace("ann", ""), "/buyer"),
        (ORDER.replace("ann", &long), "/buyer"),
        (ORDER.replace("ann", "a b"), "/buyer"),
        (ORDER.replace("ann", "ä"), "/buyer"),
        (ORDER.replace("ann", "a\\u0000"), "/buyer"),
        (ORDER.replace("\"lines\"", "\"line\""), "/line"),
        (ORDER.replace("buyer", "byer"), "/byer"),
        (r#"{"lines":[{"sku":"tee","quantity":1}]}"#.into(), ""),
        (r#"{"buyer":"a","buyer":"b","lines":[{"sku":"tee","quantity":1}]}"#.into(), ""),
        ("[]".into(), ""),
        ("null".into(), ""),
        ("nonsense".into(), ""),
        (ORDER[..30].into(), ""),
        (format!("{ORDER}x"), ""),
        (String::new(), ""),
        (deep, "/buyer"),
        ("\u{feff}".to_owned() + ORDER, ""),
    ] {
        let told = shop.buy("k", &body).await;
        assert_eq!((told.status.as_u16(), told.problem()), (400, "malformed"), "{body:.80}");
        if told.body["pointer"] != pointer {
            elsewhere.push((format!("{body:.80}"), told.body["pointer"].clone(), pointer));
        }
    }
    assert!(elsewhere.is_empty(), "body, told, expected: {elsewhere:#?}");
    assert_eq!(shop.reached(), 0);
}

#[tokio::test]
async fn a_sku_that_does_not_exist_is_named() {
    let shop = Shop::selling(10);
    let told = shop.buy("k", &ORDER.replace("tee", "hat")).await;
    assert_eq!((told.status.as_u16(), told.problem(), &told.body["sku"]), (404, "unknown-sku", &"hat".into()));
    assert_eq!(shop.reached(), 0);
}

#[tokio::test]
async fn headers_are_checked_in_a_fixed_order() {
    let limits = HttpLimits { max_body_bytes: 100, max_batch_body_bytes: 200, ..HttpLimits::default() };
    let shop = Shop::with_limits(10, limits);
    let long = "x".repeat(101);
    let request = |json: bool, body: &str, key: Option<&str>, before: Option<&str>| {
        let mut request = Request::post("/v1/orders");
        if json {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in [("idempotency-key", key), ("apply-before", before)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        request.body(Body::from(body.to_owned())).unwrap()
    };
    // Each row mends the first fault of the row before it and has all the later ones.
    for (request, status, problem) in [
        (request(false, &long, None, Some("x")), 415, "not-json"),
        (request(true, &long, None, Some("x")), 413, "too-large"),
        (request(true, "[", None, Some("x")), 400, "idempotency-key-required"),
        (request(true, "[", Some("a b"), Some("x")), 400, "malformed"),
        (request(true, "[", Some("k"), Some("x")), 400, "malformed"),
        (request(true, "[", Some("k"), Some("5")), 400, "malformed"),
        (request(true, r#"{"buyer":"","lines":[{"sku":"hat","quantity":1}]}"#, Some("k"), None), 400, "malformed"),
        (request(true, r#"{"buyer":"a","lines":[{"sku":"hat","quantity":1}]}"#, Some("k"), None), 404, "unknown-sku"),
    ] {
        let told = shop.api(request).await;
        assert_eq!((told.status.as_u16(), told.problem()), (status, problem), "{told:?}");
    }
    assert_eq!(shop.reached(), 0);
    assert_eq!(shop.buy("k", ORDER).await.status, 201);
}

#[tokio::test]
async fn what_is_wrong_outside_of_the_body_is_pointed_at_too() {
    let shop = Shop::selling(10);
    let headers = |headers: &[(&str, &str)]| json("POST", "/v1/orders", headers, ORDER);
    let patch = json("PATCH", "/v1/skus/tee", &[("if-match", "x")], "{}");
    let follow = Request::get("/v1/events").header("last-event-id", "x").body(Body::empty()).unwrap();
    for (request, pointer) in [
        (headers(&[]), "header/idempotency-key"),
        (headers(&[("idempotency-key", "a b")]), "header/idempotency-key"),
        (headers(&[("idempotency-key", "k"), ("apply-before", "x")]), "header/apply-before"),
        (patch, "header/if-match"),
        (follow, "header/last-event-id"),
        (get("/v1/orders?limit=0"), "query/limit"),
        (get("/v1/orders?cursor=x"), "query/cursor"),
        (get("/v1/orders?sku=a%20b"), "query/sku"),
        (get("/v1/orders?buyer=a%20b"), "query/buyer"),
        (get("/v1/skus?cursor=x"), "query/cursor"),
        (get("/v1/orders?colour=red"), "query"),
        (get("/v1/orders/x"), "path"),
        (get("/v1/skus/a%20b"), "path"),
        (get("/v1/orders/%ff"), "path"),
    ] {
        let told = shop.admin(request).await;
        assert_eq!((told.status.as_u16(), &told.body["pointer"]), (400, &pointer.into()), "{told:?}");
    }
    assert_eq!(shop.api(get("/v1/orders")).await.body["pointer"], "query/buyer");
    assert_eq!(shop.api(get("/v1/events")).await.body["pointer"], "query/buyer");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let shop = Shop::selling(10);
    for path in ["/", "/v1", "/v1/order", "/v2/orders", "/v1/orders/x/refund", "/metrics", "/v1/cluster"] {
        let told = shop.api(get(path)).await;
        assert_eq!((told.status.as_u16(), told.problem()), (404, "not-found"), "{path}");
    }
    for (method, path) in [("DELETE", "/v1/orders"), ("GET", "/v1/orders/batch"), ("PUT", "/v1/time")] {
        let told = shop.api(json(method, path, &[], "")).await;
        assert_eq!((told.status.as_u16(), told.problem()), (405, "method-not-allowed"), "{method} {path}");
        assert!(told.headers.contains_key("allow"), "{told:?}");
    }
    // Stock is changed on the admin listener only.
    assert_eq!(shop.api(json("POST", "/v1/skus", &[], "{}")).await.problem(), "not-found");
}

#[tokio::test]
async fn stock_commands_are_checked_before_they_are_sent() {
    let shop = Shop::selling(10);
    let title = format!(r#"{{"sku":"a","stock":1,"title":"{}"}}"#, "x".repeat(201));
    for (body, pointer) in [
        (r#"{"sku":"a b","stock":1}"#, "/sku"),
        (r#"{"sku":"","stock":1}"#, "/sku"),
        (r#"{"sku":"a","stock":-1}"#, "/stock"),
        (r#"{"sku":"a","stock":1.5}"#, "/stock"),
        (r#"{"sku":"a","stock":1000000000001}"#, "/stock"),
        (r#"{"sku":"a","stock":1,"per_buyer_limit":0}"#, "/per_buyer_limit"),
        (r#"{"sku":"a","stock":1,"hold_ttl_ms":99999999999}"#, "/hold_ttl_ms"),
        (r#"{"sku":"a","stock":1,"opens_at":"soon"}"#, "/opens_at"),
        (r#"{"sku":"a","stock":1,"opens_at":"2026-11-20T12:00:00Z","closes_at":"2026-11-20T12:00:00Z"}"#, "/closes_at"),
        (r#"{"sku":"a","stock":1,"late_confirm":"maybe"}"#, "/late_confirm"),
        (&title, "/title"),
    ] {
        let told = shop.admin(json("POST", "/v1/skus", &[], body)).await;
        assert_eq!((told.status.as_u16(), told.problem()), (400, "malformed"), "{body:.80}");
        assert_eq!(told.body["pointer"], pointer, "{body:.80} {told:?}");
    }
    let adjust = |key: &[(&str, &str)], body: &str| json("POST", "/v1/skus/tee/adjustments", key, body);
    let key = &[("idempotency-key", "k")];
    for (body, pointer) in [
        (r#"{"delta":0,"reason":"r"}"#, "/delta"),
        (r#"{"delta":1.5,"reason":"r"}"#, "/delta"),
        (r#"{"delta":1000000000001,"reason":"r"}"#, "/delta"),
        (r#"{"delta":-9223372036854775808,"reason":"r"}"#, "/delta"),
        (r#"{"delta":1,"reason":" "}"#, "/reason"),
        (r#"{"delta":1,"reason":"a\u001bb"}"#, "/reason"),
    ] {
        let told = shop.admin(adjust(key, body)).await;
        assert_eq!((told.problem(), &told.body["pointer"]), ("malformed", &pointer.into()), "{body}");
    }
    assert_eq!(shop.admin(adjust(&[], r#"{"delta":1,"reason":"r"}"#)).await.problem(), "idempotency-key-required");
    let patch = |headers: &[(&str, &str)]| json("PATCH", "/v1/skus/tee", headers, "{}");
    let told = shop.admin(patch(&[])).await;
    assert_eq!((told.status.as_u16(), told.problem()), (428, "if-match-required"));
    assert_eq!(shop.admin(patch(&[("if-match", "W/\"1\"")])).await.problem(), "malformed");
    let at_once = r#"{"opens_at":"2026-11-20T12:00:00Z","closes_at":"2026-11-20T12:00:00Z"}"#;
    let told = shop.admin(json("PATCH", "/v1/skus/tee", &[("if-match", "*")], at_once)).await;
    assert_eq!((told.problem(), &told.body["pointer"]), ("malformed", &"/closes_at".into()));
    assert_eq!(shop.reached(), 0);
}

#[tokio::test]
async fn a_key_too_long_or_odd_is_malformed() {
    let shop = Shop::selling(10);
    for key in ["", " ", "\"", "\"a", "a b", &"k".repeat(65)] {
        let told = shop.buy(key, &one("ann")).await;
        assert_eq!((told.status.as_u16(), told.problem()), (400, "malformed"), "{key}");
    }
    let twice = json("POST", "/v1/orders", &[("idempotency-key", "a"), ("idempotency-key", "b")], ORDER);
    assert_eq!(shop.api(twice).await.problem(), "malformed");
    assert_eq!(shop.reached(), 0);
    assert_eq!(shop.api(order(&"k".repeat(64), ORDER)).await.status, 201);
}
