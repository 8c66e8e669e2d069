//! One word for one thing, so that one search finds a feature; and nothing of the machine it was written on.

use crate::{Page, none, pages};

/// A word that is not used, and the one that is. Only those with no other honest meaning here.
const NOT_USED: [(&str, &str); 12] = [
    ("quota", "slice"),
    ("top-up", "refill"),
    ("topup", "refill"),
    ("top_up", "refill"),
    ("out of stock", "sold out"),
    ("out_of_stock", "sold_out"),
    ("out-of-stock", "sold-out"),
    ("booking", "order"),
    ("deduct", "admit, grant or apply"),
    ("inventory count", "stock"),
    ("slave", "follower"),
    ("handle_data", "a name that says what is done"),
];

/// Ends of type names that say nothing.
const EMPTY_NAMES: [&str; 3] = ["Manager", "Helper", "Util"];

/// Beginnings of paths that exist on somebody's machine only.
const MACHINE_PATHS: [&str; 5] = ["/home/", "/Users/", "/root/", "/work/", "/private/"];

#[test]
fn the_words_are_those_of_the_project() {
    none(&written_here().iter().flat_map(wrong_words).collect::<Vec<_>>());
}

#[test]
fn no_page_names_a_path_of_somebodys_machine() {
    none(&written_here().iter().flat_map(machine_paths).collect::<Vec<_>>());
}

/// All pages but this rule itself, the lock file and licences.
fn written_here() -> Vec<Page> {
    let foreign = |path: &str| path.starts_with("tests/tests/tidy/") || path.ends_with("Cargo.lock") || path.starts_with("LICENSE");
    pages().into_iter().filter(|page| !foreign(&page.path)).collect()
}

fn wrong_words(page: &Page) -> Vec<String> {
    let lines = page.text.lines().enumerate();
    let wrong = lines.flat_map(|(number, line)| {
        let lower = line.to_lowercase();
        let words =
            NOT_USED.iter().filter(|(word, _)| has_word(&lower, word)).map(|(word, instead)| format!("{word} instead of {instead}"));
        let names = EMPTY_NAMES.iter().filter(move |name| ends_a_name(line, name)).map(|name| format!("a name that ends with {name}"));
        words.chain(names).map(move |what| (number + 1, what)).collect::<Vec<_>>()
    });
    wrong.map(|(number, what)| format!("{}:{number}: {what}", page.path)).collect()
}

/// Whether `word` or its plural stands in `line` by itself or between underscores: a quotation is no quota.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let rest = &line[at + word.len()..];
        !line[..at].ends_with(char::is_alphanumeric) && !rest.strip_prefix('s').unwrap_or(rest).starts_with(char::is_alphanumeric)
    })
}

/// Whether a type name of two words or more ends with `end`.
fn ends_a_name(line: &str, end: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(end).any(|(at, _)| line[..at].ends_with(char::is_alphanumeric) && !line[at + end.len()..].starts_with(part))
}

fn machine_paths(page: &Page) -> Vec<String> {
    let lines = page.text.lines().enumerate();
    let found = lines
        .flat_map(|(number, line)| MACHINE_PATHS.iter().filter(move |path| begins_a_path(line, path)).map(move |path| (number + 1, path)));
    found.map(|(number, path)| format!("{}:{number}: {path}", page.path)).collect()
}

/// Whether `path` stands in `line` as the beginning of a path: `/v1/work/` is none.
fn begins_a_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "_-.}".contains(c)))
}

#[test]
fn a_planted_word_is_found() {
    let page = |text: &str| Page { path: "a.rs".into(), text: text.into() };
    assert_eq!(wrong_words(&page("let quotas = StockManager::new();\n// the node manager, a quotation\nstruct Managers;")).len(), 2);
    assert_eq!(machine_paths(&page("see /home/me/x\nGET /v1/work/1\n\"$HOME/home/x\"")).len(), 1);
}
