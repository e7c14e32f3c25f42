//! Facts about the shelf.

use std::cell::Cell;

use super::*;

struct Counted(Cell<u64>);

impl Progress for Counted {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, bytes: u64) {
        self.0.set(self.0.get() + bytes);
    }
    fn end(&self) {}
}

struct Site {
    folder: tempfile::TempDir,
    shelf: Shelf,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("can be made");
        let shelf = Shelf::new(folder.path().join("models"));
        Self { folder, shelf }
    }

    fn stick(&self, file: &str, content: &[u8]) -> PathBuf {
        let path = self.folder.path().join("stick").join(file);
        fs::create_dir_all(path.parent().expect("has one")).expect("can be made");
        fs::write(&path, content).expect("can be written");
        path
    }

    fn import(&self, source: &Path, name: Option<&str>) -> Result<Shelved, ShelfError> {
        let progress = Counted(Cell::new(0));
        let accept = |_: &Path| {
            Ok(Checked {
                kind: Kind::Chat,
                architecture: "llama".to_owned(),
                parameters: 7,
                context_tokens: 256,
            })
        };
        self.shelf.import(&Import {
            source,
            name,
            check: &accept,
            progress: &progress,
        })
    }

    /// What lies in the models folder.
    fn left(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path().join("models"))
            .into_iter()
            .flatten()
            .flatten();
        entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect()
    }
}

#[test]
fn an_imported_model_is_found_by_name_and_verified() {
    let site = Site::new();
    let source = site.stick("Tiny Model.gguf", b"weights");
    let model = site.import(&source, None).expect("is imported");
    assert_eq!(model.manifest.name, "Tiny-Model");
    assert_eq!(
        model.manifest.sha256,
        "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c"
    );
    assert_eq!(site.shelf.list(), [model]);
    let path = site.shelf.path("Tiny-Model").expect("is there");
    assert_eq!(Shelf::name_at(&path).as_deref(), Some("Tiny-Model"));
    assert_eq!(Shelf::name_at(&source), None);
    assert_eq!(fs::read(&path).expect("is there"), b"weights");
    let progress = Counted(Cell::new(0));
    assert_eq!(
        site.shelf
            .verify("Tiny-Model", &progress)
            .expect("is there"),
        [""; 0]
    );
    assert_eq!(progress.0.get(), 7);
}

#[test]
fn a_changed_file_is_found_by_verify() {
    let site = Site::new();
    site.import(&site.stick("a.gguf", b"weights"), None)
        .expect("is imported");
    let path = site.shelf.path("a").expect("is there");
    fs::remove_file(&path).expect("can be removed");
    fs::write(&path, b"wEights").expect("can be written");
    let wrong = site
        .shelf
        .verify("a", &Counted(Cell::new(0)))
        .expect("is there");
    assert_eq!(wrong, ["a.gguf has another digest"]);
    fs::write(&path, b"short").expect("can be written");
    let wrong = site
        .shelf
        .verify("a", &Counted(Cell::new(0)))
        .expect("is there");
    assert_eq!(wrong, ["a.gguf has 5 bytes instead of 7"]);
}

#[test]
fn a_folder_is_imported_with_what_belongs_to_it() {
    let site = Site::new();
    for (file, content) in [
        ("net/config.json", "{}"),
        ("net/tokenizer.json", "{}"),
        ("net/notes.txt", "x"),
        ("net/model.safetensors", "w"),
    ] {
        site.stick(file, content.as_bytes());
    }
    let source = site.folder.path().join("stick/net");
    let model = site.import(&source, None).expect("is imported");
    let files: Vec<&str> = model
        .pieces
        .iter()
        .map(|piece| piece.file.as_str())
        .collect();
    assert_eq!(
        files,
        ["config.json", "model.safetensors", "tokenizer.json"]
    );
    let folder = site.folder.path().join("models/net");
    assert_eq!(site.shelf.path("net").expect("is there"), folder);
    assert_eq!(Shelf::name_at(&folder).as_deref(), Some("net"));
}

