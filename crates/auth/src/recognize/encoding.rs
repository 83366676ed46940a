//! Base64 and hexadecimal: whether a text is an encoding of another text, or of a private key.
//!
//! Random bytes are printable text with a chance below one in a billion, so a text that decodes to printable text is an
//! encoding, and never a key of an unknown format.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::kind::{Kind, Layer};

/// Decodes what tools write: with padding or without, and with unused bits in the last character.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The least length of a text that is told by its characters alone.
const LEAST: usize = 16;

/// What an encoded text holds.
pub(super) enum Decoded {
    Text(Layer, Zeroizing<String>),
    /// A private key in DER: base64 of a PEM without its first and last line.
    PrivateKey,
    /// Data of gzip.
    Compressed,
}

/// What is inside an encoded text.
pub(super) fn decode(text: &str) -> Option<Decoded> {
    hex(text)
        .and_then(|bytes| read(Layer::Hex, &bytes))
        .or_else(|| base64(text).and_then(|bytes| read(Layer::Base64, &bytes)))
}

/// Decodes base64 or base64url, in one line or in many, with the two characters `\n` for a line break too.
fn base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let text = match text.split_once(";base64,") {
        Some((scheme, data)) if scheme.starts_with("data:") => data,
        _ => text.strip_prefix("base64:").unwrap_or(text),
    };
    let mut packed = Zeroizing::new(Vec::with_capacity(text.len()));
    let lines = text.split(|at: char| at.is_ascii_whitespace()).flat_map(|line| line.split("\\n"));
    for byte in lines.flat_map(|line| line.split("\\r")).flat_map(str::bytes) {
        packed.push(match byte {
            b'-' => b'+',
            b'_' => b'/',
            byte if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=') => byte,
            _ => return None,
        });
    }
    while packed.last() == Some(&b'=') {
        packed.pop();
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(packed.len()));
    ENGINE.decode_vec(&*packed, &mut bytes).ok()?;
    Some(bytes)
}

fn hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digits = text.strip_prefix("0x").unwrap_or(text).as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    Some(bytes_of(digits, 4, hex_digit))
}

/// Whether an encoded private key begins anywhere in a text: a copy can lack its first characters, or have others before
/// them.
pub(super) fn hides_private_key(text: &str) -> bool {
    // After eight characters, the bytes begin at the same bits again.
    let starts = || (0..8).filter_map(|start| text.as_bytes().get(start..));
    starts().any(|rest| {
        names_private_key(&bytes_of(rest, 6, base64_digit))
            || names_private_key(&bytes_of(rest, 5, base32_digit))
            || names_private_key(&bytes_of(rest, 4, hex_digit))
    })
}

/// The bytes whose bits are in the characters, `width` in each. Other characters are left out.
fn bytes_of(characters: &[u8], width: u32, value: fn(u8) -> Option<u8>) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(characters.len()));
    let (mut bits, mut count) = (0u32, 0);
    for digit in characters.iter().filter_map(|character| value(*character)) {
        bits = bits << width | u32::from(digit);
        count += width;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count).to_le_bytes()[0]);
            bits &= (1 << count) - 1;
        }
    }
    bytes
}

