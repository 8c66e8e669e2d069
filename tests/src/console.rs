//! A session printed in a document, taken apart: what is typed after `$ ` and what is answered.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// One command of a session with the output that the document prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is typed; a line that ends with a backslash goes on.
    pub command: String,
    /// What is answered.
    pub output: String,
}

/// The steps of every ```` ```console ```` block, in order.
pub fn steps(markdown: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let (mut inside, mut open) = (false, false);
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            inside = line.trim() == "```console";
            open = false;
        } else if inside {
            open = take_line(&mut steps, line, open);
        }
    }
    for step in &mut steps {
        step.output.truncate(step.output.trim_end().len());
    }
    steps
}

/// Adds a line to the steps; true while the command goes on in the next line.
fn take_line(steps: &mut Vec<Step>, line: &str, open: bool) -> bool {
    if let Some(typed) = line.strip_prefix("$ ") {
        steps.push(Step { command: typed.to_owned(), output: String::new() });
    } else if let Some(step) = steps.last_mut() {
        let into = if open { &mut step.command } else { &mut step.output };
        if open {
            into.push('\n');
        }
        into.push_str(line);
        if !open {
            into.push('\n');
        }
    }
    let typed = open || line.starts_with("$ ");
    typed && line.ends_with('\\')
}

/// What the document prints for something that differs at each run, and what it is in this one: order ids and so on.
#[derive(Clone, Debug, Default)]
pub struct Renamed(BTreeMap<String, String>);

impl Renamed {
    /// The document's command as it must be typed in this run.
    pub fn apply(&self, command: &str) -> String {
        self.0.iter().fold(command.to_owned(), |command, (printed, real)| command.replace(printed, real))
    }

    /// Fails unless `real` has the shape of `printed`; learns what differs.
    ///
    /// JSON: the same members of the same types, words equal. Anything else: line by line, words equal, what holds a
    /// digit stands for anything that does. A line `…` stands for any lines up to the end.
    pub fn compare(&mut self, printed: &str, real: &str) -> Result<()> {
        let told = || format!("printed:\n{printed}\nin this run:\n{real}");
        if let (Ok(printed), Ok(real)) = (serde_json::from_str::<Value>(printed), serde_json::from_str::<Value>(real)) {
            return self.compare_json("", &printed, &real).with_context(told);
        }
        let (mut printed_lines, mut real_lines) = (printed.trim().lines(), real.trim().lines());
        loop {
            match (printed_lines.next(), real_lines.next()) {
                (None, None) | (Some("…" | "..."), _) => return Ok(()),
                (Some(printed), Some(real)) => self.compare_line(printed, real).with_context(told)?,
                (printed, real) => return Err(anyhow::anyhow!("{printed:?} against {real:?}")).with_context(told),
            }
        }
    }

    fn compare_json(&mut self, path: &str, printed: &Value, real: &Value) -> Result<()> {
        match (printed, real) {
            (Value::Object(printed), Value::Object(real)) => {
                ensure!(printed.keys().eq(real.keys()), "{path}: members {:?} against {:?}", printed.keys(), real.keys());
                printed.iter().try_for_each(|(name, value)| self.compare_json(&format!("{path}/{name}"), value, &real[name]))
            }
            (Value::Array(printed), Value::Array(real)) => {
                ensure!(printed.len() == real.len(), "{path}: {} elements against {}", printed.len(), real.len());
                printed.iter().zip(real).try_for_each(|(printed, real)| self.compare_json(path, printed, real))
            }
            (Value::String(printed), Value::String(real)) => self.compare_word(printed, real).with_context(|| path.to_owned()),
            (Value::Number(_), Value::Number(_)) => Ok(()),
            (printed, real) => {
                ensure!(printed == real, "{path}: {printed} against {real}");
                Ok(())
            }
        }
    }

    fn compare_line(&mut self, printed: &str, real: &str) -> Result<()> {
        if let (Ok(printed), Ok(real)) = (serde_json::from_str::<Value>(printed), serde_json::from_str::<Value>(real)) {
            return self.compare_json("", &printed, &real);
        }
        let (printed, real): (Vec<&str>, Vec<&str>) = (printed.split_whitespace().collect(), real.split_whitespace().collect());
        ensure!(printed.len() == real.len(), "{} words against {}", printed.len(), real.len());
        printed.iter().zip(real).try_for_each(|(printed, real)| self.compare_word(printed, real))
    }

    fn compare_word(&mut self, printed: &str, real: &str) -> Result<()> {
        if printed == real {
            return Ok(());
        }
        ensure!(is_of_one_run(printed), "{printed:?} against {real:?}");
        self.0.insert(printed.to_owned(), real.to_owned());
        Ok(())
    }
}

/// Ids, times, counts and addresses have a digit, or are long and one word.
fn is_of_one_run(word: &str) -> bool {
    word.contains(|c: char| c.is_ascii_digit()) || (word.len() >= 16 && !word.contains(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "Text\n\n```console\n$ one \\\n  more\nout 1\nout 2\n$ two\n```\n\n```toml\n$ not this\n```\n";

    #[test]
    fn console_blocks_are_taken_apart_and_others_left() {
        let step = |command: &str, output: &str| Step { command: command.into(), output: output.into() };
        assert_eq!(steps(PAGE), [step("one \\\n  more", "out 1\nout 2"), step("two", "")]);
    }

    #[test]
    fn an_id_of_this_run_stands_for_the_printed_one_from_then_on() {
        let mut renamed = Renamed::default();
        renamed.compare(r#"{"id":"abc1","status":"held","index":7}"#, r#"{"id":"xyz9","status":"held","index":12}"#).unwrap();
        assert_eq!(renamed.apply("curl /v1/orders/abc1"), "curl /v1/orders/xyz9");
    }

    #[test]
    fn another_shape_is_found_out() {
        let mut renamed = Renamed::default();
        assert!(renamed.compare(r#"{"a":1}"#, r#"{"b":1}"#).is_err());
        assert!(renamed.compare(r#"{"a":"held"}"#, r#"{"a":"sold"}"#).is_err());
        assert!(renamed.compare("conserved: yes", "conserved: no").is_err());
        assert!(renamed.compare("one line", "one line\nand more").is_err());
        renamed.compare("took 5 ms\n…", "took 9 ms\nand more").unwrap();
    }
}
