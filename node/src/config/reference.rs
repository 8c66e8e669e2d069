//! The reference of all keys, made from the commented `cluster.toml` that is part of the program.
//!
//! The file is the one place where keys are explained: the documents' table is made from it, and tests hold it against the
//! types and their defaults.

use std::fmt::Write as _;

use super::path::Position;

/// The reference configuration, every key explained.
pub const REFERENCE_FILE: &str = include_str!("../../../cluster.toml");

const HEAD: &str = "# Configuration keys

One file, `cluster.toml`, configures all nodes of a cluster; this page lists its keys and is made from the commented file.

A key that is left out has its default. An unknown key or a bad value is refused at the start with file, key and reason.
Keys marked \"set at bootstrap\" are replicated state: the file gives them to a new cluster and does not change them later.

## When to raise the election timeouts

The defaults (150 to 300 ms) suit nodes with SSDs in one data centre: after the death of a leader selling goes on in about a third of a
second. A follower that hears nothing for that long asks to be elected, whatever the reason for the silence. Raise
`raft.election_timeout_min_ms` and `raft.election_timeout_max_ms`, on all nodes alike, if `holdfast_raft_term` grows while every
node is up. Likely causes:

* A disk sync may take more than a tenth of the minimum: network disks, spinning disks, a disk shared with other writers.
* A round trip between nodes may take more than a fifth of the minimum: give 1 s and 2 s to nodes in different regions.
* Nodes share their processors with other work, or virtual machines are paused for migration or backup.

Raise with them `raft.heartbeat_ms` (a third of the minimum or less), `stock.resend_after_ms` (at least the maximum) and
`stock.reclaim_after_ms` (above the maximum; several times it, or nodes lose their slices to a short silence). The price is time:
while no leader is there nothing is sold, and buyers hear `no-leader`.
";

/// One key as the reference file shows it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Its path, such as `raft.heartbeat_ms`.
    pub(super) key: String,
    /// Its value as written; of an optional key, an example.
    pub(super) value: String,
    /// Whether it stands in the file as an example only.
    pub(super) optional: bool,
    /// The comment above it.
    pub(super) meaning: String,
}

/// A section of the reference file.
#[derive(Debug, Default)]
struct Section {
    name: String,
    meaning: String,
    rows: Vec<Row>,
}

/// The page of keys for the documents.
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    for section in sections() {
        // Writing to a string cannot fail.
        let _infallible = write!(page, "\n## `{}`\n\n{}\n\n| key | default | meaning |\n|---|---|---|\n", section.name, section.meaning);
        for row in &section.rows {
            let name = row.key.rsplit('.').next().unwrap_or(&row.key);
            let required = section.name.starts_with("[[") && name != "weight";
            let default = match (row.optional, required) {
                (true, _) => format!("none; for example `{}`", row.value),
                (_, true) => format!("required; for example `{}`", row.value),
                _ => format!("`{}`", row.value),
            };
            let _infallible = writeln!(page, "| `{name}` | {default} | {} |", row.meaning);
        }
    }
    page
}

/// Every key of the reference file, in its order; of the members the first one's.
#[cfg(test)]
pub(super) fn rows() -> Vec<Row> {
    sections().into_iter().flat_map(|section| section.rows).collect()
}

fn sections() -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let (mut position, mut comment) = (Position::default(), String::new());
    for line in REFERENCE_FILE.lines() {
        let optional = line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
        if optional.is_none() && line.starts_with('#') {
            append_words(&mut comment, line.trim_start_matches('#'));
        } else if position.read(optional.unwrap_or(line)) {
            let value = line.split_once('=').map_or("", |(_, value)| value).trim().to_owned();
            let row = Row { key: position.path(), value, optional: optional.is_some(), meaning: std::mem::take(&mut comment) };
            if let Some(section) = sections.last_mut() {
                section.rows.push(row);
            }
        } else {
            let meaning = std::mem::take(&mut comment);
            if line.starts_with('[') {
                sections.push(Section { name: line.to_owned(), meaning, rows: Vec::new() });
            }
        }
    }
    // The members after the first are the example's: their keys are explained at the first.
    sections.retain(|section| !section.meaning.is_empty());
    sections
}

fn append_words(comment: &mut String, words: &str) {
    if !comment.is_empty() {
        comment.push(' ');
    }
    comment.push_str(words.trim());
}
