//! Templates for model files that carry none, by the marks their vocabulary has.
//!
//! They lay out instructions, questions and answers; tools are told in words.
//!
//! # Source
//! The layouts the makers of the models publish.

use crate::tokenizer::Tokenizer;

/// Used where nothing tells more.
pub(super) const CHATML: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}\
    {% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

const LLAMA2: &str = "{% if messages[0]['role'] == 'system' %}{% set system = '<<SYS>>\\n' + messages[0]['content'] + '\\n<</SYS>>\\n\\n' %}{% set rest = messages[1:] %}\
    {% else %}{% set system = '' %}{% set rest = messages %}{% endif %}\
    {% for message in rest %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('questions and answers must alternate') }}{% endif %}\
    {% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + (system if loop.first else '') + message['content'].strip() + ' [/INST]' }}\
    {% else %}{{ ' ' + message['content'].strip() + ' ' + eos_token }}{% endif %}{% endfor %}";

const MISTRAL: &str = "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] + '\\n\\n' %}{% set rest = messages[1:] %}\
    {% else %}{% set system = '' %}{% set rest = messages %}{% endif %}\
    {% for message in rest %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('questions and answers must alternate') }}{% endif %}\
    {% if message['role'] == 'user' %}{{ '[INST]' + (system if loop.first else '') + message['content'] + '[/INST]' }}\
    {% else %}{{ message['content'] + eos_token }}{% endif %}{% endfor %}";

const MISTRAL_SYSTEM: &str = "{{ bos_token }}{% for message in messages %}\
    {% if message['role'] == 'system' %}{{ '[SYSTEM_PROMPT]' + message['content'] + '[/SYSTEM_PROMPT]' }}\
    {% elif message['role'] == 'user' %}{{ '[INST]' + message['content'] + '[/INST]' }}\
    {% else %}{{ message['content'] + eos_token }}{% endif %}{% endfor %}";

const LLAMA3: &str = "{{ bos_token }}{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'].strip() + '<|eot_id|>' }}\
    {% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}";

const GEMMA: &str = "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}{{ raise_exception('there is no system role') }}{% endif %}\
    {% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('questions and answers must alternate') }}{% endif %}\
    {{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else 'user') + '\\n' + message['content'].strip() + '<end_of_turn>\\n' }}\
    {% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}";

const PHI3: &str = "{% for message in messages %}{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}\
    {% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}";

const ZEPHYR: &str = "{% for message in messages %}{{ '<|' + message['role'] + '|>\\n' + message['content'] + eos_token + '\\n' }}\
    {% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}";

const GRANITE: &str = "{% for message in messages %}{{ '<|start_of_role|>' + message['role'] + '<|end_of_role|>' + message['content'] + '<|end_of_text|>\\n' }}\
    {% endfor %}{% if add_generation_prompt %}{{ '<|start_of_role|>assistant<|end_of_role|>' }}{% endif %}";

const HARMONY: &str = "{% for message in messages %}{% if message['role'] == 'assistant' %}{{ '<|start|>assistant<|channel|>final<|message|>' + message['content'] + '<|end|>' }}\
    {% else %}{{ '<|start|>' + ('developer' if message['role'] == 'system' else 'user') + '<|message|>' + message['content'] + '<|end|>' }}{% endif %}\
    {% endfor %}{% if add_generation_prompt %}{{ '<|start|>assistant' }}{% endif %}";

/// Marks of a family that are tokens of its own, and its template; the first whose marks are all there is taken.
const FAMILIES: [(&[&str], &str); 9] = [
    (&["<|im_start|>", "<|im_end|>"], CHATML),
    (&["<|start_header_id|>", "<|eot_id|>"], LLAMA3),
    (&["<start_of_turn>", "<end_of_turn>"], GEMMA),
    (&["<|start_of_role|>", "<|end_of_role|>"], GRANITE),
    (&["<|start|>", "<|channel|>", "<|message|>"], HARMONY),
    (
        &["[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"],
        MISTRAL_SYSTEM,
    ),
    (&["[INST]", "[/INST]"], MISTRAL),
    (&["<|user|>", "<|assistant|>", "<|end|>"], PHI3),
    (&["<|user|>", "<|assistant|>"], ZEPHYR),
];

/// The template for a model of `architecture` with this vocabulary.
pub(super) fn source(architecture: &str, tokenizer: &Tokenizer) -> &'static str {
    let all = |marks: &[&str]| marks.iter().all(|mark| tokenizer.special(mark).is_some());
    let by_marks = FAMILIES.iter().find(|(marks, _)| all(marks));
    // The first Llamas and Mistrals spell their marks in plain letters.
    let plain = matches!(architecture, "llama" | "mistral")
        && tokenizer.bos_spelling() == "<s>"
        && tokenizer.vocab_size() >= 32_000;
    match by_marks {
        Some((_, source)) => source,
        None if plain => LLAMA2,
        None => CHATML,
    }
}
