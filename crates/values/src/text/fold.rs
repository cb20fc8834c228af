//! Search in bytes without regard to the case of ASCII letters.

use std::fmt;

use aho_corasick::packed::{Config, MatchKind, Searcher};

/// Bytes of a needle that are looked for in all their cases at once.
const WINDOW: usize = 4;

/// A needle prepared for search in large pieces of text: its rarest bytes are looked for, whatever their case, many places
/// at a time; only where these stand the needle is compared.
pub struct FoldFinder {
    /// In lower case.
    needle: Box<[u8]>,
    /// Where in the needle the window begins.
    at: usize,
    /// Looks for the window; none on processors without the means.
    window: Option<Searcher>,
    /// The window's first byte in both cases.
    first: (u8, u8),
}

impl FoldFinder {
    /// For a needle, whose letters beyond ASCII are found as they are. None for an empty one.
    pub fn new(needle: &str) -> Option<Self> {
        let needle = needle.to_ascii_lowercase().into_bytes().into_boxed_slice();
        let width = WINDOW.min(needle.len());
        let weight = |window: &[u8]| window.iter().map(|b| u32::from(frequency(*b))).sum::<u32>();
        let windows = needle.windows(width.max(1)).enumerate();
        let (at, rare) = windows.min_by_key(|(_, window)| weight(window))?;
        let mut cases = vec![Vec::with_capacity(width)];
        for byte in rare {
            let upper = byte.to_ascii_uppercase();
            let mut others = if upper == *byte { Vec::new() } else { cases.clone() };
            cases.iter_mut().for_each(|case| case.push(*byte));
            others.iter_mut().for_each(|case| case.push(upper));
            cases.append(&mut others);
        }
        let mut builder = Config::new().match_kind(MatchKind::LeftmostFirst).builder();
        let window = builder.extend(cases).build();
        let first = rare.first().copied()?;
        Some(Self { first: (first, first.to_ascii_uppercase()), window, at, needle })
    }

    /// Where the needle first stands in the bytes.
    pub fn find(&self, hay: &[u8]) -> Option<usize> {
        let mut from = self.at;
        loop {
            let place = match &self.window {
                Some(window) => {
                    window.find_in(hay, (from.min(hay.len())..hay.len()).into())?.start()
                }
                None => from + memchr::memchr2(self.first.0, self.first.1, hay.get(from..)?)?,
            };
            let start = place - self.at;
            let part = hay.get(start..start.checked_add(self.needle.len())?)?;
            if part.eq_ignore_ascii_case(&self.needle) {
                return Some(start);
            }
            from = place + 1;
        }
    }

    /// True where the needle stands in the bytes.
    pub fn is_in(&self, hay: &[u8]) -> bool {
        self.find(hay).is_some()
    }
}

impl fmt::Debug for FoldFinder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FoldFinder").field(&String::from_utf8_lossy(&self.needle)).finish()
    }
}

/// How often a byte occurs in logs, roughly; the rarest of a needle makes the fastest search.
pub fn frequency(byte: u8) -> u8 {
    match byte {
        b'e' | b' ' | b'0' | b'1' | b'-' | b'.' | b'/' => 10,
        b'a' | b'i' | b'o' | b'n' | b't' | b'r' | b's' | b'2' => 9,
        b'c' | b'd' | b'l' | b'm' | b'p' | b'u' | b'\\' | b'"' | b':' => 7,
        b'3'..=b'9' | b'f' | b'b' | b'g' | b'h' => 6,
        b'y' | b'w' | b'v' | b'_' => 4,
        b'k' | b'x' | b'j' | b'q' | b'z' => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plainly(hay: &[u8], needle: &str) -> Option<usize> {
        hay.windows(needle.len()).position(|part| part.eq_ignore_ascii_case(needle.as_bytes()))
    }

    #[test]
    fn a_needle_is_found_in_any_case_and_place() {
        let long = "x".repeat(200);
        for needle in
            ["a", "kz", "xyz", "a1b2c3d4", "MimiKatz", "größe", "-", "\\\\host\\share", "xxxxxxxxy"]
        {
            let finder = FoldFinder::new(needle).unwrap();
            for written in
                [needle.to_owned(), needle.to_ascii_uppercase(), needle.to_ascii_lowercase()]
            {
                for before in [0, 1, 7, 31, 64, 150] {
                    for after in [0, 1, 40] {
                        let hay = format!("{}{written}{}", &long[..before], &long[..after]);
                        let place = finder.find(hay.as_bytes());
                        assert_eq!(place, plainly(hay.as_bytes(), needle), "{needle} in {hay}");
                        let short = &hay.as_bytes()[..before + written.len() - 1];
                        assert_eq!(finder.find(short), plainly(short, needle));
                    }
                }
            }
        }
        assert!(FoldFinder::new("").is_none());
        assert!(!FoldFinder::new("abc").unwrap().is_in(b""));
    }

    proptest! {
        #[test]
        fn it_finds_what_comparing_place_by_place_finds(
            hay in proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'A'), Just(b'b'), Just(b'.'), any::<u8>()], 0..200),
            needle in "[abAB.]{1,6}",
        ) {
            prop_assert_eq!(FoldFinder::new(&needle).unwrap().find(&hay), plainly(&hay, &needle));
        }
    }
}
