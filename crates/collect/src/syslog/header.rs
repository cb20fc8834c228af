//! From a line to its parts.

use model::{DateTime, TimeSpan};
use values::CivilTime;

use super::Message;
use crate::cell::text_time;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// Longest program name before a colon; anything longer is message.
const TAG_MAX: usize = 64;
/// A sender's clock may be this far ahead before a date without a year is taken to be last year's.
const AHEAD_MAX: TimeSpan = TimeSpan::from_days(2);

pub(super) fn parse(line: &str, received: DateTime) -> Message<'_> {
    let line = line.trim_end_matches(['\r', '\n', '\0']);
    let (priority, rest) = priority(line);
    let mut message = match priority.and_then(|_| rfc5424(rest)) {
        Some(message) => message,
        None => rfc3164(rest, received),
    };
    if let Some(priority) = priority {
        message.facility = Some(priority / 8);
        message.severity = Some(priority % 8);
    }
    message
}

/// `<34>` in front of a message.
fn priority(line: &str) -> (Option<u8>, &str) {
    let found = line.strip_prefix('<').and_then(|rest| {
        let (number, rest) =
            rest.split_at_checked(rest.find('>').filter(|at| (1..=3).contains(at))?)?;
        let plain = number.bytes().all(|b| b.is_ascii_digit());
        let number = number.parse().ok().filter(|n| plain && *n < 192)?;
        Some((number, rest.strip_prefix('>')?))
    });
    found.map_or((None, line), |(number, rest)| (Some(number), rest))
}

/// `1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID [structured data] message`.
fn rfc5424(rest: &str) -> Option<Message<'_>> {
    let rest = rest.strip_prefix("1 ")?;
    let (time, rest) = rest.split_once(' ')?;
    let (host, rest) = rest.split_once(' ')?;
    let (process, rest) = rest.split_once(' ')?;
    let (process_id, rest) = rest.split_once(' ')?;
    let (message_id, rest) = rest.split_once(' ').unwrap_or((rest, "-"));
    let time = match time {
        "-" => None,
        text => Some(text_time(text)?),
    };
    let (structured_data, text) = match rest.strip_prefix('-') {
        Some(text) => (None, text),
        None => {
            let (data, text) = rest.split_at_checked(structured_end(rest)?)?;
            (Some(data), text)
        }
    };
    let text = text.strip_prefix(' ').unwrap_or(text);
    let given = |text: &'_ str| -> bool { text != "-" && !text.is_empty() };
    Some(Message {
        time,
        host: Some(host).filter(|t| given(t)),
        process: Some(process).filter(|t| given(t)),
        process_id: Some(process_id).filter(|t| given(t)),
        message_id: Some(message_id).filter(|t| given(t)),
        structured_data,
        text: text.strip_prefix('\u{FEFF}').unwrap_or(text),
        ..Message::default()
    })
}

/// Where `[id a="b"][id2]` ends; brackets inside of quotes do not count. None when it is not closed.
fn structured_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut end) = (0, None);
    while bytes.get(at) == Some(&b'[') {
        let mut quoted = false;
        loop {
            at += 1;
            match bytes.get(at)? {
                b'\\' if quoted => at += 1,
                b'"' => quoted = !quoted,
                b']' if !quoted => break,
                _ => {}
            }
        }
        at += 1;
        end = Some(at);
    }
    end
}

/// `Oct 11 22:14:15 host tag[pid]: message`, where any part may be missing.
fn rfc3164(rest: &str, received: DateTime) -> Message<'_> {
    let rest = rest.trim_start();
    let Some((time, behind)) = legacy_time(rest, received).or_else(|| iso_time(rest)) else {
        let (process, process_id, text) = tag(rest);
        return Message { process, process_id, text, ..Message::default() };
    };
    let behind = behind.trim_start();
    // Without a host the tag comes at once.
    let (first, others) = behind.split_once(' ').unwrap_or((behind, ""));
    let is_host =
        !first.ends_with(':') && !first.ends_with(']') && !first.is_empty() && !others.is_empty();
    let (host, rest) = if is_host { (Some(first), others) } else { (None, behind) };
    let (process, process_id, text) = tag(rest);
    Message { time: Some(time), host, process, process_id, text, ..Message::default() }
}

