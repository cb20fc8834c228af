//! Numbers and booleans from and to text, as `tolong()`, `toreal()`, `tobool()` and `tostring()` see them; a text's
//! first bytes as a number; search in bytes.

mod fold;
#[cfg(test)]
mod tests;

pub use fold::{FoldFinder, frequency};

/// The first eight bytes as a little-endian number, zeros where there are fewer. Three loads at most: bytes copied to a
/// buffer of eight and read back as one number would have to leave the processor's store buffer first, a dozen cycles
/// that stand in the way of every row that is hashed or compared.
#[inline]
pub fn head(bytes: &[u8]) -> u64 {
    if let Some(eight) = bytes.first_chunk() {
        return u64::from_le_bytes(*eight);
    }
    // two pieces that overlap where there are not enough bytes
    let behind = |length: usize| 8 * (bytes.len() - length) as u32;
    if let (Some(front), Some(back)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (front, back) = (u32::from_le_bytes(*front), u32::from_le_bytes(*back));
        return u64::from(front) | u64::from(back) << behind(4);
    }
    if let (Some(front), Some(back)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (front, back) = (u16::from_le_bytes(*front), u16::from_le_bytes(*back));
        return u64::from(front) | u64::from(back) << behind(2);
    }
    bytes.first().map_or(0, |byte| u64::from(*byte))
}

/// Reads an integer: decimal or `0x` hexadecimal, blanks around it ignored; a fraction is cut off. Rubbish is none.
pub fn parse_long(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(value) = text.parse() {
        return Some(value);
    }
    let (negative, plain) = match text.strip_prefix('-') {
        Some(plain) => (true, plain),
        None => (false, text),
    };
    if let Some(hex) = plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X")) {
        if hex.is_empty() || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let value = u64::from_str_radix(hex, 16).ok()?.cast_signed();
        return Some(if negative { value.wrapping_neg() } else { value });
    }
    long_from_real(parse_real(text)?)
}

/// Reads a 32-bit integer, else as [`parse_long`].
pub fn parse_int(text: &str) -> Option<i32> {
    parse_long(text).and_then(|v| i32::try_from(v).ok())
}

/// Reads a real: `1`, `-1.5`, `1e-5`, `NaN`, `inf`; blanks around it ignored. Rubbish is none.
pub fn parse_real(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain = text.strip_prefix(['-', '+']).unwrap_or(text);
    match plain.as_bytes().first()? {
        b'0'..=b'9' | b'.' => {
            if let Some(hex) = plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X")) {
                let value = u64::from_str_radix(hex, 16).ok()? as f64;
                return Some(if text.starts_with('-') { -value } else { value });
            }
            text.parse().ok()
        }
        b'n' | b'N' if plain.eq_ignore_ascii_case("nan") => Some(f64::NAN),
        b'i' | b'I' if ["inf", "infinity"].iter().any(|n| plain.eq_ignore_ascii_case(n)) => {
            Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY })
        }
        _ => None,
    }
}

/// Reads `true` and `false` in any case, and numbers: 0 is false, any other true.
pub fn parse_bool(text: &str) -> Option<bool> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        parse_long(text).map(|v| v != 0)
    }
}

/// A real cut towards zero; none for NaN, infinities and what 64 bits do not hold.
pub fn long_from_real(value: f64) -> Option<i64> {
    let whole = value.trunc();
    (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0)
        .contains(&whole)
        .then_some(whole as i64)
}

/// Appends a real: the shortest text that reads back the same, `1.0`, `0.1`, `1E+20`, `NaN`, `-Infinity`.
pub fn write_real(value: f64, out: &mut String) {
    if !value.is_finite() {
        out.push_str(match value {
            v if v.is_nan() => "NaN",
            v if v > 0.0 => "Infinity",
            _ => "-Infinity",
        });
        return;
    }
    let magnitude = value.abs();
    if magnitude < 1e15 && value.trunc() == value && magnitude > 0.0 {
        out.push_str(itoa::Buffer::new().format(value as i64));
        out.push_str(".0");
        return;
    }
    let mut buffer = ryu::Buffer::new();
    let text = buffer.format_finite(value);
    if magnitude == 0.0 || (1e-4..1e15).contains(&magnitude) {
        out.push_str(text);
    } else {
        write_scientific(text, out);
    }
}

/// Turns `ryu`'s `1.5e-7` or `1234567890123456.0` into `1.5E-07` or `1.234567890123456E+15`.
fn write_scientific(text: &str, out: &mut String) {
    let (sign, text) = text.strip_prefix('-').map_or(("", text), |t| ("-", t));
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let leading = digits.len() - digits.trim_start_matches('0').len();
    let significant = digits.trim_matches('0');
    let exponent = exponent.parse::<i32>().unwrap_or(0) + whole.len() as i32 - 1 - leading as i32;
    let (first, rest) = significant.split_at_checked(1).unwrap_or(("0", ""));
    out.push_str(sign);
    out.push_str(first);
    if !rest.is_empty() {
        out.push('.');
        out.push_str(rest);
    }
    let mark = if exponent < 0 { '-' } else { '+' };
    let _ = std::fmt::Write::write_fmt(out, format_args!("E{mark}{:02}", exponent.abs()));
}

/// [`write_real`] as a text of its own.
pub fn real_to_string(value: f64) -> String {
    let mut out = String::new();
    write_real(value, &mut out);
    out
}
