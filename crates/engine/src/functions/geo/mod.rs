//! Places on Earth: `geo_*`. The Earth is a sphere and edges are its shortest ways, unless a function says otherwise;
//! shapes are GeoJSON, and what is no valid one gives null.

mod cell;
pub(super) mod combine;
pub(super) mod geohash;
pub(super) mod h3;
pub(super) mod measure;
mod overlay;
pub(super) mod reshape;
pub(super) mod s2;
mod shape;
mod sphere;
mod spheroid;
pub(super) mod wkt;
pub(crate) mod zone;
