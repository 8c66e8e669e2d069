//! Figures under each other.

use std::fmt;

use super::{Point, Report};

/// A head and rows, every row as long as the head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns.
    pub head: Vec<&'static str>,
    /// Cells, as they are shown.
    pub rows: Vec<Vec<String>>,
}

/// The name of a column and its cell for a point.
type Column = (&'static str, fn(&Point) -> String);

const WHAT: Column = ("", |point| point.what.clone());
const ANSWERED: Column = ("ANSWERED/S", |point| whole(point.answered_per_second));
const ACKNOWLEDGED: Column = ("ACKNOWLEDGED/S", |point| whole(point.acknowledged_per_second));
const P50: Column = ("P50 MS", |point| quantile(point, |q| q.p50_ms));
const P99: Column = ("P99 MS", |point| quantile(point, |q| q.p99_ms));
const P99_9: Column = ("P99.9 MS", |point| quantile(point, |q| q.p99_9_ms));
const OFFERED: Column = ("OFFERED/S", |point| point.offered_per_second.map_or_else(dash, whole));
const SATURATED: Column = ("SATURATED", |point| point.saturated.map_or_else(dash, yes_no));
const LITTLE: Column = ("X·R", |point| {
    point.little.map_or_else(dash, |little| format!("{:.1}{}", little.expected_connections, if little.holds { "" } else { " (!)" }))
});
const CLIENT_CPU: Column = ("GENERATOR US", |point| point.generator.cpu_us_per_request.map_or_else(dash, |cpu| format!("{cpu:.1}")));
const NODES_CPU: Column = ("NODES US", |point| match point.nodes.map(|nodes| nodes.cpu_us_per_request) {
    Some(Some(cpu)) => format!("{cpu:.1}"),
    Some(None) => dash(),
    None => "not known".to_owned(),
});
const LAG: Column = ("LAG P99 MS", |point| point.generator.lag_p99_ms.map_or_else(dash, |late| format!("{late:.2}")));
const LIMIT: Column = ("LIMITED BY", |point| if point.generator.limit.is_some() { "generator".into() } else { dash() });

const FLASH: [Column; 9] = [
    WHAT,
    ("REACHED/S", |point| point.flash.map_or_else(dash, |flash| whole(flash.reached_per_second))),
    ("SOLD OUT S", |point| point.flash.and_then(|flash| flash.sold_out_after_s).map_or_else(dash, |after| format!("{after:.2}"))),
    ("GOODPUT/S", |point| point.flash.map_or_else(dash, |flash| whole(flash.goodput_per_second))),
    ("WINNERS P99 MS", |point| point.latency.acknowledged.map_or_else(dash, |q| figure(q.p99_ms))),
    ("LOSERS P99 MS", |point| point.latency.refused.map_or_else(dash, |q| figure(q.p99_ms))),
    ("MEMORY MIB", |point| {
        point.nodes.and_then(|nodes| nodes.peak_memory_bytes).map_or_else(|| "not known".into(), |b| (b >> 20).to_string())
    }),
    ("RECOVERED S", |point| point.flash.and_then(|flash| flash.recovered_after_s).map_or_else(|| "not seen".into(), |s| format!("{s:.2}"))),
    ("CONSERVED", |point| point.flash.map_or_else(dash, |flash| if flash.sound { "yes".into() } else { "NO".into() })),
];

const OUTCOMES: [Column; 10] = [
    WHAT,
    ("ACKNOWLEDGED", |point| point.counts.acknowledged.to_string()),
    ("REPLAYED", |point| point.counts.replayed.to_string()),
    ("RETRIES", |point| point.counts.retries.to_string()),
    ("STEPS", |point| point.counts.steps.to_string()),
    ("READS", |point| point.counts.reads.to_string()),
    ("REFUSED", |point| by_name(&point.counts.refused)),
    ("UNKNOWN", |point| by_name(&point.counts.unknown)),
    ("ERRORS", |point| point.counts.errors.to_string()),
    ("UNSENT", |point| point.counts.unsent.to_string()),
];

/// The tables of a report: figures first, then what became of every request.
pub(super) fn of(report: &Report) -> Vec<(&'static str, Table)> {
    let figures: &[Column] = match report.mode {
        "ladder" => &[WHAT, ACKNOWLEDGED, P50, P99, P99_9, LITTLE, CLIENT_CPU, NODES_CPU, LIMIT],
        "rate" => &[WHAT, OFFERED, ACKNOWLEDGED, SATURATED, P50, P99, P99_9, LAG, CLIENT_CPU, NODES_CPU, LIMIT],
        "flash" => &FLASH,
        "batch" => &[WHAT, ACKNOWLEDGED, P50, P99, P99_9, CLIENT_CPU, NODES_CPU, LIMIT],
        _ => &[WHAT, OFFERED, ANSWERED, ACKNOWLEDGED, P50, P99, P99_9, CLIENT_CPU, NODES_CPU, LIMIT],
    };
    let mut tables = vec![("figures", table(figures, &report.points))];
    if report.mode == "mix" {
        tables.push(("latencies", latencies(&report.points)));
    }
    tables.push(("outcomes", table(&OUTCOMES, &report.points)));
    tables
}

fn table(columns: &[Column], points: &[Point]) -> Table {
    let row = |point| columns.iter().map(|(_, cell)| cell(point)).collect();
    Table { head: columns.iter().map(|(name, _)| *name).collect(), rows: points.iter().map(row).collect() }
}

fn latencies(points: &[Point]) -> Table {
    let head = vec!["", "COUNT", "P50 MS", "P99 MS", "P99.9 MS", "LONGEST MS"];
    let rows = points.iter().flat_map(|point| {
        let latency = point.latency;
        let kinds = [
            ("orders acknowledged", latency.acknowledged),
            ("orders refused", latency.refused),
            ("confirms and releases", latency.steps),
            ("reads", latency.reads),
            ("unknown", latency.unknown),
        ];
        kinds.into_iter().filter_map(|(kind, quantiles)| {
            let q = quantiles?;
            Some(vec![kind.to_owned(), q.count.to_string(), figure(q.p50_ms), figure(q.p99_ms), figure(q.p99_9_ms), figure(q.max_ms)])
        })
    });
    Table { head, rows: rows.collect() }
}

fn quantile(point: &Point, of: fn(&super::Quantiles) -> f64) -> String {
    point.latency.acknowledged.as_ref().map_or_else(dash, |quantiles| figure(of(quantiles)))
}

fn by_name(counts: &std::collections::BTreeMap<&'static str, u64>) -> String {
    let told: Vec<_> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    if told.is_empty() { "0".into() } else { told.join(", ") }
}

/// Milliseconds with as many digits as they deserve.
pub(super) fn figure(ms: f64) -> String {
    if ms < 10.0 { format!("{ms:.2}") } else { format!("{ms:.1}") }
}

fn whole(number: f64) -> String {
    format!("{number:.0}")
}

fn yes_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

fn dash() -> String {
    "-".to_owned()
}

impl fmt::Display for Table {
    /// Columns as wide as their widest cell, without a line end behind the last row.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head: Vec<String> = self.head.iter().map(|name| (*name).to_owned()).collect();
        let rows: Vec<&Vec<String>> = std::iter::once(&head).chain(&self.rows).collect();
        let widths: Vec<usize> =
            (0..head.len()).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
        for (number, row) in rows.into_iter().enumerate() {
            let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            let line = cells.join("  ");
            write!(f, "{}{}", if number > 0 { "\n" } else { "" }, line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let table = Table { head: vec!["A", "LONG"], rows: vec![vec!["wide".into(), "1".into()], vec!["x".into(), "2".into()]] };
        assert_eq!(table.to_string(), "A     LONG\nwide  1\nx     2");
    }
}
