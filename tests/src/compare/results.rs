//! What all rounds gave, and the tables of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use serde_json::{Value, json};

use super::cell::{Cell, Measured, Round, System};
use super::extra::Extra;
use super::part::Part;
use super::row::{self, Row, Target};
use super::spread::Spread;

/// Of a whole comparison.
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// Cells of each round.
    pub rounds: Vec<Round>,
    /// Who was not measured, and why.
    pub not_run: BTreeMap<System, String>,
    /// What is no ratio of cells.
    pub extra: Vec<Extra>,
    /// Why it ended before its end; none if it did not.
    pub broken: Option<String>,
    /// What whoever reads the figures should know.
    pub remarks: Vec<String>,
    /// Parts that were not measured for a reason of their own.
    pub parts_not_run: Vec<(Part, String)>,
    /// Cells that no median counts, by the number of their round.
    pub left_out: BTreeMap<usize, Round>,
}

impl Results {
    /// Without a generator only the disk can be measured.
    #[must_use]
    pub fn nothing_over_http(mut self, reason: &str) -> Results {
        let rows = row::all();
        let systems = rows.iter().flat_map(Row::systems).filter(|system| *system != System::Disk);
        self.not_run.extend(systems.map(|system| (system, reason.to_owned())));
        self.parts_not_run.extend([Part::Overload, Part::Growth].map(|part| (part, reason.to_owned())));
        self
    }

    /// Takes what was measured on the leader or on a follower out of a round in which they may have changed places.
    pub fn leave_out(&mut self, number: usize, round: &mut Round, why: &str) {
        let (out, kept): (Round, Round) =
            std::mem::take(round).into_iter().partition(|(cell, _)| matches!(cell.system, System::Leader | System::Follower));
        *round = kept;
        if !out.is_empty() {
            self.remarks.push(format!("round {}: {why}: their cells of it are left out", number + 1));
            self.left_out.insert(number, out);
        }
    }

    /// The table of ratios, of these parts.
    pub fn table(&self, parts: &[Part]) -> String {
        let rows: Vec<Row> = row::all().into_iter().filter(|row| parts.contains(&row.part)).collect();
        let names = rows.iter().map(|row| &row.name).chain(self.extra.iter().map(|extra| &extra.name));
        let width = names.map(|name| name.chars().count()).max().unwrap_or_default();
        let mut table = format!("{:<width$}   median  least–most      target\n", "ratio");
        for row in rows {
            // Writing to a string cannot fail.
            _ = writeln!(table, "{:<width$}  {}", row.name, self.line(&row));
        }
        for extra in &self.extra {
            let figures = figures(&extra.values, extra.target).unwrap_or_else(|| "NOT RUN: nothing was measured".into());
            _ = writeln!(table, "{:<width$}  {figures}", extra.name);
        }
        table + &self.below(parts)
    }

    /// What stands below the table.
    fn below(&self, parts: &[Part]) -> String {
        let not_run = self.parts_not_run.iter().filter(|(part, _)| parts.contains(part));
        let not_run = not_run.map(|(part, reason)| format!("{part:?}: NOT RUN: {reason}\n"));
        let broken = self.broken.iter().map(|reason| format!("BROKEN OFF {reason}\n"));
        not_run.chain(self.all_remarks().map(|remark| format!("{remark}\n"))).chain(broken).collect()
    }

    /// What was remarked, and where the generator was measured rather than whom it asked.
    fn all_remarks(&self) -> impl Iterator<Item = String> {
        let mut limited: BTreeMap<Cell, usize> = BTreeMap::new();
        for (cell, _) in self.rounds.iter().flatten().filter(|(_, measured)| measured.is_limited_by_wrk()) {
            *limited.entry(*cell).or_default() += 1;
        }
        let rounds = self.rounds.len();
        let told = move |(cell, times): (Cell, usize)| {
            format!("wrk was the limit of {}: {}, in {times} of {rounds} rounds", cell.load, cell.system)
        };
        self.remarks.iter().cloned().chain(limited.into_iter().map(told))
    }

    fn line(&self, row: &Row) -> String {
        let ratios: Vec<f64> = self.rounds.iter().filter_map(|round| row.within(round)).collect();
        let Some(figures) = figures(&ratios, row.target) else {
            let reason = row.systems().find_map(|system| self.not_run.get(&system)).map(String::as_str);
            let without = if self.lacks(row) > 0 { "no round of it counts" } else { "nothing was measured" };
            return format!("NOT RUN: {}", reason.unwrap_or(without));
        };
        let left = match self.lacks(row) {
            0 => String::new(),
            lacks => format!("  ({lacks} of {} rounds left out)", self.rounds.len()),
        };
        figures + &left
    }

