//! What passes the layers in one step: pieces of sequences, and the rows they become.
//!
//! Decides whether a batch makes sense; where keys and values of a sequence
//! lie is the caller's choice, expressed by its block table.
//!
//! Invariant: every position of a [`Row`] has a block in its sequence's table, and no block is written by two segments.

use inference_core::TokenId;
use inference_kernels::Span;

pub use inference_kernels::BLOCK_TOKENS;

use crate::decoder::DecoderInfo;
use crate::error::ModelError;

/// The place of [`BLOCK_TOKENS`] tokens' keys and values, in every layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockId(pub u32);

/// Which tokens of a segment give logits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Logits {
    /// None: more of the prompt follows.
    None,
    /// The last: it is the one to continue.
    #[default]
    Last,
    /// All, in order: drafts to verify, or prompts to score.
    All,
}

impl Logits {
    /// Rows of logits for `tokens` tokens.
    pub fn rows(self, tokens: usize) -> usize {
        match self {
            Self::None => 0,
            Self::Last => tokens.min(1),
            Self::All => tokens,
        }
    }
}

/// A piece of one sequence that passes the layers in this step.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// The tokens to read; at least one.
    pub tokens: &'a [TokenId],
    /// Position of the first of them, in tokens from the start of the sequence.
    pub position: usize,
    /// The blocks of the whole sequence, in order; enough for `position + tokens.len()` tokens.
    pub blocks: &'a [BlockId],
    /// Which tokens give logits.
    pub logits: Logits,
}

/// A token on its way through the layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) token: TokenId,
    pub(crate) position: usize,
    /// Index of its segment in the batch.
    pub(crate) segment: usize,
    pub(crate) wants_logits: bool,
}

/// Judges `batch` and lists its tokens in order.
pub(crate) fn rows(batch: &[Segment<'_>], info: &DecoderInfo) -> Result<Vec<Row>, ModelError> {
    let count = batch.iter().map(|segment| segment.tokens.len()).sum();
    let mut rows = Vec::with_capacity(count);
    let mut written = Vec::new();
    for (index, segment) in batch.iter().enumerate() {
        check(segment, info)?;
        let end = segment.position + segment.tokens.len();
        written.extend_from_slice(
            &segment.blocks[segment.position / BLOCK_TOKENS..end.div_ceil(BLOCK_TOKENS)],
        );
        let silent = segment.tokens.len() - segment.logits.rows(segment.tokens.len());
        rows.extend(
            segment
                .tokens
                .iter()
                .enumerate()
                .map(|(number, &token)| Row {
                    token,
                    position: segment.position + number,
                    segment: index,
                    wants_logits: number >= silent,
                }),
        );
    }
    written.sort_unstable();
    match written.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(input(format!("block {} is written twice", pair[0].0))),
        None => Ok(rows),
    }
}

/// The block tables of `batch`, as the kernels take them.
pub(crate) fn tables(batch: &[Segment<'_>]) -> Vec<Vec<u32>> {
    let table = |segment: &Segment<'_>| segment.blocks.iter().map(|block| block.0).collect();
    batch.iter().map(table).collect()
}

/// The pieces of sequences that `rows` are made of.
pub(crate) fn spans<'a>(rows: &[Row], tables: &'a [Vec<u32>]) -> Vec<Span<'a>> {
    let pieces = rows.chunk_by(|a, b| a.segment == b.segment);
    let span = |piece: &[Row]| Span {
        blocks: &tables[piece[0].segment],
        position: piece[0].position,
        tokens: piece.len(),
    };
    pieces.map(span).collect()
}

fn check(segment: &Segment<'_>, info: &DecoderInfo) -> Result<(), ModelError> {
    if segment.tokens.is_empty() {
        return Err(input("there is no token to read"));
    }
    let end = segment.position.saturating_add(segment.tokens.len());
    if end > info.context_length {
        return Err(input(format!(
            "{end} tokens pass the window of {}",
            info.context_length
        )));
    }
    if segment.blocks.len() < end.div_ceil(BLOCK_TOKENS) {
        return Err(input(format!(
            "{} blocks are too few for {end} tokens",
            segment.blocks.len()
        )));
    }
    if let Some(block) = segment
        .blocks
        .iter()
        .find(|block| block.0 as usize >= info.blocks)
    {
        return Err(input(format!(
            "block {} does not exist; there are {}",
            block.0, info.blocks
        )));
    }
    let unknown = segment
        .tokens
        .iter()
        .find(|&&token| token as usize >= info.vocab_size);
    unknown.map_or(Ok(()), |token| {
        Err(input(format!("token {token} is not in the vocabulary")))
    })
}

fn input(what: impl Into<String>) -> ModelError {
    ModelError::Input(what.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info() -> DecoderInfo {
        DecoderInfo {
            architecture: "llama".to_owned(),
            vocab_size: 10,
            context_length: 40,
            blocks: 4,
            kv_bytes_per_token: 8,
            weights_bytes: 0,
            parameters: 0,
        }
    }

    #[track_caller]
    fn check(tokens: &[TokenId], position: usize, blocks: &[u32], expected: &str) {
        let blocks: Vec<_> = blocks.iter().copied().map(BlockId).collect();
        let segment = Segment {
            tokens,
            position,
            blocks: &blocks,
            logits: Logits::Last,
        };
        let other = Segment {
            tokens: &[1],
            position: 0,
            blocks: &[BlockId(3)],
            logits: Logits::None,
        };
        let error = rows(&[other, segment], &info()).expect_err("is wrong");
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_batch_that_makes_no_sense_is_refused() {
        check(&[], 0, &[0], "there is no token to read");
        check(&[1; 9], 32, &[0, 1, 2], "41 tokens pass the window of 40");
        check(
            &[1],
            usize::MAX,
            &[0],
            "18446744073709551615 tokens pass the window of 40",
        );
        check(&[1; 17], 0, &[0], "1 blocks are too few for 17 tokens");
        check(&[1], 0, &[4], "block 4 does not exist; there are 4");
        check(&[10], 0, &[0], "token 10 is not in the vocabulary");
        check(&[1], 0, &[3], "block 3 is written twice");
        check(&[1; 17], 0, &[0, 0], "block 0 is written twice");
    }

    #[test]
    fn a_block_may_be_read_by_several_segments() {
        let segment = |blocks| Segment {
            tokens: &[7, 8],
            position: 16,
            blocks,
            logits: Logits::Last,
        };
        let rows = rows(
            &[
                segment(&[BlockId(0), BlockId(1)]),
                segment(&[BlockId(0), BlockId(2)]),
            ],
            &info(),
        )
        .expect("makes sense");
        let found: Vec<_> = rows
            .iter()
            .map(|row| (row.segment, row.position, row.token, row.wants_logits))
            .collect();
        assert_eq!(
            found,
            [
                (0, 16, 7, false),
                (0, 17, 8, true),
                (1, 16, 7, false),
                (1, 17, 8, true)
            ]
        );
    }
}
