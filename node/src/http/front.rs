//! The way in: orders go straight to their handler, everything else through the router.
//!
//! The router's own work (matching, its layers' boxed futures, the path it remembers) is a measurable part of an order.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use futures_util::FutureExt;
use holdfast_api::paths;
use http::{Method, Request};
use tower_service::Service;

use super::head;
use super::orders::create;
use super::port::Port;
use super::{App, admin_router, api_router};

/// What a listener serves.
pub struct Front<P> {
    app: Arc<App<P>>,
    router: Router,
}

impl<P> Clone for Front<P> {
    fn clone(&self) -> Self {
        Self { app: Arc::clone(&self.app), router: self.router.clone() }
    }
}

impl<P: Port> Front<P> {
    /// What buyers and shops may call.
    pub fn api(app: &Arc<App<P>>) -> Self {
        Self { app: Arc::clone(app), router: api_router(Arc::clone(app)) }
    }

    /// What operators may call.
    pub fn admin(app: &Arc<App<P>>) -> Self {
        Self { app: Arc::clone(app), router: admin_router(Arc::clone(app)) }
    }
}

impl<P: Port> Service<Request<Body>> for Front<P> {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // The router is always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let app = Arc::clone(&self.app);
        if let Err(reply) = head::check(&request) {
            return Box::pin(async move { Ok(app.respond(Err(reply))) });
        }
        if request.method() == Method::POST && request.uri().path() == paths::ORDERS {
            return Box::pin(async move { Ok(app.guarded(create::serve(&app, request)).await) });
        }
        let answer = self.router.call(request);
        Box::pin(async move { Ok(app.guarded(answer.map(|Ok(answer)| answer)).await) })
    }
}
