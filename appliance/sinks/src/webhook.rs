//! POSTs notices as JSON to any HTTP endpoint.
//!
//! The body is [`Notice`] as JSON. With a signing secret, the header
//! [`SIGNATURE_HEADER`] is `sha256=` and the hex HMAC-SHA-256 of the value of
//! [`TIMESTAMP_HEADER`], a dot and the body, so that a receiver can refuse
//! forged and replayed posts.

use appliance_egress::{Client, Destination, DialError, Egress, Limits, Roots, TlsError};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, Uri};
use jiff::Timestamp;
use ring::hmac;

use crate::http_call::post;
use crate::notice::Notice;
use crate::secret::SecretFile;
use crate::sink::{DeliveryError, Sink, SinkFuture};

/// Carries the signature.
pub const SIGNATURE_HEADER: &str = "x-anchorite-signature";
/// Carries the Unix time that was signed, in seconds.
pub const TIMESTAMP_HEADER: &str = "x-anchorite-timestamp";
/// Equal for a notice and its retries.
const KEY_HEADER: &str = "idempotency-key";

/// Configuration of a [`WebhookSink`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookOptions {
    /// The channel's name.
    pub name: String,
    /// Where to POST.
    pub url: String,
    /// Bearer token.
    pub bearer: Option<SecretFile>,
    /// Secret of the signature.
    pub signing: Option<SecretFile>,
    /// Whom to trust for `https`.
    pub roots: Roots,
    /// Limits of one POST.
    pub limits: Limits,
}

impl WebhookOptions {
    /// Host and port, for the list of permitted destinations.
    ///
    /// # Errors
    /// [`DialError`] if the address is none.
    pub fn destination(&self) -> Result<Destination, DialError> {
        destination(&self.url)
    }
}

pub(crate) fn destination(url: &str) -> Result<Destination, DialError> {
    // The path of a chat webhook is a secret, so the URL is not repeated.
    let uri: Uri = url.parse().map_err(|_| DialError::NotDialable {
        uri: "the configured address".to_owned(),
    })?;
    Destination::of_uri(&uri)
}

/// A generic webhook.
#[derive(Debug)]
pub struct WebhookSink {
    options: WebhookOptions,
    client: Client,
}

impl WebhookSink {
    /// Prepares the channel.
    ///
    /// # Errors
    /// [`TlsError`] if the certificates cannot be used.
    pub fn try_new(options: WebhookOptions, egress: &Egress) -> Result<Self, TlsError> {
        let client = Client::try_new(egress, &options.roots, options.limits)?;
        Ok(Self { options, client })
    }

    async fn request(&self, notice: &Notice) -> Result<Request<Bytes>, DeliveryError> {
        let refused = |error: &dyn std::fmt::Display| DeliveryError::refused(error.to_string());
        let body = serde_json::to_vec(notice).map_err(|error| refused(&error))?;
        let mut request = Request::post(&self.options.url)
            .header(CONTENT_TYPE, "application/json")
            .header(KEY_HEADER, format!("{:016x}", notice.fingerprint()));
        if let Some(bearer) = &self.options.bearer {
            request = request.header(AUTHORIZATION, bearer_header(bearer).await?);
        }
        if let Some(signing) = &self.options.signing {
            // A secret that is being rotated is readable a moment later.
            let secret = signing
                .read()
                .await
                .map_err(|error| DeliveryError::again(error.to_string()))?;
            let at = Timestamp::now().as_second();
            request = request
                .header(TIMESTAMP_HEADER, at)
                .header(SIGNATURE_HEADER, sign(&secret, at, &body));
        }
        request.body(body.into()).map_err(|error| refused(&error))
    }
}

async fn bearer_header(bearer: &SecretFile) -> Result<HeaderValue, DeliveryError> {
    let token = bearer
        .read()
        .await
        .map_err(|error| DeliveryError::again(error.to_string()))?;
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| DeliveryError::refused("the bearer token is not one word of ASCII"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn sign(secret: &str, at: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(at.to_string().as_bytes());
    context.update(b".");
    context.update(body);
    let digest = context.sign();
    let hex: String = digest
        .as_ref()
        .iter()
        .flat_map(|byte| hex_digits(*byte))
        .collect();
    format!("sha256={hex}")
}

fn hex_digits(byte: u8) -> [char; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [byte >> 4, byte & 15].map(|digit| char::from(DIGITS[usize::from(digit)]))
}

impl Sink for WebhookSink {
    fn name(&self) -> &str {
        &self.options.name
    }

    fn deliver<'a>(&'a self, notice: &'a Notice) -> SinkFuture<'a> {
        Box::pin(async move {
            let request = self.request(notice).await?;
            post(&self.client, request).await.map(|_| ())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_covers_time_and_body() {
        // printf '7.{}' | openssl dgst -sha256 -hmac key
        let expected = "sha256=77bc83bd1f40422311e47918b203449aecf84b02c1568bb1b570ac2a474cc2d8";
        assert_eq!(sign("key", 7, b"{}"), expected);
        assert_ne!(sign("key", 8, b"{}"), expected);
        assert_ne!(sign("yek", 7, b"{}"), expected);
    }
}
