//! Measures how fast a model reads and writes, without anything around it.
//!
//!     cargo run --release -p inference-nn --example speed -- MODEL.gguf [THREADS [PREFILL [DECODE [f32|f16|q8_0]]]]
//!
//! With one thread only the time is counted that the thread had a processor, so that a busy
//! machine does not show; with more, the time on the wall.

#![allow(clippy::print_stdout, reason = "prints what it measured")]

use std::error::Error;
use std::time::Instant;

use inference_nn::{
    BLOCK_TOKENS, BlockId, Decoder, DecoderOptions, KvDtype, Logits, ModelSource, Segment, load,
};

/// Streams that write together.
const STREAMS: [usize; 3] = [4, 8, 16];
/// Tokens of each stream's prompt, and tokens each writes.
const STREAM: (usize, usize) = (32, 8);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("name a model file")?;
    let mut number = |default: usize| match arguments.next() {
        Some(text) => text.parse(),
        None => Ok(default),
    };
    let (threads, prefill, decode) = (number(1)?, number(128)?, number(16)?);
    let pool = inference_kernels::Pool::new(threads)?;
    let clock = Clock::new(threads);
    let kv_dtype = match arguments.next().as_deref() {
        Some("f32") => KvDtype::F32,
        None | Some("f16") => KvDtype::F16,
        Some("q8_0") => KvDtype::Q8_0,
        Some(other) => return Err(format!("{other} is no type of keys and values").into()),
    };
    pool.install(|| measure(&path, clock, (prefill, decode), kv_dtype))
        .map_err(Into::into)
}

fn measure(
    path: &str,
    clock: Clock,
    (prefill, decode): (usize, usize),
    kv_dtype: KvDtype,
) -> Result<(), String> {
    let started = clock.now();
    let source = ModelSource::open(path.as_ref()).map_err(|error| error.to_string())?;
    let options = DecoderOptions {
        context_length_max: (prefill + decode).max(STREAM.0 + STREAM.1),
        kv_dtype,
        ..DecoderOptions::fast()
    };
    let mut model = load(&source, options).map_err(|error| error.to_string())?;
    let loaded = clock.now() - started;
    println!("loaded in {loaded:.2} s");
    for _ in 0..2 {
        let (prefill_rate, decode_rate) = one(&mut *model, clock, prefill, decode)?;
        print!("prefill {prefill}: {prefill_rate:.1}, decode {decode}: {decode_rate:.2}");
        for streams in STREAMS {
            let rate = many(&mut *model, clock, streams)?;
            print!(", {streams} streams: {rate:.1}");
        }
        println!();
    }
    Ok(())
}

fn one(
    model: &mut dyn Decoder,
    clock: Clock,
    prefill: usize,
    decode: usize,
) -> Result<(f64, f64), String> {
    let (tokens, table) = (tokens(model, prefill + decode), table(0, prefill + decode));
    let started = clock.now();
    read(model, &[segment(&tokens[..prefill], 0, &table)])?;
    let read_in = clock.now() - started;
    let started = clock.now();
    for position in prefill..prefill + decode {
        read(
            model,
            &[segment(&tokens[position..=position], position, &table)],
        )?;
    }
    let written_in = clock.now() - started;
    Ok((prefill as f64 / read_in, decode as f64 / written_in))
}

fn many(model: &mut dyn Decoder, clock: Clock, streams: usize) -> Result<f64, String> {
    let (prompt, length) = (STREAM.0, STREAM.0 + STREAM.1);
    let tokens = tokens(model, length);
    let blocks = length.div_ceil(BLOCK_TOKENS);
    let tables: Vec<_> = (0..streams)
        .map(|stream| table(stream * blocks, length))
        .collect();
    for table in &tables {
        read(model, &[segment(&tokens[..prompt], 0, table)])?;
    }
    let started = clock.now();
    for position in prompt..length {
        let token = &tokens[position..=position];
        let batch: Vec<_> = tables
            .iter()
            .map(|table| segment(token, position, table))
            .collect();
        read(model, &batch)?;
    }
    Ok((streams * STREAM.1) as f64 / (clock.now() - started))
}

fn read(model: &mut dyn Decoder, batch: &[Segment<'_>]) -> Result<(), String> {
    model.forward(batch).map_err(|error| error.to_string())?;
    Ok(())
}

fn segment<'a>(tokens: &'a [u32], position: usize, blocks: &'a [BlockId]) -> Segment<'a> {
    Segment {
        tokens,
        position,
        blocks,
        logits: Logits::Last,
    }
}

fn table(first: usize, tokens: usize) -> Vec<BlockId> {
    let blocks = first..first + tokens.div_ceil(BLOCK_TOKENS);
    let id = |number: usize| BlockId(u32::try_from(number).unwrap_or(u32::MAX));
    blocks.map(id).collect()
}

fn tokens(model: &dyn Decoder, count: usize) -> Vec<u32> {
    let vocab = model.info().vocab_size;
    (0..count)
        .map(|number| u32::try_from(number * 7919 % vocab).unwrap_or(0))
        .collect()
}

/// Seconds of this thread on a processor, or on the wall.
#[derive(Clone, Copy)]
struct Clock {
    started: Instant,
    processor: bool,
}

impl Clock {
    fn new(threads: usize) -> Self {
        Self {
            started: Instant::now(),
            processor: threads == 1,
        }
    }

    fn now(self) -> f64 {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        let nanoseconds = text.split(' ').next().and_then(|text| text.parse().ok());
        match nanoseconds {
            Some(nanoseconds) if self.processor => {
                let nanoseconds: f64 = nanoseconds;
                nanoseconds * 1e-9
            }
            _ => self.started.elapsed().as_secs_f64(),
        }
    }
}
