//! One question to a name server, and its answer: the texts of TXT records (RFC 1035). Nothing else of DNS is needed here.

/// Longest answer over UDP that is read.
pub const ANSWER_BYTES_MAX: usize = 4096;
const TXT: u16 = 16;
/// Records of one answer that are looked at.
const RECORDS_MAX: u16 = 100;

/// The question for TXT records of a name; none for what is no name.
pub fn question(id: u16, name: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(name.len() + 18);
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]); // recursion desired, one question
    for label in name.trim_end_matches('.').split('.') {
        let length = u8::try_from(label.len()).ok().filter(|n| (1..=63).contains(n))?;
        out.push(length);
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    out.extend_from_slice(&TXT.to_be_bytes());
    out.extend_from_slice(&[0, 1]);
    (name.len() <= 253 && name.is_ascii()).then_some(out)
}

/// True for an answer that did not fit into UDP and is to be asked for over TCP.
pub fn is_cut(answer: &[u8]) -> bool {
    answer.get(2).is_some_and(|flags| flags & 0x02 != 0)
}

/// The texts in an answer to that question; each record's pieces are joined.
pub fn texts(question: &[u8], answer: &[u8]) -> Result<Vec<String>, &'static str> {
    const BROKEN: &str = "the name server's answer is broken";
    let word = |at: usize| {
        let bytes = answer.get(at..at.checked_add(2)?)?;
        Some(u16::from_be_bytes(bytes.try_into().ok()?))
    };
    let flags = word(2).ok_or(BROKEN)?;
    if answer.get(..2) != question.get(..2) || flags & 0x8000 == 0 {
        return Err("the name server answered another question");
    }
    match flags & 0x000f {
        0 => {}
        3 => return Err("there is no such name (NXDOMAIN)"),
        _ => return Err("the name server refused or failed"),
    }
    let (questions, records) = (word(4).ok_or(BROKEN)?, word(6).ok_or(BROKEN)?);
    let mut at = 12;
    for _ in 0..questions.min(RECORDS_MAX) {
        at = skip_name(answer, at).ok_or(BROKEN)?.checked_add(4).ok_or(BROKEN)?;
    }
    let mut found = Vec::new();
    for _ in 0..records.min(RECORDS_MAX) {
        at = skip_name(answer, at).ok_or(BROKEN)?;
        let (kind, length) = (word(at).ok_or(BROKEN)?, usize::from(word(at + 8).ok_or(BROKEN)?));
        let data = answer.get(at + 10..at + 10 + length).ok_or(BROKEN)?;
        if kind == TXT {
            found.push(joined(data).ok_or(BROKEN)?);
        }
        at += 10 + length;
    }
    Ok(found)
}

/// Behind the name that begins here; pointers end it, nothing is followed.
fn skip_name(answer: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *answer.get(at)? {
            0 => return Some(at + 1),
            length if length & 0xc0 == 0xc0 => return Some(at + 2),
            length if length < 64 => at += 1 + usize::from(length),
            _ => return None,
        }
    }
}

fn joined(mut data: &[u8]) -> Option<String> {
    let mut out = Vec::new();
    while let Some((length, rest)) = data.split_first() {
        let (piece, rest) = rest.split_at_checked(usize::from(*length))?;
        out.extend_from_slice(piece);
        data = rest;
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    /// An answer with a pointer to the question's name and one record in two pieces.
    fn answer(question: &[u8]) -> Vec<u8> {
        let mut out = question.to_vec();
        out[2] = 0x81;
        out[3] = 0x80;
        out[7] = 1;
        out.extend([
            0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, 8, 3, b'a', b'b', b'c', 3, b'd', b'e', b'f',
        ]);
        out
    }

    #[test]
    fn texts_come_back() {
        let asked = question(7, "_acme-challenge.a.example").unwrap();
        assert_eq!(texts(&asked, &answer(&asked)).unwrap(), ["abcdef"]);
        let mut missing = answer(&asked);
        missing[3] = 0x83;
        assert!(texts(&asked, &missing).unwrap_err().contains("NXDOMAIN"));
        let other = question(8, "_acme-challenge.a.example").unwrap();
        assert!(texts(&other, &answer(&asked)).is_err());
        for length in 0..answer(&asked).len() {
            assert!(texts(&asked, &answer(&asked)[..length]).is_err());
        }
        for bad in ["", "a..b", &"a".repeat(64), &"a.".repeat(200), "\u{e4}.example"] {
            assert!(question(1, bad).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_answer(bytes: Vec<u8>, name: String) {
            let asked = question(7, "a.example").unwrap();
            let _ = texts(&asked, &bytes);
            let mut framed = answer(&asked)[..12].to_vec();
            framed.extend(bytes);
            let _ = texts(&asked, &framed);
            let _ = question(1, &name);
        }
    }
}
