//! What is not done is refused by name, before anything runs wrongly.

use inference_kernels::Dtype;
use inference_nn::{DecoderOptions, Gguf, MemoryPlan, ModelSource, Safetensors, load};
use serde_json::{Value, json};

#[path = "support/tiny.rs"]
mod tiny;

use tiny::Tiny;
use tiny::writer::{GgufWriter, checkpoint};

#[track_caller]
fn check(what: &str, source: &ModelSource, expected: &str) {
    let error = load(source, DecoderOptions::default()).expect_err(what);
    assert!(error.to_string().contains(expected), "{what}: {error}");
}

/// The model `name` with other settings.
fn with(name: &str, settings: &Value) -> ModelSource {
    let tiny = Tiny::open(name);
    let mut config: Value = serde_json::from_slice(&tiny.config("config.json")).expect("is JSON");
    for (key, value) in settings.as_object().expect("is an object") {
        config[key] = value.clone();
    }
    let files = Safetensors::from_bytes(
        config.to_string().as_bytes(),
        checkpoint(&tiny.tensors(Dtype::F16)),
    );
    ModelSource::Safetensors(files.expect("is sound"))
}

#[test]
fn an_unknown_architecture_is_refused_with_the_list_of_known_ones() {
    let source = with("llama2", &json!({"model_type": "falcon"}));
    check(
        "falcon",
        &source,
        "the architecture `falcon` is not supported; supported are llama, mistral, qwen2, qwen3, qwen3_moe, phi3, \
         gemma2, gemma3_text, granite, smollm3, olmo2, gpt_oss",
    );
    let metadata = json!({"general.architecture": {"type": "STRING", "value": "bert"}});
    let metadata = metadata.as_object().expect("is an object");
    let writer = GgufWriter::new(metadata, vec!["a".to_owned()]);
    let gguf = ModelSource::Gguf(Gguf::from_bytes(writer.finish()).expect("is sound"));
    check(
        "bert",
        &gguf,
        "the architecture `bert` is not supported; supported are llama, ",
    );
    check("bert", &gguf, "carried in as a folder with config.json");
}

#[test]
fn settings_that_would_change_the_model_are_refused_by_name() {
    for (name, settings, expected) in [
        (
            "llama2",
            json!({"attention_chunk_size": 8192}),
            "sets `attention_chunk_size`",
        ),
        ("llama2", json!({"num_experts": 4}), "sets `num_experts`"),
        (
            "llama2",
            json!({"sliding_window": 8}),
            "sets `sliding_window`",
        ),
        (
            "llama2",
            json!({"quantization_config": {"quant_method": "gptq"}}),
            "sets `quantization_config`",
        ),
        (
            "gpt-oss",
            json!({"quantization_config": {"quant_method": "awq"}}),
            "sets `quantization_config`",
        ),
        (
            "qwen2",
            json!({"dual_chunk_attention_config": {"chunk_size": 1}}),
            "sets `dual_chunk_attention_config`",
        ),
        (
            "qwen2",
            json!({"rope_parameters": {"rope_type": "default", "mrope_section": [1, 2]}}),
            "sets `rope_parameters.mrope_section`",
        ),
        (
            "qwen2",
            json!({"layer_types": vec!["linear_attention"; 5]}),
            "`layer_types` must be",
        ),
        (
            "gemma3",
            json!({"use_bidirectional_attention": true}),
            "sets `use_bidirectional_attention`",
        ),
        (
            "gpt-oss",
            json!({"swiglu_alpha": 2.0}),
            "sets `swiglu_alpha`",
        ),
        (
            "llama2",
            json!({"rope_parameters": {"rope_type": "dynamic", "factor": 2.0}}),
            "rope scaling of type `dynamic` is not supported",
        ),
        (
            "llama2",
            json!({"hidden_act": "relu"}),
            "the activation `relu` is not supported",
        ),
    ] {
        check(name, &with(name, &settings), expected);
    }
}

