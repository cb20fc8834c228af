//! Writing dynamic values piece by piece.
//!
//! Pieces are noted on a tape first; `finish` sorts the keys, sizes the containers from the inside out, and writes all
//! bytes in one forward pass.

use ahash::RandomState;
use hashbrown::HashTable;

use super::{DEPTH_MAX, Dynamic, DynamicRef, EMPTY_METADATA, Kind, basic, primitive};
use crate::{DateTime, Decimal, Guid, TimeSpan, Value};

/// One piece on the tape.
#[derive(Clone, Copy)]
struct Piece {
    what: What,
    /// Key under which it stands in a bag (order of first use), else `NO_KEY`.
    key: u32,
    /// Bytes it takes; for containers known in `finish`.
    size: usize,
}

#[derive(Clone, Copy)]
enum What {
    /// A slot that a later one with the same key has replaced.
    Gone,
    Null,
    Bool(bool),
    Long(i64),
    Real(f64),
    Decimal(Decimal),
    Guid(Guid),
    DateTime(DateTime),
    TimeSpan(TimeSpan),
    /// Range of the text buffer.
    Text(usize, usize),
    /// End of its children on the tape, and the bytes they take together.
    Array(usize, usize),
    Object(usize, usize),
}

const NO_KEY: u32 = u32::MAX;

/// Builds one dynamic value after another, keeping its buffers.
///
/// Unbalanced calls never panic: open containers are closed by `finish`, and values after the first are dropped.
/// A value nested deeper than [`DEPTH_MAX`] becomes null. Of equal keys in a bag the last wins.
#[derive(Default)]
pub struct DynamicBuilder {
    tape: Vec<Piece>,
    text: Vec<u8>,
    names: Vec<u8>,
    /// Ranges in `names`, by order of first use.
    keys: Vec<(usize, usize)>,
    lookup: HashTable<u32>,
    hasher: RandomState,
    /// Open containers, by their place on the tape.
    open: Vec<usize>,
    /// Containers opened beyond the depth limit, whose content is dropped.
    too_deep: usize,
    pending_key: Option<u32>,
    /// Values begun since the keys were last forgotten, by which the marks below tell this one from those before.
    epoch: u32,
    /// For each key the value that used it last, one more than its epoch.
    used_in: Vec<u32>,
    /// For each key, and for the start in front of them, the key that came after it: it mostly comes again.
    followers: Vec<u32>,
    /// Place in `followers` of the key that came last.
    before: usize,
    /// A key came more than once in this value.
    again: bool,
    // Scratch of `finish`.
    ranks: Vec<u32>,
    last_use: Vec<usize>,
    fields: Vec<(u32, usize)>,
    id_width: usize,
    written_in: Vec<u32>,
    used: Vec<u32>,
    order: Vec<u32>,
    /// Of the last dictionary written: its keys by first use, and its bytes; `ranks` holds their places.
    last_used: Vec<u32>,
    metadata: Vec<u8>,
}

/// Keys, and bytes of keys, that are kept from one value for the next ones.
const KEYS_KEPT: usize = 1024;
const NAMES_KEPT: usize = 64 * 1024;

impl DynamicBuilder {
    /// An empty builder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets all pieces, keeps the buffers.
    pub fn clear(&mut self) {
        self.tape.clear();
        self.text.clear();
        self.open.clear();
        self.too_deep = 0;
        self.pending_key = None;
        self.before = 0;
        self.again = false;
        self.epoch += 1;
        // values of one origin have the same keys: they stay known, without bound they would not
        if self.keys.len() > KEYS_KEPT
            || self.names.len() > NAMES_KEPT
            || self.epoch >= u32::MAX - 1
        {
            self.names.clear();
            self.keys.clear();
            self.lookup.clear();
            self.used_in.clear();
            self.followers.clear();
            self.written_in.clear();
            self.last_used.clear();
            self.metadata.clear();
            self.epoch = 0;
        }
    }

    /// Where the tape stands, to go back to with `rewind`.
    pub(super) fn mark(&self) -> (usize, usize, usize, Option<u32>) {
        (self.tape.len(), self.text.len(), self.open.len(), self.pending_key)
    }

    /// Drops all pieces since `mark`. Keys stay in the dictionary until `finish` drops unused ones.
    pub(super) fn rewind(&mut self, mark: (usize, usize, usize, Option<u32>)) {
        self.tape.truncate(mark.0);
        self.text.truncate(mark.1);
        self.open.truncate(mark.2);
        self.pending_key = mark.3;
        self.too_deep = 0;
    }

