//! Arrays of scalars, and bags of scalars whose keys are the same for many values, written straight to bytes.

use super::build::{push_uint, width, write_decimal, write_long, write_metadata, write_text};
use super::{DynamicBuilder, DynamicRef, EMPTY_METADATA, Kind, basic, primitive};
use crate::{DateTime, Decimal, Guid, TimeSpan, Value};

/// Containers without keys of up to this many bytes, which cannot be nested deeply, are members as they are.
const PLAIN_MAX: usize = 256;

/// Builds one array, or one bag of fixed keys, after another; members follow one another in the order of the keys.
/// What it gives is byte for byte what [`DynamicBuilder`] gives, which takes over where a member has keys of its own.
#[derive(Default)]
pub struct Flat {
    bag: Option<Bag>,
    values: Vec<u8>,
    /// Where each member begins in `values`.
    starts: Vec<usize>,
    /// Holds the members once one of them is no scalar.
    builder: DynamicBuilder,
    spilled: bool,
}

struct Bag {
    /// As written.
    keys: Vec<String>,
    metadata: Vec<u8>,
    /// The ids of the keys, by key.
    ids: Vec<u8>,
    id_width: usize,
    /// The place of each key as written, by key.
    order: Vec<usize>,
}

impl Flat {
    /// Of arrays.
    pub fn array() -> Self {
        Self::default()
    }

    /// Of bags with these keys; none where a key comes twice.
    pub fn bag(keys: Vec<String>) -> Option<Self> {
        let mut order: Vec<usize> = (0..keys.len()).collect();
        let name = |at: usize| keys.get(at).map(String::as_bytes).unwrap_or_default();
        order.sort_unstable_by(|a, b| name(*a).cmp(name(*b)));
        if !order.is_sorted_by(|a, b| name(*a) < name(*b)) {
            return None;
        }
        let mut metadata = Vec::new();
        write_metadata(order.iter().map(|at| name(*at)), true, &mut metadata);
        let id_width = width(keys.len().saturating_sub(1));
        let mut ids = Vec::new();
        (0..keys.len()).for_each(|id| push_uint(id, id_width, &mut ids));
        Some(Self { bag: Some(Bag { keys, metadata, ids, id_width, order }), ..Self::default() })
    }

    /// Forgets the members.
    pub fn clear(&mut self) {
        self.values.clear();
        self.starts.clear();
        if self.spilled {
            self.builder.clear();
            self.spilled = false;
        }
    }

    /// The bytes for one more member; none where the builder took over.
    fn next(&mut self) -> Option<&mut Vec<u8>> {
        if self.spilled {
            self.name(self.starts.len());
            self.starts.push(0);
            return None;
        }
        self.starts.push(self.values.len());
        Some(&mut self.values)
    }

    fn name(&mut self, at: usize) {
        if let Some(key) = self.bag.as_ref().and_then(|bag| bag.keys.get(at)) {
            self.builder.key(key);
        }
    }

    fn fixed(&mut self, id: u8, bytes: &[u8]) -> bool {
        let Some(out) = self.next() else { return false };
        out.push(id << 2);
        out.extend_from_slice(bytes);
        true
    }

    /// Adds a null.
    pub fn null(&mut self) {
        if !self.fixed(primitive::NULL, &[]) {
            self.builder.null();
        }
    }

    /// Adds a bool.
    pub fn bool(&mut self, value: bool) {
        if !self.fixed(if value { primitive::TRUE } else { primitive::FALSE }, &[]) {
            self.builder.bool(value);
        }
    }

    /// Adds an integer.
    pub fn long(&mut self, value: i64) {
        match self.next() {
            Some(out) => write_long(value, out),
            None => self.builder.long(value),
        }
    }

    /// Adds a double.
    pub fn real(&mut self, value: f64) {
        if !self.fixed(primitive::DOUBLE, &value.to_le_bytes()) {
            self.builder.real(value);
        }
    }

    /// Adds a decimal.
    pub fn decimal(&mut self, value: Decimal) {
        match self.next() {
            Some(out) => write_decimal(value, out),
            None => self.builder.decimal(value),
        }
    }

    /// Adds text.
    pub fn string(&mut self, value: &str) {
        match self.next() {
            Some(out) => write_text(value.as_bytes(), out),
            None => self.builder.string(value),
        }
    }

    /// Adds an identifier.
    pub fn guid(&mut self, value: Guid) {
        if !self.fixed(primitive::UUID, &value.0) {
            self.builder.guid(value);
        }
    }

