//! Reading without copying. Every access is bounds-checked; broken bytes read as null.

use super::{DEPTH_MAX, Dynamic, EMPTY_METADATA, basic, primitive};
use crate::{DateTime, Decimal, Guid, TICKS_PER_DAY, TICKS_PER_MICROSECOND, TimeSpan};

/// What a dynamic value holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Nothing.
    Null,
    /// true or false
    Bool,
    /// An integer.
    Long,
    /// A double.
    Real,
    /// A decimal number.
    Decimal,
    /// Text.
    String,
    /// An identifier.
    Guid,
    /// An instant.
    DateTime,
    /// A length of time.
    TimeSpan,
    /// Values by position.
    Array,
    /// Values by name.
    Object,
}

/// A borrowed dynamic value, or a part of one.
#[derive(Clone, Copy)]
pub struct DynamicRef<'a> {
    pub(super) metadata: &'a [u8],
    pub(super) value: &'a [u8],
}

/// Little-endian unsigned integer of `width` bytes at `at`.
pub(super) fn uint(bytes: &[u8], at: usize, width: usize) -> Option<usize> {
    let slice = bytes.get(at..at.checked_add(width)?)?;
    Some(slice.iter().rev().fold(0, |n, b| n << 8 | usize::from(*b)))
}

/// The first `N` bytes after the type byte.
fn payload<const N: usize>(value: &[u8]) -> Option<[u8; N]> {
    value.get(1..)?.first_chunk::<N>().copied()
}

/// The dictionary of keys.
#[derive(Clone, Copy)]
pub(super) struct Dictionary<'a> {
    pub(super) len: usize,
    width: usize,
    offsets: &'a [u8],
    strings: &'a [u8],
}

impl<'a> Dictionary<'a> {
    /// Parses the metadata at the start of `bytes`; also the length of the whole metadata.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<(Self, usize)> {
        let header = *bytes.first()?;
        if header & 0x0F != 1 {
            return None;
        }
        let width = usize::from(header >> 6) + 1;
        let len = uint(bytes, 1, width)?;
        let start = 1 + width;
        let offsets_len = len.checked_add(1)?.checked_mul(width)?;
        let offsets = bytes.get(start..start.checked_add(offsets_len)?)?;
        let total = uint(offsets, len * width, width)?;
        let strings_at = start + offsets_len;
        let end = strings_at.checked_add(total)?;
        let strings = bytes.get(strings_at..end)?;
        Some((Self { len, width, offsets, strings }, end))
    }

    /// The bytes of key `id`.
    pub(super) fn bytes(&self, id: usize) -> Option<&'a [u8]> {
        if id >= self.len {
            return None;
        }
        let start = uint(self.offsets, id * self.width, self.width)?;
        let end = uint(self.offsets, (id + 1) * self.width, self.width)?;
        self.strings.get(start..end)
    }
}

/// The parts of an array or object.
#[derive(Clone, Copy)]
pub(super) struct Container<'a> {
    pub(super) len: usize,
    pub(super) id_width: usize,
    pub(super) ids: &'a [u8],
    offset_width: usize,
    offsets: &'a [u8],
    pub(super) fields: &'a [u8],
    /// Bytes before the fields.
    pub(super) head: usize,
}

impl<'a> Container<'a> {
    pub(super) fn parse(value: &'a [u8]) -> Option<Self> {
        let first = *value.first()?;
        let header = first >> 2;
        let (large, id_width) = match first & 3 {
            basic::OBJECT => (header & 0x10 != 0, usize::from(header >> 2 & 3) + 1),
            basic::ARRAY => (header & 4 != 0, 0),
            _ => return None,
        };
        let offset_width = usize::from(header & 3) + 1;
        let len_width = if large { 4 } else { 1 };
        let len = uint(value, 1, len_width)?;
        let ids_at = 1 + len_width;
        let offsets_at = ids_at.checked_add(len.checked_mul(id_width)?)?;
        let head = offsets_at.checked_add(len.checked_add(1)?.checked_mul(offset_width)?)?;
        let ids = value.get(ids_at..offsets_at)?;
        let offsets = value.get(offsets_at..head)?;
        let total = uint(offsets, len * offset_width, offset_width)?;
        let fields = value.get(head..head.checked_add(total)?)?;
        Some(Self { len, id_width, ids, offset_width, offsets, fields, head })
    }

    pub(super) fn id(&self, index: usize) -> Option<usize> {
        uint(self.ids, index * self.id_width, self.id_width)
    }