    /// How many rounds lack it because cells of it were left out.
    fn lacks(&self, row: &Row) -> usize {
        self.left_out.values().filter(|round| round.contains_key(&row.over.cell)).count()
    }

    /// Every cell: rates, latencies, and processor time for each answer by process.
    pub fn cells(&self) -> String {
        let cells: BTreeSet<Cell> = self.rounds.iter().flat_map(Round::keys).copied().collect();
        let mut told = String::from(
            "load: system: answers a second (median, least–most); p50/p99 in ms; µs of processor time an answer, by process\n",
        );
        for cell in cells {
            let measured: Vec<&Measured> = self.rounds.iter().filter_map(|round| round.get(&cell)).collect();
            _ = writeln!(told, "{}: {}{}", cell.load, cell.system, described(&measured));
        }
        told
    }

    /// Who was measured, and what an answer of each rests on.
    pub fn durabilities(&self) -> String {
        let systems: BTreeSet<System> = self.rounds.iter().flat_map(Round::keys).map(|cell| cell.system).collect();
        systems.into_iter().fold(String::new(), |told, system| format!("{told}{system}: {}\n", system.durability()))
    }

    /// Everything, for a program.
    pub fn json(&self, parts: &[Part]) -> Value {
        let cells = |round: &Round| -> Vec<Value> {
            let told = |load: String, system: String, measured| json!({ "load": load, "system": system, "measured": measured });
            round.iter().map(|(cell, measured)| told(cell.load.to_string(), cell.system.to_string(), measured)).collect()
        };
        let ratio = |row: Row| {
            let ratios: Vec<Option<f64>> = self.rounds.iter().map(|round| row.within(round)).collect();
            json!({ "name": row.name, "ratios": ratios, "target": row.target.map(|target| target.to_string()) })
        };
        let rows = row::all().into_iter().filter(|row| parts.contains(&row.part)).map(ratio);
        let not_run: BTreeMap<String, &String> = self.not_run.iter().map(|(system, reason)| (system.to_string(), reason)).collect();
        let extra =
            |extra: &Extra| json!({ "name": extra.name, "ratios": extra.values, "target": extra.target.map(|target| target.to_string()) });
        let rows = rows.chain(self.extra.iter().map(extra));
        let parts_not_run: BTreeMap<String, &String> =
            self.parts_not_run.iter().map(|(part, reason)| (format!("{part:?}"), reason)).collect();
        let left_out = self.left_out.iter().map(|(number, round)| json!({ "round": number + 1, "cells": cells(round) }));
        json!({
            "rounds": self.rounds.iter().map(cells).collect::<Vec<_>>(),
            "ratios": rows.collect::<Vec<_>>(),
            "not_run": not_run,
            "parts_not_run": parts_not_run,
            "remarks": self.all_remarks().collect::<Vec<_>>(),
            "broken": self.broken,
            "left_out": left_out.collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::AtLeast(least) => write!(f, "≥ {least:<5}"),
            Target::AtMost(most) => write!(f, "≤ {most:<5}"),
        }
    }
}

/// Median, spread, target, and whether it is met; none of no values.
fn figures(values: &[f64], target: Option<Target>) -> Option<String> {
    let spread = Spread::of(values)?;
    let met = |target: Target| format!("{target}  {}", if target.is_met(spread.median) { "met" } else { "missed" });
    Some(format!("{:<24}{}", spread.to_string(), target.map(met).unwrap_or_default()))
}

/// The numbers of one cell over all rounds.
fn described(measured: &[&Measured]) -> String {
    let spread = |of: &dyn Fn(&Measured) -> Option<f64>| Spread::of(&measured.iter().filter_map(|m| of(m)).collect::<Vec<_>>());
    let middle = |of: &dyn Fn(&Measured) -> Option<f64>| spread(of).map(|spread| spread.median);
    let mut told = measured.first().filter(|m| !m.how.is_empty()).map(|m| format!(", {}", m.how)).unwrap_or_default();
    if let Some(rate) = spread(&|m| Some(m.per_second)) {
        _ = write!(told, ":  {rate:.0}");
    }
    if let (Some(p50), Some(p99)) = (middle(&|m| m.p50_ms), middle(&|m| m.p99_ms)) {
        _ = write!(told, ";  {p50:.2}/{p99:.2}");
    }
    let processes: BTreeSet<&String> = measured.iter().flat_map(|m| m.processor_us.keys()).collect();
    let times = processes.into_iter().filter_map(|name| Some(format!("{name} {:.1}", middle(&|m| m.processor_us.get(name).copied())?)));
    let times = times.collect::<Vec<_>>().join(", ");
    let unexpected: u64 = measured.iter().map(|m| m.unexpected).sum();
    _ = write!(told, "{}{times}", if times.is_empty() { "" } else { ";  " });
    if unexpected > 0 {
        _ = write!(told, ";  {unexpected} other answers");
    }
    told
}

#[cfg(test)]
mod tests {
    use super::super::cell::{GENERATOR, Load};
    use super::*;

