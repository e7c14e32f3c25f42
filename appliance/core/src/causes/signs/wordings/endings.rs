//! Programs that end: settings they miss, memory they lack, errors nobody
//! caught, files and ports they may not have.

use super::super::Sign;
use super::check_sign;

#[test]
fn missing_and_invalid_settings_are_read_in_thirty_wordings() {
    check_sign(
        Sign::ConfigInvalid,
        &[
            "KeyError: 'DATABASE_URL'",
            "pydantic_core._pydantic_core.ValidationError: 1 validation error for Settings",
            "django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be empty.",
            r#"required environment variable "PORT" not set"#,
            "envconfig: required key PORT missing value",
            "Error: DATABASE_URL is not defined",
            r#"Error: Config validation error: "PORT" is required"#,
            "Error: Missing required env var: API_TOKEN",
            "Could not resolve placeholder 'orders.url' in value \"${orders.url}\"",
            "Failed to bind properties under 'server.port' to java.lang.Integer:",
            "Failed to configure a DataSource: 'url' attribute is not specified and no embedded datasource could be configured.",
            "SRCFG00014: The config property orders.url is required but it could not be found in any config source",
            "org.apache.kafka.common.config.ConfigException: Missing required configuration \"bootstrap.servers\" which has no default value.",
            "System.ArgumentNullException: Value cannot be null. (Parameter 'connectionString')",
            "key not found: \"DATABASE_URL\" (KeyError)",
            "Missing `secret_key_base` for 'production' environment",
            "thread 'main' panicked at src/main.rs:5:10: called `Result::unwrap()` on an `Err` value: NotPresent",
            "Error: environment variable not found",
            "yaml: line 7: mapping values are not allowed in this context",
            "json: cannot unmarshal string into Go struct field Config.port of type int",
            r#"panic: strconv.Atoi: parsing "eighty": invalid syntax"#,
            "nginx: [emerg] unknown directive \"proxy_passs\" in /etc/nginx/nginx.conf:12",
            "*** FATAL CONFIG FILE ERROR (Redis 7.2.4) ***",
            "mysqld: unknown variable 'max_conections=100'",
            "FATAL:  configuration file \"/etc/postgresql/postgresql.conf\" contains errors",
            "Error parsing YAML config file: yaml-cpp: error at line 3, column 1",
            "error: unknown flag: --lisen",
            "Error loading config (--config.file=/etc/prometheus/prometheus.yml): parsing YAML file",
            "error initializing configuration '/etc/envoy/envoy.yaml': Unable to parse JSON as proto",
            "org.apache.zookeeper.server.quorum.QuorumPeerMain : Invalid config, exiting abnormally",
            "main.py: error: unrecognized arguments: --workrs 4",
        ],
    );
}

#[test]
fn errors_that_nobody_caught_are_read_in_every_language() {
    check_sign(
        Sign::Exception,
        &[
            "panic: runtime error: invalid memory address or nil pointer dereference",
            "goroutine 1 [running]:",
            "[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x4a2b1c]",
            "Exception in thread \"main\" java.lang.IllegalStateException: no items",
            "java.lang.NullPointerException: Cannot invoke \"Order.id()\" because \"order\" is null",
            "Caused by: java.lang.IllegalArgumentException: price",
            r#"{"@timestamp":"2026-09-21T14:00:00Z","level":"ERROR","stack_trace":"java.lang.ArithmeticException: / by zero\n\tat a.B.c(B.java:1)"}"#,
            "Traceback (most recent call last):",
            "AttributeError: 'NoneType' object has no attribute 'id'",
            "Unhandled exception. System.NullReferenceException: Object reference not set to an instance of an object.",
            "TypeError: Cannot read properties of undefined (reading 'id')",
            "[UnhandledPromiseRejection: This error originated by throwing inside of an async function]",
            "thread 'main' (1) panicked at src/main.rs:5:10:",
            "main.rb:3:in 'total': undefined method 'id' for nil (NoMethodError)",
            "PHP Fatal error:  Uncaught Error: Call to a member function id() on null",
            "** (RuntimeError) no items",
            "{\"init terminating in do_boot\",{undef,[{orders,start,[]}]}}",
            "terminate called after throwing an instance of 'std::runtime_error'",
            "Segmentation fault (core dumped)",
            "Assertion failed: (count > 0), function total, file total.c, line 9.",
        ],
    );
}

#[test]
fn memory_files_space_and_ports_are_read_in_every_language() {
    check_sign(
        Sign::HeapFull,
        &[
            "java.lang.OutOfMemoryError: Java heap space",
            "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
            "fatal error: runtime: out of memory",
            "MemoryError",
            "System.OutOfMemoryException: Exception of type 'System.OutOfMemoryException' was thrown.",
            "terminate called after throwing an instance of 'std::bad_alloc'",
            "memory allocation of 1073741824 bytes failed",
            "PHP Fatal error:  Allowed memory size of 134217728 bytes exhausted (tried to allocate 20480 bytes)",
        ],
    );
    check_sign(
        Sign::NoSpace,
        &[
            "write /data/orders.log: no space left on device",
            "OSError: [Errno 28] No space left on device: '/data/x'",
            "java.io.IOException: No space left on device",
            "PANIC:  could not write to file \"pg_wal/xlogtemp.29\": No space left on device",
            "ERROR:  could not extend file \"base/1/2\": wrote only 4096 of 8192 bytes",
            "System.IO.IOException: There is not enough space on the disk.",
            "Error: ENOSPC: no space left on device, write",
            "flood stage disk watermark [95%] exceeded on [x], all indices on this node will be marked read-only",
        ],
    );
    check_sign(
        Sign::FileDenied,
        &[
            "open /data/lock: permission denied",
            "PermissionError: [Errno 13] Permission denied: '/data/lock'",
            "java.nio.file.AccessDeniedException: /data/lock",
            "Error: EACCES: permission denied, open '/data/lock'",
            "UnauthorizedAccessException: Access to the path '/data/lock' is denied.",
            "mkdir: cannot create directory '/data/x': Permission denied",
            "chown: /data: Read-only file system",
        ],
    );
    check_sign(
        Sign::AddressInUse,
        &[
            "listen tcp :8080: bind: address already in use",
            "OSError: [Errno 98] Address already in use",
            "Error: listen EADDRINUSE: address already in use :::8080",
            "Web server failed to start. Port 8080 was already in use.",
            "System.IO.IOException: Failed to bind to address http://[::]:8080: address already in use.",
            "nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)",
        ],
    );
}
