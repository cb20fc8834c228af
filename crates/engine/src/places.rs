//! Where addresses are: a location database that the operator brings, in the MMDB form that all its vendors share.
//! Nothing ships with the engine; without a database `geo_info_from_ip_address` gives null.

#[cfg(test)]
pub(crate) mod tests;

use std::net::IpAddr;
use std::path::Path;

use maxminddb::geoip2::City;
use maxminddb::{MaxMindDbError, Reader};
use values::Dynamic;
use values::dynamic::DynamicBuilder;

/// A location database, held in memory.
pub struct Places(Reader<Vec<u8>>);

impl std::fmt::Debug for Places {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Places").field(&self.0.metadata().database_type).finish()
    }
}

impl Places {
    /// Reads a file.
    pub fn open(path: &Path) -> Result<Self, String> {
        let told = |e: String| format!("cannot read the location database {}: {e}", path.display());
        let bytes = std::fs::read(path).map_err(|e| told(e.to_string()))?;
        Self::from_bytes(bytes).map_err(told)
    }

    /// Takes a file's content.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, String> {
        let reader = Reader::from_source(bytes).map_err(|e: MaxMindDbError| e.to_string())?;
        Ok(Self(reader))
    }

    /// The newest database of a folder (`*.mmdb`), if there is one.
    pub fn in_folder(folder: &Path) -> Option<Result<Self, String>> {
        let files = std::fs::read_dir(folder).ok()?.flatten().map(|f| f.path());
        let newest = files
            .filter(|p| p.extension().is_some_and(|e| e.eq_ignore_ascii_case("mmdb")))
            .max_by_key(|p| std::fs::metadata(p).and_then(|m| m.modified()).ok())?;
        Some(Self::open(&newest))
    }

    /// Country, state, city, latitude and longitude, as far as they are known; none for unknown addresses.
    pub fn find(&self, address: &str) -> Option<Dynamic> {
        let address: IpAddr = address.trim().parse().ok()?;
        let city: City<'_> = self.0.lookup(address).ok()?.decode().ok()??;
        let mut builder = DynamicBuilder::new();
        let mut known = false;
        builder.begin_object();
        let state = city.subdivisions.first().and_then(|s| s.names.english);
        for (key, text) in [
            ("country", city.country.names.english),
            ("state", state),
            ("city", city.city.names.english),
        ] {
            if let Some(text) = text {
                builder.key(key);
                builder.string(text);
                known = true;
            }
        }
        for (key, number) in
            [("latitude", city.location.latitude), ("longitude", city.location.longitude)]
        {
            if let Some(number) = number {
                builder.key(key);
                builder.real(number);
                known = true;
            }
        }
        builder.end_object();
        known.then(|| builder.finish())
    }
}