    pub(super) fn offset(&self, index: usize) -> Option<usize> {
        uint(self.offsets, index * self.offset_width, self.offset_width)
    }

    /// The value that starts at the offset of `index`, cut to its own length.
    pub(super) fn field(&self, index: usize) -> &'a [u8] {
        let bytes = self.offset(index).and_then(|at| self.fields.get(at..)).unwrap_or_default();
        value_len(bytes).and_then(|len| bytes.get(..len)).unwrap_or_default()
    }
}

/// Length of the value at the start of `bytes`, which it states itself.
pub(super) fn value_len(bytes: &[u8]) -> Option<usize> {
    let first = *bytes.first()?;
    let header = first >> 2;
    Some(match first & 3 {
        basic::SHORT_STRING => 1 + usize::from(header),
        basic::PRIMITIVE => match header {
            primitive::NULL | primitive::TRUE | primitive::FALSE => 1,
            primitive::INT8 => 2,
            primitive::INT16 => 3,
            primitive::INT32 | primitive::DATE | primitive::FLOAT => 5,
            primitive::DECIMAL4 => 6,
            primitive::DECIMAL8 => 10,
            primitive::DECIMAL16 => 18,
            primitive::UUID => 17,
            primitive::BINARY | primitive::STRING => 5_usize.checked_add(uint(bytes, 1, 4)?)?,
            primitive::INT64
            | primitive::DOUBLE
            | primitive::TIMESTAMP_MICROS
            | primitive::TIMESTAMP_MICROS_LOCAL
            | primitive::TIME_MICROS
            | primitive::TIMESTAMP_NANOS
            | primitive::TIMESTAMP_NANOS_LOCAL
            | primitive::KQL_DATETIME
            | primitive::KQL_TIMESPAN => 9,
            _ => return None,
        },
        _ => {
            let container = Container::parse(bytes)?;
            container.head + container.fields.len()
        }
    })
}

impl<'a> DynamicRef<'a> {
    /// Null.
    pub const NULL: DynamicRef<'static> = DynamicRef { metadata: &EMPTY_METADATA, value: &[0] };

    /// Over stored bytes (any bytes: what does not decode is null).
    pub fn new(bytes: &'a [u8]) -> Self {
        match Dictionary::parse(bytes) {
            Some((_, end)) => {
                let (metadata, value) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
                Self { metadata, value }
            }
            None => DynamicRef::NULL,
        }
    }

    /// Over metadata and value that lie apart, as Parquet stores them.
    pub const fn from_parts(metadata: &'a [u8], value: &'a [u8]) -> Self {
        Self { metadata, value }
    }

