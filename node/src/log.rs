//! Structured logs on standard error.

use holdfast_raft::NEEDLESS_LOGS;
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LogSection};

/// Overrides `log.filter`, for one run.
pub const FILTER_VARIABLE: &str = "HOLDFAST_LOG";

/// Sends the logs of this process to standard error; a second call changes nothing.
pub fn start(section: &LogSection) {
    let wanted = std::env::var(FILTER_VARIABLE).unwrap_or_else(|_| section.filter.clone());
    let wanted = if wanted.contains(NEEDLESS_LOGS) { wanted } else { format!("{wanted},{NEEDLESS_LOGS}=off") };
    let filter = EnvFilter::try_new(wanted).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match section.format {
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
        LogFormat::Text => lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
    };
    if started.is_err() {
        tracing::debug!("the logs were already started");
    }
}
