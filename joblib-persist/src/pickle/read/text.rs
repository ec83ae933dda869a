//! Content that pickles of protocol 0 write as lines of text.

use crate::error::{Error, Result};
use crate::pickle::opcode;
use crate::value::{Arena, Item, Node};

/// More decimal digits take time by the square of their number; Python draws the same line.
const DIGITS_MAX: usize = 4300;

/// The value behind one of the opcodes with a line of content.
pub(super) fn value(code: u8, line: &[u8], arena: &mut Arena) -> Result<Node> {
    match code {
        opcode::INT => match line {
            b"00" => Ok(Node::bool(false)),
            b"01" => Ok(Node::bool(true)),
            _ => integer(line, arena),
        },
        opcode::LONG => integer(line.strip_suffix(b"L").unwrap_or(line), arena),
        opcode::FLOAT => {
            let value = std::str::from_utf8(line).ok().and_then(|text| text.trim().parse().ok());
            value.map(|value| arena.add_float(value)).ok_or_else(|| no_number(line))
        }
        opcode::STRING => {
            let bytes = unquoted(line).and_then(unescaped);
            let bytes = bytes.ok_or_else(|| Error::damaged("a string without its quotes"))?;
            Ok(arena.add(Item::Bytes(bytes.into())))
        }
        _ => {
            let text = raw_unicode(line);
            Ok(match text {
                Ok(text) => arena.add_text(&text),
                Err(bytes) => arena.add(Item::WideText(bytes.into())),
            })
        }
    }
}

/// The number of `GET` and `PUT`.
pub(super) fn number(line: &[u8]) -> Result<u64> {
    let text = std::str::from_utf8(line).ok();
    text.and_then(|text| text.trim().parse().ok()).ok_or_else(|| no_number(line))
}

#[cold]
fn no_number(line: &[u8]) -> Error {
    let shown = &line[..line.len().min(40)];
    Error::damaged(format!("`{}` is no number", shown.escape_ascii()))
}

fn integer(line: &[u8], arena: &mut Arena) -> Result<Node> {
    let text = std::str::from_utf8(line).map(str::trim).map_err(|_| no_number(line))?;
    if let Ok(value) = text.parse() {
        return Ok(arena.add_int(value));
    }
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || digits.len() > DIGITS_MAX {
        return Err(no_number(line));
    }
    Ok(arena.add_big_int(&two_complement(digits, is_negative)))
}

/// Decimal digits as bytes in two's complement, the least significant first.
fn two_complement(digits: &str, is_negative: bool) -> Vec<u8> {
    let mut words: Vec<u32> = Vec::new();
    for digit in digits.bytes() {
        let mut carry = u64::from(digit - b'0');
        for word in &mut words {
            let value = u64::from(*word) * 10 + carry;
            *word = value as u32;
            carry = value >> 32;
        }
        if carry > 0 {
            words.push(carry as u32);
        }
    }
    words.push(0);
    let mut bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
    if is_negative {
        let mut carry = true;
        for byte in &mut bytes {
            (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
        }
    }
    bytes
}

fn unquoted(line: &[u8]) -> Option<&[u8]> {
    let line = line.trim_ascii_end();
    let inner = |quote: &[u8]| line.strip_prefix(quote)?.strip_suffix(quote);
    inner(b"'").or_else(|| inner(b"\""))
}

/// The bytes that Python 2 wrote with backslashes where they are not printable.
fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let (&escape, tail) = rest.split_first()?;
        rest = tail;
        let byte = match escape {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'a' => 7,
            b'b' => 8,
            b'f' => 12,
            b'v' => 11,
            b'\\' | b'\'' | b'"' => escape,
            b'x' => {
                let (digits, tail) = rest.split_at_checked(2)?;
                rest = tail;
                u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?
            }
            b'0'..=b'7' => {
                let more = rest.iter().take(2).take_while(|byte| (b'0'..=b'7').contains(byte));
                let more = more.count();
                let digits = rest[..more].iter().map(|byte| u32::from(byte - b'0'));
                let value = digits.fold(u32::from(escape - b'0'), |value, digit| value * 8 + digit);
                rest = &rest[more..];
                value as u8
            }
            _ => {
                bytes.push(b'\\');
                escape
            }
        };
        bytes.push(byte);
    }
    Some(bytes)
}