    /// The dictionary's bytes.
    pub const fn metadata(self) -> &'a [u8] {
        self.metadata
    }

    /// The value's bytes.
    pub const fn value(self) -> &'a [u8] {
        self.value
    }

    fn with(self, value: &'a [u8]) -> Self {
        Self { metadata: self.metadata, value }
    }

    /// Type byte split into basic type and header.
    pub(super) fn head(self) -> (u8, u8) {
        self.value.first().map_or((basic::PRIMITIVE, primitive::NULL), |b| (b & 3, b >> 2))
    }

    /// What it holds. Of broken bytes only the type is known here; reading them gives none.
    pub fn kind(self) -> Kind {
        match self.head() {
            (basic::SHORT_STRING, _) => Kind::String,
            (basic::OBJECT, _) => Kind::Object,
            (basic::ARRAY, _) => Kind::Array,
            (_, id) => match id {
                primitive::TRUE | primitive::FALSE => Kind::Bool,
                primitive::INT8 | primitive::INT16 | primitive::INT32 | primitive::INT64 => {
                    Kind::Long
                }
                primitive::DOUBLE | primitive::FLOAT => Kind::Real,
                primitive::DECIMAL4 | primitive::DECIMAL8 | primitive::DECIMAL16 => Kind::Decimal,
                primitive::STRING => Kind::String,
                primitive::UUID => Kind::Guid,
                primitive::DATE
                | primitive::TIMESTAMP_MICROS
                | primitive::TIMESTAMP_MICROS_LOCAL
                | primitive::TIMESTAMP_NANOS
                | primitive::TIMESTAMP_NANOS_LOCAL
                | primitive::KQL_DATETIME => Kind::DateTime,
                primitive::TIME_MICROS | primitive::KQL_TIMESPAN => Kind::TimeSpan,
                _ => Kind::Null,
            },
        }
    }

    /// True for null.
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// True for arrays and bags.
    pub fn is_container(self) -> bool {
        matches!(self.head().0, basic::OBJECT | basic::ARRAY)
    }

    fn primitive_id(self) -> Option<u8> {
        let (basic, id) = self.head();
        (basic == basic::PRIMITIVE).then_some(id)
    }

    /// A bool.
    pub fn as_bool(self) -> Option<bool> {
        match self.primitive_id()? {
            primitive::TRUE => Some(true),
            primitive::FALSE => Some(false),
            _ => None,
        }
    }

    /// An integer.
    pub fn as_i64(self) -> Option<i64> {
        let value = self.value;
        Some(match self.primitive_id()? {
            primitive::INT8 => i64::from(i8::from_le_bytes(payload(value)?)),
            primitive::INT16 => i64::from(i16::from_le_bytes(payload(value)?)),
            primitive::INT32 => i64::from(i32::from_le_bytes(payload(value)?)),
            primitive::INT64 => i64::from_le_bytes(payload(value)?),
            _ => return None,
        })
    }

    /// A double; integers and decimals do not count, see [`DynamicRef::to_f64`].
    pub fn as_f64(self) -> Option<f64> {
        Some(match self.primitive_id()? {
            primitive::DOUBLE => f64::from_le_bytes(payload(self.value)?),
            primitive::FLOAT => f64::from(f32::from_le_bytes(payload(self.value)?)),
            _ => return None,
        })
    }

    /// A decimal.
    pub fn as_decimal(self) -> Option<Decimal> {
        let id = self.primitive_id()?;
        let scale = u32::from(*self.value.get(1)?);
        let digits = self.value.get(1..)?;
        let mantissa = match id {
            primitive::DECIMAL4 => i128::from(i32::from_le_bytes(payload(digits)?)),
            primitive::DECIMAL8 => i128::from(i64::from_le_bytes(payload(digits)?)),
            primitive::DECIMAL16 => i128::from_le_bytes(payload(digits)?),
            _ => return None,
        };
        rust_decimal::Decimal::try_from_i128_with_scale(mantissa, scale).ok().map(Decimal)
    }

    /// Any number as a double.
    pub fn to_f64(self) -> Option<f64> {
        match self.kind() {
            Kind::Long => self.as_i64().map(|v| v as f64),
            Kind::Real => self.as_f64(),
            Kind::Decimal => self.as_decimal().map(Decimal::to_f64),
            _ => None,
        }
    }

    /// Text.
    pub fn as_str(self) -> Option<&'a str> {
        let bytes = match self.head() {
            (basic::SHORT_STRING, len) => self.value.get(1..1 + usize::from(len))?,
            (basic::PRIMITIVE, primitive::STRING) => {
                self.value.get(5..5_usize.checked_add(uint(self.value, 1, 4)?)?)?
            }
            _ => return None,
        };
        std::str::from_utf8(bytes).ok()
    }

    /// Raw bytes, which only foreign Variant values hold.
    pub fn as_binary(self) -> Option<&'a [u8]> {
        (self.primitive_id()? == primitive::BINARY).then_some(())?;
        self.value.get(5..5_usize.checked_add(uint(self.value, 1, 4)?)?)
    }

    /// An identifier.
    pub fn as_guid(self) -> Option<Guid> {
        (self.primitive_id()? == primitive::UUID).then_some(())?;
        payload(self.value).map(Guid)
    }

    /// An instant.
    pub fn as_datetime(self) -> Option<DateTime> {
        let id = self.primitive_id()?;
        if id == primitive::DATE {
            let days = i64::from(i32::from_le_bytes(payload(self.value)?));
            let since = TimeSpan::from_ticks(days.checked_mul(TICKS_PER_DAY)?);
            return DateTime::UNIX_EPOCH.checked_add(since);
        }
        let count = i64::from_le_bytes(payload(self.value)?);
        match id {
            primitive::KQL_DATETIME => DateTime::checked_from_ticks(count),
            primitive::TIMESTAMP_MICROS | primitive::TIMESTAMP_MICROS_LOCAL => {
                DateTime::from_unix_microseconds(count)
            }
            primitive::TIMESTAMP_NANOS | primitive::TIMESTAMP_NANOS_LOCAL => {
                DateTime::from_unix_nanoseconds(count)
            }
            _ => None,
        }
    }

    /// A length of time.
    pub fn as_timespan(self) -> Option<TimeSpan> {
        let id = self.primitive_id()?;
        let count = i64::from_le_bytes(payload(self.value)?);
        match id {
            primitive::KQL_TIMESPAN => Some(TimeSpan::from_ticks(count)),
            primitive::TIME_MICROS => {
                count.checked_mul(TICKS_PER_MICROSECOND).map(TimeSpan::from_ticks)
            }
            _ => None,
        }
    }

    /// The value of a bag's key, none where there is none. A key that holds null gives null.
    pub fn get(self, key: &str) -> Option<Self> {
        let container = Container::parse(self.value).filter(|c| c.id_width > 0)?;
        let (dictionary, _) = Dictionary::parse(self.metadata)?;
        let (mut low, mut high) = (0, container.len);
        while low < high {
            let middle = low + (high - low) / 2;
            let name = dictionary.bytes(container.id(middle)?)?;
            match name.cmp(key.as_bytes()) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(self.with(container.field(middle))),
            }
        }
        None
    }

    /// The element of an array; negative positions count from the end. None out of range.
    pub fn index(self, position: i64) -> Option<Self> {
        let container = Container::parse(self.value).filter(|c| c.id_width == 0)?;
        let len = i64::try_from(container.len).ok()?;
        let at = if position < 0 { position.checked_add(len)? } else { position };
        let at = usize::try_from(at).ok().filter(|at| *at < container.len)?;
        Some(self.with(container.field(at)))
    }

    /// Number of elements of an array or slots of a bag; 0 for anything else.
    pub fn len(self) -> usize {
        Container::parse(self.value).map_or(0, |c| c.len)
    }

    /// True where [`DynamicRef::len`] is 0.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The elements of an array; nothing for anything else.
    pub fn array(self) -> ArrayIter<'a> {
        let container = Container::parse(self.value).filter(|c| c.id_width == 0);
        ArrayIter { parent: self, container, next: 0, left: self.value.len() }
    }

    /// The slots of a bag in the order in which they were written; nothing for anything else.
    pub fn object(self) -> ObjectIter<'a> {
        self.slots(true)
    }

    /// The slots of a bag by key.
    pub fn object_by_key(self) -> ObjectIter<'a> {
        self.slots(false)
    }

    fn slots(self, as_written: bool) -> ObjectIter<'a> {
        let found = Container::parse(self.value)
            .filter(|c| c.id_width > 0)
            .zip(Dictionary::parse(self.metadata).map(|(d, _)| d));
        let mut order = Vec::new();
        if let Some((container, _)) = found.filter(|_| as_written) {
            let mut sorted = true;
            let mut last = None;
            for index in 0..container.len {
                let offset = container.offset(index);
                sorted &= last <= offset;
                last = offset;
            }
            if !sorted {
                order.extend((0..container.len).map(|i| (container.offset(i), i)));
                order.sort_unstable();
            }
        }
        ObjectIter { parent: self, found, order, next: 0, left: self.value.len() }
    }

    /// The keys of a bag in the order in which they were written.
    pub fn keys(self) -> impl Iterator<Item = &'a str> {
        self.object().map(|(key, _)| key)
    }

    /// A copy of its own. A part of a larger value takes only the keys it uses along.
    pub fn to_owned(self) -> Dynamic {
        let mut bytes = Vec::new();
        self.write_bytes(&mut bytes);
        Dynamic::from_bytes(&bytes)
    }

    /// Appends the stored form of [`DynamicRef::to_owned`].
    pub fn write_bytes(self, out: &mut Vec<u8>) {
        if !self.is_container() {
            out.extend_from_slice(&EMPTY_METADATA);
            out.extend_from_slice(if self.value.is_empty() { &[0] } else { self.value });
            return;
        }
        let Some((dictionary, len)) = Dictionary::parse(self.metadata) else {
            out.extend_from_slice(&[0x11, 0, 0, 0]);
            return;
        };
        let mut used = vec![false; dictionary.len];
        mark_keys(self.value, &mut used, 0);
        if used.iter().all(|u| *u) {
            out.extend_from_slice(self.metadata.get(..len).unwrap_or(&EMPTY_METADATA));
            out.extend_from_slice(self.value);
            return;
        }
        let mut ids = vec![0; used.len()];
        let mut kept: Vec<&[u8]> = Vec::new();
        for (id, _) in used.iter().enumerate().filter(|(_, u)| **u) {
            ids[id] = kept.len();
            kept.push(dictionary.bytes(id).unwrap_or_default());
        }
        let sorted = kept.is_sorted_by(|a, b| a < b);
        super::build::write_metadata(kept.iter().copied(), sorted, out);
        let start = out.len();
        out.extend_from_slice(self.value);
        if let Some(copy) = out.get_mut(start..) {
            renumber(copy, &ids, 0);
        }
    }
}