/// `Oct 11 22:14:15`, `Oct 11 2024 22:14:15.123`, with Cisco's mark in front and colon behind.
fn legacy_time(text: &str, received: DateTime) -> Option<(DateTime, &str)> {
    let text = text.strip_prefix(['*', '.']).unwrap_or(text);
    let (name, rest) = text.split_at_checked(3)?;
    let month = MONTHS.iter().position(|m| m.eq_ignore_ascii_case(name))? as u32 + 1;
    let (day, rest) = number(rest.strip_prefix(' ')?.trim_start(), 2)?;
    let rest = rest.strip_prefix(' ')?;
    let (year, rest) = match number(rest, 4) {
        Some((year, behind)) if year >= 1000 && behind.starts_with(' ') => {
            (Some(year), behind.trim_start())
        }
        _ => (None, rest),
    };
    let (hour, rest) = number(rest, 2)?;
    let (minute, rest) = number(rest.strip_prefix(':')?, 2)?;
    let (second, rest) = number(rest.strip_prefix(':')?, 2)?;
    let (ticks, rest) = fraction(rest);
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    if !rest.is_empty() && !rest.starts_with(' ') {
        return None;
    }
    let at = |year| {
        DateTime::from_civil(CivilTime {
            year,
            month,
            day,
            hour,
            minute,
            second: second.min(59),
            ticks,
        })
    };
    let time = match year {
        Some(year) => at(year.cast_signed())?,
        None => {
            // 29 February may be years back.
            let latest = received.checked_add(AHEAD_MAX).unwrap_or(DateTime::MAX);
            let this = received.civil().year.saturating_add(1);
            (this - 9..=this).rev().filter_map(at).find(|time| *time <= latest)?
        }
    };
    Some((time, rest))
}

/// `2024-02-29T12:34:56.789012+01:00` in front of the rest.
fn iso_time(text: &str) -> Option<(DateTime, &str)> {
    let (first, rest) = text.split_once(' ')?;
    let dated = first.len() >= 19 && first.as_bytes().get(4) == Some(&b'-');
    let time = text_time(first).filter(|_| dated)?;
    Some((time, rest))
}

/// Up to `most` digits and what follows them.
fn number(text: &str, most: usize) -> Option<(u32, &str)> {
    let length = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at_checked(length)?;
    Some((digits.parse().ok()?, rest))
}

/// `.123` as ticks; 0 without it.
fn fraction(text: &str) -> (u32, &str) {
    let Some(rest) = text.strip_prefix('.') else { return (0, text) };
    let length = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
    let kept = digits.bytes().chain(std::iter::repeat(b'0')).take(7);
    (kept.fold(0, |n, b| n * 10 + u32::from(b - b'0')), behind)
}

/// `sshd[123]: message` taken apart; a text without a tag is all message.
fn tag(text: &str) -> (Option<&str>, Option<&str>, &str) {
    let end = text.find(|c: char| c == '[' || c == ':' || c.is_whitespace()).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    if name.is_empty() || name.len() > TAG_MAX {
        return (None, None, text);
    }
    let message = |rest: &'_ str| rest.strip_prefix(' ').map_or(rest.len(), str::len);
    let from_end = |length: usize| text.get(text.len() - length..).unwrap_or_default();
    if let Some((id, behind)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let behind = behind.strip_prefix(':').unwrap_or(behind);
        let is_id = !id.is_empty() && id.len() <= TAG_MAX && !id.contains(char::is_whitespace);
        if is_id && (behind.is_empty() || behind.starts_with(' ')) {
            return (Some(name), Some(id), from_end(message(behind)));
        }
    } else if let Some(behind) = rest.strip_prefix(':')
        && (behind.is_empty() || behind.starts_with(' '))
    {
        return (Some(name), None, from_end(message(behind)));
    }
    (None, None, text)
}
