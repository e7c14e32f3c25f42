#!/usr/bin/env python3
"""The product's own work through servers on the same file: ours, and llama.cpp's with a JSON schema and its prefix cache.

    python server.py MODEL.gguf --anchorite target/release/anchorite --llama-server VENV/bin/llama-server --results results.jsonl

A prompt is a shared preamble and evidence of one incident's own, of byte tokens in the vocabulary of make_models.py; the
answer is about 300 tokens of JSON under a schema that leaves its length no choice, taken greedily. One incident on a server that has seen none, the next behind it, then many at once. Theirs is llama-server
in several configurations, or (`llama_cpp.server`) the server of llama.cpp's Python package, which answers one
after another. Each server is started for the measurement and stopped after it.

The random vocabulary has no token for JSON's words and signs but bytes, so that a grammar forces more of them one after the
other than with a trained one; both servers have that to write.
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

from measuring import OURS, append, running

ITEMS, SUMMARY_BYTES, ITEM_BYTES = 4, 160, 90


def text(length):
    return {"type": "string", "minLength": length, "maxLength": length}


def schema(scale):
    """As long as its `scale` says: 1 is an answer of about 300 tokens."""
    items = max(1, round(ITEMS * scale))
    return {
        "type": "object",
        "properties": {
            "summary": text(round(SUMMARY_BYTES * scale)),
            "cause": {"type": "string", "enum": ["image_pull", "memory_limit", "missing_config", "node_pressure"]},
            "actions": {"type": "array", "items": text(ITEM_BYTES), "minItems": items, "maxItems": items},
        },
        "required": ["summary", "cause", "actions"],
        "additionalProperties": False,
    }


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fitting(text, tokens):
    """The beginning of `text` of so many tokens: a byte is one, but a space, which such vocabularies write with three bytes, is three."""
    taken = 0
    for at, letter in enumerate(text):
        taken += 3 if letter == " " else 1
        if taken > tokens:
            return text[:at]
    return text


def prompt(number, options):
    """The same preamble for all, then lines of events and logs that only this incident has."""
    words = random.Random(number)
    preamble = "You word findings for people on call. Name only what the evidence names, cite lines, invent nothing. " * options.preamble
    evidence = "".join(
        f"[E{line}] 12:{words.randrange(60):02d} Warning BackOff pod/shop-{words.randrange(16**6):06x}-{words.randrange(16**4):04x} "
        f"restarted {words.randrange(40)} times, exit {words.choice([1, 137, 143])}\n"
        for line in range(1, 2 + options.prompt // 60)
    )
    return fitting(preamble, options.preamble) + fitting(evidence, options.prompt - options.preamble)


def shape(model, wanted):
    """How each server is told the schema of a raw completion."""
    if model == "llama-server":
        return {"json_schema": wanted}
    if model == "llama_cpp.server":
        from llama_cpp.llama_grammar import json_schema_to_gbnf

        return {"grammar": json_schema_to_gbnf(json.dumps(wanted))}
    return {"structured_outputs": {"json": wanted}}


def ask(base, model, number, options):
    """One raw completion, so that all read the same tokens: chat templates differ."""
    body = {"model": model, "prompt": prompt(number, options), "temperature": 0, "max_tokens": options.max_tokens, **shape(model, schema(options.answer))}
    request = urllib.request.Request(f"{base}/v1/completions", json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=7200) as reply:
        answer = json.load(reply)
    usage = answer["usage"]
    try:
        # Theirs lets signs that JSON forbids pass; what counts is that the answer came to its end.
        json.loads(answer["choices"][0]["text"], strict=False)
        whole = True
    except ValueError:
        whole = False
    return usage["prompt_tokens"], usage["completion_tokens"], whole


def processor_seconds(pid):
    """What all threads of a process took of processors."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_bytes(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


def timed(base, model, numbers, server, options):
    started, before = time.perf_counter(), processor_seconds(server.pid)
    with concurrent.futures.ThreadPoolExecutor(len(numbers)) as pool:
        answers = list(pool.map(lambda number: ask(base, model, number, options), numbers))
    return {
        "seconds": time.perf_counter() - started, "processor_seconds": processor_seconds(server.pid) - before,
        "prompt_tokens": sum(answer[0] for answer in answers), "completion_tokens": sum(answer[1] for answer in answers),
        "whole_answers": sum(answer[2] for answer in answers),
    }


def ours(options, folder, port):
    config = pathlib.Path(folder, "anchorite.toml")
    config.write_text(
        f'data_dir = "{folder}/data"\nlisten = "127.0.0.1:{port}"\n\n[model]\nfile = "{pathlib.Path(options.model).resolve()}"\n'
        f"threads = {options.threads}\n\n[inference]\nqueue_capacity = 256\n{options.config}\n"
    )
    return [options.anchorite, "serve", "--config", str(config)]


