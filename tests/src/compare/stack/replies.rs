//! What Redis answers, taken from the bytes as they come.

use bytes::{Buf, BytesMut};

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A number.
    Number(i64),
    /// A text, such as `OK`; nothing is an empty one.
    Text(String),
    /// A refusal by Redis itself.
    Error(String),
}

/// Takes the first whole answer out of `buffer`; none if it is not all there. Lists are not read: nobody here asks for one.
pub fn take(buffer: &mut BytesMut) -> Option<Reply> {
    let end = buffer.windows(2).position(|two| two == b"\r\n")?;
    let line = String::from_utf8_lossy(buffer.get(1..end)?).into_owned();
    let kind = *buffer.first()?;
    let mut length = end + 2;
    let reply = match kind {
        b':' => line.parse().map_or_else(|_| Reply::Error(format!("no number: {line}")), Reply::Number),
        b'+' => Reply::Text(line),
        b'$' => {
            // -1 is nothing at all, and has no second line.
            let bytes = line.parse().unwrap_or(0_usize);
            let text = buffer.get(length..length + bytes)?;
            let text = Reply::Text(String::from_utf8_lossy(text).into_owned());
            length += if line.starts_with('-') { 0 } else { bytes + 2 };
            text
        }
        _ => Reply::Error(line),
    };
    (buffer.len() >= length).then(|| buffer.advance(length))?;
    Some(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_taken_one_by_one_and_a_part_of_one_is_left() {
        let mut buffer = BytesMut::from(":42\r\n+OK\r\n-ERR no\r\n$3\r\nabc\r\n$-1\r\n:-1\r\n$5\r\nab"[..].as_bytes());
        let taken: Vec<Reply> = std::iter::from_fn(|| take(&mut buffer)).collect();
        let text = |text: &str| Reply::Text(text.into());
        let wanted = [Reply::Number(42), text("OK"), Reply::Error("ERR no".into()), text("abc"), text(""), Reply::Number(-1)];
        assert_eq!(taken, wanted);
        assert_eq!(&buffer[..], b"$5\r\nab");
    }

    #[test]
    fn an_answer_whose_end_is_missing_is_not_taken() {
        for part in ["", ":", ":4", ":4\r", "$3\r\nabc", "$3\r\nabc\r"] {
            assert_eq!(take(&mut BytesMut::from(part)), None, "{part:?}");
        }
    }
}
