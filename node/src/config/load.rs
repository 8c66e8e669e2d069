//! From a file to a checked configuration.

use std::env;
use std::fs;
use std::path::Path;

use holdfast_inventory::NodeId;

use super::error::Flaw;
use super::{ClusterSecret, Config, ConfigError, path, validate};

/// Holds the cluster secret; wins over the file's keys, so that no secret need be in a file.
pub const SECRET_VARIABLE: &str = "HOLDFAST_CLUSTER_SECRET";

impl Config {
    /// Reads and checks a configuration, with the secret from wherever it is kept.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = read(file)?;
        let mut config = Self::parse(file, &text)?;
        if let Some(secret) = outside_secret(&config, file)? {
            config.cluster.secret = Some(secret);
        }
        validate::secret(&config).map_err(|flaw| flaw.in_file(file))?;
        Ok(config)
    }

    /// Checks the text of a configuration; `file` is only named in errors.
    pub fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| syntax(text, &error).in_file(file))?;
        validate::all(&config).map_err(|flaw| flaw.in_file(file))?;
        Ok(config)
    }

    /// What is allowed and seldom meant, a sentence each.
    pub fn warnings(&self) -> Vec<&'static str> {
        validate::warnings(self)
    }

    /// Checks that `node` is one of the members; `file` is only named in the error.
    pub fn require_member(&self, file: &Path, node: NodeId) -> Result<(), ConfigError> {
        if self.member(node).is_some() {
            return Ok(());
        }
        let known: Vec<_> = self.members.iter().map(|member| member.id.to_string()).collect();
        let reason = format!("node {node} is not one of them (they are {}): add it, or start a node that is", known.join(", "));
        Err(Flaw::new("members", reason).in_file(file))
    }
}

fn read(file: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(file).map_err(|source| ConfigError::Unreadable { file: file.into(), source })
}

/// The secret from the environment, else from `cluster.secret_file`.
fn outside_secret(config: &Config, file: &Path) -> Result<Option<ClusterSecret>, ConfigError> {
    if let Some(secret) = env::var(SECRET_VARIABLE).ok().filter(|secret| !secret.is_empty()) {
        return Ok(Some(ClusterSecret::new(secret)));
    }
    let Some(secret_file) = &config.cluster.secret_file else {
        return Ok(None);
    };
    let secret_file = file.parent().unwrap_or(Path::new(".")).join(secret_file);
    Ok(Some(ClusterSecret::new(read(&secret_file)?.trim_end())))
}

/// What the parser said, in one sentence with the key instead of a drawing of the line.
fn syntax(text: &str, error: &toml::de::Error) -> Flaw {
    let key = error.span().map_or_else(String::new, |span| path::key_at(text, span.start));
    let line = error.span().map_or(0, |span| text.get(..span.start).map_or(0, |before| before.matches('\n').count() + 1));
    let reason = error.message().replace('\n', ", ");
    Flaw::new(if key.is_empty() { "the file".into() } else { key }, format!("{reason} (line {line})"))
}
