//! The running appliance: everything wired, listening, until it is told to stop.

mod site;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use appliance_egress::{AllowList, Egress};
use appliance_http::backend::ConsoleBackend;
use appliance_http::receiver::Receiver;
use appliance_sinks::{Dispatcher, DispatcherOptions};
use appliance_store::{Ledger, LedgerOptions};
use inference_core::Models;
use inference_core::slot::EngineSlot;
use inference_engine::{Metrics as EngineMetrics, ModelSet};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

pub use self::site::Site;

use crate::analyst::Analyst;
use crate::backend::{Backend, BackendParts, StatusBoard};
use crate::bundles::Bundles;
use crate::channels::Channels;
use crate::completer::ModelCompleter;
use crate::config::Config;
use crate::hub::Hub;
use crate::investigator::Investigator;
use crate::machine::{self, MachineMetrics};
use crate::model::{self, ModelFile};
use crate::pipeline::{Parts, Pipeline, PipelineMetrics};
use crate::routes;

/// Time open requests have to end after the appliance was told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// A running appliance.
#[derive(Debug)]
pub struct App {
    address: SocketAddr,
    stop: CancellationToken,
    receiver: Arc<Receiver<Ledger>>,
    server: JoinHandle<std::io::Result<()>>,
    // Workers end with the app.
    workers: JoinSet<()>,
    ledger: Ledger,
    backend: Backend,
    models: Arc<ModelSet>,
}

