//! The tables of Azure Monitor, Sentinel and Defender: names, columns, types.
//!
//! The text is scanned once for table names (a fraction of a millisecond); columns are read when a table is asked for.

use std::sync::OnceLock;

/// Format: `content/tables/README.md`.
static TEXT: &str = include_str!("../../../content/tables/azure.tables");

/// All built-in tables; read on the first call.
pub fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| Tables::read(TEXT))
}

/// The built-in tables, in ordinal order of their names.
#[derive(Debug)]
pub struct Tables {
    tables: Vec<Table>,
    groups: Vec<Group>,
}

/// One built-in table.
#[derive(Debug)]
pub struct Table {
    /// Name, with case.
    pub name: &'static str,
    /// Part of Defender XDR's advanced hunting: on the service its rows have `Timestamp`, in a workspace
    /// `TimeGenerated` as well.
    pub defender: bool,
    groups: &'static str,
    body: &'static str,
}

/// A column of a built-in table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Column {
    /// Name, with case.
    pub name: &'static str,
    /// Type.
    pub ty: ColumnType,
}

/// KQL's types, as far as built-in tables use them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ColumnType {
    /// bool
    Bool,
    /// datetime
    DateTime,
    /// dynamic
    Dynamic,
    /// guid
    Guid,
    /// int
    Int,
    /// long
    Long,
    /// real
    Real,
    /// string
    String,
}

/// Columns that many tables share.
#[derive(Debug)]
struct Group {
    name: &'static str,
    columns: Vec<Column>,
}

impl Tables {
    /// The table of exactly this name.
    pub fn get(&self, name: &str) -> Option<&Table> {
        let at = self.tables.binary_search_by(|t| t.name.cmp(name)).ok()?;
        self.tables.get(at)
    }

    /// All tables, in ordinal order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Table> {
        self.tables.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.tables.len()
    }

    /// True without tables.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// The columns of a table, in ordinal order of their names (`A` before `_` before `a`).
    pub fn columns(&self, table: &Table) -> Vec<Column> {
        let mut columns: Vec<Column> = tokens(table.body).map(column).collect();
        for name in table.groups.split_ascii_whitespace() {
            let group = self.groups.iter().filter(|g| Some(g.name) == name.strip_prefix('@'));
            columns.extend(group.flat_map(|g| &g.columns));
        }
        columns.sort(); // a few sorted runs, which this sort merges
        columns
    }

    fn read(text: &'static str) -> Self {
        let (mut tables, mut groups) = (Vec::with_capacity(1200), Vec::new());
        let mut rest = text;
        while !rest.is_empty() {
            let (line, behind) = rest.split_once('\n').unwrap_or((rest, ""));
            rest = behind;
            if let Some(group) = line.strip_prefix('@') {
                let (name, columns) = group.split_once(' ').unwrap_or((group, ""));
                groups.push(Group { name, columns: tokens(columns).map(column).collect() });
            } else if !line.is_empty() && !line.starts_with('#') {
                let (body, behind) = indented(rest);
                rest = behind;
                tables.push(Table::read(line, body));
            }
        }
        Self { tables, groups }
    }
}

impl Table {
    /// The columns, in ordinal order of their names (`A` before `_` before `a`).
    pub fn columns(&self) -> Vec<Column> {
        tables().columns(self)
    }

    fn read(head: &'static str, body: &'static str) -> Self {
        let (name, rest) = token(head);
        let groups = rest.trim_start();
        let after_flag = groups.strip_prefix("defender");
        Self { name, defender: after_flag.is_some(), groups: after_flag.unwrap_or(groups), body }
    }
}

impl ColumnType {
    /// KQL's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::DateTime => "datetime",
            Self::Dynamic => "dynamic",
            Self::Guid => "guid",
            Self::Int => "int",
            Self::Long => "long",
            Self::Real => "real",
            Self::String => "string",
        }
    }

    fn from_name(name: &str) -> Self {
        match name {
            "bool" => Self::Bool,
            "datetime" => Self::DateTime,
            "dynamic" => Self::Dynamic,
            "guid" => Self::Guid,
            "int" => Self::Int,
            "long" => Self::Long,
            "real" => Self::Real,
            _ => Self::String,
        }
    }
}

/// The leading lines that begin with a blank, and what follows them.
fn indented(text: &'static str) -> (&'static str, &'static str) {
    let mut end = 0;
    while let Some(rest) = text.get(end..).filter(|rest| rest.starts_with(' ')) {
        end += rest.find('\n').map_or(rest.len(), |at| at + 1);
    }
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// Blank-separated (name, type) pairs; a name may stand in quotes, the type may be absent.
fn tokens(text: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (name, behind) = token(rest.trim_ascii_start());
        let (ty, behind) = match behind.strip_prefix(':') {
            Some(ty) => ty.split_at(ty.find(is_blank).unwrap_or(ty.len())),
            None => ("", behind),
        };
        rest = behind;
        (!name.is_empty()).then_some((name, ty))
    })
}

/// The name at the start of a text, quotes taken off, and what follows it.
fn token(text: &'static str) -> (&'static str, &'static str) {
    match text.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
        None => text.split_at(text.find(|c| is_blank(c) || c == ':').unwrap_or(text.len())),
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\n')
}

fn column((name, ty): (&'static str, &'static str)) -> Column {
    Column { name, ty: ColumnType::from_name(ty) }
}

#[cfg(test)]
mod tests;
