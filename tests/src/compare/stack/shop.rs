//! The service before Redis: the same requests and answers as the product's.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Result, bail};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;

use super::replies::Reply;
use super::resp::Resp;
use crate::compare::bare::{JSON, Order, held};

/// What an order is, in Redis.
const SCRIPT: &str = include_str!("../../../bench/order.redis.lua");

/// Units that a buyer may have: a limit is looked at, and never reached.
const LIMIT: &str = "1000000";

#[derive(Debug)]
struct Shop {
    redis: Resp,
    script: String,
}

/// Serves at `address` before the Redis at `redis`, on two workers, until the process is ended.
pub fn serve(address: &str, redis: SocketAddr) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let redis = Resp::connect(redis).await?;
        let script = match redis.ask(&[b"SCRIPT", b"LOAD", SCRIPT.as_bytes()]).await? {
            Reply::Text(hash) => hash,
            other => bail!("the script is not taken: {other:?}"),
        };
        let routes = Router::new().route("/v1/orders", post(order)).with_state(Arc::new(Shop { redis, script }));
        Ok(axum::serve(tokio::net::TcpListener::bind(address).await?, routes).await?)
    })
}

async fn order(State(shop): State<Arc<Shop>>, headers: HeaderMap, body: Bytes) -> Response {
    let (Ok(order), Some(key)) = (serde_json::from_slice::<Order<'_>>(&body), headers.get("idempotency-key")) else {
        return (StatusCode::BAD_REQUEST, [JSON], String::new()).into_response();
    };
    match shop.sell(&order, key.as_bytes(), &body).await {
        Ok(Reply::Number(number @ 1..)) => held(&order, &format!("{number:026}")).into_response(),
        Ok(Reply::Number(_)) => (StatusCode::CONFLICT, [JSON], String::new()).into_response(),
        other => (StatusCode::SERVICE_UNAVAILABLE, format!("{other:?}")).into_response(),
    }
}

impl Shop {
    async fn sell(&self, order: &Order<'_>, key: &[u8], record: &[u8]) -> Result<Reply> {
        let line = &order.lines[0];
        let known = [&b"key:"[..], order.buyer.as_bytes(), b":", key].concat();
        let (stock, counts) = (format!("stock:{}", line.sku), format!("counts:{}", line.sku));
        let quantity = line.quantity.to_string();
        let keys: [&[u8]; 4] = [&known, stock.as_bytes(), counts.as_bytes(), b"number"];
        let values: [&[u8]; 4] = [quantity.as_bytes(), order.buyer.as_bytes(), LIMIT.as_bytes(), record];
        let begin: [&[u8]; 3] = [b"EVALSHA", self.script.as_bytes(), b"4"];
        self.redis.ask(&[&begin[..], &keys, &values].concat()).await
    }
}
