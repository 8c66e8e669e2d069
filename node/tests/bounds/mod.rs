//! The named bounds of all crates, read from their `limits.rs` files.

use std::fs;
use std::path::{Path, PathBuf};

const HEAD: &str = "# Limits

Every bound of the program that is not a configuration key has a name in its crate's `limits.rs`; this page lists them and is made
from those files. What can be configured is in [the configuration keys](config.md).

";

/// Crates in the order of the layers; `tests` has bounds of the harness only.
const CRATES: [&str; 6] = ["inventory", "storage", "raft", "api", "node", "client"];

/// A named bound.
#[derive(Debug, PartialEq, Eq)]
struct Bound {
    name: String,
    value: String,
    meaning: String,
}

/// The page of all bounds of the repository at `top`.
pub(crate) fn page(top: &Path) -> String {
    let mut page = HEAD.trim_end().to_owned();
    for file in files(top) {
        let text = fs::read_to_string(top.join(&file)).expect("a file that was listed can be read");
        page.extend(["\n\n## `", &file.to_string_lossy(), "`\n\n| name | value | bounds |\n|---|---|---|"]);
        for bound in bounds(&text) {
            page.extend(["\n| `", &bound.name, "` | ", &bound.value, " | ", &bound.meaning, " |"]);
        }
    }
    page + "\n"
}

fn files(top: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for name in CRATES {
        let mut of_crate = Vec::new();
        walk(&top.join(name).join("src"), &mut of_crate);
        of_crate.sort();
        assert!(!of_crate.is_empty(), "{name} has no limits.rs");
        found.extend(of_crate.into_iter().map(|file| file.strip_prefix(top).expect("walked from the top").to_owned()));
    }
    found
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a source folder can be read").flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.ends_with("limits.rs") {
            found.push(path);
        }
    }
}

/// Each `pub const` with the comment above it.
fn bounds(text: &str) -> Vec<Bound> {
    let (mut found, mut meaning) = (Vec::new(), String::new());
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("///") {
            if !meaning.is_empty() {
                meaning.push(' ');
            }
            meaning.push_str(comment.trim());
        } else if let Some((name, value)) = constant(line) {
            let meaning = plain(&std::mem::take(&mut meaning));
            found.push(Bound { name: name.into(), value: readable(value), meaning });
        }
    }
    found
}

fn constant(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.strip_prefix("pub")?.split_once("const ")?.1.split_once(": ")?;
    Some((name, rest.split_once(" = ")?.1.strip_suffix(';')?))
}

/// Links to code lead nowhere on this page: their text stays.
fn plain(meaning: &str) -> String {
    let mut rest = meaning;
    let mut out = String::new();
    while let Some((before, after)) = rest.split_once("[`") {
        let (name, after) = after.split_once("`]").unwrap_or((after, ""));
        out.extend([before, "`", name, "`"]);
        rest = after.strip_prefix('(').and_then(|target| target.split_once(')')).map_or(after, |(_, after)| after);
    }
    out + rest
}

/// The value as people write it; as in the code where no rule fits.
fn readable(value: &str) -> String {
    let inside = |start: &str| value.strip_prefix(start)?.strip_suffix(')');
    let units = [("Duration::from_millis(", "ms"), ("Millis(", "ms"), ("Duration::from_secs(", "s"), ("Duration::from_mins(", "min")];
    let timed = units.iter().find_map(|(start, unit)| Some(format!("{} {unit}", digits(inside(start)?))));
    let shifted = value.split_once(" << ").and_then(|(count, by)| {
        let unit = match by {
            "10" => "KiB",
            "20" => "MiB",
            _ => return None,
        };
        Some(format!("{count} {unit}"))
    });
    timed.or(shifted).unwrap_or_else(|| digits(value))
}

fn digits(number: &str) -> String {
    number.replace('_', ",")
}

#[test]
fn a_bound_is_shown_with_its_unit_and_its_comment() {
    let text = "/// Longest wait,\n/// see [`OTHER`](crate::OTHER).\npub(super) const WAIT: Millis = Millis(60_000);\n\n/// Room.\npub const ROOM_BYTES: usize = 64 << 10;\n";
    let bound = |name: &str, value: &str, meaning: &str| Bound { name: name.into(), value: value.into(), meaning: meaning.into() };
    assert_eq!(bounds(text), [bound("WAIT", "60,000 ms", "Longest wait, see `OTHER`."), bound("ROOM_BYTES", "64 KiB", "Room.")]);
    assert_eq!(readable("1.5"), "1.5");
}
