//! Lists are whole, or they are not told.

use std::sync::atomic::Ordering;

use super::{Shop, Told, get, json, one};

fn ids(told: &Told) -> Vec<&str> {
    told.body["orders"].as_array().unwrap_or_else(|| panic!("{told:?}")).iter().map(|order| order["id"].as_str().unwrap()).collect()
}

fn is_stale(told: &Told) -> bool {
    told.status == 503 && told.problem() == "stale"
}

#[tokio::test]
async fn a_list_waits_for_what_was_applied() {
    let shop = Shop::selling(9);
    let first = shop.buy("k1", &one("ann")).await;
    shop.node.publishes.store(false, Ordering::Relaxed);
    let second = shop.buy("k2", &one("ann")).await;
    assert_eq!(second.status, 201);
    for path in ["/v1/orders?buyer=ann", "/v1/orders", "/v1/orders?sku=tee"] {
        assert!(is_stale(&shop.get(path).await), "{path}");
    }
    shop.node.publishes.store(true, Ordering::Relaxed);
    shop.node.pass(1);
    shop.node.fill_in();
    let told = shop.get("/v1/orders?buyer=ann").await;
    assert_eq!(ids(&told), [second.body["id"].as_str().unwrap(), first.body["id"].as_str().unwrap()]);
    assert_eq!(told.header("holdfast-stamp"), "1000000000001");
    assert_eq!(shop.get("/v1/skus").await.header("holdfast-stamp"), "1000000000001");
}

#[tokio::test]
async fn a_list_over_missing_pages_is_not_told_short() {
    let shop = Shop::selling(9);
    assert_eq!(shop.buy("k1", &one("ann")).await.status, 201);
    assert_eq!(shop.node.without_pages(shop.buy("k2", &one("bob"))).await.status, 201);
    assert_eq!(shop.buy("k3", &one("ann")).await.status, 201);
    assert_eq!(shop.buy("k4", &one("bob")).await.status, 201);
    for path in ["/v1/orders", "/v1/orders?sku=tee", "/v1/orders?buyer=bob", "/v1/orders?buyer=ann&status=held", "/v1/orders?limit=2"] {
        assert_eq!(is_stale(&shop.get(path).await), path != "/v1/orders?limit=2", "{path}");
    }
    assert_eq!(ids(&shop.api(get("/v1/orders?buyer=ann&limit=1")).await).len(), 1, "no link of this chain is missing");
    shop.node.fill_in();
    assert_eq!(ids(&shop.get("/v1/orders").await).len(), 4);
    assert_eq!(ids(&shop.get("/v1/orders?buyer=bob").await).len(), 2);
}

#[tokio::test]
async fn a_list_tells_an_order_as_a_read_does() {
    let shop = Shop::selling(9);
    let held = shop.buy("k1", &one("ann")).await;
    shop.node.pass(600_000);
    let read = shop.api(get(held.header("location"))).await;
    let listed = shop.api(get("/v1/orders?buyer=ann")).await;
    assert_eq!(listed.body["orders"][0], read.body);
    assert_eq!(ids(&shop.get("/v1/orders?status=held").await), Vec::<&str>::new());
}

#[tokio::test]
async fn a_hold_that_is_over_is_listed_as_expired_before_it_is_swept() {
    let shop = Shop::selling(9);
    let held = shop.buy("k1", &one("ann")).await;
    shop.node.pass(600_000);
    assert_eq!(shop.get("/v1/skus/tee/audit").await.body["held"], 1, "it was swept: this test shows nothing");
    for path in ["/v1/orders?status=expired", "/v1/orders?status=expired&buyer=ann", "/v1/orders?status=expired&sku=tee"] {
        assert_eq!(ids(&shop.get(path).await), [held.body["id"].as_str().unwrap()], "{path}");
    }
}

#[tokio::test]
pub(super) async fn a_status_that_stands_in_missing_pages_is_not_told() {
    let shop = Shop::selling(9);
    let order = shop.buy("k1", &one("ann")).await;
    let released = shop.api(json("POST", &format!("{}/release", order.header("location")), &[], ""));
    assert_eq!(shop.node.without_pages(released).await.status, 200);
    assert_eq!(shop.get("/v1/orders?buyer=ann").await.body["orders"][0]["status"], "released", "the state knows it");
    // The state forgets the order in time.
    for _ in 0..4 {
        shop.node.pass(30 * 86_400_000);
    }
    assert!(is_stale(&shop.get("/v1/orders?limit=1").await));
    assert!(is_stale(&shop.api(get(order.header("location"))).await));
    shop.node.fill_in();
    assert_eq!(shop.api(get(order.header("location"))).await.body["status"], "released");
    assert_eq!(shop.get("/v1/orders").await.body["orders"][0]["status"], "released");
}

#[tokio::test]
pub(super) async fn an_unknown_sku_is_told_only_with_a_proof_and_with_its_place() {
    let shop = Shop::selling(9);
    for told in
        [shop.get("/v1/orders?sku=hat").await, shop.get("/v1/skus/hat").await, shop.buy("k", &one("ann").replace("tee", "hat")).await]
    {
        assert_eq!((told.problem(), &told.body["sku"]), ("unknown-sku", &"hat".into()));
        assert!(told.body["index"].is_u64(), "{told:?}");
        assert_eq!(told.header("holdfast-stamp"), "1000000000000");
    }
    shop.node.proof_comes.store(false, Ordering::Relaxed);
    assert!(is_stale(&shop.get("/v1/orders?sku=hat").await));
}
