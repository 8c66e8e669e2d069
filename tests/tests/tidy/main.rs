//! Rules of the house that no compiler checks: a rule without a machine is followed by nobody.
//!
//! Each rule is a function from text to what breaks it, tried on a planted breach besides: a check that cannot fail
//! proves nothing.

mod layering;
mod links;
mod manifests;
mod pains;
mod planted;
mod sources;
mod words;

use std::path::{Path, PathBuf};

/// A file of the repository.
struct Page {
    /// Relative to the top, with slashes.
    path: String,
    text: String,
}

/// Every text file of the repository but what builds leave behind.
fn pages() -> Vec<Page> {
    let mut found = Vec::new();
    walk(&top(), &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.iter().any(|page| page.path == "Cargo.toml"), "the top of the repository is not where this test looks");
    found
}

fn pages_ending(with: &str) -> Vec<Page> {
    pages().into_iter().filter(|page| page.path.ends_with(with)).collect()
}

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn walk(dir: &Path, found: &mut Vec<Page>) {
    for entry in std::fs::read_dir(dir).expect("a folder can be read").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        // In a linked worktree `.git` is a file.
        if ["target", ".git", "corpus", "artifacts"].iter().any(|made| name == *made) {
            continue;
        }
        if path.is_dir() {
            walk(&path, found);
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            found.push(Page { path: path.strip_prefix(top()).expect("walked from the top").to_string_lossy().into_owned(), text });
        }
    }
}

/// Fails with the whole list: one run tells everything there is to mend.
fn none(breaches: &[String]) {
    assert!(breaches.is_empty(), "{} breaches:\n{}", breaches.len(), breaches.join("\n"));
}

/// A line of Rust without its comment. Strings that hold two slashes are cut too, which hides nothing that is looked for.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}
