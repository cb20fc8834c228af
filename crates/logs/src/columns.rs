//! Columns by name: what a batch of the log, of memory and of a segment have in common, whatever the table's schema
//! was when they were written.

use std::sync::{Arc, LazyLock};

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, BinaryViewArray, BooleanArray, DictionaryArray, FixedSizeBinaryArray,
    Float64Array, Int32Array, Int64Array, StringViewArray, new_null_array,
};
use arrow_buffer::Buffer;
use arrow_schema::DataType;
use model::{Column, ScalarType};

/// Rows carry the tick at which they were received under this name.
pub(crate) const INGESTION_TIME: &str = "_IngestionTime";
/// Rows carry their number in the store under this name; `_ItemId` is made from it.
pub(crate) const ITEM_NUMBER: &str = "_ItemNumber";
/// Every table has it; rows are sorted by it.
pub(crate) const TIME_GENERATED: &str = "TimeGenerated";

/// One column of some rows.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    /// Name and type.
    pub column: Column,
    /// The values, in a physical form of `model::rows`.
    pub array: ArrayRef,
    /// All different texts or dynamics, one behind another, where they lie so.
    pub bytes: Option<Buffer>,
}

impl Named {
    /// A column whose values lie anywhere.
    pub(crate) const fn new(column: Column, array: ArrayRef) -> Self {
        Self { column, array, bytes: None }
    }
}

/// The plain (not dictionary) Arrow type of a KQL type.
pub(crate) fn arrow_type(ty: ScalarType) -> DataType {
    match ty {
        ScalarType::Bool => DataType::Boolean,
        ScalarType::Int => DataType::Int32,
        ScalarType::Long | ScalarType::DateTime | ScalarType::TimeSpan => DataType::Int64,
        ScalarType::Real => DataType::Float64,
        ScalarType::Decimal | ScalarType::Guid => DataType::FixedSizeBinary(16),
        ScalarType::String => DataType::Utf8View,
        ScalarType::Dynamic => DataType::BinaryView,
    }
}

/// The dictionary form of string columns.
pub(crate) fn dictionary_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8View))
}

/// True when the array is a physical form of the type.
pub(crate) fn fits(ty: ScalarType, array: &ArrayRef) -> bool {
    *array.data_type() == arrow_type(ty)
        || (ty == ScalarType::String && *array.data_type() == dictionary_type())
}

/// Bytes of memory that the values take by themselves: arrays share what is behind their views with others.
pub(crate) fn unpacked_bytes(array: &ArrayRef) -> u64 {
    // the lower half of a view is its length
    let length = |view: &u128| u64::from(*view as u32);
    let behind = |views: &[u128]| views.iter().map(length).sum();
    let texts: u64 = if let Some(views) = array.as_string_view_opt() {
        behind(views.views())
    } else if let Some(views) = array.as_binary_view_opt() {
        behind(views.views())
    } else if let Some(coded) = array.as_dictionary_opt::<Int32Type>() {
        // a dictionary may be shared by segments that use little of it each
        let views = coded.values().as_string_view_opt().map_or(&[][..], |values| values.views());
        let mut used = vec![false; views.len()];
        for key in coded.keys().values() {
            if let Some(used) = usize::try_from(*key).ok().and_then(|key| used.get_mut(key)) {
                *used = true;
            }
        }
        views.iter().zip(used).filter(|(_, used)| *used).map(|(view, _)| 16 + length(view)).sum()
    } else {
        0
    };
    let width = match array.data_type() {
        DataType::Utf8View | DataType::BinaryView | DataType::FixedSizeBinary(_) => 16,
        DataType::Dictionary(..) | DataType::Int32 => 4,
        _ => 8,
    };
    texts + array.len() as u64 * width
}

