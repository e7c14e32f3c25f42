//! Metadata values.
//!
//! Whole numbers widen to 64 bits, so that readers need not care which width
//! a converter chose. Arrays of arrays are refused: no model uses them.

use super::reader::Reader;
use crate::error::{ModelError, malformed};

/// Longest text; chat templates are the longest in real files, some tens of KiB.
const TEXT_BYTES_MAX: u64 = 1 << 20;
/// Most elements of an array; the largest vocabularies have 262 144 tokens and twice as many merges.
const ELEMENTS_MAX: u64 = 4 << 20;

/// A metadata value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A whole number of any width, signed or not.
    Integer(i128),
    /// A 32-bit or 64-bit real.
    Real(f64),
    /// A truth value.
    Bool(bool),
    /// A text.
    Text(String),
    /// An array.
    Array(Array),
}

/// An array of one type.
#[derive(Clone, Debug, PartialEq)]
pub enum Array {
    /// Whole numbers that fit 64 bits signed.
    Integers(Vec<i64>),
    /// Reals.
    Reals(Vec<f32>),
    /// Truth values.
    Bools(Vec<bool>),
    /// Texts.
    Texts(Vec<String>),
}

/// The format's type numbers.
const BOOL: u32 = 7;
const TEXT: u32 = 8;
const ARRAY: u32 = 9;

impl Value {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ModelError> {
        match reader.u32()? {
            BOOL => bool(reader).map(Self::Bool),
            TEXT => reader.text(TEXT_BYTES_MAX).map(Self::Text),
            ARRAY => Array::read(reader).map(Self::Array),
            kind @ (6 | 12) => real(reader, kind).map(Self::Real),
            kind => integer(reader, kind).map(Self::Integer),
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// The whole number, if it is one and not negative.
    pub fn as_u64(&self) -> Option<u64> {
        if let Self::Integer(number) = self {
            u64::try_from(*number).ok()
        } else {
            None
        }
    }

    /// The number as a 32-bit real, if it is one and finite.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "64-bit reals in model files hold 32-bit values"
    )]
    pub fn as_f32(&self) -> Option<f32> {
        let number = match self {
            Self::Real(real) => *real as f32,
            Self::Integer(number) => *number as f32,
            Self::Bool(_) | Self::Text(_) | Self::Array(_) => return None,
        };
        number.is_finite().then_some(number)
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(bool) = self {
            Some(*bool)
        } else {
            None
        }
    }

    /// The texts, if it is an array of them.
    pub fn as_texts(&self) -> Option<&[String]> {
        if let Self::Array(Array::Texts(texts)) = self {
            Some(texts)
        } else {
            None
        }
    }

    /// The reals, if it is an array of them.
    pub fn as_reals(&self) -> Option<&[f32]> {
        if let Self::Array(Array::Reals(reals)) = self {
            Some(reals)
        } else {
            None
        }
    }

    /// The whole numbers, if it is an array of them.
    pub fn as_integers(&self) -> Option<&[i64]> {
        if let Self::Array(Array::Integers(integers)) = self {
            Some(integers)
        } else {
            None
        }
    }
}

impl Array {
    fn read(reader: &mut Reader<'_>) -> Result<Self, ModelError> {
        let kind = reader.u32()?;
        let count = reader.u64()?;
        let least = count.checked_mul(element_bytes_min(kind)?);
        if count > ELEMENTS_MAX || least.is_none_or(|bytes| bytes > reader.remaining() as u64) {
            return Err(malformed(format!("it claims an array of {count} elements")));
        }
        match kind {
            BOOL => each(count, || bool(reader)).map(Self::Bools),
            TEXT => each(count, || reader.text(TEXT_BYTES_MAX)).map(Self::Texts),
            6 | 12 => each(count, || real(reader, kind).map(narrow)).map(Self::Reals),
            _ => each(count, || integer(reader, kind).and_then(fit)).map(Self::Integers),
        }
    }
}

fn each<T>(
    count: u64,
    mut read: impl FnMut() -> Result<T, ModelError>,
) -> Result<Vec<T>, ModelError> {
    (0..count).map(|_| read()).collect()
}

fn element_bytes_min(kind: u32) -> Result<u64, ModelError> {
    match kind {
        0 | 1 | BOOL => Ok(1),
        2 | 3 => Ok(2),
        4..=6 => Ok(4),
        TEXT | 10..=12 => Ok(8),
        ARRAY => Err(ModelError::Unsupported(
            "arrays of arrays in the metadata are not supported".to_owned(),
        )),
        _ => Err(unknown(kind)),
    }
}

fn unknown(kind: u32) -> ModelError {
    malformed(format!("it has metadata of the unknown type {kind}"))
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "64-bit reals in model files hold 32-bit values"
)]
fn narrow(real: f64) -> f32 {
    real as f32
}

fn fit(number: i128) -> Result<i64, ModelError> {
    i64::try_from(number).map_err(|_| malformed("a number in an array passes 64 bits"))
}

fn bool(reader: &mut Reader<'_>) -> Result<bool, ModelError> {
    match reader.array::<1>()? {
        [0] => Ok(false),
        [1] => Ok(true),
        [other] => Err(malformed(format!("a truth value is {other}"))),
    }
}

fn real(reader: &mut Reader<'_>, kind: u32) -> Result<f64, ModelError> {
    if kind == 6 {
        return reader
            .array()
            .map(|bytes| f64::from(f32::from_le_bytes(bytes)));
    }
    reader.array().map(f64::from_le_bytes)
}

fn integer(reader: &mut Reader<'_>, kind: u32) -> Result<i128, ModelError> {
    match kind {
        0 => reader.array().map(|bytes| u8::from_le_bytes(bytes).into()),
        1 => reader.array().map(|bytes| i8::from_le_bytes(bytes).into()),
        2 => reader.array().map(|bytes| u16::from_le_bytes(bytes).into()),
        3 => reader.array().map(|bytes| i16::from_le_bytes(bytes).into()),
        4 => reader.array().map(|bytes| u32::from_le_bytes(bytes).into()),
        5 => reader.array().map(|bytes| i32::from_le_bytes(bytes).into()),
        10 => reader.array().map(|bytes| u64::from_le_bytes(bytes).into()),
        11 => reader.array().map(|bytes| i64::from_le_bytes(bytes).into()),
        _ => Err(unknown(kind)),
    }
}
