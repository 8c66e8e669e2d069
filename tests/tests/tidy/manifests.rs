//! What the manifests promise: shared lints, shared versions, one registry.

use toml::{Table, Value};

use crate::{Page, none, pages, pages_ending};

#[test]
fn every_package_inherits_the_lints_of_the_workspace() {
    let lacking = packages().into_iter().filter(|(_, manifest)| manifest.get("lints") != Some(&inherits()));
    none(&lacking.map(|(path, _)| format!("{path}: no `[lints] workspace = true`")).collect::<Vec<_>>());
}

#[test]
fn every_dependency_has_its_version_from_the_workspace() {
    let own = packages().into_iter().flat_map(|(path, manifest)| {
        let own: Vec<String> = dependencies(&manifest)
            .into_iter()
            .filter(|(_, value)| value.get("workspace") != Some(&Value::Boolean(true)))
            .map(|d| d.0)
            .collect();
        own.into_iter().map(move |name| format!("{path}: {name} has a version of its own"))
    });
    none(&own.collect::<Vec<_>>());
}

#[test]
fn the_workspace_forbids_unsafe_code_and_runs_the_product() {
    let root = table(&root());
    assert_eq!(root["workspace"]["lints"]["rust"]["unsafe_code"].as_str(), Some("forbid"));
    assert_eq!(root["workspace"]["default-members"].as_array().unwrap(), &[Value::from("node")]);
}

#[test]
fn the_consensus_crates_are_pinned_to_one_version() {
    let root = table(&root());
    let version = |name: &str| {
        let value = &root["workspace"]["dependencies"][name];
        value.as_str().or_else(|| value.get("version")?.as_str()).unwrap().to_owned()
    };
    let openraft = version("openraft");
    assert!(openraft.starts_with('='), "openraft is not pinned: {openraft}");
    for name in ["openraft-rt", "openraft-rt-tokio", "openraft-macros"] {
        assert_eq!(version(name), openraft, "{name}");
    }
    assert!(version("sled").starts_with('=') && version("bincode").starts_with('='), "formats on disk depend on these versions");
}

#[test]
fn every_locked_package_comes_from_the_public_registry() {
    let locks: Vec<_> = pages_ending("Cargo.lock").iter().map(table).collect();
    assert_eq!(locks.len(), 3, "the workspace, the fuzz targets and the simulation have a lock each");
    let elsewhere = locks.iter().flat_map(|lock| lock["package"].as_array().unwrap()).filter_map(|package| {
        let source = package.get("source")?.as_str()?;
        (source != "registry+https://github.com/rust-lang/crates.io-index").then(|| format!("{}: {source}", package["name"]))
    });
    none(&elsewhere.collect::<Vec<_>>());
}

/// Manifests of the workspace's packages, by path.
pub(crate) fn packages() -> Vec<(String, Table)> {
    let manifests =
        pages_ending("/Cargo.toml").into_iter().filter(|page| !["fuzz/", "simulation/"].iter().any(|apart| page.path.starts_with(apart)));
    manifests.map(|page| (page.path.clone(), table(&page))).filter(|(_, manifest)| manifest.contains_key("package")).collect()
}

/// All dependencies of a package: of its code, its tests, its build, on any target.
pub(crate) fn dependencies(manifest: &Table) -> Vec<(String, Value)> {
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values).filter_map(Value::as_table);
    let tables = std::iter::once(manifest).chain(targets);
    let kinds = tables.flat_map(|table| ["dependencies", "dev-dependencies", "build-dependencies"].map(|kind| table.get(kind)));
    let entries = kinds.flatten().filter_map(Value::as_table).flatten();
    entries.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn table(page: &Page) -> Table {
    page.text.parse().unwrap_or_else(|e: toml::de::Error| panic!("{}: {}", page.path, e.message()))
}

fn inherits() -> Value {
    Value::Table(Table::from_iter([("workspace".to_owned(), Value::Boolean(true))]))
}

fn root() -> Page {
    pages().into_iter().find(|page| page.path == "Cargo.toml").expect("the workspace has a manifest")
}

#[test]
fn a_dependency_of_a_test_or_of_one_target_is_seen_too() {
    let manifest: Table = "[dev-dependencies]\na = '1'\n[target.'cfg(unix)'.dependencies]\nb = '1'\n".parse().unwrap();
    let names: Vec<String> = dependencies(&manifest).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a", "b"]);
}
