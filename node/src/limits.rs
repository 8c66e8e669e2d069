//! Every bound of this crate that is not a configuration key.

use std::time::Duration;

/// Most members of a cluster: beyond seven a commit waits for too many disks.
pub const MAX_MEMBERS: usize = 7;
/// Greatest weight of a member.
pub const MAX_WEIGHT: u32 = 1_000;
/// Most of a sale's stock that the pool may keep back at the start.
pub const MAX_BUFFER_RATIO: f64 = 0.9;
/// Shortest cluster secret.
pub const MIN_SECRET_BYTES: usize = 16;

/// What a thread reads of a connection at once, and the longest request of the fast path.
pub const FAST_PATH_BYTES: usize = 16 << 10;
/// A request that has begun has this long to be complete; then the HTTP library times it.
pub const FAST_PATH_PATIENCE: Duration = Duration::from_secs(1);
/// Connections that the kernel completes before the accept loop takes them.
pub const ACCEPT_BACKLOG: u32 = 4_096;
/// Most connections over the bound that are told so at once; more are closed without a word.
pub const MAX_REFUSALS_IN_FLIGHT: usize = 64;

/// File descriptors that a node keeps for its own files and its peers, or half of what it may have if that is less: connections get
/// the rest.
pub const OWN_DESCRIPTORS: usize = 512;
/// A client is given this long to take its last answer before its connection is closed.
pub const CLOSE_LINGER: Duration = Duration::from_millis(250);
/// Pause of the accept loop after a failure such as too many open files.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// A refused connection's bytes are read so far, so that its close does not take the answer back.
pub const MAX_REFUSED_BYTES: usize = 64 << 10;
/// The same of a connection whose last request was answered: what its client had sent ahead.
pub const MAX_UNSERVED_BYTES: usize = 1 << 20;

/// `status` waits this long for one answer: longer than a node looks for what its leader knows.
pub const STATUS_ATTEMPT: Duration = Duration::from_millis(700);
/// `status` asks no further node after this long: the third one is asked if the first two hang.
pub const STATUS_RETRY_FOR: Duration = Duration::from_millis(1_500);
/// Most orders that one `order list` shows, or one `verify` compares.
pub const MAX_LISTED_ORDERS: u32 = 100_000;
/// A member this many entries behind is an alarm.
pub const ALARM_LAG_ENTRIES: u64 = 10_000;
/// A member's clock this far off is an alarm.
pub const ALARM_CLOCK_OFFSET_MS: u64 = 500;
/// Less free room than this share of the data's size is an alarm.
pub const ALARM_FREE_SHARE: f64 = 0.5;
/// `verify` looks this long for an index at which it can compare the digests and units of all nodes.
pub const VERIFY_WITHIN: Duration = Duration::from_secs(15);
/// `verify` tries this long to list the orders of all nodes at one index.
pub const VERIFY_ORDERS_WITHIN: Duration = Duration::from_secs(5);
/// Bytes that `verify` wants free beside the copy of a directory: what opens a database also writes to it.
pub const VERIFY_SPARE_BYTES: u64 = 32 << 20;
/// Pause between two rounds of `verify`.
pub const VERIFY_PAUSE: Duration = Duration::from_millis(20);
/// Indices of which `verify` keeps what nodes said of one thing.
pub const MAX_DIGESTS_COMPARED: usize = 4_096;

/// Log lines that may wait to be written, some two mebibytes: what is more is lost, for who logs never waits.
pub const LOG_LINES_WAITING: usize = 8_192;
/// A process that ends waits so long for its last lines to be written.
pub const LOG_WRITTEN_WITHIN: Duration = Duration::from_secs(1);

/// After a fault the listeners have this long to close: who is connected then hears at once that the node is gone.
pub const FAULT_LINGER: Duration = Duration::from_millis(200);
/// A process that has not left so long after a fault, because the disk holds its threads, is ended from outside of them.
pub const LEAVE_WITHIN: Duration = Duration::from_secs(2);
/// A process that ends waits so long for its last sentence to be taken.
pub const LAST_WORD_WITHIN: Duration = Duration::from_secs(1);

/// Nodes of a `dev` cluster if not told.
pub const DEV_NODES: u64 = 3;
/// First port of a `dev` cluster less ten if not told.
pub const DEV_BASE_PORT: u16 = 7_100;
/// Stock of the demo SKU.
pub const DEV_STOCK: u64 = 10_000;
/// How often `dev` asks a node whether it serves.
pub const DEV_READY_PAUSE: Duration = Duration::from_millis(50);
/// A node that answers no question about its readiness for this long is asked again.
pub const DEV_READY_TIMEOUT: Duration = Duration::from_secs(2);
/// `dev` says which nodes it still waits for, this often; one that serves so long and left no process id ends it.
pub const DEV_PATIENCE: Duration = Duration::from_secs(10);
/// A node that was told to stop has this long before it is killed.
pub const DEV_STOP_TIMEOUT: Duration = Duration::from_secs(20);
/// Pause before `dev --restart` starts a node again.
pub const DEV_RESTART_PAUSE: Duration = Duration::from_millis(500);
/// So much of an ended node's log is looked through for its last line.
pub const MAX_SHOWN_LOG_BYTES: usize = 16 << 10;
