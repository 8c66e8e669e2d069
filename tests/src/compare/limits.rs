//! Bounds and deadlines of a comparison.

use std::time::Duration;

/// What a measured process may take beyond the time it was given.
pub const LOAD_OVERTIME: Duration = Duration::from_secs(20);

/// Between two cells: what the one before left to write must not fall to the next.
pub const SETTLES_WITHIN: Duration = Duration::from_millis(300);

/// Connections that are tried for a plateau.
pub const LADDER: [u32; 5] = [64, 128, 256, 512, 1024];

/// How long each of them is tried.
pub const LADDER_SECONDS: u32 = 2;

/// Units of the SKU that is sold: more than any run sells.
pub const STOCK: u64 = 100_000_000_000;

/// Bytes of the file that each writer syncs into.
pub const SYNCED_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Bytes of one synced write.
pub const SYNCED_BYTES: usize = 4096;

/// Rounds of the short comparison: half a minute in all.
pub const FLOOR_ROUNDS: u32 = 3;

/// How long each of its cells is.
pub const FLOOR_SECONDS: u32 = 2;

/// Batches under way at each node: one is read and answered while the other is committed.
pub const BATCHES_IN_FLIGHT: usize = 2;

/// Files that a process may have open at least: twice the most connections that are tried, since a node keeps some for itself.
pub const OPEN_FILES: u64 = 4096;

/// Connections that are tried for the product's plateau.
pub const HOLDFAST_LADDER: [u32; 4] = [256, 512, 1024, 2048];

/// How long batches fill a cluster between two looks at how much it holds.
pub const FILL_FOR: Duration = Duration::from_secs(2);

/// SKUs that are created side by side.
pub const CREATED_AT_ONCE: usize = 64;

/// Hundredths of one core that three overloaded nodes have together.
pub const HELD_PER_CENT: u64 = 20;

/// How many times their plateau is offered.
pub const OVERLOAD: f64 = 10.0;

/// Connections that are tried for that plateau.
pub const HELD_LADDER: [u32; 3] = [64, 256, 1024];

/// Connections of a flood.
pub const FLOOD_CONNECTIONS: usize = 1000;

/// From its beginning until as much waits as can: what is answered before and waits at the end would count against the servers.
pub const FLOOD_FULL_AFTER: Duration = Duration::from_secs(1);

/// Bytes read from one of them at once.
pub const READ_BYTES: usize = 8192;

/// Connections of the service before Redis.
pub const REDIS_CONNECTIONS: usize = 8;

/// Orders that wait on each of them at most.
pub const REDIS_QUEUED: usize = 1024;

/// Clients of pgbench that are tried; more of them only wait longer for the row.
pub const POSTGRESQL_LADDER: [u32; 5] = [2, 4, 8, 16, 32];
