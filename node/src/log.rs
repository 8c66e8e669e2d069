//! Structured logs on standard error.

use std::env::VarError;
use std::sync::OnceLock;

use holdfast_raft::NEEDLESS_LOGS;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

use crate::config::{LogFormat, LogSection};
use crate::log_lines::LogLines;

/// Overrides `log.filter`, for one run.
pub const FILTER_VARIABLE: &str = "HOLDFAST_LOG";

/// The filter with [`NEEDLESS_LOGS`] turned down, but for sources that it asks for.
fn without_needless(wanted: &str) -> String {
    NEEDLESS_LOGS
        .iter()
        .filter(|(source, _)| !wanted.split(',').any(|part| asks_for(part.trim(), source)))
        .fold(wanted.to_owned(), |filter, (source, level)| format!("{filter},{source}={level}"))
}

/// Whether a part of a filter names the source, or what the source is in with more than warnings.
fn asks_for(part: &str, source: &str) -> bool {
    let (name, level) = part.split_once('=').unwrap_or((part, "trace"));
    let is_within = source.strip_prefix(name).is_some_and(|rest| rest.starts_with("::"));
    name == source || is_within && !["warn", "error", "off"].contains(&level.to_lowercase().as_str())
}

/// The lines of this process, once [`start`] was called.
static LINES: OnceLock<LogLines> = OnceLock::new();

/// Sends the logs of this process to standard error, from a thread of its own; a second call changes nothing. Fails, with a sentence for
/// who set it, if [`FILTER_VARIABLE`] is no filter.
pub fn start(section: &LogSection) -> Result<(), String> {
    let filter = filter(std::env::var(FILTER_VARIABLE), section)?;
    if is_started() {
        tracing::debug!("the logs were already started");
        return Ok(());
    }
    let format = section.format;
    let lines = LogLines::start(std::io::stderr(), move |lines| missing(format, lines))
        .map_err(|error| format!("no thread could be started: {error}"))?;
    let lines = LINES.get_or_init(|| lines).clone();
    // A line that cannot be written is lost: complaining about it on the same stream would end the process.
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines).log_internal_errors(false);
    let started = match section.format {
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
        LogFormat::Text => lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
    };
    if started.is_err() {
        tracing::debug!("the logs go elsewhere");
    }
    Ok(())
}

/// The line in the place of lines that nothing took; whatever the filter.
fn missing(format: LogFormat, lines: u64) -> String {
    let (target, message) = (module_path!(), "the log was not taken as fast as it was written: lines are missing here");
    let mut at = String::new();
    // Of a clock and into memory.
    _ = SystemTime.format_time(&mut Writer::new(&mut at));
    match format {
        LogFormat::Json => {
            let line = serde_json::json!({ "timestamp": at, "level": "WARN", "message": message, "missing": lines, "target": target });
            format!("{line}\n")
        }
        LogFormat::Text => format!("{at}  WARN {target}: {message} missing={lines}\n"),
    }
}

/// Whether what is logged reaches standard error.
pub(crate) fn is_started() -> bool {
    LINES.get().is_some()
}

/// Waits until what was logged is written, for a second at the most: before the process ends.
pub(crate) fn written_out() {
    if let Some(lines) = LINES.get() {
        lines.written_out();
    }
}

fn filter(variable: Result<String, VarError>, section: &LogSection) -> Result<EnvFilter, String> {
    let wanted = match variable {
        Ok(wanted) => wanted,
        Err(VarError::NotPresent) => section.filter.clone(),
        Err(error) => return Err(format!("{FILTER_VARIABLE}: {error}")),
    };
    EnvFilter::try_new(without_needless(&wanted))
        .map_err(|error| format!("{FILTER_VARIABLE}: is not a filter such as `info,holdfast_raft=debug`: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needless_sources_are_turned_down_unless_they_are_asked_for() {
        let [(asked, _), (other, level), ..] = NEEDLESS_LOGS;
        let filter = without_needless(&format!("info,{asked}=debug"));
        assert!(filter.starts_with(&format!("info,{asked}=debug,")), "{filter}");
        assert_eq!(filter.matches(asked).count(), 1, "{filter}");
        assert!(filter.contains(&format!("{other}={level}")), "{filter}");
        assert!(EnvFilter::try_new(&filter).is_ok(), "{filter}");
    }

    #[test]
    fn who_asks_for_consensus_in_detail_hears_all_of_it() {
        let all: Vec<&str> = NEEDLESS_LOGS.iter().map(|(source, _)| *source).collect();
        let (root, last) = (all[0].split("::").next().unwrap(), *all.last().unwrap());
        let part = last.rsplit_once("::").unwrap().0;
        let is_down = |wanted: &str| all.iter().map(|source| without_needless(wanted).contains(&format!(",{source}="))).collect::<Vec<_>>();
        for few in ["debug".to_owned(), format!("info,{root}=warn"), format!("info,{root}=OFF")] {
            assert_eq!(is_down(&few), vec![true; all.len()], "{few}");
        }
        for whole in [format!("info,{root}=debug"), format!("{root}=Info,info"), format!("info, {root}")] {
            assert_eq!(is_down(&whole), vec![false; all.len()], "{whole}");
        }
        let of_part: Vec<bool> = all.iter().map(|source| !source.starts_with(part)).collect();
        assert_eq!(is_down(&format!("info,{part}=debug")), of_part);
        // What it names itself stays as it says.
        assert!(without_needless(&format!("info,{last}=warn")).matches(last).count() == 1);
    }

    #[test]
    fn the_line_about_missing_lines_is_one_of_its_format() {
        let text = missing(LogFormat::Text, 7);
        assert!(text.contains("  WARN holdfast_node::log: ") && text.ends_with(" missing=7\n") && text.starts_with("20"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&missing(LogFormat::Json, 7)).unwrap();
        assert_eq!((&json["level"], &json["missing"]), (&"WARN".into(), &7.into()));
    }

    #[test]
    fn a_variable_that_is_no_filter_is_told_and_not_passed_over() {
        let section = LogSection { filter: "warn".into(), ..LogSection::default() };
        assert_eq!(filter(Err(VarError::NotPresent), &section).unwrap().max_level_hint().unwrap().to_string(), "warn");
        assert_eq!(filter(Ok("trace".into()), &section).unwrap().max_level_hint().unwrap().to_string(), "trace");
        let told = filter(Ok("holdfast_raft=loud".into()), &section).unwrap_err();
        assert!(told.starts_with("HOLDFAST_LOG: is not a filter"), "{told}");
        assert!(filter(Err(VarError::NotUnicode("x".into())), &section).is_err());
    }
}
