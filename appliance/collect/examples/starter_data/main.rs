//! Writes training data of the starter model: one JSON line per incident, with
//! the prompt exactly as the product writes it and the answer that is right.
//!
//! Usage: `cargo run --release -p appliance-collect --example starter_data -- OUT.jsonl [SEEDS] [ONE_IN]`
//! (`ONE_IN` takes every so many recipes only, to try the training out).
//!
//! Incidents are the simulator's, through the product's own rules; `variants`
//! makes harder ones of them, `line` writes them down. The same seeds give the
//! same bytes, however many threads run.

mod line;
mod names;
mod told;
mod variants;

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use appliance_simulator::scenarios::{self, Recipe};

use self::told::Told;
use self::variants::{Rng, of};

/// Seeds per recipe where none are asked for.
const SEEDS: u64 = 8;

/// Why an incident could not be made.
type Problem = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Problem> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: starter_data OUT.jsonl [SEEDS] [ONE_IN]";
    let out = arguments.next().ok_or(usage)?;
    let seeds = arguments.next().map_or(Ok(SEEDS), |text| text.parse())?;
    let one_in: NonZeroUsize = arguments
        .next()
        .map_or(Ok(NonZeroUsize::MIN), |text| text.parse())?;

    let recipes = || scenarios::all().iter().step_by(one_in.get());
    let jobs: Vec<(&Recipe, u64)> = (0..seeds)
        .flat_map(|seed| recipes().map(move |recipe| (recipe, seed)))
        .collect();
    let told = in_parallel(jobs.len(), |job| {
        let (recipe, seed) = jobs[job];
        told::of(recipe, seed).map_err(|problem| format!("{}: {problem}", recipe.id))
    })
    .into_iter()
    .collect::<Result<Vec<Vec<Told>>, _>>()?;
    eprintln!("{} incidents analyzed", jobs.len());

    let lines = in_parallel(jobs.len(), |job| {
        let (_, seed) = jobs[job];
        let mut rng = Rng::of(seed, job as u64);
        let partner = partner(&told, job, &mut rng);
        of(&told[job], partner, &mut rng)
            .iter()
            .map(|told| line::of(told, seed).to_string())
            .collect::<Vec<_>>()
    });
    let mut file = BufWriter::new(File::create(&out)?);
    let mut written = 0;
    for line in lines.iter().flatten() {
        writeln!(file, "{line}")?;
        written += 1;
    }
    file.flush()?;
    eprintln!("{written} lines in {out}");
    Ok(())
}

/// Another incident to stand beside `told[job]`, of the same side of the
/// split: what is held out may not be seen in training as a neighbour either.
fn partner<'a>(told: &'a [Vec<Told>], job: usize, rng: &mut Rng) -> Option<&'a Told> {
    let own = told[job].first()?;
    let side = models::held_out(own.recipe);
    (0..64)
        .filter_map(|_| told[rng.below(told.len())].first())
        .find(|other| other.recipe != own.recipe && models::held_out(other.recipe) == side)
}

/// `work` of every number below `count`, in order, on all cores.
fn in_parallel<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(count));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let job = next.fetch_add(1, Ordering::Relaxed);
                    if job >= count {
                        return;
                    }
                    let result = work(job);
                    if let Ok(mut done) = done.lock() {
                        done.push((job, result));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(job, _)| *job);
    done.into_iter().map(|(_, result)| result).collect()
}
