//! What every request meets before its handler.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use http::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

use super::{Shop, json, one, order, tell};
use crate::config::HttpSection;
use crate::http::{App, Front, HttpLimits};
use crate::listen::{ListenConfig, NoFastPath, bind, serve};
use crate::metrics::Metrics;

fn for_host(mut request: Request<Body>) -> Request<Body> {
    request.headers_mut().insert("host", "shop.example".parse().unwrap());
    request
}

#[tokio::test]
async fn a_handler_that_panics_is_a_defect_of_one_request() {
    let shop = Shop::selling(9);
    let app = App::new(Arc::clone(&shop.node), Metrics::new(), HttpLimits::default());
    let batch = r#"{"orders":[{"idempotency_key":"k","buyer":"ann","lines":[{"sku":"tee","quantity":1}]}]}"#;
    for front in [Front::api(&app), Front::admin(&app)] {
        shop.node.is_broken.store(true, Ordering::Relaxed);
        for request in [order("k", &one("ann")), json("POST", "/v1/orders/batch", &[], batch)] {
            let told = tell(front.clone(), for_host(request)).await;
            assert_eq!((told.status.as_u16(), told.problem()), (500, "internal"));
            assert!(told.headers.contains_key("retry-after"));
        }
        shop.node.is_broken.store(false, Ordering::Relaxed);
        assert_eq!(tell(front, for_host(order("k", &one("ann")))).await.status, 201);
    }
}

#[tokio::test]
async fn a_request_without_a_host_or_with_a_packed_body_reaches_nobody() {
    let shop = Shop::selling(9);
    let app = App::new(Arc::clone(&shop.node), Metrics::new(), HttpLimits::default());
    let front = Front::api(&app);
    let told = tell(front.clone(), order("k", &one("ann"))).await;
    assert_eq!((told.status.as_u16(), told.problem(), &told.body["pointer"]), (400, "malformed", &"header/host".into()));
    let packed = json("POST", "/v1/orders", &[("idempotency-key", "k"), ("content-encoding", "gzip")], &one("ann"));
    let told = tell(front, for_host(packed)).await;
    assert_eq!((told.status.as_u16(), told.problem()), (415, "not-json"));
    assert_eq!(shop.reached(), 0);
}

/// `docs/reference/problems.md` says so: these come from the HTTP library, which lets nobody else answer.
#[tokio::test]
async fn what_is_no_request_is_answered_without_a_body() {
    let shop = Shop::selling(9);
    let front = Front::api(&App::new(Arc::clone(&shop.node), Metrics::new(), HttpLimits::default()));
    let listener = bind("api", "127.0.0.1:0", None).await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn(serve(listener, front, NoFastPath, ListenConfig::api(&HttpSection::default()), shutdown.clone()));
    let headers = |count: usize| "x: y\r\n".repeat(count);
    for (head, status) in [
        ("NONSENSE\r\n\r\n".to_owned(), 400),
        ("GET /livez HTTP/1.1\r\nhost x\r\n\r\n".to_owned(), 400),
        (format!("GET /livez HTTP/1.1\r\nhost: x\r\n{}\r\n", headers(100)), 431),
        (format!("GET /livez HTTP/1.1\r\nhost: x\r\nlong: {}\r\n\r\n", "x".repeat(17 << 10)), 431),
        ("GET /livez HTTP/1.1\r\n\r\n".to_owned(), 400),
    ] {
        let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
        client.write_all(head.as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
        let mut heard = Vec::new();
        // A close with bytes unread may be a reset: what was heard before it is what counts.
        let _reset = client.read_to_end(&mut heard).await;
        let heard = String::from_utf8(heard).unwrap();
        assert!(heard.starts_with(&format!("HTTP/1.1 {status} ")), "{head:.40}: {heard}");
        let is_problem = heard.contains("application/problem+json");
        assert_eq!(is_problem, head.ends_with("HTTP/1.1\r\n\r\n"), "only the last is a request: {heard}");
    }
    shutdown.cancel();
    serving.await.unwrap();
}
