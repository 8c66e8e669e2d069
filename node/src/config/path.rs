//! Which key stands where in the text of a configuration, so that a refusal can name it.
//!
//! Knows the layout people write (`[section]`, `[[members]]`, `key = value`), not all of TOML: in a denser layout it names
//! the nearest key above, and the line number does the rest.

/// The path of the key at `offset`, such as `raft.heartbeat_ms` or `members[1].peer`; empty if there is none.
pub(super) fn key_at(text: &str, offset: usize) -> String {
    let end = text.get(offset..).and_then(|rest| rest.find('\n')).map_or(text.len(), |length| offset + length);
    let mut position = Position::default();
    for line in text.get(..end).unwrap_or(text).lines() {
        position.read(line);
    }
    position.path()
}

/// Where the reader of lines has come to.
#[derive(Default)]
pub(super) struct Position {
    section: String,
    members: usize,
    key: Option<String>,
}

impl Position {
    /// Takes one line; says whether it held a key.
    pub(super) fn read(&mut self, line: &str) -> bool {
        let line = line.trim();
        if let Some(name) = line.strip_prefix("[[").and_then(|rest| rest.split("]]").next()) {
            self.section = format!("{}[{}]", name.trim(), self.members);
            self.members += 1;
            self.key = None;
            return false;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            name.trim().clone_into(&mut self.section);
            self.key = None;
            return false;
        }
        let word = line.split('=').next().unwrap_or_default().trim();
        let is_key = line.contains('=') && !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
        if is_key {
            self.key = Some(word.to_owned());
        }
        is_key
    }

    /// The key read last, with its section.
    pub(super) fn path(&self) -> String {
        match (&self.section[..], &self.key) {
            ("", None) => String::new(),
            ("", Some(key)) => key.clone(),
            (section, None) => section.to_owned(),
            (section, Some(key)) => format!("{section}.{key}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_named_with_its_section_and_its_member() {
        let text = "[raft]\nheartbeat_ms = 50\n\n[[members]]\nid = 1\n[[members]]\nid = 2\npeer = 'x'\n";
        assert_eq!(key_at(text, text.find("50").unwrap()), "raft.heartbeat_ms");
        assert_eq!(key_at(text, text.find("'x'").unwrap()), "members[1].peer");
        assert_eq!(key_at(text, text.find("[[members]]").unwrap()), "members[0]");
    }
}
