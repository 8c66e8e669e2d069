//! Who may use whom.

use crate::manifests::{dependencies, packages};
use crate::{Page, code, none, pages_ending};

/// Folder of a package and the packages of this workspace that it may use.
const ALLOWED: [(&str, &[&str]); 7] = [
    ("inventory", &[]),
    ("api", &[]),
    ("storage", &["inventory"]),
    ("raft", &["inventory", "storage"]),
    ("client", &["api"]),
    ("node", &["inventory", "storage", "raft", "api", "client"]),
    ("tests", &["inventory", "storage", "raft", "api", "client", "node"]),
];

/// Everything that the pure core may use of others; nothing in it does IO, waits or reads a clock.
const CORE_MAY_USE: [&str; 7] = ["bincode", "bytes", "proptest", "serde", "siphasher", "smallvec", "thiserror"];

/// A library, as its name begins, and the folders that may depend on it. The tests compare the server with a bare axum.
const KEPT_INSIDE: [(&str, &[&str]); 4] =
    [("sled", &["storage"]), ("openraft", &["raft"]), ("bincode", &["inventory"]), ("axum", &["node", "tests"])];

/// A path into a library, and the beginning of the paths of files that may write it.
const NAMED_ONLY_IN: [(&str, &str); 3] = [("sled::", "storage/src/"), ("openraft::", "raft/"), ("bincode::", "inventory/src/codec.rs")];

/// What would let a clock, chance, a task or IO into replicated state. Hash maps, which would let iteration order in, are
/// refused by the core's own `clippy.toml`; the one file that wraps them says why.
const NOT_IN_THE_CORE: [&str; 10] =
    ["std::fs", "std::net", "std::io", "std::thread", "std::env", "SystemTime", "Instant", "RandomState", "tokio", "async fn"];

#[test]
fn packages_depend_along_the_layers_only() {
    let packages = packages();
    assert_eq!(packages.len(), ALLOWED.len(), "a package was added: say here what it may use");
    let breaches = packages.iter().flat_map(|(path, manifest)| {
        let folder = path.trim_end_matches("/Cargo.toml");
        let allowed = ALLOWED.iter().find(|(name, _)| *name == folder).map_or(&[][..], |(_, allowed)| allowed);
        let used = dependencies(manifest).into_iter().filter_map(|(name, _)| name.strip_prefix("holdfast-").map(str::to_owned));
        used.filter(|name| !allowed.contains(&name.as_str())).map(move |name| format!("{folder} uses {name}"))
    });
    none(&breaches.collect::<Vec<_>>());
}

#[test]
fn each_library_stays_inside_its_package() {
    let packages = packages();
    let breaches = packages.iter().flat_map(|(path, manifest)| {
        let folder = path.trim_end_matches("/Cargo.toml");
        dependencies(manifest)
            .into_iter()
            .filter(move |(name, _)| is_foreign(folder, name))
            .map(move |(name, _)| format!("{folder} depends on {name}"))
    });
    none(&breaches.collect::<Vec<_>>());
}

fn is_foreign(folder: &str, library: &str) -> bool {
    let kept_elsewhere = KEPT_INSIDE.iter().any(|(name, homes)| library.starts_with(name) && !homes.contains(&folder));
    kept_elsewhere || (folder == "inventory" && !CORE_MAY_USE.contains(&library))
}

#[test]
fn each_library_is_named_only_where_it_may_be() {
    none(&pages_ending(".rs").iter().flat_map(foreign_names).collect::<Vec<_>>());
}

fn foreign_names(page: &Page) -> Vec<String> {
    let this_rule = page.path.starts_with("tests/tests/tidy/");
    let lines = page.text.lines().enumerate().filter(|_| !this_rule);
    let named = lines.flat_map(|(number, line)| {
        NAMED_ONLY_IN.iter().filter(move |(name, _)| code(line).contains(name)).map(move |rule| (number + 1, rule))
    });
    named
        .filter(|(_, (_, home))| !page.path.starts_with(home))
        .map(|(number, (name, _))| format!("{}:{number}: names {name}", page.path))
        .collect()
}

#[test]
fn sled_is_named_in_one_file() {
    let files: Vec<String> = pages_ending(".rs")
        .into_iter()
        .filter(|page| page.path.starts_with("storage/src/"))
        .filter(names_sled)
        .map(|page| page.path)
        .collect();
    assert!(files.len() <= 1, "sled is named in {files:?}");
}

fn names_sled(page: &Page) -> bool {
    page.text.lines().any(|line| code(line).contains("sled::"))
}

#[test]
fn the_core_is_pure() {
    let core = pages_ending(".rs").into_iter().filter(|page| page.path.starts_with("inventory/src/"));
    none(&core.flat_map(|page| impurities(&page)).collect::<Vec<_>>());
}

fn impurities(page: &Page) -> Vec<String> {
    let lines = page.text.lines().enumerate();
    let found = lines.flat_map(|(number, line)| {
        NOT_IN_THE_CORE.iter().filter(move |name| has_word(code(line), name)).map(move |name| (number + 1, name))
    });
    found.map(|(number, name)| format!("{}:{number}: {name}", page.path)).collect()
}

/// Whether `name` stands in `line` and is not a part of a longer name.
fn has_word(line: &str, name: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(name).any(|(at, _)| !line[..at].ends_with(part) && !line[at + name.len()..].starts_with(part))
}

#[test]
fn a_planted_breach_is_found() {
    let page = |path: &str, text: &str| Page { path: path.into(), text: text.into() };
    assert_eq!(foreign_names(&page("node/src/a.rs", "use sled::Db; // openraft::Raft")).len(), 1);
    assert_eq!(foreign_names(&page("raft/src/a.rs", "use openraft::Raft;")).len(), 0);
    assert_eq!(impurities(&page("inventory/src/a.rs", "let now = Instant::now();\nlet eternity = NotInstant::now();")).len(), 1);
    assert!(is_foreign("inventory", "tokio") && is_foreign("node", "sled") && is_foreign("node", "openraft-rt"));
    assert!(!is_foreign("raft", "openraft-rt") && !is_foreign("node", "tokio"));
}
