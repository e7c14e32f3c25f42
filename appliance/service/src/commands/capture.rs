//! `anchorite capture`: a bundle from the live cluster.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use appliance_collect::bundle;
use appliance_core::alert::webhook;
use appliance_core::investigation::evidence_window;
use appliance_core::ports::{CaptureRequest, SnapshotSource};
use appliance_core::resolver::{Aliases, NoObjects, resolve};
use appliance_core::snapshot::Snapshot;
use appliance_egress::{AllowList, Egress};
use jiff::Timestamp;
use prometheus_client::registry::Registry;

use crate::commands::{Outcome, WrongCall, print};
use crate::config::Config;
use crate::options::CaptureOptions;
use crate::sources::SourceOptions;
use crate::telemetry::variable;

/// Captures the namespaces and writes the bundle. Gaps are printed: a bundle
/// with gaps is still a bundle.
///
/// # Errors
/// A configuration that cannot be used, a place that cannot be written.
pub async fn run(options: CaptureOptions) -> anyhow::Result<Outcome> {
    let config =
        Config::read(options.config.as_deref()).map_err(|error| WrongCall(error.to_string()))?;
    if config.kubernetes.kubeconfig.is_none() && !config.kubernetes.in_cluster {
        let message =
            "no cluster is configured: set kubernetes.kubeconfig in the file given with --config";
        return Err(WrongCall(message.to_owned()).into());
    }
    let sources = SourceOptions::of(&config, variable)
        .map_err(|error| WrongCall(error.to_string()))?
        .without_watches();
    let mut allowed = AllowList::default();
    sources.allow(&mut allowed).await?;
    let egress = Egress::new(allowed, &mut Registry::default());
    let source = sources.connect(&egress).await?.source;

    let alert = options.alert.as_deref().map(read).transpose()?;
    let request = request(&options, alert.as_deref())?;
    let snapshot = source.capture(&request).await;
    write(&options.out, &snapshot, alert.as_deref())?;
    report(&options.out, &snapshot);
    Ok(Outcome::Done)
}

fn read(file: &Path) -> Result<Vec<u8>, WrongCall> {
    std::fs::read(file).map_err(|error| WrongCall(format!("{}: {error}", file.display())))
}

fn request(options: &CaptureOptions, alert: Option<&[u8]>) -> anyhow::Result<CaptureRequest> {
    let alerts = match alert {
        Some(body) => {
            webhook::parse(body)
                .map_err(|error| WrongCall(error.to_string()))?
                .alerts
        }
        None => Vec::new(),
    };
    let now = Timestamp::now();
    let started_at = alerts
        .iter()
        .map(|alert| alert.starts_at)
        .min()
        .unwrap_or(now);
    let (from, until) = evidence_window(started_at, now);
    let subjects = alerts
        .iter()
        .flat_map(|alert| resolve(alert, &Aliases::default(), &NoObjects).subjects)
        .collect();
    Ok(CaptureRequest {
        subjects,
        namespaces: options.namespace.clone(),
        alerts,
        from,
        until,
    })
}

fn write(out: &Path, snapshot: &Snapshot, alert: Option<&[u8]>) -> anyhow::Result<()> {
    let name = out
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    if let Some(stem) = name.strip_suffix(".tar.zst") {
        let file = File::create(out).with_context(|| format!("create {}", out.display()))?;
        bundle::write_archive(BufWriter::new(file), stem, snapshot, alert)?.flush()?;
    } else {
        bundle::write(out, snapshot, alert)?;
    }
    Ok(())
}

fn report(out: &Path, snapshot: &Snapshot) {
    print(&format!(
        "{}: {} pods, {} events, {} logs, {} series",
        out.display(),
        snapshot.objects.pods.len(),
        snapshot.objects.events.len(),
        snapshot.logs.len(),
        snapshot.series.len()
    ));
    for gap in &snapshot.gaps {
        print(&format!("missing: {}: {}", gap.source, gap.detail));
    }
}
