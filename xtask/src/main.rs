//! Checks of the tree itself, run by `make lint`.
//!
//! `cargo run -p xtask -- tidy` lists every file that breaks a rule of the
//! house and exits 1 if there is one.

mod tidy;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if std::env::args().nth(1).as_deref() == Some("tidy") {
        return report(tidy::check(&root));
    }
    eprintln!("usage: cargo run -p xtask -- tidy");
    ExitCode::from(2)
}

fn report(result: anyhow::Result<Vec<String>>) -> ExitCode {
    match result {
        Ok(problems) if problems.is_empty() => {
            eprintln!("tidy: no problems");
            ExitCode::SUCCESS
        }
        Ok(problems) => {
            for problem in &problems {
                eprintln!("{problem}");
            }
            eprintln!("tidy: {} problems", problems.len());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("tidy: {error:#}");
            ExitCode::from(2)
        }
    }
}
