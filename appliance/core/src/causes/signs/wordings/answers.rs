//! Servers that answer, and refuse: credentials, limits, locks, protocols.

use super::super::Sign;
use super::check_sign;

#[test]
fn refused_credentials_are_read_in_thirty_wordings() {
    check_sign(
        Sign::BadCredentials,
        &[
            r#"FATAL:  password authentication failed for user "app""#,
            r#"pq: password authentication failed for user "app""#,
            r#"FATAL:  no pg_hba.conf entry for host "10.1.1.1", user "app", database "orders", no encryption"#,
            r#"FATAL:  role "app" does not exist"#,
            r#"Npgsql.PostgresException (0x80004005): 28P01: password authentication failed for user "app""#,
            "Error 1045 (28000): Access denied for user 'app'@'10.1.1.1' (using password: YES)",
            "java.sql.SQLException: Access denied for user 'app'@'10.1.1.1' (using password: YES)",
            "Error: ER_ACCESS_DENIED_ERROR: Access denied",
            "MongoServerError: Authentication failed.",
            "com.mongodb.MongoSecurityException: Exception authenticating MongoCredential: Authentication failed",
            "MongoServerError: command find requires authentication",
            "pymongo.errors.OperationFailure: not authorized on orders to execute command { find: \"items\" }",
            "redis.exceptions.AuthenticationError: WRONGPASS invalid username-password pair or user is disabled.",
            "NOAUTH Authentication required.",
            "ERR AUTH <password> called without any password configured for the default user.",
            "io.lettuce.core.RedisCommandExecutionException: ERR invalid password",
            "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile.",
            "[error] <0.800.0> Error on AMQP connection <0.800.0>: PLAIN login refused: user 'app' - invalid credentials",
            "org.apache.kafka.common.errors.SaslAuthenticationException: Authentication failed: Invalid username or password",
            "%3|1790000000.1|FAIL|rdkafka#producer-1| SASL authentication error: Authentication failed during authentication",
            "Login failed for user 'app'.",
            "ORA-01017: invalid username/password; logon denied",
            "ORA-28000: The account is locked.",
            "[LDAP: error code 49 - Invalid Credentials]",
            "security_exception: unable to authenticate user [app] for REST request [/_bulk]",
            "com.datastax.oss.driver.api.core.auth.AuthenticationException: Provided username app and/or password are incorrect",
            "etcdserver: authentication failed, invalid user ID or password",
            "nats: Authorization Violation",
            "535 5.7.8 Authentication credentials invalid",
            "git@git.local: Permission denied (publickey).",
            r#"{"error":"invalid_client","error_description":"Invalid client credentials"}"#,
            "An error occurred (InvalidAccessKeyId) when calling the PutObject operation",
            "Connection refused: bad user name or password",
        ],
    );
}

#[test]
fn servers_at_their_limits_say_so() {
    check_sign(
        Sign::TooManyConnections,
        &[
            "FATAL:  sorry, too many clients already",
            "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute",
            "Error 1040: Too many connections",
            "User app already has more than 'max_user_connections' active connections",
            "ERR max number of clients reached",
            "ORA-12516, TNS:listener could not find available handler with matching protocol stack",
        ],
    );
    check_sign(
        Sign::PoolTimeout,
        &[
            "HikariPool-1 - Connection is not available, request timed out after 30000ms.",
            "sqlalchemy.exc.TimeoutError: QueuePool limit of size 5 overflow 10 reached, connection timed out, timeout 30.00",
            "Timeout expired.  The timeout period elapsed prior to obtaining a connection from the pool.",
            "ActiveRecord::ConnectionTimeoutError: could not obtain a connection from the pool within 5.000 seconds",
            "KnexTimeoutError: Knex: Timeout acquiring a connection. The pool is probably full.",
            "Timed out fetching a new connection from the connection pool. More info: http://pris.ly/d/connection-pool",
            "pool timed out while waiting for an open connection",
            "redis.clients.jedis.exceptions.JedisConnectionException: Could not get a resource from the pool",
            "Cannot get a connection, pool error Timeout waiting for idle object",
        ],
    );
    check_sign(
        Sign::DatabaseLock,
        &[
            "ERROR 1205 (HY000): Lock wait timeout exceeded; try restarting transaction",
            "ERROR:  deadlock detected",
            "Deadlock found when trying to get lock; try restarting transaction",
            "Transaction (Process ID 52) was deadlocked on lock resources with another process",
            "LOG:  process 99 still waiting for ShareLock on transaction 1234 after 1000.123 ms",
            "sqlite3.OperationalError: database is locked",
            "MongoServerError: WriteConflict error: this operation conflicted with another operation.",
        ],
    );
    check_sign(
        Sign::DatabaseReadOnly,
        &[
            "ERROR:  cannot execute INSERT in a read-only transaction",
            "The MySQL server is running with the --read-only option so it cannot execute this statement",
            "READONLY You can't write against a read only replica.",
            "MongoServerError: not primary: NotWritablePrimary",
            "cluster_block_exception: index [orders] blocked by: [FORBIDDEN/12/index read-only / allow delete (api)];",
        ],
    );
}

#[test]
fn another_protocol_is_read_on_either_side() {
    check_sign(
        Sign::ProtocolMismatch,
        &[
            "http: server gave HTTP response to HTTPS client",
            "tls: first record does not look like a TLS handshake",
            "javax.net.ssl.SSLException: Unsupported or unrecognized SSL message",
            "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1007)",
            "io.netty.handler.ssl.NotSslRecordException: not an SSL/TLS record: 485454502f",
            "error:0A0000C6:SSL routines::packet length too long",
            "400 The plain HTTP request was sent to HTTPS port",
            r#"net/http: HTTP/1.x transport connection broken: malformed HTTP response "\x15\x03\x01""#,
            "connection error: desc = \"error reading server preface: http2: frame too large\"",
            "io.grpc.netty: First received frame was not SETTINGS. Hex dump for first 5 bytes: 485454502f",
        ],
    );
}
