//! Three nodes of the product, with the settings it has by default.

use std::net::SocketAddr;

use anyhow::Result;
use serde_json::json;

use super::System;
use crate::cluster::Cluster;
use crate::http::Call;
use crate::operator;
use crate::options::ClusterOptions;
use crate::turn::Turn;

const SKU: &str = "failover";
const STOCK: u64 = 1_000_000_000;

/// Three nodes of the product.
#[derive(Debug)]
pub struct Holdfast {
    cluster: Cluster,
}

impl Holdfast {
    /// Starts them from `program` and opens a sale.
    pub async fn start(turn: &Turn, program: &str) -> Result<Holdfast> {
        let cluster = Cluster::start(turn, ClusterOptions::new(program)).await?;
        operator::create_sku(cluster.admin(1), SKU, STOCK).await?;
        Ok(Holdfast { cluster })
    }
}

impl System for Holdfast {
    fn name(&self) -> String {
        "Holdfast, orders".into()
    }

    fn nodes(&self) -> Vec<SocketAddr> {
        self.cluster.ids().into_iter().map(|id| self.cluster.api(id)).collect()
    }

    fn write(number: u64) -> Call {
        let body = json!({ "buyer": format!("b{number}"), "lines": [{ "sku": SKU, "quantity": 1 }] });
        Call::post("/v1/orders", &body).header("idempotency-key", format!("k{number}"))
    }

    async fn leader(&self) -> Result<usize> {
        Ok(usize::try_from(self.cluster.leader().await?)? - 1)
    }

    async fn kill(&mut self, node: usize) -> Result<()> {
        self.cluster.kill(node as u64 + 1).await
    }

    async fn restart(&mut self, node: usize) -> Result<()> {
        let id = node as u64 + 1;
        self.cluster.spawn(id)?;
        self.cluster.ready(id).await
    }

    async fn end(self) -> Result<()> {
        self.cluster.end().await
    }
}
