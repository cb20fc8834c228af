//! Fields of records by name. Records of one source mostly have the same fields in the same order, so the place of
//! the last record's field is tried before the name is looked up.

use std::collections::HashMap;

use ahash::RandomState;
use model::Schema;

use crate::names;

/// A field name and where its values go.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: Box<str>,
    /// Column of the schema; none for a field that the table lacks.
    pub(super) column: Option<usize>,
    /// First record that has it, and how many do: told for fields without a column.
    pub(super) first: usize,
    pub(super) records: usize,
}

/// All field names met so far.
#[derive(Debug, Default)]
pub(super) struct Fields {
    all: Vec<Field>,
    by_name: HashMap<Box<str>, usize, RandomState>,
    /// Fields of the last record, in order.
    layout: Vec<usize>,
    /// Position in the record at hand.
    at: usize,
    lenient: bool,
}

impl Fields {
    /// Fields that find their column in a schema when they are first met.
    pub(super) fn matching(lenient: bool) -> Self {
        Self { lenient, ..Self::default() }
    }

    /// A field whose column is settled.
    pub(super) fn settle(&mut self, name: Box<str>, column: usize) {
        self.by_name.insert(name.clone(), self.all.len());
        self.all.push(Field { name, column: Some(column), first: 0, records: 0 });
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Field> {
        self.all.iter()
    }

    /// A new record begins.
    pub(super) fn begin(&mut self) {
        self.at = 0;
    }

    /// The number of a field, by its place if possible; a new one is matched with the schema.
    #[inline]
    pub(super) fn find(&mut self, name: &str, schema: &Schema, index: usize) -> usize {
        for ahead in 0..2 {
            if let Some(id) = self.layout.get(self.at + ahead)
                && self.all.get(*id).is_some_and(|field| &*field.name == name)
            {
                self.at += ahead + 1;
                return *id;
            }
        }
        let id = match self.by_name.get(name) {
            Some(id) => *id,
            None => self.add(name, schema, index),
        };
        match self.layout.get_mut(self.at) {
            Some(place) => *place = id,
            None => self.layout.push(id),
        }
        self.at += 1;
        id
    }

    fn add(&mut self, name: &str, schema: &Schema, index: usize) -> usize {
        let column = if self.lenient { names::column(schema, name) } else { schema.position(name) };
        let id = self.all.len();
        self.by_name.insert(name.into(), id);
        self.all.push(Field { name: name.into(), column, first: index, records: 0 });
        id
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: usize) -> Option<&mut Field> {
        self.all.get_mut(id)
    }
}
