//! Connections that are refused, time out or break off, and names that do not
//! resolve.

use super::super::Sign;
use super::{check, check_sign};

#[test]
fn refusals_are_read_in_thirty_wordings() {
    check(
        Sign::Refused,
        &[
            // Go
            (
                r#"level=error msg="list orders" err="dial tcp 10.0.0.7:5432: connect: connection refused""#,
                "10.0.0.7:5432",
            ),
            (
                r#"E0921 14:00:00.123456       1 main.go:42] Post "http://stock:8080/v1": dial tcp 10.96.4.2:8080: connect: connection refused"#,
                "10.96.4.2:8080",
            ),
            (
                r#"rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial tcp 10.96.3.4:50051: connect: connection refused""#,
                "10.96.3.4:50051",
            ),
            (
                "failed to connect to `user=app database=orders`: 10.0.0.7:5432 (orders-db): dial error: dial tcp 10.0.0.7:5432: connect: connection refused",
                "10.0.0.7:5432",
            ),
            (
                "server selection error: context deadline exceeded, current topology: { Type: Unknown, Servers: [{ Addr: mongo:27017, Type: Unknown, Last error: dial tcp 10.96.0.1:27017: connect: connection refused }, ] }",
                "10.96.0.1:27017",
            ),
            // Java
            (
                "org.postgresql.util.PSQLException: Connection to orders-db:5432 refused. Check that the hostname and port are correct and that the postmaster is accepting TCP/IP connections.",
                "orders-db:5432",
            ),
            (
                "io.netty.channel.AbstractChannel$AnnotatedConnectException: finishConnect(..) failed: Connection refused: stock/10.96.3.4:50051",
                "stock:50051",
            ),
            (
                r#"org.springframework.web.client.ResourceAccessException: I/O error on GET request for "http://stock:8080/items": Connection refused"#,
                "stock:8080",
            ),
            (
                r#"org.springframework.web.client.ResourceAccessException: I/O error on GET request for "http://stock/items": Connection refused (Connection refused)"#,
                "stock",
            ),
            (
                "java.net.ConnectException: Failed to connect to stock/10.96.3.4:8080",
                "stock:8080",
            ),
            (
                "2026-09-21 14:00:00,123 WARN  [AdminClient clientId=adminclient-1] Connection to node -1 (kafka/10.96.3.4:9092) could not be established. Node may not be available. (org.apache.kafka.clients.NetworkClient)",
                "kafka:9092",
            ),
            (
                "Caused by: java.net.ConnectException: Connection refused (Connection refused)",
                "",
            ),
            (
                "com.microsoft.sqlserver.jdbc.SQLServerException: The TCP/IP connection to the host orders-db, port 1433 has failed. Error: \"Connection refused",
                "orders-db:1433",
            ),
            // Python
            (
                "requests.exceptions.ConnectionError: HTTPConnectionPool(host='stock', port=8080): Max retries exceeded with url: /items (Caused by NewConnectionError('<urllib3.connection.HTTPConnection object at 0x7f>: Failed to establish a new connection: [Errno 111] Connection refused'))",
                "stock:8080",
            ),
            (
                r#"psycopg2.OperationalError: connection to server at "orders-db" (10.0.0.7), port 5432 failed: Connection refused"#,
                "orders-db:5432",
            ),
            (
                r#"	Is the server running on host "orders-db" (10.0.0.7) and accepting TCP/IP connections on port 5432?"#,
                "orders-db:5432",
            ),
            (
                "pymysql.err.OperationalError: (2003, \"Can't connect to MySQL server on 'orders-db' ([Errno 111] Connection refused)\")",
                "orders-db",
            ),
            (
                "redis.exceptions.ConnectionError: Error 111 connecting to cache:6379. Connection refused.",
                "cache:6379",
            ),
            (
                "ConnectionRefusedError: [Errno 111] Connect call failed ('10.0.0.7', 5432)",
                "10.0.0.7:5432",
            ),
            (
                "aiohttp.client_exceptions.ClientConnectorError: Cannot connect to host stock:8080 ssl:default [Connect call failed ('10.0.0.7', 8080)]",
                "stock:8080",
            ),
            (
                "[2026-09-21 14:00:00,123: ERROR/MainProcess] consumer: Cannot connect to amqp://guest:**@rabbit:5672//: [Errno 111] Connection refused.",
                "rabbit:5672",
            ),
            (
                "pymongo.errors.ServerSelectionTimeoutError: mongo:27017: [Errno 111] Connection refused, Timeout: 30s",
                "mongo:27017",
            ),
            // Node
            (
                r#"{"level":50,"time":1790000000000,"pid":1,"msg":"request to http://stock:8080/items failed, reason: connect ECONNREFUSED 10.96.1.2:8080"}"#,
                "10.96.1.2:8080",
            ),
            (
                "Can't reach database server at `orders-db`:`5432`",
                "orders-db:5432",
            ),
            (
                "Error: 14 UNAVAILABLE: failed to connect to all addresses; last error: UNKNOWN: ipv4:10.96.3.4:50051: Failed to connect to remote host: Connection refused",
                "10.96.3.4:50051",
            ),
            // .NET
            (
                "System.Net.Http.HttpRequestException: Connection refused (stock:8080)",
                "stock:8080",
            ),
            (
                "Npgsql.NpgsqlException (0x80004005): Failed to connect to 10.0.0.7:5432",
                "10.0.0.7:5432",
            ),
            (
                "StackExchange.Redis.RedisConnectionException: It was not possible to connect to the redis server(s). UnableToConnect on cache:6379/Interactive, Initializing/NotStarted",
                "cache:6379",
            ),
            (
                "RabbitMQ.Client.Exceptions.BrokerUnreachableException: None of the specified endpoints were reachable",
                "",
            ),
            // Ruby, PHP, Rust, Elixir, C
            (
                r#"Errno::ECONNREFUSED: Failed to open TCP connection to stock:8080 (Connection refused - connect(2) for "stock" port 8080)"#,
                "stock:8080",
            ),
            (
                "PDOException: SQLSTATE[HY000] [2002] Connection refused",
                "",
            ),
            (
                "error sending request for url (http://stock:8080/items): error trying to connect: tcp connect error: Connection refused (os error 111)",
                "stock:8080",
            ),
            (
                "[error] Postgrex.Protocol (#PID<0.300.0>) failed to connect: ** (DBConnection.ConnectionError) tcp connect (orders-db:5432): connection refused - :econnrefused",
                "orders-db:5432",
            ),
            (
                "curl: (7) Failed to connect to stock port 8080 after 2 ms: Couldn't connect to server",
                "stock:8080",
            ),
            (
                "%3|1790000000.123|FAIL|rdkafka#producer-1| [thrd:kafka:9092/bootstrap]: kafka:9092/bootstrap: Connect to ipv4#10.96.3.4:9092 failed: Connection refused (after 0ms in state CONNECT)",
                "kafka:9092",
            ),
            // proxies
            (
                r#"2026/09/21 14:00:00 [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 10.1.1.1, server: _, request: "GET / HTTP/1.1", upstream: "http://10.96.3.4:8080/""#,
                "10.96.3.4:8080",
            ),
            (
                r#"2026/09/21 14:00:00 [error] 7#7: *1 no live upstreams while connecting to upstream, client: 10.1.1.1, upstream: "http://stock/items""#,
                "",
            ),
            (
                "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, transport failure reason: delayed connect error: 111",
                "",
            ),
            (
                "[Mon Sep 21 14:00:00.1 2026] [proxy:error] [pid 9] (111)Connection refused: AH00957: HTTP: attempt to connect to 10.0.0.7:8080 (*) failed",
                "10.0.0.7:8080",
            ),
        ],
    );
}

