//! The description of the contract says what is served.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Shop, json};
use crate::http::calls::{CALLS, Listener};
use crate::http::openapi;

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/openapi.json");

#[test]
fn the_committed_description_is_the_generated_one() {
    let generated = openapi::document();
    if std::env::var_os("HOLDFAST_BLESS").is_some() {
        std::fs::write(COMMITTED, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(COMMITTED).unwrap();
    assert!(committed == generated, "docs/reference/openapi.json is old: run this test with HOLDFAST_BLESS=1");
}

#[test]
fn every_reference_in_it_leads_somewhere() {
    let document: Value = serde_json::from_str(&openapi::document()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let mut found = BTreeSet::new();
    collect(&document, &mut found);
    for reference in &found {
        assert!(document.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
    }
    assert!(found.contains("#/components/schemas/Order"));
}

fn collect(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| collect(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, found)),
        _ => {}
    }
}

#[tokio::test]
async fn every_described_call_is_served_by_its_listener() {
    for call in CALLS {
        let shop = Shop::selling(1);
        let path = call.path.replace("{sku}", "tee").replace("{id}", "x");
        // A feed that is answered well does not end.
        shop.node.stopping.cancel();
        let admin = shop.admin(json(call.method, &path, &[], "")).await;
        assert!(![404, 405].contains(&admin.status.as_u16()), "{} on admin: {admin:?}", call.id);
        let api = shop.api(json(call.method, &path, &[], "")).await;
        let is_served = ![404, 405].contains(&api.status.as_u16());
        assert_eq!(is_served, call.listener == Listener::Both, "{} on api: {api:?}", call.id);
    }
}

#[test]
fn calls_have_unique_names_and_places() {
    let names: BTreeSet<_> = CALLS.iter().map(|call| call.id).collect();
    let places: BTreeSet<_> = CALLS.iter().map(|call| (call.method, call.path)).collect();
    assert_eq!((names.len(), places.len()), (CALLS.len(), CALLS.len()));
}
