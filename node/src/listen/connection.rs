//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use axum::body::Body;
use http::{Request, Response};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::net::TcpStream;
use tower_service::Service;

use super::fast_path::{self, FastPath, Left};
use super::phase::Phase;
use super::signal::Heard;
use super::stream::TimedStream;
use super::{ListenConfig, body};

/// Serves one connection until it closes. `finish` lets it finish the request in progress, `cut` does not.
pub(super) async fn run<S, F>(mut stream: TcpStream, router: S, fast: F, config: Arc<ListenConfig>, mut finish: Heard, mut cut: Heard)
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    F: FastPath,
{
    if let Err(error) = prepare(&stream, &config) {
        tracing::debug!(%error, "a connection closed before it began");
        return;
    }
    let left = tokio::select! {
        biased;
        left = fast_path::run(&mut stream, &fast, &config, &mut finish) => left,
        () = cut.wait() => return,
    };
    if let Left::HandOver(first, begun) = left {
        // On the heap: its state is many times what the fast path needs.
        let stream = |phase| TimedStream::new(stream, (first, begun), phase, &config);
        Box::pin(serve(stream, router, Arc::clone(&config), finish, cut)).await;
    }
}

/// The HTTP library's part: everything that is not the fast path's.
async fn serve<S>(stream: impl FnOnce(Phase) -> TimedStream, router: S, config: Arc<ListenConfig>, mut finish: Heard, mut cut: Heard)
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let phase = Phase::new();
    let io = TokioIo::new(stream(phase.clone()));
    let max_head_bytes = config.max_head_bytes;
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        phase.request_began();
        let (mut router, phase) = (router.clone(), phase.clone());
        let request = request.map(|incoming| body::bounded(incoming, &config));
        async move {
            poll_fn(|cx| router.poll_ready(cx)).await?;
            let response = router.call(request).await?;
            Ok::<_, Infallible>(response.map(|answer| body::announced(answer, phase)))
        }
    });
    // The number of headers stays at the library's 100: setting another makes it allocate for each request.
    let connection = http1::Builder::new().header_read_timeout(None).max_buf_size(max_head_bytes).serve_connection(io, service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = finish.wait() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                biased;
                ended = connection.as_mut() => ended,
                () = cut.wait() => Ok(()),
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

fn prepare(stream: &TcpStream, config: &ListenConfig) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    // The kernel closes a connection whose client takes nothing: no request of ours need watch its writes.
    SockRef::from(stream).set_tcp_user_timeout(Some(config.write_timeout))
}
