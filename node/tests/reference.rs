//! The pages of `docs/reference` say what the code says. `HOLDFAST_BLESS=1` writes them anew.

mod bounds;

use std::path::Path;

const PROBLEMS_HEAD: &str = "# Problem types

Every error of the HTTP interface is `application/problem+json` with one of these types, written `urn:holdfast:problem:<type>`;
this page is made from the code.

Each body has `type`, `title`, `status`, `detail` and `request_id`, and the extensions of its row. *Certainly no effect*: the
request changed nothing, whatever happens later; where it says no, ask again with the same Idempotency-Key. *Retry may help*: the
same request may be accepted later, after `Retry-After` if the answer carries one. What is not listed by name is said in
[what you may rely on](../guarantees.md#what-an-answer-means).

What is not even a request of HTTP/1 gets no problem: a bad request line or header is answered 400, too long a path 414, more than 100
headers or more than `http.max_head_bytes` of them 431, each without a body, and the connection closes.

`pointer` says where a request is wrong: a JSON pointer into the body, empty for the whole body; or, outside of the body,
`header/<name>`, `path`, `query` or `query/<name>`.

";

#[test]
fn the_page_of_problems_is_the_generated_one() {
    compare("problems.md", &format!("{PROBLEMS_HEAD}{}", holdfast_api::reference_table()));
}

#[test]
fn the_page_of_configuration_keys_is_the_generated_one() {
    compare("config.md", &holdfast_node::config::reference());
}

#[test]
fn the_page_of_metrics_is_the_generated_one() {
    compare("metrics.md", &holdfast_node::metrics::catalogue::reference());
}

#[test]
fn the_page_of_the_command_line_is_the_generated_one() {
    compare("cli.md", &holdfast_node::cli::reference());
}

#[test]
fn the_page_of_limits_is_the_generated_one() {
    compare("limits.md", &bounds::page(&top()));
}

/// The alerts and their manual may only name metrics that a node shows.
#[test]
fn every_alert_names_metrics_of_the_catalogue_and_a_section_of_the_manual() {
    let alerts = std::fs::read_to_string(top().join("deploy/prometheus/alerts.yml")).unwrap();
    let manual = std::fs::read_to_string(top().join("docs/operating/alerts.md")).unwrap();
    let known: Vec<&str> = holdfast_node::metrics::catalogue::CATALOGUE.iter().map(|metric| metric.name).collect();
    let unknown: Vec<&str> = metrics_in(&alerts).filter(|name| !is_shown(name, &known)).collect();
    assert!(unknown.is_empty(), "alerts.yml names {unknown:?}, which no node shows");
    let alerts: Vec<&str> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(!alerts.is_empty());
    for alert in alerts {
        assert!(manual.contains(&format!("## {alert}\n")), "alerts.md has no section {alert}");
    }
}

#[test]
fn a_metric_that_no_node_shows_is_found() {
    let known = ["holdfast_ready", "holdfast_commit_seconds"];
    let named: Vec<&str> = metrics_in("expr: holdfast_ready == 0 or holdfast_redy{a=\"b\"}").collect();
    assert_eq!(named, ["holdfast_ready", "holdfast_redy"]);
    assert!(is_shown("holdfast_commit_seconds_bucket", &known) && !is_shown("holdfast_redy", &known));
}

/// Words that begin as a metric's name does.
fn metrics_in(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| word.starts_with("holdfast_"))
}

/// A histogram shows three series under names made from its own.
fn is_shown(name: &str, known: &[&str]) -> bool {
    let parts = ["_bucket", "_sum", "_count"];
    known.contains(&name) || parts.iter().filter_map(|part| name.strip_suffix(part)).any(|name| known.contains(&name))
}

fn compare(name: &str, generated: &str) {
    let file = top().join("docs/reference").join(name);
    if std::env::var_os("HOLDFAST_BLESS").is_some() {
        std::fs::write(&file, generated).expect("the documents can be written");
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == generated, "docs/reference/{name} is old: run this test with HOLDFAST_BLESS=1");
}

fn top() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
