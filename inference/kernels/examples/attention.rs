//! Measures how fast a token, or those of a prompt, look at a long context, beside the memory's bandwidth.
//!
//!     cargo run --release -p inference-kernels --example attention -- [CONTEXT [KV_HEADS [HEAD_DIM [GROUP [TOKENS]]]]]
//!
//! Keys and values are read once for a token, so that its time has a floor: their bytes over the bandwidth. The time of
//! many tokens is that of the arithmetic.

#![allow(clippy::print_stdout, reason = "prints what it measured")]

use std::error::Error;
use std::time::Instant;

use inference_kernels::limits::{Limits, bytes_beyond_caches};
use inference_kernels::pool::{Pool, default_threads};
use inference_kernels::{Attend, BLOCK_TOKENS, KvCache, KvDtype, Span};

/// Bytes of all layers together: more than caches hold.
const CACHE_BYTES: usize = 1 << 30;
/// Times all layers are gone through.
const RUNS: usize = 15;

/// What is measured.
#[derive(Clone, Copy)]
struct Shape {
    context: usize,
    kv_heads: usize,
    head_dim: usize,
    /// Query heads of each head of keys and values.
    group: usize,
    /// Tokens that look, the last of the context.
    tokens: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| match arguments.next() {
        Some(text) => text.parse(),
        None => Ok(default),
    };
    let shape = Shape {
        context: number(8192)?,
        kv_heads: number(8)?,
        head_dim: number(64)?,
        group: number(4)?,
        tokens: number(1)?,
    };
    if shape.tokens > shape.context {
        return Err("no more tokens can look than the context has".into());
    }
    let pool = Pool::new(default_threads())?;
    let limits = pool.install(|| Limits::measure(bytes_beyond_caches()))?;
    println!("memory: {:.1} GB/s", limits.memory_bytes / 1e9);
    for (name, dtype) in [
        ("f32", KvDtype::F32),
        ("f16", KvDtype::F16),
        ("q8_0", KvDtype::Q8_0),
    ] {
        let bytes = shape.context * dtype.token_bytes(shape.kv_heads, shape.head_dim);
        let seconds = pool.install(|| measure(dtype, shape, CACHE_BYTES.div_ceil(bytes)));
        let rate = bytes as f64 / seconds;
        println!(
            "{name}: {:.3} ms a layer, {:.1} GB/s, {:.0} % of the bandwidth",
            seconds * 1e3,
            rate / 1e9,
            100.0 * rate / limits.memory_bytes
        );
    }
    Ok(())
}

/// Seconds of one layer.
fn measure(dtype: KvDtype, shape: Shape, layers: usize) -> f64 {
    let Shape {
        context,
        kv_heads,
        head_dim,
        group,
        tokens,
    } = shape;
    let blocks: Vec<u32> = (0..).take(context.div_ceil(BLOCK_TOKENS)).collect();
    let span = |position, tokens| Span {
        blocks: &blocks,
        position,
        tokens,
    };
    let width = kv_heads * head_dim;
    let numbers = |count: usize| -> Vec<f32> {
        (0..count)
            .map(|number| (number * 37 % 64) as f32 / 64.0 - 0.5)
            .collect()
    };
    let (row, queries) = (numbers(width), numbers(width * group * tokens));
    let mut cache = KvCache::new(layers, blocks.len(), kv_heads, head_dim, dtype);
    for (layer, position) in (0..layers).flat_map(|layer| (0..context).map(move |at| (layer, at))) {
        cache.store(layer, &[span(position, 1)], &row, &row);
    }
    let attend = Attend {
        heads: kv_heads * group,
        scale: 1.0 / (head_dim as f32).sqrt(),
        window: None,
        softcap: None,
        sinks: None,
    };
    let mut out = vec![0.0; width * group * tokens];
    let mut runs: Vec<f64> = (0..RUNS)
        .map(|_| {
            let started = Instant::now();
            for layer in 0..layers {
                cache.attend(
                    layer,
                    &[span(context - tokens, tokens)],
                    attend,
                    &queries,
                    &mut out,
                );
            }
            started.elapsed().as_secs_f64() / layers as f64
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    runs[RUNS / 2]
}
