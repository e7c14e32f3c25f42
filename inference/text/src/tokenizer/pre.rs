//! How text is split before byte-level BPE, by the name in `tokenizer.ggml.pre`.
//!
//! A wrong split gives tokens the model never saw, without any error; names
//! that are not known are therefore refused.
//!
//! # Source
//! The tokenizers published with the models; `llm_tokenizer_bpe` of llama.cpp lists the same expressions by name.

/// How text is split.
#[derive(Clone, Copy)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each names a step of its own"
)]
pub(super) struct Profile {
    /// Applied one after another; each match becomes a piece of its own.
    pub(super) expressions: &'static [&'static str],
    /// Whether a piece that is a token is taken whole.
    pub(super) ignore_merges: bool,
    /// Whether text is composed (NFC) first.
    pub(super) compose: bool,
    /// Whether tokens spell text as it is, spaces as U+2581, rather than byte by byte.
    pub(super) plain: bool,
    /// Whether a prompt begins with `bos` where the file does not say.
    pub(super) add_bos: bool,
}

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN35: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
pub(super) const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const GPT4O: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const BAILING: &str = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+";
const SEED: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+";
const MINICPM5: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const BLOOM: &str = r" ?[^(\s|.,!?…。，、।۔،)]+";
const DEEPSEEK3: &str = r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##;
#[allow(
    clippy::unicode_not_nfc,
    reason = "the published expression names these letters one by one"
)]
const DEEPSEEK_LETTERS: &str = r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+";
const DEEPSEEK_SIGNS: &str = r"\s?[!-/:-~！-／：-～‘-‟　-。]+";
const CJK: &str = "[一-龥ࠀ-一가-퟿]+";
const CJK_KANA: &str = "[一-龥\u{3040}-ゟ゠-ヿ]+";
const LINES: &str = r"[^\n]+|[\n]+";

const PLAIN: Profile = Profile {
    expressions: &[GPT2],
    ignore_merges: false,
    compose: false,
    plain: false,
    add_bos: false,
};

const fn split(expressions: &'static [&'static str]) -> Profile {
    Profile {
        expressions,
        ..PLAIN
    }
}

const fn whole(expressions: &'static [&'static str]) -> Profile {
    Profile {
        expressions,
        ignore_merges: true,
        ..PLAIN
    }
}

/// Names that are known, and how they split.
const PROFILES: [(&[&str], Profile); 25] = [
    (
        &[
            "llama-bpe",
            "llama3",
            "llama-v3",
            "falcon3",
            "falcon-h1",
            "pixtral",
            "midm-2.0",
            "lfm2",
        ],
        Profile {
            add_bos: true,
            ..whole(&[LLAMA3])
        },
    ),
    (&["dbrx", "smaug-bpe", "chatglm-bpe"], split(&[LLAMA3])),
    (&["glm4", "glm5"], whole(&[LLAMA3])),
    (
        &["qwen2"],
        Profile {
            compose: true,
            ..split(&[QWEN2])
        },
    ),
    (
        &[
            "deepseek-r1-qwen",
            "megrez",
            "stablelm2",
            "hunyuan",
            "solar-open",
            "grok-2",
            "kormo",
        ],
        split(&[QWEN2]),
    ),
    (&["qwen35"], split(&[QWEN35])),
    (
        &["tekken"],
        Profile {
            add_bos: true,
            ..whole(&[TEKKEN])
        },
    ),
    (
        &["gpt-4o", "llama4", "kanana2", "minimax-m2"],
        split(&[GPT4O]),
    ),
    (
        &[
            "gpt-2",
            "phi-2",
            "mpt",
            "olmo",
            "jais",
            "trillion",
            "granite-docling",
            "gigachat",
            "a.x-4.0",
            "mellum",
            "exaone4",
        ],
        split(&[GPT2]),
    ),
    (
        &[
            "smollm",
            "starcoder",
            "refact",
            "command-r",
            "codeshell",
            "exaone",
            "minerva-7b",
            "mellum2",
        ],
        split(&[r"\p{N}", GPT2]),
    ),
    (
        &["falcon"],
        split(&[r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]"]),
    ),
    (
        &["default"],
        split(&[r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"]),
    ),
    (
        &["deepseek-llm"],
        split(&[
            r"[\r\n]",
            DEEPSEEK_LETTERS,
            DEEPSEEK_SIGNS,
            r"\s+$",
            CJK,
            r"\p{N}+",
        ]),
    ),
    (
        &["deepseek-coder"],
        split(&[r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", CJK, r"\p{N}"]),
    ),
    (
        &["deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"],
        split(&[r"\p{N}{1,3}", CJK_KANA, DEEPSEEK3]),
    ),
    (&["poro-chat", "bloom", "gpt3-finnish"], split(&[BLOOM])),
    (&["viking"], split(&[BLOOM, r"\p{N}"])),
    (
        &["bailingmoe", "bailingmoe2", "llada-moe"],
        split(&[BAILING]),
    ),
    (&["seed-coder"], split(&[SEED])),
    (&["minicpm5"], whole(&[r"\p{N}{1,3}", MINICPM5])),
    (&["laguna"], split(&[LINES, QWEN2])),
    (
        &["gemma4"],
        Profile {
            plain: true,
            add_bos: true,
            ..split(&[LINES])
        },
    ),
    (
        &["sarvam-moe"],
        Profile {
            plain: true,
            ..split(&[LINES])
        },
    ),
    (
        &["tiny_aya", "cohere2moe"],
        split(&[r"\d{1,3}(?=(?:\d{3})*\b)", GPT4O]),
    ),
    (
        &["ufakzeka"],
        split(&[
            r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        ]),
    ),
];

/// The profile called `name`.
pub(super) fn profile(name: &str) -> Option<Profile> {
    let found = PROFILES.iter().find(|(names, _)| names.contains(&name));
    found.map(|(_, profile)| *profile)
}

/// Every name that is known.
pub(crate) fn names() -> String {
    let names: Vec<&str> = PROFILES
        .iter()
        .flat_map(|(names, _)| *names)
        .copied()
        .collect();
    names.join(", ")
}