/// Words of a key file and of a PEM, and the algorithm of a key in DER (RFC 8017, appendix A.1: `rsaEncryption`).
fn names_private_key(bytes: &[u8]) -> bool {
    const MARKS: [&[u8]; 4] =
        [b"PRIVATE KEY", b"private_key", b"service_account_id", b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"];
    MARKS.iter().any(|mark| bytes.windows(mark.len()).any(|window| window == *mark))
}

fn base64_digit(character: u8) -> Option<u8> {
    Some(match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

fn base32_digit(character: u8) -> Option<u8> {
    Some(match character.to_ascii_uppercase() {
        upper @ b'A'..=b'Z' => upper - b'A',
        digit @ b'2'..=b'7' => digit - b'2' + 26,
        _ => return None,
    })
}

fn hex_digit(character: u8) -> Option<u8> {
    char::from(character).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn read(layer: Layer, bytes: &[u8]) -> Option<Decoded> {
    if is_private_key(bytes) {
        return Some(Decoded::PrivateKey);
    }
    if bytes.starts_with(&[0x1f, 0x8b, 8]) {
        return Some(Decoded::Compressed);
    }
    let text = text(bytes)?;
    let is_text = |next: char| !next.is_control() || next.is_ascii_whitespace();
    if text.is_empty() || !text.chars().all(is_text) {
        return None;
    }
    let is_certain = text.trim().len() >= LEAST;
    // A shorter text counts if it has a mark. A text of this length can hold another encoding, never a deep one.
    (is_certain || is_marked(&Kind::of(&text))).then_some(Decoded::Text(layer, text))
}

fn is_marked(kind: &Kind) -> bool {
    !matches!(
        kind,
        Kind::Other
            | Kind::Empty
            | Kind::Id
            | Kind::Path
            | Kind::Setting
            | Kind::Unexpanded
            | Kind::Placeholder
    )
}

/// The text of bytes in UTF-8, or in UTF-16 as PowerShell encodes it.
fn text(bytes: &[u8]) -> Option<Zeroizing<String>> {
    let units = |pair: &[u8], big: bool| {
        let pair = [pair[0], pair[1]];
        if big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
    };
    let big = match bytes {
        [0xff, 0xfe, ..] | [_, 0, ..] => Some(false),
        [0xfe, 0xff, ..] | [0, _, ..] => Some(true),
        _ => None,
    };
    let Some(big) = big else {
        return std::str::from_utf8(bytes).ok().map(|text| Zeroizing::new(text.to_owned()));
    };
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 2));
    for next in char::decode_utf16(bytes.chunks_exact(2).map(|pair| units(pair, big))) {
        text.push(next.ok()?);
    }
    // Random bytes are UTF-16 of any language, so only text that is mostly ASCII counts.
    let ascii = text.chars().filter(char::is_ascii).count();
    (ascii * 4 >= text.chars().count() * 3)
        .then(|| Zeroizing::new(text.trim_start_matches('\u{feff}').to_owned()))
}

/// Whether bytes are one structure of ASN.1 that begins as a private key does (RFC 5208, RFC 8017, RFC 5915): a sequence
/// over all the bytes whose first element is a version from 0 to 3.
fn is_private_key(bytes: &[u8]) -> bool {
    let (length, rest) = match bytes {
        [0x30, length @ 0..=0x7f, rest @ ..] | [0x30, 0x81, length, rest @ ..] => {
            (usize::from(*length), rest)
        }
        [0x30, 0x82, high, low, rest @ ..] => (usize::from(*high) << 8 | usize::from(*low), rest),
        _ => return false,
    };
    // A cut copy is shorter than its length says.
    length >= rest.len() && matches!(rest, [0x02, 0x01, 0..=3, ..])
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE};

    use super::super::{api_key, iam_token};
    use super::*;

    /// The first bytes of private keys in DER, and the number of bytes that follow.
    const KEYS: [(&str, &[u8], usize); 5] = [
        ("Ed25519 (RFC 8410)", b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20", 32),
        ("P-256 (RFC 5915)", b"\x30\x77\x02\x01\x01\x04\x20", 114),
        ("P-256 (RFC 5208)", b"\x30\x81\x87\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01", 121),
        ("P-384 (RFC 5915)", b"\x30\x81\xa4\x02\x01\x01\x04\x30", 159),
        ("the begin of an RSA key (RFC 8017)", b"\x30\x82\x04\xa4\x02\x01\x00\x02\x82\x01\x01\x00", 150),
    ];

    fn der(begin: &[u8], rest: usize) -> Vec<u8> {
        // In base64, these bytes are characters that an API key can have.
        [begin, &[0xa5].repeat(rest)].concat()
    }

    #[test]
    fn a_private_key_in_der_is_named_and_never_sent() {
        for (name, begin, rest) in KEYS {
            let key = der(begin, rest);
            let hex = key.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            for text in [URL_SAFE.encode(&key), STANDARD_NO_PAD.encode(&key), hex] {
                for refused in [api_key(&text).err(), iam_token(&text).err()] {
                    let error = refused.unwrap_or_else(|| panic!("{name} was taken: {text}"));
                    assert!(error.reason().contains("(PEM)"), "{name}: {error}");
                }
            }
        }
    }

    #[test]
    fn a_private_key_in_base32_is_found_wherever_the_copy_begins() {
        let base32 = |text: &str| {
            let bits: Vec<u8> =
                text.bytes().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
            let digit = |bits: &[u8]| usize::from(bits.iter().fold(0, |value, bit| value << 1 | bit));
            let digits = bits.chunks_exact(5).map(|bits| b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[digit(bits)]);
            digits.map(char::from).collect::<String>()
        };
        for before in ["", "-", "--", "---", "----"] {
            let copy = base32(&format!("{before}-----BEGIN PRIVATE KEY-----"));
            for begin in 0..8 {
                assert!(hides_private_key(&copy[begin..]), "{copy}, from {begin}");
                assert!(hides_private_key(&copy[begin..].to_lowercase()), "{copy}, from {begin}");
            }
        }
    }

    #[test]
    fn hexadecimal_is_pairs_of_digits_alone() {
        assert_eq!(hex("0x6b65").unwrap().as_slice(), b"ke");
        for text in ["6b6", "6b6g", "6b 65", "0y6b65"] {
            assert!(hex(text).is_none(), "{text}");
        }
    }

    #[test]
    fn an_encoded_text_behind_the_mark_of_an_api_key_is_refused() {
        let encoded = URL_SAFE.encode("a text of some other kind");
        assert!(api_key(&format!("AQVN{encoded}")).unwrap_err().reason().contains("encoded text"));
    }

    #[test]
    fn bytes_that_only_resemble_a_private_key_are_none() {
        for (name, begin, rest) in KEYS {
            let key = der(begin, rest);
            assert!(is_private_key(&key), "{name}");
            let of_version = key.windows(2).position(|pair| pair == [2, 1]).unwrap() + 2;
            for (at, byte) in [(0, 0x31), (of_version - 2, 3), (of_version - 1, 2), (of_version, 4)] {
                let mut other = key.clone();
                other[at] = byte;
                assert!(!is_private_key(&other), "{name}, byte {at}");
            }
            // Something follows the structure.
            let longer = der(begin, rest + 1200);
            assert!(!is_private_key(&longer), "{name}");
        }
    }
}
