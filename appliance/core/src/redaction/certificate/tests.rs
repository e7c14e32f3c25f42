use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::redaction::redact_object;

/// A self-signed certificate of 2026-01-01 to 2026-04-01, noon, made with
/// `openssl ca -selfsign -startdate 20260101000000Z -enddate 20260401120000Z`.
const PEM: &str = "-----BEGIN CERTIFICATE-----\n\
MIIBFTCBvAIBATAKBggqhkjOPQQDAjAXMRUwEwYDVQQDDAxzaG9wLmV4YW1wbGUw\n\
HhcNMjYwMTAxMDAwMDAwWhcNMjYwNDAxMTIwMDAwWjAXMRUwEwYDVQQDDAxzaG9w\n\
LmV4YW1wbGUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASYUXxnQdcGPS/GCuAT\n\
5Gwu6IvqIZwhE1ESsBi8+Ts4s6CKQZ8hT3VT1k7gm0tlSNsPQ1lsY9kogioMUs+N\n\
UgFsMAoGCCqGSM49BAMCA0gAMEUCIArPbvbrXPh1e+XQ7A5dyGWmnq71a7VXqhJ3\n\
FdEhloBXAiEAyj42xninNicLtJWpgLiU6zl8cvybFxu3usvjBg3Cuzk=\n\
-----END CERTIFICATE-----\n";

fn redacted(certificate: &str) -> Value {
    let mut secret = json!({"kind": "Secret", "metadata": {"name": "tls"},
        "data": {"tls.crt": certificate, "tls.key": "a2V5"}});
    redact_object(&mut secret);
    secret
}

#[test]
fn the_dates_of_a_certificate_stay_and_the_certificate_goes() {
    let secret = redacted(&STANDARD.encode(PEM));
    let annotations = &secret["metadata"]["annotations"];
    assert_eq!(annotations[NOT_BEFORE], "2026-01-01T00:00:00Z");
    assert_eq!(annotations[NOT_AFTER], "2026-04-01T12:00:00Z");
    assert_eq!(secret["data"], json!({"tls.crt": "", "tls.key": ""}));
    let mut again = secret.clone();
    redact_object(&mut again);
    assert_eq!(again, secret, "a second time");
}

#[test]
fn what_is_no_certificate_has_no_dates() {
    for other in ["", "!", "aGVsbG8=", &STANDARD.encode(&PEM[..200])] {
        assert_eq!(
            redacted(other)["metadata"],
            json!({"name": "tls"}),
            "{other}"
        );
    }
}

#[test]
fn years_of_two_digits_end_in_2049() {
    let of = |text: &str| time(UTC_TIME, text.as_bytes()).map(|at| at.to_string());
    assert_eq!(of("491231235959Z").as_deref(), Some("2049-12-31T23:59:59Z"));
    assert_eq!(of("500101000000Z").as_deref(), Some("1950-01-01T00:00:00Z"));
    assert_eq!(of("501301000000Z"), None);
    let long = time(GENERALIZED_TIME, b"20500101000000Z").map(|at| at.to_string());
    assert_eq!(long.as_deref(), Some("2050-01-01T00:00:00Z"));
}

proptest! {
    #[test]
    fn mutated_certificates_never_panic(place in 0usize..260, byte: u8, cut in 0usize..281) {
        let mut der = first_der(PEM.as_bytes()).unwrap_or_default();
        let place = place % der.len();
        der[place] = byte;
        let _ = dates(&der);
        let _ = dates(&der[..cut.min(der.len())]);
    }
}
