//! A real listener on a free port, and clients that behave badly.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::config::HttpSection;

const SOON: Duration = Duration::from_secs(10);

struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

async fn start(router: Router, config: ListenConfig) -> Server {
    let listener = bind("api", "127.0.0.1:0", None).await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(serve(listener, router, NoFastPath, config, shutdown.clone()));
    Server { address, shutdown, task }
}

fn router() -> Router {
    Router::new().route("/echo", post(async |body: Bytes| body)).route("/hello", get(async || "hello"))
}

fn bounds() -> ListenConfig {
    ListenConfig::api(&HttpSection::default())
}

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.address).await.unwrap()
}

/// Everything the server says until it closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut heard = Vec::new();
    // A reset is a close too: what was heard before it is what counts.
    let _ended = timeout(SOON, stream.read_to_end(&mut heard)).await.expect("the server closes the connection");
    String::from_utf8(heard).unwrap()
}

/// One answer with a body of known length, on a connection that stays open.
async fn answer(stream: &mut TcpStream, body: &str) -> String {
    let mut heard = String::new();
    while !heard.ends_with(body) {
        let mut piece = [0; 1_024];
        let read = timeout(SOON, stream.read(&mut piece)).await.unwrap().unwrap();
        assert!(read > 0, "closed after {heard:?}");
        heard.push_str(std::str::from_utf8(&piece[..read]).unwrap());
    }
    heard
}

