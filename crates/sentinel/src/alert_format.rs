//! Alert names and descriptions with `{{Column}}` places.

/// The columns named in a format, in order, repeats included.
pub fn placeholders(format: &str) -> impl Iterator<Item = &str> {
    Pieces { rest: format }.filter_map(|piece| match piece {
        Piece::Column(name) => Some(name),
        Piece::Text(_) => None,
    })
}

/// The format with each place filled by `value`; a column that `value` does not know stays as written.
pub fn fill(format: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut text = String::with_capacity(format.len());
    for piece in (Pieces { rest: format }) {
        match piece {
            Piece::Text(plain) => text.push_str(plain),
            Piece::Column(name) => match value(name) {
                Some(value) => text.push_str(&value),
                None => {
                    text.push_str("{{");
                    text.push_str(name);
                    text.push_str("}}");
                }
            },
        }
    }
    text
}

enum Piece<'a> {
    Text(&'a str),
    Column(&'a str),
}

struct Pieces<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let open = self.rest.find("{{");
        if open == Some(0) {
            let inside = &self.rest[2..];
            if let Some(close) = inside.find("}}") {
                let name = inside[..close].trim();
                self.rest = &inside[close + 2..];
                return Some(Piece::Column(name));
            }
        }
        // Text up to the next opening; an opening without an end is text to the end.
        let end = match open {
            Some(0) | None => self.rest.len(),
            Some(at) => at,
        };
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(Piece::Text(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled() {
        let value = |name: &str| match name {
            "User" => Some("ann".to_owned()),
            "Empty" => Some(String::new()),
            _ => None,
        };
        for (format, want) in [
            ("{{User}} on {{ User }}", "ann on ann"),
            ("[{{Empty}}]", "[]"),
            ("{{Nobody}}!", "{{Nobody}}!"),
            ("open {{User", "open {{User"),
            ("{{User}}{{", "ann{{"),
            ("", ""),
            ("é{{User}}é", "éanné"),
        ] {
            assert_eq!(fill(format, value), want, "{format}");
        }
        assert_eq!(placeholders("{{A}} {{B}} x {{A}}").collect::<Vec<_>>(), ["A", "B", "A"]);
    }
}
