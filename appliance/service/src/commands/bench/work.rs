//! The product's own work: incidents of the simulator's catalogue, worded by the model.
//!
//! Each is one prompt of evidence and one answer under the product's own grammar. One alone,
//! then many at once; with all shortcuts, then without each of them, to show what it brought.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use appliance_collect::bundle;
use appliance_core::ports::{Completer, CompletionRequest};
use appliance_core::prompt::Prompt;
use appliance_simulator::scenarios::{self, Params};
use inference_core::Generation;
use inference_core::slot::EngineSlot;
use inference_engine::{EngineOptions, LocalEngine, Metrics};
use inference_nn::Activations;
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use tokio::runtime::Builder;

use super::report::{Done, Way, WorkReport};
use crate::completer::ModelCompleter;
use crate::config::{Inference, Model};
use crate::model::engine_options;
use crate::offline::investigate;

/// When the incidents happen, in seconds since 1970: a fixed time, so that the same call does the same work.
const NOW: i64 = 1_790_000_000;
/// Takes a shortcut away.
type Change = fn(&mut EngineOptions);
/// What all of the work is done with, and without which of it each time.
const WAYS: [(&str, Change); 5] = [
    ("all shortcuts", |_| {}),
    ("no prefix cache", |options| options.prefix_cache = false),
    ("no guesses", |options| options.speculation = false),
    ("no forced tokens", |options| options.forced_tokens = false),
    ("one after another", |options| options.sequences_max = 1),
];

/// Does `incidents` incidents with the model in `file` in every way.
pub(super) fn measure(file: &Path, threads: usize, incidents: u32) -> anyhow::Result<WorkReport> {
    let incidents = incidents as usize;
    let mut ways: Vec<Way> = Vec::new();
    let mut told: Vec<String> = Vec::new();
    for (name, change) in WAYS {
        let mut options = options(threads, incidents);
        change(&mut options);
        let slot = EngineSlot::ready(load(file, &options)?);
        let requests = requests(&slot, incidents)?;
        let (first, _) = run(&slot, &requests[..1])?;
        let (storm, answers) = run(&slot, &requests)?;
        if ways.is_empty() {
            told.clone_from(&answers);
        }
        let same = answers
            .iter()
            .zip(&told)
            .filter(|(own, first)| own == first);
        ways.push(Way {
            name: name.to_owned(),
            first,
            storm,
            same_answers: same.count(),
        });
    }
    Ok(WorkReport { incidents, ways })
}

/// The engine as the appliance sets it up, with room in its queue for all incidents.
fn options(threads: usize, incidents: usize) -> EngineOptions {
    let model = Model {
        threads: Some(threads),
        ..Model::default()
    };
    EngineOptions {
        queue_capacity: incidents.max(1),
        ..engine_options(&model, &Inference::default(), Activations::Rounded)
    }
}

fn load(file: &Path, options: &EngineOptions) -> anyhow::Result<Arc<LocalEngine>> {
    let metrics = Metrics::register(&mut Registry::default());
    let engine = LocalEngine::load(file, options, &metrics)?;
    Ok(Arc::new(engine))
}

/// What the appliance would ask about each of `count` incidents, one of every so many recipes.
fn requests(slot: &EngineSlot, count: usize) -> anyhow::Result<Vec<CompletionRequest>> {
    let completer = ModelCompleter::new(slot.clone(), false);
    let profile = completer.profile().context("the model is loaded")?;
    let recipes = scenarios::all();
    let request = |number: usize| {
        let recipe = &recipes[number * recipes.len() / count % recipes.len()];
        let folder = tempfile::tempdir().context("make a folder for an incident")?;
        let params = Params {
            seed: number as u64,
            now: Timestamp::from_second(NOW)?,
        };
        (recipe.build)(&params)
            .write_bundle(folder.path())
            .with_context(|| format!("write scenario {}", recipe.id))?;
        let card = investigate(&bundle::read(folder.path())?);
        Ok(Prompt::write(&card, &profile, &completer).request())
    };
    (0..count).map(request).collect()
}

/// Asks for all of `requests` at once and waits for the last answer.
fn run(slot: &EngineSlot, requests: &[CompletionRequest]) -> anyhow::Result<(Done, Vec<String>)> {
    let started = Instant::now();
    let asked = requests.iter().cloned().map(|request| {
        let generation = ModelCompleter::submit(slot, request)?;
        Ok(generation)
    });
    let asked = asked.collect::<anyhow::Result<Vec<Generation>>>()?;
    let runtime = Builder::new_current_thread()
        .build()
        .context("start a runtime")?;
    let mut done = Done::default();
    let mut answers = Vec::new();
    for generation in asked {
        let answer = runtime.block_on(generation.collect(|_| {}));
        let (text, outcome) = answer.context("an incident was not answered")?;
        let usage = outcome.usage;
        done.prompt_tokens += usage.prompt_tokens;
        done.cached_tokens += usage.cached_tokens;
        done.completion_tokens += usage.completion_tokens;
        done.forced_tokens += usage.forced_tokens;
        done.drafted_tokens += usage.drafted_tokens;
        done.accepted_tokens += usage.accepted_tokens;
        answers.push(text);
    }
    done.seconds = started.elapsed().as_secs_f64();
    Ok((done, answers))
}
