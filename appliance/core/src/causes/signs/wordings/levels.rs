//! A line's own level: what is written in passing is no trouble, whatever it
//! quotes, and a word in a sentence is no level.

use super::super::{Sign, sign_of};

#[test]
fn lines_written_in_passing_are_told_by_their_level() {
    for line in [
        "2026-09-21 14:00:00,123 INFO  [main] retry after connection refused",
        "2026-09-21T14:00:00.123Z\tinfo\tclient/retry.go:10\tretry\t{\"error\": \"connection refused\"}",
        "I0921 14:00:00.123456       1 reflector.go:42] watch closed: connection refused",
        r#"{"ts":"2026-09-21T14:00:00Z","msg":"will retry: connection refused","level":"info"}"#,
        r#"{"level":30,"time":1790000000000,"msg":"retry after ECONNREFUSED"}"#,
        r#"{"t":{"$date":"2026-09-21T14:00:00.000+00:00"},"s":"I","c":"NETWORK","msg":"Connection refused"}"#,
        r#"time="2026-09-21T14:00:00Z" level=info msg="connection refused, will retry""#,
        "info: Microsoft.Hosting.Lifetime[0] connection refused, will retry",
        "[14:00:00 INF] connection refused, will retry",
        "INFO:root:connection refused, will retry",
        "2026-09-21 14:00:00.123 [info] <0.1.0> connection refused, will retry",
        "2026-09-21T14:00:00.1Z 0 [Note] [MY-010] connection refused",
        "DEBUG connection refused",
    ] {
        assert_eq!(sign_of(line), None, "{line}");
    }
}

#[test]
fn a_word_in_a_sentence_is_no_level() {
    for line in [
        "E0921 14:00:00.123456       1 node.go:7] failed to get node info: connection refused",
        "Unable to read cluster info: connection refused",
        "ERROR could not write debug info: connection refused",
        "2026-09-21 14:00:00,123 ERROR [pool-1] trace sink INFO level: connection refused",
        r#"{"level":"error","msg":"connection refused","hint":"set level=info"}"#,
        "[ERROR] see [info] page: connection refused",
        "WARN connection refused, falling back to trace: off",
    ] {
        assert_eq!(sign_of(line), Some(Sign::Refused), "{line}");
    }
}