/// `rows` nulls of a type; for string the empty text.
pub(crate) fn nulls(ty: ScalarType, rows: usize) -> ArrayRef {
    if rows > ABSENT_ROWS {
        return match ty {
            ScalarType::String => constant_text("", rows),
            _ => new_null_array(&arrow_type(ty), rows),
        };
    }
    if ty == ScalarType::String {
        return Arc::new(EMPTY_TEXTS.slice(0, rows));
    }
    match ABSENT.iter().find(|(known, _)| *known == ty) {
        Some((_, nulls)) => nulls.slice(0, rows),
        None => new_null_array(&arrow_type(ty), rows),
    }
}

/// The same text in every row, as a dictionary of one.
pub(crate) fn constant_text(text: &str, rows: usize) -> ArrayRef {
    let values: ArrayRef = Arc::new(StringViewArray::from_iter_values([text]));
    if rows > ABSENT_ROWS {
        return dictionary(Int32Array::from(vec![0; rows]), values);
    }
    // the codes are shared by all
    Arc::new(EMPTY_TEXTS.slice(0, rows).with_values(values))
}

/// Rows of the columns below.
const ABSENT_ROWS: usize = crate::segment::ROW_GROUP_ROWS;

/// Empty texts.
static EMPTY_TEXTS: LazyLock<DictionaryArray<Int32Type>> = LazyLock::new(|| {
    let values: ArrayRef = Arc::new(StringViewArray::from_iter_values([""]));
    DictionaryArray::new(Int32Array::from(vec![0; ABSENT_ROWS]), values)
});

/// Nothing, of each type that was asked for: wide tables have many columns that no row fills.
static ABSENT: LazyLock<Vec<(ScalarType, ArrayRef)>> = LazyLock::new(|| {
    let types = [
        ScalarType::Bool,
        ScalarType::Int,
        ScalarType::Long,
        ScalarType::Real,
        ScalarType::Decimal,
        ScalarType::DateTime,
        ScalarType::TimeSpan,
        ScalarType::Guid,
        ScalarType::Dynamic,
    ];
    types.into_iter().map(|ty| (ty, new_null_array(&arrow_type(ty), ABSENT_ROWS))).collect()
});

/// A dictionary array whose keys are known to lie inside; falls back to nulls should they not.
pub(crate) fn dictionary(keys: Int32Array, values: ArrayRef) -> ArrayRef {
    let rows = keys.len();
    match DictionaryArray::try_new(keys, values) {
        Ok(array) => Arc::new(array),
        Err(_) => new_null_array(&DataType::Utf8View, rows),
    }
}

/// No rows of a type.
pub(crate) fn empty(ty: ScalarType) -> ArrayRef {
    match ty {
        ScalarType::Bool => Arc::new(BooleanArray::from(Vec::<bool>::new())),
        ScalarType::Int => Arc::new(Int32Array::from(Vec::<i32>::new())),
        ScalarType::Long | ScalarType::DateTime | ScalarType::TimeSpan => {
            Arc::new(Int64Array::from(Vec::<i64>::new()))
        }
        ScalarType::Real => Arc::new(Float64Array::from(Vec::<f64>::new())),
        ScalarType::Decimal | ScalarType::Guid => Arc::new(FixedSizeBinaryArray::new_null(16, 0)),
        ScalarType::String => Arc::new(StringViewArray::from_iter_values([""; 0])),
        ScalarType::Dynamic => Arc::new(BinaryViewArray::from_iter_values([b""; 0])),
    }
}

/// The byte that stands for a type in stored formats. Never reorder.
pub(crate) fn type_code(ty: ScalarType) -> u8 {
    match ty {
        ScalarType::Bool => 1,
        ScalarType::Int => 2,
        ScalarType::Long => 3,
        ScalarType::Real => 4,
        ScalarType::Decimal => 5,
        ScalarType::String => 6,
        ScalarType::Guid => 7,
        ScalarType::DateTime => 8,
        ScalarType::TimeSpan => 9,
        ScalarType::Dynamic => 10,
    }
}

/// The type behind a stored byte.
pub(crate) fn type_of_code(code: u8) -> Option<ScalarType> {
    ScalarType::ALL.into_iter().find(|ty| type_code(*ty) == code)
}
