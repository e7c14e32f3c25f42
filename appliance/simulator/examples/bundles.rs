//! Writes every scenario as an incident bundle:
//! `cargo run -p appliance-simulator --example bundles -- OUT_DIR [--seeds N]`.

use std::path::PathBuf;

use appliance_simulator::scenarios::{self, Params};
use jiff::Timestamp;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let out = PathBuf::from(arguments.next().ok_or("give the folder to write to")?);
    let seeds: u64 = match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => 1,
        (Some("--seeds"), Some(count)) => count.parse()?,
        _ => return Err("the only option is --seeds N".into()),
    };
    for recipe in scenarios::all() {
        for seed in 0..seeds {
            // A fixed time, spread by seed: the same call writes the same bundles.
            let now = Timestamp::from_second(1_790_000_000 + i64::try_from(seed)? * 86_417)?;
            let run = (recipe.build)(&Params { seed, now });
            run.write_bundle(&out.join(format!("{}-{seed:04}", recipe.id)))?;
        }
    }
    Ok(())
}
