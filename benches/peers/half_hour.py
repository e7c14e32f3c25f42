#!/usr/bin/env python3
"""All figures of docs/performance.md on a quiet machine in half an hour.

    VENV/bin/python benches/peers/half_hour.py FOLDER --anchorite target/release/anchorite --results results.jsonl [--minutes 28]
    VENV/bin/python benches/peers/compare.py publish results.jsonl

FOLDER has the files of make_models.py. Cells come in order of weight: every type at 512 tokens with streams, long prompts and
contexts, a file in BF16 if there is one, a file of 7B, the servers, then second and third rounds of the first. Programs take turns within a cell and each
writes its line at once, so that a stop loses nothing. A run that would pass the end, by what it took before or by an estimate,
is left out and named. What is measured of 4096 and 8192 tokens is Q4_K_M and (without 8192) Q8_0: others would take the rest of the
half hour, and of llama.cpp only in the configuration that read 512 tokens fastest. In later rounds only those of its configurations run
that were the best of some figure in the first.
"""

import argparse
import contextlib
import pathlib
import subprocess
import sys
import time

import server
from measuring import OURS, append, cell, kept_awake, lines, running

TYPES = ["q4_k_m", "q8_0", "q4_0", "q5_k_m", "q6_k"]
SHORT = ["--prefill", "512", "--context", "512", "--decode", "32", "--streams", "4,8,16", "--runs", "1"]
LONG = ["--prefill", "512,4096", "--context", "512,8192", "--decode", "16", "--streams", "4", "--runs", "1"]
LONG_PROMPT = ["--prefill", "512,4096", "--context", "4096", "--decode", "16", "--streams", "4", "--runs", "1"]
LARGE = ["--prefill", "512", "--context", "512", "--decode", "16", "--streams", "4", "--runs", "1"]
BOTH = ["default", "no repack"]
# Keys and values as ours keeps them, which writes faster and reads prompts at half the speed.
BYTES = ["bytes", "no repack, bytes"]
# An answer of about 300 tokens in a vocabulary of more than 100,000, whose tokens are longer.
ANSWER = 2.5
# Seconds of a run of one program until one was taken, on two cores; a guess on the long side.
GUESSES = {"short": 25, "long": 90, "large": 60, "work": 120}


class HalfHour:
    """What is left of the time, and how long runs took."""

    def __init__(self, options):
        self.options = options
        self.end = time.monotonic() + options.minutes * 60
        self.took = {}
        self.left_out = []

    def left(self):
        return self.end - time.monotonic()

    def run(self, kind, name, measure):
        """Appends the line `measure` gives if there is time for it; what fails or does not end in time is named."""
        expected = self.took.get((kind, name), GUESSES[kind])
        if expected > self.left():
            self.left_out.append(name)
            return None
        started = time.monotonic()
        try:
            line = measure(max(1, self.left() + 60))
        except (RuntimeError, OSError, ValueError, subprocess.TimeoutExpired) as error:
            print(f"{name}: {error}", file=sys.stderr, flush=True)
            self.left_out.append(f"{name} (failed)")
            return None
        self.took[kind, name] = time.monotonic() - started
        append(self.options.results, line)
        return line

    def cell(self, kind, file, lengths, programs, number=1):
        path = self.options.folder / f"{file}.gguf"
        if not path.exists():
            self.left_out.append(f"{file} (no such file)")
            return
        warm(path)
        for program in programs:
            def measure(limit, program=program):
                return cell(path, program, lengths, self.options, number, limit)

            self.run(kind, f"{file}, {program}", measure)

    def work(self, file, servers, **changes):
        path = self.options.folder / f"{file}.gguf"
        if not path.exists():
            self.left_out.append(f"{file} (no such file)")
            return
        warm(path)
        fixed = ["--anchorite", self.options.anchorite, "--threads", str(self.options.threads), "--results", str(self.options.results)]
        if self.options.llama_server:
            fixed += ["--llama-server", self.options.llama_server]
        options = server.parser().parse_args([str(path), *fixed])
        options.answer = ANSWER
        for key, value in changes.items():
            setattr(options, key, value)
        for name in servers:
            self.run("work", f"{file}, {name}, storm {options.storm}", lambda _limit, name=name: server.measure(name, options))


def warm(path):
    """Has the system keep the file: nobody's loading is to be one from a disk."""
    with path.open("rb") as file:
        while file.read(1 << 24):
            pass


def best_of(results, file):
    """The configurations of llama.cpp that were the best for some figure of `file`."""
    rows = [row for row in lines(results) if row["kind"] == "model" and row["file"] == file and row["program"] != OURS]
    found = []
    for figure in {figure for row in rows for figure in row["figures"]}:
        name = max((row for row in rows if figure in row["figures"]), key=lambda row: row["figures"][figure])["program"]
        found += [name] if name not in found else []
    return found or BOTH


def take(half_hour, options):
    shapes = options.shapes
    files = [f"{shape}-{kind}" for kind in TYPES for shape in shapes]
    for file in files:
        bytes_too = BYTES if file.endswith("q4_k_m") else []
        half_hour.cell("short", file, SHORT, [OURS, *BOTH, *bytes_too])
    results = options.results
    for shape in shapes:
        half_hour.cell("long", f"{shape}-q4_k_m", LONG, [OURS, best_for_prompts(results, f"{shape}-q4_k_m")], number=10)
    half_hour.cell("short", f"{shapes[0]}-bf16", SHORT, [OURS, *BOTH])
    half_hour.cell("large", options.large, LARGE, [OURS, *BOTH], number=1)
    one = f"{shapes[0]}-q4_k_m"
    theirs = ["llama-server" + (", no repack" if "no repack" in best_for_prompts(results, one) else "")]
    half_hour.work(one, [OURS, *theirs], storm=0)
    small = f"{shapes[-1]}-q4_k_m"
    half_hour.work(small, [OURS, *theirs], storm=options.storm, single=False, prompt=2048)
    for shape in shapes:
        half_hour.cell("long", f"{shape}-q8_0", LONG_PROMPT, [OURS, best_for_prompts(results, f"{shape}-q8_0")], number=10)
    for number in (2, 3):
        for file in files:
            half_hour.cell("short", file, SHORT, [OURS, *best_of(results, file)], number)


def best_for_prompts(results, file):
    """The configuration that is worth a long prompt: the one that read 512 tokens fastest."""
    rows = [row for row in lines(results) if row["kind"] == "model" and row["file"] == file and row["program"] in BOTH]
    return max(rows, key=lambda row: row["figures"].get("prefill 512", 0))["program"] if rows else "no repack"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--anchorite", default="target/release/anchorite")
    parser.add_argument("--llama-server", default="")
    parser.add_argument("--results", type=pathlib.Path, required=True)
    parser.add_argument("--minutes", type=float, default=28)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--storm", type=int, default=32)
    parser.add_argument("--shapes", type=lambda text: text.split(","), default=["llama-3.2-1b", "qwen2.5-0.5b"], help="the last, the smallest, has the storm")
    parser.add_argument("--large", default="mistral-7b-q4_k_m")
    parser.add_argument("--awake", action="store_true", help="keep the processors of a virtual machine from sleeping, on a host with other guests")
    options = parser.parse_args()
    options.results.touch()
    half_hour = HalfHour(options)
    print(f"{running()} other programs want a processor now", file=sys.stderr)
    with kept_awake() if options.awake else contextlib.nullcontext():
        take(half_hour, options)
    print(f"left out: {'; '.join(half_hour.left_out) or 'nothing'}; {half_hour.left() / 60:.1f} minutes to spare", file=sys.stderr)


main()
