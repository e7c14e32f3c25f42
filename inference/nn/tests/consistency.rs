//! What a token gives depends on its sequence alone, to the last bit.
//!
//! A seeded fuzzer lets sequences of every architecture advance in random pieces, in company of others, over shared first
//! blocks, back to earlier positions, and compares each row of logits with that of the whole sequence read at once.
//! Tolerance: none.

use inference_kernels::Dtype;
use inference_nn::{
    Activations, BLOCK_TOKENS, BlockId, Decoder, DecoderOptions, KvDtype, Logits, Segment, load,
};

#[path = "support/tiny.rs"]
mod tiny;

use tiny::Tiny;

const SEQUENCES: usize = 3;
const STEPS: usize = 30;

/// Marsaglia's xorshift; enough to choose steps.
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % most as u64).expect("fits")
    }
}

/// A sequence on its way.
struct Sequence {
    tokens: Vec<u32>,
    blocks: Vec<BlockId>,
    /// Tokens whose keys and values are there.
    read: usize,
    /// Tokens in blocks that it does not own.
    shared: usize,
    /// Bits of the logits of every position.
    expected: Vec<Vec<u32>>,
}

fn bits(row: &[f32]) -> Vec<u32> {
    row.iter().map(|logit| logit.to_bits()).collect()
}

/// Logits of every position, the whole sequence read at once.
fn whole(decoder: &mut dyn Decoder, tokens: &[u32]) -> Vec<Vec<u32>> {
    let blocks: Vec<BlockId> = (0..4).map(BlockId).collect();
    let vocab = decoder.info().vocab_size;
    let segment = Segment {
        tokens,
        position: 0,
        blocks: &blocks,
        logits: Logits::All,
    };
    let logits = decoder.forward(&[segment]).expect("fits");
    logits.chunks_exact(vocab).map(bits).collect()
}

/// Sequences whose second begins with the first's first block.
fn sequences(decoder: &mut dyn Decoder, tokens: &[u32]) -> Vec<Sequence> {
    let sequence = |number: usize| {
        let mut own: Vec<u32> = tokens.iter().map(|token| (token * 7 + 13) % 331).collect();
        if number < 2 {
            own[..BLOCK_TOKENS].copy_from_slice(&tokens[..BLOCK_TOKENS]);
        }
        own.rotate_left(if number == 2 { 5 } else { 0 });
        own.truncate(40 - 3 * number);
        if number == 1 {
            own[BLOCK_TOKENS..].reverse();
        }
        let first = u32::try_from(10 * number + 20).expect("fits");
        let mut blocks: Vec<BlockId> = (first..first + 4).rev().map(BlockId).collect();
        if number == 1 {
            blocks[0] = BlockId(23);
        }
        Sequence {
            expected: whole(decoder, &own),
            tokens: own,
            blocks,
            read: 0,
            shared: if number == 1 { BLOCK_TOKENS } else { 0 },
        }
    };
    (0..SEQUENCES).map(sequence).collect()
}

/// Advances some of the sequences by random pieces and compares what they give.
fn step(name: &str, decoder: &mut dyn Decoder, sequences: &mut [Sequence], random: &mut Random) {
    let shared_is_there = sequences[0].read >= BLOCK_TOKENS;
    let mut planned = Vec::new();
    for (number, sequence) in sequences.iter_mut().enumerate() {
        if number == 1 && sequence.read == 0 {
            if !shared_is_there {
                continue;
            }
            sequence.read = sequence.shared;
        }
        // Back to an earlier position, but not into blocks that others read.
        let kept = if number == 0 {
            BLOCK_TOKENS
        } else {
            sequence.shared
        };
        if sequence.read > kept && random.below(4) == 0 {
            sequence.read = kept + random.below(sequence.read - kept);
        }
        let left = sequence.tokens.len() - sequence.read;
        if left > 0 && random.below(3) > 0 {
            let most = if random.below(3) == 0 {
                left
            } else {
                left.min(4)
            };
            planned.push((number, 1 + random.below(most)));
        }
    }
    // Whoever comes first in a batch must not matter.
    if random.below(2) == 0 {
        planned.reverse();
    }
    let segments: Vec<Segment<'_>> = planned
        .iter()
        .map(|&(number, count)| {
            let sequence = &sequences[number];
            Segment {
                tokens: &sequence.tokens[sequence.read..][..count],
                position: sequence.read,
                blocks: &sequence.blocks,
                logits: Logits::All,
            }
        })
        .collect();
    if segments.is_empty() {
        return;
    }
    let vocab = decoder.info().vocab_size;
    let logits = decoder.forward(&segments).expect("fits");
    let mut rows = logits.chunks_exact(vocab);
    for (number, count) in planned {
        let sequence = &mut sequences[number];
        for position in sequence.read..sequence.read + count {
            let found = bits(rows.next().expect("one for each token"));
            assert!(
                found == sequence.expected[position],
                "{name}: sequence {number} at {position}, read by {count}"
            );
        }
        sequence.read += count;
    }
}

fn check(name: &str, dtype: Dtype, kv_dtype: KvDtype, activations: Activations, seed: u64) {
    let tiny = Tiny::open(name);
    let source = match dtype {
        Dtype::Q8_0 => tiny.gguf(dtype),
        _ => Some(tiny.checkpoint("config.json", dtype)),
    };
    let Some(source) = source else { return };
    let options = DecoderOptions {
        kv_dtype,
        activations,
        ..DecoderOptions::default()
    };
    let mut decoder = load(&source, options).expect("is supported");
    let mut sequences = sequences(&mut *decoder, &tiny.tokens());
    let mut random = Random(seed);
    for _ in 0..STEPS {
        step(name, &mut *decoder, &mut sequences, &mut random);
    }
}

#[test]
fn every_architecture_gives_the_same_bits_however_its_tokens_are_read() {
    for (seed, name) in (1..).zip(tiny::all()) {
        check(&name, Dtype::F32, KvDtype::F32, Activations::Exact, seed);
    }
}

#[test]
fn quantized_weights_give_the_same_bits_however_tokens_are_read() {
    for (seed, name) in (100..).zip(tiny::all()) {
        check(&name, Dtype::Q8_0, KvDtype::F16, Activations::Exact, seed);
        check(&name, Dtype::Q8_0, KvDtype::F16, Activations::Rounded, seed);
    }
}

#[test]
fn quantized_keys_and_values_give_the_same_bits_however_tokens_are_read() {
    for (seed, name) in (200..).zip(["llama31", "gemma3", "gpt-oss"]) {
        check(name, Dtype::Bf16, KvDtype::Q8_0, Activations::Exact, seed);
        check(name, Dtype::Bf16, KvDtype::Q8_0, Activations::Rounded, seed);
    }
}
