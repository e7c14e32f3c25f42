//! How runtimes, drivers and servers word each trouble, line by line: what it
//! is, towards which host and port. Real wordings with names made up.

mod answers;
mod connections;
mod endings;
mod levels;

use super::{Sign, address, sign_of};

/// Lines that speak of one sign, each with the address it is about (`""` for none).
#[track_caller]
fn check(sign: Sign, lines: &[(&str, &str)]) {
    let wrong: Vec<String> = lines
        .iter()
        .filter_map(|&(line, wanted)| {
            let found = sign_of(line);
            let place = found.and_then(|sign| address::of(line, sign));
            let place = place.map_or_else(String::new, |place| place.to_string());
            (found != Some(sign) || place != wanted)
                .then(|| format!("{line}\n    {found:?} {place:?}, wanted {wanted:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{sign:?}:\n{}", wrong.join("\n"));
}

/// Lines that speak of one sign; which address does not matter.
#[track_caller]
fn check_sign(sign: Sign, lines: &[&str]) {
    let wrong: Vec<String> = lines
        .iter()
        .filter(|line| sign_of(line) != Some(sign))
        .map(|line| format!("{line}\n    {:?}", sign_of(line)))
        .collect();
    assert!(wrong.is_empty(), "{sign:?}:\n{}", wrong.join("\n"));
}
