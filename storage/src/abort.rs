//! Points at which a test may crash a node: between a write and its sync, before a rename, after an apply.
//!
//! Without the feature `abort-points` a point is nothing at all. With it a node still crashes nowhere by itself: a test tells it a
//! file, and writes a point's name into that file, with how often it is to be passed before. The process then ends there
//! by `abort`, which flushes and unwinds nothing.

/// Every point, in the order of an entry's way through a node.
pub const POINTS: [&str; 16] = [
    "log-write",
    "log-sync",
    "log-synced",
    "log-told",
    "vote",
    "apply",
    "applied",
    "answer",
    "pages-write",
    "pages-sync",
    "snapshot-sync",
    "snapshot-rename",
    "snapshot-named",
    "grant",
    "reclaim",
    "expire",
];

#[cfg(feature = "abort-points")]
mod switch {
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Mutex, PoisonError};
    use std::time::Duration;

    /// Between two looks at the file.
    const LOOK_EVERY: Duration = Duration::from_millis(10);

    static IS_ARMED: AtomicBool = AtomicBool::new(false);
    /// The point, and how often it is passed yet.
    static ARMED: Mutex<Option<(String, u64)>> = Mutex::new(None);

    /// Obeys `file` from now on: `<point> <times>`, or nothing.
    pub fn obey(file: PathBuf) -> std::io::Result<()> {
        std::thread::Builder::new().name("abort-points".into()).spawn(move || {
            let mut known = String::new();
            loop {
                let told = std::fs::read_to_string(&file).unwrap_or_default();
                if told != known {
                    let armed = told.split_once(' ').and_then(|(point, times)| Some((point.to_owned(), times.trim().parse().ok()?)));
                    IS_ARMED.store(armed.is_some(), Ordering::Release);
                    *ARMED.lock().unwrap_or_else(PoisonError::into_inner) = armed;
                    known = told;
                }
                std::thread::sleep(LOOK_EVERY);
            }
        })?;
        Ok(())
    }

    /// Ends the process if this point is armed and has been passed often enough.
    pub fn point(name: &'static str) {
        if !IS_ARMED.load(Ordering::Acquire) {
            return;
        }
        let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((_, left)) = armed.as_mut().filter(|(point, _)| point == name) else { return };
        if *left == 0 {
            tracing::error!(point = name, "a test crashes this node here");
            std::process::abort();
        }
        *left -= 1;
    }
}

#[cfg(not(feature = "abort-points"))]
mod switch {
    /// Nothing.
    pub const fn point(_: &'static str) {}
}

#[cfg(feature = "abort-points")]
pub use switch::obey;
pub use switch::point;
