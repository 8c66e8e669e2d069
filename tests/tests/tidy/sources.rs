//! The shape of source files.

use crate::{Page, code, none, pages_ending};

/// More lines than this hide what a file is about.
const MOST_LINES: usize = 400;

/// Marks of work left for later: that belongs to the issue tracker.
const LEFT_FOR_LATER: [&str; 4] = ["TODO", "FIXME", "XXX", "HACK"];

#[test]
fn no_file_is_too_long() {
    none(&sources().iter().filter_map(too_long).collect::<Vec<_>>());
}

fn too_long(page: &Page) -> Option<String> {
    let lines = page.text.lines().count();
    (lines > MOST_LINES).then(|| format!("{}: {lines} lines", page.path))
}

#[test]
fn every_file_begins_with_what_it_is_for() {
    let mute = sources().into_iter().filter(|page| !page.text.starts_with("//!"));
    none(&mute.map(|page| format!("{}: does not begin with //!", page.path)).collect::<Vec<_>>());
}

#[test]
fn nothing_is_unsafe_and_nothing_is_left_for_later() {
    none(&sources().iter().filter(|page| !page.path.starts_with("tests/tests/tidy/")).flat_map(flaws).collect::<Vec<_>>());
}

fn flaws(page: &Page) -> Vec<String> {
    let lines = page.text.lines().enumerate();
    let flawed = lines.filter_map(|(number, line)| {
        let later = LEFT_FOR_LATER.iter().find(|mark| line.contains(*mark));
        let is_unsafe = ["unsafe {", "unsafe fn", "unsafe impl", "allow(unsafe_code)"].into_iter().find(|word| code(line).contains(word));
        later.copied().or(is_unsafe).map(|flaw| format!("{}:{}: {flaw}", page.path, number + 1))
    });
    flawed.collect()
}

fn sources() -> Vec<Page> {
    pages_ending(".rs")
}

#[test]
fn a_planted_flaw_is_found() {
    let page = |text: String| Page { path: "a.rs".into(), text };
    assert_eq!(flaws(&page("// TODO: later\nfn f() { unsafe { g() } }\n// nothing unsafe { here".into())).len(), 2);
    assert!(too_long(&page("x\n".repeat(MOST_LINES + 1))).is_some());
    assert!(too_long(&page("x\n".repeat(MOST_LINES))).is_none());
}
