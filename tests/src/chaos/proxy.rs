//! A TCP proxy for one directed link, and the weather on it.
//!
//! The connections that node *a* makes to node *b* go through the proxy *a → b*. Bytes from *a* to *b* meet the weather
//! *a → b*, those that come back the weather *b → a*: a one-way cut holds up both what *a* sends on its own connections
//! and what it answers on those of *b*.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

/// Bytes that are read at once.
const PIECE_BYTES: usize = 16 << 10;

/// Pieces on their way in one direction of a connection; more are left to TCP's own windows.
const PIECES_UNDER_WAY: usize = 256;

/// How long a piece waits for the next one to go first.
const NEXT_WITHIN: Duration = Duration::from_millis(100);

/// What happens to bytes in one direction. Chances are per mille of the pieces that pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    /// Nothing arrives until it is over; then everything does.
    pub is_cut: bool,
    /// Every byte arrives so much later.
    pub delay: Duration,
    /// And up to so much more, in order.
    pub jitter: Duration,
    /// At most so many bytes in a second.
    pub bytes_per_second: Option<u64>,
    /// A piece arrives by half, and the connection breaks.
    pub reset: u32,
    /// The connection is dropped on the far side and stays open, silent, on the near one until the weather changes.
    pub half_open: u32,
    /// One bit of a piece is flipped.
    pub flip: u32,
    /// A piece arrives twice, or the first one of the connection arrives again.
    pub repeat: u32,
    /// A piece arrives behind the next one, if that comes soon.
    pub reorder: u32,
}

/// Nothing happens.
pub const FAIR: Weather = Weather {
    is_cut: false,
    delay: Duration::ZERO,
    jitter: Duration::ZERO,
    bytes_per_second: None,
    reset: 0,
    half_open: 0,
    flip: 0,
    repeat: 0,
    reorder: 0,
};

/// How often a direction's weather touched something.
#[derive(Debug, Default)]
pub struct Touched {
    held: AtomicU64,
    delayed: AtomicU64,
    broken: AtomicU64,
    changed: AtomicU64,
}

impl Touched {
    /// Pieces held up, delayed, broken off and changed, since the beginning.
    pub fn counts(&self) -> [u64; 4] {
        [&self.held, &self.delayed, &self.broken, &self.changed].map(|count| count.load(Ordering::Relaxed))
    }
}

/// One direction between two nodes.
#[derive(Debug, Default)]
pub struct Direction {
    weather: watch::Sender<Weather>,
    touched: Touched,
}

impl Direction {
    /// From now on.
    pub fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }

    /// What it did so far.
    pub fn touched(&self) -> &Touched {
        &self.touched
    }
}

/// A proxy. Dropped: its connections break.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    accepting: AbortHandle,
}

