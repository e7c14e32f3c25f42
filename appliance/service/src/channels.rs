//! Where notices go: the configured sinks.

use std::sync::Arc;

use appliance_egress::{AllowList, DialError, Egress, Limits, TlsError};
use appliance_sinks::{
    JsonLines, SecretFile, Sink, SlackOptions, SlackSink, WebhookOptions, WebhookSink,
};

use crate::config;
use crate::sources::roots;

/// Why a sink cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// Its address is none.
    #[error("sinks[{index}]: {source}")]
    Dial {
        /// Which one, from 0.
        index: usize,
        /// Why.
        source: DialError,
    },
    /// Its certificates cannot be used.
    #[error("sinks[{index}]: {source}")]
    Tls {
        /// Which one, from 0.
        index: usize,
        /// Why.
        source: TlsError,
    },
}

#[derive(Clone, Debug)]
enum Channel {
    Stdout(String),
    Webhook(WebhookOptions),
    Slack(SlackOptions),
}

/// The configured sinks, before anything is dialled.
#[derive(Clone, Debug, Default)]
pub struct Channels(Vec<Channel>);

impl Channels {
    /// Reads the configuration. Each is named by its type and place.
    pub fn of(sinks: &[config::Sink]) -> Self {
        Self(
            sinks
                .iter()
                .enumerate()
                .map(|(index, sink)| channel(index, sink))
                .collect(),
        )
    }

    /// Adds what must be dialled to `allowed`.
    ///
    /// # Errors
    /// Addresses that are none, and secrets that cannot be read.
    pub async fn allow(&self, allowed: &mut AllowList) -> Result<(), ChannelError> {
        for (index, channel) in self.0.iter().enumerate() {
            let destination = match channel {
                Channel::Stdout(_) => continue,
                Channel::Webhook(options) => options.destination(),
                Channel::Slack(options) => options.destination().await,
            };
            allowed.allow(destination.map_err(|source| ChannelError::Dial { index, source })?);
        }
        Ok(())
    }

    /// Prepares the sinks.
    ///
    /// # Errors
    /// Certificates that cannot be used.
    pub fn connect(&self, egress: &Egress) -> Result<Vec<Arc<dyn Sink>>, ChannelError> {
        let connect = |(index, channel): (usize, &Channel)| {
            connect(channel, egress).map_err(|source| ChannelError::Tls { index, source })
        };
        self.0.iter().enumerate().map(connect).collect()
    }
}

fn channel(index: usize, sink: &config::Sink) -> Channel {
    match sink {
        config::Sink::Stdout {} => Channel::Stdout(format!("stdout-{index}")),
        config::Sink::Webhook {
            url,
            bearer_token_file,
            signing_key_file,
            ca_file,
        } => Channel::Webhook(WebhookOptions {
            name: format!("webhook-{index}"),
            url: url.clone(),
            bearer: bearer_token_file.clone().map(SecretFile::new),
            signing: signing_key_file.clone().map(SecretFile::new),
            roots: roots(ca_file.clone()),
            limits: Limits::default(),
        }),
        config::Sink::Slack { url_file, ca_file } => Channel::Slack(SlackOptions {
            name: format!("slack-{index}"),
            url: SecretFile::new(url_file),
            roots: roots(ca_file.clone()),
            limits: Limits::default(),
        }),
    }
}

fn connect(channel: &Channel, egress: &Egress) -> Result<Arc<dyn Sink>, TlsError> {
    Ok(match channel.clone() {
        Channel::Stdout(name) => Arc::new(JsonLines::stdout(name)),
        Channel::Webhook(options) => Arc::new(WebhookSink::try_new(options, egress)?),
        Channel::Slack(options) => Arc::new(SlackSink::try_new(options, egress)?),
    })
}
