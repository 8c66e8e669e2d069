//! The client: a cheap handle on nodes, connections, cluster time and retry budget.

use std::sync::Arc;

use crate::cluster_clock::ClusterClock;
use crate::endpoints::{Endpoints, Side};
use crate::pace::RetryBudget;
use crate::transport::Transport;
use crate::{ClientConfig, ClientError};

/// Calls the nodes of one cluster. Clones share everything. Needs a tokio runtime with time and IO.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: ClientConfig,
    pub(crate) transport: Transport,
    pub(crate) clock: ClusterClock,
    pub(crate) budget: RetryBudget,
    api: Endpoints,
    admin: Endpoints,
}

impl Client {
    /// A client for the nodes that `config` names. Connects to nothing yet.
    ///
    /// Fails with [`ClientError::Usage`] if an address is none or there is no address at all.
    pub fn new(config: ClientConfig) -> Result<Self, ClientError> {
        if config.api.is_empty() && config.admin.is_empty() {
            return Err(ClientError::Usage { detail: "name at least one node, like http://127.0.0.1:7110".into() });
        }
        let shared = Shared {
            transport: Transport::new(&config),
            clock: ClusterClock::default(),
            budget: RetryBudget::new(&config),
            api: Endpoints::parse(&config.api)?,
            admin: Endpoints::parse(&config.admin)?,
            config,
        };
        Ok(Self { shared: Arc::new(shared) })
    }
}

impl Shared {
    pub(crate) fn endpoints(&self, side: Side) -> &Endpoints {
        match side {
            Side::Api => &self.api,
            Side::Admin => &self.admin,
        }
    }
}