    fn push(&mut self, what: What, size: usize) {
        if self.too_deep > 0 {
            return;
        }
        let key = self.pending_key.take().unwrap_or(NO_KEY);
        match self.open.last().and_then(|at| self.tape.get(*at)).map(|piece| piece.what) {
            None if !self.tape.is_empty() => return,
            Some(What::Object(..)) if key == NO_KEY => return,
            _ => {}
        }
        self.tape.push(Piece { what, key, size });
    }

    /// Names the next value of the open bag.
    pub fn key(&mut self, name: &str) {
        if self.too_deep > 0 {
            return;
        }
        if let Some(id) = self.followers.get(self.before).copied()
            && let Some((start, end)) = self.keys.get(id as usize)
            && self.names.get(*start..*end) == Some(name.as_bytes())
        {
            return self.name(id);
        }
        let Self { names, keys, lookup, hasher, .. } = self;
        let hash = hasher.hash_one(name.as_bytes());
        let at = |id: &u32| keys.get(*id as usize).and_then(|(s, e)| names.get(*s..*e));
        let found = lookup.find(hash, |id| at(id) == Some(name.as_bytes())).copied();
        let id = found.unwrap_or_else(|| {
            let id = keys.len() as u32;
            let start = names.len();
            names.extend_from_slice(name.as_bytes());
            keys.push((start, names.len()));
            let (names, keys) = (&*names, &*keys);
            lookup.insert_unique(hash, id, |id| {
                let name = keys.get(*id as usize).and_then(|(s, e)| names.get(*s..*e));
                hasher.hash_one(name.unwrap_or_default())
            });
            id
        });
        self.used_in.resize(self.keys.len(), 0);
        self.followers.resize(self.keys.len() + 1, NO_KEY);
        if let Some(follower) = self.followers.get_mut(self.before) {
            *follower = id;
        }
        self.name(id);
    }

    /// Names the next value by a key that is known.
    fn name(&mut self, id: u32) {
        let now = self.epoch + 1;
        if let Some(used) = self.used_in.get_mut(id as usize) {
            self.again |= *used == now;
            *used = now;
        }
        self.before = id as usize + 1;
        self.pending_key = Some(id);
    }

    /// Opens an array.
    pub fn begin_array(&mut self) {
        self.begin(What::Array(0, 0));
    }

    /// Opens a bag.
    pub fn begin_object(&mut self) {
        self.begin(What::Object(0, 0));
    }

    fn begin(&mut self, what: What) {
        if self.too_deep == 0 && self.open.len() < DEPTH_MAX {
            let at = self.tape.len();
            self.push(what, 0);
            if self.tape.len() > at {
                self.open.push(at);
                return;
            }
        } else if self.too_deep == 0 {
            self.push(What::Null, 1);
        }
        self.too_deep += 1;
    }

    /// Closes the open array.
    pub fn end_array(&mut self) {
        self.end();
    }

    /// Closes the open bag.
    pub fn end_object(&mut self) {
        self.end();
    }

    fn end(&mut self) {
        if self.too_deep > 0 {
            self.too_deep -= 1;
            return;
        }
        self.pending_key = None;
        let end = self.tape.len();
        if let Some(piece) = self.open.pop().and_then(|at| self.tape.get_mut(at)) {
            piece.what = match piece.what {
                What::Array(..) => What::Array(end, 0),
                _ => What::Object(end, 0),
            };
        }
    }

    /// Adds a null.
    pub fn null(&mut self) {
        self.push(What::Null, 1);
    }

    /// Adds a bool.
    pub fn bool(&mut self, value: bool) {
        self.push(What::Bool(value), 1);
    }

    /// Adds an integer.
    pub fn long(&mut self, value: i64) {
        let size = match value {
            -128..=127 => 2,
            -32_768..=32_767 => 3,
            -2_147_483_648..=2_147_483_647 => 5,
            _ => 9,
        };
        self.push(What::Long(value), size);
    }

    /// Adds a double.
    pub fn real(&mut self, value: f64) {
        self.push(What::Real(value), 9);
    }

