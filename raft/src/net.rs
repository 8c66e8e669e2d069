//! The sockets of peers: TCP, or in a simulation what the simulation connects.

#[cfg(feature = "simulation")]
pub use crate::simulated::PeerListener;
#[cfg(feature = "simulation")]
pub(crate) use crate::simulated::{Listener, Stream, connect, tune};

#[cfg(not(feature = "simulation"))]
pub use tcp::PeerListener;
#[cfg(not(feature = "simulation"))]
pub(crate) use tcp::{Listener, Stream, connect, tune};

#[cfg(not(feature = "simulation"))]
mod tcp {
    use std::io;
    use std::time::Duration;

    use socket2::{SockRef, TcpKeepalive};
    pub(crate) use tokio::net::{TcpListener as Listener, TcpStream as Stream};

    use crate::limits;

    /// Where peers connect to, bound already.
    #[derive(Debug)]
    pub struct PeerListener(std::net::TcpListener);

    impl From<std::net::TcpListener> for PeerListener {
        fn from(bound: std::net::TcpListener) -> Self {
            Self(bound)
        }
    }

    impl PeerListener {
        /// A handle of it for a task.
        pub(crate) fn listen(&self) -> io::Result<Listener> {
            let own = self.0.try_clone()?;
            own.set_nonblocking(true)?;
            Listener::from_std(own)
        }
    }

    pub(crate) async fn connect(address: &str) -> io::Result<Stream> {
        Stream::connect(address).await
    }

    /// Sends small frames at once, and notices a peer that is gone without a word.
    pub(crate) fn tune(stream: &Stream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let idle = Duration::from_millis(limits::TCP_DEAD_MS);
        SockRef::from(stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(idle).with_interval(idle / 4))
    }
}
