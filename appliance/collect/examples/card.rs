//! Prints the cards of the simulator's scenarios as they are pasted into a
//! ticket, to be read by a person: `card [SEED] NAME…`.

#![allow(clippy::print_stdout, reason = "a text for a person")]

use std::error::Error;

use appliance_core::analysis::{AlertSummary, IncidentSummary};
use appliance_core::card::markdown;
use appliance_core::investigation::{Investigation, subjects_of};
use appliance_core::resolver::Aliases;
use appliance_simulator::scenarios::{self, Params};
use jiff::Timestamp;

fn main() -> Result<(), Box<dyn Error>> {
    let (seeds, names): (Vec<String>, Vec<String>) = std::env::args()
        .skip(1)
        .partition(|word| word.chars().all(|c| c.is_ascii_digit()));
    let seed = seeds.first().map_or(Ok(0), |text| text.parse())?;
    if names.is_empty() {
        return Err("usage: card [SEED] NAME…".into());
    }
    let wanted = |id: &str| names.iter().any(|part| id.contains(part.as_str()));
    let recipes = scenarios::all().iter();
    for recipe in recipes.filter(|recipe| wanted(recipe.id)) {
        let now = Timestamp::from_second(1_790_000_000)?;
        let run = (recipe.build)(&Params { seed, now });
        let folder = tempfile::tempdir()?;
        run.write_bundle(folder.path())?;
        let bundle = appliance_collect::bundle::read(folder.path())?;
        let alerts = bundle.alert.map(|alert| alert.alerts).unwrap_or_default();
        let subjects = subjects_of(&alerts, &Aliases::default(), &bundle.snapshot);
        let investigation = Investigation {
            snapshot: &bundle.snapshot,
            alerts: &alerts,
            subjects: &subjects,
        };
        let incident = IncidentSummary {
            title: recipe.title.to_owned(),
            started_at: Some(investigation.started_at()),
            alerts: alerts.iter().map(AlertSummary::from).collect(),
            ..IncidentSummary::default()
        };
        println!("{}\n", markdown::render(&investigation.run(incident)));
    }
    Ok(())
}
