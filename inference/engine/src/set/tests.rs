//! Facts about sets of models, with copies of a tiny one.

use std::fs;
use std::path::Path;

use inference_core::{GenerateRequest, Prompt, SamplingParams};
use prometheus_client::registry::Registry;
use tempfile::TempDir;

use super::*;

const MIB: u64 = 1 << 20;

fn tiny() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../nn/tests/fixtures/q8-tied.gguf")
}

fn copy(directory: &Path, name: &str) {
    let to = directory.join(name);
    fs::create_dir_all(to.parent().expect("has one")).expect("can be made");
    fs::copy(tiny(), to).expect("can be copied");
}

/// A directory of `names` and a set over it with `memory_bytes_max` and no default model.
fn set(names: &[&str], memory_bytes_max: u64) -> (TempDir, ModelSet) {
    let directory = tempfile::tempdir().expect("can be made");
    for name in names {
        copy(directory.path(), name);
    }
    let mut engine = EngineOptions::default();
    engine.decoder.kv_bytes_max = 16 * MIB;
    let options = ModelSetOptions {
        directory: directory.path().to_owned(),
        memory_bytes_max,
        engine,
    };
    let metrics = Metrics::register(&mut Registry::default());
    let set = ModelSet::new(EngineSlot::default(), options, metrics);
    (directory, set)
}

fn states(set: &ModelSet) -> Vec<(String, &'static str)> {
    let entries = set.list().into_iter();
    entries
        .map(|entry| (entry.id, entry.state.as_str()))
        .collect()
}

#[track_caller]
fn check_states(set: &ModelSet, expected: &[(&str, &'static str)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(name, state)| ((*name).to_owned(), *state))
        .collect();
    assert_eq!(states(set), expected);
}

fn engine(set: &ModelSet, name: &str) -> Arc<dyn Engine> {
    set.engine(Some(name)).expect("can be loaded")
}

#[test]
fn a_model_is_loaded_when_it_is_asked_for() {
    let (_directory, set) = set(&["a.gguf", "b/model.gguf", "c.gguf.part"], 1 << 40);
    check_states(&set, &[("a", "unloaded"), ("b", "unloaded")]);
    let loaded = engine(&set, "b");
    assert_eq!(loaded.model().name, "b");
    check_states(&set, &[("a", "unloaded"), ("b", "ready")]);
    assert!(Arc::ptr_eq(&loaded, &engine(&set, "b")));
}

#[test]
fn sentence_models_are_not_listed() {
    let (directory, set) = set(&["a.gguf"], 1 << 40);
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../embedding/fixtures/tiny-bert");
    let to = directory.path().join("bert");
    fs::create_dir(&to).expect("can be made");
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        fs::copy(folder.join(name), to.join(name)).expect("can be copied");
    }
    check_states(&set, &[("a", "unloaded")]);
}

#[test]
fn a_name_that_is_unknown_is_told_with_those_that_are_known() {
    let (_directory, set) = set(&["a.gguf"], 1 << 40);
    let error = set.engine(Some("z")).err();
    let unknown = EngineError::UnknownModel {
        name: "z".to_owned(),
        known: vec!["a".to_owned()],
    };
    assert_eq!(error, Some(unknown));
    assert_eq!(set.engine(None).err(), Some(EngineError::NoModel));
}

#[test]
fn the_default_model_is_first_and_not_listed_twice() {
    let (directory, set) = set(&["a.gguf", "b.gguf"], 1 << 40);
    let metrics = Metrics::register(&mut Registry::default());
    let path = directory.path().join("b.gguf");
    let options = EngineOptions {
        name: Some("house".to_owned()),
        ..EngineOptions::default()
    };
    let house = LocalEngine::load(&path, &options, &metrics).expect("is usable");
    set.set_default(Arc::new(house), path);
    check_states(&set, &[("house", "ready"), ("a", "unloaded")]);
    assert_eq!(set.engine(None).expect("is there").model().name, "house");
    assert_eq!(engine(&set, "house").model().name, "house");
    assert!(set.drain(Duration::from_mins(10)));
}

/// Bytes of the tiny model with all its keys and values.
fn bytes_of_one() -> u64 {
    let (_directory, set) = set(&["a.gguf"], 1 << 40);
    drop(engine(&set, "a"));
    set.lock().bytes()
}

#[test]
fn the_least_recently_used_gives_way_to_another() {
    let plan = model::plan(&tiny(), &EngineOptions::default()).expect("is usable");
    // Two, and not quite what a third may take.
    let wanted = plan.fixed_bytes() + 16 * MIB;
    let budget = 2 * bytes_of_one() + wanted - 1;
    let (_directory, set) = set(&["a.gguf", "b.gguf", "c.gguf"], budget);
    drop(engine(&set, "a"));
    drop(engine(&set, "b"));
    drop(engine(&set, "a"));
    drop(engine(&set, "c"));
    assert!(set.lock().bytes() <= budget);
    check_states(&set, &[("a", "ready"), ("b", "unloaded"), ("c", "ready")]);
}

#[test]
fn a_model_that_is_used_is_not_unloaded() {
    let budget = bytes_of_one() + 16 * 1024;
    let (_directory, set) = set(&["a.gguf", "b.gguf"], budget);
    let used = engine(&set, "a");
    let refused = set
        .engine(Some("b"))
        .err()
        .expect("has no room")
        .to_string();
    assert!(refused.contains("`b` cannot be loaded"), "{refused}");
    let request = GenerateRequest {
        prompt: Prompt::text("the"),
        sampling: SamplingParams::greedy(3),
        ..GenerateRequest::default()
    };
    assert!(used.submit(request).is_ok());
    drop(used);
}

#[test]
fn a_broken_file_says_why_and_is_tried_again() {
    let (directory, set) = set(&["a.gguf"], 1 << 40);
    let broken = directory.path().join("x.gguf");
    fs::write(&broken, b"not a model").expect("can be written");
    let error = set.engine(Some("x")).err().expect("is broken").to_string();
    assert!(error.contains("does not start with `GGUF`"), "{error}");
    check_states(&set, &[("a", "unloaded"), ("x", "failed")]);
    copy(directory.path(), "x.gguf");
    assert_eq!(engine(&set, "x").model().name, "x");
}

#[test]
fn those_who_ask_at_once_share_one_load() {
    let (_directory, set) = set(&["a.gguf"], 1 << 40);
    std::thread::scope(|scope| {
        let asked: Vec<_> = (0..4).map(|_| scope.spawn(|| engine(&set, "a"))).collect();
        let engines: Vec<_> = asked
            .into_iter()
            .map(|thread| thread.join().expect("ends"))
            .collect();
        assert!(engines.iter().all(|other| Arc::ptr_eq(other, &engines[0])));
    });
}
