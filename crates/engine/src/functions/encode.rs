//! base64, gzip and zlib.

use std::io::{Read, Write};

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use flate2::Compression;

use super::Function;
use super::call::Call;
use super::support::Answer;

/// Most bytes that one text may unpack to.
const UNPACKED_MAX: u64 = 32 << 20;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("base64_encode_tostring", encode_text),
    Function::new("base64_encodestring", encode_text),
    Function::new("base64_decode_tostring", decode_text),
    Function::new("base64_decodestring", decode_text),
    Function::new("base64_encode_fromarray", encode_array),
    Function::new("base64_decode_toarray", decode_array),
    Function::new("base64_encode_fromguid", encode_guid),
    Function::new("base64_decode_toguid", decode_guid),
    Function::new("gzip_compress_to_base64_string", |c| pack(c, gzip)),
    Function::new("gzip_decompress_from_base64_string", |c| unpack(c, gunzip)),
    Function::new("zlib_compress_to_base64_string", |c| pack(c, zlib)),
    Function::new("zlib_decompress_from_base64_string", |c| unpack(c, unzlib)),
];

/// Takes what the last bits of the text should not hold, as .NET does; padding must be whole.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
        .with_decode_allow_trailing_bits(true),
);

/// The bytes of base64 text; blanks and line ends in it count for nothing.
fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    if text.contains(|c: char| c.is_ascii_whitespace()) {
        let dense: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        return LENIENT.decode(dense).ok();
    }
    LENIENT.decode(text).ok()
}

fn encode_text(call: &Call<'_>) -> Answer {
    let texts = call.any_text(0)?;
    call.written(|row, out| STANDARD.encode_string(texts.get(row).as_bytes(), out))
}

/// What is not UTF-8 gives nothing.
fn decode_text(call: &Call<'_>) -> Answer {
    let texts = call.any_text(0)?;
    call.written(|row, out| {
        if let Some(text) = decode(&texts.get(row)).and_then(|bytes| String::from_utf8(bytes).ok())
        {
            out.push_str(&text);
        }
    })
}

fn encode_array(call: &Call<'_>) -> Answer {
    let arrays = call.dynamic(0)?;
    call.written(|row, out| {
        let byte = |item: values::DynamicRef<'_>| item.as_i64().and_then(|v| u8::try_from(v).ok());
        let bytes =
            arrays.array(row).map(|array| array.array().map(byte).collect::<Option<Vec<u8>>>());
        if let Some(Some(bytes)) = bytes {
            STANDARD.encode_string(bytes, out);
        }
    })
}

fn decode_array(call: &Call<'_>) -> Answer {
    let texts = call.any_text(0)?;
    call.built(|row, out| {
        let bytes = decode(&texts.get(row))?;
        out.begin_array();
        bytes.into_iter().for_each(|byte| out.long(i64::from(byte)));
        out.end_array();
        Some(())
    })
}

/// The first three fields of a guid are little endian in its binary form.
fn swapped(mut bytes: [u8; 16]) -> [u8; 16] {
    bytes[0..4].reverse();
    bytes[4..6].reverse();
    bytes[6..8].reverse();
    bytes
}

fn encode_guid(call: &Call<'_>) -> Answer {
    let guids = call.guid(0)?;
    call.written(|row, out| {
        if let Some(guid) = guids.get(row) {
            STANDARD.encode_string(swapped(guid.0), out);
        }
    })
}

fn decode_guid(call: &Call<'_>) -> Answer {
    let texts = call.any_text(0)?;
    call.bytes16(|row| decode(&texts.get(row))?.try_into().ok().map(swapped))
}

type Bytes = Option<Vec<u8>>;

/// Packed, or stored as it is where packing would not make it smaller.
fn gzip(bytes: &[u8]) -> Bytes {
    let pack = |level| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
        encoder.write_all(bytes).ok()?;
        let mut packed = encoder.finish().ok()?;
        // The byte of the header that hints at the level: no hint.
        if let Some(hint) = packed.get_mut(8) {
            *hint = 0;
        }
        Some(packed)
    };
    // A header of 10 bytes and a trailer of 8 surround the data.
    pack(Compression::default())
        .filter(|packed| packed.len() < bytes.len() + 18)
        .or_else(|| pack(Compression::none()))
}

fn zlib(bytes: &[u8]) -> Bytes {
    let pack = |level| {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
        encoder.write_all(bytes).ok()?;
        encoder.finish().ok()
    };
    pack(Compression::default())
        .filter(|packed| packed.len() < bytes.len() + 6)
        .or_else(|| pack(Compression::none()))
}

fn read_all(reader: impl Read) -> Bytes {
    let mut out = Vec::new();
    reader.take(UNPACKED_MAX + 1).read_to_end(&mut out).ok()?;
    (out.len() as u64 <= UNPACKED_MAX).then_some(out)
}

fn gunzip(bytes: &[u8]) -> Bytes {
    read_all(flate2::read::MultiGzDecoder::new(bytes))
}

fn unzlib(bytes: &[u8]) -> Bytes {
    read_all(flate2::read::ZlibDecoder::new(bytes))
}

fn pack(call: &Call<'_>, f: fn(&[u8]) -> Bytes) -> Answer {
    let texts = call.any_text(0)?;
    call.written(|row, out| {
        if let Some(packed) = f(texts.get(row).as_bytes()) {
            STANDARD.encode_string(packed, out);
        }
    })
}

fn unpack(call: &Call<'_>, f: fn(&[u8]) -> Bytes) -> Answer {
    let texts = call.any_text(0)?;
    call.written(|row, out| {
        let unpacked = decode(&texts.get(row)).and_then(|bytes| f(&bytes));
        if let Some(text) = unpacked.and_then(|bytes| String::from_utf8(bytes).ok()) {
            out.push_str(&text);
        }
    })
}
