//! Calls about the cluster itself.

use holdfast_api::{ClusterStatus, ServerTime, paths};

use crate::call::Call;
use crate::endpoints::Side;
use crate::{Client, ClientError};

impl Client {
    /// What the cluster looks like from the node that is asked.
    pub async fn cluster(&self) -> Result<ClusterStatus, ClientError> {
        self.answer(&Call::read(Side::Admin, paths::CLUSTER.to_owned())).await
    }

    /// Cluster time.
    pub async fn time(&self) -> Result<ServerTime, ClientError> {
        let side = if self.shared.endpoints(Side::Api).current().is_some() { Side::Api } else { Side::Admin };
        self.answer(&Call::read(side, paths::TIME.to_owned())).await
    }
}