#[test]
fn answers_that_do_not_come_are_read_in_thirty_wordings() {
    check(
        Sign::TimedOut,
        &[
            ("dial tcp 10.0.0.7:5432: i/o timeout", "10.0.0.7:5432"),
            (
                r#"Get "http://stock:8080/items": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"#,
                "stock:8080",
            ),
            (
                r#"Get "http://stock/items": net/http: request canceled (Client.Timeout exceeded while awaiting headers)"#,
                "stock",
            ),
            (
                r#"Get "https://stock:8443/items": net/http: TLS handshake timeout"#,
                "stock:8443",
            ),
            (
                "rpc error: code = DeadlineExceeded desc = context deadline exceeded",
                "",
            ),
            (
                "okhttp3: java.net.SocketTimeoutException: failed to connect to stock/10.96.3.4 (port 8080) from /10.1.1.1 (port 41234) after 10000ms",
                "stock:8080",
            ),
            (
                "io.netty.channel.ConnectTimeoutException: connection timed out after 30000 ms: stock/10.96.3.4:8080",
                "stock:8080",
            ),
            ("io.netty.handler.timeout.ReadTimeoutException: null", ""),
            (
                "feign.RetryableException: Read timed out executing GET http://stock/items",
                "stock",
            ),
            (
                "io.grpc.StatusRuntimeException: DEADLINE_EXCEEDED: deadline exceeded after 4.99s. [remote_addr=stock/10.96.3.4:50051]",
                "stock:50051",
            ),
            (
                "org.apache.kafka.common.errors.TimeoutException: Topic orders not present in metadata after 60000 ms.",
                "",
            ),
            (
                "com.mongodb.MongoTimeoutException: Timed out after 30000 ms while waiting to connect.",
                "",
            ),
            (
                "requests.exceptions.ReadTimeout: HTTPConnectionPool(host='stock', port=8080): Read timed out. (read timeout=5)",
                "stock:8080",
            ),
            (
                "urllib3.exceptions.ConnectTimeoutError: (<urllib3.connection.HTTPConnection object at 0x7f>, 'Connection to stock timed out. (connect timeout=5)')",
                "",
            ),
            ("httpx.ReadTimeout", ""),
            ("TimeoutError: [Errno 110] Connection timed out", ""),
            ("socket.timeout: timed out", ""),
            ("Error: connect ETIMEDOUT 10.0.0.7:5432", "10.0.0.7:5432"),
            ("AxiosError: timeout of 5000ms exceeded", ""),
            (
                "ConnectTimeoutError: Connect Timeout Error (attempted address: stock:8080, timeout: 10000ms)",
                "stock:8080",
            ),
            ("Error: ESOCKETTIMEDOUT", ""),
            (
                "System.Threading.Tasks.TaskCanceledException: The request was canceled due to the configured HttpClient.Timeout of 100 seconds elapsing.",
                "",
            ),
            (
                "Npgsql.NpgsqlException (0x80004005): Exception while reading from stream ---> System.TimeoutException: Timeout during reading attempt",
                "",
            ),
            (
                "StackExchange.Redis.RedisTimeoutException: Timeout performing GET (5000ms), next: GET item, inst: 0",
                "",
            ),
            ("Net::OpenTimeout: execution expired", ""),
            (
                "cURL error 28: Operation timed out after 5001 milliseconds with 0 bytes received",
                "",
            ),
            (
                "reqwest::Error { kind: Request, source: TimedOut }: operation timed out",
                "",
            ),
            ("Error: deadline has elapsed", ""),
            (
                r#"[error] 7#7: *1 upstream timed out (110: Connection timed out) while connecting to upstream, client: 10.1.1.1, upstream: "http://10.96.3.4:8080/""#,
                "10.96.3.4:8080",
            ),
            ("upstream request timeout", ""),
            (
                "[WARNING] (8) : Server be_stock/s1 is DOWN, reason: Layer4 timeout, check duration: 2001ms.",
                "",
            ),
            ("ORA-12170: TNS:Connect timeout occurred", ""),
            ("java.net.NoRouteToHostException: No route to host", ""),
        ],
    );
}

