//! What the answers of one step write, side by side on the threads that computed it.
//!
//! Decides what is shared out; what is written is each answer's. Invariant: an answer sees its own logits alone, and
//! its panic ends that answer alone.

use std::collections::BTreeMap;

use inference_core::scheduler::{Planned, Scheduler, SequenceId};
use inference_core::{EngineError, TokenId};
use inference_nn::share_chunks;
use inference_text::Tokenizer;

use super::{fault, internal, wanted};
use crate::answer::{Answer, Step};

/// One answer about to be written.
struct Writing<'a> {
    answer: &'a mut Answer,
    /// `[1 + drafts, vocab_size]`
    rows: &'a mut [f32],
    drafts: &'a [TokenId],
    /// Where in the batch it is.
    place: usize,
    step: Result<Step, EngineError>,
}

impl Writing<'_> {
    fn write(&mut self, tokenizer: &Tokenizer) {
        let written = fault::contain(|| self.answer.write(self.rows, self.drafts, tokenizer));
        self.step = written.unwrap_or_else(|panic| {
            tracing::error!(panic, "a request broke its answer; it was ended");
            Err(internal())
        });
    }
}

/// Lets each answer of `batch` that has read all of its tokens write what follows; gives what was written, in the
/// batch's order. `logits` are the rows that `batch` wanted, of `vocab_size` each.
///
/// A single answer is written on this thread.
pub(super) fn write(
    batch: &[Planned],
    mut logits: &mut [f32],
    vocab_size: usize,
    scheduler: &Scheduler,
    answers: &mut BTreeMap<SequenceId, Answer>,
    tokenizer: &Tokenizer,
) -> Vec<Result<Step, EngineError>> {
    let mut answers: BTreeMap<_, _> = answers.iter_mut().collect();
    let mut writings = Vec::with_capacity(batch.len());
    for (place, planned) in batch.iter().enumerate() {
        let rows = wanted(planned).rows(planned.known + planned.drafts);
        let own;
        (own, logits) = logits.split_at_mut(rows * vocab_size);
        // Of known tokens only the last one's logits say what follows.
        let skipped = rows.saturating_sub(1 + planned.drafts) * vocab_size;
        let Some(answer) = answers.remove(&planned.id).filter(|_| planned.complete) else {
            continue;
        };
        writings.push(Writing {
            answer,
            rows: &mut own[skipped..],
            drafts: scheduler
                .sequence(planned.id)
                .map_or(&[], |sequence| sequence.planned_drafts(planned)),
            place,
            step: Ok(Step::default()),
        });
    }
    share_chunks(&mut writings, 1, |_, writing| {
        for writing in writing {
            writing.write(tokenizer);
        }
    });
    let mut steps: Vec<_> = batch.iter().map(|_| Ok(Step::default())).collect();
    for writing in writings {
        steps[writing.place] = writing.step;
    }
    steps
}