def llama_server(*extra):
    """llama.cpp's own server; flash attention, continuous batching and its prompt cache are on by default."""

    def command(options, _folder, port):
        slots = min(options.slots, max(1, options.storm))
        room = options.prompt + options.max_tokens + 64
        return [options.llama_server, "--model", options.model, "--host", "127.0.0.1", "--port", str(port), "--threads", str(options.threads),
                "--threads-batch", str(options.threads), "--parallel", str(slots), "--kv-unified", "--ctx-size", str(room * slots),
                "--alias", "llama-server", *extra]

    return command


def llama_cpp_server(options, _folder, port):
    return [sys.executable, "-m", "llama_cpp.server", "--model", options.model, "--host", "127.0.0.1", "--port", str(port),
            "--n_threads", str(options.threads), "--n_threads_batch", str(options.threads),
            "--n_ctx", str(options.prompt + options.max_tokens + 64), "--cache", "true",
            "--model_alias", "llama_cpp.server", "--verbose", "false", "--flash_attn", "true"]


# Keys and values as ours keeps them.
BYTES = ["--cache-type-k", "q8_0", "--cache-type-v", "q8_0"]
SERVERS = {
    OURS: ours,
    "llama-server": llama_server(),
    "llama-server, no repack": llama_server("--no-repack"),
    "llama-server, bytes": llama_server(*BYTES),
    "llama-server, no repack, bytes": llama_server("--no-repack", *BYTES),
    "llama-server, guesses": llama_server("--spec-type", "ngram-simple"),
    "llama-server, no repack, guesses": llama_server("--no-repack", "--spec-type", "ngram-simple"),
    "llama_cpp.server": llama_cpp_server,
}


def measure(name, options):
    """Starts the server called `name`, has it do the work, stops it; gives the line of results."""
    before = running()
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        command = SERVERS[name](options, folder, port)
        base = f"http://127.0.0.1:{port}"
        with open(pathlib.Path(folder, "log"), "w+") as log:
            server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
            try:
                model = wait(f"{base}/v1/models", server, log)
                work = {}
                if options.single:
                    work["first incident"] = timed(base, model, [0], server, options)
                    work["next incident"] = timed(base, model, [1], server, options)
                if options.storm:
                    work[f"storm of {options.storm}"] = timed(base, model, list(range(2, 2 + options.storm)), server, options)
                peak = peak_bytes(server.pid)
            finally:
                server.terminate()
                server.wait(60)
    return {"kind": "work", "server": name, "file": pathlib.Path(options.model).stem, "threads": options.threads, "preamble": options.preamble,
            "running": [before, running()], "load": os.getloadavg()[0], "peak_bytes": peak, "work": work}


def wait(url, server, log):
    """The name of the model, once it is loaded."""
    for _ in range(2400):
        if server.poll() is not None:
            log.seek(0)
            raise RuntimeError(f"the server ended: {log.read()[-2000:]}")
        try:
            with urllib.request.urlopen(url, timeout=5) as reply:
                models = json.load(reply)["data"]
            if models:
                return models[0]["id"]
        except OSError:
            pass
        time.sleep(0.25)
    raise RuntimeError("the server was not ready in ten minutes")


def parser():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--anchorite", default="target/release/anchorite")
    parser.add_argument("--llama-server", default=str(pathlib.Path(sys.executable).with_name("llama-server")))
    parser.add_argument("--results", type=pathlib.Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=4096, help="tokens of a prompt")
    parser.add_argument("--preamble", type=int, default=1024, help="of those, what all prompts begin with")
    parser.add_argument("--answer", type=float, default=1.0, help="1 for about 300 tokens of a small vocabulary, 2.5 of one of more than 100,000")
    parser.add_argument("--max-tokens", type=int, default=1200, help="above what the schema leaves")
    parser.add_argument("--storm", type=int, default=32, help="incidents at once; 0 for none")
    parser.add_argument("--slots", type=int, default=16, help="requests llama-server answers side by side")
    parser.add_argument("--no-single", dest="single", action="store_false", help="the storm alone")
    parser.add_argument("--servers", type=lambda text: text.split("/"), default=[OURS, "llama-server", "llama-server, no repack"], help="some of: " + "/".join(SERVERS))
    parser.add_argument("--config", default="", help="more lines of [inference] for ours")
    return parser


def main():
    options = parser().parse_args()
    for name in options.servers:
        append(options.results, measure(name, options))


if __name__ == "__main__":
    main()
