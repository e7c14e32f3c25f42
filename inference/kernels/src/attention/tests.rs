//! Attention against sums taken one by one, with every storage type.

use super::*;
use crate::matrix::tests::numbers;

/// Two sequences with blocks in no order; the first has some tokens in memory, the second starts.
const BLOCKS: [&[u32]; 2] = [&[5, 0, 3, 6], &[2, 4]];
const SPANS: [Span<'static>; 2] = [
    Span {
        blocks: BLOCKS[0],
        position: 30,
        tokens: 20,
    },
    Span {
        blocks: BLOCKS[1],
        position: 0,
        tokens: 17,
    },
];

/// Layers of a cache, and the one that is looked at.
const LAYERS: usize = 3;
const LAYER: usize = 1;

/// A sequence of several stretches, its blocks in no order.
const LONG: [Span<'static>; 1] = [Span {
    blocks: &scattered(),
    position: 500,
    tokens: 100,
}];

const fn scattered() -> [u32; 38] {
    let mut blocks = [0; 38];
    let mut at = 0;
    while at < 38 {
        blocks[at as usize] = at * 7 % 38;
        at += 1;
    }
    blocks
}

struct Case {
    spans: &'static [Span<'static>],
    kv_heads: usize,
    head_dim: usize,
    attend: Attend<'static>,
}

impl Case {
    fn new(heads: usize, kv_heads: usize, head_dim: usize) -> Self {
        let attend = Attend {
            heads,
            scale: 1.0 / (head_dim as f32).sqrt(),
            window: None,
            softcap: None,
            sinks: None,
        };
        Self {
            spans: &SPANS,
            kv_heads,
            head_dim,
            attend,
        }
    }

    /// Keys or values of position `position` of sequence `sequence`.
    fn row(&self, sequence: usize, position: usize, seed: u32) -> Vec<f32> {
        let seed = seed + 1000 * u32::try_from(sequence * 100 + position).expect("fits");
        numbers(self.kv_heads * self.head_dim, seed)
    }

    /// A cache whose layer [`LAYER`] has the spans' keys and values, and the others something else.
    fn cache(&self, dtype: KvDtype) -> KvCache {
        let blocks = self
            .spans
            .iter()
            .map(|span| span.blocks.len())
            .sum::<usize>()
            + 1;
        let mut cache = KvCache::new(LAYERS, blocks, self.kv_heads, self.head_dim, dtype);
        for (sequence, span) in self.spans.iter().enumerate() {
            for position in 0..span.position + span.tokens {
                let span = Span {
                    blocks: span.blocks,
                    position,
                    tokens: 1,
                };
                for layer in 0..LAYERS {
                    let seed = u32::try_from(layer.abs_diff(LAYER)).expect("fits") * 10;
                    cache.store(
                        layer,
                        &[span],
                        &self.row(sequence, position, seed + 1),
                        &self.row(sequence, position, seed + 2),
                    );
                }
            }
        }
        cache
    }

    fn queries(&self) -> Vec<f32> {
        let tokens: usize = self.spans.iter().map(|span| span.tokens).sum();
        numbers(tokens * self.attend.heads * self.head_dim, 3)
    }

    /// Sequence and position of every token.
    fn tokens(&self) -> impl Iterator<Item = (usize, usize)> {
        let spans = self.spans.iter().enumerate();
        spans.flat_map(|(sequence, span)| {
            let positions = span.position..span.position + span.tokens;
            positions.map(move |position| (sequence, position))
        })
    }

    fn run(&self, path: Path, cache: &KvCache) -> Vec<f32> {
        let queries = self.queries();
        let mut out = vec![f32::NAN; queries.len()];
        cache.attend_on(path, LAYER, self.spans, self.attend, &queries, &mut out);
        out
    }

    /// One head of one token, in 64 bits.
    fn expected(&self, sequence: usize, position: usize, head: usize, query: &[f32]) -> Vec<f64> {
        let Attend {
            heads,
            scale,
            window,
            softcap,
            sinks,
        } = self.attend;
        let group = head / (heads / self.kv_heads);
        let first = window.map_or(0, |window| (position + 1).saturating_sub(window));
        let head_of = |position, seed| {
            let row = self.row(sequence, position, seed);
            row[group * self.head_dim..][..self.head_dim].to_vec()
        };
        let scores: Vec<f64> = (first..=position)
            .map(|position| {
                let products = query.iter().zip(head_of(position, 1));
                let sum: f64 = products.map(|(q, k)| f64::from(*q) * f64::from(k)).sum();
                let score = sum * f64::from(scale);
                softcap.map_or(score, |cap| {
                    f64::from(cap) * (score / f64::from(cap)).tanh()
                })
            })
            .map(f64::exp)
            .collect();
        let sink = sinks.map_or(0.0, |sinks| f64::from(sinks[head]).exp());
        let sum = scores.iter().sum::<f64>() + sink;
        let mut out = vec![0.0; self.head_dim];
        for (score, position) in scores.iter().zip(first..) {
            for (out, value) in out.iter_mut().zip(head_of(position, 2)) {
                *out += score / sum * f64::from(value);
            }
        }
        out
    }

