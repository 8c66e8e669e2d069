//! Where a `dev` cluster keeps its things, and on which ports it listens.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use holdfast_inventory::NodeId;
use holdfast_storage::{DataDir, OpenError, OpenMode};
use tempfile::TempDir;

use super::super::failure::Failure;
use crate::config::Config;
use crate::exit::Exit;
use crate::limits::{DEV_BASE_PORT, DEV_NODES, MAX_SHOWN_LOG_BYTES};

/// The directory of a `dev` cluster and its configuration.
#[derive(Debug)]
pub(super) struct Layout {
    dir: PathBuf,
    config: Config,
    temporary: Option<TempDir>,
}

impl Layout {
    /// Makes a new cluster's directory, or takes up the one that `data` holds.
    pub(super) fn prepare(data: Option<&Path>, nodes: Option<u64>, base_port: Option<u16>) -> Result<Self, Failure> {
        let temporary = if data.is_none() { Some(tempfile::Builder::new().prefix("holdfast-dev-").tempdir()?) } else { None };
        let dir = temporary.as_ref().map(TempDir::path).or(data).unwrap_or(Path::new("."));
        fs::create_dir_all(dir)?;
        // Children are told whole paths, so that what is printed works from anywhere.
        let dir = dir.canonicalize()?;
        let file = dir.join("cluster.toml");
        if file.exists() {
            refuse_in_use(&dir, &Config::load(&file)?)?;
            take_up(&file, nodes, base_port)?;
        } else {
            let text = new_config(nodes.unwrap_or(DEV_NODES), base_port.unwrap_or(DEV_BASE_PORT))?;
            write_private(&file, &text)?;
        }
        let config = Config::load(&file)?;
        Ok(Self { dir, config, temporary })
    }

    /// The cluster's configuration.
    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// The file that it is in.
    pub(super) fn config_file(&self) -> PathBuf {
        self.dir.join("cluster.toml")
    }

    /// A node's data directory.
    pub(super) fn data(&self, node: NodeId) -> PathBuf {
        self.dir.join(format!("node-{node}"))
    }

    /// A node's log.
    pub(super) fn log(&self, node: NodeId) -> PathBuf {
        self.dir.join(format!("node-{node}.log"))
    }

    /// What a node said last; of an ended one, why it ended.
    pub(super) fn last_log_line(&self, node: NodeId) -> Option<String> {
        let bytes = fs::read(self.log(node)).ok()?;
        let end = bytes.get(bytes.len().saturating_sub(MAX_SHOWN_LOG_BYTES)..)?;
        String::from_utf8_lossy(end).lines().rev().find(|line| !line.trim().is_empty()).map(str::to_owned)
    }

    /// Removes a temporary directory; leaves any other.
    pub(super) fn close(self) -> io::Result<()> {
        self.temporary.map_or(Ok(()), TempDir::close)
    }
}

/// The three ports of a node: api, admin, peer.
fn ports(base: u16, node: u64) -> Result<[u16; 3], Failure> {
    let first = u64::from(base) + 10 * node;
    let port =
        |offset| u16::try_from(first + offset).map_err(|_| Failure::Usage(format!("--base-port {base} leaves no ports for node {node}")));
    Ok([port(0)?, port(1)?, port(2)?])
}

fn new_config(nodes: u64, base: u16) -> Result<String, Failure> {
    let secret: u128 = rand::random();
    let mut text = format!(
        "# Written by `holdfast dev`; every other key has its default, which the reference cluster.toml explains.\n\
         [cluster]\nname = \"dev\"\nsecret = \"{secret:032x}\"\n"
    );
    for node in 1..=nodes {
        let [api, admin, peer] = ports(base, node)?.map(|port| format!("127.0.0.1:{port}"));
        // Writing to a string cannot fail.
        let _infallible = write!(text, "\n[[members]]\nid = {node}\napi = \"{api}\"\nadmin = \"{admin}\"\npeer = \"{peer}\"\n");
    }
    Ok(text)
}

/// Before anything is changed: nodes that run from this directory read its configuration when they start again.
fn refuse_in_use(dir: &Path, config: &Config) -> Result<(), Failure> {
    for member in &config.members {
        if let Err(error @ OpenError::InUse(_)) = DataDir::open(&dir.join(format!("node-{}", member.id)), OpenMode::Existing) {
            return Err(Failure::Node { sentence: error.to_string(), exit: Exit::DataDirectory });
        }
    }
    Ok(())
}