    /// Adds an instant.
    pub fn datetime(&mut self, value: DateTime) {
        if !self.fixed(primitive::KQL_DATETIME, &value.ticks().to_le_bytes()) {
            self.builder.datetime(value);
        }
    }

    /// Adds a length of time.
    pub fn timespan(&mut self, value: TimeSpan) {
        if !self.fixed(primitive::KQL_TIMESPAN, &value.ticks().to_le_bytes()) {
            self.builder.timespan(value);
        }
    }

    any_cell!();

    /// Adds another dynamic value, or a part of one.
    pub fn dynamic(&mut self, value: DynamicRef<'_>) {
        let done = match value.kind() {
            Kind::Null => None,
            Kind::Bool => value.as_bool().map(|v| self.bool(v)),
            Kind::Long => value.as_i64().map(|v| self.long(v)),
            Kind::Real => value.as_f64().map(|v| self.real(v)),
            Kind::Decimal => value.as_decimal().map(|v| self.decimal(v)),
            Kind::String => value.as_str().map(|v| self.string(v)),
            Kind::Guid => value.as_guid().map(|v| self.guid(v)),
            Kind::DateTime => value.as_datetime().map(|v| self.datetime(v)),
            Kind::TimeSpan => value.as_timespan().map(|v| self.timespan(v)),
            Kind::Array if !self.spilled && is_plain(value, 0) => {
                self.starts.push(self.values.len());
                self.values.extend_from_slice(value.value());
                Some(())
            }
            Kind::Array | Kind::Object => {
                self.spill();
                self.name(self.starts.len());
                self.starts.push(0);
                self.builder.dynamic(value);
                Some(())
            }
        };
        if done.is_none() {
            self.null();
        }
    }

    /// Hands the members over to the builder.
    fn spill(&mut self) {
        if self.spilled {
            return;
        }
        self.spilled = true;
        self.builder.clear();
        match self.bag {
            Some(_) => self.builder.begin_object(),
            None => self.builder.begin_array(),
        }
        for at in 0..self.starts.len() {
            self.name(at);
            let start = self.starts.get(at).copied().unwrap_or(0);
            let end = self.starts.get(at + 1).copied().unwrap_or(self.values.len());
            let bytes = self.values.get(start..end).unwrap_or_default();
            self.builder.dynamic(DynamicRef::from_parts(&EMPTY_METADATA, bytes));
        }
    }

    /// Appends the value's bytes; there are no members afterwards. Keys without a member hold null.
    pub fn finish_into(&mut self, out: &mut Vec<u8>) {
        let keys = self.bag.as_ref().map(|bag| bag.keys.len());
        if let Some(keys) = keys {
            while self.starts.len() < keys {
                self.null();
            }
        }
        if self.spilled {
            self.builder.finish_into(out);
            return self.clear();
        }
        let (count, bytes) = (self.starts.len(), self.values.len());
        let offset_width = width(bytes);
        let sizes = (offset_width - 1) as u8;
        let large = count > 255;
        match &self.bag {
            Some(bag) => {
                out.extend_from_slice(&bag.metadata);
                let ids = (bag.id_width - 1) as u8;
                out.push((u8::from(large) << 4 | ids << 2 | sizes) << 2 | basic::OBJECT);
                push_uint(count, if large { 4 } else { 1 }, out);
                out.extend_from_slice(&bag.ids);
                for at in &bag.order {
                    push_uint(self.starts.get(*at).copied().unwrap_or(0), offset_width, out);
                }
            }
            None => {
                out.extend_from_slice(&EMPTY_METADATA);
                out.push((u8::from(large) << 2 | sizes) << 2 | basic::ARRAY);
                push_uint(count, if large { 4 } else { 1 }, out);
                self.starts.iter().for_each(|start| push_uint(*start, offset_width, out));
            }
        }
        push_uint(bytes, offset_width, out);
        out.extend_from_slice(&self.values);
        self.clear();
    }
}

impl std::fmt::Debug for Flat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Flat")
    }
}