#[tokio::test]
async fn a_head_that_dawdles_is_closed() {
    let server = start(router(), ListenConfig { header_timeout: Duration::from_millis(50), ..bounds() }).await;
    let mut client = connect(&server).await;
    client.write_all(b"GET /hello HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.unwrap();
    assert_eq!(rest(&mut client).await, "");
}

#[tokio::test]
async fn a_connection_that_never_speaks_is_closed() {
    let server = start(router(), ListenConfig { header_timeout: Duration::from_millis(50), ..bounds() }).await;
    assert_eq!(rest(&mut connect(&server).await).await, "");
}

#[tokio::test]
async fn a_kept_connection_has_the_idle_time_and_not_the_heads() {
    let times = ListenConfig { header_timeout: Duration::from_millis(40), idle_timeout: Duration::from_millis(400), ..bounds() };
    let server = start(router(), times).await;
    let mut client = connect(&server).await;
    for _ in 0..2 {
        client.write_all(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        answer(&mut client, "hello").await;
        // Longer than a head may take, to show that waiting between requests is another thing.
        tokio::time::sleep(Duration::from_millis(120)).await;
    }
    assert_eq!(rest(&mut client).await, "", "and then the idle time ends it");
}

#[tokio::test]
async fn the_second_head_of_a_connection_is_timed_too() {
    let server = start(router(), ListenConfig { header_timeout: Duration::from_millis(50), ..bounds() }).await;
    let mut client = connect(&server).await;
    client.write_all(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    answer(&mut client, "hello").await;
    client.write_all(b"GET /hel").await.unwrap();
    assert_eq!(rest(&mut client).await, "");
}

#[tokio::test]
async fn a_long_answer_outlives_the_idle_time() {
    let stream = async || {
        let pieces = futures_util::stream::unfold(0, |n| async move {
            tokio::time::sleep(Duration::from_millis(60)).await;
            (n < 5).then(|| (Ok::<_, std::io::Error>(Bytes::from_static(b"tick ")), n + 1))
        });
        Body::from_stream(pieces)
    };
    let times = ListenConfig { header_timeout: Duration::from_millis(30), idle_timeout: Duration::from_millis(50), ..bounds() };
    let server = start(Router::new().route("/stream", get(stream)), times).await;
    let mut client = connect(&server).await;
    client.write_all(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert_eq!(rest(&mut client).await.matches("tick").count(), 5);
}

#[tokio::test]
async fn a_body_over_the_bound_is_413_whether_it_says_so_or_not() {
    let server = start(router(), ListenConfig { max_body_bytes: 100, ..bounds() }).await;
    let mut honest = connect(&server).await;
    honest.write_all(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n").await.unwrap();
    assert!(rest(&mut honest).await.starts_with("HTTP/1.1 413 "));
    let mut chunked = connect(&server).await;
    let head = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    chunked.write_all(format!("{head}80\r\n{}\r\n", "x".repeat(128)).as_bytes()).await.unwrap();
    assert!(rest(&mut chunked).await.starts_with("HTTP/1.1 413 "));
}

#[tokio::test]
async fn a_body_that_dawdles_is_refused() {
    let server = start(router(), ListenConfig { body_timeout: Duration::from_millis(50), ..bounds() }).await;
    let mut client = connect(&server).await;
    client.write_all(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf").await.unwrap();
    assert!(rest(&mut client).await.starts_with("HTTP/1.1 400 "));
}

#[tokio::test]
async fn a_head_over_the_bound_is_431() {
    let server = start(router(), ListenConfig { max_head_bytes: 8_192, ..bounds() }).await;
    let mut client = connect(&server).await;
    client.write_all(format!("GET /hello HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(9_000)).as_bytes()).await.unwrap();
    assert!(rest(&mut client).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn a_connection_over_the_bound_hears_overloaded_and_the_next_gets_its_place() {
    let server = start(router(), ListenConfig { max_connections: 1, ..bounds() }).await;
    let mut first = connect(&server).await;
    first.write_all(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    answer(&mut first, "hello").await;
    let refused = rest(&mut connect(&server).await).await;
    assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains("urn:holdfast:problem:overloaded"), "{refused}");
    assert!(refused.to_ascii_lowercase().contains("retry-after: "));
    drop(first);
    let place_is_free = async {
        loop {
            let mut next = connect(&server).await;
            next.write_all(b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
            if rest(&mut next).await.ends_with("hello") {
                break;
            }
        }
    };
    timeout(SOON, place_is_free).await.expect("the place is free again");
}

/// A handler that says when it began and answers when told.
fn gated() -> (Router, mpsc::Receiver<()>, CancellationToken) {
    let (began, beginnings) = mpsc::channel(1);
    let gate = CancellationToken::new();
    let opened = gate.clone();
    let handler = async move || {
        began.send(()).await.unwrap();
        opened.cancelled().await;
        "done"
    };
    (Router::new().route("/slow", get(handler)), beginnings, gate)
}

#[tokio::test]
async fn a_stop_finishes_the_request_in_progress_and_takes_no_new_connection() {
    let (router, mut beginnings, gate) = gated();
    let server = start(router, bounds()).await;
    let mut client = connect(&server).await;
    let mut idle = connect(&server).await;
    client.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    beginnings.recv().await.unwrap();
    server.shutdown.cancel();
    assert_eq!(rest(&mut idle).await, "", "an idle connection is closed at once");
    gate.cancel();
    assert!(rest(&mut client).await.ends_with("done"));
    timeout(SOON, server.task).await.unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn a_stop_cuts_what_does_not_finish() {
    let (router, mut beginnings, _gate) = gated();
    let server = start(router, ListenConfig { drain_timeout: Duration::from_millis(50), ..bounds() }).await;
    let mut client = connect(&server).await;
    client.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    beginnings.recv().await.unwrap();
    server.shutdown.cancel();
    timeout(SOON, server.task).await.unwrap().unwrap();
    assert_eq!(rest(&mut client).await, "");
}

#[tokio::test]
async fn a_taken_port_is_told_with_what_to_do() {
    let first = bind("api", "127.0.0.1:0", None).await.unwrap();
    let address = first.local_addr().unwrap().to_string();
    let told = bind("api", &address, None).await.unwrap_err().to_string();
    assert!(told.starts_with(&format!("api cannot listen on {address}: ")) && told.contains("free the port"), "{told}");
}
