//! Network and runtime of a simulation on one thread. In no build of the product.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
pub(crate) use holdfast_storage::simulated::random;
use openraft::AsyncRuntime;
use openraft::OptionalSend;
use openraft_rt_tokio::TokioRuntime;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Mutex, mpsc};

/// A connection.
pub trait Socket: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Socket for T {}

/// A connection of any kind.
pub type Stream = Box<dyn Socket>;

/// Connects the nodes of a simulation.
pub trait Network {
    /// A connection from the node that runs now to whoever listens at `address`.
    fn connect(&self, address: &str) -> BoxFuture<'static, io::Result<Stream>>;
}

thread_local! {
    static NETWORK: RefCell<Option<Box<dyn Network>>> = const { RefCell::new(None) };
}

/// Gives this thread its network.
pub fn begin(network: Box<dyn Network>) {
    NETWORK.set(Some(network));
}

pub(crate) async fn connect(address: &str) -> io::Result<Stream> {
    let connecting = NETWORK.with_borrow(|network| network.as_ref().map(|network| network.connect(address)));
    connecting.ok_or(io::ErrorKind::NetworkUnreachable)?.await
}

/// There is nothing to tune.
#[allow(clippy::unnecessary_wraps, reason = "the signature of the other one")]
pub(crate) fn tune(_: &Stream) -> io::Result<()> {
    Ok(())
}

/// Where peers connect to: what is sent into it is accepted.
#[derive(Clone)]
pub struct PeerListener(Listener);

/// A handle of it.
pub(crate) type Listener = Arc<Accepting>;

/// Accepts what the simulation connected.
pub struct Accepting(Mutex<mpsc::Receiver<Stream>>);

impl fmt::Debug for PeerListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PeerListener")
    }
}

impl From<mpsc::Receiver<Stream>> for PeerListener {
    fn from(streams: mpsc::Receiver<Stream>) -> Self {
        Self(Arc::new(Accepting(Mutex::new(streams))))
    }
}

impl From<std::net::TcpListener> for PeerListener {
    /// A real socket is of no use here: nobody ever connects.
    fn from(_: std::net::TcpListener) -> Self {
        mpsc::channel(1).1.into()
    }
}

impl PeerListener {
    #[allow(clippy::unnecessary_wraps, reason = "the signature of the other one")]
    pub(crate) fn listen(&self) -> io::Result<Listener> {
        Ok(Arc::clone(&self.0))
    }
}

impl Accepting {
    /// The next connection; waits for ever once the simulation gives no more.
    pub(crate) async fn accept(&self) -> io::Result<(Stream, ())> {
        match self.0.lock().await.recv().await {
            Some(stream) => Ok((stream, ())),
            None => std::future::pending().await,
        }
    }
}

/// Tokio, with the chance of the simulation.
#[derive(Debug)]
pub(crate) struct Runtime(TokioRuntime);

impl AsyncRuntime for Runtime {
    type JoinError = <TokioRuntime as AsyncRuntime>::JoinError;
    type JoinHandle<T: OptionalSend + 'static> = <TokioRuntime as AsyncRuntime>::JoinHandle<T>;
    type Sleep = <TokioRuntime as AsyncRuntime>::Sleep;
    type Instant = <TokioRuntime as AsyncRuntime>::Instant;
    type TimeoutError = <TokioRuntime as AsyncRuntime>::TimeoutError;
    type Timeout<R, T: Future<Output = R> + OptionalSend> = <TokioRuntime as AsyncRuntime>::Timeout<R, T>;
    type ThreadLocalRng = SmallRng;
    type Mpsc = <TokioRuntime as AsyncRuntime>::Mpsc;
    type Watch = <TokioRuntime as AsyncRuntime>::Watch;
    type Oneshot = <TokioRuntime as AsyncRuntime>::Oneshot;
    type Mutex<T: OptionalSend + 'static> = <TokioRuntime as AsyncRuntime>::Mutex<T>;

    fn spawn<T>(future: T) -> Self::JoinHandle<T::Output>
    where
        T: Future + OptionalSend + 'static,
        T::Output: OptionalSend + 'static,
    {
        TokioRuntime::spawn(future)
    }

    fn sleep(duration: Duration) -> Self::Sleep {
        TokioRuntime::sleep(duration)
    }

    fn sleep_until(deadline: Self::Instant) -> Self::Sleep {
        TokioRuntime::sleep_until(deadline)
    }

    fn timeout<R, F: Future<Output = R> + OptionalSend>(duration: Duration, future: F) -> Self::Timeout<R, F> {
        TokioRuntime::timeout(duration, future)
    }

    fn timeout_at<R, F: Future<Output = R> + OptionalSend>(deadline: Self::Instant, future: F) -> Self::Timeout<R, F> {
        TokioRuntime::timeout_at(deadline, future)
    }

    fn is_panic(join_error: &Self::JoinError) -> bool {
        TokioRuntime::is_panic(join_error)
    }

    fn thread_rng() -> SmallRng {
        SmallRng::seed_from_u64(random())
    }

    fn new(threads: usize) -> Self {
        Self(TokioRuntime::new(threads))
    }

    fn block_on<F, T>(&mut self, future: F) -> T
    where
        F: Future<Output = T>,
    {
        self.0.block_on(future)
    }
}
