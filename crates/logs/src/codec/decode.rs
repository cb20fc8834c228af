//! Bytes to columns. Texts and dynamics point into the bytes they came from; nothing is copied but numbers.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BinaryViewArray, BooleanArray, FixedSizeBinaryArray, Float64Array,
    Int32Array, Int64Array, StringArray, StringViewArray,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use model::{Column, ScalarType};

use super::reader::{Reader, Truncated};
use super::{BYTES, DICTIONARY, FIXED, ROWS_MAX};
use crate::columns::{self, Named, type_of_code};

/// The columns of a payload of `rows` rows that lies at `start` of `buffer` and reaches to its end.
pub(crate) fn decode(buffer: &Buffer, start: usize, rows: usize) -> Result<Vec<Named>, Truncated> {
    let bytes = buffer.as_slice().get(start..).filter(|_| rows <= ROWS_MAX).ok_or(Truncated)?;
    let mut reader = Reader::new(bytes);
    let count = reader.u16()?;
    let mut named = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let name: Arc<str> = Arc::from(reader.text()?);
        let ty = type_of_code(reader.u8()?).ok_or(Truncated)?;
        let encoding = reader.u8()?;
        let length = reader.count()?;
        let at = start + reader.position();
        reader.take(length)?;
        let reader = Reader::new(&buffer.as_slice()[at..at + length]);
        let body = Body { buffer, at, reader, bytes: None };
        named.push(body.named(Column { name, ty }, encoding, rows)?);
    }
    if reader.is_empty() { Ok(named) } else { Err(Truncated) }
}

/// The body of one column and where it lies in the buffer.
struct Body<'a> {
    buffer: &'a Buffer,
    at: usize,
    reader: Reader<'a>,
    /// The texts or dynamics in it.
    bytes: Option<Buffer>,
}

