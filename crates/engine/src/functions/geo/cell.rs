//! Cells of the S2 grid: the sphere as a cube, each face a square divided by four again and again, numbered along a
//! Hilbert curve.

use super::sphere::{Vector, unit};

/// Level of the smallest cells.
pub(super) const LEVEL_MAX: u8 = 30;
const SIZE: i64 = 1 << LEVEL_MAX;

/// Which quarter the curve visits when, by orientation, and how it is turned there.
const TO_POSITION: [[u64; 4]; 4] = [[0, 1, 3, 2], [0, 3, 1, 2], [2, 3, 1, 0], [2, 1, 3, 0]];
const TO_QUARTER: [[u64; 4]; 4] = [[0, 1, 3, 2], [0, 2, 3, 1], [3, 2, 0, 1], [3, 1, 0, 2]];
const TURN: [usize; 4] = [1, 0, 0, 3];

/// A cell by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Cell(pub(super) u64);

fn st_to_uv(s: f64) -> f64 {
    if s >= 0.5 { (4.0 * s * s - 1.0) / 3.0 } else { (1.0 - 4.0 * (1.0 - s) * (1.0 - s)) / 3.0 }
}

fn uv_to_st(u: f64) -> f64 {
    if u >= 0.0 { 0.5 * (1.0 + 3.0 * u).sqrt() } else { 1.0 - 0.5 * (1.0 - 3.0 * u).sqrt() }
}

fn st_to_ij(s: f64) -> i64 {
    ((s * SIZE as f64).floor() as i64).clamp(0, SIZE - 1)
}

fn face_uv_to_xyz(face: u64, u: f64, v: f64) -> Vector {
    match face {
        0 => [1.0, u, v],
        1 => [-u, 1.0, v],
        2 => [-u, -v, 1.0],
        3 => [-1.0, -v, -u],
        4 => [v, -1.0, -u],
        _ => [v, u, -1.0],
    }
}

fn xyz_to_face_uv(p: Vector) -> (u64, f64, f64) {
    let [x, y, z] = p;
    let axis = if x.abs() > y.abs() {
        if x.abs() > z.abs() { 0 } else { 2 }
    } else if y.abs() > z.abs() {
        1
    } else {
        2
    };
    match (axis, p[axis] < 0.0) {
        (0, false) => (0, y / x, z / x),
        (1, false) => (1, -x / y, z / y),
        (2, false) => (2, -x / z, -y / z),
        (0, true) => (3, z / x, y / x),
        (1, true) => (4, z / y, -x / y),
        _ => (5, -y / z, -x / z),
    }
}

impl Cell {
    /// The smallest cell that holds a point.
    pub(super) fn at(p: Vector) -> Self {
        let (face, u, v) = xyz_to_face_uv(p);
        Self::from_face_ij(face, st_to_ij(uv_to_st(u)), st_to_ij(uv_to_st(v)))
    }

    fn from_face_ij(face: u64, i: i64, j: i64) -> Self {
        let mut orientation = (face & 1) as usize;
        let mut position = 0;
        for bit in (0..LEVEL_MAX).rev() {
            let quarter = ((i >> bit & 1) << 1 | (j >> bit & 1)) as usize;
            let place = TO_POSITION[orientation][quarter];
            position = position << 2 | place;
            orientation ^= TURN[place as usize];
        }
        Self(face << 61 | position << 1 | 1)
    }

    /// As [`Cell::from_face_ij`] for coordinates one step beyond the face.
    fn from_face_ij_wrap(face: u64, i: i64, j: i64) -> Self {
        if (0..SIZE).contains(&i) && (0..SIZE).contains(&j) {
            return Self::from_face_ij(face, i, j);
        }
        let limit = 1.0 + f64::EPSILON;
        let place = |x: i64| {
            let x = x.clamp(-1, SIZE);
            ((2 * (x - SIZE / 2) + 1) as f64 / SIZE as f64).clamp(-limit, limit)
        };
        let (face, u, v) = xyz_to_face_uv(face_uv_to_xyz(face, place(i), place(j)));
        Self::from_face_ij(face, st_to_ij(0.5 * (u + 1.0)), st_to_ij(0.5 * (v + 1.0)))
    }

    const fn face(self) -> u64 {
        self.0 >> 61
    }