    fn results() -> Results {
        let cell = |system| Cell { load: Load::Orders(100), system };
        let measured = |per_second| Measured { per_second, ..Measured::default() };
        let round = |leader, follower| {
            Round::from([
                (cell(row::BARE), measured(100.0)),
                (cell(System::Leader), measured(leader)),
                (cell(System::Follower), measured(follower)),
            ])
        };
        let not_run = BTreeMap::from([(System::Etcd, "etcd is not installed".to_owned())]);
        Results { rounds: vec![round(70.0, 40.0), round(62.0, 50.0), round(50.0, 30.0)], not_run, ..Results::default() }
    }

    fn line<'a>(table: &'a str, begin: &str) -> &'a str {
        table.lines().find(|line| line.starts_with(begin)).unwrap()
    }

    #[test]
    fn a_line_tells_median_spread_target_and_whether_it_is_met() {
        let table = results().table(&[Part::Orders]);
        let words = |begin| line(&table, begin).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words("orders ÷ bare, leader, 100")[6..], ["0.62", "0.50–0.70", "≥", "0.6", "met"]);
        assert_eq!(words("orders ÷ bare, follower, 100")[6..], ["0.40", "0.30–0.50", "≥", "0.55", "missed"]);
    }

    #[test]
    fn what_was_not_run_is_named_with_its_reason_and_what_was_not_asked_is_left_out() {
        let table = results().table(&[Part::Etcd, Part::Redis]);
        assert!(line(&table, "orders ÷ etcd").ends_with("NOT RUN: etcd is not installed"));
        assert!(line(&table, "orders ÷ axum + Redis").ends_with("NOT RUN: nothing was measured"));
        assert!(!table.contains("leader"));
    }

    #[test]
    fn a_round_in_which_the_lead_moved_counts_for_neither_leader_nor_follower() {
        let mut results = results();
        let mut moved = std::mem::take(&mut results.rounds[0]);
        results.leave_out(0, &mut moved, "node 2 leads");
        assert_eq!(moved.keys().map(|cell| cell.system).collect::<Vec<_>>(), [row::BARE]);
        results.rounds[0] = moved;
        let table = results.table(&[Part::Orders]);
        assert!(line(&table, "orders ÷ bare, leader, 100").contains("0.56  0.50–0.62"), "{table}");
        assert!(line(&table, "orders ÷ bare, leader, 100").ends_with("(1 of 3 rounds left out)"), "{table}");
        assert_eq!(line(&table, "round 1"), "round 1: node 2 leads: their cells of it are left out");
        assert_eq!(results.json(&[])["left_out"][0]["cells"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn a_line_of_which_no_round_counts_says_so() {
        let mut results = results();
        let mut rounds = std::mem::take(&mut results.rounds);
        rounds.iter_mut().enumerate().for_each(|(number, round)| results.leave_out(number, round, "moved"));
        results.rounds = rounds;
        assert!(line(&results.table(&[Part::Orders]), "orders ÷ bare, leader, 100").ends_with("NOT RUN: no round of it counts"));
    }

    #[test]
    fn where_wrk_was_the_limit_it_is_remarked() {
        let mut results = results();
        let leader = Cell { load: Load::Orders(100), system: System::Leader };
        let measured = results.rounds[1].get_mut(&leader).unwrap();
        (measured.wrk_threads, measured.processor_us) = (Some(1), BTreeMap::from([(GENERATOR.to_owned(), 1e6)]));
        let told = "wrk was the limit of orders, 100 connections: Holdfast, leader, in 1 of 3 rounds";
        assert_eq!(line(&results.table(&[Part::Orders]), "wrk"), told);
        assert_eq!(results.json(&[])["remarks"], json!([told]));
    }

    #[test]
    fn a_program_is_told_what_stands_below_the_table_too() {
        let parts_not_run = vec![(Part::Overload, "no control groups".to_owned())];
        let results = Results { parts_not_run, remarks: vec!["a remark".into()], broken: Some("in round 2".into()), ..results() };
        let told = results.json(&[Part::Orders]);
        assert_eq!(told["parts_not_run"], json!({ "Overload": "no control groups" }));
        assert_eq!((&told["remarks"], &told["broken"]), (&json!(["a remark"]), &json!("in round 2")));
    }

    #[test]
    fn without_a_generator_every_line_says_so() {
        let table = Results::default().nothing_over_http("no wrk").table(&Part::USUAL);
        assert!(table.lines().skip(1).all(|line| line.ends_with("NOT RUN: no wrk")), "{table}");
    }
}
