//! `anchorite config check` and `config print`.

use crate::commands::{Outcome, WrongCall, print};
use crate::config::Config;
use crate::options::{ConfigCommand, ConfigOptions, ServeOptions};

/// Checks or prints a configuration.
///
/// # Errors
/// What cannot be used, and why.
pub fn run(command: ConfigCommand) -> anyhow::Result<Outcome> {
    match command {
        ConfigCommand::Check(options) => match resolve(&options) {
            Ok(_) => {
                print("the configuration can be used");
                Ok(Outcome::Done)
            }
            Err(error) => {
                print(&format!("{error:#}"));
                Ok(Outcome::Problem)
            }
        },
        ConfigCommand::Print(options) => {
            let config = resolve(&options).map_err(|error| WrongCall(format!("{error:#}")))?;
            print(toml::to_string_pretty(&config)?.trim_end());
            Ok(Outcome::Done)
        }
    }
}

fn resolve(options: &ConfigOptions) -> anyhow::Result<Config> {
    Ok(Config::resolve(&ServeOptions {
        config: options.config.clone(),
        ..ServeOptions::default()
    })?)
}
