//! Bugs planted in the handlers, one at a time: each is caught by a test of what it breaks. Needs the feature of that name.

use holdfast_inventory::planted::not_caught;

use super::{buying, listing, watching};
use crate::planted::{Planted, plant};

#[test]
fn every_planted_bug_is_caught_by_the_test_of_what_it_breaks() {
    let tests: [(Planted, fn()); 4] = [
        (Planted::NotFoundWithoutProof, listing::an_unknown_sku_is_told_only_with_a_proof_and_with_its_place),
        (Planted::ReadBeforeApply, buying::an_order_is_read_where_its_entry_is_applied_and_nowhere_else),
        (Planted::ToldOverMissingPages, listing::a_status_that_stands_in_missing_pages_is_not_told),
        (Planted::RefusalCountedAsAccepted, watching::metrics_count_what_was_answered),
    ];
    assert_eq!(not_caught(plant, &tests), []);
}
