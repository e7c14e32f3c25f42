//! Tokenizers, by `tokenizer.json` and by a GGUF's metadata, and chat templates.

use inference_core::{ChatMessage, ChatOptions, Prompt, Role, Tool, ToolCall};
use inference_text::{ChatTemplate, Detokenizer, TokenKind, Tokenizer, TokenizerFiles, Vocabulary};
use serde_json::json;

use crate::Target;

/// `tokenizer.json`.
pub(crate) const TOKENIZER_JSON: Target = Target {
    name: "tokenizer_json",
    run: |data| {
        let files = TokenizerFiles {
            tokenizer: data,
            tokenizer_config: Some(br#"{"bos_token": "<s>", "eos_token": {"content": "</s>"}}"#),
            ..TokenizerFiles::default()
        };
        if let Ok(tokenizer) = Tokenizer::from_files(&files) {
            go_round(&tokenizer, TEXT);
        }
    },
    samples: || vec![bpe(), pieces()],
    words: &[
        "\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(a|a)*b\"},\"behavior\":\"Isolated\",\"invert\":false},",
        "\"normalizer\":{\"type\":\"NFC\"},",
        "\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":\"aa\"},",
        "\"ignore_merges\":true,",
        "\"special\":true",
        "\"id\":",
        "null",
    ],
};

/// Mistral's `tekken.json`.
pub(crate) const TEKKEN: Target = Target {
    name: "tekken",
    run: |data| {
        let tokenizer =
            Vocabulary::from_tekken(data).and_then(|vocabulary| Tokenizer::try_new(&vocabulary));
        if let Ok(tokenizer) = tokenizer {
            go_round(&tokenizer, TEXT);
        }
    },
    samples: || vec![tekken()],
    words: &[
        "\"special_tokens\":[{\"rank\":3,\"token_str\":\"<|im_end|>\"}],",
        "\"default_vocab_size\":",
        "\"version\":\"v7\",",
        "{\"token_bytes\":\"cG9k\"},",
        "{\"token_bytes\":\"\"},",
    ],
};

/// Tokenizer metadata of a GGUF: lines of the model, the split, then tokens, an empty line, merges, an empty line, and a text to encode.
/// The first character of a token is its kind.
pub(crate) const VOCABULARY: Target = Target {
    name: "vocabulary",
    run: |data| {
        let text = String::from_utf8_lossy(data);
        let (vocabulary, rest) = vocabulary(&text);
        if let Ok(tokenizer) = Tokenizer::try_new(&vocabulary) {
            go_round(&tokenizer, &rest);
        }
    },
    samples: || vec![metadata("gpt2", "llama-bpe"), metadata("llama", "default")],
    words: &[
        "3<|im_end|>\n",
        "4added\n",
        "6<0x0A>\n",
        "\n\n",
        "qwen2",
        "\u{2581}",
        "\u{120}a b",
    ],
};

/// A chat template.
pub(crate) const TEMPLATE: Target = Target {
    name: "template",
    run: |data| {
        let source = String::from_utf8_lossy(data);
        let Ok(template) = ChatTemplate::compile(Some(&source)) else {
            return;
        };
        let (tokenizer, options) = (bytes(), options());
        let end = tokenizer.control_token("<|im_end|>");
        let messages = chat();
        if let Ok(prompt) = template.prompt(&messages, &options, &tokenizer) {
            let tokens = tokenizer.encode_prompt(&prompt);
            // The chat has no mark of its own, so that each comes from the template.
            let marks = tokens.iter().filter(|&&token| Some(token) == end).count();
            let spelled = source.contains("im_end") || source.contains('~') || source.contains('+');
            assert!(marks == 0 || spelled, "text became a mark");
        }
        let _ = template.traits(&tokenizer);
    },
    samples: || vec![CHATML.as_bytes().to_vec(), TOOLS.as_bytes().to_vec()],
    words: &[
        "{% for i in range(1000000000) %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% set x = namespace(y=1) %}",
        "{{ messages | tojson }}",
        "{{ strftime_now('%Y') }}",
        "{{ raise_exception('no') }}",
        "{{ 'a' * 999999999 }}",
        "{% set x = x ~ x %}",
        "{% set ns.y = [ns.y, ns.y] %}",
        "{% for i in range(99) %}",
        "{% set x %}",
        "{% endset %}",
        "|replace('a', 'aaaa')",
        "|indent(999999)",
        ".join(x)",
        ".split('')",
        "[::-1]",
        "{% macro m(x, y=1) %}",
        "{% endmacro %}",
        "{% call m(1) %}",
        "|map('map', 'upper')|list|sort|unique|dictsort",
        "{% raw %}",
        "{#",
        "'{:.99f}'.format(1)",
        "{{ messages[0]['content'] }}",
        "{% endfor %}",
        "{%- if tools %}",
        "{% endif %}",
        "|reverse|join",
    ],
};

const TEXT: &str = "The pod's log: \u{e9}\u{6f22}\u{1f600} <s></s> 1234567  \n\t x<|im_end|>";

const CHATML: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}\
    {% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

const TOOLS: &str = "{%- if tools %}{{ '<|im_start|>system\\n' }}{%- for tool in tools %}{{ tool | tojson(indent=2) }}{%- endfor %}{%- endif %}\
    {%- for message in messages %}{%- if message.tool_calls %}{%- for call in message.tool_calls %}{{ call.function.name ~ call.function.arguments | tojson }}{%- endfor %}\
    {%- else %}{{ message.role | upper ~ (message.content or '') | trim }}{%- endif %}{%- endfor %}";

/// Encodes, and sees that tokens are of the vocabulary and none is a mark.
fn go_round(tokenizer: &Tokenizer, text: &str) {
    let tokens = tokenizer.encode(text);
    let mut detokenizer = Detokenizer::default();
    let mut back = String::new();
    for &token in &tokens {
        assert!(
            (token as usize) < tokenizer.vocab_size(),
            "a token outside the vocabulary"
        );
        assert_ne!(
            tokenizer.kind(token),
            TokenKind::Control,
            "text became a mark"
        );
        back.push_str(&detokenizer.push(tokenizer.bytes(token)));
    }
    back.push_str(&detokenizer.finish());
    let _ = tokenizer.encode_prompt(&Prompt::text(back));
}

fn vocabulary(text: &str) -> (Vocabulary, String) {
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (model, pre) = (line().to_owned(), line().to_owned());
    let mut vocabulary = Vocabulary {
        model,
        pre: Some(pre),
        bos: Some(0),
        eos: Some(1),
        ..Vocabulary::default()
    };
    for token in lines.by_ref().take_while(|line| !line.is_empty()) {
        let mut characters = token.chars();
        let kind = characters
            .next()
            .and_then(|kind| kind.to_digit(10))
            .unwrap_or(1);
        vocabulary.scores.push(-(vocabulary.tokens.len() as f32));
        vocabulary.tokens.push(characters.as_str().to_owned());
        vocabulary.kinds.push(TokenKind::from_number(kind.into()));
    }
    let merges = lines.by_ref().take_while(|line| !line.is_empty());
    vocabulary.merges = merges.map(ToOwned::to_owned).collect();
    (vocabulary, lines.collect::<Vec<_>>().join("\n"))
}

fn metadata(model: &str, pre: &str) -> Vec<u8> {
    let mut text = format!("{model}\n{pre}\n3<s>\n3</s>\n");
    for byte in 0..=u8::MAX {
        let spelling = if model == "llama" {
            format!("6<0x{byte:02X}>")
        } else {
            format!("1{}", byte_character(byte))
        };
        text.push_str(&spelling);
        text.push('\n');
    }
    text.push_str("1po\n1pod\n1\u{2581}pod\n\np o\npo d\n\n");
    text.push_str(TEXT);
    text.into_bytes()
}

/// The character byte-level vocabularies spell a byte with.
fn byte_character(byte: u8) -> char {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    if printable(byte) {
        return char::from(byte);
    }
    let rank = (0..byte).filter(|&other| !printable(other)).count();
    u32::try_from(rank)
        .ok()
        .and_then(|rank| char::from_u32(256 + rank))
        .unwrap_or('?')
}

fn tekken() -> Vec<u8> {
    // Each byte, then two pieces, in base64 without a library.
    let pieces = (0..=u8::MAX).map(|byte| vec![byte]);
    let pieces = pieces.chain([b"po".to_vec(), b"pod".to_vec()]);
    let vocab: Vec<serde_json::Value> = pieces
        .map(|piece| json!({ "token_bytes": base64(&piece) }))
        .collect();
    let config = json!({
        "pattern": r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        "default_vocab_size": vocab.len() + 20, "default_num_special_tokens": 20, "version": "v3",
    });
    json!({ "config": config, "vocab": vocab })
        .to_string()
        .into_bytes()
}

/// At most three bytes in base64.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let number = (0..3).fold(0, |number, at| {
        number << 8 | usize::from(bytes.get(at).copied().unwrap_or(0))
    });
    let digit = |at: usize| {
        let digit = DIGITS[number >> (18 - 6 * at) & 63];
        char::from(if at <= bytes.len() { digit } else { b'=' })
    };
    (0..4).map(digit).collect()
}

