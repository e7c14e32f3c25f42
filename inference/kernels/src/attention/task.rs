//! Which tokens of a task see what.
//!
//! Invariant: of two tokens the later one sees no earlier position begin and none end before the other's.

use std::ops::Range;

use super::{BLOCK_TOKENS, Span};

/// One key and value head and the tokens of a tile.
pub(super) struct Task<'a> {
    pub(super) span: Span<'a>,
    pub(super) kv_head: usize,
    /// The first token of the tile, within the span.
    pub(super) first: usize,
    pub(super) tokens: usize,
    /// The span's first token, within the call.
    pub(super) row: usize,
}

impl Task<'_> {
    /// Behind the last position that the last token sees.
    pub(super) fn end(&self) -> usize {
        self.span.position + self.first + self.tokens
    }

    /// The positions that token `token` of the tile sees.
    pub(super) fn visible(&self, token: usize, window: Option<usize>) -> Range<usize> {
        let end = self.span.position + self.first + token + 1;
        window.map_or(0, |window| end.saturating_sub(window.max(1)))..end
    }

    /// Of block `block`, what token `token` sees.
    pub(super) fn seen(&self, token: usize, block: usize, window: Option<usize>) -> Range<usize> {
        let (visible, start) = (self.visible(token, window), block * BLOCK_TOKENS);
        let within = |position: usize| position.saturating_sub(start).min(BLOCK_TOKENS);
        within(visible.start)..within(visible.end)
    }

    /// Whether all tokens see all of block `block`, as of most blocks.
    pub(super) fn all_see(&self, block: usize, window: Option<usize>) -> bool {
        let start = block * BLOCK_TOKENS;
        start + BLOCK_TOKENS <= self.visible(0, window).end
            && self.visible(self.tokens - 1, window).start <= start
    }

    /// The tokens that see something of block `block`: later ones see later positions, so they are neighbors.
    pub(super) fn looking(&self, block: usize, window: Option<usize>) -> Range<usize> {
        run(0..self.tokens, |token| {
            !self.seen(token, block, window).is_empty()
        })
    }

    /// Those of `looking` that see all of block `block`.
    pub(super) fn whole(
        &self,
        block: usize,
        window: Option<usize>,
        looking: &Range<usize>,
    ) -> Range<usize> {
        run(looking.clone(), |token| {
            self.seen(token, block, window).len() == BLOCK_TOKENS
        })
    }
}

/// The first run of `tokens` that are `such`; an empty one at their end if none is.
fn run(tokens: Range<usize>, such: impl Fn(usize) -> bool) -> Range<usize> {
    let start = tokens
        .clone()
        .find(|token| such(*token))
        .unwrap_or(tokens.end);
    let end = (start..tokens.end)
        .find(|token| !such(*token))
        .unwrap_or(tokens.end);
    start..end
}
