//! Bad input over HTTP: the right problem, one sentence that helps, and nothing changed.

use anyhow::{Context, Result, ensure};
use holdfast_tests::cluster::Cluster;
use holdfast_tests::http::{self, Answer, Call};
use holdfast_tests::operator::Audit;
use holdfast_tests::options::ClusterOptions;
use holdfast_tests::turn::Turn;
use holdfast_tests::{operator, program};
use hyper::Method;
use serde_json::{Value, json};

/// What is sent, and the status and type that it must hear.
struct Case {
    what: &'static str,
    call: Call,
    status: u16,
    problem: &'static str,
}

fn case(what: &'static str, call: Call, status: u16, problem: &'static str) -> Case {
    Case { what, call, status, problem }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_hears_a_clear_problem_on_every_node_and_changes_nothing() -> Result<()> {
    let turn = Turn::take().await?;
    let cluster = Cluster::start(&turn, ClusterOptions::new(program!())).await?;
    let sku = json!({ "sku": "ticket", "stock": 900, "per_buyer_limit": 3, "hold_ttl_ms": 600_000 });
    operator::create_sku_with(cluster.admin(1), &sku).await?;
    http::call(cluster.api(1), &order(&one("ticket", json!(1))).header("idempotency-key", "taken")).await?.expect(201)?;
    let before = operator::granted(cluster.admin(1), "ticket", 3).await?;

    for id in cluster.ids() {
        for case in buyers_cases() {
            ensure_refused(&http::call(cluster.api(id), &case.call).await?, &case).with_context(|| format!("node {id}"))?;
        }
        for case in operators_cases() {
            ensure_refused(&http::call(cluster.admin(id), &case.call).await?, &case).with_context(|| format!("node {id}"))?;
        }
    }

    let after = Audit::of(cluster.admin(1), "ticket").await?;
    after.ensure_conserved()?;
    let settled = |audit: &Audit| (audit.stock, audit.held, audit.confirmed, audit.pool + audit.sliced());
    ensure!(settled(&before) == settled(&after), "something changed: {before:?} became {after:?}");
    cluster.end().await
}

fn ensure_refused(answer: &Answer, case: &Case) -> Result<()> {
    let Case { what, status, problem, .. } = case;
    let told = || format!("{what}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
    ensure!(answer.status == *status && answer.problem().as_deref() == Some(*problem), "{} instead of {status} {problem}", told());
    ensure!(
        answer.header("content-type") == Some("application/problem+json"),
        "{}: content type {:?}",
        told(),
        answer.header("content-type")
    );
    let body = answer.json()?;
    ensure!(body["status"] == *status && body["title"].is_string() && body["request_id"].is_string(), "incomplete: {}", told());
    let detail = body["detail"].as_str().with_context(told)?;
    ensure!(detail.len() > 10 && !detail.contains('\n') && !detail.contains(".rs:"), "not a sentence that helps: {}", told());
    Ok(())
}

/// An order without a key.
fn order(body: &Value) -> Call {
    Call::post("/v1/orders", body)
}

fn keyed(body: &Value) -> Call {
    order(body).header("idempotency-key", "bad-input")
}

fn raw(body: impl Into<Vec<u8>>) -> Call {
    Call::new(Method::POST, "/v1/orders")
        .header("idempotency-key", "bad-input")
        .header("content-type", "application/json")
        .body(body.into())
}

fn one(sku: &str, quantity: Value) -> Value {
    lines(&[(sku, quantity)])
}

fn lines(lines: &[(&str, Value)]) -> Value {
    let lines: Vec<Value> = lines.iter().map(|(sku, quantity)| json!({ "sku": sku, "quantity": quantity })).collect();
    json!({ "buyer": "ann", "lines": lines })
}

fn by(buyer: &str) -> Value {
    json!({ "buyer": buyer, "lines": [{ "sku": "ticket", "quantity": 1 }] })
}

fn buyers_cases() -> Vec<Case> {
    let mut cases = vec![
        case("unknown SKU", keyed(&one("nothing-of-this-name", json!(1))), 404, "unknown-sku"),
        case("SKU with odd characters", keyed(&one("tick et", json!(1))), 400, "malformed"),
        case("SKU too long", keyed(&one(&"t".repeat(65), json!(1))), 400, "malformed"),
        case("SKU empty", keyed(&one("", json!(1))), 400, "malformed"),
        case("buyer too long", keyed(&by(&"b".repeat(65))), 400, "malformed"),
        case("buyer with a space", keyed(&by("a b")), 400, "malformed"),
        case("buyer not ASCII", keyed(&by("änn")), 400, "malformed"),
        case("buyer empty", keyed(&by("")), 400, "malformed"),
        case("no line", keyed(&lines(&[])), 400, "malformed"),
        case("seventeen lines", keyed(&lines(&vec![("ticket", json!(1)); 17])), 400, "malformed"),
        case("repeated lines over the limit", keyed(&lines(&[("ticket", json!(2)), ("ticket", json!(2))])), 409, "buyer-limit"),
        case(
            "unknown member",
            keyed(&json!({ "buyer": "ann", "lines": [{ "sku": "ticket", "quantity": 1 }], "gift": true })),
            400,
            "malformed",
        ),
        case("no key", order(&one("ticket", json!(1))), 400, "idempotency-key-required"),
        case("key too long", order(&one("ticket", json!(1))).header("idempotency-key", "k".repeat(65)), 400, "malformed"),
        case("same key, other body", order(&one("ticket", json!(2))).header("idempotency-key", "taken"), 422, "idempotency-key-reused"),
        case("malformed order id", Call::get("/v1/orders/not-an-id"), 400, "malformed"),
        case("confirm of a malformed order id", Call::new(Method::POST, "/v1/orders/not-an-id/confirm"), 400, "malformed"),
        case("list of everybody's orders", Call::get("/v1/orders"), 400, "malformed"),
        case("no such path", Call::get("/v1/nothing"), 404, "not-found"),
        case("no such method", Call::new(Method::DELETE, "/v1/orders"), 405, "method-not-allowed"),
    ];
    for quantity in [json!(0), json!(-1), json!(1.5), json!(1_001), json!(u64::MAX), json!("1"), json!(null)] {
        cases.push(case("bad quantity", keyed(&one("ticket", quantity)), 400, "malformed"));
    }
    cases.extend(bodies());
    cases
}

fn bodies() -> [Case; 6] {
    let good = one("ticket", json!(1)).to_string();
    let plain = Call::new(Method::POST, "/v1/orders")
        .header("idempotency-key", "bad-input")
        .header("content-type", "text/plain")
        .body(good.clone());
    let large = format!("{{\"buyer\":\"ann\",\"lines\":[],\"more\":\"{}\"}}", "x".repeat(80 << 10));
    [
        case("not JSON", raw("buyer=ann"), 400, "malformed"),
        case("no body", raw(""), 400, "malformed"),
        case("truncated JSON", raw(&good.as_bytes()[..good.len() / 2]), 400, "malformed"),
        case("deeply nested", raw("[".repeat(20_000)), 400, "malformed"),
        case("over the size limit", raw(large), 413, "too-large"),
        case("wrong content type", plain, 415, "not-json"),
    ]
}

fn operators_cases() -> Vec<Case> {
    let patch = || Call::new(Method::PATCH, "/v1/skus/ticket").json(&json!({ "per_buyer_limit": 9 }));
    let adjust = |delta: i64, key: &'static str| {
        Call::post("/v1/skus/ticket/adjustments", &json!({ "delta": delta, "reason": "counted again" })).header("idempotency-key", key)
    };
    vec![
        case("change without If-Match", patch(), 428, "if-match-required"),
        case("change of a version gone by", patch().header("if-match", "\"99\""), 412, "version-stale"),
        case("takes more than there is", adjust(-901, "too-much"), 409, "adjustment-refused"),
        case("takes what is held", adjust(-900, "what-is-held"), 409, "adjustment-refused"),
        case("SKU that exists", Call::post("/v1/skus", &json!({ "sku": "ticket", "stock": 1 })), 409, "sku-exists"),
        case("stock beyond the bound", Call::post("/v1/skus", &json!({ "sku": "more", "stock": 1_000_000_000_001_u64 })), 400, "malformed"),
        case("negative stock", Call::post("/v1/skus", &json!({ "sku": "less", "stock": -1 })), 400, "malformed"),
        case("name with odd characters", Call::post("/v1/skus", &json!({ "sku": "a/b", "stock": 1 })), 400, "malformed"),
        case("audit of an unknown SKU", Call::get("/v1/skus/nothing/audit"), 404, "unknown-sku"),
    ]
}
