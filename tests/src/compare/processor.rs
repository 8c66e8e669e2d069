//! Processor time of processes, from `/proc`.

use std::collections::BTreeMap;

use super::cell::GENERATOR;

/// Ticks a second of the times in `/proc`: fixed for programs, whatever the kernel's own clock.
const TICKS: f64 = 100.0;

/// Where user time stands, counted from the field after the process's name; system time, and both of ended children, follow.
const USER_TIME: usize = 11;

/// User and system time, of the process and of its ended children.
const TIMES: usize = 4;

/// Processes under a name each.
pub type Watched = Vec<(String, u32)>;

/// Seconds that each watched process has spent, in user and kernel together; and this one with its ended children, as
/// the generator.
pub fn spent(watched: &Watched) -> BTreeMap<String, f64> {
    let mut spent = BTreeMap::new();
    for (name, id) in watched {
        *spent.entry(name.clone()).or_default() += whole(*id) / TICKS;
    }
    spent.insert(GENERATOR.to_owned(), ticks("self") / TICKS);
    spent
}

/// Microseconds for each of `count`, from what was spent before and after.
pub fn each(before: &BTreeMap<String, f64>, after: &BTreeMap<String, f64>, count: u64) -> BTreeMap<String, f64> {
    let of = |name: &String, after: f64| (after - before.get(name).copied().unwrap_or_default()) * 1e6 / count.max(1) as f64;
    after.iter().map(|(name, &seconds)| (name.clone(), of(name, seconds))).collect()
}

/// Of a process and all its children, ended ones too: some servers are many processes.
fn whole(id: u32) -> f64 {
    let own = ticks(&id.to_string());
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    own + children.split_whitespace().map(ticks).sum::<f64>()
}

/// All times of a process, in ticks; nothing of one that is gone.
fn ticks(process: &str) -> f64 {
    std::fs::read_to_string(format!("/proc/{process}/stat")).map(|stat| times(&stat)).unwrap_or_default()
}

/// The name, in brackets, may hold spaces and brackets: fields are counted from its end.
fn times(stat: &str) -> f64 {
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    after_name.split(' ').skip(USER_TIME).take(TIMES).filter_map(|field| field.parse::<f64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stand_behind_a_name_of_any_shape() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 101 0 2 0 30 12 5 3 20 0 4 0 99";
        assert!((times(stat) - 50.0).abs() < 1e-9);
    }

    #[test]
    fn time_is_shared_among_what_was_done() {
        let before = BTreeMap::from([("a".to_owned(), 1.0)]);
        let after = BTreeMap::from([("a".to_owned(), 1.5)]);
        assert!((each(&before, &after, 1000)["a"] - 500.0).abs() < 1e-9);
        assert!(spent(&vec![("own".to_owned(), std::process::id())])["own"] >= 0.0);
    }
}
