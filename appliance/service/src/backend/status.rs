//! The appliance's own state, for the console's header and for health checks.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use appliance_egress::Egress;
use appliance_http::health::{HealthReport, HealthSource, Subsystem};
use appliance_http::wire::{
    Condition, EgressStatus, IntakeStatus, ModelState, ModelStatus, QueueStatus, SourceStatus,
    StatusReport,
};
use appliance_store::Ledger;
use inference_core::EngineError;
use inference_core::slot::EngineSlot;
use inference_core::speed::advice;
use jiff::Timestamp;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use crate::machine;
use crate::pipeline::Pipeline;
use crate::sources::Sources;

/// How often sources are asked whether they are there.
const PING_EVERY: Duration = Duration::from_secs(15);

/// Time a source has to answer that.
const PING_MAX: Duration = Duration::from_secs(3);

/// What is known of the appliance's parts.
pub struct StatusBoard {
    cluster: String,
    egress: Egress,
    slot: EngineSlot,
    registry: Registry,
    ledger: Ledger,
    // Written by the pinging task, read by every status request.
    sources: RwLock<BTreeMap<&'static str, SourceStatus>>,
    // Written once when a model cannot be loaded.
    model_failure: Mutex<Option<String>>,
}

impl fmt::Debug for StatusBoard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatusBoard")
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}

impl StatusBoard {
    /// A board over the parts whose state it tells.
    pub fn new(
        cluster: String,
        egress: Egress,
        slot: EngineSlot,
        registry: Registry,
        ledger: Ledger,
    ) -> Self {
        Self {
            cluster,
            egress,
            slot,
            registry,
            ledger,
            sources: RwLock::default(),
            model_failure: Mutex::default(),
        }
    }

    /// Says why the model could not be loaded.
    pub fn model_failed(&self, reason: String) {
        *self
            .model_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(reason);
    }

    /// The report the console shows.
    pub fn report(&self, ledger: &Ledger, pipeline: &Pipeline) -> StatusReport {
        let now = Timestamp::now();
        let queue = pipeline.queue();
        let (notifications, alerts, last_at) = ledger.store().intake();
        let (watchdog_at, watchdog_late) = ledger.store().watchdog(now);
        let counts = self.egress.counts();
        StatusReport {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cluster: self.cluster.clone(),
            now,
            journal_seq: ledger.journal().durable_seq(),
            sources: self.sources(),
            model: self.model(),
            queue: QueueStatus {
                waiting: queue.waiting,
                running: queue.running,
                oldest_seconds: queue.oldest.map_or(0, |oldest| {
                    now.duration_since(oldest).as_secs().max(0).unsigned_abs()
                }),
            },
            intake: IntakeStatus {
                notifications_total: notifications,
                alerts_total: alerts,
                last_at,
                watchdog_at,
                watchdog_late,
            },
            egress: EgressStatus {
                allowed_total: counts.values().map(|count| count.dialled).sum(),
                refused_total: counts.values().map(|count| count.denied).sum(),
            },
        }
    }

    fn sources(&self) -> Vec<SourceStatus> {
        let sources = self.sources.read().unwrap_or_else(PoisonError::into_inner);
        sources.values().cloned().collect()
    }

    fn failure(&self) -> Option<String> {
        let failure = self.model_failure.lock();
        failure.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn model(&self) -> ModelStatus {
        let failure = self.failure();
        let engine = self.slot.engine();
        let (state, name) = match &engine {
            Ok(engine) => (ModelState::Ready, engine.model().name.clone()),
            Err(EngineError::Loading) => (ModelState::Loading, String::new()),
            Err(_) if failure.is_some() => (ModelState::Failed, String::new()),
            Err(_) => (ModelState::Off, String::new()),
        };
        let speed = engine.ok().and_then(|engine| engine.speed());
        let machine = machine::known().map(advice);
        let words = [failure, speed.map(|speed| speed.to_string()), machine];
        ModelStatus {
            state,
            name,
            tokens_per_second: speed.map(|speed| speed.decode),
            detail: words.into_iter().flatten().collect::<Vec<_>>().join("; "),
        }
    }

    /// Asks the sources whether they are there, for as long as it is polled.
    pub async fn watch(self: Arc<Self>, sources: Sources) {
        loop {
            if let Some(kubernetes) = &sources.kubernetes {
                let answer = kubernetes
                    .ping(PING_MAX)
                    .await
                    .map_err(|error| error.to_string());
                self.seen("kubernetes", answer);
            }
            if let Some(prometheus) = &sources.prometheus {
                let answer = tokio::time::timeout(PING_MAX, prometheus.ping()).await;
                let answer = match answer {
                    Ok(answer) => answer
                        .map(|()| String::new())
                        .map_err(|error| error.to_string()),
                    Err(_) => Err("no answer in time".to_owned()),
                };
                self.seen("prometheus", answer);
            }
            tokio::time::sleep(PING_EVERY).await;
        }
    }

    fn seen(&self, name: &'static str, answer: Result<String, String>) {
        let (condition, detail) = match answer {
            Ok(detail) => (Condition::Ok, detail),
            Err(detail) => (Condition::Down, detail),
        };
        let mut sources = self.sources.write().unwrap_or_else(PoisonError::into_inner);
        let since = sources
            .get(name)
            .filter(|before| before.condition == condition)
            .and_then(|before| before.since)
            .or_else(|| Some(Timestamp::now()));
        let status = SourceStatus {
            name: name.to_owned(),
            condition,
            detail,
            since,
        };
        sources.insert(name, status);
    }

    fn intake(&self) -> Subsystem {
        let failure = self.ledger.journal().failure().map(ToOwned::to_owned);
        subsystem("journal", failure, Condition::Down)
    }

    fn index(&self) -> Subsystem {
        subsystem("index", self.ledger.store().failure(), Condition::Degraded)
    }
}

fn subsystem(name: &str, failure: Option<String>, condition: Condition) -> Subsystem {
    Subsystem {
        name: name.to_owned(),
        condition: if failure.is_some() {
            condition
        } else {
            Condition::Ok
        },
        detail: failure.unwrap_or_default(),
    }
}

impl HealthSource for StatusBoard {
    /// Ready as long as alerts can be made durable; all else degrades.
    fn health(&self) -> HealthReport {
        let intake = self.intake();
        let ready = intake.condition == Condition::Ok;
        let model = self.model();
        let mut subsystems = vec![intake, self.index()];
        subsystems.extend(self.sources().into_iter().map(|source| Subsystem {
            name: source.name,
            condition: source.condition,
            detail: source.detail,
        }));
        subsystems.push(Subsystem {
            name: "model".to_owned(),
            condition: match model.state {
                ModelState::Ready => Condition::Ok,
                ModelState::Loading => Condition::Degraded,
                ModelState::Off => Condition::Off,
                ModelState::Failed => Condition::Down,
            },
            detail: self.failure().unwrap_or(model.name),
        });
        HealthReport { ready, subsystems }
    }

    fn metrics(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
