//! A promise about bytes from outside: what fuzzers run, and the tests of each crate too, which include this file.

/// One promise. It says what may be made of any bytes, and panics if that is not so.
pub struct Target {
    /// Name of the fuzz target and of its corpus.
    pub name: &'static str,
    /// Checks the promise on these bytes.
    pub check: fn(&[u8]),
    /// Bytes to begin from: some of each kind that is in order, and some that are nearly so.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Tries every target on random bytes, and on its seeds: whole, cut, with bytes changed, put in and taken out, and doubled.
#[cfg(test)]
pub(crate) fn hold(targets: &[Target]) {
    use proptest::prelude::*;
    use proptest::sample::Index;
    use proptest::test_runner::{Config, TestRunner};

    for target in targets {
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{} has no seed", target.name);
        for seed in &seeds {
            (target.check)(seed);
        }
        let harms = (any::<Index>(), prop::collection::vec((any::<Index>(), any::<u8>(), 0..5_u8), 1..4));
        let spoilt = harms.prop_map(move |(seed, harms)| {
            let mut bytes = seed.get(&seeds).clone();
            for (at, byte, harm) in harms {
                let at = at.index(bytes.len() + 1);
                match harm {
                    0 => bytes.truncate(at),
                    1 => bytes.insert(at, byte),
                    2 => drop(bytes.drain(at..(at + usize::from(byte)).min(bytes.len()))),
                    3 => bytes.extend_from_within(at..),
                    _ => bytes.iter_mut().skip(at).take(1).for_each(|old| *old = byte),
                }
            }
            bytes
        });
        let bytes = prop_oneof![1 => prop::collection::vec(any::<u8>(), 0..200), 3 => spoilt];
        let checked = TestRunner::new(Config { failure_persistence: None, ..Config::default() }).run(&bytes, |bytes| {
            (target.check)(&bytes);
            Ok(())
        });
        checked.unwrap_or_else(|error| panic!("{}: {error}", target.name));
    }
}
