//! From when until when a certificate is valid, read before it is dropped.
//!
//! A certificate is public, its key is not; both live in one Secret whose
//! values go. Only the two dates stay, as annotations. Reads no more of the
//! encoding than leads to them (RFC 5280, section 4.1): whatever does not
//! follow it has no dates.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

/// Annotation with the first moment of a TLS Secret's certificate.
pub const NOT_BEFORE: &str = "certificate.anchorite/not-before";
/// Annotation with the last moment of a TLS Secret's certificate.
pub const NOT_AFTER: &str = "certificate.anchorite/not-after";

/// The key of a TLS Secret under which its certificate stands.
const CERTIFICATE_KEY: &str = "tls.crt";
/// Chains are a few kilobytes; more is no certificate.
const BYTES_MAX: usize = 256 * 1024;

/// Moves the dates of a TLS Secret's own certificate into its annotations.
pub(super) fn keep_dates(secret: &mut Value) {
    let text = |field: &str| secret.get(field)?.get(CERTIFICATE_KEY)?.as_str();
    let pem = match (text("data"), text("stringData")) {
        (Some(encoded), _) if !encoded.is_empty() => decode(encoded),
        (_, Some(plain)) => Some(plain.as_bytes().to_vec()),
        _ => None,
    };
    let Some((from, until)) = pem
        .as_deref()
        .and_then(first_der)
        .as_deref()
        .and_then(dates)
    else {
        return;
    };
    let Some(Value::Object(meta)) = secret.get_mut("metadata") else {
        return;
    };
    let annotations = meta
        .entry("annotations")
        .or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(annotations) = annotations {
        annotations.insert(NOT_BEFORE.to_owned(), from.to_string().into());
        annotations.insert(NOT_AFTER.to_owned(), until.to_string().into());
    }
}

fn decode(encoded: &str) -> Option<Vec<u8>> {
    if encoded.len() > BYTES_MAX {
        return None;
    }
    let bare: String = encoded.chars().filter(|c| !c.is_whitespace()).collect();
    STANDARD.decode(bare).ok()
}

/// The first certificate of a PEM file: the server's own, before its issuers.
fn first_der(pem: &[u8]) -> Option<Vec<u8>> {
    let pem = std::str::from_utf8(pem).ok()?;
    let (_, rest) = pem.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    decode(body)
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// `notBefore` and `notAfter` of a DER certificate.
fn dates(der: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let (certificate, _) = expect(der, SEQUENCE)?;
    let (mut fields, _) = expect(certificate, SEQUENCE)?;
    if let Some((_, rest)) = expect(fields, VERSION) {
        fields = rest;
    }
    // Serial number, signature algorithm, issuer; then the validity.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        fields = expect(fields, tag)?.1;
    }
    let (validity, _) = expect(fields, SEQUENCE)?;
    let (tag, from, rest) = element(validity)?;
    let from = time(tag, from)?;
    let (tag, until, _) = element(rest)?;
    Some((from, time(tag, until)?))
}

/// The content of an element with that tag, and what follows it.
fn expect(bytes: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = element(bytes)?;
    (tag == wanted).then_some((content, rest))
}

/// Tag and content of the first element, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 || count > rest.len() {
            return None;
        }
        let (digits, after) = rest.split_at(count);
        length = digits
            .iter()
            .fold(0, |length, digit| length << 8 | usize::from(*digit));
        rest = after;
    }
    (length <= rest.len()).then(|| (tag, &rest[..length], &rest[length..]))
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`; two digits mean 1950 to 2049.
fn time(tag: u8, content: &[u8]) -> Option<Timestamp> {
    let digits = content.strip_suffix(b"Z")?;
    let number = |range: std::ops::Range<usize>| -> Option<i8> {
        let text = std::str::from_utf8(digits.get(range)?).ok()?;
        text.parse().ok()
    };
    let (year, at) = match tag {
        UTC_TIME => {
            let short = i16::from(number(0..2)?);
            (
                if short < 50 {
                    2000 + short
                } else {
                    1900 + short
                },
                2,
            )
        }
        GENERALIZED_TIME => (i16::from(number(0..2)?) * 100 + i16::from(number(2..4)?), 4),
        _ => return None,
    };
    let part = |place: usize| number(at + 2 * place..at + 2 * place + 2);
    let date = DateTime::new(year, part(0)?, part(1)?, part(2)?, part(3)?, part(4)?, 0).ok()?;
    date.to_zoned(TimeZone::UTC)
        .ok()
        .map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests;
