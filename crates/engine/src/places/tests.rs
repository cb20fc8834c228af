//! A tiny database, written here by the rules of the format.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::Places;

enum Data<'a> {
    Text(&'a str),
    Real(f64),
    Number(u8, u64),
    List(Vec<Data<'a>>),
    Map(Vec<(&'a str, Data<'a>)>),
}

fn write(data: &Data<'_>, out: &mut Vec<u8>) {
    let short = |kind: u8, size: usize| (kind << 5) | u8::try_from(size).unwrap();
    match data {
        Data::Text(text) => {
            out.push(short(2, text.len()));
            out.extend(text.as_bytes());
        }
        Data::Real(number) => {
            out.push(short(3, 8));
            out.extend(number.to_be_bytes());
        }
        Data::Number(kind, number) => {
            let bytes = number.to_be_bytes();
            let used = &bytes[8 - if *kind == 5 { 2 } else { 4 }..];
            if *kind > 7 {
                out.extend([short(0, used.len()), kind - 7]);
            } else {
                out.push(short(*kind, used.len()));
            }
            out.extend(used);
        }
        Data::List(items) => {
            out.extend([short(0, items.len()), 4]);
            items.iter().for_each(|item| write(item, out));
        }
        Data::Map(entries) => {
            out.push(short(7, entries.len()));
            for (key, value) in entries {
                write(&Data::Text(key), out);
                write(value, out);
            }
        }
    }
}

fn named(name: &str) -> Data<'_> {
    Data::Map(vec![("names", Data::Map(vec![("en", Data::Text(name))]))])
}

/// All of 20.0.0.0/8 lies in one town.
pub(crate) fn database() -> Places {
    let nodes: u32 = 8;
    let mut file = Vec::new();
    for bit in 0..nodes {
        let onward = if bit + 1 == nodes { nodes + 16 } else { bit + 1 };
        let sides = if 20 >> (7 - bit) & 1 == 1 { [nodes, onward] } else { [onward, nodes] };
        sides.iter().for_each(|side| file.extend(&side.to_be_bytes()[1..]));
    }
    file.extend([0; 16]);
    let place = Data::Map(vec![
        ("country", named("Utopia")),
        ("subdivisions", Data::List(vec![named("North")])),
        ("city", named("Amaurot")),
        (
            "location",
            Data::Map(vec![("latitude", Data::Real(1.5)), ("longitude", Data::Real(-2.25))]),
        ),
    ]);
    write(&place, &mut file);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    let metadata = Data::Map(vec![
        ("node_count", Data::Number(6, u64::from(nodes))),
        ("record_size", Data::Number(5, 24)),
        ("ip_version", Data::Number(5, 4)),
        ("database_type", Data::Text("Test-City")),
        ("languages", Data::List(vec![Data::Text("en")])),
        ("binary_format_major_version", Data::Number(5, 2)),
        ("binary_format_minor_version", Data::Number(5, 0)),
        ("build_epoch", Data::Number(9, 1)),
        ("description", Data::Map(vec![("en", Data::Text("test"))])),
    ]);
    write(&metadata, &mut file);
    Places::from_bytes(file).unwrap()
}

#[test]
fn addresses_have_places() {
    let places = database();
    let found = places.find("20.53.203.50").unwrap();
    assert_eq!(
        found.to_json_text(),
        r#"{"country":"Utopia","state":"North","city":"Amaurot","latitude":1.5,"longitude":-2.25}"#
    );
    for unknown in ["21.0.0.1", "2a03:2880::1", "nonsense", ""] {
        assert!(places.find(unknown).is_none(), "{unknown}");
    }
}

#[test]
fn damaged_databases_are_refused() {
    assert!(Places::from_bytes(Vec::new()).is_err());
    assert!(Places::from_bytes(b"\xab\xcd\xefMaxMind.com".to_vec()).is_err());
}
