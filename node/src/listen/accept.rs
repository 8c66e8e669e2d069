//! The loop that takes connections, and the end of it.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use axum::body::Body;
use http::{Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_service::Service;

use super::fast_path::FastPath;
use super::signal::Signal;
use super::{ListenConfig, connection, refusal};
use crate::limits::ACCEPT_PAUSE;

/// Serves `router`, and before it `fast`, on `listener` until `shutdown` is cancelled, then finishes the requests in progress.
///
/// `router` is an `axum::Router`, or any service in front of one; it is cloned for each request. A connection over
/// `config.max_connections` is taken, told `503 overloaded` and closed: left in the kernel's queue it would only learn by its
/// own timeout. Returns when the last connection has ended or `config.drain_timeout` has passed, whichever is first; what is
/// left then is cut off.
pub async fn serve<S, F>(listener: TcpListener, router: S, fast: F, config: ListenConfig, shutdown: CancellationToken)
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    F: FastPath,
{
    let door = Door {
        connections: Arc::new(Semaphore::new(config.max_connections)),
        refusals: Arc::new(Semaphore::new(config.max_refusals)),
        tasks: TaskTracker::new(),
        finish: Signal::default(),
        cut: Signal::default(),
        shutdown,
        config: Arc::new(config),
    };
    loop {
        let accepted = tokio::select! {
            biased;
            () = door.shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => door.admit(stream, &router, &fast),
            Err(error) => pause_after(&error).await,
        }
    }
    // Closed before the drain, so that the load balancer's next connection is refused at once and goes elsewhere.
    drop(listener);
    door.drain().await;
}

/// What the accept loop hands to connections, and waits for at its end.
struct Door {
    connections: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    tasks: TaskTracker,
    finish: Signal,
    cut: Signal,
    shutdown: CancellationToken,
    config: Arc<ListenConfig>,
}

impl Door {
    fn admit<S, F>(&self, stream: TcpStream, router: &S, fast: &F)
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send,
        F: FastPath,
    {
        if let Ok(place) = Arc::clone(&self.connections).try_acquire_owned() {
            let (config, router, fast) = (Arc::clone(&self.config), router.clone(), fast.clone());
            let (finish, cut) = (self.finish.listener(), self.cut.listener());
            self.tasks.spawn(async move {
                connection::run(stream, router, fast, config, finish, cut).await;
                drop(place);
            });
        } else if let Ok(place) = Arc::clone(&self.refusals).try_acquire_owned() {
            self.tasks.spawn(async move {
                refusal::tell(stream).await;
                drop(place);
            });
        }
    }

    async fn drain(self) {
        self.finish.give();
        self.tasks.close();
        if tokio::time::timeout(self.config.drain_timeout, self.tasks.wait()).await.is_err() {
            tracing::warn!(connections = self.tasks.len(), "cut off what was not finished within the drain timeout");
            self.cut.give();
            self.tasks.wait().await;
        }
    }
}

/// Too many open files and the like pass; without the pause the loop would spin until they do.
async fn pause_after(error: &io::Error) {
    if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        tracing::warn!(%error, "a connection could not be accepted");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}