/// Children of a container, each with its place in `value`, without overlap.
fn children(container: &Container<'_>) -> Vec<(usize, usize)> {
    let mut starts: Vec<usize> = (0..container.len).filter_map(|i| container.offset(i)).collect();
    starts.sort_unstable();
    starts.dedup();
    let ends = starts.iter().skip(1).copied().chain([container.fields.len()]);
    starts
        .iter()
        .zip(ends)
        .filter(|(start, end)| *start <= end && *end <= container.fields.len())
        .map(|(start, end)| (container.head + start, container.head + end))
        .collect()
}

/// Places of the children of a container; none for any other value.
pub(super) fn parts(value: &[u8]) -> Vec<(usize, usize)> {
    Container::parse(value).map(|c| children(&c)).unwrap_or_default()
}

/// Marks the dictionary ids that a value uses.
fn mark_keys(value: &[u8], used: &mut [bool], depth: usize) {
    let Some(container) = Container::parse(value).filter(|_| depth < DEPTH_MAX) else { return };
    for index in 0..container.len {
        if container.id_width > 0
            && let Some(mark) = container.id(index).and_then(|id| used.get_mut(id))
        {
            *mark = true;
        }
    }
    for (start, end) in children(&container) {
        mark_keys(value.get(start..end).unwrap_or_default(), used, depth + 1);
    }
}

