//! The command line, parsed into plain options.
//!
//! Nothing is opened or resolved here; [`crate::config`] turns the options of
//! `serve` into a working configuration.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// From a firing alert to a grounded analysis, in one binary that never leaves the site.
#[derive(Debug, Parser)]
#[command(
    name = "anchorite",
    version,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub struct Options {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What to log: a level, or a filter such as `info,anchorite=debug`.
    #[arg(long, global = true, value_name = "FILTER")]
    pub log: Option<String>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the appliance: take alerts, analyse them, serve the console and the model.
    #[command(after_help = "Example:\n  anchorite serve --config /etc/anchorite/anchorite.toml")]
    Serve(ServeOptions),
    /// Run the appliance against a simulated cluster and fire its alerts.
    #[command(after_help = "Example:\n  anchorite demo --scenario oom-after-limit-lowered")]
    Demo(DemoOptions),
    /// Analyse an incident bundle or a `kubectl cluster-info dump` directory.
    #[command(
        after_help = "Example:\n  anchorite analyze ./dump --format md > incident.md\n  anchorite analyze incident.tar.zst --ask \"what changed?\" --ask \"why not the database?\""
    )]
    Analyze(AnalyzeOptions),
    /// Analyse bundles that carry an `expected.json`, or simulated scenarios, and score the answers.
    #[command(
        after_help = "Example:\n  anchorite eval ./cases --no-model --format json\n  anchorite eval --scenarios --seeds 20 --no-model\n  anchorite eval --scenarios --scenario wrong-probe-port --no-model\n  anchorite eval --scenarios --held-out --variants --seeds 1 --ablation"
    )]
    Eval(EvalOptions),
    /// Capture an incident bundle from the live cluster.
    #[command(after_help = "Example:\n  anchorite capture --namespace shop --out incident.tar.zst")]
    Capture(CaptureOptions),
    /// Measure this machine and a model on it, beside the machine's own limits.
    #[command(
        after_help = "Example:\n  anchorite bench --model model.gguf --prefill 512,4096 --context 512,8192 --work --format json"
    )]
    Bench(BenchOptions),
    /// Take models in from a stick, list, verify and remove them.
    #[command(
        subcommand,
        after_help = "Example:\n  anchorite model import /media/stick/qwen2.5-3b-instruct-q4_k_m.gguf --name qwen2.5-3b\n  anchorite serve --model qwen2.5-3b"
    )]
    Model(ModelCommand),
    /// Look at the configuration.
    #[command(
        subcommand,
        after_help = "Example:\n  anchorite config check --config /etc/anchorite/anchorite.toml"
    )]
    Config(ConfigCommand),
    /// Print the version.
    #[command(after_help = "Example:\n  anchorite version")]
    Version,
}

/// Options of `serve`; every one overrides the configuration file.
#[derive(Clone, Debug, Default, Args)]
pub struct ServeOptions {
    /// Configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address to listen on.
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Directory of the journal, the index and captured bundles.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the fields carry the help")]
    pub model: ModelOptions,
}

/// Which model words analyses.
#[derive(Clone, Debug, Default, Args)]
pub struct ModelOptions {
    /// GGUF file, or for `serve` the name of an imported model, to load instead of the embedded starter model.
    #[arg(long, value_name = "FILE|NAME", conflicts_with = "no_model")]
    pub model: Option<PathBuf>,
    /// Work by rules alone.
    #[arg(long)]
    pub no_model: bool,
}

/// Options of `demo`.
#[derive(Clone, Debug, Args)]
pub struct DemoOptions {
    /// Run one scenario instead of all; `list` prints them.
    #[arg(long, value_name = "NAME")]
    pub scenario: Option<String>,
    /// Address of the console.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8470")]
    pub listen: SocketAddr,
    /// Seed of the simulated cluster's names.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Exit when all alerts are analysed.
    #[arg(long)]
    pub once: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the fields carry the help")]
    pub model: ModelOptions,
}

/// Form of printed analyses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AnalysisFormat {
    /// For a terminal.
    Text,
    /// `analysis/v1`.
    Json,
    /// Markdown.
    Md,
}

/// Form of printed tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// For a terminal.
    Text,
    /// One JSON object.
    Json,
}

/// Options of `bench`.
#[derive(Clone, Debug, Args)]
pub struct BenchOptions {
    /// GGUF file, or a folder with safetensors files; without one, the machine's limits and what to expect of models.
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// Tokens of the prompts to read; those that pass the model's window are left out.
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [512, 4096], value_parser = clap::value_parser!(u32).range(1..=131_072))]
    pub prefill: Vec<u32>,
    /// Tokens to generate.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub decode: u32,
    /// Tokens before those that are generated; those that pass the model's window are left out.
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [512, 8192], value_parser = clap::value_parser!(u32).range(1..=131_072))]
    pub context: Vec<u32>,
    /// Streams to generate side by side.
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [4, 8, 16], value_parser = clap::value_parser!(u32).range(2..=256))]
    pub streams: Vec<u32>,
    /// Also do the product's own work: one incident, then many at once, with all shortcuts and without each of them; takes minutes.
    #[arg(long)]
    pub work: bool,
    /// Incidents at once in the product's own work.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=512))]
    pub storm: u32,
    /// Threads; as many as the process may use where none are given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub threads: Option<u32>,
    /// How often each figure is taken; the median is printed.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub runs: u32,
    /// Form of the output.
    #[arg(long, value_enum, default_value_t = TableFormat::Text)]
    pub format: TableFormat,
}