#[test]
fn names_that_do_not_exist_are_read_in_thirty_wordings() {
    check(
        Sign::NameUnknown,
        &[
            (
                "dial tcp: lookup stock.shop.svc.cluster.local on 10.96.0.10:53: no such host",
                "stock.shop.svc.cluster.local",
            ),
            (
                r#"Get "http://stock:8080/": dial tcp: lookup stock on [fd00::a]:53: no such host"#,
                "stock",
            ),
            ("java.net.UnknownHostException: stock", "stock"),
            (
                "java.net.UnknownHostException: stock: Name or service not known",
                "stock",
            ),
            (
                "java.net.UnknownHostException: Failed to resolve 'stock' [A(1), AAAA(28)] after 2 queries",
                "stock",
            ),
            (
                "Caused by: java.net.UnknownHostException: orders-db.shop.svc",
                "orders-db.shop.svc",
            ),
            (
                "io.grpc.StatusRuntimeException: UNAVAILABLE: Unable to resolve host stock",
                "stock",
            ),
            (
                "org.apache.kafka.clients.ClientUtils : Couldn't resolve server kafka:9092 from bootstrap.servers as DNS resolution failed for kafka",
                "kafka:9092",
            ),
            (
                "urllib3.exceptions.MaxRetryError: HTTPConnectionPool(host='stock', port=8080): Max retries exceeded with url: / (Caused by NameResolutionError(\"<urllib3.connection.HTTPConnection object at 0x7f>: Failed to resolve 'stock' ([Errno -2] Name or service not known)\"))",
                "stock",
            ),
            (
                "aiohttp.client_exceptions.ClientConnectorError: Cannot connect to host stock:8080 ssl:default [Name or service not known]",
                "stock:8080",
            ),
            (
                "psycopg.OperationalError: failed to resolve host 'orders-db': [Errno -2] Name or service not known",
                "orders-db",
            ),
            (
                r#"psycopg2.OperationalError: could not translate host name "orders-db" to address: Name or service not known"#,
                "orders-db",
            ),
            (
                "socket.gaierror: [Errno -5] No address associated with hostname",
                "",
            ),
            (
                "redis.exceptions.ConnectionError: Error -2 connecting to cache:6379. Name or service not known.",
                "cache:6379",
            ),
            ("Error: getaddrinfo ENOTFOUND stock", "stock"),
            (
                "MongoServerSelectionError: getaddrinfo ENOTFOUND mongo.shop.svc",
                "mongo.shop.svc",
            ),
            (
                "Error: querySrv ENOTFOUND _mongodb._tcp.mongo.shop",
                "_mongodb._tcp.mongo.shop",
            ),
            (
                "System.Net.Http.HttpRequestException: Name or service not known (stock:8080)",
                "stock:8080",
            ),
            (
                "System.Net.Http.HttpRequestException: Name does not resolve (stock:8080)",
                "stock:8080",
            ),
            (
                "System.Net.Sockets.SocketException: No such host is known. (stock:8080)",
                "stock:8080",
            ),
            (
                "SocketError: Failed to open TCP connection to stock:8080 (getaddrinfo: Name or service not known)",
                "stock:8080",
            ),
            (
                "PHP Warning:  mysqli_connect(): php_network_getaddresses: getaddrinfo for orders-db failed: Name or service not known",
                "orders-db",
            ),
            (
                "ERROR 2005 (HY000): Unknown MySQL server host 'orders-db' (-2)",
                "orders-db",
            ),
            (
                "ERROR 2005 (HY000): Unknown server host 'orders-db' (2)",
                "orders-db",
            ),
            (
                "Could not connect to Redis at cache:6379: Name or service not known",
                "cache:6379",
            ),
            (
                "error sending request for url (http://stock:8080/items): error trying to connect: dns error: failed to lookup address information: Name or service not known",
                "stock:8080",
            ),
            (
                "[error] Postgrex.Protocol (#PID<0.300.0>) failed to connect: ** (DBConnection.ConnectionError) tcp connect (orders-db:5432): non-existing domain - :nxdomain",
                "orders-db:5432",
            ),
            (
                r#"nginx: [emerg] host not found in upstream "stock" in /etc/nginx/conf.d/default.conf:5"#,
                "stock",
            ),
            (
                "2026/09/21 14:00:00 [error] 7#7: *1 stock.shop.svc could not be resolved (3: Host not found), client: 10.1.1.1",
                "stock.shop.svc",
            ),
            ("curl: (6) Could not resolve host: stock", "stock"),
            ("wget: unable to resolve host address 'stock'", "stock"),
            ("** server can't find stock: NXDOMAIN", "stock"),
            (
                "E0921 14:00:00.1 dns_resolver.cc:75] DNS resolution failed for stock:8080: C-ares status is not ARES_SUCCESS qtype=A name=stock is_balancer=0: Domain name not found",
                "stock:8080",
            ),
        ],
    );
}

