#!/usr/bin/env python3
"""The product's own work through two servers on the same file: ours, and llama.cpp's with a JSON schema and its prefix cache.

    python server.py MODEL.gguf --anchorite target/release/anchorite --results work.jsonl [--threads 2] [--storm 32] [--only ours|theirs]

A prompt is a shared preamble and evidence of one incident's own, 4096 tokens with the byte vocabulary of make_models.py;
the answer is at most 300 tokens of JSON under a schema, chosen greedily. One incident on a server that has seen none,
the next behind it, then many at once. Theirs is llama_cpp.server of the same package, with --cache; it answers one request
after another. Each server is started for the measurement and stopped after it.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

PROMPT_BYTES, PREAMBLE_BYTES, ANSWER_TOKENS = 4096, 1024, 300
SCHEMA = {
    "type": "object",
    "properties": {
        "summary": {"type": "string", "minLength": 120, "maxLength": 120},
        "cause": {"type": "string", "enum": ["image_pull", "memory_limit", "missing_config", "node_pressure"]},
        "actions": {"type": "array", "items": {"type": "string", "minLength": 40, "maxLength": 40}, "minItems": 2, "maxItems": 2},
    },
    "required": ["summary", "cause", "actions"],
    "additionalProperties": False,
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def prompt(number):
    """The same preamble for all, then lines of events and logs that only this incident has."""
    words = random.Random(number)
    preamble = "You word findings for people on call. Name only what the evidence names, cite lines, invent nothing. "
    preamble = (preamble * (PREAMBLE_BYTES // len(preamble) + 1))[:PREAMBLE_BYTES]
    lines, size = [], 0
    while size < PROMPT_BYTES - PREAMBLE_BYTES:
        pod = f"shop-{words.randrange(16**6):06x}-{words.randrange(16**4):04x}"
        line = f"[E{len(lines) + 1}] 12:{words.randrange(60):02d} Warning BackOff pod/{pod} restarted {words.randrange(40)} times, exit {words.choice([1, 137, 143])}\n"
        lines.append(line)
        size += len(line)
    return preamble + "".join(lines)[: PROMPT_BYTES - PREAMBLE_BYTES]


def ask(base, model, number):
    body = {
        "model": model, "messages": [{"role": "user", "content": prompt(number)}], "temperature": 0, "max_tokens": ANSWER_TOKENS,
        "response_format": {"type": "json_schema", "json_schema": {"name": "finding", "schema": SCHEMA, "strict": True}, "schema": SCHEMA},
    }
    if model == "theirs":
        body["response_format"] = {"type": "json_object", "schema": SCHEMA}
    request = urllib.request.Request(f"{base}/v1/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=3600) as reply:
        answer = json.load(reply)
    usage = answer["usage"]
    try:
        json.loads(answer["choices"][0]["message"]["content"])
        whole = True
    except ValueError:
        whole = False
    return usage["prompt_tokens"], usage["completion_tokens"], whole


def timed(base, model, numbers):
    started = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(len(numbers)) as pool:
        answers = list(pool.map(lambda number: ask(base, model, number), numbers))
    return {
        "seconds": time.perf_counter() - started, "prompt_tokens": sum(answer[0] for answer in answers),
        "completion_tokens": sum(answer[1] for answer in answers), "whole_answers": sum(answer[2] for answer in answers),
    }


def ours(options, folder, port):
    config = pathlib.Path(folder, "anchorite.toml")
    config.write_text(
        f'data_dir = "{folder}/data"\nlisten = "127.0.0.1:{port}"\n\n[model]\nfile = "{pathlib.Path(options.model).resolve()}"\n'
        f'threads = {options.threads}\n\n[inference]\nqueue_capacity = 256\n{options.config}\n'
    )
    return [options.anchorite, "serve", "--config", str(config)], "/v1/models"


def theirs(options, _folder, port):
    command = [sys.executable, "-m", "llama_cpp.server", "--model", options.model, "--host", "127.0.0.1", "--port", str(port),
               "--n_threads", str(options.threads), "--n_threads_batch", str(options.threads), "--n_ctx", "8192", "--cache", "true",
               "--chat_format", "chatml", "--model_alias", "theirs", "--verbose", "false", "--flash_attn", "true"]
    return command, "/v1/models"


def measure(name, start, options):
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        command, ready = start(options, folder, port)
        base = f"http://127.0.0.1:{port}"
        with open(pathlib.Path(folder, "log"), "w+") as log:
            server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
            try:
                model = wait(base + ready, server, log)
                report = {"first": timed(base, model, [0]), "second": timed(base, model, [1])}
                report["storm"] = timed(base, model, list(range(2, 2 + options.storm)))
            finally:
                server.terminate()
                server.wait(60)
    return {"server": name, "file": pathlib.Path(options.model).stem, "threads": options.threads, "incidents": options.storm,
            "load": os.getloadavg()[0], **report}


def wait(url, server, log):
    for _ in range(1200):
        if server.poll() is not None:
            log.seek(0)
            sys.exit(f"the server ended: {log.read()[-2000:]}")
        try:
            with urllib.request.urlopen(url, timeout=5) as reply:
                models = json.load(reply)["data"]
            if models:
                return models[0]["id"]
        except OSError:
            pass
        time.sleep(0.5)
    sys.exit("the server was not ready in ten minutes")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--anchorite", default="target/release/anchorite")
    parser.add_argument("--results", type=pathlib.Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--storm", type=int, default=32)
    parser.add_argument("--only", choices=["ours", "theirs"])
    parser.add_argument("--config", default="", help="more lines of [inference] for ours")
    options = parser.parse_args()
    for name, start in {"ours": ours, "theirs": theirs}.items():
        if options.only in (None, name):
            line = json.dumps(measure(name, start, options))
            print(line, flush=True)
            with options.results.open("a") as results:
                results.write(line + "\n")


main()