#[test]
fn settings_that_do_not_fit_the_tensors_are_refused() {
    for (settings, expected) in [
        (
            json!({"hidden_size": 64}),
            "the tensor `model.embed_tokens.weight` has shape [331, 96], its metadata says [331, 64]",
        ),
        (
            json!({"num_attention_heads": 5}),
            "5 query heads cannot share 6 key and value heads evenly",
        ),
        (
            json!({"head_dim": 31}),
            "heads of 31 values cannot be turned in pairs",
        ),
        (
            json!({"num_hidden_layers": 4}),
            "the tensor `model.layers.4.input_layernorm.weight` belongs to no layer",
        ),
        (
            json!({"num_hidden_layers": 6}),
            "the tensor `model.layers.5.input_layernorm.weight` is missing",
        ),
        (
            json!({"num_hidden_layers": 1_000_000}),
            "`num_hidden_layers` must be from 1 to 1024",
        ),
        (
            json!({"vocab_size": null}),
            "the metadata key `vocab_size` is missing",
        ),
        (
            json!({"rms_norm_eps": "small"}),
            "`rms_norm_eps` must be a finite number",
        ),
        (
            json!({"rope_parameters": {"rope_type": "linear", "factor": -1.0}}),
            "the rotary positions do not fit",
        ),
        (
            json!({"partial_rotary_factor": 2.0, "rope_parameters": null}),
            "the rotary positions do not fit",
        ),
    ] {
        check(&settings.to_string(), &with("llama2", &settings), expected);
    }
}

#[test]
fn tensors_that_no_layer_takes_are_refused() {
    let tiny = Tiny::open("llama2");
    let mut tensors = tiny.tensors(Dtype::F16);
    let norm = tensors
        .iter()
        .position(|tensor| tensor.name.contains("layers.0.input_layernorm"));
    let mut extra = tiny.tensors(Dtype::F16).swap_remove(norm.expect("has one"));
    extra.name = "model.layers.0.self_attn.q_norm.weight".to_owned();
    tensors.push(extra);
    let files = Safetensors::from_bytes(&tiny.config("config.json"), checkpoint(&tensors));
    check(
        "a norm too many",
        &ModelSource::Safetensors(files.expect("is sound")),
        "the tensor `model.layers.0.self_attn.q_norm.weight` belongs to no layer",
    );
}

#[test]
fn keys_of_gguf_that_nobody_understands_are_refused() {
    let metadata = |extra: Value| {
        let mut metadata = json!({
            "general.architecture": {"type": "STRING", "value": "llama"},
            "llama.context_length": {"type": "UINT32", "value": 64},
            "llama.embedding_length": {"type": "UINT32", "value": 32},
            "llama.block_count": {"type": "UINT32", "value": 1},
            "llama.feed_forward_length": {"type": "UINT32", "value": 32},
            "llama.attention.head_count": {"type": "UINT32", "value": 2},
            "llama.attention.layer_norm_rms_epsilon": {"type": "FLOAT32", "value": 1e-5},
        });
        let all = metadata.as_object_mut().expect("is an object");
        all.extend(extra.as_object().expect("is an object").clone());
        let writer = GgufWriter::new(all, vec!["a".to_owned()]);
        ModelSource::Gguf(Gguf::from_bytes(writer.finish()).expect("is sound"))
    };
    for (key, expected) in [
        ("llama.expert_count", "the model sets `llama.expert_count`"),
        (
            "llama.attention.temperature_length",
            "the model sets `llama.attention.temperature_length`",
        ),
        (
            "llama.attention.value_length",
            "must be equal to attention.key_length",
        ),
    ] {
        let source = metadata(json!({key: {"type": "UINT32", "value": 8}}));
        check(key, &source, expected);
    }
    let source =
        metadata(json!({"llama.rope.scaling.type": {"type": "STRING", "value": "dynamic"}}));
    check(
        "dynamic",
        &source,
        "rope scaling of type `dynamic` is not supported",
    );
    // What says nothing changes nothing; then only the tensors are missing.
    let source = metadata(json!({"llama.expert_count": {"type": "UINT32", "value": 0}}));
    check(
        "no experts",
        &source,
        "the tensor `token_embd.weight` is missing",
    );
}

#[test]
fn a_plan_counts_what_a_model_takes() {
    let source = with("llama2", &json!({}));
    let plan = MemoryPlan::new(&source, DecoderOptions::default()).expect("is supported");
    // Keys and values of five layers, six heads of 32 values in 32 bits.
    assert_eq!(
        (plan.kv_bytes_per_token, plan.context_length),
        (2 * 5 * 6 * 32 * 4, 64)
    );
    assert_eq!(plan.mapped_bytes, 2 * source.parameters());
    let error = plan
        .fit(plan.fixed_bytes() + plan.kv_bytes(33) - 1)
        .expect_err("is too small");
    assert!(
        error
            .to_string()
            .ends_with("use a window of at most 32 tokens"),
        "{error}"
    );
}
