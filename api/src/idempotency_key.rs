//! The `Idempotency-Key` header: a quoted structured-field string or the bare key.

use std::borrow::Cow;
use std::fmt;

use crate::limits::MAX_NAME_BYTES;

/// Why a header value holds no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// No characters at all.
    Empty,
    /// More than [`MAX_NAME_BYTES`].
    TooLong,
    /// Something else than visible ASCII.
    Character,
    /// A quotation mark without its partner, something after it, or a backslash before anything but `"` and `\`.
    Quotes,
}

/// The key in a header value. Borrows from it unless an escape must be resolved.
///
/// Spaces around the value are ignored. A bare key may hold any visible ASCII except a leading quotation mark.
pub fn parse_key(header: &[u8]) -> Result<Cow<'_, str>, KeyError> {
    let header = header.trim_ascii();
    let key = match header.strip_prefix(b"\"") {
        Some(quoted) => unquote(quoted)?,
        None => Cow::Borrowed(std::str::from_utf8(header).map_err(|_| KeyError::Character)?),
    };
    check(&key)?;
    Ok(key)
}

/// The header value that carries `key`: bare, or quoted where a bare one would be read as a quoted string.
pub fn key_header(key: &str) -> String {
    if key.starts_with('"') {
        let escaped = key.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{escaped}\"")
    } else {
        key.to_owned()
    }
}

fn check(key: &str) -> Result<(), KeyError> {
    if key.is_empty() {
        Err(KeyError::Empty)
    } else if key.len() > MAX_NAME_BYTES {
        Err(KeyError::TooLong)
    } else if key.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(())
    } else {
        Err(KeyError::Character)
    }
}

/// What stands between an opening quotation mark, already taken off, and the closing one.
fn unquote(quoted: &[u8]) -> Result<Cow<'_, str>, KeyError> {
    let inner = quoted.strip_suffix(b"\"").ok_or(KeyError::Quotes)?;
    let inner = std::str::from_utf8(inner).map_err(|_| KeyError::Character)?;
    if !inner.contains(['"', '\\']) {
        return Ok(Cow::Borrowed(inner));
    }
    let mut key = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return Err(KeyError::Quotes),
            '\\' => key.push(chars.next().filter(|c| matches!(c, '"' | '\\')).ok_or(KeyError::Quotes)?),
            c => key.push(c),
        }
    }
    Ok(Cow::Owned(key))
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("must not be empty"),
            Self::TooLong => write!(f, "must be at most {MAX_NAME_BYTES} characters"),
            Self::Character => f.write_str("may hold only visible ASCII characters without spaces"),
            Self::Quotes => f.write_str("must be bare, or a string in quotation marks with \\\" and \\\\ as its only escapes"),
        }
    }
}

impl std::error::Error for KeyError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bare_and_quoted_keys_are_the_same_key() {
        assert_eq!(parse_key(b"abc-1").as_deref(), Ok("abc-1"));
        assert_eq!(parse_key(b" \"abc-1\" ").as_deref(), Ok("abc-1"));
        assert_eq!(parse_key(br#""a\"b\\c""#).as_deref(), Ok("a\"b\\c"));
    }

    #[test]
    fn what_holds_no_key_is_refused() {
        for (header, error) in [
            (&b""[..], KeyError::Empty),
            (b"  ", KeyError::Empty),
            (b"\"\"", KeyError::Empty),
            (b"a b", KeyError::Character),
            ("ké".as_bytes(), KeyError::Character),
            (b"a\x00", KeyError::Character),
            (b"\xff\xfe", KeyError::Character),
            (b"\"abc", KeyError::Quotes),
            (b"\"", KeyError::Quotes),
            (b"\"a\"b\"", KeyError::Quotes),
            (b"\"abc\\\"", KeyError::Quotes),
            (b"\"a\\n\"", KeyError::Quotes),
            (&[b'k'; 65][..], KeyError::TooLong),
        ] {
            assert_eq!(parse_key(header), Err(error), "{}", String::from_utf8_lossy(header));
        }
        assert!(parse_key(&[b'k'; 64]).is_ok());
    }

    proptest! {
        #[test]
        fn every_key_travels_through_the_header(key in "[!-~]{1,64}") {
            let header = key_header(&key);
            let read = parse_key(header.as_bytes());
            prop_assert_eq!(read.as_deref(), Ok(key.as_str()));
        }

        #[test]
        fn any_bytes_are_read_or_refused(header in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(key) = parse_key(&header) {
                prop_assert!(check(&key).is_ok());
            }
        }
    }
}
