//! The thread that owns the model: plans a step, lets it pass the model, goes on.
//!
//! Decides nothing about order or tokens; those are the scheduler's and the answers'. Sees to
//! it that one request's fault ends that request alone.
//!
//! Invariant: every request taken ends with `Done` or `Failed`, unless its stream was dropped.

mod fault;
mod writing;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use inference_core::scheduler::{Planned, Scheduler, SequenceId};
use inference_core::{EngineError, TokenId};
use inference_nn::{BlockId, Decoder, Logits, Pool, Segment};
use inference_text::Tokenizer;

use crate::answer::{Answer, Ended, Step};
use crate::pace::Pace;
use crate::shared::{Job, Shared};

/// Rows of a prompt whose logits are looked at together: with the largest vocabularies some 40 MB.
const SCORED_ROWS: usize = 32;

/// The model and the requests that run or wait.
pub(crate) struct Worker {
    pub(crate) decoder: Box<dyn Decoder>,
    pub(crate) tokenizer: Arc<Tokenizer>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) scheduler: Scheduler,
    pub(crate) answers: BTreeMap<SequenceId, Answer>,
    pub(crate) pace: Pace,
    /// Whether answers are guessed ahead.
    pub(crate) speculation: bool,
}

impl Worker {
    /// Runs requests until the engine stops, on `pool`'s threads.
    pub(crate) fn work(mut self, pool: &Pool) {
        let shared = Arc::clone(&self.shared);
        while let Some(jobs) = shared.take(self.answers.is_empty()) {
            for job in jobs {
                self.add(job);
            }
            self.drop_cancelled();
            if !self.answers.is_empty() {
                pool.install(|| self.step());
            }
            self.report();
        }
        for job in shared.take_rest() {
            self.add(job);
        }
        for id in self.ids() {
            self.end(id, Ended::Failed(EngineError::Stopped));
        }
        self.report();
    }

    fn add(&mut self, job: Job) {
        let priority = job.priority;
        let most = job.prompt.len() + job.max_tokens;
        let (prompt, answer) = Answer::new(job, self.speculation);
        if let Some(id) = self.scheduler.add(prompt, most, priority) {
            if answer.scores_prompt() {
                self.scheduler.read_whole(id);
            }
            self.answers.insert(id, answer);
        } else {
            let reason = "the prompt does not fit the memory for keys and values".to_owned();
            answer.end(
                Ended::Failed(EngineError::Failed(reason)),
                &self.shared.metrics,
            );
        }
    }

    fn ids(&self) -> Vec<SequenceId> {
        self.answers.keys().copied().collect()
    }

    fn drop_cancelled(&mut self) {
        let cancelled = |id: &SequenceId| self.answers[id].is_cancelled();
        for id in self.ids().into_iter().filter(cancelled).collect::<Vec<_>>() {
            self.end(id, Ended::Cancelled);
        }
    }

    fn end(&mut self, id: SequenceId, ended: Ended) {
        self.scheduler.remove(id);
        if let Some(answer) = self.answers.remove(&id) {
            answer.end(ended, &self.shared.metrics);
        }
    }

    fn report(&self) {
        let usage = self.scheduler.usage();
        let all = usage.free + usage.idle + usage.used;
        self.shared.report(
            self.scheduler.running(),
            self.scheduler.waiting(),
            usage.used as f64 / all.max(1) as f64,
        );
    }

    /// Lets the next batch pass the model.
    fn step(&mut self) {
        let plan = self.scheduler.plan(self.pace.budget());
        self.shared.metrics.preempted(plan.preempted.len());
        for admitted in &plan.admitted {
            if let Some(answer) = self.answers.get_mut(&admitted.id) {
                answer.admit(admitted.cached_tokens, &self.shared.metrics);
            }
        }
        for found in &plan.found {
            if let Some(answer) = self.answers.get_mut(&found.id) {
                answer.found(found.cached_tokens, &self.shared.metrics);
            }
        }
        if plan.segments.is_empty() {
            // Would spin for ever; the scheduler promises that it does not happen.
            tracing::error!("a step was planned without work; all requests are ended");
            for id in self.ids() {
                self.end(id, Ended::Failed(internal()));
            }
            return;
        }
        let tokens = plan.tokens();
        self.shared.metrics.batch(plan.segments.len(), tokens);
        let started = Instant::now();
        let segments: Vec<Planned> = plan
            .segments
            .iter()
            .filter_map(|planned| self.score(planned))
            .collect();
        if !segments.is_empty() {
            self.pass(&segments);
        }
        self.pace.observe(tokens, started.elapsed());
    }

