//! `anchorite model import|list|verify|remove`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use inference_core::Engine as _;
use inference_core::embedding::Embedder as _;
use inference_embedding::SentenceModel;
use inference_engine::{DecoderOptions, EngineOptions, LocalEngine, Metrics};
use inference_nn::Safetensors;
use prometheus_client::registry::Registry;
use tracing::subscriber::NoSubscriber;

use crate::commands::{Outcome, WrongCall, print};
use crate::config::Config;
use crate::model;
use crate::options::{ModelCommand, ShelfOptions, TableFormat};
use crate::shelf::{Checked, Import, Kind, Progress, Shelf, ShelfError, Shelved};

/// Window a model is tried with: its memory is small, its weights are all looked at.
const TRIAL_TOKENS: usize = 256;

/// Imports, lists, verifies or removes models.
///
/// # Errors
/// What is wrong with the model, its name or the disk, and what to do.
pub async fn run(command: ModelCommand) -> anyhow::Result<Outcome> {
    // Copying and hashing gigabytes would block the threads that serve.
    tokio::task::spawn_blocking(move || dispatch(&command)).await?
}

fn dispatch(command: &ModelCommand) -> anyhow::Result<Outcome> {
    match command {
        ModelCommand::Import { path, name, shelf } => {
            let (_, shelf) = open(shelf)?;
            let import = Import {
                source: path,
                name: name.as_deref(),
                check: &check,
                progress: &Bar::new(),
            };
            let model = shelf.import(&import).map_err(call)?;
            print(&format!("imported {}; {}", line(&model), usage(&model)));
            Ok(Outcome::Done)
        }
        ModelCommand::List { format, shelf } => {
            let (config, shelf) = open(shelf)?;
            print(&table(&shelf, &config, *format)?);
            Ok(Outcome::Done)
        }
        ModelCommand::Verify { names, shelf } => {
            let (_, shelf) = open(shelf)?;
            verify(&shelf, names)
        }
        ModelCommand::Remove { name, force, shelf } => {
            let (config, shelf) = open(shelf)?;
            let used = if *force { Vec::new() } else { in_use(&config) };
            shelf.remove(name, &used).map_err(call)?;
            print(&format!("removed {name}"));
            Ok(Outcome::Done)
        }
    }
}

/// The configuration and the shelf in its data directory.
fn open(options: &ShelfOptions) -> anyhow::Result<(Config, Shelf)> {
    let mut config =
        Config::read(options.config.as_deref()).map_err(|error| WrongCall(format!("{error:#}")))?;
    if let Some(data_dir) = &options.data_dir {
        config.data_dir.clone_from(data_dir);
    }
    config.find_models();
    let shelf = config.shelf();
    Ok((config, shelf))
}

/// Names that cannot be and sources without a model are mistakes of the call.
fn call(error: ShelfError) -> anyhow::Error {
    match error {
        ShelfError::Name(_) | ShelfError::Unknown { .. } | ShelfError::NoModel(_) => {
            WrongCall(error.to_string()).into()
        }
        other => other.into(),
    }
}

/// The files that the configuration uses.
fn in_use(config: &Config) -> Vec<PathBuf> {
    let writer = config.model.file.clone().filter(|_| config.model.enabled);
    let embedder = config.inference.embedding_model.clone();
    writer.into_iter().chain(embedder).collect()
}

/// Tries the copy on a thread of its own: a panic is a refused model.
fn check(path: &Path) -> Result<Checked, String> {
    let path = path.to_owned();
    let trial = thread::spawn(move || {
        // What the engine logs is of a server, under a name that does not stay.
        let _quiet = tracing::subscriber::set_default(NoSubscriber::new());
        if Safetensors::is_encoder(&path) {
            try_encoder(&path)
        } else {
            try_writer(&path)
        }
    });
    trial.join().unwrap_or_else(|_| {
        Err("reading it failed unexpectedly; the file is damaged or hostile (error page: model-damaged)".to_owned())
    })
}

/// Reads the sentence model in `folder` and embeds a word with it.
fn try_encoder(folder: &Path) -> Result<Checked, String> {
    let model =
        SentenceModel::open(folder, None).map_err(|error| model::explain_embedding(&error))?;
    model
        .embed(&["pod".to_owned()])
        .map_err(|error| format!("{error} (error page: model-unusable)"))?;
    Ok(Checked {
        kind: Kind::Embedding,
        architecture: "bert".to_owned(),
        parameters: model.parameters(),
        context_tokens: model.context_tokens(),
    })
}

