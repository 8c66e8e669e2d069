//! The fast path and the library answer the same requests with the same words.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use holdfast_inventory::{LogIndex, OrderRef};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::fake::Fake;
use super::one;
use crate::config::HttpSection;
use crate::http::{App, FastOrders, Front, HttpLimits};
use crate::listen::{FastPath, ListenConfig, NoFastPath, Take, bind, serve};
use crate::metrics::{Metrics, Scrape};

struct Listener {
    app: Arc<App<Arc<Fake>>>,
    address: SocketAddr,
    stop: CancellationToken,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn listen<F: FastPath>(stock: u64, fast: impl FnOnce(&Arc<App<Arc<Fake>>>) -> F) -> Listener {
    let app = App::new(Arc::new(Fake::selling(stock)), Metrics::new(), HttpLimits::default());
    let listener = bind("api", "127.0.0.1:0", None).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let config = ListenConfig::api(&HttpSection::default());
    tokio::spawn(serve(listener, Front::api(&app), fast(&app), config, stop.clone()));
    Listener { app, address, stop }
}

/// An answer without what differs from one moment, or one request, to the next.
#[derive(Debug, PartialEq)]
struct Told {
    status: String,
    headers: Vec<(String, String)>,
    body: Value,
}

async fn ask(stream: &mut TcpStream, request: &str) -> Told {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let (head, length) = loop {
        stream.read_buf(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse::<usize>().unwrap();
            break (head.to_owned(), length);
        }
    };
    let begin = head.len() + 4;
    while bytes.len() < begin + length {
        stream.read_buf(&mut bytes).await.unwrap();
    }
    assert_eq!(bytes.len(), begin + length, "nothing follows the answer");
    let mut body: Value = serde_json::from_slice(&bytes[begin..]).unwrap();
    if let Some(problem) = body.as_object_mut() {
        for field in ["request_id", "retry_after_ms"] {
            problem.remove(field);
        }
    }
    let (status, fields) = head.split_once("\r\n").unwrap();
    let mut headers: Vec<_> = fields.lines().map(|line| line.split_once(": ").unwrap()).map(|(k, v)| (k.into(), v.into())).collect();
    assert!(headers.iter().any(|(name, value): &(String, String)| name == "date" && httpdate::parse_http_date(value).is_ok()));
    for (name, value) in &mut headers {
        if ["date", "x-request-id", "retry-after", "content-length"].contains(&name.as_str()) {
            value.clear();
        }
    }
    headers.sort();
    Told { status: status.into(), headers, body }
}

fn post(key: &str, extra: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST /v1/orders HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nIdempotency-Key: {key}\r\n{extra}\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

/// Requests of one buyer after another until nothing is left, well made and not.
fn requests() -> Vec<String> {
    let escaped = r#"{"buyer":"\"q\\","lines":[{"sku":"tee","quantity":1},{"sku":"tee","quantity":1}],"confirm":true}"#;
    let many = one("max").replace(":1}", ":3}");
    vec![
        post("k1", "", &one("ann")),
        post("k1", "", &one("ann")),
        post("\"k1\"", "", &one("ann")),
        post("k1", "", &one("ann").replace(":1}", ":2}")),
        post("k2", "", escaped),
        post("k3", "", &many),
        post("k4", "Apply-Before: 1\r\n", &one("bob")),
        post("k5", "Apply-Before: 99999999999999999999\r\n", &one("bob")),
        post("k6", "Apply-Before: soon\r\n", &one("bob")),
        post("k7", "", "{\"buyer\":"),
        post("k8", "", &one("bob").replace(":1}", ":0}")),
        post("k9", "", &one("bob").replace("tee", "cap")),
        post("", "", &one("bob")),
        post("k10", "Idempotency-Key: k11\r\n", &one("bob")),
        post("k12", "", &one("carl").replace(":1}", ":2}")),
        post("k13", "", &one("dora")),
        post("k14", "", &one("eric")),
    ]
}

#[tokio::test]
async fn both_ways_say_the_same() {
    let (fast, slow) = (listen(5, FastOrders::new).await, listen(5, |_| NoFastPath).await);
    let mut statuses = Vec::new();
    for request in requests() {
        // A new connection each: one that was handed over stays with the library.
        let mut streams = (TcpStream::connect(fast.address).await.unwrap(), TcpStream::connect(slow.address).await.unwrap());
        let told = (ask(&mut streams.0, &request).await, ask(&mut streams.1, &request).await);
        assert_eq!(told.0, told.1, "{request}");
        statuses.push(told.0.status[9..12].to_owned());
    }
    let expected = "201 201 201 422 201 409 503 201 400 400 400 404 400 400 409 201 409";
    assert_eq!(statuses.join(" "), expected);
    let counts = [&fast, &slow].map(|listener| listener.app.metrics.render(&Scrape::default()));
    let orders = |text: &str| text.lines().filter(|line| line.starts_with("holdfast_orders")).map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(orders(&counts[0]), orders(&counts[1]));
    assert!(orders(&counts[0]).len() > 3, "{:?}", orders(&counts[0]));
}

fn step(id: &str, step: &str, extra: &str) -> String {
    format!("POST /v1/orders/{id}/{step} HTTP/1.1\r\nHost: shop\r\n{extra}\r\n")
}

#[tokio::test]
async fn both_ways_say_the_same_of_every_step_and_a_connection_that_takes_steps_stays() {
    let (fast, slow) = (listen(5, FastOrders::new).await, listen(5, |_| NoFastPath).await);
    let mut streams = (TcpStream::connect(fast.address).await.unwrap(), TcpStream::connect(slow.address).await.unwrap());
    let mut statuses = Vec::new();
    let mut ids = Vec::new();
    for key in ["k1", "k2"] {
        let told = (ask(&mut streams.0, &post(key, "", &one("ann"))).await, ask(&mut streams.1, &post(key, "", &one("ann"))).await);
        assert_eq!(told.0, told.1);
        ids.push(told.0.body["id"].as_str().unwrap().to_owned());
    }
    let unknown = fast.app.seal().unwrap().token(OrderRef { index: LogIndex(1), position: 9 });
    let steps = [
        step(&ids[0], "extend", ""),
        step(&ids[0], "confirm", "Content-Length: 0\r\n"),
        step(&ids[0], "confirm", ""),
        step(&ids[0], "release", ""),
        step(&ids[0], "cancel", "Apply-Before: 99999999999999999\r\n"),
        step(&ids[0], "confirm", ""),
        step(&ids[1], "release", ""),
        step(&unknown, "confirm", ""),
        step(&ids[1], "cancel", "Apply-Before: 1\r\n"),
    ];
    let reader = FastOrders::new(&fast.app);
    for request in steps {
        assert!(matches!(reader.take(request.as_bytes()), Take::Taken(_, end) if end == request.len()), "{request}");
        let told = (ask(&mut streams.0, &request).await, ask(&mut streams.1, &request).await);
        assert_eq!(told.0, told.1, "{request}");
        statuses.push(told.0.status[9..12].to_owned());
    }
    assert_eq!(statuses.join(" "), "200 200 200 409 200 409 200 404 503");
    // What is odd is the library's to judge.
    for request in [
        step("nonsense", "confirm", ""),
        step(&ids[0], "praise", ""),
        step(&ids[0], "confirm", "Apply-Before: soon\r\n"),
        step(&ids[0], "confirm", "Content-Length: 2\r\n") + "{}",
    ] {
        assert!(matches!(reader.take(request.as_bytes()), Take::Other), "{request}");
        let mut streams = (TcpStream::connect(fast.address).await.unwrap(), TcpStream::connect(slow.address).await.unwrap());
        assert_eq!(ask(&mut streams.0, &request).await, ask(&mut streams.1, &request).await, "{request}");
    }
    let counts = [&fast, &slow].map(|listener| listener.app.metrics.render(&Scrape::default()));
    let taken = |text: &str| text.lines().filter(|line| line.contains("transition")).map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(taken(&counts[0]), taken(&counts[1]));
    assert!(taken(&counts[0]).len() > 3, "{:?}", taken(&counts[0]));
}

fn look(path: &str, extra: &str) -> String {
    format!("GET /v1/skus/{path} HTTP/1.1\r\nHost: shop\r\n{extra}\r\n")
}

#[tokio::test]
async fn both_ways_say_the_same_of_what_is_left_and_a_connection_that_looks_stays() {
    let (fast, slow) = (listen(2, FastOrders::new).await, listen(2, |_| NoFastPath).await);
    let reader = FastOrders::new(&fast.app);
    let mut streams = (TcpStream::connect(fast.address).await.unwrap(), TcpStream::connect(slow.address).await.unwrap());
    let mut left = Vec::new();
    for buyer in ["ann", "bob", "carl"] {
        let plain = look("tee/availability", "Accept: */*\r\nContent-Length: 0\r\n");
        for end in 0..plain.len() {
            assert!(matches!(reader.take(&plain.as_bytes()[..end]), Take::More), "{end}");
        }
        assert!(matches!(reader.take(plain.as_bytes()), Take::Taken(_, end) if end == plain.len()));
        let told = (ask(&mut streams.0, &plain).await, ask(&mut streams.1, &plain).await);
        assert_eq!(told.0, told.1);
        assert_eq!((told.0.status.as_str(), &told.0.body["sold_out"]), ("HTTP/1.1 200 OK", &(left.len() == 2).into()));
        left.push(told.0.body["available"].as_u64().unwrap());
        let order = post(buyer, "", &one(buyer));
        assert_eq!(ask(&mut streams.0, &order).await, ask(&mut streams.1, &order).await);
    }
    assert_eq!(left, [2, 1, 0]);
    for (proof_comes, status) in [(false, "HTTP/1.1 503 Service Unavailable"), (true, "HTTP/1.1 200 OK")] {
        for listener in [&fast, &slow] {
            listener.app.port.is_fresh.store(false, Ordering::Relaxed);
            listener.app.port.proof_comes.store(proof_comes, Ordering::Relaxed);
        }
        let plain = look("tee/availability", "");
        let told = (ask(&mut streams.0, &plain).await, ask(&mut streams.1, &plain).await);
        assert_eq!((&told.0, told.0.status.as_str()), (&told.1, status), "sold out as a stale node tells it");
    }
    // What is odd is the library's to judge.
    for request in [
        look("cap/availability", ""),
        look("t%65e/availability", ""),
        look("tee/availability?consistency=local", ""),
        look("tee/availability?consistency=linearizable", ""),
        look("tee/availability/", ""),
        look("tee/audit", ""),
        look("tee/availability", "Content-Length: 2\r\n") + "{}",
    ] {
        assert!(matches!(reader.take(request.as_bytes()), Take::Other), "{request}");
        let mut streams = (TcpStream::connect(fast.address).await.unwrap(), TcpStream::connect(slow.address).await.unwrap());
        assert_eq!(ask(&mut streams.0, &request).await, ask(&mut streams.1, &request).await, "{request}");
    }
}

#[tokio::test]
async fn plain_requests_in_order_are_taken_and_no_others() {
    let listener = listen(5, FastOrders::new).await;
    let fast = FastOrders::new(&listener.app);
    let all = requests();
    let is_taken = all.iter().map(|request| match fast.take(request.as_bytes()) {
        Take::Taken(_, end) if end == request.len() => '+',
        Take::Other => '-',
        _ => '?',
    });
    assert_eq!(is_taken.collect::<String>(), "++++++++------+++");
    for end in 0..all[0].len() {
        assert!(matches!(fast.take(&all[0].as_bytes()[..end]), Take::More), "{end}");
    }
    assert_eq!(listener.app.port.reached.load(Ordering::Relaxed), 0, "taking has no effect");
    let long = post("k", "", &format!("{}{}", one("ann"), " ".repeat(HttpLimits::default().max_body_bytes)));
    assert!(matches!(fast.take(long.as_bytes()), Take::Other), "too long a body");
}

#[tokio::test]
async fn a_defect_is_told_and_the_connection_goes_on() {
    let listener = listen(5, FastOrders::new).await;
    let mut stream = TcpStream::connect(listener.address).await.unwrap();
    listener.app.port.is_broken.store(true, Ordering::Relaxed);
    let told = ask(&mut stream, &post("k", "", &one("ann"))).await;
    assert_eq!((told.status.as_str(), &told.body["type"]), ("HTTP/1.1 500 Internal Server Error", &"urn:holdfast:problem:internal".into()));
    listener.app.port.is_broken.store(false, Ordering::Relaxed);
    assert_eq!(ask(&mut stream, &post("k", "", &one("ann"))).await.status, "HTTP/1.1 201 Created");
}