    /// Adds a decimal.
    pub fn decimal(&mut self, value: Decimal) {
        let mantissa = value.0.mantissa();
        let size = if i32::try_from(mantissa).is_ok() {
            6
        } else if i64::try_from(mantissa).is_ok() {
            10
        } else {
            18
        };
        self.push(What::Decimal(value), size);
    }

    /// Adds text.
    pub fn string(&mut self, value: &str) {
        let start = self.text.len();
        self.text.extend_from_slice(value.as_bytes());
        self.text_since(start);
    }

    /// Adds the text that was appended to the text buffer after `start`.
    fn text_since(&mut self, start: usize) {
        let len = self.text.len() - start;
        let size = if len < 64 { 1 + len } else { 5 + len };
        self.push(What::Text(start, start + len), size);
    }

    /// Adds text that is made of pieces.
    pub fn string_of<'t>(&mut self, pieces: impl IntoIterator<Item = &'t str>) {
        let start = self.text.len();
        pieces.into_iter().for_each(|piece| self.text.extend_from_slice(piece.as_bytes()));
        self.text_since(start);
    }

    /// Adds an identifier.
    pub fn guid(&mut self, value: Guid) {
        self.push(What::Guid(value), 17);
    }

    /// Adds an instant.
    pub fn datetime(&mut self, value: DateTime) {
        self.push(What::DateTime(value), 9);
    }

    /// Adds a length of time.
    pub fn timespan(&mut self, value: TimeSpan) {
        self.push(What::TimeSpan(value), 9);
    }

    any_cell!();

    /// Adds another dynamic value, or a part of one.
    pub fn dynamic(&mut self, value: DynamicRef<'_>) {
        self.copy(value, 0);
    }

    fn copy(&mut self, value: DynamicRef<'_>, depth: usize) {
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
            Kind::Array | Kind::Object if depth >= DEPTH_MAX => None,
            Kind::Array => {
                self.begin_array();
                value.array().for_each(|item| self.copy(item, depth + 1));
                self.end_array();
                Some(())
            }
            Kind::Object => {
                self.begin_object();
                for (key, item) in value.object() {
                    self.key(key);
                    self.copy(item, depth + 1);
                }
                self.end_object();
                Some(())
            }
        };
        if done.is_none() {
            self.null();
        }
    }

    /// The value, and an empty builder.
    pub fn finish(&mut self) -> Dynamic {
        let mut out = Vec::new();
        self.finish_into(&mut out);
        Dynamic::from_bytes(&out)
    }

    /// Appends the value's bytes; the builder is empty afterwards.
    pub fn finish_into(&mut self, out: &mut Vec<u8>) {
        while !self.open.is_empty() {
            self.too_deep = 0;
            self.end();
        }
        if self.tape.is_empty() {
            self.tape.push(Piece { what: What::Null, key: NO_KEY, size: 1 });
        }
        if self.tape.len() == 1 && !matches!(self.tape[0].what, What::Array(..) | What::Object(..))
        {
            out.extend_from_slice(&EMPTY_METADATA);
        } else {
            if self.again {
                self.drop_replaced();
            }
            self.id_width = self.write_keys(out);
            self.measure();
        }
        out.reserve(self.tape[0].size);
        self.write(0, out);
        self.clear();
    }

    /// Where the piece after `at` and its children stands.
    fn after(&self, at: usize) -> usize {
        match self.tape.get(at).map(|p| p.what) {
            Some(What::Array(end, _) | What::Object(end, _)) => end,
            _ => at + 1,
        }
    }

    /// Of slots with the same key, and of everything inside of dropped ones, nothing stays.
    fn drop_replaced(&mut self) {
        self.last_use.clear();
        self.last_use.resize(self.keys.len(), usize::MAX);
        for parent in 0..self.tape.len() {
            let What::Object(end, _) = self.tape[parent].what else { continue };
            let mut child = parent + 1;
            while child < end {
                let next = self.after(child);
                let key = self.tape[child].key as usize;
                if let Some(last) = self.last_use.get_mut(key) {
                    let before = std::mem::replace(last, child);
                    if before != usize::MAX {
                        self.erase(before);
                    }
                }
                child = next;
            }
            let mut child = parent + 1;
            while child < end {
                let key = self.tape[child].key as usize;
                if let Some(last) = self.last_use.get_mut(key) {
                    *last = usize::MAX;
                }
                child = self.after(child);
            }
        }
    }

    /// Takes a piece with all below it from the tape, leaving holes.
    fn erase(&mut self, at: usize) {
        let end = self.after(at);
        for piece in self.tape.get_mut(at..end).unwrap_or_default() {
            *piece = Piece { what: What::Gone, key: NO_KEY, size: 0 };
        }
    }

    /// Sorts the keys in use, writes the dictionary, and returns the width of ids.
    fn write_keys(&mut self, out: &mut Vec<u8>) -> usize {
        let now = self.epoch + 1;
        self.ranks.resize(self.keys.len(), NO_KEY);
        self.written_in.resize(self.keys.len(), 0);
        self.used.clear();
        for piece in &self.tape {
            if let Some(seen) = self.written_in.get_mut(piece.key as usize)
                && *seen != now
            {
                *seen = now;
                self.used.push(piece.key);
            }
        }
        if self.metadata.is_empty() || self.used != self.last_used {
            let Self { keys, names, order, .. } = self;
            let name = |id: u32| {
                let range = keys.get(id as usize).copied().unwrap_or_default();
                names.get(range.0..range.1).unwrap_or_default()
            };
            order.clone_from(&self.used);
            if !order.is_sorted_by(|a, b| name(*a) < name(*b)) {
                order.sort_unstable_by(|a, b| name(*a).cmp(name(*b)));
            }
            self.metadata.clear();
            write_metadata(order.iter().map(|id| name(*id)), true, &mut self.metadata);
            for (rank, id) in order.iter().enumerate() {
                if let Some(place) = self.ranks.get_mut(*id as usize) {
                    *place = rank as u32;
                }
            }
            std::mem::swap(&mut self.last_used, &mut self.used);
        }
        out.extend_from_slice(&self.metadata);
        width(self.last_used.len().saturating_sub(1))
    }

    /// Sizes and counts of containers, from the inside out.
    fn measure(&mut self) {
        for at in (0..self.tape.len()).rev() {
            let (end, is_object) = match self.tape[at].what {
                What::Array(end, _) => (end, false),
                What::Object(end, _) => (end, true),
                _ => continue,
            };
            let (mut count, mut bytes, mut child) = (0, 0, at + 1);
            while child < end {
                let piece = self.tape[child];
                if !matches!(piece.what, What::Gone) {
                    count += 1;
                    bytes += piece.size;
                }
                child = self.after(child);
            }
            let ids = if is_object { count * self.id_width } else { 0 };
            let count_width = if count > 255 { 4 } else { 1 };
            let piece = &mut self.tape[at];
            piece.size = 1 + count_width + ids + (count + 1) * width(bytes) + bytes;
            piece.what = if is_object { What::Object(end, bytes) } else { What::Array(end, bytes) };
        }
    }

    /// Writes the piece at `at` with all below it.
    fn write(&mut self, at: usize, out: &mut Vec<u8>) {
        match self.tape[at].what {
            What::Array(end, bytes) => self.write_container(at, end, bytes, false, out),
            What::Object(end, bytes) => self.write_container(at, end, bytes, true, out),
            What::Text(start, end) => {
                write_text(self.text.get(start..end).unwrap_or_default(), out);
            }
            what => write_scalar(what, out),
        }
    }

    fn write_container(
        &mut self,
        at: usize,
        end: usize,
        bytes: usize,
        is_object: bool,
        out: &mut Vec<u8>,
    ) {
        // Children as (id, offset); the scratch stack is shared by all levels.
        let base = self.fields.len();
        let (mut offset, mut child) = (0, at + 1);
        while child < end {
            let piece = self.tape[child];
            if !matches!(piece.what, What::Gone) {
                let id = self.ranks.get(piece.key as usize).copied().unwrap_or(0);
                self.fields.push((id, offset));
                offset += piece.size;
            }
            child = self.after(child);
        }
        let id_width = self.id_width;
        let offset_width = width(bytes);
        let fields = self.fields.get_mut(base..).unwrap_or_default();
        let count = fields.len();
        let large = count > 255;
        let sizes = (offset_width - 1) as u8;
        if is_object {
            fields.sort_unstable_by_key(|f| f.0);
            let ids = (id_width - 1) as u8;
            out.push((u8::from(large) << 4 | ids << 2 | sizes) << 2 | basic::OBJECT);
        } else {
            out.push((u8::from(large) << 2 | sizes) << 2 | basic::ARRAY);
        }
        push_uint(count, if large { 4 } else { 1 }, out);
        if is_object {
            fields.iter().for_each(|f| push_uint(f.0 as usize, id_width, out));
        }
        fields.iter().for_each(|f| push_uint(f.1, offset_width, out));
        push_uint(bytes, offset_width, out);
        self.fields.truncate(base);
        let mut child = at + 1;
        while child < end {
            let next = self.after(child);
            if !matches!(self.tape[child].what, What::Gone) {
                self.write(child, out);
            }
            child = next;
        }
    }
}

