//! `anchorite analyze`: one bundle or dump to one analysis.

use std::path::Path;

use anyhow::Context;
use appliance_collect::bundle::{self, Bundle};
use appliance_core::alert::{Alert, webhook};
use appliance_core::analysis::Analysis;
use appliance_core::card;
use appliance_core::question::Answer;

use crate::commands::{Outcome, WrongCall, print};
use crate::offline::{Offline, investigate};
use crate::options::{AnalysisFormat, AnalyzeOptions};

/// Reads, analyses, prints. A stated cause is the work's result, not a problem.
///
/// # Errors
/// What cannot be read, and a model that was asked for and cannot be loaded.
pub async fn run(options: AnalyzeOptions) -> anyhow::Result<Outcome> {
    let mut bundle = bundle::read(&options.path).map_err(|error| WrongCall(said(&error)))?;
    if let Some(file) = &options.alert {
        bundle.alert = Some(read_alert(file)?);
    }
    let offline = Offline::start(&options.model).await?;
    let card = investigate(&bundle);
    let analysis = offline.word(card).await;
    if options.ask.is_empty() {
        print(&render(&analysis, options.format)?);
        return Ok(Outcome::Done);
    }
    let mut answers = Vec::new();
    for question in &options.ask {
        answers.push(offline.ask(question.trim(), &analysis).await?);
    }
    print(&render_answers(&options.ask, &answers, options.format)?);
    Ok(Outcome::Done)
}

fn read_alert(file: &Path) -> Result<appliance_core::alert::Notification, WrongCall> {
    let wrong = |reason: String| WrongCall(format!("{}: {reason}", file.display()));
    let body = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    webhook::parse(&body).map_err(|error| wrong(error.to_string()))
}

fn render(analysis: &Analysis, format: AnalysisFormat) -> anyhow::Result<String> {
    Ok(match format {
        AnalysisFormat::Text => card::text::render(analysis),
        AnalysisFormat::Md => card::markdown::render(analysis),
        AnalysisFormat::Json => {
            serde_json::to_string_pretty(analysis).context("write the analysis as JSON")?
        }
    })
}

/// Each question with its answer and who gave it; JSON has the answers alone, in order.
fn render_answers(
    questions: &[String],
    answers: &[Answer],
    format: AnalysisFormat,
) -> anyhow::Result<String> {
    if matches!(format, AnalysisFormat::Json) {
        return serde_json::to_string_pretty(answers).context("write the answers as JSON");
    }
    let pairs = questions.iter().zip(answers);
    let texts = pairs.map(|(question, answer)| {
        format!("> {}\n{}\n({})\n", question.trim(), answer.text, answer.by)
    });
    Ok(texts.collect::<Vec<_>>().join("\n"))
}

/// An error with its causes on one line.
pub(crate) fn said(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// The alerts a bundle came with.
pub(crate) fn alerts(bundle: &Bundle) -> &[Alert] {
    bundle
        .alert
        .as_ref()
        .map_or(&[], |notification| &notification.alerts)
}
