//! `externaldata`: rows of files and addresses that the operator allowed, and of no others.

mod fetch;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use csv::ReaderBuilder;
use engine::source::{ExternalData, ExternalReader, external_refused};
use model::{Rows, ScalarType, Value};
use serde_json::Value as Json;

/// Largest file, unpacked.
const BYTES_MAX: usize = 256 << 20;
/// How gzip data begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Places that queries may read from.
#[derive(Debug, Default)]
pub(crate) struct External {
    folders: Vec<PathBuf>,
    urls: Beginnings,
}

/// Beginnings of http and https addresses that an operator allowed.
#[derive(Debug, Default)]
pub(crate) struct Beginnings(Vec<String>);

impl Beginnings {
    pub(crate) fn new<'a>(allowed: impl IntoIterator<Item = &'a String>) -> Self {
        // https://host alone would also allow https://host.of.somebody.else
        let ended = |place: &String| match place.matches('/').count() {
            0..=2 => format!("{place}/"),
            _ => place.clone(),
        };
        Self(allowed.into_iter().map(ended).collect())
    }

    /// True where the address is an allowed one or lies below it.
    pub(crate) fn hold(&self, address: &str) -> bool {
        let climbs = address.contains("/../") || address.contains("%2e") || address.contains('\\');
        !climbs && self.0.iter().any(|allowed| within(address, allowed))
    }
}

/// Where an address leads.
enum Place {
    File(PathBuf),
    Url(String),
}

impl External {
    /// From `--allow-external`: folders, files, and beginnings of http and https addresses.
    pub(crate) fn new(allowed: &[String]) -> anyhow::Result<Self> {
        let urls = Beginnings::new(allowed.iter().filter(|place| is_url(place)));
        let mut external = Self { folders: Vec::new(), urls };
        for place in allowed.iter().filter(|place| !is_url(place)) {
            let path = Path::new(place.strip_prefix("file://").unwrap_or(place));
            let real = path.canonicalize().map_err(|e| {
                crate::outcome::WrongUse::because(format!("--allow-external {place}: {e}"))
            })?;
            external.folders.push(real);
        }
        Ok(external)
    }

    /// The place of an address, where it is allowed. What follows a `;` are Azure's secrets.
    fn place(&self, address: &str) -> Option<Place> {
        let address = address.split(';').next().unwrap_or_default().trim();
        if is_url(address) {
            return self.urls.hold(address).then(|| Place::Url(address.to_owned()));
        }
        let path = address.strip_prefix("file://").unwrap_or(address);
        let real = Path::new(path).canonicalize().ok()?;
        self.folders.iter().any(|f| real.starts_with(f)).then_some(Place::File(real))
    }
}

fn is_url(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

/// True where the address is the allowed one or lies below it.
fn within(address: &str, allowed: &str) -> bool {
    address.strip_prefix(allowed).is_some_and(|rest| {
        rest.is_empty() || allowed.ends_with('/') || rest.starts_with(['/', '?'])
    })
}

impl ExternalReader for External {
    fn allowed(&self, address: &str) -> bool {
        self.place(address).is_some()
    }

    fn read(&self, request: &ExternalData) -> Result<Rows, String> {
        let shown = request.address.split(['?', ';']).next().unwrap_or_default();
        let bytes = match self.place(&request.address) {
            None => return Err(external_refused(&request.address)),
            Some(Place::File(path)) => file(&path),
            Some(Place::Url(url)) => fetch::get(&url, BYTES_MAX),
        };
        let told = |error: String| format!("externaldata from '{shown}': {error}");
        let mut bytes = bytes.map_err(told)?;
        if bytes.starts_with(&GZIP) {
            bytes = collect::gunzip(&bytes, BYTES_MAX).map_err(|e| told(e.to_string()))?;
        }
        rows(&bytes, request, shown).map_err(told)
    }
}

fn file(path: &Path) -> Result<Vec<u8>, String> {
    let size = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
    if size > BYTES_MAX as u64 {
        return Err(format!("the file is larger than {} MB", BYTES_MAX >> 20));
    }
    std::fs::read(path).map_err(|e| e.to_string())
}

/// The rows of a file's bytes, in the columns asked for.
fn rows(bytes: &[u8], request: &ExternalData, name: &str) -> Result<Rows, String> {
    let text = collect::decode(bytes).text;
    let separator = match format(request, name).as_str() {
        "csv" | "tsve" => b',',
        "tsv" => b'\t',
        "scsv" => b';',
        "psv" => b'|',
        "sohsv" => 1,
        "txt" => return Ok(lines(&text, request)),
        "raw" => {
            let all = vec![first_cell(&text, request)];
            return Ok(Rows::from_values(Arc::clone(&request.schema), all));
        }
        "json" | "multijson" | "ndjson" | "singlejson" => return objects(&text, request),
        other => {
            return Err(format!(
                "format '{other}' is not read; use csv, tsv, psv, scsv, sohsv, txt, raw, json or multijson"
            ));
        }
    };
    let mut reader = ReaderBuilder::new()
        .delimiter(separator)
        .flexible(true)
        .has_headers(request.skip_first)
        .from_reader(text.as_bytes());
    let mut made = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| e.to_string())?;
        let columns = request.schema.columns.iter().enumerate();
        made.push(columns.map(|(at, c)| cell(record.get(at).unwrap_or_default(), c.ty)).collect());
    }
    Ok(Rows::from_values(Arc::clone(&request.schema), made))
}