impl App {
    /// Opens the data directory, wires the parts and listens.
    ///
    /// Returns once alerts are accepted; the model may still be loading.
    ///
    /// # Errors
    /// What in the configuration or on the disk cannot be used.
    pub async fn start(config: &Config, site: Site) -> anyhow::Result<Self> {
        let mut registry = Registry::default();
        let ledger = open_ledger(config)?;
        let channels = Channels::of(&config.sinks);
        let mut allowed = AllowList::default();
        site.allow(&mut allowed).await?;
        channels.allow(&mut allowed).await?;
        let egress = Egress::new(allowed, &mut registry);
        let sources = site.connect(&egress).await?;
        let sinks = Dispatcher::new(
            channels.connect(&egress)?,
            DispatcherOptions::default(),
            &mut registry,
        );

        let embedder = model::embedder(&config.inference).await?;
        let config = &model::beside(config, embedder.as_deref())?;
        let slot = EngineSlot::default();
        let model = prepare_model(config)?;
        if model.is_some() {
            // Before the pipeline looks: cards of the last run wait for it.
            slot.set_loading();
        }
        let completer = ModelCompleter::new(
            slot.clone(),
            model.as_ref().is_some_and(|model| model.aliases),
        );
        let analyst = Analyst::new(Arc::new(completer));
        let hub = Arc::new(Hub::default());
        let bundles = Arc::new(Bundles::open(config.data_dir.join("bundles"))?);
        let parts = Parts {
            ledger: ledger.clone(),
            investigator: Investigator::new(
                sources.source.clone(),
                Arc::clone(&bundles),
                config.labels.clone(),
            ),
            analyst: analyst.clone(),
            slot: slot.clone(),
            hub: Arc::clone(&hub),
            sinks,
            metrics: PipelineMetrics::register(&mut registry),
            console_url: config.console_url.clone(),
        };
        let (pipeline, mut workers) = Pipeline::start(parts);
        let engine_metrics = EngineMetrics::register(&mut registry);
        let machine_metrics = MachineMetrics::register(&mut registry);
        let models = Arc::new(model::set(config, slot.clone(), engine_metrics.clone()));
        let intake = routes::Intake::new(config, ledger.clone(), &mut registry)?;
        let status = Arc::new(StatusBoard::new(
            config.cluster.clone(),
            egress,
            slot.clone(),
            registry,
            ledger.clone(),
        ));
        workers.spawn(Arc::clone(&status).watch(sources.health));
        workers.spawn(load_model(
            config.clone(),
            model,
            Loading {
                slot: slot.clone(),
                models: Arc::clone(&models),
                metrics: engine_metrics,
                machine_metrics,
            },
            Arc::clone(&status),
        ));
        let stop = CancellationToken::new();
        let backend = Backend::from(BackendParts {
            ledger: ledger.clone(),
            pipeline,
            analyst,
            hub,
            bundles,
            status: Arc::clone(&status),
            stop: stop.clone(),
        });

        let receiver = intake.receiver();
        let console: Arc<dyn ConsoleBackend> = Arc::new(backend.clone());
        let router = routes::router(
            console,
            status,
            intake,
            Arc::clone(&models) as Arc<dyn Models>,
            embedder,
        );
        let listener = TcpListener::bind(config.listen)
            .await
            .with_context(|| format!("listen on {}", config.listen))?;
        let address = listener.local_addr()?;
        let stopped = stop.clone().cancelled_owned();
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let serving = axum::serve(listener, service).with_graceful_shutdown(stopped);
        let server = tokio::spawn(serving.into_future());
        info!(%address, data_dir = %config.data_dir.display(), "listening");
        Ok(Self {
            address,
            stop,
            receiver,
            server,
            workers,
            ledger,
            backend,
            models,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it knows.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// How the console sees it.
    pub fn backend(&self) -> &Backend {
        &self.backend
    }

    /// Runs until `shutdown` completes or the server fails.
    ///
    /// # Errors
    /// The server's failure.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
        tokio::select! {
            ended = &mut self.server => return Ok(ended??),
            () = shutdown => info!("stopping"),
        }
        // Alertmanager tries again with the successor.
        self.receiver.drain();
        self.stop.cancel();
        let models = self.models;
        let drained = tokio::task::spawn_blocking(move || models.drain(GRACE));
        // Streams to open consoles end with the token; slow requests have this long.
        if tokio::time::timeout(GRACE, &mut self.server).await.is_err() {
            self.server.abort();
            let _ = self.server.await;
        }
        if !drained.await.unwrap_or(false) {
            warn!("answers of the model were broken off");
        }
        // The last holder of the ledger closes it; the workers are holders.
        self.workers.shutdown().await;
        Ok(())
    }
}

fn open_ledger(config: &Config) -> anyhow::Result<Ledger> {
    let options = LedgerOptions {
        aliases: config.labels.clone(),
        ..LedgerOptions::default()
    };
    let (ledger, report) = Ledger::open(&config.data_dir, options)
        .with_context(|| format!("open the data directory {}", config.data_dir.display()))?;
    for damaged in &report.journal.damaged {
        error!(
            first = damaged.first,
            last = damaged.last,
            "journal records are damaged and were left out"
        );
    }
    if let Some(rebuilt) = &report.rebuilt {
        warn!(?rebuilt, "the index was rebuilt from the journal");
    }
    Ok(ledger)
}

fn prepare_model(config: &Config) -> anyhow::Result<Option<ModelFile>> {
    if !config.model.enabled {
        return Ok(None);
    }
    let folder: &Path = &config.data_dir.join("models");
    Ok(Some(model::file(&config.model, folder)?))
}

/// Where the default model goes once it is loaded.
struct Loading {
    slot: EngineSlot,
    models: Arc<ModelSet>,
    metrics: EngineMetrics,
    machine_metrics: MachineMetrics,
}

/// Measures the machine, then loads the model if there is one: in this order, so that they do
/// not take the machine from each other.
async fn load_model(
    config: Config,
    file: Option<ModelFile>,
    loading: Loading,
    status: Arc<StatusBoard>,
) {
    let Loading {
        slot,
        models,
        metrics,
        machine_metrics,
    } = loading;
    if let Ok(Some(measured)) = tokio::task::spawn_blocking(machine::at_start).await {
        machine_metrics.set(measured);
    }
    let Some(file) = file else {
        return;
    };
    match model::load(&config.model, &config.inference, &file, metrics).await {
        Ok(engine) => {
            info!(file = %file.path.display(), "the model is loaded");
            models.set_default(engine, file.path);
        }
        Err(failure) => {
            error!(error = %format!("{failure:#}"), "the model cannot be loaded; cards stand as the rules write them");
            status.model_failed(format!("{failure:#}"));
            slot.set_empty();
        }
    }
}
