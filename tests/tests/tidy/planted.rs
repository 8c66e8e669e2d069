//! `cargo planted` chooses its tests by a part of their names: each target that it builds has one.

use toml::Table;

use crate::{Page, none, pages};

#[test]
fn every_target_of_cargo_planted_has_a_test_that_it_runs() {
    let pages = pages();
    let alias = alias(&pages.iter().find(|page| page.path == ".cargo/config.toml").expect("the aliases are there").text);
    assert!(alias.targets.len() > 3 && !alias.filters.is_empty(), "{alias:?}: is it read rightly?");
    none(&idle(&alias, &pages));
}

/// What the alias asks for.
#[derive(Debug, PartialEq)]
struct Planted {
    packages: Vec<String>,
    /// Names of integration tests; `--lib` stands as it is.
    targets: Vec<String>,
    filters: Vec<String>,
}

fn alias(config: &str) -> Planted {
    let config: Table = config.parse().expect("the aliases can be read");
    let mut words = config["alias"]["planted"].as_str().expect("an alias in one line").split(' ');
    let (mut packages, mut targets, mut filters) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(word) = words.next() {
        let mut next = || words.next().unwrap_or_default().to_owned();
        match word {
            "-p" => packages.push(next().replacen("holdfast-", "", 1)),
            "--test" => targets.push(next()),
            "--features" => drop(next()),
            "--lib" => targets.push(word.to_owned()),
            "test" | "--locked" | "--" => {}
            filter => filters.push(filter.to_owned()),
        }
    }
    Planted { packages, targets, filters }
}

/// Targets without a test of a fitting name, and filters that fit none.
fn idle(alias: &Planted, pages: &[Page]) -> Vec<String> {
    let fits = |target: &String, filter: &String| {
        let files = pages.iter().filter_map(|page| Some((module_of(&page.path, &alias.packages, target)?, page)));
        files.into_iter().any(|(module, page)| tests(&page.text).iter().any(|test| format!("{module}::{test}").contains(filter)))
    };
    let targets = alias.targets.iter().filter(|target| !alias.filters.iter().any(|filter| fits(target, filter)));
    let filters = alias.filters.iter().filter(|filter| !alias.targets.iter().any(|target| fits(target, filter)));
    targets.chain(filters).map(|idle| format!(".cargo/config.toml: no test of `planted` fits {idle}")).collect()
}

/// The module that a file is in a target of one of these packages; none if it is in another.
fn module_of(path: &str, packages: &[String], target: &str) -> Option<String> {
    let (package, file) = path.strip_suffix(".rs")?.split_once('/')?;
    let inside = if target == "--lib" { file.strip_prefix("src/")? } else { file.strip_prefix("tests/")?.strip_prefix(target)? };
    (packages.iter().any(|named| named == package) && !inside.starts_with("bin/")).then(|| inside.replace('/', "::"))
}

/// Names of the functions that are tests.
fn tests(text: &str) -> Vec<&str> {
    let mut is_test = false;
    let mut found = Vec::new();
    for line in text.lines().map(str::trim_start) {
        if line.starts_with("#[") {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        } else {
            let name = line.split_once("fn ").and_then(|(_, rest)| rest.split_once('(')).map(|(name, _)| name);
            found.extend(name.filter(|_| is_test));
            is_test = false;
        }
    }
    found
}

#[test]
fn a_renamed_test_and_a_filter_without_one_are_found() {
    let config = "[alias]\nplanted = \"test -p holdfast-a -p holdfast-b --features x --lib --test one --test two -- bug crash\"";
    let page =
        |path: &str, test: &str| Page { path: path.into(), text: format!("#[test]\n#[ignore]\nfn {test}() {{}}\n\nfn no_bug() {{}}\n") };
    let pages = [
        page("a/src/inner/bugs.rs", "any"),
        page("a/tests/one.rs", "a_bug_is_found"),
        page("b/tests/two.rs", "renamed"),
        page("c/tests/two.rs", "a_bug_of_another_package"),
    ];
    let told = idle(&alias(config), &pages);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].ends_with(" two") && told[1].ends_with(" crash"), "{told:?}");
}
