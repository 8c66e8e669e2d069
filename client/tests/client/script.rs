//! A node that answers by a script and remembers what it was asked.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use holdfast_client::api::{Problem, ProblemType, headers};

/// Cluster time that every scripted node tells.
pub(crate) const NOW_MS: u64 = 1_000_000;

/// What the node does with one request; `GET /v1/time` is answered beside the script.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Answers.
    Answer { status: u16, headers: Vec<(&'static str, String)>, body: String },
    /// Takes the request and closes the connection.
    Lose,
    /// Takes the request and never answers.
    Hang,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn key(&self) -> &str {
        self.header(headers::IDEMPOTENCY_KEY)
    }
}

/// The node. Stops listening when dropped.
pub(crate) struct Node {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

struct Script {
    steps: Mutex<VecDeque<Step>>,
    last: Step,
    time: Step,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Node {
    /// A node that does `steps`, and the last of them for ever.
    pub(crate) async fn start(steps: impl IntoIterator<Item = Step>) -> Self {
        let time = answer(200, &format!(r#"{{"now_ms":{NOW_MS},"error_bound_ms":5}}"#));
        Self::start_with_time(steps, time).await
    }

    /// The same, with `time` as the answer to `GET /v1/time`.
    pub(crate) async fn start_with_time(steps: impl IntoIterator<Item = Step>, time: Step) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let steps: VecDeque<_> = steps.into_iter().collect();
        let seen = Arc::default();
        let last = steps.back().cloned().unwrap_or(Step::Lose);
        let script = Arc::new(Script { steps: Mutex::new(steps), last, time, seen: Arc::clone(&seen) });
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let script = Arc::clone(&script);
                let service = service_fn(move |request| serve(Arc::clone(&script), request));
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { url, seen, task }
    }

    /// Everything it was asked but the time, in order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(script: Arc<Script>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, io::Error> {
    let (parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().unwrap().to_string();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let step = if target == "/v1/time" {
        script.time.clone()
    } else {
        script.seen.lock().unwrap().push(Seen { method: parts.method, target, headers: parts.headers, body });
        script.steps.lock().unwrap().pop_front().unwrap_or_else(|| script.last.clone())
    };
    match step {
        Step::Answer { status, headers, body } => {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            Ok(response.body(Full::from(body)).unwrap())
        }
        Step::Lose => Err(io::Error::other("lost by the script")),
        Step::Hang => Ok(std::future::pending::<Result<_, Infallible>>().await.unwrap()),
    }
}

/// An answer without headers.
pub(crate) fn answer(status: u16, body: &str) -> Step {
    Step::Answer { status, headers: Vec::new(), body: body.to_owned() }
}

/// An accepted order.
pub(crate) fn accepted() -> Step {
    answer(201, &order("o-1"))
}

/// An order's JSON.
pub(crate) fn order(id: &str) -> String {
    format!(
        r#"{{"id":"{id}","status":"held","buyer":"b","lines":[{{"sku":"tee-m","quantity":1}}],"created_at":"2026-11-20T12:00:00.000Z","node":1,"index":7}}"#
    )
}

/// A problem without stamp.
pub(crate) fn problem(kind: ProblemType) -> Step {
    told(&Problem::new(kind, "by the script"), Vec::new())
}

/// A problem that is true at `stamp_ms`.
pub(crate) fn stamped(kind: ProblemType, stamp_ms: u64) -> Step {
    told(&Problem::new(kind, "by the script"), vec![(headers::HOLDFAST_STAMP, stamp_ms.to_string())])
}

/// Any problem with any headers.
pub(crate) fn told(problem: &Problem, headers: Vec<(&'static str, String)>) -> Step {
    Step::Answer { status: problem.status, headers, body: serde_json::to_string(problem).unwrap() }
}
