//! Every link of a document to a file of the repository leads somewhere.

use std::path::Path;

use crate::{Page, none, pages_ending, top};

#[test]
fn every_link_to_a_file_leads_somewhere() {
    let exists = |page: &Page, target: &str| target_of(page, target).exists();
    none(&pages_ending(".md").iter().flat_map(|page| dead(page, &exists)).collect::<Vec<_>>());
}

#[test]
fn every_link_to_a_section_finds_its_heading() {
    let pages = pages_ending(".md");
    let breaches = pages.iter().flat_map(|page| {
        let anchored = links(&page.text)
            .into_iter()
            .filter_map(|link| link.split_once('#').map(|(file, anchor)| (file.to_owned(), anchor.to_owned())));
        let local = anchored
            .filter(|(file, _)| !file.contains("://") && (file.is_empty() || Path::new(file).extension().is_some_and(|kind| kind == "md")));
        local.filter_map(|(file, anchor)| {
            let text =
                if file.is_empty() { page.text.clone() } else { std::fs::read_to_string(target_of(page, &file)).unwrap_or_default() };
            (!headings(&text).contains(&anchor)).then(|| format!("{}: {file}#{anchor}", page.path))
        })
    });
    none(&breaches.collect::<Vec<_>>());
}

fn dead(page: &Page, exists: &impl Fn(&Page, &str) -> bool) -> Vec<String> {
    let files = links(&page.text).into_iter().map(|link| link.split('#').next().unwrap_or_default().to_owned());
    let local = files.filter(|link| !link.is_empty() && !link.contains("://") && !link.starts_with("mailto:"));
    local.filter(|link| !exists(page, link)).map(|link| format!("{}: {link}", page.path)).collect()
}

fn target_of(page: &Page, link: &str) -> std::path::PathBuf {
    top().join(Path::new(&page.path).parent().unwrap_or(Path::new(""))).join(link)
}

/// Targets of `[text](target)` outside code blocks.
fn links(markdown: &str) -> Vec<String> {
    let mut inside_code = false;
    let mut found = Vec::new();
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            inside_code = !inside_code;
        } else if !inside_code {
            let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
            found.extend(targets.map(|(target, _)| target.split(' ').next().unwrap_or_default().to_owned()));
        }
    }
    found
}

/// Anchors of the headings, as they are made on the usual forges.
fn headings(markdown: &str) -> Vec<String> {
    let kept = |c: char| c.is_alphanumeric() || c == ' ' || c == '-' || c == '_';
    let anchor = |title: &str| title.trim().to_lowercase().chars().filter(|c| kept(*c)).map(|c| if c == ' ' { '-' } else { c }).collect();
    markdown.lines().filter(|line| line.starts_with('#')).map(|line| anchor(line.trim_start_matches('#'))).collect()
}

#[test]
fn a_planted_dead_link_is_found() {
    let text = "[a](there.md#part) and [b](gone.md \"title\") [c](https://example.org)\n```\n[d](code.md)\n```";
    let page = Page { path: "docs/a.md".into(), text: text.into() };
    assert_eq!(dead(&page, &|_, link| link == "there.md"), ["docs/a.md: gone.md"]);
    assert_eq!(headings("# A life, of `orders`\ntext"), ["a-life-of-orders"]);
}
