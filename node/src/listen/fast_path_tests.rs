//! A real listener whose fast path knows two words, and clients that behave well and badly.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{FastPath, ListenConfig, Take, bind, serve};
use crate::config::HttpSection;

const SOON: Duration = Duration::from_secs(10);

/// Takes `ask:<word>;` and answers `<word>;`, in capitals if it is the last; `big` is answered with ten megabytes, `wait`
/// when the gate opens.
#[derive(Clone)]
struct Words {
    gate: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl FastPath for Words {
    type Asked = String;
    type Answer = String;

    fn take(&self, bytes: &[u8]) -> Take<String> {
        let begins = bytes.len().min(4);
        if bytes[..begins] != b"ask:"[..begins] {
            return Take::Other;
        }
        match bytes.iter().position(|&byte| byte == b';') {
            None => Take::More,
            Some(end) => Take::Taken(String::from_utf8(bytes[4..end].to_vec()).unwrap(), end + 1),
        }
    }

    async fn answer(&self, asked: String) -> String {
        if asked == "wait" {
            self.waiting.add_permits(1);
            self.gate.acquire().await.unwrap().forget();
        }
        if asked == "big" { "x".repeat(10 << 20) } else { asked }
    }

    fn write(&self, answer: String, last: bool, out: &mut Vec<u8>) {
        let answer = if last { answer.to_uppercase() } else { answer };
        out.extend_from_slice(answer.as_bytes());
        out.push(b';');
    }
}

struct Server {
    address: SocketAddr,
    words: Words,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

async fn start(config: ListenConfig) -> Server {
    let listener = bind("api", "127.0.0.1:0", None).await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let words = Words { gate: Arc::new(Semaphore::new(0)), waiting: Arc::new(Semaphore::new(0)) };
    let router = Router::new().route("/echo", post(async |body: Bytes| body));
    let task = tokio::spawn(serve(listener, router, words.clone(), config, shutdown.clone()));
    Server { address, words, shutdown, task }
}

fn bounds() -> ListenConfig {
    ListenConfig::api(&HttpSection::default())
}

async fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

async fn say(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

async fn hear(stream: &mut TcpStream, expected: &str) {
    let mut heard = vec![0; expected.len()];
    timeout(SOON, stream.read_exact(&mut heard)).await.expect("an answer in time").unwrap();
    assert_eq!(std::str::from_utf8(&heard).unwrap(), expected);
}

/// Everything until the server closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut heard = Vec::new();
    // A reset is a close too: what was heard before it is what counts.
    let _ended = timeout(SOON, stream.read_to_end(&mut heard)).await.expect("the server closes the connection");
    String::from_utf8(heard).unwrap()
}

const ECHO: &str = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";

#[tokio::test]
async fn requests_are_answered_one_after_the_other_however_they_arrive() {
    let server = start(bounds()).await;
    let mut client = connect(&server).await;
    say(&mut client, "ask:one;").await;
    hear(&mut client, "one;").await;
    say(&mut client, "ask:two;ask:three;ask:f").await;
    hear(&mut client, "two;three;").await;
    for byte in "our;".chars() {
        say(&mut client, &byte.to_string()).await;
    }
    hear(&mut client, "four;").await;
}

#[tokio::test]
async fn what_is_not_for_the_fast_path_is_handed_over_with_every_byte_of_it() {
    let server = start(bounds()).await;
    let mut at_once = connect(&server).await;
    say(&mut at_once, ECHO).await;
    assert!(rest(&mut at_once).await.ends_with("\r\n\r\nhello"));
    let mut later = connect(&server).await;
    say(&mut later, &format!("ask:one;{ECHO}")).await;
    hear(&mut later, "one;").await;
    assert!(rest(&mut later).await.ends_with("\r\n\r\nhello"));
    let mut in_pieces = connect(&server).await;
    for piece in ["P", "OST /echo HT", &ECHO[13..]] {
        say(&mut in_pieces, piece).await;
    }
    assert!(rest(&mut in_pieces).await.ends_with("\r\n\r\nhello"));
}

#[tokio::test]
async fn a_request_that_does_not_become_whole_is_the_librarys_to_refuse() {
    let server = start(ListenConfig { header_timeout: Duration::from_millis(50), ..bounds() }).await;
    let mut dawdles = connect(&server).await;
    say(&mut dawdles, "ask:").await;
    assert!(rest(&mut dawdles).await.starts_with("HTTP/1.1 400 "));
    let mut half_closed = connect(&server).await;
    say(&mut half_closed, "ask:on").await;
    half_closed.shutdown().await.unwrap();
    assert!(rest(&mut half_closed).await.starts_with("HTTP/1.1 400 "));
    let mut too_long = connect(&server).await;
    say(&mut too_long, &format!("ask:{}", "x".repeat(crate::limits::FAST_PATH_BYTES))).await;
    assert!(rest(&mut too_long).await.starts_with("HTTP/1.1 400 "));
}

#[tokio::test]
async fn a_connection_that_never_speaks_is_closed() {
    let server = start(ListenConfig { header_timeout: Duration::from_millis(50), ..bounds() }).await;
    assert_eq!(rest(&mut connect(&server).await).await, "");
}

#[tokio::test]
async fn a_kept_connection_has_the_idle_time() {
    let times = ListenConfig { header_timeout: Duration::from_millis(40), idle_timeout: Duration::from_millis(400), ..bounds() };
    let server = start(times).await;
    let mut client = connect(&server).await;
    for _ in 0..3 {
        say(&mut client, "ask:one;").await;
        hear(&mut client, "one;").await;
        // Longer than the first byte may take, to show that waiting between requests is another thing.
        tokio::time::sleep(Duration::from_millis(120)).await;
    }
    assert_eq!(rest(&mut client).await, "", "and then the idle time ends it");
}

#[tokio::test]
async fn a_long_answer_outlives_the_idle_time_and_does_not_end_the_connection() {
    let times = ListenConfig { idle_timeout: Duration::from_millis(40), header_timeout: Duration::from_millis(40), ..bounds() };
    let server = start(times).await;
    let mut client = connect(&server).await;
    say(&mut client, "ask:wait;").await;
    server.words.waiting.acquire().await.unwrap().forget();
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.words.gate.add_permits(1);
    hear(&mut client, "wait;").await;
    assert_eq!(rest(&mut client).await, "", "and then the idle time ends it");
}

#[tokio::test]
async fn an_answer_that_the_kernel_does_not_take_at_once_arrives_whole() {
    let server = start(bounds()).await;
    let mut client = connect(&server).await;
    say(&mut client, "ask:big;ask:one;").await;
    let mut heard = vec![0; 10 << 20];
    timeout(SOON, client.read_exact(&mut heard)).await.unwrap().unwrap();
    assert!(heard.iter().all(|&byte| byte == b'x'));
    hear(&mut client, ";one;").await;
}

#[tokio::test]
async fn a_stop_finishes_the_request_in_progress_and_says_that_it_is_the_last() {
    let server = start(bounds()).await;
    let (mut client, mut idle) = (connect(&server).await, connect(&server).await);
    say(&mut idle, "ask:one;").await;
    hear(&mut idle, "one;").await;
    say(&mut client, "ask:wait;").await;
    server.words.waiting.acquire().await.unwrap().forget();
    server.shutdown.cancel();
    assert_eq!(rest(&mut idle).await, "", "an idle connection is closed at once");
    server.words.gate.add_permits(1);
    assert_eq!(rest(&mut client).await, "WAIT;");
    timeout(SOON, server.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stop_takes_no_answer_back_from_a_client_that_sent_far_ahead() {
    let server = start(bounds()).await;
    let mut client = connect(&server).await;
    // More than the fast path reads at once: the rest is still the kernel's when the connection closes.
    say(&mut client, &format!("ask:wait;{}", "ask:one;".repeat(3 * crate::limits::FAST_PATH_BYTES / 8))).await;
    server.words.waiting.acquire().await.unwrap().forget();
    server.shutdown.cancel();
    server.words.gate.add_permits(1);
    let mut heard = String::new();
    timeout(SOON, client.read_to_string(&mut heard)).await.unwrap().expect("the end of the answers and no reset");
    assert_eq!(heard, "WAIT;");
}

#[tokio::test]
async fn the_time_of_a_head_that_is_handed_over_is_not_given_twice() {
    let times = ListenConfig { header_timeout: Duration::from_millis(800), ..bounds() };
    let server = start(times).await;
    let mut client = connect(&server).await;
    let began = std::time::Instant::now();
    // The beginning of a word, and of a method that nobody has heard of.
    say(&mut client, "a").await;
    rest(&mut client).await;
    let took = began.elapsed();
    assert!((Duration::from_millis(700)..Duration::from_millis(1_500)).contains(&took), "{took:?}, and twice the time is 1.6 s");
}

#[tokio::test]
async fn a_stop_cuts_what_does_not_finish() {
    let server = start(ListenConfig { drain_timeout: Duration::from_millis(50), ..bounds() }).await;
    let mut client = connect(&server).await;
    say(&mut client, "ask:wait;").await;
    server.words.waiting.acquire().await.unwrap().forget();
    server.shutdown.cancel();
    timeout(SOON, server.task).await.unwrap().unwrap();
    assert_eq!(rest(&mut client).await, "");
}
