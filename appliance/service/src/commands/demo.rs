//! `anchorite demo`: the whole appliance against simulated clusters.
//!
//! Every scenario is a cluster of its own that answers the Kubernetes, log and
//! Prometheus APIs. Its alert goes through the real webhook; nothing here
//! knows what is wrong.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use appliance_collect::kube::KubeAccess;
use appliance_core::incident::IncidentId;
use appliance_egress::{AllowList, Client, Destination, Egress, Limits, Roots};
use appliance_simulator::scenarios::{self, Params, Recipe, ScenarioRun};
use appliance_simulator::{Options, Simulator};
use appliance_store::{ListRow, Stage};
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use serde_json::Value;

use crate::app::{App, Site};
use crate::commands::serve::stop_signal;
use crate::commands::{Outcome, WrongCall, print};
use crate::config::Config;
use crate::options::DemoOptions;
use crate::sources::SourceOptions;

/// The recipes that open the registry are the ones told in demos.
const STORIES: usize = 12;

/// Between two alerts, so that a person sees them arrive.
const PAUSE: Duration = Duration::from_millis(700);

/// How often the demo looks what has been concluded.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Longest wait for all analyses with `--once`.
const ONCE_MAX: Duration = Duration::from_mins(5);

/// A scenario and the cluster that plays it.
struct Play {
    recipe: &'static Recipe,
    run: ScenarioRun,
    simulator: Simulator,
}

/// Runs the demo until it is stopped, or until all is analysed with `--once`.
///
/// # Errors
/// An unknown scenario, an address or folder that cannot be had.
pub async fn run(options: DemoOptions) -> anyhow::Result<Outcome> {
    let Some(recipes) = choose(options.scenario.as_deref())? else {
        return Ok(Outcome::Done);
    };
    let plays = start(&recipes, options.seed).await?;
    let folder = tempfile::tempdir().context("make a folder for the demo's data")?;
    let app = App::start(
        &config(&options, folder.path()),
        Site::Several(clusters(&plays)),
    )
    .await?;
    print(&format!("console: http://{}/", app.address()));
    let url = format!("http://{}/api/v1/alertmanager", app.address());
    let narrate = async {
        fire(&plays, &url).await?;
        follow(&app, plays.len()).await
    };
    if options.once {
        tokio::time::timeout(ONCE_MAX, narrate)
            .await
            .context("not everything was analysed in time")??;
        app.run(std::future::ready(())).await?;
        return Ok(Outcome::Done);
    }
    let (told, ()) = tokio::join!(narrate, async {
        print("stop with Ctrl-C");
    });
    told?;
    app.run(stop_signal()).await?;
    Ok(Outcome::Done)
}

/// The recipes to play; `None` when they were only listed.
fn choose(name: Option<&str>) -> Result<Option<Vec<&'static Recipe>>, WrongCall> {
    match name {
        Some("list") => {
            for recipe in scenarios::all() {
                print(&format!("{:<40} {}", recipe.id, recipe.title));
            }
            Ok(None)
        }
        Some(name) => match scenarios::all().iter().find(|recipe| recipe.id == name) {
            Some(recipe) => Ok(Some(vec![recipe])),
            None => Err(WrongCall(format!(
                "no scenario is called {name:?}; `anchorite demo --scenario list` prints them"
            ))),
        },
        None => Ok(Some(scenarios::all().iter().take(STORIES).collect())),
    }
}

async fn start(recipes: &[&'static Recipe], seed: u64) -> anyhow::Result<Vec<Play>> {
    let mut plays = Vec::new();
    for (number, recipe) in (0..).zip(recipes) {
        // Another seed each, so that every cluster has names of its own.
        let params = Params {
            seed: seed.wrapping_add(number),
            now: Timestamp::now(),
        };
        let run = (recipe.build)(&params);
        let simulator = Simulator::start(run.after.clone(), Options::default())
            .await
            .context("start a simulated cluster")?;
        plays.push(Play {
            recipe,
            run,
            simulator,
        });
    }
    Ok(plays)
}

fn config(options: &DemoOptions, folder: &Path) -> Config {
    let mut config = Config {
        listen: options.listen,
        data_dir: folder.to_owned(),
        cluster: "demo".to_owned(),
        ..Config::default()
    };
    config.model.apply(&options.model);
    config
}

fn clusters(plays: &[Play]) -> BTreeMap<String, SourceOptions> {
    plays
        .iter()
        .map(|play| {
            let access = KubeAccess::Server {
                url: play.simulator.kubernetes_url(),
                token_file: None,
                ca_file: None,
            };
            let options =
                SourceOptions::simulated(access, play.recipe.id, play.simulator.prometheus_url());
            (play.recipe.id.to_owned(), options)
        })
        .collect()
}

/// Posts each scenario's alert to the webhook, as Alertmanager would.
async fn fire(plays: &[Play], url: &str) -> anyhow::Result<()> {
    let uri: http::Uri = url.parse()?;
    let allowed: AllowList = std::iter::once(Destination::of_uri(&uri)?).collect();
    let egress = Egress::new(allowed, &mut Registry::default());
    let client = Client::try_new(&egress, &Roots::default(), Limits::default())?;
    for play in plays {
        let body = with_cluster(play.run.alert.clone(), play.recipe.id).to_string();
        let request = http::Request::post(uri.clone())
            .header("content-type", "application/json")
            .body(body.into())?;
        let answer = client.send(request).await?;
        anyhow::ensure!(
            answer.status().is_success(),
            "the webhook answered {}",
            answer.status()
        );
        print(&format!(
            "fired    {:<36} {}",
            play.recipe.id, play.recipe.title
        ));
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Adds the label by which the appliance finds the alert's cluster.
fn with_cluster(mut body: Value, cluster: &str) -> Value {
    for alert in body["alerts"].as_array_mut().into_iter().flatten() {
        alert["labels"]["cluster"] = cluster.into();
    }
    body["groupKey"] = format!("{{}}:{{cluster=\"{cluster}\"}}").into();
    body
}

/// Prints what the appliance concludes, until every incident is analysed.
///
/// A card whose wording failed stands as the rules wrote it, so an incident
/// is finished when nothing more is in hand for it.
async fn follow(app: &App, expected: usize) -> anyhow::Result<()> {
    let mut finished: Vec<IncidentId> = Vec::new();
    let mut look = tokio::time::interval(LOOK_EVERY);
    while finished.len() < expected {
        look.tick().await;
        let idle = app.backend().pipeline.queue().is_idle();
        for event in app.ledger().store().events_since(0) {
            let row = &event.row;
            let settled = row.stage == Some(Stage::Worded) || (idle && row.stage.is_some());
            if settled && !finished.contains(&row.id) {
                finished.push(row.id);
                print(&conclusion(row));
            }
        }
    }
    print(&format!("{} incidents analysed", finished.len()));
    Ok(())
}

fn conclusion(row: &ListRow) -> String {
    let object = row
        .analysis
        .object
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let cause = match row.analysis.cause.as_str() {
        "" => "no clear cause",
        cause => cause,
    };
    format!("analysed {} {cause} {object}", row.id)
}