impl Proxy {
    /// Listens on a free port and passes everything on to `target`, through the weather of `there` and of `back`.
    pub async fn start(target: SocketAddr, there: Arc<Direction>, back: Arc<Direction>) -> Result<Proxy> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(accept(listener, target, there, back)).abort_handle();
        Ok(Proxy { address, accepting })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, there: Arc<Direction>, back: Arc<Direction>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((near, _)) = listener.accept() => {
                connections.spawn(connect(near, target, Arc::clone(&there), Arc::clone(&back)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Why a connection ends.
enum End {
    Closed,
    Broken,
    HalfOpen,
}

impl From<std::io::Error> for End {
    fn from(_: std::io::Error) -> End {
        End::Closed
    }
}

async fn connect(mut near: TcpStream, target: SocketAddr, there: Arc<Direction>, back: Arc<Direction>) {
    let Ok(mut far) = TcpStream::connect(target).await else { return };
    if near.set_nodelay(true).and(far.set_nodelay(true)).is_err() {
        return;
    }
    let ended = {
        let ((near_in, near_out), (far_in, far_out)) = (near.split(), far.split());
        tokio::try_join!(pass(near_in, far_out, &there), pass(far_in, near_out, &back))
    };
    drop(far);
    if let Err(End::HalfOpen) = ended {
        let mut changed = there.weather.subscribe();
        // Ends when the proxy does, at the latest.
        drop(changed.wait_for(|weather| weather.half_open == 0).await);
    }
}

/// Bytes of one direction until the sender is done, through its weather.
async fn pass(from: ReadHalf<'_>, to: WriteHalf<'_>, direction: &Direction) -> Result<(), End> {
    let (sender, receiver) = mpsc::channel(PIECES_UNDER_WAY);
    tokio::try_join!(take(from, sender, direction), give(receiver, to, direction)).map(drop)
}

/// A piece and when it arrives.
type Piece = (Instant, Vec<u8>);

async fn take(mut from: ReadHalf<'_>, pieces: mpsc::Sender<Piece>, direction: &Direction) -> Result<(), End> {
    let mut buffer = vec![0; PIECE_BYTES];
    let mut due = Instant::now();
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        let weather = *direction.weather.borrow();
        if weather.delay + weather.jitter > Duration::ZERO || weather.bytes_per_second.is_some() {
            direction.touched.delayed.fetch_add(1, Ordering::Relaxed);
        }
        let sending = weather.bytes_per_second.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(read as f64 / rate as f64));
        due = due.max(Instant::now() + weather.delay + weather.jitter.mul_f64(rand::random())) + sending;
        if pieces.send((due, buffer[..read].to_vec())).await.is_err() {
            return Err(End::Closed);
        }
    }
}

async fn give(mut pieces: mpsc::Receiver<Piece>, mut to: WriteHalf<'_>, direction: &Direction) -> Result<(), End> {
    let mut weather = direction.weather.subscribe();
    let mut first: Option<Vec<u8>> = None;
    while let Some((due, mut piece)) = pieces.recv().await {
        tokio::time::sleep_until(due).await;
        if weather.borrow().is_cut {
            direction.touched.held.fetch_add(1, Ordering::Relaxed);
            weather.wait_for(|weather| !weather.is_cut).await.map_err(|_| End::Closed)?;
        }
        let now = *weather.borrow();
        if chance(now.reset) {
            direction.touched.broken.fetch_add(1, Ordering::Relaxed);
            to.write_all(&piece[..piece.len() / 2]).await?;
            return Err(End::Broken);
        }
        if chance(now.half_open) {
            direction.touched.broken.fetch_add(1, Ordering::Relaxed);
            return Err(End::HalfOpen);
        }
        if chance(now.flip) {
            direction.touched.changed.fetch_add(1, Ordering::Relaxed);
            let at = rand::random_range(0..piece.len());
            piece[at] ^= 1 << rand::random_range(0..8);
        }
        if chance(now.reorder)
            && let Ok(Some((_, next))) = tokio::time::timeout(NEXT_WITHIN, pieces.recv()).await
        {
            direction.touched.changed.fetch_add(1, Ordering::Relaxed);
            to.write_all(&next).await?;
        }
        to.write_all(&piece).await?;
        if chance(now.repeat) {
            direction.touched.changed.fetch_add(1, Ordering::Relaxed);
            let again = if rand::random() { &piece } else { first.as_ref().unwrap_or(&piece) };
            to.write_all(again).await?;
        }
        first.get_or_insert(piece);
    }
    Ok(to.shutdown().await?)
}

fn chance(per_mille: u32) -> bool {
    per_mille > 0 && rand::random_range(0..1_000) < per_mille
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A proxy to a server that sends back what it gets, and a client's connection through it.
    async fn echo() -> (Proxy, TcpStream, Arc<Direction>, Arc<Direction>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        let (there, back) = (Arc::new(Direction::default()), Arc::new(Direction::default()));
        let proxy = Proxy::start(target, Arc::clone(&there), Arc::clone(&back)).await.unwrap();
        let client = TcpStream::connect(proxy.address()).await.unwrap();
        (proxy, client, there, back)
    }

    /// Sends one byte and waits for what comes back.
    async fn said(client: &mut TcpStream, byte: u8) -> std::io::Result<u8> {
        client.write_all(&[byte]).await?;
        client.read_u8().await
    }

    #[tokio::test]
    async fn bytes_pass_and_a_cut_holds_them_until_it_is_over() {
        let (_proxy, mut client, there, _back) = echo().await;
        assert_eq!(said(&mut client, 7).await.unwrap(), 7);
        there.set(Weather { is_cut: true, ..Weather::default() });
        let held = tokio::time::timeout(Duration::from_millis(100), said(&mut client, 8)).await;
        assert!(held.is_err());
        assert_eq!(there.touched().counts(), [1, 0, 0, 0]);
        there.set(Weather::default());
        assert_eq!(client.read_u8().await.unwrap(), 8);
    }

    #[tokio::test]
    async fn a_flipped_bit_a_repeated_piece_and_a_delay_arrive() {
        let (_proxy, mut client, there, back) = echo().await;
        there.set(Weather { flip: 1_000, ..Weather::default() });
        assert_eq!(said(&mut client, 0).await.unwrap().count_ones(), 1);
        there.set(Weather { repeat: 1_000, ..Weather::default() });
        back.set(Weather { delay: Duration::from_millis(60), ..Weather::default() });
        let began = Instant::now();
        assert_eq!(said(&mut client, 5).await.unwrap(), 5);
        assert!(began.elapsed() >= Duration::from_millis(60));
        client.read_u8().await.unwrap();
        assert_eq!(there.touched().counts(), [0, 0, 0, 2]);
        assert!(back.touched().counts()[1] > 0);
    }

    #[tokio::test]
    async fn a_piece_arrives_behind_the_next_one() {
        let (_proxy, mut client, there, _back) = echo().await;
        there.set(Weather { is_cut: true, ..FAIR });
        client.write_all(&[1]).await.unwrap();
        while there.touched().counts() != [1, 0, 0, 0] {
            tokio::task::yield_now().await;
        }
        client.write_all(&[2]).await.unwrap();
        there.set(Weather { reorder: 1_000, ..FAIR });
        assert_eq!((client.read_u8().await.unwrap(), client.read_u8().await.unwrap()), (2, 1));
        assert_eq!(there.touched().counts(), [1, 0, 0, 1]);
    }

    #[tokio::test]
    async fn a_reset_breaks_and_a_half_open_connection_stays_silent() {
        let (proxy, mut client, there, _back) = echo().await;
        assert_eq!(said(&mut client, 1).await.unwrap(), 1);
        there.set(Weather { reset: 1_000, ..Weather::default() });
        assert!(said(&mut client, 2).await.is_err());
        there.set(Weather { half_open: 1_000, ..Weather::default() });
        let mut client = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(100), said(&mut client, 3)).await.is_err());
        there.set(Weather::default());
        assert!(client.read_u8().await.is_err(), "it closes when the weather is over");
        assert_eq!(there.touched().counts(), [0, 0, 2, 0]);
    }
}
