//! Slack-compatible chat: incoming webhooks of Slack, Mattermost and their like.
//!
//! Decides how a notice reads ([`message`]) and what keeps the messages of one
//! incident together: a thread where the server tells the message's `ts`, the
//! incident's id in each message otherwise.

mod message;

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use appliance_egress::{Client, Destination, DialError, Egress, Limits, Roots, TlsError};
use bytes::Bytes;
use http::Request;
use http::header::CONTENT_TYPE;
use serde::Deserialize;

use crate::http_call::{post, quote};
use crate::notice::{Notice, Stage};
use crate::secret::SecretFile;
use crate::sink::{DeliveryError, Sink, SinkFuture};
use crate::webhook::destination;

/// Threads remembered; an incident past that starts a new one.
const THREADS_MAX: usize = 1024;

/// Configuration of a [`SlackSink`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlackOptions {
    /// The channel's name.
    pub name: String,
    /// The webhook's address, which is itself a secret.
    pub url: SecretFile,
    /// Whom to trust for `https`.
    pub roots: Roots,
    /// Limits of one POST.
    pub limits: Limits,
}

impl SlackOptions {
    /// Host and port, for the list of permitted destinations.
    ///
    /// # Errors
    /// [`DialError`] in words if the file or the address cannot be used.
    pub async fn destination(&self) -> Result<Destination, DialError> {
        let url = self
            .url
            .read()
            .await
            .map_err(|error| DialError::NotDialable {
                uri: error.to_string(),
            })?;
        destination(&url)
    }
}

/// A Slack-compatible incoming webhook.
#[derive(Debug)]
pub struct SlackSink {
    options: SlackOptions,
    client: Client,
    // Held for a map look-up only, never across an await.
    threads: Mutex<Threads>,
}

/// First messages of incidents, oldest forgotten first.
#[derive(Debug, Default)]
struct Threads {
    by_incident: HashMap<String, String>,
    order: VecDeque<String>,
}

impl Threads {
    fn remember(&mut self, incident: &str, ts: &str) {
        if self.by_incident.contains_key(incident) {
            return;
        }
        self.by_incident.insert(incident.to_owned(), ts.to_owned());
        self.order.push_back(incident.to_owned());
        if self.order.len() > THREADS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_incident.remove(&oldest);
        }
    }
}

/// What servers that speak JSON answer; incoming webhooks say `ok` in text.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    ok: Option<bool>,
    ts: Option<String>,
    error: String,
}

impl SlackSink {
    /// Prepares the channel.
    ///
    /// # Errors
    /// [`TlsError`] if the certificates cannot be used.
    pub fn try_new(options: SlackOptions, egress: &Egress) -> Result<Self, TlsError> {
        let client = Client::try_new(egress, &options.roots, options.limits)?;
        Ok(Self {
            options,
            client,
            threads: Mutex::default(),
        })
    }

    async fn send(&self, notice: &Notice) -> Result<(), DeliveryError> {
        let url = self
            .options
            .url
            .read()
            .await
            .map_err(|error| DeliveryError::again(error.to_string()))?;
        let thread = self.thread(notice.key());
        let body = message::payload(notice, thread.as_deref()).to_string();
        let request = Request::post(url)
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .body(Bytes::from(body))
            .map_err(|_| DeliveryError::refused("the webhook's address is none"))?;
        let answer = post(&self.client, request).await?;
        let answer: Answer = serde_json::from_slice(&answer).unwrap_or_default();
        self.accept(notice, &answer)
    }

    fn accept(&self, notice: &Notice, answer: &Answer) -> Result<(), DeliveryError> {
        if answer.ok == Some(false) {
            let reason = quote(answer.error.as_bytes());
            return Err(match reason.as_str() {
                "ratelimited" | "service_unavailable" | "internal_error" => {
                    DeliveryError::again(reason)
                }
                _ => DeliveryError::refused(reason),
            });
        }
        if let Some(ts) = &answer.ts
            && notice.stage != Stage::Resolved
        {
            let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
            threads.remember(notice.key(), ts);
        }
        Ok(())
    }

    fn thread(&self, incident: &str) -> Option<String> {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.by_incident.get(incident).cloned()
    }
}

impl Sink for SlackSink {
    fn name(&self) -> &str {
        &self.options.name
    }

    fn deliver<'a>(&'a self, notice: &'a Notice) -> SinkFuture<'a> {
        Box::pin(self.send(notice))
    }
}