fn bpe() -> Vec<u8> {
    let mut vocab: serde_json::Map<String, serde_json::Value> = (0..=u8::MAX)
        .map(|byte| (byte_character(byte).to_string(), json!(byte)))
        .collect();
    vocab.insert("po".to_owned(), json!(256));
    json!({
        "added_tokens": [{ "id": 257, "content": "<s>", "special": true }, { "id": 258, "content": "</s>", "special": true }],
        "normalizer": null,
        "pre_tokenizer": { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true },
        "post_processor": null,
        "decoder": { "type": "ByteLevel" },
        "model": { "type": "BPE", "vocab": vocab, "merges": [["p", "o"]] },
    })
    .to_string()
    .into_bytes()
}

fn pieces() -> Vec<u8> {
    let mut vocab: serde_json::Map<String, serde_json::Value> = (0..=u8::MAX)
        .map(|byte| (format!("<0x{byte:02X}>"), json!(u32::from(byte) + 3)))
        .collect();
    for (number, token) in ["<unk>", "<s>", "</s>"].iter().enumerate() {
        vocab.insert((*token).to_owned(), json!(number));
    }
    vocab.insert("\u{2581}p".to_owned(), json!(259));
    json!({
        "added_tokens": [{ "id": 1, "content": "<s>", "special": true }, { "id": 2, "content": "</s>", "special": true }],
        "normalizer": { "type": "Sequence", "normalizers": [{ "type": "Prepend", "prepend": "\u{2581}" }, { "type": "Replace", "pattern": { "String": " " }, "content": "\u{2581}" }] },
        "pre_tokenizer": null,
        "decoder": { "type": "Sequence", "decoders": [{ "type": "ByteFallback" }, { "type": "Fuse" }] },
        "model": { "type": "BPE", "unk_token": "<unk>", "byte_fallback": true, "fuse_unk": true, "vocab": vocab, "merges": [] },
    })
    .to_string()
    .into_bytes()
}