#[test]
fn resolvers_that_fail_are_no_wrong_names() {
    check_sign(
        Sign::NameServerFails,
        &[
            "dial tcp: lookup stock on 10.96.0.10:53: read udp 10.1.1.1:40000->10.96.0.10:53: i/o timeout",
            "dial tcp: lookup stock on 10.96.0.10:53: server misbehaving",
            "lookup stock on 10.96.0.10:53: dial udp 10.96.0.10:53: connect: connection refused",
            "java.net.UnknownHostException: stock: Temporary failure in name resolution",
            "io.netty.resolver.dns.DnsNameResolverTimeoutException: [/10.96.0.10:53] query timed out after 5000 milliseconds",
            "socket.gaierror: [Errno -3] Temporary failure in name resolution",
            "Error: getaddrinfo EAI_AGAIN stock",
            "System.Net.Http.HttpRequestException: Resource temporarily unavailable (stock:8080)",
            "2026/09/21 14:00:00 [error] 7#7: *1 stock could not be resolved (110: Operation timed out), client: 10.1.1.1",
            "curl: (28) Resolving timed out after 5000 milliseconds",
            "DNS server returned general failure",
            ";; ->>HEADER<<- opcode: QUERY, status: SERVFAIL, id: 1",
        ],
    );
}

#[test]
fn connections_that_break_off_were_neither_refused_nor_dropped() {
    check_sign(
        Sign::Reset,
        &[
            "read tcp 10.1.1.1:41000->10.96.3.4:8080: read: connection reset by peer",
            "java.io.IOException: Connection reset by peer",
            "requests.exceptions.ConnectionError: ('Connection aborted.', RemoteDisconnected('Remote end closed connection without response'))",
            "aiohttp.client_exceptions.ServerDisconnectedError: Server disconnected",
            "Error: socket hang up",
            "Error: read ECONNRESET",
            "upstream prematurely closed connection while reading response header from upstream",
            "org.apache.http.NoHttpResponseException: Premature close of the connection",
            "write tcp 10.1.1.1:41000->10.96.3.4:8080: write: broken pipe",
            "(2013, 'Lost connection to MySQL server during query')",
            "com.mysql.cj.jdbc.exceptions.CommunicationsException: Communications link failure",
            "server closed the connection unexpectedly",
            "Unable to read data from the transport connection: An existing connection was forcibly closed by the remote host.",
            "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
            r#"Post "http://stock:8080/": unexpected EOF"#,
        ],
    );
}
