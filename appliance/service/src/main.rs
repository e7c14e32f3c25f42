//! The `anchorite` binary: parses, runs, translates the outcome into an exit status.

use std::process::ExitCode;

use anchorite::commands::{self, WrongCall};
use anchorite::options::Options;
use anchorite::telemetry;
use clap::Parser;

/// Exit status when the call is wrong, as clap's own.
const WRONG_CALL: u8 = 2;

fn main() -> ExitCode {
    let options = Options::parse();
    if let Err(error) = telemetry::init(options.log.as_deref()) {
        eprintln!("anchorite: --log: {error}");
        return ExitCode::from(WRONG_CALL);
    }
    match run(options) {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            eprintln!("anchorite: {error:#}");
            let wrong_call = error.chain().any(<dyn std::error::Error>::is::<WrongCall>);
            ExitCode::from(if wrong_call { WRONG_CALL } else { 1 })
        }
    }
}

fn run(options: Options) -> anyhow::Result<commands::Outcome> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(commands::run(options))
}
