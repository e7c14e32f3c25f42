//! The command on a tiny model: every figure is there.

use std::path::PathBuf;

use serde_json::Value;

use super::*;

/// Enough bytes to be read at all; the figure means nothing.
const BYTES: usize = 4 << 20;

fn options() -> BenchOptions {
    let fixtures = "../../inference/nn/tests/fixtures/q8-tied.gguf";
    BenchOptions {
        model: Some(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(fixtures)),
        prefill: vec![20, 4096],
        decode: 5,
        context: vec![10, 8192],
        streams: vec![4],
        work: false,
        storm: 2,
        threads: Some(2),
        runs: 1,
        format: TableFormat::Json,
    }
}

fn json(report: &Report) -> Value {
    let text = render(report, TableFormat::Json).expect("is JSON");
    serde_json::from_str(&text).expect("is JSON")
}

#[track_caller]
fn check(json: &Value, figures: &[&str]) {
    for figure in figures {
        let value = json.pointer(figure).and_then(Value::as_f64);
        assert!(value.is_some_and(|value| value > 0.0), "{figure}: {json}");
    }
}

#[track_caller]
fn check_lines(report: &Report, starts: &[&str]) {
    let text = render(report, TableFormat::Text).expect("is text");
    for start in starts {
        let found = text.lines().any(|line| line.starts_with(start));
        assert!(found, "{start}: {text}");
    }
}

#[test]
fn both_forms_have_every_figure() {
    let report = bench(&options(), BYTES).expect("can be measured");
    check(
        &json(&report),
        &[
            "/machine/memory_bytes_per_second",
            "/machine/int8_operations_per_second",
            "/machine/classes/0/analysis_seconds",
            "/model/first_token_seconds",
            "/model/read_bytes_per_second",
            "/model/prefill/0/tokens_per_second",
            "/model/decode/0/tokens_per_second",
            "/model/decode/0/share_of_limit",
            "/model/batches/0/tokens_per_second",
        ],
    );
    check_lines(
        &report,
        &[
            "machine",
            "limits",
            "model",
            "reading",
            "prefill",
            "decode",
            " 4 streams",
            "logits    equal",
        ],
    );
}

#[test]
fn lengths_that_pass_the_window_are_left_out() {
    let json = json(&bench(&options(), BYTES).expect("can be measured"));
    for phase in ["/model/prefill", "/model/decode"] {
        let phases = json.pointer(phase).and_then(Value::as_array);
        assert_eq!(phases.map(Vec::len), Some(1), "{json}");
    }
}

#[test]
fn without_a_model_the_machine_is_told_and_what_to_expect() {
    let options = BenchOptions {
        model: None,
        ..options()
    };
    let report = bench(&options, BYTES).expect("can be measured");
    assert!(report.model.is_none() && report.work.is_none());
    check_lines(&report, &["machine", "limits", "0.5B", "14B"]);
}

#[test]
fn lengths_that_all_pass_the_window_are_refused() {
    let options = BenchOptions {
        prefill: vec![300],
        ..options()
    };
    let error = bench(&options, BYTES).expect_err("does not fit");
    assert_eq!(
        error.to_string(),
        "all that is asked passes the window of 256 tokens; ask for fewer with --prefill, --context and --decode"
    );
}

#[test]
fn the_own_work_is_done_in_every_way_with_the_same_answers() {
    let folder = tempfile::tempdir().expect("is made");
    let file = crate::model::file(&crate::config::Model::default(), folder.path());
    let report = work::measure(&file.expect("is laid out").path, 2, 2).expect("is done");
    let [all, no_cache, no_guesses, no_forced, apart] = &report.ways[..] else {
        panic!("five ways: {report:?}");
    };
    assert!(all.storm.prompt_tokens > 100 && all.storm.completion_tokens > 10);
    assert!(
        all.storm.cached_tokens > 0,
        "the first incident comes again: {all:?}"
    );
    assert_eq!(no_cache.storm.cached_tokens, 0);
    assert_eq!(no_guesses.storm.drafted_tokens, 0);
    assert!(all.storm.forced_tokens > 0);
    assert_eq!(no_forced.storm.forced_tokens, 0);
    for way in [all, no_cache, no_guesses, apart] {
        assert_eq!(way.same_answers, 2, "{way:?}");
    }
}
