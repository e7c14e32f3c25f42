//! Alertmanager's fingerprint of a label set: 64-bit FNV-1a over the sorted
//! names and values, each followed by a separator byte.
//!
//! For showing and for finding an alert again in Alertmanager; what makes two
//! alerts the same is [`super::AlertId`].
//!
//! # Source
//! `model/labelset.go` and `model/signature.go` of prometheus/common.

use super::Labels;

const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;
/// Cannot occur in UTF-8, so it separates names from values.
const SEPARATOR: u8 = 0xff;

/// The fingerprint of `labels`, as 16 hex digits.
///
/// ```
/// use appliance_core::alert::{Labels, fingerprint};
/// assert_eq!(fingerprint::of(&Labels::new()), "cbf29ce484222325");
/// ```
pub fn of(labels: &Labels) -> String {
    let sum = labels.iter().fold(OFFSET_BASIS, |sum, (name, value)| {
        let sum = add(add(sum, name.as_bytes()), &[SEPARATOR]);
        add(add(sum, value.as_bytes()), &[SEPARATOR])
    });
    format!("{sum:016x}")
}

/// FNV-1a of `bytes`, for telling apart texts that were cut.
pub(super) fn fnv(bytes: &[u8]) -> u64 {
    add(OFFSET_BASIS, bytes)
}

fn add(sum: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(sum, |sum, &byte| {
        (sum ^ u64::from(byte)).wrapping_mul(PRIME)
    })
}
