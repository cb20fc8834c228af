//! Geohashes: interleaved bits of longitude and latitude in base 32.

use super::super::Function;
use super::measure::Places;
use super::shape::{Point, Polygon, write_point, write_polygons};

const DIGITS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
/// Most digits; they take 90 bits.
const LENGTH_MAX: usize = 18;

pub(in super::super) const FUNCTIONS: &[Function] = &[
    Function::new("geo_point_to_geohash", |c| {
        let places = Places::of(c, 0)?;
        c.texts(|row| {
            let length = if c.len() > 2 { c.value(2, row).as_f64()? } else { 5.0 };
            let length = (1.0..=LENGTH_MAX as f64).contains(&length).then_some(length as usize)?;
            let p = places.get(row)?;
            Some(Cell::at(p.longitude, p.latitude, length).hash())
        })
    }),
    Function::new("geo_geohash_to_central_point", |c| {
        let texts = c.any_text(0)?;
        c.built(|row, out| {
            let (west, south, east, north) = Cell::parse(&texts.get(row))?.bounds();
            let centre = Point::new(f64::midpoint(west, east), f64::midpoint(south, north))?;
            write_point(out, &centre);
            Some(())
        })
    }),
    Function::new("geo_geohash_to_polygon", |c| {
        let texts = c.any_text(0)?;
        c.built(|row, out| {
            let (west, south, east, north) = Cell::parse(&texts.get(row))?.bounds();
            let corners = [(west, south), (east, south), (east, north), (west, north)];
            let shell = corners.iter().filter_map(|(x, y)| Point::new(*x, *y)).collect();
            write_polygons(out, &[Polygon { shell, holes: Vec::new() }]);
            Some(())
        })
    }),
    Function::new("geo_geohash_neighbors", |c| {
        let texts = c.any_text(0)?;
        c.built(|row, out| {
            let cell = Cell::parse(&texts.get(row))?;
            out.begin_array();
            for (x, y) in NEIGHBOURS {
                if let Some(near) = cell.neighbour(x, y) {
                    out.string(&near.hash());
                }
            }
            out.end_array();
            Some(())
        })
    }),
];

/// Steps in columns and rows, in the order in which the documented example lists the cells.
const NEIGHBOURS: [(i64, i64); 8] =
    [(-1, -1), (-1, 1), (1, -1), (0, 1), (-1, 0), (1, 1), (1, 0), (0, -1)];

/// A cell: columns and rows counted from the south-west, and the number of digits.
#[derive(Clone, Copy)]
struct Cell {
    column: u64,
    row: u64,
    length: usize,
}

impl Cell {
    /// Bits of the column and of the row.
    fn bits(length: usize) -> (u32, u32) {
        let all = length as u32 * 5;
        (all.div_ceil(2), all / 2)
    }

    fn at(longitude: f64, latitude: f64, length: usize) -> Self {
        let (wide, high) = Self::bits(length);
        let place = |share: f64, bits: u32| {
            let count = 1_u64 << bits;
            ((share * count as f64) as u64).min(count - 1)
        };
        let column = place((longitude + 180.0) / 360.0, wide);
        Self { column, row: place((latitude + 90.0) / 180.0, high), length }
    }

    /// None for what is no geohash; letters count in either case.
    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || text.len() > LENGTH_MAX {
            return None;
        }
        let (mut column, mut row, mut even) = (0_u64, 0_u64, true);
        for byte in text.bytes() {
            let digit = DIGITS.iter().position(|d| *d == byte.to_ascii_lowercase())?;
            for bit in (0..5).rev() {
                let bit = (digit >> bit & 1) as u64;
                if even {
                    column = column << 1 | bit
                } else {
                    row = row << 1 | bit
                }
                even = !even;
            }
        }
        Some(Self { column, row, length: text.len() })
    }

    fn hash(self) -> String {
        let (mut wide, mut high) = Self::bits(self.length);
        let mut even = true;
        (0..self.length)
            .map(|_| {
                let digit = (0..5).fold(0, |digit, _| {
                    let (source, left) =
                        if even { (self.column, &mut wide) } else { (self.row, &mut high) };
                    *left -= 1;
                    even = !even;
                    digit << 1 | (source >> *left & 1) as usize
                });
                char::from(DIGITS[digit])
            })
            .collect()
    }

    /// West, south, east, north.
    fn bounds(self) -> (f64, f64, f64, f64) {
        let (wide, high) = Self::bits(self.length);
        let x = |column: u64| column as f64 * 360.0 / (1_u64 << wide) as f64 - 180.0;
        let y = |row: u64| row as f64 * 180.0 / (1_u64 << high) as f64 - 90.0;
        (x(self.column), y(self.row), x(self.column + 1), y(self.row + 1))
    }

    /// Columns wrap around the Earth, rows end at the poles.
    fn neighbour(self, x: i64, y: i64) -> Option<Self> {
        let (wide, high) = Self::bits(self.length);
        let column = self.column.wrapping_add_signed(x) & ((1 << wide) - 1);
        let row = self.row.checked_add_signed(y).filter(|r| *r < 1 << high)?;
        Some(Self { column, row, ..self })
    }
}