    #[track_caller]
    fn check(&self, dtype: KvDtype, tolerance: f64) {
        let (cache, queries) = (self.cache(dtype), self.queries());
        let queries = queries.chunks_exact(self.attend.heads * self.head_dim);
        let expected: Vec<_> = self
            .tokens()
            .zip(queries)
            .flat_map(|((sequence, position), query)| {
                let heads = query.chunks_exact(self.head_dim).enumerate();
                heads
                    .flat_map(|(head, query)| self.expected(sequence, position, head, query))
                    .collect::<Vec<_>>()
            })
            .collect();
        for path in Path::all() {
            let found = self.run(path, &cache);
            for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
                assert!(
                    (f64::from(*found) - expected).abs() < tolerance,
                    "{dtype:?} {path:?} number {at}: {found} for {expected}"
                );
            }
        }
    }
}

#[test]
fn tokens_attend_over_their_own_sequence() {
    for (heads, kv_heads, head_dim) in [(4, 2, 32), (3, 3, 20), (8, 1, 64), (14, 2, 80)] {
        let case = Case::new(heads, kv_heads, head_dim);
        case.check(KvDtype::F32, 1e-6);
        // Values within 1, rounded to 11 bits, and scores that move a little.
        case.check(KvDtype::F16, 2e-3);
        // Rounded to steps of 1/127.
        case.check(KvDtype::Q8_0, 2e-2);
    }
}

#[test]
fn stretches_put_together_give_what_one_softmax_gives() {
    let mut case = Case::new(5, 1, 16);
    case.spans = &LONG;
    case.check(KvDtype::F32, 1e-6);
    case.check(KvDtype::F16, 2e-3);
    case.check(KvDtype::Q8_0, 2e-2);
    case.attend.window = Some(270);
    case.attend.sinks = Some(&[0.5, -1.0, 3.0, 0.0, 9.0]);
    case.check(KvDtype::F32, 1e-6);
    case.check(KvDtype::Q8_0, 2e-2);
    case.attend.window = None;
    case.attend.softcap = Some(0.5);
    case.check(KvDtype::F32, 1e-6);
    case.check(KvDtype::Q8_0, 2e-2);
}

#[test]
fn windows_caps_and_sinks_change_what_is_seen() {
    let mut case = Case::new(4, 2, 32);
    case.attend.window = Some(9);
    case.check(KvDtype::F32, 1e-6);
    case.attend.softcap = Some(0.5);
    case.check(KvDtype::F32, 1e-6);
    case.attend.sinks = Some(&[0.5, -1.0, 3.0, 0.0]);
    case.check(KvDtype::F32, 1e-6);
}

#[test]
fn a_token_gets_the_same_bits_alone_and_in_company() {
    for (dtype, path) in [KvDtype::F32, KvDtype::F16, KvDtype::Q8_0]
        .into_iter()
        .flat_map(|dtype| Path::all().into_iter().map(move |path| (dtype, path)))
    {
        for spans in [&SPANS[..], &LONG] {
            let case = Case {
                spans,
                ..Case::new(4, 2, 32)
            };
            let cache = case.cache(dtype);
            let (together, queries) = (case.run(path, &cache), case.queries());
            let bits = |out: &[f32]| out.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            for (token, (sequence, position)) in case.tokens().enumerate() {
                let part = token * 128..(token + 1) * 128;
                let mut alone = vec![0.0; 128];
                let span = Span {
                    position,
                    tokens: 1,
                    ..spans[sequence]
                };
                let queries = &queries[part.clone()];
                cache.attend_on(path, LAYER, &[span], case.attend, queries, &mut alone);
                let together = &together[part];
                assert_eq!(bits(&alone), bits(together), "{dtype:?} {path:?} {token}");
            }
        }
    }
}

/// Earlier tokens of the same call look at the block in which it lies.
#[test]
fn what_is_not_a_number_reaches_those_alone_that_see_it() {
    let case = Case::new(4, 2, 32);
    let queries = case.queries();
    let bits = |out: &[f32]| out.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    for (dtype, path) in [KvDtype::F32, KvDtype::F16, KvDtype::Q8_0]
        .into_iter()
        .flat_map(|dtype| Path::all().into_iter().map(move |path| (dtype, path)))
    {
        let cache = case.cache(dtype);
        let expected = case.run(path, &cache);
        for (odd, value) in [f32::NAN, f32::INFINITY]
            .into_iter()
            .flat_map(|odd| [(odd, true), (odd, false)])
        {
            let mut broken = case.cache(dtype);
            // The eleventh token of the first sequence, whose neighbors share its block.
            let span = Span {
                position: 40,
                tokens: 1,
                ..case.spans[0]
            };
            let (ordinary, odd) = (case.row(0, 40, 1), vec![odd; 64]);
            let (keys, values) = if value {
                (&ordinary, &odd)
            } else {
                (&odd, &ordinary)
            };
            broken.store(LAYER, &[span], keys, values);
            let mut found = vec![0.0; queries.len()];
            broken.attend_on(path, LAYER, case.spans, case.attend, &queries, &mut found);
            for (token, (found, expected)) in
                found.chunks(128).zip(expected.chunks(128)).enumerate()
            {
                if (10..20).contains(&token) {
                    assert!(
                        found.iter().all(|x| !x.is_finite()),
                        "{dtype:?} {path:?} {token}"
                    );
                } else {
                    assert_eq!(bits(found), bits(expected), "{dtype:?} {path:?} {token}");
                }
            }
        }
    }
}

#[test]
fn stored_sizes_are_those_that_are_reported() {
    assert_eq!(KvDtype::F32.token_bytes(2, 64), 1024);
    assert_eq!(KvDtype::F16.token_bytes(2, 64), 512);
    assert_eq!(KvDtype::Q8_0.token_bytes(2, 64), 272);
    // Whole groups of 32 and whole lines of memory.
    assert_eq!(KvDtype::Q8_0.token_bytes(1, 80), 2 * 104);
}
