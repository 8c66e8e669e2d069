//! The ratios that a run tells, and what they should be.

use super::cell::{Cell, Load, Round, System};
use super::part::Part;

/// Connections at which orders are compared with the bare handler, and the targets there: on the leader, and elsewhere.
pub const CONNECTIONS: [(u32, f64, f64); 3] = [(100, 0.6, 0.55), (256, 0.8, 0.75), (1024, 0.95, 0.9)];

/// The handler with as many workers as the product is compared with.
pub const BARE: System = System::Bare(2);

/// Connections of the loads that are compared at one number of them.
pub const USUAL_CONNECTIONS: u32 = 256;

/// A number of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Answers a second.
    Rate,
    /// Median latency.
    P50,
}

/// A number of one cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Of which cell.
    pub cell: Cell,
    /// Which number.
    pub quantity: Quantity,
}

impl Figure {
    fn rate(system: System, load: Load) -> Figure {
        Figure { cell: Cell { load, system }, quantity: Quantity::Rate }
    }

    fn p50(system: System, load: Load) -> Figure {
        Figure { cell: Cell { load, system }, quantity: Quantity::P50 }
    }

    /// As it was in one round.
    fn within(self, round: &Round) -> Option<f64> {
        let measured = round.get(&self.cell)?;
        match self.quantity {
            Quantity::Rate => Some(measured.per_second),
            Quantity::P50 => measured.p50_ms,
        }
    }
}

/// What a ratio should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// So much or more.
    AtLeast(f64),
    /// So much or less.
    AtMost(f64),
}

impl Target {
    /// Whether `ratio` is as it should be.
    pub fn is_met(self, ratio: f64) -> bool {
        match self {
            Target::AtLeast(least) => ratio >= least,
            Target::AtMost(most) => ratio <= most,
        }
    }
}

/// One ratio.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What it is called.
    pub name: String,
    /// The group whose cells it needs.
    pub part: Part,
    /// The upper number.
    pub over: Figure,
    /// The lower ones; their sum.
    pub under: Vec<Figure>,
    /// What it should be, if that was ever said.
    pub target: Option<Target>,
}

impl Row {
    fn new(name: impl Into<String>, part: Part, over: Figure, under: Figure, target: Option<Target>) -> Row {
        Row { name: name.into(), part, over, under: vec![under], target }
    }

    /// The ratio in one round; none if a number is missing or nothing is under it.
    pub fn within(&self, round: &Round) -> Option<f64> {
        let under: f64 = self.under.iter().map(|figure| figure.within(round)).sum::<Option<f64>>()?;
        let over = self.over.within(round)?;
        (under > 0.0).then_some(over / under)
    }

    /// Every system that it needs.
    pub fn systems(&self) -> impl Iterator<Item = System> {
        self.under.iter().chain([&self.over]).map(|figure| figure.cell.system)
    }
}

/// Every ratio of a usual run.
pub fn all() -> Vec<Row> {
    let mut rows = orders();
    rows.extend(beside_bare());
    rows.extend(latencies());
    rows.extend(peers());
    rows
}

fn orders() -> Vec<Row> {
    let mut rows = Vec::new();
    for (system, place) in [(System::Leader, "leader"), (System::Follower, "follower"), (System::Spread, "all three")] {
        for (connections, on_leader, elsewhere) in CONNECTIONS {
            let load = Load::Orders(connections);
            let target = Target::AtLeast(if system == System::Leader { on_leader } else { elsewhere });
            let name = format!("orders ÷ bare, {place}, {connections} connections");
            rows.push(Row::new(name, Part::Orders, Figure::rate(system, load), Figure::rate(BARE, load), Some(target)));
        }
    }
    let load = Load::Orders(USUAL_CONNECTIONS);
    let (one, two) = (Figure::rate(System::Bare(1), load), Figure::rate(BARE, load));
    rows.push(Row::new("bare with 1 worker ÷ with 2", Part::Orders, one, two, None));
    rows
}

fn beside_bare() -> Vec<Row> {
    let row = |name: &str, part, system, load, under, least| {
        Row::new(name, part, Figure::rate(system, load), under, Some(Target::AtLeast(least)))
    };
    let bare = |load| Figure::rate(BARE, load);
    let (spread, leader) = (System::Spread, System::Leader);
    vec![
        row("sold-out refusals ÷ bare", Part::SoldOut, leader, Load::SoldOut, bare(Load::SoldOut), 0.95),
        row("availability ÷ bare", Part::Availability, leader, Load::Availability, bare(Load::Availability), 0.9),
        row("orders in batches of 8,192 ÷ bare's requests", Part::Batches, spread, Load::Batches, bare(Load::Batches), 6.0),
        row("hold + confirm ÷ orders", Part::Pairs, leader, Load::Pairs, Figure::rate(leader, Load::ReadOrders), 0.45),
    ]
}

fn latencies() -> Vec<Row> {
    let floor = vec![Figure::p50(System::Disk, Load::Syncs(3)), Figure::p50(BARE, Load::Single)];
    let row = |name: &str, system, most| Row {
        name: format!("one connection, p50 ÷ (fdatasync of 3 + bare), {name}"),
        part: Part::Single,
        over: Figure::p50(system, Load::Single),
        under: floor.clone(),
        target: Some(Target::AtMost(most)),
    };
    vec![row("leader", System::Leader, 1.6), row("follower", System::Follower, 2.0)]
}

fn peers() -> Vec<Row> {
    let row = |name: &str, part, system, least| {
        let (over, under) = (Figure::rate(System::Leader, Load::Plateau), Figure::rate(system, Load::Plateau));
        Row::new(name, part, over, under, Some(Target::AtLeast(least)))
    };
    vec![
        row("orders ÷ etcd's puts", Part::Etcd, System::Etcd, 8.0),
        row("orders ÷ axum + Redis", Part::Redis, System::Redis, 2.0),
        row("orders ÷ PostgreSQL, one hot row", Part::Postgresql, System::PostgreSql, 20.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::cell::Measured;
    use super::*;

    fn measured(per_second: f64, p50_ms: f64) -> Measured {
        Measured { per_second, p50_ms: Some(p50_ms), ..Measured::default() }
    }

    #[test]
    fn a_ratio_is_of_cells_of_one_round_and_missing_without_them() {
        let row = &orders()[0];
        let mut round = Round::from([(row.over.cell, measured(40.0, 1.0))]);
        assert_eq!(row.within(&round), None);
        round.insert(row.under[0].cell, measured(100.0, 1.0));
        assert_eq!(row.within(&round), Some(0.4));
        round.insert(row.under[0].cell, measured(0.0, 1.0));
        assert_eq!(row.within(&round), None, "nothing is divided by nothing");
    }

    #[test]
    fn the_floor_of_one_connection_is_a_sync_and_a_bare_request() {
        let row = &latencies()[0];
        let mut round = Round::from([(row.over.cell, measured(1.0, 0.8))]);
        round.extend(row.under.iter().map(|figure| (figure.cell, measured(1.0, 0.25))));
        assert_eq!(row.within(&round), Some(1.6));
        assert!(row.target.unwrap().is_met(1.6) && !row.target.unwrap().is_met(1.7));
    }

    #[test]
    fn every_row_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<String> = all().into_iter().map(|row| row.name).collect();
        assert_eq!(names.len(), all().len());
    }
}
