//! Writes every scenario as an incident bundle:
//! `cargo run -p appliance-simulator --example bundles -- OUT_DIR [--seeds N] [--only PART]`.
//!
//! `--only` takes the scenarios whose identifier holds PART.

use std::path::PathBuf;

use appliance_simulator::scenarios::{self, Params};
use jiff::Timestamp;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let out = PathBuf::from(arguments.next().ok_or("give the folder to write to")?);
    let (mut seeds, mut only) = (1_u64, String::new());
    while let Some(option) = arguments.next() {
        let value = arguments.next().ok_or("an option needs a value")?;
        match option.as_str() {
            "--seeds" => seeds = value.parse()?,
            "--only" => only = value,
            _ => return Err("the options are --seeds N and --only PART".into()),
        }
    }
    let wanted = |id: &str| id.contains(only.as_str());
    for recipe in scenarios::all().iter().filter(|recipe| wanted(recipe.id)) {
        for seed in 0..seeds {
            // A fixed time, spread by seed: the same call writes the same bundles.
            let now = Timestamp::from_second(1_790_000_000 + i64::try_from(seed)? * 86_417)?;
            let run = (recipe.build)(&Params { seed, now });
            run.write_bundle(&out.join(format!("{}-{seed:04}", recipe.id)))?;
        }
    }
    Ok(())
}
