//! One node that answers everything a run asks for, and orders by a script.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use holdfast_client::api::{Problem, ProblemType};

/// What an order is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reply {
    Accept,
    Replay,
    Refuse(ProblemType),
    /// Something that is none of the contract.
    Garbage,
    /// The connection is closed.
    Lose,
    /// Accepted, this late in ms.
    AcceptAfter(u64),
}

/// What the node saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) orders: BTreeMap<Reply, u64>,
    /// Connections that orders came over.
    pub(crate) connections: BTreeSet<u64>,
    pub(crate) created: Vec<String>,
    pub(crate) closed: Vec<String>,
}

/// The node. Stops listening when dropped.
pub(crate) struct Fake {
    pub(crate) url: String,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    ready: bool,
    script: Box<dyn Fn(u64) -> Reply + Send + Sync>,
    seen: Mutex<Seen>,
}

impl Fake {
    /// A node whose n-th order, from zero, is answered as `script` says.
    pub(crate) async fn start(ready: bool, script: impl Fn(u64) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State { ready, script: Box::new(script), seen: Mutex::default() });
        let serving = Arc::clone(&state);
        let task = tokio::spawn(async move {
            let mut connection = 0;
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&serving);
                connection += 1;
                let service = service_fn(move |request| serve(Arc::clone(&state), connection, request));
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { url, state, task }
    }

    pub(crate) fn seen<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.state.seen.lock().unwrap())
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Answer = Result<Response<Full<Bytes>>, io::Error>;

async fn serve(state: Arc<State>, connection: u64, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let path = head.uri.path();
    match (head.method.as_str(), path.strip_prefix("/v1/skus/").unwrap_or_default()) {
        ("GET", _) if path == "/readyz" => {
            let told = if state.ready { r#"{"ready":true}"# } else { r#"{"ready":false,"reason":"it has no leader"}"# };
            answer(if state.ready { 200 } else { 503 }, told)
        }
        ("GET", _) if path == "/v1/cluster" => answer(200, CLUSTER),
        ("POST", _) if path == "/v1/skus" => {
            let told: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let sku = told["sku"].as_str().unwrap().to_owned();
            state.seen.lock().unwrap().created.push(sku.clone());
            answer(201, &sku_json(&sku))
        }
        ("GET", rest) if rest.ends_with("/audit") => answer(200, AUDIT),
        ("POST", rest) if rest.ends_with("/close") => {
            let sku = rest.trim_end_matches("/close");
            state.seen.lock().unwrap().closed.push(sku.to_owned());
            answer(200, &sku_json(sku))
        }
        ("POST", _) if path == "/v1/orders" => order(&state, connection).await,
        _ => answer(404, "{}"),
    }
}

async fn order(state: &State, connection: u64) -> Answer {
    const ORDER: &str = r#"{"id":"o-1","status":"held","buyer":"b","lines":[],"created_at":"2026-11-20T12:00:00.000Z","node":1,"index":7}"#;
    let reply = {
        let mut seen = state.seen.lock().unwrap();
        let reply = (state.script)(seen.orders.values().sum());
        *seen.orders.entry(reply).or_default() += 1;
        seen.connections.insert(connection);
        reply
    };
    match reply {
        Reply::Accept => answer(201, ORDER),
        Reply::AcceptAfter(ms) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            answer(201, ORDER)
        }
        Reply::Replay => {
            let mut answer = answer(201, ORDER)?;
            answer.headers_mut().insert("idempotency-replayed", http::HeaderValue::from_static("true"));
            Ok(answer)
        }
        Reply::Refuse(kind) => answer(kind.status(), &serde_json::to_string(&Problem::new(kind, "by the script")).unwrap()),
        Reply::Garbage => answer(418, "<html>"),
        Reply::Lose => Err(io::Error::other("lost by the script")),
    }
}

fn answer(status: u16, body: &str) -> Answer {
    Ok::<_, Infallible>(Response::builder().status(status).body(Full::from(body.to_owned())).unwrap()).map_err(|never| match never {})
}

fn sku_json(sku: &str) -> String {
    format!(
        r#"{{"sku":"{sku}","stock":10,"available":10,"held":0,"confirmed":0,"mode":"sliced","state":"open","hold_ttl_ms":600000,"late_confirm":"refuse","version":1,"index":5}}"#
    )
}

const CLUSTER: &str = r#"{"cluster_id":"c","node":1,"leader":1,"term":1,"applied":4,"committed":4,"members":[{"id":1,"role":"voter","api":"a","admin":"b","peer":"c"}],"digest":{"index":4,"value":"0"},"disk":{"used_bytes":1,"free_bytes":1}}"#;
const AUDIT: &str = r#"{"sku":"s","stock":10,"pool":0,"slices":[{"node":1,"session":3,"units":10}],"held":0,"confirmed":0,"conserved":true,"index":6,"digest":"0"}"#;