/// True for a small array that holds, at any depth, nothing but arrays and scalars that the builder would write as they
/// are.
fn is_plain(value: DynamicRef<'_>, depth: usize) -> bool {
    if value.value().len() > PLAIN_MAX || depth > 8 {
        return false;
    }
    let mut bytes = 0;
    let all = value.array().all(|item| {
        bytes += item.value().len();
        match item.kind() {
            Kind::Array => is_plain(item, depth + 1),
            Kind::String => item.as_str().is_some() && item.value().len() <= 64,
            Kind::Long => item.as_i64().is_some_and(|v| {
                let mut own = Vec::new();
                write_long(v, &mut own);
                own == item.value()
            }),
            Kind::Bool => true,
            _ => false,
        }
    });
    // as long as its parts ask for, and no longer
    let count = value.len();
    let head = 2 + (count + 1) * width(bytes);
    all && count <= 255 && value.value().len() == head + bytes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::Dynamic;

    fn values() -> Vec<Value> {
        let json = |text: &str| Value::Dynamic(Dynamic::parse_json(text).unwrap());
        vec![
            Value::Null,
            Value::Bool(true),
            Value::Int(-5),
            Value::Long(127),
            Value::Long(i64::MIN),
            Value::Long(70_000),
            Value::Real(f64::NAN),
            Value::Real(2.5),
            Value::Decimal(Decimal::parse("1.50").unwrap()),
            Value::Decimal(Decimal::parse("12345678901234567890.5").unwrap()),
            Value::from(""),
            Value::from("é"),
            Value::from("x".repeat(63).as_str()),
            Value::from("x".repeat(64).as_str()),
            Value::from("x".repeat(70_000).as_str()),
            Value::Guid(Guid([7; 16])),
            Value::DateTime(DateTime::from_ticks(1)),
            Value::TimeSpan(TimeSpan::from_ticks(-1)),
            json("[]"),
            json("[1,\"a\",[true,[]]]"),
            json("[1,null,2.5]"),
            json("{}"),
            json(r#"{"a":{"z":1},"b":[{"c":2}]}"#),
            json(r#"[{"a":1}]"#),
            json(&format!("{}{}", "[".repeat(128), "]".repeat(128))),
            Value::Dynamic(Dynamic::from_bytes(&[0xff, 1, 2])),
        ]
    }

    #[test]
    fn the_bytes_are_the_builders() {
        let values = values();
        let mut builder = DynamicBuilder::new();
        let mut array = Flat::array();
        for length in [0, 1, 2, 3, 7, 300] {
            for start in 0..values.len() {
                let members: Vec<&Value> =
                    values.iter().cycle().skip(start).step_by(1 + start % 5).take(length).collect();
                builder.begin_array();
                members.iter().for_each(|v| builder.value(v));
                builder.end_array();
                let mut bytes = Vec::new();
                members.iter().for_each(|v| array.value(v));
                array.finish_into(&mut bytes);
                assert_eq!(bytes, builder.finish().as_bytes(), "{members:?}");

                let key = |at: usize| format!("key{}", (at * 7919 + start) % 10_007);
                let mut bag = Flat::bag((0..length).map(key).collect()).unwrap();
                for round in 0..2 {
                    builder.begin_object();
                    for (at, value) in members.iter().enumerate() {
                        builder.key(&key(at));
                        builder.value(if round > 0 { value } else { &Value::Null });
                        bag.value(if round > 0 { value } else { &Value::Null });
                    }
                    builder.end_object();
                    let mut bytes = Vec::new();
                    bag.finish_into(&mut bytes);
                    assert_eq!(bytes, builder.finish().as_bytes(), "{members:?}");
                }
            }
        }
        assert!(Flat::bag(vec!["a".to_owned(), "b".to_owned(), "a".to_owned()]).is_none());
    }

    #[test]
    fn a_builder_that_has_made_others_makes_the_same() {
        let texts = [
            r#"{"a":1,"b":2}"#,
            r#"{"b":1,"a":2}"#,
            r#"{"a":1,"a":{"b":1},"c":[{"a":1},{"a":2,"d":3}]}"#,
            r#"{"a":{"b":1},"a":1}"#,
            r#"{"a":1,"b":2}"#,
            r#"[{"a":1},{"b":2}]"#,
            "{}",
            "[]",
            "1",
            r#"{"a":1}"#,
        ];
        let mut used = DynamicBuilder::new();
        for round in 0..300 {
            for text in texts {
                let mut fresh = DynamicBuilder::new();
                fresh.json(text).unwrap();
                used.json(r#"{"zz":1,"a":2,"#);
                used.json(text).unwrap();
                assert_eq!(used.finish().as_bytes(), fresh.finish().as_bytes(), "{text} {round}");
            }
            let many: String =
                (0..round % 17 * 30).map(|n| format!("\"{round}-{n}\":{n},")).collect();
            let text = format!("{{{many}\"last\":0}}");
            let mut fresh = DynamicBuilder::new();
            fresh.json(&text).unwrap();
            used.json(&text).unwrap();
            assert_eq!(used.finish().as_bytes(), fresh.finish().as_bytes());
        }
    }
}