/// Appends a text as a whole dynamic value.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&EMPTY_METADATA);
    write_text(text.as_bytes(), out);
}

pub(super) fn write_text(text: &[u8], out: &mut Vec<u8>) {
    if text.len() < 64 {
        out.push((text.len() as u8) << 2 | basic::SHORT_STRING);
    } else {
        out.push(primitive::STRING << 2);
        out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    }
    out.extend_from_slice(text);
}

pub(super) fn write_long(value: i64, out: &mut Vec<u8>) {
    let mut put = |id: u8, bytes: &[u8]| {
        out.push(id << 2);
        out.extend_from_slice(bytes);
    };
    if let Ok(v) = i8::try_from(value) {
        put(primitive::INT8, &v.to_le_bytes());
    } else if let Ok(v) = i16::try_from(value) {
        put(primitive::INT16, &v.to_le_bytes());
    } else if let Ok(v) = i32::try_from(value) {
        put(primitive::INT32, &v.to_le_bytes());
    } else {
        put(primitive::INT64, &value.to_le_bytes());
    }
}

pub(super) fn write_decimal(value: Decimal, out: &mut Vec<u8>) {
    write_scalar(What::Decimal(value), out);
}

fn write_scalar(what: What, out: &mut Vec<u8>) {
    let mut put = |id: u8, bytes: &[u8]| {
        out.push(id << 2);
        out.extend_from_slice(bytes);
    };
    match what {
        What::Bool(true) => put(primitive::TRUE, &[]),
        What::Bool(false) => put(primitive::FALSE, &[]),
        What::Long(v) => write_long(v, out),
        What::Real(v) => put(primitive::DOUBLE, &v.to_le_bytes()),
        What::Decimal(v) => {
            let (mantissa, scale) = (v.0.mantissa(), v.0.scale() as u8);
            if let Ok(m) = i32::try_from(mantissa) {
                put(primitive::DECIMAL4, &[&[scale][..], &m.to_le_bytes()].concat());
            } else if let Ok(m) = i64::try_from(mantissa) {
                put(primitive::DECIMAL8, &[&[scale][..], &m.to_le_bytes()].concat());
            } else {
                put(primitive::DECIMAL16, &[&[scale][..], &mantissa.to_le_bytes()].concat());
            }
        }
        What::Guid(v) => put(primitive::UUID, &v.0),
        What::DateTime(v) => put(primitive::KQL_DATETIME, &v.ticks().to_le_bytes()),
        What::TimeSpan(v) => put(primitive::KQL_TIMESPAN, &v.ticks().to_le_bytes()),
        _ => put(primitive::NULL, &[]),
    }
}

