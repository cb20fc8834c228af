//! `buildschema`: the shape of dynamic values.

use std::collections::BTreeSet;
use std::sync::Arc;

use ahash::AHashMap;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use model::ColumnBuilder;
use values::Value;
use values::dynamic::{DynamicBuilder, DynamicRef, Kind};

use super::Aggregate;
use super::each::{Each, State, put};
use crate::functions::EvalError;

pub(super) const AGGREGATES: &[Aggregate] =
    &[Aggregate::new("buildschema", |input| Ok(Each::<Shape>::start((), input.results)))];

/// Deepest level that is told apart.
const DEPTH_MAX: usize = 64;

/// Bytes of a slot, its place and what hangs on them.
const SLOT: usize = 256;

/// What was seen at one place.
#[derive(Clone, Default)]
struct Shape {
    /// Names of scalar types.
    scalars: BTreeSet<&'static str>,
    /// There was a bag, if only an empty one.
    bag: bool,
    /// Slots of bags, in order of first appearance.
    slots: Vec<(Arc<str>, Shape)>,
    /// Where each is.
    places: AHashMap<Arc<str>, usize>,
    /// Elements of arrays.
    elements: Option<Box<Shape>>,
}

impl Shape {
    fn take(&mut self, value: DynamicRef<'_>, depth: usize) -> usize {
        if depth > DEPTH_MAX {
            return 0;
        }
        let scalar = match value.kind() {
            Kind::Null => return 0,
            Kind::Array => {
                let elements = self.elements.get_or_insert_default();
                return value.array().map(|item| elements.take(item, depth + 1)).sum::<usize>() + 8;
            }
            Kind::Object => {
                self.bag = true;
                let mut bytes = 0;
                for (key, item) in value.object() {
                    let (slot, fresh) = self.slot(key);
                    bytes += fresh + slot.take(item, depth + 1);
                }
                return bytes;
            }
            Kind::Bool => "bool",
            Kind::Long => "long",
            Kind::Real => "double",
            Kind::Decimal => "decimal",
            Kind::String => "string",
            Kind::Guid => "guid",
            Kind::DateTime => "datetime",
            Kind::TimeSpan => "timespan",
        };
        usize::from(self.scalars.insert(scalar)) * 32
    }

    /// The slot of a key, and the bytes that it takes where it is new.
    fn slot(&mut self, key: &str) -> (&mut Self, usize) {
        let (at, bytes) = match self.places.get(key) {
            Some(at) => (*at, 0),
            None => {
                let key: Arc<str> = Arc::from(key);
                let bytes = SLOT + key.len();
                self.places.insert(Arc::clone(&key), self.slots.len());
                self.slots.push((key, Self::default()));
                (self.slots.len() - 1, bytes)
            }
        };
        (&mut self.slots[at].1, bytes)
    }

    fn join(&mut self, other: Self) -> usize {
        self.scalars.extend(other.scalars);
        self.bag |= other.bag;
        let mut bytes = 0;
        for (key, shape) in other.slots {
            let (slot, fresh) = self.slot(&key);
            bytes += fresh + slot.join(shape);
        }
        if let Some(elements) = other.elements {
            bytes += self.elements.get_or_insert_default().join(*elements);
        }
        bytes
    }

    fn write(&self, builder: &mut DynamicBuilder) {
        let bag = !self.slots.is_empty() || self.elements.is_some();
        let several = self.scalars.len() + usize::from(bag) > 1;
        if several {
            builder.begin_array();
        }
        self.scalars.iter().for_each(|name| builder.string(name));
        if bag {
            builder.begin_object();
            for (key, shape) in &self.slots {
                builder.key(key);
                shape.write(builder);
            }
            if let Some(elements) = &self.elements {
                builder.key("`indexer`");
                elements.write(builder);
            }
            builder.end_object();
        }
        if several {
            builder.end_array();
        } else if !bag && self.scalars.is_empty() {
            builder.begin_object();
            builder.end_object();
        }
    }
}

impl State for Shape {
    type Config = ();
    type Input<'a> = &'a ArrayRef;

    fn input<'a>((): &(), args: &'a [ArrayRef]) -> Result<&'a ArrayRef, EvalError> {
        args.first().ok_or_else(|| EvalError::new("buildschema needs an argument"))
    }

    fn fresh((): &()) -> Self {
        Self::default()
    }

    fn add(&mut self, (): &(), input: &&ArrayRef, row: usize) -> usize {
        match input.as_binary_view_opt().filter(|v| v.is_valid(row)) {
            Some(view) => self.take(DynamicRef::new(view.value(row)), 0),
            None => 0,
        }
    }

    fn merge(&mut self, (): &(), other: Self) -> usize {
        self.join(other)
    }

    fn finish(self, (): &(), out: &mut [ColumnBuilder]) {
        if self.scalars.is_empty() && !self.bag && self.elements.is_none() {
            return put(out, &Value::Null);
        }
        let mut builder = DynamicBuilder::new();
        self.write(&mut builder);
        put(out, &Value::Dynamic(builder.finish()));
    }
}