#[test]
fn a_model_in_several_files_is_imported_whole_or_not_at_all() {
    let site = Site::new();
    let first = site.stick("net-00001-of-00002.gguf", b"one");
    let error = site.import(&first, None).expect_err("one is missing");
    assert!(
        error.to_string().contains("net-00002-of-00002.gguf"),
        "{error}"
    );
    assert_eq!(site.left(), [""; 0]);
    let second = site.stick("net-00002-of-00002.gguf", b"two!");
    // Any of them stands for all.
    let model = site.import(&second, None).expect("is imported");
    assert_eq!((model.manifest.name.as_str(), model.bytes()), ("net", 7));
    let path = site.shelf.path("net").expect("is there");
    assert!(path.ends_with("net/net-00001-of-00002.gguf"), "{path:?}");
    fs::remove_file(path.with_file_name("net-00002-of-00002.gguf")).expect("can be removed");
    let wrong = site.shelf.verify("net", &Counted(Cell::new(0)));
    assert_eq!(wrong.expect("is there").len(), 1);
    site.stick("more/other-00001-of-00001.gguf", b"w");
    let folder = site.import(&site.folder.path().join("stick/more"), Some("more"));
    assert_eq!(folder.expect("is imported").pieces.len(), 1);
}

#[test]
fn what_is_refused_leaves_nothing_behind() {
    let site = Site::new();
    let source = site.stick("a.gguf", b"weights");
    let check = |_: &Path| Err("it is no GGUF file".to_owned());
    let import = Import {
        source: &source,
        name: None,
        check: &check,
        progress: &Counted(Cell::new(0)),
    };
    let error = site.shelf.import(&import).expect_err("is refused");
    assert!(error.to_string().contains("it is no GGUF file"), "{error}");
    assert_eq!(site.left(), [""; 0]);
    site.stick("manifest.json", &carried(&"0".repeat(64)));
    let error = site.import(&source, None).expect_err("is refused");
    assert!(matches!(error, ShelfError::Damaged(_)), "{error}");
    assert_eq!(site.left(), [""; 0]);
    let error = site
        .import(&site.stick("a.txt", b""), None)
        .expect_err("is refused");
    assert!(matches!(error, ShelfError::NoModel(_)), "{error}");
}

fn carried(sha256: &str) -> Vec<u8> {
    let manifest = serde_json::json!({
        "name": "x", "file": "a.gguf", "sha256": sha256, "bytes": 7, "licence": "MIT", "architecture": "llama",
        "parameters": 7, "context_tokens": 256, "aliases": true,
    });
    manifest.to_string().into_bytes()
}

#[test]
fn what_its_own_manifest_says_comes_along() {
    let site = Site::new();
    let source = site.stick("a.gguf", b"weights");
    let plain = site.import(&source, Some("plain")).expect("is imported");
    site.stick("manifest.json", &carried(&plain.manifest.sha256));
    let model = site.import(&source, Some("known")).expect("is imported");
    assert!(model.manifest.aliases);
    assert_eq!(model.manifest.licence, "MIT");
}

#[test]
fn a_name_is_taken_once_and_is_never_a_path() {
    let site = Site::new();
    let source = site.stick("a.gguf", b"weights");
    site.import(&source, None).expect("is imported");
    let error = site.import(&source, None).expect_err("is taken");
    assert!(matches!(error, ShelfError::Taken(_)), "{error}");
    for name in [
        "../x",
        "a/b",
        "",
        ".hidden",
        "a..b",
        "ä",
        "a b",
        &"x".repeat(65),
    ] {
        let error = site.import(&source, Some(name)).expect_err("is no name");
        assert!(matches!(error, ShelfError::Name(_)), "{name}: {error}");
    }
}

#[test]
fn the_model_in_use_stays_and_others_go() {
    let site = Site::new();
    site.import(&site.stick("a.gguf", b"weights"), None)
        .expect("is imported");
    let used = site.shelf.path("a").expect("is there");
    let error = site.shelf.remove("a", &[used]).expect_err("is in use");
    assert!(error.to_string().contains("--force"), "{error}");
    site.shelf.remove("a", &[]).expect("is removed");
    assert_eq!(site.left(), [""; 0]);
    let error = site.shelf.remove("a", &[]).expect_err("is gone");
    assert_eq!(
        error.to_string(),
        "no imported model is called `a`; there are: none"
    );
}
