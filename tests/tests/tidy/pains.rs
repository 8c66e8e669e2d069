//! The table of pains names tests that exist.

use std::path::Path;

use crate::{Page, none, pages, top};

#[test]
fn every_test_that_the_table_of_pains_names_exists() {
    let table = pages().into_iter().find(|page| page.path == PAINS).expect("the table is there");
    let read = |path: &str| std::fs::read_to_string(top().join("docs").join(Path::new(path))).unwrap_or_default();
    assert!(named(&table).len() > 30, "the table names few tests: is it read rightly?");
    none(&lacking(&table, read));
}

const PAINS: &str = "docs/pains.md";

/// Links of the form `` [`test`](path.rs) ``: test and path.
fn named(page: &Page) -> Vec<(String, String)> {
    let links = page.text.split("[`").skip(1).filter_map(|rest| rest.split_once("`](").zip(Some(rest)));
    links.filter_map(|((test, rest), _)| Some((test.to_owned(), rest.split_once(')')?.0.to_owned()))).collect()
}

fn lacking(page: &Page, read: impl Fn(&str) -> String) -> Vec<String> {
    let has = |text: &str, test: &str| {
        let begin = format!("fn {test}(");
        let lines: Vec<_> = text.lines().map(str::trim_start).collect();
        lines
            .iter()
            .position(|line| line.contains(&begin))
            .is_some_and(|at| lines[..at].iter().rev().take(3).any(|line| is_attribute(line)) || text.contains("proptest!"))
    };
    let gone = named(page).into_iter().filter(|(test, path)| !has(&read(path), test));
    gone.map(|(test, path)| format!("{}: no test {test} in {path}", page.path)).collect()
}

fn is_attribute(line: &str) -> bool {
    line.starts_with("#[test]") || line.starts_with("#[tokio::test")
}

#[test]
fn a_test_that_is_gone_or_is_none_is_found() {
    let text = "| a | [`is_there`](a.rs) and [`is_gone`](a.rs), [`is_no_test`](a.rs) |";
    let page = Page { path: PAINS.into(), text: text.into() };
    let source = "#[test]\nfn is_there() {\n    a();\n    b();\n}\n\nfn is_no_test() {}\n";
    assert_eq!(lacking(&page, |_| source.into()).len(), 2);
}
