//! The built console is the one of these sources.
//!
//! `web/scripts/stamp.mjs` hashes what the build reads; this does the same
//! without Node, so that `cargo test` notices a forgotten `npm run build`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

const FILES: [&str; 5] = [
    "index.html",
    "package-lock.json",
    "package.json",
    "tsconfig.json",
    "vite.config.ts",
];

fn walk(root: &Path, folder: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(root.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            walk(root, &path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn dist_was_built_from_these_sources() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut paths: Vec<String> = FILES.map(String::from).to_vec();
    walk(&root, "src", &mut paths);
    walk(&root, "public", &mut paths);
    paths.sort();
    let mut hash = Sha256::new();
    for path in paths {
        let bytes = fs::read(root.join(&path)).unwrap();
        hash.update(format!("{path}\0{}\0", bytes.len()));
        hash.update(&bytes);
    }
    let mut hex = String::new();
    for byte in hash.finalize() {
        write!(hex, "{byte:02x}").unwrap();
    }
    let stamp = fs::read_to_string(root.join("dist/BUILD.json")).unwrap();
    assert!(
        stamp.contains(&hex),
        "web/dist is older than its sources: run npm run build in web and commit dist"
    );
}
