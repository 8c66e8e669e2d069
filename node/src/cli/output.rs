//! What people and programs read on standard output.

use std::io::{self, Write};

use serde::Serialize;

use super::failure::Failure;

/// Writes one line.
pub(super) fn line(text: &str) -> Result<(), Failure> {
    write(|out| writeln!(out, "{text}"))
}

/// Writes a value as JSON, indented.
pub(super) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(io::Error::from)?;
    line(&text)
}

/// Writes `name: value` lines with the values under each other.
pub(super) fn fields(fields: &[(&str, String)]) -> Result<(), Failure> {
    let width = fields.iter().map(|(name, _)| name.len() + 1).max().unwrap_or(0);
    fields.iter().try_for_each(|(name, value)| line(format!("{:width$} {value}", format!("{name}:")).trim_end()))
}

/// Writes rows under a head, each column as wide as its widest cell.
pub(super) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> Result<(), Failure> {
    let head = head.map(String::from);
    let width = |column: usize| rows.iter().chain([&head]).map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    for row in [&head].into_iter().chain(rows) {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        line(cells.join("  ").trim_end())?;
    }
    Ok(())
}

/// The value, or a dash.
pub(super) fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn write(lines: impl FnOnce(&mut io::StdoutLock<'static>) -> io::Result<()>) -> Result<(), Failure> {
    match lines(&mut io::stdout().lock()) {
        // The reader has had enough, as `head` does: nothing went wrong.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(Failure::from),
    }
}