impl Body<'_> {
    fn named(mut self, column: Column, encoding: u8, rows: usize) -> Result<Named, Truncated> {
        let array = self.values(column.ty, encoding, rows)?;
        if !self.reader.is_empty() {
            return Err(Truncated);
        }
        Ok(Named { column, array, bytes: self.bytes })
    }

    fn values(&mut self, ty: ScalarType, encoding: u8, rows: usize) -> Result<ArrayRef, Truncated> {
        let nulls = self.validity(rows)?;
        match (encoding, ty) {
            (FIXED, ScalarType::String | ScalarType::Dynamic) => Err(Truncated),
            (FIXED, _) => self.fixed(ty, rows, nulls),
            (BYTES, ScalarType::String) => Ok(Arc::new(self.texts(rows)?)),
            (BYTES, ScalarType::Dynamic) => {
                let values = self.bytes(rows)?;
                let (views, buffers, _) = values.into_parts();
                Ok(Arc::new(BinaryViewArray::try_new(views, buffers, nulls).map_err(bad)?))
            }
            (DICTIONARY, ScalarType::String) => self.text_dictionary(rows),
            (DICTIONARY, ScalarType::Dynamic) => self.dynamic_dictionary(rows, nulls),
            _ => Err(Truncated),
        }
    }

    fn validity(&mut self, rows: usize) -> Result<Option<NullBuffer>, Truncated> {
        match self.reader.u8()? {
            0 => Ok(None),
            1 => {
                let bits = Buffer::from(self.reader.take(rows.div_ceil(8))?);
                Ok(Some(NullBuffer::new(BooleanBuffer::new(bits, 0, rows))))
            }
            _ => Err(Truncated),
        }
    }

    fn numbers<T, const N: usize>(
        &mut self,
        rows: usize,
        number: fn([u8; N]) -> T,
    ) -> Result<Vec<T>, Truncated> {
        let bytes = self.reader.take(rows.checked_mul(N).ok_or(Truncated)?)?;
        let (chunks, _) = bytes.as_chunks::<N>();
        Ok(chunks.iter().map(|c| number(*c)).collect())
    }

    fn fixed(
        &mut self,
        ty: ScalarType,
        rows: usize,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef, Truncated> {
        Ok(match ty {
            ScalarType::Bool => {
                let bits = Buffer::from(self.reader.take(rows.div_ceil(8))?);
                Arc::new(BooleanArray::new(BooleanBuffer::new(bits, 0, rows), nulls))
            }
            ScalarType::Int => {
                Arc::new(Int32Array::new(self.numbers(rows, i32::from_le_bytes)?.into(), nulls))
            }
            ScalarType::Real => {
                Arc::new(Float64Array::new(self.numbers(rows, f64::from_le_bytes)?.into(), nulls))
            }
            ScalarType::Decimal | ScalarType::Guid => {
                let bytes = self.reader.take(rows.checked_mul(16).ok_or(Truncated)?)?;
                let array = FixedSizeBinaryArray::try_new(16, Buffer::from(bytes), nulls);
                Arc::new(array.map_err(bad)?)
            }
            _ => Arc::new(Int64Array::new(self.numbers(rows, i64::from_le_bytes)?.into(), nulls)),
        })
    }

    /// `count` lengths and the bytes behind them, as offsets and a slice of the buffer.
    fn spans(&mut self, count: usize) -> Result<(OffsetBuffer<i32>, Buffer), Truncated> {
        let lengths = self.numbers(count, u32::from_le_bytes)?;
        let mut offsets = Vec::with_capacity(count + 1);
        let mut end = 0_i32;
        offsets.push(end);
        for length in lengths {
            let length = i32::try_from(length).map_err(|_| Truncated)?;
            end = end.checked_add(length).ok_or(Truncated)?;
            offsets.push(end);
        }
        let at = self.at + self.reader.position();
        let length = usize::try_from(end).map_err(|_| Truncated)?;
        self.reader.take(length)?;
        let values = self.buffer.slice_with_length(at, length);
        self.bytes = Some(values.clone());
        Ok((OffsetBuffer::new(ScalarBuffer::from(offsets)), values))
    }

    fn texts(&mut self, count: usize) -> Result<StringViewArray, Truncated> {
        let (offsets, values) = self.spans(count)?;
        let array = StringArray::try_new(offsets, values, None).map_err(bad)?;
        Ok(StringViewArray::from(&array))
    }

    fn bytes(&mut self, count: usize) -> Result<BinaryViewArray, Truncated> {
        let (offsets, values) = self.spans(count)?;
        let array = BinaryArray::try_new(offsets, values, None).map_err(bad)?;
        Ok(BinaryViewArray::from(&array))
    }

    fn keys(&mut self, rows: usize, entries: usize) -> Result<Vec<i32>, Truncated> {
        let keys: Vec<i32> = match self.reader.u8()? {
            0 => vec![0; rows],
            1 => self.reader.take(rows)?.iter().map(|k| i32::from(*k)).collect(),
            2 => self.numbers(rows, |b| i32::from(u16::from_le_bytes(b)))?,
            4 => self.numbers(rows, i32::from_le_bytes)?,
            _ => return Err(Truncated),
        };
        let inside = |k: &i32| usize::try_from(*k).is_ok_and(|k| k < entries);
        if keys.iter().all(inside) { Ok(keys) } else { Err(Truncated) }
    }

    fn text_dictionary(&mut self, rows: usize) -> Result<ArrayRef, Truncated> {
        let entries = self.reader.count()?;
        let values: ArrayRef = Arc::new(self.texts(entries)?);
        let keys = Int32Array::from(self.keys(rows, entries)?);
        Ok(columns::dictionary(keys, values))
    }

    /// Dynamics have no dictionary form; their views share the entries' bytes instead.
    fn dynamic_dictionary(
        &mut self,
        rows: usize,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef, Truncated> {
        let entries = self.reader.count()?;
        let values = self.bytes(entries)?;
        let keys = self.keys(rows, entries)?;
        let (entry_views, buffers, _) = values.into_parts();
        let views: Option<Vec<u128>> =
            keys.iter().map(|k| entry_views.get(usize::try_from(*k).ok()?).copied()).collect();
        let views = ScalarBuffer::from(views.ok_or(Truncated)?);
        Ok(Arc::new(BinaryViewArray::try_new(views, buffers, nulls).map_err(bad)?))
    }
}

fn bad<E>(_: E) -> Truncated {
    Truncated
}