/// Loads the model at `path` with a small window.
fn try_writer(path: &Path) -> Result<Checked, String> {
    let options = EngineOptions {
        decoder: DecoderOptions {
            context_length_max: TRIAL_TOKENS,
            ..DecoderOptions::fast()
        },
        ..EngineOptions::default()
    };
    let metrics = Metrics::register(&mut Registry::default());
    let engine = LocalEngine::load(path, &options, &metrics)
        .map_err(|error| model::explain(&error.problem))?;
    let info = engine.model();
    Ok(Checked {
        kind: Kind::Chat,
        architecture: info.architecture.clone(),
        parameters: info.parameters,
        context_tokens: info.context_length,
    })
}

fn verify(shelf: &Shelf, names: &[String]) -> anyhow::Result<Outcome> {
    let all = || {
        shelf
            .list()
            .into_iter()
            .map(|model| model.manifest.name)
            .collect()
    };
    let names: Vec<String> = if names.is_empty() {
        all()
    } else {
        names.to_vec()
    };
    let mut outcome = Outcome::Done;
    for name in &names {
        let wrong = shelf.verify(name, &Bar::new()).map_err(call)?;
        if wrong.is_empty() {
            print(&format!("{name}: every file is as it was imported"));
        } else {
            outcome = Outcome::Problem;
            print(&format!(
                "{name}: damaged: {} (error page: model-damaged)",
                wrong.join("; ")
            ));
        }
    }
    if names.is_empty() {
        print("no model is imported");
    }
    Ok(outcome)
}

fn table(shelf: &Shelf, config: &Config, format: TableFormat) -> anyhow::Result<String> {
    let models = shelf.list();
    let used = in_use(config);
    let in_use = |model: &Shelved| {
        let path = shelf.path(&model.manifest.name).ok();
        path.is_some_and(|path| used.contains(&path))
    };
    if format == TableFormat::Json {
        let one = |model: &Shelved| {
            let mut json = serde_json::to_value(model)?;
            json["in_use"] = in_use(model).into();
            Ok(json)
        };
        let models: Vec<serde_json::Value> =
            models.iter().map(one).collect::<serde_json::Result<_>>()?;
        return Ok(serde_json::to_string_pretty(
            &serde_json::json!({ "models": models }),
        )?);
    }
    if models.is_empty() {
        return Ok("no model is imported; `anchorite model import PATH` takes one in".to_owned());
    }
    let mut lines = vec![format!(
        "{:<24} {:<9} {:<12} {:>10} {:>10}  {:<20} {}",
        "NAME", "KIND", "ARCHITECTURE", "WEIGHTS", "SIZE", "IMPORTED", "USED"
    )];
    lines.extend(models.iter().map(|model| {
        let imported = model.imported_at.split('.').next().unwrap_or_default();
        let used = if in_use(model) { "yes" } else { "" };
        let (weights, bytes) = (count(model.manifest.parameters), size(model.bytes()));
        let manifest = &model.manifest;
        format!(
            "{:<24} {:<9} {:<12} {weights:>10} {bytes:>10}  {imported:<20} {used}",
            manifest.name,
            model.kind.as_str(),
            manifest.architecture
        )
    }));
    Ok(lines
        .iter()
        .map(|line| line.trim_end())
        .collect::<Vec<_>>()
        .join("\n"))
}

fn usage(model: &Shelved) -> String {
    let name = &model.manifest.name;
    match model.kind {
        Kind::Chat => format!("start it with: anchorite serve --model {name}"),
        Kind::Embedding => {
            format!(
                "use it with: embedding_model = \"{name}\" under [inference] in the configuration"
            )
        }
    }
}

fn line(model: &Shelved) -> String {
    let manifest = &model.manifest;
    format!(
        "{} ({}, {} weights, {})",
        manifest.name,
        manifest.architecture,
        count(manifest.parameters),
        size(model.bytes())
    )
}

fn count(number: u64) -> String {
    match number {
        0..1_000_000 => number.to_string(),
        1_000_000..1_000_000_000 => format!("{:.1}M", number as f64 / 1e6),
        _ => format!("{:.1}B", number as f64 / 1e9),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
        _ => format!("{:.1} GiB", bytes as f64 / 1_073_741_824.0),
    }
}

/// A bar on a terminal, a plain line at the beginning elsewhere.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        Self(ProgressBar::with_draw_target(
            Some(0),
            ProgressDrawTarget::stderr(),
        ))
    }
}

impl Progress for Bar {
    fn begin(&self, what: &str, bytes: u64) {
        let style = ProgressStyle::with_template(
            "{msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        );
        self.0
            .set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        self.0.set_length(bytes);
        self.0.set_message(what.to_owned());
        self.0.enable_steady_tick(Duration::from_millis(200));
        if !std::io::stderr().is_terminal() {
            eprintln!("{what}: reading {}", size(bytes));
        }
    }

    fn advance(&self, bytes: u64) {
        self.0.inc(bytes);
    }

    fn end(&self) {
        self.0.finish_and_clear();
    }
}
