//! Which nodes an operator's or buyer's subcommand calls.

use clap::Args;
use holdfast_client::{Client, ClientConfig, ClientError};

use crate::limits::{STATUS_ATTEMPT, STATUS_RETRY_FOR};

/// Where the nodes are, and in which form to answer.
#[derive(Clone, Debug, Args)]
pub(super) struct Endpoints {
    /// Api listeners of the nodes, separated by commas; the first that answers is used.
    #[arg(long, env = "HOLDFAST_API", value_delimiter = ',', value_name = "URL", default_values_t = DEV_API.map(String::from))]
    api: Vec<String>,
    /// Admin listeners of the nodes, separated by commas.
    #[arg(long, env = "HOLDFAST_ADMIN", value_delimiter = ',', value_name = "URL", default_values_t = DEV_ADMIN.map(String::from))]
    admin: Vec<String>,
    /// Answer in JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// The nodes of `holdfast dev`.
const DEV_API: [&str; 3] = ["http://127.0.0.1:7110", "http://127.0.0.1:7120", "http://127.0.0.1:7130"];
const DEV_ADMIN: [&str; 3] = ["http://127.0.0.1:7111", "http://127.0.0.1:7121", "http://127.0.0.1:7131"];

impl Endpoints {
    /// A client of these nodes.
    pub(super) fn client(&self) -> Result<Client, ClientError> {
        Client::new(self.config())
    }

    /// A client that soon says what it could not learn, for someone who looks at a cluster in trouble.
    pub(super) fn hasty_client(&self) -> Result<Client, ClientError> {
        Client::new(ClientConfig { attempt_timeout: STATUS_ATTEMPT, retry_for: STATUS_RETRY_FOR, ..self.config() })
    }

    /// The nodes.
    pub(super) fn config(&self) -> ClientConfig {
        ClientConfig::with_api(&self.api).and_admin(&self.admin)
    }
}
