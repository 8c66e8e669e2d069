//! Orders and the steps of their lives.

use holdfast_inventory::{Answer, LateConfirm, Millis, SettingsPatch};

use super::{Shop, get, json, one, order};

async fn step(shop: &Shop, id: &str, step: &str) -> super::Told {
    shop.api(json("POST", &format!("/v1/orders/{id}/{step}"), &[], "")).await
}

fn id(told: &super::Told) -> String {
    told.body["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_order_is_held_and_told_with_place_and_stamp() {
    let shop = Shop::selling(10);
    let told = shop.buy("k1", &one("ann")).await;
    assert_eq!(told.status, 201);
    assert_eq!(told.header("content-type"), "application/json");
    assert_eq!(told.header("location"), format!("/v1/orders/{}", id(&told)));
    assert_eq!(told.header("holdfast-stamp"), "1000000000000");
    assert_eq!(told.body["status"], "held");
    assert_eq!(told.body["lines"][0]["quantity"], 1);
    assert_eq!(told.body["created_at"], "2001-09-09T01:46:40.000Z");
    assert_eq!(told.body["expires_at"], "2001-09-09T01:56:40.000Z");
    let read = shop.api(get(told.header("location"))).await;
    assert_eq!(read.status, 200);
    assert_eq!(read.body["buyer"], "ann");
}

#[tokio::test]
pub(super) async fn an_order_is_read_where_its_entry_is_applied_and_nowhere_else() {
    let shop = Shop::selling(10);
    let made = shop.node.without_pages(async {
        let made = shop.buy("k1", &one("ann")).await;
        let told = shop.api(get(made.header("location"))).await;
        assert_eq!((told.status.as_u16(), told.problem()), (503, "stale"));
        made
    });
    let made = made.await;
    assert_eq!(shop.api(get(made.header("location"))).await.status, 200);
}

#[tokio::test]
async fn lines_of_one_sku_are_summed_and_confirm_buys_at_once() {
    let shop = Shop::selling(10);
    let body = r#"{"buyer":"\"q\\","lines":[{"sku":"tee","quantity":1},{"sku":"tee","quantity":1}],"confirm":true}"#;
    let told = shop.buy("k1", body).await;
    assert_eq!((told.status.as_u16(), &told.body["status"]), (201, &"confirmed".into()));
    assert_eq!(told.body["lines"].as_array().unwrap().len(), 1);
    assert_eq!(told.body["lines"][0]["quantity"], 2);
    assert_eq!(told.body["buyer"], "\"q\\");
    assert!(told.body.get("expires_at").is_none());
}

#[tokio::test]
async fn a_repeated_key_gives_the_same_order_as_it_is_now() {
    let shop = Shop::selling(10);
    let first = shop.buy("k1", &one("ann")).await;
    assert!(first.headers.get("idempotency-replayed").is_none());
    assert_eq!(step(&shop, &id(&first), "confirm").await.status, 200);
    let again = shop.buy("\"k1\"", &one("ann")).await;
    assert_eq!(again.status, 201);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!((id(&again), &again.body["index"]), (id(&first), &first.body["index"]));
    assert_eq!(again.body["status"], "confirmed");
    let other = shop.buy("k1", &one("ann").replace(":1}", ":2}")).await;
    assert_eq!((other.status.as_u16(), other.problem()), (422, "idempotency-key-reused"));
}

#[tokio::test]
async fn each_step_answers_again_in_the_same_state() {
    let shop = Shop::selling(10);
    let held = id(&shop.buy("k1", &one("ann")).await);
    let longer = step(&shop, &held, "extend").await;
    assert_eq!((longer.status.as_u16(), &longer.body["status"]), (200, &"held".into()));
    for _ in 0..2 {
        let told = step(&shop, &held, "confirm").await;
        assert_eq!((told.status.as_u16(), &told.body["status"]), (200, &"confirmed".into()));
        assert_eq!(told.body["lines"][0]["sku"], "tee");
    }
    let refused = step(&shop, &held, "release").await;
    assert_eq!((refused.problem(), &refused.body["order_status"]), ("order-state", &"confirmed".into()));
    for _ in 0..2 {
        let told = step(&shop, &held, "cancel").await;
        assert_eq!((told.status.as_u16(), &told.body["status"]), (200, &"cancelled".into()));
    }
    let other = id(&shop.buy("k2", &one("bob")).await);
    for _ in 0..2 {
        assert_eq!(step(&shop, &other, "release").await.body["status"], "released");
    }
    let told = shop.api(get(&format!("/v1/orders/{other}"))).await;
    assert_eq!(told.body["status"], "released");
}

#[tokio::test]
async fn a_late_confirm_asks_for_the_money_back_or_takes_the_units_again() {
    let shop = Shop::selling(10);
    let patch = SettingsPatch { hold_ttl: Some(Millis(1_000)), late_confirm: Some(LateConfirm::Reacquire), ..SettingsPatch::default() };
    shop.node.create("again", 1, patch);
    let refused = id(&shop.buy("k1", &one("ann")).await);
    let taken = id(&shop.buy("k2", &one("ann").replace("tee", "again")).await);
    shop.node.pass(600_000);
    let told = step(&shop, &refused, "confirm").await;
    assert_eq!((told.status.as_u16(), told.problem()), (409, "hold-expired"));
    assert_eq!(told.body["refund_required"], true);
    let told = step(&shop, &taken, "confirm").await;
    assert_eq!((told.status.as_u16(), &told.body["status"]), (200, &"confirmed".into()), "{told:?}");
}

#[tokio::test]
async fn refusals_of_the_log_are_told_with_what_they_are_about() {
    let shop = Shop::selling(3);
    assert_eq!(shop.buy("k1", &one("ann").replace(":1}", ":2}")).await.status, 201);
    let limit = shop.buy("k2", &one("ann")).await;
    assert_eq!((limit.status.as_u16(), limit.problem()), (409, "buyer-limit"));
    assert_eq!((&limit.body["limit"], &limit.body["bought"], &limit.body["sku"]), (&2.into(), &2.into(), &"tee".into()));
    let few = shop.buy("k3", &one("bob").replace(":1}", ":2}")).await;
    assert_eq!((few.problem(), &few.body["available"]), ("insufficient-stock", &1.into()));
    assert_eq!(shop.buy("k4", &one("bob")).await.status, 201);
    let out = shop.buy("k5", &one("cat")).await;
    assert_eq!((out.status.as_u16(), out.problem(), &out.body["final"]), (409, "sold-out", &false.into()));
    assert!(out.body["index"].is_u64());
    assert!(out.headers.get("retry-after").is_none(), "sold out invites no retry");
    assert_eq!(out.header("holdfast-stamp"), "1000000000000");
}

#[tokio::test]
async fn every_no_of_the_desk_is_a_problem_with_a_wait() {
    for (answer, status, name) in [
        (Answer::KeyInProgress, 409, "key-in-progress"),
        (Answer::Overloaded, 503, "overloaded"),
        (Answer::Draining, 503, "draining"),
        (Answer::Stale, 503, "stale"),
        (Answer::NoLeader, 503, "no-leader"),
        (Answer::OutcomeUnknown, 503, "outcome-unknown"),
    ] {
        let shop = Shop::selling(1);
        shop.node.script.lock().unwrap().push_back(answer);
        let told = shop.buy("k", &one("ann")).await;
        assert_eq!((told.status.as_u16(), told.problem()), (status, name));
        let wait: u64 = told.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&wait), "{told:?}");
        assert!(told.body["retry_after_ms"].is_u64());
    }
}

