//! The page: tables and pictures in one file that asks nobody for anything.

use std::fmt::Write as _;

use super::plot::{Plot, Scale};
use super::{Point, Report, Table};
use crate::bench::limits::SLOT;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:75em;margin:2em auto;padding:0 1em;color:#222;background:#fff}\
table{border-collapse:collapse;margin:1em 0;font-variant-numeric:tabular-nums}td,th{padding:.2em .8em;border-bottom:1px solid #ddd;text-align:right}\
td:first-child,th:first-child{text-align:left}svg{width:100%;max-width:48em;display:block;margin:1em 0;font:11px system-ui,sans-serif}\
svg .title{font-size:14px;font-weight:600}svg .grid{stroke:#ddd;fill:none}svg .x{text-anchor:middle}svg .y{text-anchor:end}\
.bad{color:#b00020;font-weight:600}.wide{overflow-x:auto}";

/// The page of a report.
pub(super) fn of(report: &Report) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    write_page(&mut page, report).unwrap_or_default();
    page
}

fn write_page(page: &mut String, report: &Report) -> std::fmt::Result {
    let cluster = &report.cluster;
    let title = format!("holdfast bench {}", report.mode);
    writeln!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title}</title>\n<style>{STYLE}</style></head>\n<body>\n<h1>{title}</h1>"
    )?;
    writeln!(
        page,
        "<p>{}. Cluster {} of {} nodes, node {} leads; asked: {}. Generator {} with {} threads on {} cores.</p>",
        escape(&report.began),
        escape(&cluster.cluster_id),
        cluster.members,
        cluster.leader,
        escape(&cluster.asked.join(", ")),
        report.version,
        report.threads,
        report.cores
    )?;
    if let Some(plateau) = report.plateau {
        let at = plateau.connections.map(|connections| format!(", reached with {connections} connections")).unwrap_or_default();
        writeln!(page, "<p>Plateau: {:.0} orders/s{at}.</p>", plateau.per_second)?;
    }
    if report.interrupted {
        writeln!(page, "<p class=\"bad\">It was stopped before it was done.</p>")?;
    }
    if let Some(check) = &report.check {
        let (calls, orders) = (check.calls, check.orders);
        writeln!(page, "<p>Checked: {calls} calls against {orders} orders of the ledger, {} violations.</p>", report.violations.len())?;
    }
    for violation in &report.violations {
        writeln!(page, "<p class=\"bad\">{}</p>", escape(violation))?;
    }
    for plot in plots(report) {
        page.push_str(&plot.svg().unwrap_or_default());
    }
    for (title, table) in report.tables() {
        writeln!(page, "<h2>{title}</h2>")?;
        write_table(page, &table)?;
    }
    if !report.notes.is_empty() {
        writeln!(page, "<h2>notes</h2>\n<ul>")?;
        report.notes.iter().try_for_each(|note| writeln!(page, "<li>{}</li>", escape(note)))?;
        writeln!(page, "</ul>")?;
    }
    writeln!(page, "</body>\n</html>")
}

fn write_table(page: &mut String, table: &Table) -> std::fmt::Result {
    let row = |cells: Vec<String>, tag: &str| {
        let cells: Vec<String> = cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect();
        format!("<tr>{}</tr>", cells.concat())
    };
    writeln!(page, "<div class=\"wide\"><table>\n{}", row(table.head.iter().map(|name| name.to_lowercase()).collect(), "th"))?;
    table.rows.iter().try_for_each(|cells| writeln!(page, "{}", row(cells.clone(), "td")))?;
    writeln!(page, "</table></div>")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The pictures of a report.
fn plots(report: &Report) -> Vec<Plot> {
    let points = &report.points;
    match report.mode {
        "ladder" => {
            let x = ("connections", Scale::Factors);
            let connections = |point: &Point| point.connections as f64;
            vec![
                rates(points, x, connections, &[("acknowledged", |point| Some(point.acknowledged_per_second))]),
                latencies(points, x, connections),
            ]
        }
        "rate" => {
            let x = ("offered requests/s", Scale::Even);
            let offered = |point: &Point| point.offered_per_second.unwrap_or(0.0);
            let lines: [(_, Value); 2] =
                [("acknowledged", |point| Some(point.acknowledged_per_second)), ("offered", |point| point.offered_per_second)];
            vec![latencies(points, x, offered), rates(points, x, offered, &lines)]
        }
        "batch" => {
            let x = ("orders in a batch", Scale::Factors);
            let size = |point: &Point| point.batch_size.unwrap_or(0) as f64;
            vec![rates(points, x, size, &[("acknowledged", |point| Some(point.acknowledged_per_second))]), latencies(points, x, size)]
        }
        _ => points.iter().map(timeline).collect(),
    }
}

type Value = fn(&Point) -> Option<f64>;

fn rates(points: &[Point], x: (&'static str, Scale), at: fn(&Point) -> f64, of: &[(&'static str, Value)]) -> Plot {
    Plot { title: "Rate", x, y: ("a second", Scale::Even), lines: lines(points, at, of) }
}

fn latencies(points: &[Point], x: (&'static str, Scale), at: fn(&Point) -> f64) -> Plot {
    let of: [(_, Value); 3] = [
        ("p50", |point| Some(point.latency.acknowledged?.p50_ms)),
        ("p99", |point| Some(point.latency.acknowledged?.p99_ms)),
        ("p99.9", |point| Some(point.latency.acknowledged?.p99_9_ms)),
    ];
    Plot { title: "Latency of acknowledged orders", x, y: ("ms", Scale::Factors), lines: lines(points, at, &of) }
}

fn lines(points: &[Point], at: fn(&Point) -> f64, of: &[(&'static str, Value)]) -> Vec<(&'static str, Vec<(f64, f64)>)> {
    of.iter().map(|(name, value)| (*name, points.iter().filter_map(|point| Some((at(point), value(point)?))).collect())).collect()
}

fn timeline(point: &Point) -> Plot {
    let slot = SLOT.as_secs_f64();
    let line = |of: fn(&crate::bench::tally::Slot) -> u32| {
        point.timeline.iter().enumerate().map(|(number, slot_of)| (number as f64 * slot, f64::from(of(slot_of)) / slot)).collect()
    };
    Plot {
        title: "Answers over time",
        x: ("seconds", Scale::Even),
        y: ("a second", Scale::Even),
        lines: vec![("acknowledged", line(|slot| slot.acknowledged)), ("refused", line(|slot| slot.refused))],
    }
}
