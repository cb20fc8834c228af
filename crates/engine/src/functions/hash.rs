//! Hashes: xxHash64 over the bytes of a value, MD5, SHA-1 and SHA-256 over its text.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use values::{ScalarType, Value};

use super::Function;
use super::call::Call;
use super::support::Answer;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("hash", hash),
    Function::new("hash_xxhash64", hash),
    Function::new("hash_many", hash_many),
    Function::new("hash_combine", hash_combine),
    Function::new("hash_md5", digest::<Md5>),
    Function::new("hash_sha1", digest::<Sha1>),
    Function::new("hash_sha256", digest::<Sha256>),
];

/// The bytes that `hash()` sees: numbers little endian in their own width, text as UTF-8.
fn bytes(value: &Value, out: &mut Vec<u8>) {
    out.clear();
    match value {
        Value::Null => {}
        Value::Bool(v) => out.push(u8::from(*v)),
        Value::Int(v) => out.extend(v.to_le_bytes()),
        Value::Long(v) => out.extend(v.to_le_bytes()),
        Value::Real(v) => out.extend(v.to_le_bytes()),
        Value::DateTime(v) => out.extend(v.ticks().to_le_bytes()),
        Value::TimeSpan(v) => out.extend(v.ticks().to_le_bytes()),
        Value::Guid(v) => out.extend(v.0),
        Value::String(v) => out.extend(v.as_bytes()),
        Value::Decimal(_) | Value::Dynamic(_) => out.extend(value.to_string().as_bytes()),
    }
}

fn hash_of(value: &Value, buffer: &mut Vec<u8>) -> u64 {
    bytes(value, buffer);
    xxhash64(buffer)
}

fn hash(call: &Call<'_>) -> Answer {
    let modulus = if call.len() > 1 { Some(call.number(1)?) } else { None };
    let texts = match call.types.first() {
        Some(ScalarType::String) => Some(call.text(0)?),
        _ => None,
    };
    call.longs(|row| {
        let hash = match &texts {
            Some(texts) => xxhash64(texts.get(row).as_bytes()),
            None => match call.value(0, row) {
                Value::Null => return None,
                value => hash_of(&value, &mut Vec::new()),
            },
        };
        let Some(modulus) = &modulus else { return Some(hash.cast_signed()) };
        let modulus = modulus.long(row).filter(|m| *m > 0)?;
        i64::try_from(hash % modulus.cast_unsigned()).ok()
    })
}

/// Two hashes as one.
fn combine(seed: u64, hash: u64) -> u64 {
    seed ^ hash.wrapping_add(0x9E37_79B9_7F4A_7C15).wrapping_add(seed << 6).wrapping_add(seed >> 2)
}

fn hash_many(call: &Call<'_>) -> Answer {
    call.longs(|row| {
        let mut buffer = Vec::new();
        let hashes = (0..call.len()).map(|i| hash_of(&call.value(i, row), &mut buffer));
        hashes.reduce(combine).map(u64::cast_signed)
    })
}

fn hash_combine(call: &Call<'_>) -> Answer {
    call.longs(|row| {
        let hashes = (0..call.len()).map(|i| {
            call.value(i, row).cast(ScalarType::Long).as_i64().map_or(0, i64::cast_unsigned)
        });
        hashes.reduce(combine).map(u64::cast_signed)
    })
}

fn digest<D: Digest>(call: &Call<'_>) -> Answer {
    let texts = call.any_text(0)?;
    call.written(|row, out| {
        for byte in D::digest(texts.get(row).as_bytes()) {
            let _ = std::fmt::Write::write_fmt(out, format_args!("{byte:02x}"));
        }
    })
}

const PRIMES: [u64; 5] = [
    0x9E37_79B1_85EB_CA87,
    0xC2B2_AE3D_27D4_EB4F,
    0x1656_67B1_9E37_79F9,
    0x85EB_CA77_C2B2_AE63,
    0x27D4_EB2F_1656_67C5,
];

fn round(lane: u64, input: u64) -> u64 {
    lane.wrapping_add(input.wrapping_mul(PRIMES[1])).rotate_left(31).wrapping_mul(PRIMES[0])
}

/// xxHash64 with seed 0.
pub(crate) fn xxhash64(bytes: &[u8]) -> u64 {
    let (stripes, rest) = bytes.as_chunks::<32>();
    let mut hash = if stripes.is_empty() {
        PRIMES[4]
    } else {
        let mut lanes = [PRIMES[0].wrapping_add(PRIMES[1]), PRIMES[1], 0, PRIMES[0].wrapping_neg()];
        for stripe in stripes {
            let words = stripe.as_chunks::<8>().0;
            for (lane, word) in lanes.iter_mut().zip(words) {
                *lane = round(*lane, u64::from_le_bytes(*word));
            }
        }
        let [a, b, c, d] = lanes;
        let mixed = a
            .rotate_left(1)
            .wrapping_add(b.rotate_left(7))
            .wrapping_add(c.rotate_left(12))
            .wrapping_add(d.rotate_left(18));
        lanes.iter().fold(mixed, |hash, lane| {
            (hash ^ round(0, *lane)).wrapping_mul(PRIMES[0]).wrapping_add(PRIMES[3])
        })
    };
    hash = hash.wrapping_add(bytes.len() as u64);
    let (words, rest) = rest.as_chunks::<8>();
    for word in words {
        hash = (hash ^ round(0, u64::from_le_bytes(*word)))
            .rotate_left(27)
            .wrapping_mul(PRIMES[0])
            .wrapping_add(PRIMES[3]);
    }
    let (halves, rest) = rest.as_chunks::<4>();
    for half in halves {
        hash = (hash ^ u64::from(u32::from_le_bytes(*half)).wrapping_mul(PRIMES[0]))
            .rotate_left(23)
            .wrapping_mul(PRIMES[1])
            .wrapping_add(PRIMES[2]);
    }
    for byte in rest {
        hash = (hash ^ u64::from(*byte).wrapping_mul(PRIMES[4]))
            .rotate_left(11)
            .wrapping_mul(PRIMES[0]);
    }
    hash = (hash ^ hash >> 33).wrapping_mul(PRIMES[1]);
    hash = (hash ^ hash >> 29).wrapping_mul(PRIMES[2]);
    hash ^ hash >> 32
}