#[tokio::test]
async fn apply_before_reaches_the_log() {
    let shop = Shop::selling(1);
    let request = json("POST", "/v1/orders", &[("idempotency-key", "k"), ("apply-before", "1000000000000")], &one("ann"));
    let told = shop.api(request).await;
    assert_eq!((told.status.as_u16(), told.problem()), (503, "overloaded"));
}

#[tokio::test]
async fn an_unknown_order_is_not_a_malformed_one() {
    let shop = Shop::selling(1);
    let known = id(&shop.buy("k", &one("ann")).await);
    let forged = known.replace(&known[25..], if known.ends_with('0') { "1" } else { "0" });
    for path in [format!("/v1/orders/{forged}"), "/v1/orders/7".into(), "/v1/orders/%ff".into()] {
        let told = shop.api(get(&path)).await;
        assert_eq!((told.status.as_u16(), told.problem()), (400, "malformed"), "{path}");
    }
    let before = shop.reached();
    assert_eq!(step(&shop, &forged, "confirm").await.problem(), "malformed");
    assert_eq!(shop.reached(), before, "a forged id reaches nobody");
}

#[tokio::test]
async fn orders_are_listed_in_pages_newest_first() {
    let shop = Shop::selling(100);
    for n in 0..5 {
        assert_eq!(shop.buy(&format!("k{n}"), &one(if n % 2 == 0 { "ann" } else { "bob" })).await.status, if n == 4 { 409 } else { 201 });
    }
    let page = shop.api(get("/v1/orders?buyer=ann&limit=1")).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.body["orders"].as_array().unwrap().len(), 1);
    let link = page.header("link");
    let next = link.strip_prefix('<').unwrap().split('>').next().unwrap();
    let rest = shop.api(get(next)).await;
    let (newer, older) = (&page.body["orders"][0], &rest.body["orders"][0]);
    assert!(newer["index"].is_u64() && newer["id"].as_str() > older["id"].as_str(), "{page:?} {rest:?}");
    let all = shop.get("/v1/orders?status=held&sku=tee").await;
    assert_eq!(all.body["orders"].as_array().unwrap().len(), 4);
    assert_eq!(shop.api(get("/v1/orders")).await.problem(), "malformed");
    for bad in ["/v1/orders?limit=0", "/v1/orders?limit=1001", "/v1/orders?cursor=x", "/v1/orders?colour=red", "/v1/orders?status=paid"] {
        assert_eq!(shop.get(bad).await.problem(), "malformed", "{bad}");
    }
    assert_eq!(shop.get("/v1/orders?sku=nobody").await.problem(), "unknown-sku");
}

#[tokio::test]
async fn the_admin_listener_sells_too() {
    let shop = Shop::selling(1);
    assert_eq!(shop.admin(order("k", &one("ann"))).await.status, 201);
}
