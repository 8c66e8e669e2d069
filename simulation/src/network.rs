//! The network between hosts: turmoil's, with cuts in one direction or both.
//!
//! A cut holds bytes back until it is healed, as TCP does, which sends them again; a connection that is begun across a cut waits.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use holdfast_raft::PeerListener;
use holdfast_raft::simulated::{Network, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use turmoil::net::{TcpListener, TcpStream};

use crate::limits::{ACCEPTED_AHEAD, API_PORT, PEER_PORT};
use crate::trace;

/// From whom to whom, by the names of hosts.
pub(crate) type Link = (String, String);

#[derive(Default)]
struct Cuts {
    links: BTreeSet<Link>,
    waiting: Vec<Waker>,
}

thread_local! {
    static CUTS: RefCell<Cuts> = RefCell::default();
}

/// Forgets all cuts.
pub(crate) fn begin() {
    CUTS.take();
    holdfast_raft::simulated::begin(Box::new(Hosts));
}

/// Lets nothing pass from one host to another.
pub(crate) fn cut(from: &str, to: &str) {
    trace::tell(format_args!("cut {from} → {to}"));
    CUTS.with_borrow_mut(|cuts| cuts.links.insert((from.to_owned(), to.to_owned())));
}

/// Heals every link for which `heals` says so; what was held back arrives.
pub(crate) fn heal(heals: impl Fn(&Link) -> bool) {
    let waiting = CUTS.with_borrow_mut(|cuts| {
        for healed in cuts.links.extract_if(.., |link| heals(link)) {
            trace::tell(format_args!("healed {} → {}", healed.0, healed.1));
        }
        std::mem::take(&mut cuts.waiting)
    });
    waiting.into_iter().for_each(Waker::wake);
}

/// Whether a link is cut; then `context` is woken at the next healing.
fn poll_link(from: &str, to: &str, context: &Context<'_>) -> Poll<()> {
    CUTS.with_borrow_mut(|cuts| {
        if cuts.links.iter().any(|(cut_from, cut_to)| cut_from == from && cut_to == to) {
            cuts.waiting.push(context.waker().clone());
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
}

async fn passable(from: &str, to: &str) {
    std::future::poll_fn(|context| poll_link(from, to, context)).await;
}

/// A connection as one of its ends has it.
struct Connection {
    stream: TcpStream,
    own: String,
    other: String,
    /// Whether what is sent is told byte for byte.
    tells_bytes: bool,
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if poll_link(&self.other, &self.own, context).is_pending() {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(length)) = &written {
            let hash = if self.tells_bytes { trace::hash_of(&bytes[..*length]) } else { 0 };
            trace::tell(format_args!("{} → {} {length} bytes {hash:x}", self.own, self.other));
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The peer network of all nodes.
struct Hosts;

impl Network for Hosts {
    fn connect(&self, address: &str) -> BoxFuture<'static, io::Result<Stream>> {
        let host = address.split(':').next().unwrap_or_default().to_owned();
        async move { connect(own_name(), host, PEER_PORT).await }.boxed()
    }
}

/// A connection from this host to the API of a node.
pub(crate) async fn connect_api(host: String) -> io::Result<Stream> {
    connect(own_name(), host, API_PORT).await
}

async fn connect(own: String, other: String, port: u16) -> io::Result<Stream> {
    passable(&own, &other).await;
    let connected = TcpStream::connect((other.as_str(), port)).await;
    let stream = connected.inspect_err(|error| trace::tell(format_args!("{own} dials {other}: {error}")))?;
    passable(&other, &own).await;
    Ok(Box::new(Connection { stream, own, other, tells_bytes: port == PEER_PORT }))
}

thread_local! {
    static NAMES: RefCell<std::collections::HashMap<tokio::runtime::Id, String>> = RefCell::default();
}

/// Tells the name of the host that runs now; call it first on each host.
pub(crate) fn name_host(name: &str) {
    NAMES.with_borrow_mut(|names| names.insert(tokio::runtime::Handle::current().id(), name.to_owned()));
}

/// The name of the host that runs now.
pub(crate) fn own_name() -> String {
    let id = tokio::runtime::Handle::try_current().map(|handle| handle.id());
    id.ok().and_then(|id| NAMES.with_borrow(|names| names.get(&id).cloned())).unwrap_or_default()
}

/// Accepts peers.
pub(crate) async fn listen_peers() -> io::Result<PeerListener> {
    Ok(listen(PEER_PORT).await?.into())
}

/// Accepts connections on a port of this host.
pub(crate) async fn listen(port: u16) -> io::Result<mpsc::Receiver<Stream>> {
    let listener = TcpListener::bind(("0.0.0.0", port)).await?;
    let (accepted, streams) = mpsc::channel(ACCEPTED_AHEAD);
    let own = own_name();
    tokio::spawn(async move {
        while let Ok((stream, from)) = listener.accept().await {
            let other = turmoil::reverse_lookup(from.ip()).unwrap_or_default();
            let connection = Connection { stream, own: own.clone(), other, tells_bytes: port == PEER_PORT };
            let stream: Stream = Box::new(connection);
            if accepted.send(stream).await.is_err() {
                return;
            }
        }
    });
    Ok(streams)
}