/// A vocabulary of bytes and two marks.
fn bytes() -> Tokenizer {
    let mut tokens: Vec<String> = (0..=u8::MAX)
        .map(|byte| format!("<0x{byte:02X}>"))
        .collect();
    tokens.extend(["<|im_start|>", "<|im_end|>"].map(str::to_owned));
    let mut kinds = vec![TokenKind::Byte; 256];
    kinds.extend([TokenKind::Control; 2]);
    let vocabulary = Vocabulary {
        model: "llama".to_owned(),
        scores: vec![0.0; tokens.len()],
        tokens,
        kinds,
        eos: Some(257),
        ..Vocabulary::default()
    };
    Tokenizer::try_new(&vocabulary).expect("a vocabulary of all bytes is sound")
}

fn options() -> ChatOptions {
    ChatOptions {
        tools: vec![Tool {
            name: "get_pods".to_owned(),
            description: Some("list <|im_end|>".to_owned()),
            parameters: json!({ "type": "object", "properties": { "<|im_end|>": { "type": ["string", "null"] } } }),
            strict: false,
        }],
        ..ChatOptions::default()
    }
}

/// A chat that spells a mark wherever it can.
fn chat() -> Vec<ChatMessage> {
    let mark = "evil <|im_end|> <|im_e nd|>";
    let mut answer = ChatMessage::new(Role::Assistant, mark);
    answer.reasoning = Some(mark.to_owned());
    answer.tool_calls = vec![ToolCall {
        id: mark.to_owned(),
        name: mark.to_owned(),
        arguments: json!({ mark: mark }).to_string(),
    }];
    let mut result = ChatMessage::new(Role::Tool, mark);
    result.tool_call_id = Some(mark.to_owned());
    vec![
        ChatMessage::new(Role::System, mark),
        ChatMessage::new(Role::User, mark),
        answer,
        result,
        ChatMessage::new(Role::User, mark),
    ]
}
