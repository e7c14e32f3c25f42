"""Clients that lie, dawdle, break off or are many, over raw sockets against the real process; whoever behaves is answered all the while."""

import contextlib
import json
import os
import resource
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from conftest import MODEL

IDLE = 2000
CANCELLED = 1000
# Far above what a leak of one block or one answer per request would leave behind: 1,000 of them are 100 MB and more.
GROWTH_MIB_MAX = 64
PATIENCE = 120


@pytest.fixture(scope="module")
def address(server):
    parts = urlsplit(server)
    return parts.hostname, parts.port


def connect(address):
    return socket.create_connection(address, timeout=PATIENCE)


def post(body: bytes, path="/v1/chat/completions", length=None) -> bytes:
    count = len(body) if length is None else length
    return f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {count}\r\n\r\n".encode() + body


def chat(**more) -> bytes:
    return json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "Count to nine."}], "temperature": 0, **more}).encode()


def exchange(address, data: bytes) -> bytes:
    with connect(address) as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def check_alive(server):
    answer = httpx.post(server + "/v1/chat/completions", content=chat(), timeout=PATIENCE)
    assert answer.json()["choices"][0]["message"]["content"] == "one two three four five six seven eight nine"


DEEP = b"[" * 50_000 + b"]" * 50_000
BROKEN = [b"", b"{", b"null", b"[]", b'"x"', b"\x00", b"\xff\xfe", b'{"messages": }', b'{"messages": [null]}', b'{"messages": [{"role": 7}]}', DEEP,
    b'{"messages": [{"role": "user", "content": ' + DEEP + b"}]}", b'{"response_format": ' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/embeddings", "/api/chat", "/tokenize"])
def test_broken_bodies_are_refused_as_errors(server, address, path):
    for body in BROKEN:
        head, _, text = exchange(address, post(body, path)).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400"), (body[:40], head)
        assert "error" in json.loads(text), body[:40]
    check_alive(server)


def test_schemas_that_nest_too_deep_are_refused(server):
    schema = {"type": "string"}
    for _ in range(60):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"], "additionalProperties": False}
    body = json.loads(chat(max_tokens=5, response_format={"type": "json_schema", "json_schema": {"name": "deep", "strict": True, "schema": schema}}))
    assert httpx.post(server + "/v1/chat/completions", json=body, timeout=PATIENCE).status_code in (200, 400)
    # A reference to itself says nothing: valid JSON of any kind, cut off where the limit is, or a refusal.
    body["response_format"]["json_schema"]["schema"] = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}
    answer = httpx.post(server + "/v1/chat/completions", json=body, timeout=PATIENCE)
    print(answer.text)
    assert answer.status_code in (200, 400)
    check_alive(server)


def test_a_body_that_is_too_large_is_refused(address):
    # The server answers before it has read all; what was sent in vain may cut the answer off.
    with connect(address) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(post(b"x" * (9 << 20)))
        answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 413"), answer[:200]


def test_requests_broken_off_half_closed_or_never_finished_harm_nobody(server, address):
    waiting = []
    for data in [b"GET", b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-le", post(chat(), length=10_000),
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"]:
        connection = connect(address)
        connection.sendall(data)
        waiting.append(connection)
    # Closing its writing side says that the client has sent all, not that it is gone.
    half = connect(address)
    half.sendall(post(chat()))
    half.shutdown(socket.SHUT_WR)
    check_alive(server)
    answer = b"".join(iter(lambda: half.recv(65536), b""))
    assert answer == b"" or b"one two three" in answer
    for connection in [*waiting, half]:
        connection.close()
    check_alive(server)


def test_clients_that_do_not_read_keep_nobody_waiting(server, address):
    slow = []
    for _ in range(32):
        connection = connect(address)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(post(chat(stream=True, n=16, max_tokens=400, temperature=2, ignore_eos=True)))
        slow.append(connection)
    check_alive(server)
    for connection in slow:
        connection.close()
    check_alive(server)


def test_a_header_that_comes_byte_by_byte_keeps_nobody_waiting(server, address):
    with connect(address) as connection:
        for byte in b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n":
            connection.sendall(bytes([byte]))
        check_alive(server)
        connection.sendall(b"\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")


def test_two_thousand_idle_connections_keep_nobody_waiting(server, address, capsys):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < IDLE + 500:
        pytest.skip(f"only {hard} files may be open")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    before = resident_mib()
    with contextlib.ExitStack() as held:
        for number in range(IDLE):
            connection = held.enter_context(connect(address))
            if number % 2:
                connection.sendall(b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n")
        start = time.monotonic()
        check_alive(server)
        took, during = time.monotonic() - start, resident_mib()
    check_alive(server)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with capsys.disabled():
        print(f"\n{IDLE} idle connections: an answer in {took:.2f} s; {before} MiB before, {during} MiB with them")


def resident_mib() -> int:
    status = Path(f"/proc/{os.environ['CONFORMANCE_PID']}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) >> 10


def cancel(address, count: int):
    for number in range(count):
        with connect(address) as connection:
            connection.sendall(post(chat(stream=number % 2 == 0, temperature=2, seed=number, max_tokens=400)))
            if number % 4 == 0:
                connection.recv(64)


def test_a_thousand_requests_whose_clients_leave_leave_nothing_behind(server, address, capsys):
    # What the first ones leave is warm: buffers, threads, blocks that are kept for the next prompt.
    cancel(address, CANCELLED // 4)
    check_alive(server)
    before = resident_mib()
    cancel(address, CANCELLED)
    check_alive(server)
    after = resident_mib()
    with capsys.disabled():
        print(f"\n{CANCELLED} cancelled requests: {before} MiB before, {after} MiB after")
    assert after - before < GROWTH_MIB_MAX
