//! Well-known text to GeoJSON.

use values::DynamicBuilder;

use super::super::Function;
use super::super::call::Call;
use super::super::strings::text_of;
use super::super::support::Answer;

/// Deepest nesting of collections.
const DEPTH_MAX: usize = 32;

pub(in super::super) const FUNCTIONS: &[Function] = &[Function::new("geo_from_wkt", from_wkt)];

/// A text, or an array of them.
fn from_wkt(call: &Call<'_>) -> Answer {
    call.built(|row, out| {
        let value = call.value(0, row);
        if let values::Value::Dynamic(d) = &value
            && d.as_ref().kind() == values::Kind::Array
        {
            out.begin_array();
            for item in d.as_ref().array() {
                let mut part = DynamicBuilder::new();
                match read(&text_of(item), &mut part) {
                    Some(()) => out.dynamic(part.finish().as_ref()),
                    None => out.null(),
                }
            }
            out.end_array();
            return Some(());
        }
        read(&value.to_string(), out)
    })
}

fn read(text: &str, out: &mut DynamicBuilder) -> Option<()> {
    let mut parser = Parser { rest: text };
    parser.geometry(out, 0)?;
    parser.rest.trim().is_empty().then_some(())
}

struct Parser<'t> {
    rest: &'t str,
}

/// How deep the lists of a geometry's coordinates nest.
const KINDS: [(&str, &str, usize); 6] = [
    ("POINT", "Point", 0),
    ("LINESTRING", "LineString", 1),
    ("POLYGON", "Polygon", 2),
    ("MULTIPOINT", "MultiPoint", 1),
    ("MULTILINESTRING", "MultiLineString", 2),
    ("MULTIPOLYGON", "MultiPolygon", 3),
];

impl Parser<'_> {
    fn eat(&mut self, c: char) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn word(&mut self) -> String {
        self.rest = self.rest.trim_start();
        let end = self.rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        word.to_ascii_uppercase()
    }

    fn geometry(&mut self, out: &mut DynamicBuilder, depth: usize) -> Option<()> {
        let word = self.word();
        out.begin_object();
        out.key("type");
        if word == "GEOMETRYCOLLECTION" && depth < DEPTH_MAX {
            out.string("GeometryCollection");
            out.key("geometries");
            self.eat('(').then_some(())?;
            out.begin_array();
            loop {
                self.geometry(out, depth + 1)?;
                if !self.eat(',') {
                    break;
                }
            }
            out.end_array();
            self.eat(')').then_some(())?;
        } else {
            let (_, name, lists) = KINDS.iter().find(|(k, ..)| *k == word)?;
            out.string(name);
            out.key("coordinates");
            if *lists == 0 {
                self.eat('(').then_some(())?;
                self.position(out)?;
                self.eat(')').then_some(())?;
            } else {
                self.list(out, *lists)?;
            }
        }
        out.end_object();
        Some(())
    }

    fn list(&mut self, out: &mut DynamicBuilder, depth: usize) -> Option<()> {
        self.eat('(').then_some(())?;
        out.begin_array();
        loop {
            if depth > 1 {
                self.list(out, depth - 1)?;
            } else {
                // MULTIPOINT may wrap each point.
                let wrapped = self.eat('(');
                self.position(out)?;
                if wrapped {
                    self.eat(')').then_some(())?;
                }
            }
            if !self.eat(',') {
                break;
            }
        }
        out.end_array();
        self.eat(')').then_some(())
    }

    fn position(&mut self, out: &mut DynamicBuilder) -> Option<()> {
        out.begin_array();
        let mut count = 0;
        loop {
            self.rest = self.rest.trim_start();
            let end = self.rest.find([' ', ',', ')', '\t', '\n']).unwrap_or(self.rest.len());
            let (number, rest) = self.rest.split_at_checked(end)?;
            if number.is_empty() {
                break;
            }
            match number.parse::<i64>() {
                Ok(whole) => out.long(whole),
                Err(_) => out.real(number.parse().ok().filter(|v: &f64| v.is_finite())?),
            }
            self.rest = rest;
            count += 1;
        }
        out.end_array();
        (count >= 2).then_some(())
    }
}