/// The format said, or the one that the name ends in.
fn format(request: &ExternalData, name: &str) -> String {
    if let Some(format) = &request.format {
        return format.to_ascii_lowercase();
    }
    let name = name.strip_suffix(".gz").unwrap_or(name);
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    let known = ["csv", "tsv", "psv", "scsv", "txt", "json", "multijson", "ndjson", "raw"];
    ending.filter(|e| known.contains(&e.as_str())).unwrap_or_else(|| "csv".to_owned())
}

fn cell(text: &str, ty: ScalarType) -> Value {
    match ty {
        ScalarType::String => Value::string(text),
        _ if text.is_empty() => Value::null_of(ty),
        ScalarType::Dynamic => model::Dynamic::parse_json(text)
            .map_or_else(|| Value::string(text).cast(ty), Value::Dynamic),
        _ => Value::string(text).cast(ty),
    }
}

/// A row with the text in the first column.
fn first_cell(text: &str, request: &ExternalData) -> Vec<Value> {
    let columns = request.schema.columns.iter().enumerate();
    columns.map(|(at, c)| if at == 0 { cell(text, c.ty) } else { Value::null_of(c.ty) }).collect()
}

fn lines(text: &str, request: &ExternalData) -> Rows {
    let skip = usize::from(request.skip_first);
    let made = text.lines().skip(skip).map(|line| first_cell(line, request));
    Rows::from_values(Arc::clone(&request.schema), made.collect::<Vec<_>>())
}

/// Objects one after the other or in arrays; columns by name.
fn objects(text: &str, request: &ExternalData) -> Result<Rows, String> {
    let mut made = Vec::new();
    for value in serde_json::Deserializer::from_str(text).into_iter::<Json>() {
        match value.map_err(|e| e.to_string())? {
            Json::Array(items) => made.extend(items.iter().map(|item| object(item, request))),
            item => made.push(object(&item, request)),
        }
    }
    Ok(Rows::from_values(Arc::clone(&request.schema), made))
}

