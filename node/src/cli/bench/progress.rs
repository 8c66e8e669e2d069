//! How far a run is: a bar on a terminal, a line for each thing done anywhere else. On standard error.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};

use holdfast_client::bench::{self, Watcher};

/// Places of the bar.
const PLACES: usize = 30;

/// Tells on standard error how far a run is.
#[derive(Debug)]
pub(super) struct Progress {
    is_terminal: bool,
    /// What is measured now, so that it is told once where there is no bar.
    told: Mutex<String>,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { is_terminal: io::stderr().is_terminal(), told: Mutex::default() }
    }

    /// Takes the bar away.
    pub(super) fn clear(&self) {
        if self.is_terminal {
            write("\r\x1b[K");
        }
    }
}

impl Watcher for Progress {
    fn measures(&self, progress: &bench::Progress<'_>) {
        if self.is_terminal {
            write(&format!("\r\x1b[K{}", bar(progress)));
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if *told != progress.what {
            progress.what.clone_into(&mut told);
            write(&format!("measures {}\n", progress.what));
        }
    }

    fn did(&self, what: &str) {
        self.clear();
        write(&format!("{what}\n"));
    }
}

/// Progress that cannot be shown is no reason to stop.
fn write(text: &str) {
    io::stderr().write_all(text.as_bytes()).ok();
}

fn bar(progress: &bench::Progress<'_>) -> String {
    let full = (1..=PLACES).filter(|place| *place as f64 <= progress.done * PLACES as f64).count();
    format!("{:<20} [{}{}] {} answers", progress.what, "#".repeat(full), "-".repeat(PLACES - full), progress.answered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_full_as_its_time_is_over() {
        let bar = |done| bar(&bench::Progress { what: "x", done, answered: 7 });
        assert!(bar(0.5).contains(&format!("[{}{}] 7 answers", "#".repeat(15), "-".repeat(15))));
        assert!(bar(1.0).contains(&"#".repeat(30)) && bar(0.0).contains(&"-".repeat(30)));
    }
}
