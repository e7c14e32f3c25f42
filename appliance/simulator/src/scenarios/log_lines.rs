//! Log lines as the runtimes of the field write them.

use jiff::Timestamp;
use serde_json::json;

use super::rng::Rng;

/// What a workload is written in, which decides what its logs look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runtime {
    Go,
    Java,
    Node,
    Python,
    Postgres,
}

/// Severity of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Info,
    Warn,
    Error,
}

impl Runtime {
    /// One line.
    pub(crate) fn line(self, level: Level, at: Timestamp, message: &str) -> String {
        let (lower, upper) = match level {
            Level::Info => ("info", "INFO"),
            Level::Warn => ("warn", "WARN"),
            Level::Error => ("error", "ERROR"),
        };
        match self {
            Self::Go => format!("time={at:.3} level={upper} msg={message:?}"),
            Self::Java => {
                let at = format!("{at:.3}").replace('Z', "Z ");
                format!(
                    "{at} {upper:>5} 1 --- [nio-8080-exec-3] c.e.service.RequestHandler : {message}"
                )
            }
            Self::Node => {
                let number = match level {
                    Level::Info => 30,
                    Level::Warn => 40,
                    Level::Error => 50,
                };
                json!({"level": number, "time": at.as_millisecond(), "pid": 1, "msg": message})
                    .to_string()
            }
            Self::Python => {
                let at = format!("{at:.3}")
                    .replace('T', " ")
                    .replace('Z', "")
                    .replace('.', ",");
                let word = if level == Level::Warn {
                    "WARNING"
                } else {
                    upper
                };
                format!("{at} {word} [app.{lower}] {message}")
            }
            Self::Postgres => {
                let at = format!("{at:.3}").replace('T', " ").replace('Z', " UTC");
                let word = match level {
                    Level::Info => "LOG",
                    Level::Warn => "WARNING",
                    Level::Error => "FATAL",
                };
                format!("{at} [{}] {word}:  {message}", 60 + at.len())
            }
        }
    }

    /// Something a healthy process writes.
    pub(crate) fn chatter(self, rng: &mut Rng, at: Timestamp) -> String {
        let took = rng.range(2, 90);
        let number = rng.range(1000, 99_999);
        let message = match self {
            Self::Postgres => format!(
                "checkpoint complete: wrote {} buffers ({:.1}%); 0 WAL file(s) added, 0 removed, 1 recycled",
                number % 900,
                rng.unit() * 4.0
            ),
            Self::Java => format!("GET /api/items/{number} 200 {took} ms"),
            Self::Python => format!("request id={number} status=200 duration={took}ms"),
            Self::Go => format!("handled request id={number} status=200 duration={took}ms"),
            Self::Node => format!("GET /items/{number} 200 {took}ms"),
        };
        self.line(Level::Info, at, &message)
    }

    /// What is written when it starts.
    pub(crate) fn hello(self, at: Timestamp, port: i64) -> String {
        let message = match self {
            Self::Postgres => "database system is ready to accept connections".to_owned(),
            Self::Java => format!("Tomcat started on port {port} (http) with context path '/'"),
            Self::Python => format!("Uvicorn running on http://0.0.0.0:{port}"),
            Self::Go => format!("listening on :{port}"),
            Self::Node => format!("server listening on port {port}"),
        };
        self.line(Level::Info, at, &message)
    }

    /// An unhandled failure with its trace, line by line.
    pub(crate) fn crash(self, at: Timestamp, error: &str) -> Vec<String> {
        let lines: &[&str] = match self {
            Self::Go => &[
                "goroutine 1 [running]:",
                "main.main()",
                "\t/src/cmd/server/main.go:87 +0x1d4",
                "exit status 2",
            ],
            Self::Java => &[
                "\tat com.example.service.Bootstrap.run(Bootstrap.java:58)",
                "\tat org.springframework.boot.SpringApplication.run(SpringApplication.java:342)",
                "\tat com.example.service.Main.main(Main.java:14)",
            ],
            Self::Node => &[
                "    at Object.<anonymous> (/app/src/index.js:31:11)",
                "    at Module._compile (node:internal/modules/cjs/loader:1554:14)",
                "Node.js v22.14.0",
            ],
            Self::Python => &[
                "  File \"/app/main.py\", line 42, in <module>",
                "    app = create_app()",
                "  File \"/app/service/factory.py\", line 19, in create_app",
            ],
            Self::Postgres => &["database system is shut down"],
        };
        let trace = lines.iter().map(|line| (*line).to_owned());
        match self {
            Self::Go => std::iter::once(format!("panic: {error}"))
                .chain(trace)
                .collect(),
            Self::Python => std::iter::once("Traceback (most recent call last):".to_owned())
                .chain(trace)
                .chain([error.to_owned()])
                .collect(),
            _ => std::iter::once(self.line(Level::Error, at, error))
                .chain(trace)
                .collect(),
        }
    }
}