    const fn lowest_bit(self) -> u64 {
        self.0 & self.0.wrapping_neg()
    }

    pub(super) const fn level(self) -> u8 {
        LEVEL_MAX - (self.0.trailing_zeros() / 2) as u8
    }

    /// The cell of this level around it.
    pub(super) const fn parent(self, level: u8) -> Self {
        let low = 1_u64 << (2 * (LEVEL_MAX - level));
        Self(self.0 & low.wrapping_neg() | low)
    }

    /// The six largest cells.
    pub(super) fn faces() -> [Self; 6] {
        [0, 1, 2, 3, 4, 5].map(|face| Self(face << 61 | 1 << 60))
    }

    pub(super) fn children(self) -> [Self; 4] {
        let quarter = self.lowest_bit() >> 2;
        [-3_i64, -1, 1, 3].map(|k| Self(self.0.wrapping_add_signed(k * quarter.cast_signed())))
    }

    pub(super) fn contains(self, other: Self) -> bool {
        let half = self.lowest_bit() - 1;
        (self.0 - half..=self.0 + half).contains(&other.0)
    }

    /// Face, and the corner of the cell with the smallest coordinates.
    fn corner(self) -> (u64, i64, i64) {
        let (mut i, mut j) = (0, 0);
        let mut orientation = (self.face() & 1) as usize;
        for bit in (0..u32::from(LEVEL_MAX)).rev() {
            let place = (self.0 >> (2 * bit + 1) & 3) as usize;
            let quarter = TO_QUARTER[orientation][place];
            i = i << 1 | (quarter >> 1) as i64;
            j = j << 1 | (quarter & 1) as i64;
            orientation ^= TURN[place];
        }
        let size = 1 << (LEVEL_MAX - self.level());
        (self.face(), i & -size, j & -size)
    }

    fn point(face: u64, i: f64, j: f64) -> Vector {
        let uv = |x: f64| st_to_uv(x / SIZE as f64);
        let p = face_uv_to_xyz(face, uv(i), uv(j));
        unit(p).unwrap_or(p)
    }

    pub(super) fn center(self) -> Vector {
        let (face, i, j) = self.corner();
        let half = (1_i64 << (LEVEL_MAX - self.level())) as f64 / 2.0;
        Self::point(face, i as f64 + half, j as f64 + half)
    }

    /// The corners, counterclockwise.
    pub(super) fn vertices(self) -> [Vector; 4] {
        let (face, i, j) = self.corner();
        let size = (1_i64 << (LEVEL_MAX - self.level())) as f64;
        let (i, j) = (i as f64, j as f64);
        [(i, j), (i + size, j), (i + size, j + size), (i, j + size)]
            .map(|(i, j)| Self::point(face, i, j))
    }

    /// The cells of the same level around it, in the order in which the documented example lists them.
    pub(super) fn neighbours(self) -> Vec<Self> {
        let (face, i, j) = self.corner();
        let (level, size) = (self.level(), 1_i64 << (LEVEL_MAX - self.level()));
        let mut all: Vec<Self> = Vec::with_capacity(8);
        let steps = [(1, 1), (-1, -1), (1, -1), (0, -1), (0, 1), (1, 0), (-1, 0), (-1, 1)];
        for (x, y) in steps {
            // Over two sides at a corner of the cube there is no cell.
            let (i, j) = (i + x * size, j + y * size);
            let outside = |v: i64| !(0..SIZE).contains(&v);
            if outside(i) && outside(j) {
                continue;
            }
            let near = Self::from_face_ij_wrap(face, i, j).parent(level);
            if near != self && !all.contains(&near) {
                all.push(near);
            }
        }
        all
    }

    /// Hexadecimal digits without the zeros at the end.
    pub(super) fn token(self) -> String {
        format!("{:016x}", self.0).trim_end_matches('0').to_owned()
    }

    /// None for what is no token of a cell.
    pub(super) fn parse(token: &str) -> Option<Self> {
        if token.is_empty() || token.len() > 16 || !token.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let number = u64::from_str_radix(&format!("{token:0<16}"), 16).ok()?;
        let cell = Self(number);
        (number != 0 && cell.face() < 6 && number.trailing_zeros().is_multiple_of(2))
            .then_some(cell)
    }
}
