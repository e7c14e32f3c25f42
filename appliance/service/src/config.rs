//! The configuration: a TOML file in which every key has a default.
//!
//! Unknown keys are errors. Secrets are named by file and never printed.

mod error;

pub use self::error::ConfigError;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use appliance_core::resolver::Aliases;
use inference_engine::EngineOptions;
use inference_nn::Safetensors;
use serde::{Deserialize, Serialize};

use crate::options::{ModelOptions, ServeOptions};
use crate::shelf::Shelf;

/// Everything a site can set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address to listen on. Beyond loopback `auth.credentials_file` is required.
    pub listen: SocketAddr,
    /// Directory of the journal, the index and captured bundles.
    pub data_dir: PathBuf,
    /// The cluster's name, shown in the console and written into bundles.
    pub cluster: String,
    /// Who may talk to the appliance.
    pub auth: Auth,
    /// How to reach the Kubernetes API.
    pub kubernetes: Kubernetes,
    /// How to reach Prometheus or VictoriaMetrics.
    pub prometheus: Prometheus,
    /// Which model words analyses and answers under `/v1/`.
    pub model: Model,
    /// How models run, and which others can be asked for.
    pub inference: Inference,
    /// Where analyses are sent.
    pub sinks: Vec<Sink>,
    /// Labels that name objects on this site.
    pub labels: Aliases,
    /// Address under which people reach the console, for links in notices.
    pub console_url: String,
}

/// Who may talk to the appliance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// File of accepted credentials: lines `bearer TOKEN` or `basic USER:PASSWORD`.
    pub credentials_file: Option<PathBuf>,
}

/// How to reach the Kubernetes API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Kubernetes {
    /// Kubeconfig file; the pod's own service account is used where this is
    /// absent and `in_cluster` is true.
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig; its current one otherwise.
    pub context: Option<String>,
    /// Use the service account mounted into this pod.
    pub in_cluster: bool,
}

/// How to reach Prometheus or VictoriaMetrics.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Prometheus {
    /// Base URL; metrics are listed as missing where it is absent.
    pub url: Option<String>,
    /// File with a bearer token.
    pub bearer_token_file: Option<PathBuf>,
    /// Additional CA certificate file (PEM).
    pub ca_file: Option<PathBuf>,
}

/// Which model words analyses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Model {
    /// Whether a model is loaded at all.
    pub enabled: bool,
    /// GGUF file, folder, or name of an imported model; the embedded starter model otherwise.
    pub file: Option<PathBuf>,
    /// Threads for inference; all cores otherwise.
    pub threads: Option<usize>,
    /// Largest context to allocate, tokens.
    pub context_tokens_max: usize,
}

/// How keys and values are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KvDtype {
    /// 32-bit reals.
    F32,
    /// 16-bit reals.
    F16,
    /// Signed bytes with a scale for each 32 of them, as products with weights round what they take.
    #[default]
    #[serde(rename = "q8_0")]
    Q8,
}

/// How models run, and which others can be asked for under `/v1/`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Inference {
    /// Directory of models that can be asked for by name; `models` in the data directory otherwise.
    pub models_dir: Option<PathBuf>,
    /// Folder, or name of an imported model, that turns texts into vectors under `/v1/embeddings`.
    pub embedding_model: Option<PathBuf>,
    /// Bytes of weights, keys and values of all models together; three quarters of the
    /// memory this process may use otherwise.
    pub memory_bytes_max: Option<u64>,
    /// Bytes of keys and values of one model; an eighth of that memory, at most 8 GiB, otherwise.
    pub kv_bytes_max: Option<u64>,
    /// How keys and values are stored; smaller types hold more tokens and round more.
    pub kv_dtype: KvDtype,
    /// Requests that one model answers side by side.
    pub sequences_max: usize,
    /// Requests that may wait for one model.
    pub queue_capacity: usize,
    /// How long a request waits for a place in a full queue before it is refused, seconds.
    pub queue_patience_seconds: u64,
    /// Whether answers are guessed ahead by prompt lookup; they are the same either way.
    pub speculation: bool,
}

/// A channel analyses are sent to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum Sink {
    /// One JSON line per notice on standard output.
    Stdout {},
    /// POST of the notice as JSON.
    Webhook {
        /// Where to.
        url: String,
        /// File with a bearer token.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bearer_token_file: Option<PathBuf>,
        /// File with the key that signs each POST (HMAC-SHA256).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signing_key_file: Option<PathBuf>,
        /// Additional CA certificate file (PEM).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ca_file: Option<PathBuf>,
    },
    /// Incoming webhook of Slack, Mattermost or what speaks like them.
    Slack {
        /// File with the webhook's URL, which is a secret.
        url_file: PathBuf,
        /// Additional CA certificate file (PEM).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ca_file: Option<PathBuf>,
    },
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8470)),
            data_dir: PathBuf::from("anchorite-data"),
            cluster: String::new(),
            auth: Auth::default(),
            kubernetes: Kubernetes::default(),
            prometheus: Prometheus::default(),
            model: Model::default(),
            inference: Inference::default(),
            sinks: Vec::new(),
            labels: Aliases::default(),
            console_url: String::new(),
        }
    }
}

