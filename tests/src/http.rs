//! HTTP by hand: one keep-alive connection, one call at a time, a time limit on each.

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::limits::{AGREED_WITHIN, CALL_WITHIN, POLL_EVERY};

/// What is sent.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl Call {
    /// A call without a body.
    pub fn new(method: Method, path: impl Into<String>) -> Call {
        Call { method, path: path.into(), headers: Vec::new(), body: Bytes::new() }
    }

    /// `GET path`.
    pub fn get(path: impl Into<String>) -> Call {
        Call::new(Method::GET, path)
    }

    /// `POST path` with a JSON body.
    pub fn post(path: impl Into<String>, body: &Value) -> Call {
        Call::new(Method::POST, path).json(body)
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Call {
        self.header("content-type", "application/json").body(body.to_string())
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Call {
        self.headers.push((name, value.into()));
        self
    }

    /// With these bytes as its body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Call {
        self.body = body.into();
        self
    }

    fn request(&self, to: SocketAddr) -> Result<Request<Full<Bytes>>> {
        let mut request = Request::builder().method(self.method.clone()).uri(&self.path).header("host", to.to_string());
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        Ok(request.body(Full::new(self.body.clone()))?)
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON: {}", String::from_utf8_lossy(&self.body)))
    }

    /// One header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as JSON; fails unless the status is `status`.
    pub fn expect(&self, status: u16) -> Result<Value> {
        if self.status != status {
            bail!("status {} instead of {status}: {}", self.status, String::from_utf8_lossy(&self.body));
        }
        self.json()
    }

    /// The number of one series, name and labels, in Prometheus text.
    pub fn sample<T: FromStr>(&self, series: &str) -> Option<T> {
        let page = std::str::from_utf8(&self.body).ok()?;
        page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
    }

    /// The last part of a problem's type: `sold-out` of `urn:holdfast:problem:sold-out`.
    pub fn problem(&self) -> Option<String> {
        let body = self.json().ok()?;
        body["type"].as_str()?.strip_prefix("urn:holdfast:problem:").map(str::to_owned)
    }
}

/// A connection that is made again when it was lost.
#[derive(Debug)]
pub struct Connection {
    to: SocketAddr,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Connection {
    /// Of one address; nothing is connected yet.
    pub fn to(to: SocketAddr) -> Connection {
        Connection { to, sender: None }
    }

    /// Connects, if it is not connected. An error means that nothing was sent.
    pub async fn ready(&mut self, within: Duration) -> Result<()> {
        if self.sender.as_ref().is_none_or(SendRequest::is_closed) {
            self.sender = Some(tokio::time::timeout(within, connect(self.to)).await??);
        }
        Ok(())
    }

    /// Sends and waits for the whole answer. An error means that the fate of the call is unknown; the connection is given
    /// up then, since a late answer on it would be taken for the next call's.
    pub async fn send(&mut self, call: &Call, within: Duration) -> Result<Answer> {
        let (sender, stage) = (self.sender.take(), AtomicUsize::new(0));
        let Ok(done) = tokio::time::timeout(within, exchange(self.to, sender, call, &stage)).await else {
            let stage = STAGES[stage.into_inner()];
            bail!("{} {} at {}: no answer within {within:?}, {stage}", call.method, call.path, self.to)
        };
        let (answer, sender) = done.with_context(|| format!("{} {} at {}", call.method, call.path, self.to))?;
        self.sender = Some(sender);
        Ok(answer)
    }
}

/// `GET path` as JSON; asks again while the node says that it cannot tell yet, for at most [`AGREED_WITHIN`].
pub async fn read(connection: &mut Connection, path: &str) -> Result<Value> {
    let deadline = Instant::now() + AGREED_WITHIN;
    loop {
        let answer = connection.send(&Call::get(path), CALL_WITHIN).await?;
        if answer.status != 503 || Instant::now() >= deadline {
            return answer.expect(200);
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
}

/// How far a call can have come that is given up.
const STAGES: [&str; 4] =
    ["while it connected", "while its connection was busy", "of which nothing had come", "of which the head had come"];

/// Tells by `stage` how far it came.
async fn exchange(
    to: SocketAddr,
    kept: Option<SendRequest<Full<Bytes>>>,
    call: &Call,
    stage: &AtomicUsize,
) -> Result<(Answer, SendRequest<Full<Bytes>>)> {
    let mut sender = match kept {
        Some(sender) if !sender.is_closed() => sender,
        _ => connect(to).await?,
    };
    stage.store(1, Ordering::Relaxed);
    sender.ready().await?;
    stage.store(2, Ordering::Relaxed);
    let (head, body) = sender.send_request(call.request(to)?).await?.into_parts();
    stage.store(3, Ordering::Relaxed);
    let body = body.collect().await?.to_bytes();
    Ok((Answer { status: head.status.as_u16(), headers: head.headers, body }, sender))
}

async fn connect(to: SocketAddr) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // Ends by itself when the sender is dropped or the server hangs up; its error reaches the sender too.
    tokio::spawn(connection);
    Ok(sender)
}

/// An answer whose body comes as it comes: a feed. Fails unless its status is 200 within [`CALL_WITHIN`].
pub async fn open(to: SocketAddr, call: &Call) -> Result<Incoming> {
    let answer = async { Ok::<_, anyhow::Error>(connect(to).await?.send_request(call.request(to)?).await?) };
    let answer = tokio::time::timeout(CALL_WITHIN, answer).await??;
    ensure!(answer.status() == 200, "{} at {to}: status {}", call.path, answer.status());
    Ok(answer.into_body())
}

/// One call on a connection of its own.
pub async fn call(to: SocketAddr, call: &Call) -> Result<Answer> {
    Connection::to(to).send(call, CALL_WITHIN).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, headers: HeaderMap::new(), body: Bytes::copy_from_slice(body.as_bytes()) }
    }

    #[test]
    fn a_problem_is_told_by_the_end_of_its_type() {
        let sold_out = answer(409, r#"{"type":"urn:holdfast:problem:sold-out"}"#);
        assert_eq!(sold_out.problem().as_deref(), Some("sold-out"));
        assert_eq!(answer(200, "{}").problem(), None);
        assert_eq!(answer(502, "<html>").problem(), None);
    }

    #[test]
    fn a_sample_is_found_by_its_whole_name() {
        let page = answer(200, "# HELP a_total x\na_total{outcome=\"accepted\"} 17\na_total{outcome=\"replayed\"} 3\nlag_seconds 0.5\n");
        assert_eq!(page.sample("a_total{outcome=\"accepted\"}"), Some(17_u64));
        assert_eq!(page.sample::<u64>("a_total{outcome=\"none\"}"), None);
        assert_eq!([page.sample("lag"), page.sample("lag_seconds")], [None, Some(0.5)]);
    }

    #[test]
    fn another_status_than_expected_fails_and_shows_the_body() {
        let failed = answer(503, r#"{"title":"no leader"}"#).expect(200).unwrap_err();
        assert!(failed.to_string().contains("no leader"));
    }

    #[tokio::test]
    async fn a_silent_server_is_given_up_after_the_limit() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut connection = Connection::to(listener.local_addr().unwrap());
        let failed = connection.send(&Call::get("/"), Duration::from_millis(50)).await.unwrap_err();
        assert!(failed.to_string().ends_with("no answer within 50ms, of which nothing had come"), "{failed}");
        assert!(connection.sender.is_none());
    }
}
