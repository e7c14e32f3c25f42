//! Facts about plans, with a model whose memory tells what was written where.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const BLOCK: usize = 4;

/// A model whose keys and values are hashes of all tokens up to a position.
struct Simulation {
    scheduler: Scheduler,
    /// What each position of each block holds.
    memory: BTreeMap<(u32, usize), u64>,
    /// Tokens each sequence has at its end.
    wanted: BTreeMap<SequenceId, usize>,
    finished: BTreeMap<SequenceId, Vec<TokenId>>,
    preemptions: usize,
    cached: usize,
    /// Wrong guesses are every `n`th one.
    wrong_every: u32,
}

fn fingerprint(tokens: &[TokenId]) -> u64 {
    tokens.iter().fold(17, |hash, &token| {
        (hash ^ u64::from(token)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    })
}

fn next_token(tokens: &[TokenId]) -> TokenId {
    TokenId::try_from(fingerprint(tokens) >> 32 & 7).expect("is small")
}

impl Simulation {
    fn new(blocks: usize, sequences_max: usize) -> Self {
        Self {
            scheduler: Scheduler::new(SchedulerOptions {
                blocks,
                block_tokens: BLOCK,
                sequences_max,
                headroom_tokens: 4,
                ageing_tokens: 400,
                drafts_max: 6,
                prefix_cache: true,
                hash_key: 3,
            }),
            memory: BTreeMap::new(),
            wanted: BTreeMap::new(),
            finished: BTreeMap::new(),
            preemptions: 0,
            cached: 0,
            wrong_every: 3,
        }
    }

    fn add(&mut self, prompt: &[TokenId], answer: usize, priority: Priority) -> SequenceId {
        let most = prompt.len() + answer;
        let id = self
            .scheduler
            .add(prompt.to_vec(), most, priority)
            .expect("could fit");
        self.wanted.insert(id, most);
        id
    }

    fn step(&mut self, budget: usize) -> StepPlan {
        let plan = self.scheduler.plan(budget);
        self.preemptions += plan.preempted.len();
        let found = plan.admitted.iter().chain(&plan.found);
        self.cached += found.map(|admitted| admitted.cached_tokens).sum::<usize>();
        let mut written = BTreeSet::new();
        for planned in &plan.segments {
            self.compute(planned, &mut written);
        }
        for planned in &plan.segments {
            if planned.complete {
                self.write(planned);
            } else {
                self.scheduler.advance(planned, &[], 0);
            }
        }
        plan
    }

    /// Writes keys and values; everything before must be right, and no place is written twice.
    fn compute(&mut self, planned: &Planned, written: &mut BTreeSet<(u32, usize)>) {
        let sequence = self.scheduler.sequence(planned.id).expect("runs");
        let place = |at: usize| (sequence.blocks()[at / BLOCK].0, at % BLOCK);
        for at in 0..planned.position {
            let expected = fingerprint(&sequence.tokens()[..=at]);
            assert_eq!(self.memory.get(&place(at)), Some(&expected), "{planned:?}");
        }
        let mut tokens = sequence.tokens()[..planned.position].to_vec();
        for &token in sequence.planned_tokens(planned) {
            tokens.push(token);
            let place = place(tokens.len() - 1);
            assert!(written.insert(place), "two write to {place:?}");
            self.memory.insert(place, fingerprint(&tokens));
        }
    }

    /// Verifies guesses as the engine does and goes on.
    fn write(&mut self, planned: &Planned) {
        let sequence = self.scheduler.sequence(planned.id).expect("runs");
        let mut tokens = sequence.tokens().to_vec();
        let before = tokens.len();
        let drafts = sequence.planned_drafts(planned).to_vec();
        let mut accepted = 0;
        loop {
            let token = next_token(&tokens);
            tokens.push(token);
            if drafts.get(accepted) != Some(&token) || tokens.len() == self.wanted[&planned.id] {
                break;
            }
            accepted += 1;
        }
        self.scheduler.advance(planned, &tokens[before..], accepted);
        if tokens.len() == self.wanted[&planned.id] {
            self.scheduler.remove(planned.id);
            self.finished.insert(planned.id, tokens);
            return;
        }
        let mut guess = tokens.clone();
        for number in 0..3 {
            let place = u32::try_from(tokens.len()).expect("few") + number;
            let wrong = place.is_multiple_of(self.wrong_every);
            guess.push(next_token(&guess) ^ u32::from(wrong));
        }
        self.scheduler
            .set_drafts(planned.id, &guess[tokens.len()..]);
    }

    /// Steps until nothing is left; gives how many it took.
    fn finish(&mut self, budget: usize) -> usize {
        for step in 0..10_000 {
            if self.scheduler.running() + self.scheduler.waiting() == 0 {
                return step;
            }
            let plan = self.step(budget);
            assert!(!plan.segments.is_empty(), "nothing moves");
        }
        panic!("it never ends");
    }
}

/// What `prompt` is answered when nothing else runs.
fn alone(prompt: &[TokenId], answer: usize) -> Vec<TokenId> {
    let mut tokens = prompt.to_vec();
    for _ in 0..answer {
        tokens.push(next_token(&tokens));
    }
    tokens
}

fn prompt(first: TokenId, length: usize) -> Vec<TokenId> {
    (0..)
        .map(|token: TokenId| token * 5 % 7 + first)
        .take(length)
        .collect()
}

#[test]
fn answers_in_company_are_those_alone() {
    let mut simulation = Simulation::new(64, 4);
    let ids: Vec<_> = (0..6)
        .map(|number| simulation.add(&prompt(number % 2, 20), 15, Priority::Interactive))
        .collect();
    simulation.finish(24);
    for (number, id) in (0..).zip(ids) {
        assert_eq!(simulation.finished[&id], alone(&prompt(number % 2, 20), 15));
    }
    assert!(simulation.cached > 0);
    assert_eq!(simulation.scheduler.usage().used, 0);
}

#[test]
fn what_prompts_that_come_at_once_have_in_common_is_read_once() {
    let mut simulation = Simulation::new(400, 8);
    let begun_alike = |number: u32| [prompt(0, 101), prompt(20 + number, 30)].concat();
    let ids: Vec<_> = (0..8)
        .map(|number| simulation.add(&begun_alike(number), 5, Priority::Incident))
        .collect();
    let mut read = 0;
    while simulation.finished.len() < ids.len() {
        // A step has room for the beginnings of several.
        let plan = simulation.step(240);
        let prompts = plan.segments.iter().filter(|own| own.position < 131);
        read += prompts.map(|own| own.known).sum::<usize>();
    }
    assert_eq!(simulation.cached, 7 * 100);
    assert_eq!(read, 131 + 7 * 31);
    for (number, id) in (0..).zip(ids) {
        assert_eq!(simulation.finished[&id], alone(&begun_alike(number), 5));
    }
}

#[test]
fn without_the_prefix_cache_nothing_is_found_and_answers_are_the_same() {
    let mut simulation = Simulation::new(64, 4);
    simulation.scheduler.options.prefix_cache = false;
    let ids = [5, 5, 9].map(|first| {
        let id = simulation.add(&prompt(first, 30), 8, Priority::Interactive);
        (id, first)
    });
    simulation.finish(24);
    assert_eq!(simulation.cached, 0);
    for (id, first) in ids {
        assert_eq!(simulation.finished[&id], alone(&prompt(first, 30), 8));
    }
}

#[test]
fn a_prompt_that_is_read_whole_takes_nothing_from_the_cache() {
    let mut simulation = Simulation::new(64, 4);
    for whole in [false, false, true] {
        let before = simulation.cached;
        let id = simulation.add(&prompt(0, 20), 5, Priority::Interactive);
        if whole {
            simulation.scheduler.read_whole(id);
        }
        simulation.finish(24);
        assert_eq!(simulation.finished[&id], alone(&prompt(0, 20), 5));
        assert!(!whole || simulation.cached == before);
    }
    assert!(simulation.cached > 0);
    assert_eq!(simulation.scheduler.usage().used, 0);
}

#[test]
fn answers_that_outgrow_the_blocks_are_computed_again() {
    let mut simulation = Simulation::new(14, 4);
    let ids: Vec<_> = (0..4)
        .map(|number| simulation.add(&prompt(number, 8), 40, Priority::Interactive))
        .collect();
    simulation.finish(16);
    assert!(simulation.preemptions > 0);
    for (number, id) in (0..).zip(ids) {
        assert_eq!(simulation.finished[&id], alone(&prompt(number, 8), 40));
    }
}

#[test]
fn a_short_prompt_does_not_wait_for_a_long_one() {
    let mut simulation = Simulation::new(200, 4);
    let long = simulation.add(&prompt(0, 400), 4, Priority::Interactive);
    simulation.step(16);
    let short = simulation.add(&prompt(1, 8), 4, Priority::Interactive);
    for _ in 0..6 {
        simulation.step(16);
    }
    assert!(simulation.finished.contains_key(&short));
    assert!(!simulation.finished.contains_key(&long));
}

#[test]
fn a_long_prompt_gets_on_beside_many_answers() {
    let mut simulation = Simulation::new(400, 8);
    for number in 0..7 {
        simulation.add(&prompt(number, 4), 200, Priority::Interactive);
    }
    simulation.step(32);
    let long = simulation.add(&prompt(9, 160), 2, Priority::Interactive);
    for _ in 0..24 {
        simulation.step(32);
    }
    assert!(simulation.finished.contains_key(&long));
}

#[test]
fn an_incident_takes_the_place_of_a_batch() {
    let mut simulation = Simulation::new(64, 2);
    let batch: Vec<_> = (0..2)
        .map(|number| simulation.add(&prompt(number, 8), 60, Priority::Batch))
        .collect();
    simulation.step(16);
    let incident = simulation.add(&prompt(5, 8), 4, Priority::Incident);
    let plan = simulation.step(16);
    assert_eq!(plan.preempted, [batch[1]]);
    assert_eq!(plan.admitted[0].id, incident);
    simulation.finish(16);
    assert_eq!(simulation.finished[&batch[1]], alone(&prompt(1, 8), 60));
}

#[test]
fn a_batch_is_served_though_incidents_never_cease() {
    let mut simulation = Simulation::new(64, 1);
    let batch = simulation.add(&prompt(0, 8), 8, Priority::Batch);
    let mut number = 0;
    for step in 0.. {
        assert!(step < 2000, "starved");
        if simulation.scheduler.waiting() < 3 {
            number += 1;
            simulation.add(&prompt(number, 8), 8, Priority::Incident);
        }
        simulation.step(16);
        if simulation.finished.contains_key(&batch) {
            break;
        }
    }
    // It came first and waited for all of the ageing.
    assert!(simulation.finished.len() > 10);
}

#[test]
fn what_can_never_fit_is_refused() {
    let mut scheduler = Simulation::new(4, 1).scheduler;
    assert!(
        scheduler
            .add(prompt(0, 17), 20, Priority::Incident)
            .is_none()
    );
    assert!(scheduler.add(Vec::new(), 20, Priority::Incident).is_none());
    assert!(
        scheduler
            .add(prompt(0, 16), 99, Priority::Incident)
            .is_some()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn any_traffic_gives_the_answers_of_each_alone(
        blocks in 8_usize..40, sequences_max in 1_usize..6, budget in 4_usize..40, wrong_every in 1_u32..6,
        traffic in prop::collection::vec((0_u32..3, 1_usize..20, 1_usize..14, 0_usize..3, 0_usize..4, any::<bool>()), 1..16),
    ) {
        let mut simulation = Simulation::new(blocks, sequences_max);
        simulation.wrong_every = wrong_every;
        let mut expected = BTreeMap::new();
        for (first, length, answer, priority, steps, cancel) in traffic {
            if length + answer > blocks * BLOCK { continue; }
            let id = simulation.add(&prompt(first, length), answer, Priority::ALL[priority]);
            expected.insert(id, alone(&prompt(first, length), answer));
            for _ in 0..steps { simulation.step(budget); }
            if cancel && !simulation.finished.contains_key(&id) {
                simulation.scheduler.remove(id);
                expected.remove(&id);
            }
        }
        simulation.finish(budget);
        for (id, tokens) in expected {
            prop_assert_eq!(&simulation.finished[&id], &tokens);
        }
        let usage = simulation.scheduler.usage();
        prop_assert_eq!((usage.used, usage.free + usage.idle), (0, blocks));
    }
}
