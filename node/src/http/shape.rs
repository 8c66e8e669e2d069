//! The shape of a body that was read: serde takes a list of values for a struct, by the order of its fields, and the
//! contract does not.

/// Deepest nesting that is followed; the parser refuses what is deeper.
const MAX_DEPTH: u32 = 128;

/// False if the body is a list, or has a list directly in a list: in every body of the contract a list holds objects.
/// What is not JSON is left to the parser.
pub(super) fn holds_objects(body: &[u8]) -> bool {
    // One bit for each open bracket, the innermost lowest: set for a list.
    let (mut open, mut depth) = (0_u128, 0_u32);
    let (mut in_text, mut escaped) = (false, false);
    for &byte in body {
        if in_text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_text = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'[' if depth == 0 || open & 1 == 1 => return false,
            b'[' | b'{' if depth == MAX_DEPTH => return true,
            b'[' | b'{' => {
                open = (open << 1) | u128::from(byte == b'[');
                depth += 1;
            }
            b']' | b'}' => {
                open >>= 1;
                depth = depth.saturating_sub(1);
            }
            _ => {}
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_in_the_place_of_an_object_is_seen() {
        for bad in [r#"["b",[["o1",1]]]"#, r#"{"buyer":"b","lines":[["o1",1]]}"#, " [1]", r#"{"lines":[{"sku":"a"},["b",1]]}"#] {
            assert!(!holds_objects(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn what_the_contract_has_is_let_through() {
        for good in [r#"{"buyer":"[[","lines":[{"sku":"a\\\"[[","quantity":1}]}"#, r#"{"orders":[{"lines":[{}]},{}]}"#, "", "}]", "7"] {
            assert!(holds_objects(good.as_bytes()), "{good}");
        }
    }
}
