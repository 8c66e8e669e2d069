//! The one place that knows whether bugs can be planted in the core.

use holdfast_inventory::Stamp;

/// Tells a planted bug what this node's wall clock shows; nothing without the feature.
#[cfg(feature = "planted-bugs")]
pub(super) fn set_wall(wall: Stamp) {
    holdfast_inventory::planted::set_wall(wall);
}

/// Tells a planted bug what this node's wall clock shows; nothing without the feature.
#[cfg(not(feature = "planted-bugs"))]
pub(super) fn set_wall(_: Stamp) {}

/// Plants a bug, on this thread and from here on, or none.
#[cfg(feature = "planted-bugs")]
pub fn plant(bug: Option<holdfast_inventory::planted::Planted>) {
    holdfast_inventory::planted::plant(bug);
}
