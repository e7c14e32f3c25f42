//! The commands, one file each.

pub mod analyze;
pub mod bench;
pub mod capture;
pub mod config;
pub mod demo;
pub mod eval;
pub mod model;
pub mod serve;

use std::process::ExitCode;

use crate::options::{Command, Options};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The work is done.
    Done,
    /// The work is done and found a problem.
    Problem,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::Problem => Self::from(1),
        }
    }
}

/// The call itself is wrong: exit status 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WrongCall(pub String);

/// Runs the command that `options` names.
///
/// # Errors
/// What went wrong, for a person; [`WrongCall`] inside when the call is to blame.
pub async fn run(options: Options) -> anyhow::Result<Outcome> {
    match options.command {
        Command::Serve(serve) => serve::run(serve).await,
        Command::Demo(demo) => demo::run(demo).await,
        Command::Analyze(analyze) => analyze::run(analyze).await,
        Command::Eval(eval) => eval::run(eval).await,
        // It keeps its thread busy for minutes.
        Command::Bench(bench) => tokio::task::spawn_blocking(move || bench::run(&bench)).await?,
        Command::Capture(capture) => capture::run(capture).await,
        Command::Model(model) => model::run(model).await,
        Command::Config(config) => config::run(config),
        Command::Version => {
            print(&format!("anchorite {}", env!("CARGO_PKG_VERSION")));
            Ok(Outcome::Done)
        }
    }
}

/// Writes a line to standard output; a closed pipe is no error.
pub(crate) fn print(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}
