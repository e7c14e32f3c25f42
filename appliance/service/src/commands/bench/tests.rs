//! The command on a tiny model: every figure is there.

use std::path::PathBuf;

use super::*;

fn options(format: TableFormat) -> BenchOptions {
    let fixtures = "../../inference/nn/tests/fixtures/q8-tied.gguf";
    BenchOptions {
        model: PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(fixtures),
        prefill: 20,
        decode: 5,
        threads: Some(2),
        runs: 1,
        format,
    }
}

#[test]
fn both_forms_have_every_figure() {
    let report = measure::measure(&options(TableFormat::Json), 2).expect("can be measured");
    let json = render(&report, TableFormat::Json).expect("is JSON");
    let json: serde_json::Value = serde_json::from_str(&json).expect("is JSON");
    for figure in [
        "/limits/memory_bytes_per_second",
        "/limits/int8_operations_per_second",
        "/prefill/tokens_per_second",
        "/decode/tokens_per_second",
        "/decode/share_of_limit",
        "/batches/0/tokens_per_second",
    ] {
        let value = json.pointer(figure).and_then(serde_json::Value::as_f64);
        assert!(value.is_some_and(|value| value > 0.0), "{figure}: {json}");
    }
    let text = render(&report, TableFormat::Text).expect("is text");
    for line in [
        "machine",
        "limits",
        "model",
        "prefill",
        "decode",
        " 4 streams",
    ] {
        assert!(
            text.lines().any(|found| found.starts_with(line)),
            "{line}: {text}"
        );
    }
}

#[test]
fn a_prompt_that_passes_the_window_is_refused() {
    let mut options = options(TableFormat::Text);
    options.prefill = 300;
    let error = measure::measure(&options, 2).expect_err("does not fit");
    assert_eq!(
        error.to_string(),
        "305 tokens pass the window of 256; ask for fewer with --prefill and --decode"
    );
}