fn object(json: &Json, request: &ExternalData) -> Vec<Value> {
    let columns = request.schema.columns.iter();
    columns
        .map(|c| match (json.get(&*c.name), c.ty) {
            (None | Some(Json::Null), ty) => Value::null_of(ty),
            (Some(Json::String(text)), ty) => cell(text, ty),
            (Some(value), ScalarType::Dynamic) => Value::Dynamic(model::Dynamic::from_json(value)),
            (Some(value), ScalarType::String) => Value::string(value.to_string()),
            (Some(value), ty) => Value::Dynamic(model::Dynamic::from_json(value)).cast(ty),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::io::Write;

    use model::Schema;

    use super::*;

    fn request(address: &str, format: Option<&str>, skip_first: bool) -> ExternalData {
        ExternalData {
            address: address.into(),
            schema: Arc::new(Schema::new([
                ("name", ScalarType::String),
                ("size", ScalarType::Long),
                ("bag", ScalarType::Dynamic),
            ])),
            format: format.map(str::to_owned),
            skip_first,
        }
    }

    fn read(external: &External, request: &ExternalData) -> Result<Vec<String>, String> {
        let rows = external.read(request)?;
        let shown = rows
            .values()
            .map(|row| row.iter().map(ToString::to_string).collect::<Vec<_>>().join("/"));
        Ok(shown.collect())
    }

    #[test]
    fn files_below_an_allowed_folder_are_read_in_every_format() {
        let folder = tempfile::tempdir().unwrap();
        let allowed = External::new(&[folder.path().display().to_string()]).unwrap();
        let put = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path.display().to_string()
        };
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(b"name,size\na,1\n").unwrap();
        let packed = packed.finish().unwrap();
        let cases: [(&str, &[u8], Option<&str>, bool, &[&str]); 7] = [
            ("a.csv", b"a,1,{\"k\":2}\n\"b,c\",x\n", None, false, &["a/1/{\"k\":2}", "b,c//"]),
            ("b.csv.gz", &packed, None, true, &["a/1/"]),
            ("c.tsv", b"n\ts\nq\t7\n", None, true, &["q/7/"]),
            ("d.txt", b"# head\none,2\n", Some("txt"), true, &["one,2//"]),
            (
                "e.json",
                b"{\"size\":3,\"name\":\"x\"}\n{\"bag\":[1]}\n",
                None,
                false,
                &["x/3/", "//[1]"],
            ),
            ("f", b"[{\"name\":\"x\",\"size\":\"4\"}]", Some("multijson"), false, &["x/4/"]),
            ("g.bin", b"a\nb", Some("raw"), false, &["a\nb//"]),
        ];
        for (name, bytes, format, skip, expected) in cases {
            let address = put(name, bytes);
            let got = read(&allowed, &request(&address, format, skip));
            assert_eq!(got.unwrap(), expected, "{name}");
            let as_url = format!("file://{address}");
            assert!(
                allowed.allowed(&as_url) && allowed.read(&request(&as_url, format, skip)).is_ok()
            );
        }
        let wrong = put("h.json", b"{\"name\":");
        assert!(read(&allowed, &request(&wrong, None, false)).unwrap_err().contains("h.json"));
        let avro = read(&allowed, &request(&wrong, Some("avro"), false)).unwrap_err();
        assert!(avro.contains("'avro' is not read"), "{avro}");
    }

    #[test]
    fn nothing_else_is_read() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let secret = outside.path().join("secret.csv");
        std::fs::write(&secret, "x").unwrap();
        std::os::unix::fs::symlink(&secret, inside.path().join("link.csv")).unwrap();
        let allowed = External::new(&[
            inside.path().display().to_string(),
            "https://lists.example.org/feeds".to_owned(),
            "https://example.net".to_owned(),
        ])
        .unwrap();
        for address in [
            secret.display().to_string(),
            format!("{}/../{}", inside.path().display(), "secret.csv"),
            inside.path().join("link.csv").display().to_string(),
            "/etc/passwd".to_owned(),
            "file:///etc/passwd".to_owned(),
            "https://lists.example.org/".to_owned(),
            "https://lists.example.org/feedsandmore".to_owned(),
            "https://lists.example.org/feeds/../secret".to_owned(),
            "http://lists.example.org/feeds/a.csv".to_owned(),
            "https://example.net.evil.example/".to_owned(),
            "https://example.net@evil.example/".to_owned(),
            "ftp://example.net/x".to_owned(),
        ] {
            assert!(!allowed.allowed(&address), "{address}");
            let refused = allowed.read(&request(&address, None, false)).unwrap_err();
            assert!(refused.contains("is not allowed"), "{refused}");
        }
        for address in [
            "https://lists.example.org/feeds/a.csv",
            "https://lists.example.org/feeds?x=1",
            "https://example.net/x.csv;secret",
        ] {
            assert!(allowed.allowed(address), "{address}");
        }
        assert!(External::new(&["/does/not/exist".to_owned()]).is_err());
        assert!(!External::default().allowed("https://example.net/"));
    }
}
