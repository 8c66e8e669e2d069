//! The calls of the contract, through the routers, on a fake node.

mod bad_input;
mod batch;
mod buying;
mod description;
mod fake;
mod fast;
mod front;
mod listing;
#[cfg(feature = "planted-bugs")]
mod planted_bugs;
mod stock;
mod watching;

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use super::{App, HttpLimits, admin_router, api_router};
use crate::metrics::Metrics;
use fake::Fake;

/// A fake node behind both routers.
pub(crate) struct Shop {
    pub(crate) node: Arc<Fake>,
    api: Router,
    admin: Router,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Told {
    /// The problem's name, with its form checked: type, status, one sentence, request id.
    pub(crate) fn problem(&self) -> &str {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        assert_eq!(self.body["status"], self.status.as_u16(), "{self:?}");
        let detail = self.body["detail"].as_str().unwrap();
        assert!(detail.ends_with(['.', '…']) && !detail.contains('\n') && detail.len() < 300, "one sentence: {detail}");
        assert!(self.body["request_id"].is_string(), "{self:?}");
        self.body["type"].as_str().unwrap().strip_prefix("urn:holdfast:problem:").unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("{name} in {self:?}")).to_str().unwrap()
    }
}

impl Shop {
    pub(crate) fn selling(stock: u64) -> Self {
        Self::with_limits(stock, HttpLimits::default())
    }

    pub(crate) fn with_limits(stock: u64, limits: HttpLimits) -> Self {
        let node = Arc::new(Fake::selling(stock));
        let app = App::new(Arc::clone(&node), Metrics::new(), limits);
        Self { node, api: api_router(Arc::clone(&app)), admin: admin_router(app) }
    }

    pub(crate) async fn api(&self, request: Request<Body>) -> Told {
        tell(self.api.clone(), request).await
    }

    pub(crate) async fn admin(&self, request: Request<Body>) -> Told {
        tell(self.admin.clone(), request).await
    }

    /// The raw answer of the admin listener, for streams and text.
    pub(crate) async fn raw(&self, request: Request<Body>) -> axum::response::Response {
        self.admin.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Told {
        self.admin(get(path)).await
    }

    /// Buys through the api listener.
    pub(crate) async fn buy(&self, key: &str, body: &str) -> Told {
        self.api(order(key, body)).await
    }

    pub(crate) fn reached(&self) -> usize {
        self.node.reached.load(std::sync::atomic::Ordering::Relaxed)
    }
}

async fn tell<S>(service: S, request: Request<Body>) -> Told
where
    S: tower_service::Service<Request<Body>, Response = axum::response::Response, Error = Infallible>,
{
    let (head, body) = service.oneshot(request).await.unwrap().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
    Told { status: head.status, headers: head.headers, body }
}

pub(crate) fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

pub(crate) fn json(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Body::from(body.to_owned())).unwrap()
}

pub(crate) fn order(key: &str, body: &str) -> Request<Body> {
    json("POST", "/v1/orders", &[("idempotency-key", key)], body)
}

/// One unit of `tee` for `buyer`.
pub(crate) fn one(buyer: &str) -> String {
    format!(r#"{{"buyer":"{buyer}","lines":[{{"sku":"tee","quantity":1}}]}}"#)
}