impl Default for Model {
    fn default() -> Self {
        Self {
            enabled: true,
            file: None,
            threads: None,
            // Evidence of 2k to 8k tokens is the product's work; more costs KV memory.
            context_tokens_max: 8192,
        }
    }
}

impl Default for Inference {
    fn default() -> Self {
        let engine = EngineOptions::default();
        Self {
            models_dir: None,
            embedding_model: None,
            memory_bytes_max: None,
            kv_bytes_max: None,
            kv_dtype: KvDtype::default(),
            sequences_max: engine.sequences_max,
            queue_capacity: engine.queue_capacity,
            queue_patience_seconds: engine.queue_patience.as_secs(),
            speculation: engine.speculation,
        }
    }
}

impl Config {
    /// Reads `file`, or the defaults where there is none, and applies `options`.
    ///
    /// # Errors
    /// [`ConfigError`] says which file, key or value cannot be used.
    pub fn resolve(options: &ServeOptions) -> Result<Self, ConfigError> {
        let mut config = Self::read(options.config.as_deref())?;
        if let Some(listen) = options.listen {
            config.listen = listen;
        }
        if let Some(data_dir) = &options.data_dir {
            config.data_dir.clone_from(data_dir);
        }
        config.model.apply(&options.model);
        config.find_models();
        config.check()?;
        Ok(config)
    }

    /// Reads `file` without checking it, or gives the defaults.
    ///
    /// # Errors
    /// [`ConfigError::Read`] and [`ConfigError::Parse`].
    pub fn read(file: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(file) = file else {
            return Ok(Self::default());
        };
        let text = std::fs::read_to_string(file).map_err(|reason| ConfigError::Read {
            file: file.to_owned(),
            reason,
        })?;
        toml::from_str(&text).map_err(|reason| ConfigError::Parse {
            file: file.to_owned(),
            reason: Box::new(reason),
        })
    }

    /// Where imported models are.
    pub fn shelf(&self) -> Shelf {
        let folder = self.inference.models_dir.clone();
        Shelf::new(folder.unwrap_or_else(|| self.data_dir.join("models")))
    }

    /// Puts the paths of imported models where their names stand; a file of that name goes first.
    pub fn find_models(&mut self) {
        let shelf = self.shelf();
        let models = [&mut self.model.file, &mut self.inference.embedding_model];
        for model in models.into_iter().flatten() {
            let name = model.to_str().filter(|_| !model.exists());
            if let Some(path) = name.and_then(|name| shelf.path(name).ok()) {
                *model = path;
            }
        }
    }

    /// Says whether the configuration can be used.
    ///
    /// # Errors
    /// The first thing that cannot.
    pub fn check(&self) -> Result<(), ConfigError> {
        if !self.listen.ip().is_loopback() && self.auth.credentials_file.is_none() {
            return Err(ConfigError::OpenWithoutCredentials(self.listen));
        }
        for url in self.urls() {
            let scheme = url.split("://").next().unwrap_or_default();
            if !matches!(scheme, "http" | "https") || url.len() < "http://x".len() {
                return Err(ConfigError::Url(url.to_owned()));
            }
        }
        if self.inference.sequences_max == 0 || self.inference.queue_capacity == 0 {
            return Err(ConfigError::Zero(
                "inference.sequences_max and inference.queue_capacity",
            ));
        }
        self.check_models()?;
        let files = [
            &self.auth.credentials_file,
            &self.kubernetes.kubeconfig,
            &self.prometheus.bearer_token_file,
            &self.prometheus.ca_file,
        ];
        match files.into_iter().flatten().find(|file| !file.is_file()) {
            Some(file) => Err(ConfigError::NoSuchFile(file.clone())),
            None => Ok(()),
        }
    }

    fn check_models(&self) -> Result<(), ConfigError> {
        match &self.model.file {
            Some(model) if !model.exists() => {
                return Err(ConfigError::NoSuchModel(model.clone()));
            }
            Some(model) if Safetensors::is_encoder(model) => {
                return Err(ConfigError::NoWriter(model.clone()));
            }
            _ => {}
        }
        match &self.inference.embedding_model {
            Some(model) if !model.is_dir() => Err(ConfigError::NoSuchFolder(model.clone())),
            _ => Ok(()),
        }
    }

    fn urls(&self) -> impl Iterator<Item = &str> {
        let sinks = self.sinks.iter().filter_map(|sink| match sink {
            Sink::Webhook { url, .. } => Some(url.as_str()),
            Sink::Stdout {} | Sink::Slack { .. } => None,
        });
        self.prometheus.url.as_deref().into_iter().chain(sinks)
    }
}

impl Model {
    /// Applies the command line.
    pub fn apply(&mut self, options: &ModelOptions) {
        if let Some(file) = &options.model {
            self.file = Some(file.clone());
            self.enabled = true;
        }
        if options.no_model {
            self.enabled = false;
        }
    }
}

#[cfg(test)]
mod tests;
