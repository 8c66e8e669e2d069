//! Every promise about bytes from outside, by name. Each crate says its own, in its `fuzz.rs`.

use holdfast_api::fuzz::TARGETS as API;
use holdfast_inventory::fuzz::TARGETS as INVENTORY;
use holdfast_node::fuzz::TARGETS as NODE;
use holdfast_raft::fuzz::TARGETS as RAFT;
use holdfast_storage::fuzz::TARGETS as STORAGE;

/// A promise, whichever crate says it.
#[derive(Clone, Copy)]
pub struct Promise {
    /// Name of its target.
    pub name: &'static str,
    /// Panics if it is broken.
    pub check: fn(&[u8]),
    /// Bytes to begin from.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub fn promises() -> Vec<Promise> {
    macro_rules! of {
        ($($targets:ident),*) => {
            [$($targets.iter().map(|of| Promise { name: of.name, check: of.check, seeds: of.seeds }).collect::<Vec<_>>()),*].concat()
        };
    }
    of!(API, INVENTORY, STORAGE, RAFT, NODE)
}

/// The check of a promise.
///
/// # Panics
/// If there is none of this name: the manifest lists a target that no crate has.
pub fn check(name: &str) -> fn(&[u8]) {
    promises().iter().find(|promise| promise.name == name).map(|promise| promise.check).expect("a promise of this name")
}
