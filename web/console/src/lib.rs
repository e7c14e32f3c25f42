//! The console's built files, embedded.
//!
//! Decides the closed table of files: what `web/dist` held when the binary
//! was built, nothing else. Leaves HTTP to `appliance-http`.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../dist/"]
struct Dist;

/// One file of the console.
#[derive(Debug)]
pub struct Asset {
    /// Its address: `/` for the page, `/app.js` and so on for the rest.
    pub path: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// Strong entity tag with its quotes: the file's SHA-256.
    pub etag: String,
    /// The file.
    pub bytes: Cow<'static, [u8]>,
    /// The file, gzipped.
    pub gzip: Vec<u8>,
}

/// Address, name in `web/dist` and media type of each file.
const TABLE: [(&str, &str, &str); 5] = [
    ("/", "index.html", "text/html; charset=utf-8"),
    ("/app.js", "app.js", "text/javascript; charset=utf-8"),
    ("/app.css", "app.css", "text/css; charset=utf-8"),
    ("/icon.svg", "icon.svg", "image/svg+xml"),
    ("/BUILD.json", "BUILD.json", "application/json"),
];

/// Compressed once, at first use: a few milliseconds for some 100 kB, and the
/// repository holds no binary files.
static ASSETS: LazyLock<Vec<Asset>> =
    LazyLock::new(|| TABLE.into_iter().filter_map(load).collect());

/// All files of the console.
pub fn assets() -> &'static [Asset] {
    &ASSETS
}

fn load((path, name, content_type): (&'static str, &str, &'static str)) -> Option<Asset> {
    let file = Dist::get(name)?;
    Some(Asset {
        path,
        content_type,
        etag: etag(&file.metadata.sha256_hash()),
        gzip: gzip(&file.data),
        bytes: file.data,
    })
}

fn etag(hash: &[u8; 32]) -> String {
    let mut tag = String::from("\"");
    for byte in hash {
        // Writing to a string cannot fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing to memory cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn every_file_of_the_table_is_embedded() {
        let paths: Vec<_> = assets().iter().map(|asset| asset.path).collect();
        assert_eq!(paths, TABLE.map(|(path, ..)| path));
    }

    #[test]
    fn gzip_gives_the_same_bytes_back() {
        for asset in assets() {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(asset.gzip.as_slice())
                .read_to_end(&mut plain)
                .unwrap();
            assert_eq!(plain, asset.bytes.as_ref(), "{}", asset.path);
        }
    }

    #[test]
    fn the_page_holds_no_inline_script_or_style() {
        let page = assets().iter().find(|asset| asset.path == "/").unwrap();
        let html = String::from_utf8_lossy(&page.bytes);
        assert!(!html.contains("<style"));
        assert!(!html.contains(" style="));
        assert_eq!(
            html.matches("<script").count(),
            html.matches("<script type=\"module\"").count()
        );
        assert_eq!(html.matches("<script").count(), 1);
        assert!(html.contains("src=\"/app.js\""));
    }
}