/// Checks that the directory is the cluster that was asked for, and moves it to other ports if told.
fn take_up(file: &Path, nodes: Option<u64>, base: Option<u16>) -> Result<(), Failure> {
    let text = fs::read_to_string(file)?;
    let config = Config::parse(file, &text)?;
    let count = config.members.len();
    if nodes.is_some_and(|nodes| nodes != count as u64) {
        return Err(Failure::Usage(format!("{} has {count} members: leave --nodes out or take another directory", file.display())));
    }
    match base {
        Some(base) => write_private(file, &moved(&text, base)?).map_err(Failure::from),
        None => Ok(()),
    }
}

/// The same configuration on other ports, with whatever else was set in it.
fn moved(text: &str, base: u16) -> Result<String, Failure> {
    let unreadable = |error: String| Failure::Failed(format!("the cluster.toml of this directory can't be moved to other ports: {error}"));
    let mut table: toml::Table = text.parse().map_err(|error: toml::de::Error| unreadable(error.message().to_owned()))?;
    let members = table.get_mut("members").and_then(toml::Value::as_array_mut).into_iter().flatten();
    for member in members.filter_map(toml::Value::as_table_mut) {
        let node = member.get("id").and_then(toml::Value::as_integer).and_then(|id| u64::try_from(id).ok()).unwrap_or_default();
        for (name, port) in ["api", "admin", "peer"].into_iter().zip(ports(base, node)?) {
            member.insert(name.to_owned(), format!("127.0.0.1:{port}").into());
        }
    }
    toml::to_string(&table).map_err(|error| unreadable(error.to_string()))
}

/// The file holds the cluster's secret: no one else may read it.
fn write_private(file: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn addresses(layout: &Layout) -> Vec<String> {
        layout.config().members.iter().flat_map(|member| [member.api.clone(), member.admin.clone(), member.peer.clone()]).collect()
    }

    #[test]
    fn ports_are_counted_from_the_base() {
        assert_eq!(ports(7_100, 1).unwrap(), [7_110, 7_111, 7_112]);
        assert_eq!(ports(7_100, 3).unwrap(), [7_130, 7_131, 7_132]);
        assert!(ports(65_530, 1).unwrap_err().to_string().contains("leaves no ports for node 1"));
    }

    #[test]
    fn a_new_directory_gets_a_private_configuration_that_is_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("not-there-yet");
        let layout = Layout::prepare(Some(&data), None, None).unwrap();
        assert_eq!(addresses(&layout)[..4], ["127.0.0.1:7110", "127.0.0.1:7111", "127.0.0.1:7112", "127.0.0.1:7120"]);
        assert_eq!(layout.config().members.len(), 3);
        assert_eq!(fs::metadata(layout.config_file()).unwrap().permissions().mode() & 0o777, 0o600);
        let again = Layout::prepare(Some(&data), None, None).unwrap();
        assert_eq!(layout.config(), again.config(), "the same cluster, its secret included");
    }

    #[test]
    fn a_continued_directory_takes_up_other_ports_and_keeps_its_settings() {
        let directory = tempfile::tempdir().unwrap();
        let first = Layout::prepare(Some(directory.path()), Some(2), Some(7_500)).unwrap();
        let mut text = fs::read_to_string(first.config_file()).unwrap();
        text.push_str("\n[stock]\nreclaim_after_ms = 700\n");
        fs::write(first.config_file(), text).unwrap();
        let moved = Layout::prepare(Some(directory.path()), None, Some(8_000)).unwrap();
        assert_eq!(addresses(&moved)[..3], ["127.0.0.1:8010", "127.0.0.1:8011", "127.0.0.1:8012"]);
        assert_eq!(moved.config().stock.reclaim_after_ms.0, 700);
        assert_eq!(moved.config().cluster, first.config().cluster);
    }

    #[test]
    fn another_number_of_nodes_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        Layout::prepare(Some(directory.path()), Some(1), None).unwrap();
        let told = Layout::prepare(Some(directory.path()), Some(3), None).unwrap_err().to_string();
        assert!(told.ends_with("has 1 members: leave --nodes out or take another directory"), "{told}");
    }

    #[test]
    fn a_temporary_directory_is_gone_at_the_end() {
        let layout = Layout::prepare(None, None, None).unwrap();
        let dir = layout.config_file();
        assert!(dir.exists());
        layout.close().unwrap();
        assert!(!dir.parent().unwrap().exists());
    }
}