    /// Lets the part of a prompt whose probabilities are wanted pass the model, a few rows at a time, since each
    /// has the whole vocabulary; gives what is left of the step, `None` if it ended the request.
    fn score(&mut self, planned: &Planned) -> Option<Planned> {
        let id = planned.id;
        let answer = self.answers.get(&id)?;
        let Some(first) = answer.unscored(planned.position, planned.known) else {
            return Some(*planned);
        };
        let end = planned.position + planned.known;
        for position in (planned.position..end).step_by(SCORED_ROWS) {
            let piece = Planned {
                position,
                known: SCORED_ROWS.min(end - position),
                drafts: 0,
                ..*planned
            };
            let logits = if position + piece.known <= first {
                Logits::None
            } else {
                Logits::All
            };
            match self.rows(&piece, logits) {
                Ok(rows) => {
                    let vocab_size = self.decoder.info().vocab_size;
                    if let Some(answer) = self.answers.get_mut(&id) {
                        answer.score(position, &rows, vocab_size);
                    }
                }
                Err(error) => {
                    self.end(id, Ended::Failed(error));
                    return None;
                }
            }
        }
        // The last token passes once more, with the others' newest; the same bits come out.
        Some(Planned {
            position: end - 1,
            known: 1,
            ..*planned
        })
    }

    /// The logits of one piece that passes the model by itself.
    fn rows(&mut self, piece: &Planned, logits: Logits) -> Result<Vec<f32>, EngineError> {
        let Self {
            decoder, scheduler, ..
        } = self;
        let blocks = block_table(scheduler, piece);
        let segment = Segment {
            tokens: tokens(scheduler, piece),
            position: piece.position,
            blocks: &blocks,
            logits,
        };
        let passed = fault::contain(|| decoder.forward(&[segment]).map(|rows| rows.to_vec()));
        passed
            .map_err(|panic| {
                tracing::error!(panic, "a prompt broke the model");
                internal()
            })?
            .map_err(|error| EngineError::Failed(error.to_string()))
    }

    /// Lets `batch` pass the model; one that breaks it is found by letting each pass alone.
    fn pass(&mut self, batch: &[Planned]) {
        match self.forward(batch) {
            Ok(steps) => {
                for (planned, step) in batch.iter().zip(steps) {
                    self.follow(planned, step);
                }
            }
            Err(error) => match batch {
                [planned] => self.end(planned.id, Ended::Failed(error)),
                _ => {
                    for planned in batch {
                        self.pass(std::slice::from_ref(planned));
                    }
                }
            },
        }
    }

    /// The model's part of a step, and what each answer writes then.
    fn forward(
        &mut self,
        batch: &[Planned],
    ) -> Result<Vec<Result<Step, EngineError>>, EngineError> {
        let Self {
            decoder,
            scheduler,
            answers,
            tokenizer,
            ..
        } = self;
        let vocab_size = decoder.info().vocab_size;
        let tables: Vec<Vec<BlockId>> = batch
            .iter()
            .map(|planned| block_table(scheduler, planned))
            .collect();
        let segments: Vec<Segment<'_>> = batch
            .iter()
            .zip(&tables)
            .map(|(planned, blocks)| Segment {
                tokens: tokens(scheduler, planned),
                position: planned.position,
                blocks,
                logits: wanted(planned),
            })
            .collect();
        let passed = fault::contain(|| decoder.forward(&segments)).map_err(|panic| {
            tracing::error!(panic, requests = batch.len(), "a step broke the model");
            internal()
        })?;
        let logits = passed.map_err(|error| EngineError::Failed(error.to_string()))?;
        Ok(writing::write(
            batch, logits, vocab_size, scheduler, answers, tokenizer,
        ))
    }

    /// Takes what was written into the sequence, guesses what comes next, or ends it.
    fn follow(&mut self, planned: &Planned, step: Result<Step, EngineError>) {
        let id = planned.id;
        let step = match step {
            Ok(step) => step,
            Err(error) => return self.end(id, Ended::Failed(error)),
        };
        self.scheduler.advance(planned, &step.tokens, step.accepted);
        if !planned.complete {
            return;
        }
        if let Some(answer) = self.answers.get_mut(&id) {
            answer.measure(&step, planned.drafts, &self.shared.metrics);
        }
        if let Some(reason) = step.ended {
            return self.end(id, Ended::Done(reason));
        }
        let (Some(answer), Some(sequence)) =
            (self.answers.get_mut(&id), self.scheduler.sequence(id))
        else {
            return;
        };
        match fault::contain(|| answer.drafts(sequence.tokens())) {
            Ok(drafts) => self.scheduler.set_drafts(id, &drafts),
            Err(panic) => {
                tracing::error!(panic, "a request broke its answer; it was ended");
                self.end(id, Ended::Failed(internal()));
            }
        }
    }
}

fn internal() -> EngineError {
    EngineError::Failed("an internal error ended this request".to_owned())
}

/// Which logits `planned` needs.
fn wanted(planned: &Planned) -> Logits {
    match (planned.complete, planned.drafts) {
        (false, _) => Logits::None,
        (true, 0) => Logits::Last,
        (true, _) => Logits::All,
    }
}

fn tokens<'a>(scheduler: &'a Scheduler, planned: &Planned) -> &'a [TokenId] {
    scheduler
        .sequence(planned.id)
        .map_or(&[], |sequence| sequence.planned_tokens(planned))
}

fn block_table(scheduler: &Scheduler, planned: &Planned) -> Vec<BlockId> {
    let blocks = scheduler
        .sequence(planned.id)
        .map_or(&[][..], |sequence| sequence.blocks());
    blocks.iter().map(|block| BlockId(block.0)).collect()
}