/// Bytes that an unsigned integer needs, at most four.
pub(super) fn width(value: usize) -> usize {
    match value {
        0..=0xFF => 1,
        0x100..=0xFFFF => 2,
        0x1_0000..=0xFF_FFFF => 3,
        _ => 4,
    }
}

pub(super) fn push_uint(value: usize, width: usize, out: &mut Vec<u8>) {
    match width {
        1 => out.push(value as u8),
        2 => out.extend_from_slice(&(value as u16).to_le_bytes()),
        _ => out.extend(value.to_le_bytes().iter().take(width)),
    }
}

/// Appends a dictionary; `sorted` promises that the names rise and none occurs twice.
pub(super) fn write_metadata<'a>(
    names: impl Iterator<Item = &'a [u8]> + Clone,
    sorted: bool,
    out: &mut Vec<u8>,
) {
    let (count, total) = names.clone().fold((0, 0), |(c, t), n| (c + 1, t + n.len()));
    let width = width(total.max(count));
    out.push(1 | u8::from(sorted) << 4 | ((width - 1) as u8) << 6);
    push_uint(count, width, out);
    let mut end = 0;
    push_uint(0, width, out);
    for name in names.clone() {
        end += name.len();
        push_uint(end, width, out);
    }
    names.for_each(|name| out.extend_from_slice(name));
}