/// Rewrites the ids of a value in place; ids only become smaller, so that widths stay.
fn renumber(value: &mut [u8], ids: &[usize], depth: usize) {
    let Some(container) = Container::parse(value).filter(|_| depth < DEPTH_MAX) else { return };
    let places = children(&container);
    let (len, width) = (container.len, container.id_width);
    let start = container.head - container.offsets.len() - container.ids.len();
    for index in 0..len * usize::from(width > 0) {
        let at = start + index * width;
        let new = uint(value, at, width).and_then(|old| ids.get(old)).copied().unwrap_or(0);
        if let Some(place) = value.get_mut(at..at + width) {
            place.copy_from_slice(&new.to_le_bytes()[..width]);
        }
    }
    for (start, end) in places {
        renumber(value.get_mut(start..end).unwrap_or_default(), ids, depth + 1);
    }
}

/// Elements of an array.
#[derive(Clone)]
pub struct ArrayIter<'a> {
    parent: DynamicRef<'a>,
    container: Option<Container<'a>>,
    next: usize,
    /// Bytes that the elements still to come may take: overlapping ones in broken bytes end as null.
    left: usize,
}

impl<'a> Iterator for ArrayIter<'a> {
    type Item = DynamicRef<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let container = self.container.as_ref().filter(|c| self.next < c.len)?;
        let (start, end) = (container.offset(self.next), container.offset(self.next + 1));
        self.next += 1;
        let value = start.zip(end).and_then(|(s, e)| container.fields.get(s..e));
        Some(self.parent.with(within(&mut self.left, value.unwrap_or_default())))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.container.as_ref().map_or(0, |c| c.len - self.next);
        (left, Some(left))
    }
}

impl ExactSizeIterator for ArrayIter<'_> {}

/// Slots of a bag.
#[derive(Clone)]
pub struct ObjectIter<'a> {
    parent: DynamicRef<'a>,
    found: Option<(Container<'a>, Dictionary<'a>)>,
    /// Offsets and positions as written; empty where that is the order by key.
    order: Vec<(Option<usize>, usize)>,
    next: usize,
    /// As in [`ArrayIter`].
    left: usize,
}

impl<'a> Iterator for ObjectIter<'a> {
    type Item = (&'a str, DynamicRef<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (container, dictionary) = self.found.as_ref()?;
        loop {
            if self.next >= container.len {
                return None;
            }
            let index = self.order.get(self.next).map_or(self.next, |o| o.1);
            self.next += 1;
            let name = container.id(index).and_then(|id| dictionary.bytes(id));
            let Some(Ok(key)) = name.map(std::str::from_utf8) else { continue };
            let value = within(&mut self.left, container.field(index));
            return Some((key, self.parent.with(value)));
        }
    }
}

/// The value, if it still fits into what is left for a container's parts.
fn within<'a>(left: &mut usize, value: &'a [u8]) -> &'a [u8] {
    match left.checked_sub(value.len()) {
        Some(rest) => {
            *left = rest;
            value
        }
        None => &[],
    }
}