/// Options of `analyze`.
#[derive(Clone, Debug, Args)]
pub struct AnalyzeOptions {
    /// Bundle or dump: a directory or a .tar.zst of one.
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    /// Alertmanager webhook body that opened the incident; the bundle's own otherwise.
    #[arg(long, value_name = "FILE")]
    pub alert: Option<PathBuf>,
    /// A follow-up question to answer instead of printing the analysis, for
    /// example "what changed?"; may be given several times.
    #[arg(long, value_name = "QUESTION")]
    pub ask: Vec<String>,
    /// Form of the output.
    #[arg(long, value_enum, default_value_t = AnalysisFormat::Text)]
    pub format: AnalysisFormat,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the fields carry the help")]
    pub model: ModelOptions,
}

/// A source of evidence that an evaluation can take away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Source {
    /// What components told of objects.
    Events,
    /// What containers wrote.
    Logs,
    /// Series.
    Metrics,
}

/// Options of `eval`.
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent flags of one command"
)]
#[derive(Clone, Debug, Args)]
pub struct EvalOptions {
    /// Bundles, or directories of bundles.
    #[arg(value_name = "PATH", required_unless_present = "scenarios")]
    pub paths: Vec<PathBuf>,
    /// Score the simulator's scenarios, each with several seeds.
    #[arg(long)]
    pub scenarios: bool,
    /// Only this scenario; may be given several times. `demo --scenario list` prints them.
    #[arg(long, value_name = "NAME", requires = "scenarios")]
    pub scenario: Vec<String>,
    /// Runs of each scenario; a seed decides names, sizes and details.
    #[arg(long, value_name = "N", requires = "scenarios", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub seeds: u64,
    /// Take this source away before the analysis, to see how verdicts degrade; may be given
    /// several times.
    #[arg(long, value_enum, value_name = "SOURCE")]
    pub without: Vec<Source>,
    /// Compare rules, model and both on every case.
    #[arg(long, conflicts_with = "no_model")]
    pub ablation: bool,
    /// Only scenarios of recipes that the starter model never saw.
    #[arg(long, requires = "scenarios", conflicts_with = "scenario")]
    pub held_out: bool,
    /// Add to each scenario its variants: a source withheld, everything renamed, a second fault beside it.
    #[arg(long, requires = "scenarios", conflicts_with = "without")]
    pub variants: bool,
    /// Form of the output.
    #[arg(long, value_enum, default_value_t = TableFormat::Text)]
    pub format: TableFormat,
    /// Map of a benchmark's labels to causes; `causes.json` beside the cases otherwise.
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the fields carry the help")]
    pub model: ModelOptions,
}

/// Options of `capture`.
#[derive(Clone, Debug, Args)]
pub struct CaptureOptions {
    /// Configuration file (TOML) that says how to reach the cluster.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Namespace to capture; may be given several times.
    #[arg(long, value_name = "NAME", required = true)]
    pub namespace: Vec<String>,
    /// Where to write: a directory, or a file ending in .tar.zst.
    #[arg(long, value_name = "PATH")]
    pub out: PathBuf,
    /// Alertmanager webhook body to capture for and to put in the bundle.
    #[arg(long, value_name = "FILE")]
    pub alert: Option<PathBuf>,
}

/// `model import`, `list`, `verify` and `remove`.
#[derive(Clone, Debug, Subcommand)]
pub enum ModelCommand {
    /// Copy a model into the data directory, hash it, and check that it can be used.
    #[command(
        after_help = "Example:\n  anchorite model import /media/stick/model.gguf\n  anchorite model import /media/stick/Qwen2.5-3B-Instruct --name qwen2.5-3b --data-dir /var/lib/anchorite"
    )]
    Import {
        /// GGUF file, or folder with config.json, tokenizer.json and .safetensors files.
        #[arg(value_name = "PATH")]
        path: PathBuf,
        /// Name to give; that of the file or folder otherwise.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        #[command(flatten)]
        #[allow(missing_docs, reason = "the fields carry the help")]
        shelf: ShelfOptions,
    },
    /// List the imported models.
    #[command(after_help = "Example:\n  anchorite model list --format json")]
    List {
        /// Form of the output.
        #[arg(long, value_enum, default_value_t = TableFormat::Text)]
        format: TableFormat,
        #[command(flatten)]
        #[allow(missing_docs, reason = "the fields carry the help")]
        shelf: ShelfOptions,
    },
    /// Read every file of imported models again and compare digests.
    #[command(
        after_help = "Example:\n  anchorite model verify\n  anchorite model verify qwen2.5-3b"
    )]
    Verify {
        /// Models to verify; all otherwise.
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        #[command(flatten)]
        #[allow(missing_docs, reason = "the fields carry the help")]
        shelf: ShelfOptions,
    },
    /// Remove an imported model.
    #[command(after_help = "Example:\n  anchorite model remove qwen2.5-3b")]
    Remove {
        /// Model to remove.
        #[arg(value_name = "NAME")]
        name: String,
        /// Remove it even if the configuration uses it.
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        #[allow(missing_docs, reason = "the fields carry the help")]
        shelf: ShelfOptions,
    },
}

/// Where imported models are.
#[derive(Clone, Debug, Default, Args)]
pub struct ShelfOptions {
    /// Configuration file (TOML) that names the data directory and the model in use.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Data directory; that of the configuration otherwise.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// `config check` and `config print`.
#[derive(Clone, Debug, Subcommand)]
pub enum ConfigCommand {
    /// Say whether the configuration can be used.
    Check(ConfigOptions),
    /// Print the configuration with every default filled in.
    Print(ConfigOptions),
}

/// Options of the `config` commands.
#[derive(Clone, Debug, Args)]
pub struct ConfigOptions {
    /// Configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}
