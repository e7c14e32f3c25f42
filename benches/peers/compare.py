#!/usr/bin/env python3
"""Runs ours and llama.cpp on the same files in turns, and writes the tables and the plot of docs/performance.md.

    python compare.py measure FILE... --anchorite target/release/anchorite --results results.jsonl [--rounds 3] [--threads 2]
    python compare.py publish results.jsonl --out docs/performance.md

`measure` takes every program once on every file in each round, so that ratios hold on a machine that others use,
though absolute figures then do not. It refuses a machine on which more than --load-max programs run, unless --anyway.
`publish` writes what `measure`, half_hour.py and server.py left in one file of results.
"""

import argparse
import pathlib
import sys

from measuring import CONFIGURATIONS, OURS, append, cell, running
from publish import publish


def measure(options):
    if running() > options.load_max and not options.anyway:
        sys.exit(f"{running()} programs run beside; wait until it is quiet, or measure --anyway and say so")
    lengths = ["--prefill", options.prefill, "--context", options.context, "--decode", str(options.decode),
               "--streams", options.streams, "--runs", "1"]
    for number in range(1, options.rounds + 1):
        for file in options.files:
            for program in [OURS, *options.configurations]:
                append(options.results, cell(file, program, lengths, options, number))


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("measure")
    one.set_defaults(run=measure)
    one.add_argument("files", nargs="+")
    one.add_argument("--anchorite", default="target/release/anchorite")
    one.add_argument("--results", type=pathlib.Path, required=True)
    one.add_argument("--rounds", type=int, default=3)
    one.add_argument("--threads", type=int, default=2)
    one.add_argument("--prefill", default="512")
    one.add_argument("--context", default="512")
    one.add_argument("--streams", default="4,8,16")
    one.add_argument("--decode", type=int, default=64)
    one.add_argument("--configurations", type=lambda text: text.split("/"), default=list(CONFIGURATIONS), help="some of: " + "/".join(CONFIGURATIONS))
    one.add_argument("--load-max", type=int, default=1, help="other programs that may want a processor")
    one.add_argument("--anyway", action="store_true")
    one = commands.add_parser("publish")
    one.set_defaults(run=lambda options: publish(options.results, options.out))
    one.add_argument("results", type=pathlib.Path)
    one.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs/performance.md"))
    options = parser.parse_args()
    options.run(options)


main()
