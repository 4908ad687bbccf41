//! PostgreSQL's binary form of numeric: groups of four digits, where the first group stands, a sign, and how many digits
//! are shown after the point.

use bytes::{BufMut as _, BytesMut};

const NEGATIVE: u16 = 0x4000;

/// Appends the binary form of a plain decimal number such as `-12.50`; false if the text is none.
pub(super) fn write(text: &str, out: &mut BytesMut) -> bool {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(fraction) {
        return false;
    }
    let mut groups: Vec<u16> = Vec::with_capacity(whole.len() / 4 + fraction.len() / 4 + 2);
    let number = |digits: &[u8]| digits.iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0'));
    // The first group may be short; the last one is filled with zeros.
    let (head, tail) = whole.as_bytes().split_at(whole.len() % 4);
    if !head.is_empty() {
        groups.push(number(head));
    }
    groups.extend(tail.chunks(4).map(number));
    let mut weight = groups.len() as i32 - 1;
    groups.extend(fraction.as_bytes().chunks(4).map(|chunk| number(chunk) * 10_u16.pow(4 - chunk.len() as u32)));
    let leading = groups.iter().take_while(|group| **group == 0).count();
    groups.drain(..leading);
    weight -= leading as i32;
    while groups.last() == Some(&0) {
        groups.pop();
    }
    let (Ok(count), Ok(scale)) = (i16::try_from(groups.len()), i16::try_from(fraction.len())) else { return false };
    let Ok(weight) = i16::try_from(if groups.is_empty() { 0 } else { weight }) else { return false };
    out.put_i16(count);
    out.put_i16(weight);
    out.put_u16(if negative && !groups.is_empty() { NEGATIVE } else { 0 });
    out.put_i16(scale);
    groups.iter().for_each(|group| out.put_u16(*group));
    true
}

/// The plain decimal form of a number; none for NaN, the infinities, and bytes that are no number.
pub(super) fn read(raw: &[u8]) -> Option<String> {
    let word = |at: usize| Some(u16::from_be_bytes([*raw.get(at)?, *raw.get(at + 1)?]));
    let (count, weight, sign, scale) = (word(0)?, word(2)? as i16, word(4)?, word(6)?);
    if sign != 0 && sign != NEGATIVE {
        return None;
    }
    let group = |at: i32| match usize::try_from(at) {
        Ok(at) if at < usize::from(count) => word(8 + 2 * at),
        _ => Some(0),
    };
    let weight = i32::from(weight);
    let mut text = String::with_capacity(2 + 4 * usize::from(count) + usize::from(scale));
    if sign == NEGATIVE {
        text.push('-');
    }
    use std::fmt::Write as _;
    if weight < 0 {
        text.push('0');
    }
    for at in 0..=weight {
        let group = group(at)?;
        let written = if at == 0 { write!(text, "{group}") } else { write!(text, "{group:04}") };
        written.ok()?;
    }
    if scale > 0 {
        text.push('.');
        let end = text.len() + usize::from(scale);
        let mut at = weight + 1;
        while text.len() < end {
            write!(text, "{:04}", group(at)?).ok()?;
            at += 1;
        }
        text.truncate(end);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let numbers = [
            "0",
            "1",
            "-1",
            "10000",
            "9999",
            "12.5",
            "0.5",
            "0.0001",
            "0.00001",
            "-0.00000001",
            "123456789.987654321",
            "100000000",
            "0.10",
            "1234567890123456789012345678901234",
            "0.0000000000000000000000000000000001",
        ];
        for number in numbers {
            let mut out = BytesMut::new();
            assert!(write(number, &mut out), "{number}");
            assert_eq!(read(&out).as_deref(), Some(number));
        }
    }

    #[test]
    fn words_and_damaged_bytes_are_no_numbers() {
        for text in ["", "-", ".5", "1e5", "NaN", "1,5"] {
            assert!(!write(text, &mut BytesMut::new()), "{text}");
        }
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[0, 0, 0, 0, 0xC0, 0, 0, 0]), None);
        assert_eq!(read(&[0, 2, 0, 1, 0, 0, 0, 0, 0, 1]), None);
    }
}