/// Latin-1 text with `\uXXXX` and `\UXXXXXXXX` for what that lacks. Text with lone surrogates comes
/// as bytes.
fn raw_unicode(line: &[u8]) -> Result<String, Vec<u8>> {
    let mut bytes = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let digits = match (byte, tail.first()) {
            (b'\\', Some(b'u')) => 4,
            (b'\\', Some(b'U')) => 8,
            _ => 0,
        };
        let escaped = tail.get(1..=digits).filter(|_| digits > 0);
        let escaped = escaped.and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = escaped.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match escaped {
            Some(code) => {
                rest = &tail[1 + digits..];
                push_code(code, &mut bytes);
            }
            None => push_code(byte.into(), &mut bytes),
        }
    }
    String::from_utf8(bytes).map_err(std::string::FromUtf8Error::into_bytes)
}

/// UTF-8, of surrogates too.
fn push_code(code: u32, bytes: &mut Vec<u8>) {
    match char::from_u32(code) {
        Some(char) => bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
        None => bytes.extend([
            0xe0 | (code >> 12) as u8 & 0x0f,
            0x80 | (code >> 6) as u8 & 0x3f,
            0x80 | code as u8 & 0x3f,
        ]),
    }
}

/// Whether only surrogates, encoded as if they were characters, keep these bytes from being UTF-8.
pub(super) fn is_utf8_with_surrogates(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    loop {
        match std::str::from_utf8(rest) {
            Ok(_) => return true,
            Err(error) => match &rest[error.valid_up_to()..] {
                [0xed, 0xa0..=0xbf, 0x80..=0xbf, tail @ ..] => rest = tail,
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{Kind, Value};

    fn kept(code: u8, line: &[u8]) -> Value {
        let mut arena = Arena::default();
        let root = value(code, line, &mut arena).unwrap();
        Value { arena, root }
    }

    #[test]
    fn integers_of_any_size() {
        for number in [0, -1, i128::from(i64::MAX) + 1, i128::from(i64::MIN) - 1, i128::MAX / 3] {
            let value = kept(opcode::LONG, format!("{number}L").as_bytes());
            assert_eq!(value.to_string(), number.to_string());
        }
        assert!(matches!(kept(opcode::INT, b"01").kind(), Kind::Bool(true)));
        for line in [&b"-"[..], b"", b"12x", &[b'9'; 5000]] {
            assert!(value(opcode::LONG, line, &mut Arena::default()).is_err());
        }
    }

    #[test]
    fn strings_with_escapes() {
        let value = kept(opcode::STRING, br"'a\x00\n\\\'\377'");
        assert!(matches!(value.kind(), Kind::Bytes(b"a\0\n\\'\xff")));
        for line in [&b"'a"[..], b"a", br"'\'", br"'\x1'"] {
            assert!(super::value(opcode::STRING, line, &mut Arena::default()).is_err());
        }
    }

    #[test]
    fn text_with_escapes() {
        let value = kept(opcode::UNICODE, b"\xe9\\u20ac\\U0001f600\\n");
        assert!(matches!(value.kind(), Kind::Str("\u{e9}\u{20ac}\u{1f600}\\n")));
        let value = kept(opcode::UNICODE, b"\\ud800");
        assert!(matches!(value.kind(), Kind::WideStr(b"\xed\xa0\x80")));
    }

    #[test]
    fn surrogates_are_the_only_exception() {
        assert!(is_utf8_with_surrogates(b"a\xed\xa0\x80b"));
        assert!(!is_utf8_with_surrogates(b"a\xff"));
        assert!(!is_utf8_with_surrogates(b"a\xed"));
    }
}
