#!/usr/bin/env python3
"""Runs ours and llama.cpp on the same files in turns, and writes the tables and the plot of docs/performance.md.

    python compare.py measure FILE... --anchorite target/release/anchorite --results results.jsonl [--rounds 3] [--threads 2]
    python compare.py publish results.jsonl --out docs/performance.md

`measure` appends one line a round: every program once on every file, so that ratios hold on a machine that others
use, though absolute figures then do not. It refuses a machine whose load is above --load-max, unless --anyway.
`publish` takes medians over the rounds; a ratio is the median of the rounds' ratios against the best of llama.cpp's
configurations for that figure. What the load was stands above the table.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

from plot import plot

PEER = pathlib.Path(__file__).with_name("peer.py")
# Name in the results, options of peer.py.
CONFIGURATIONS = {"default": [], "no repack": ["--plain"], "no flash": ["--attention", "off"], "no repack, no flash": ["--plain", "--attention", "off"]}


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr[-2000:]}")
    return json.loads(done.stdout[done.stdout.index("{"):])


def running():
    """Programs that want a processor at this moment, without this one: sooner true than the average of a minute."""
    return max(0, int(pathlib.Path("/proc/loadavg").read_text().split()[3].split("/")[0]) - 1)


def figures(report):
    rows = {f"prefill {phase['tokens']}": phase["tokens_per_second"] for phase in report["prefill"]}
    rows |= {f"decode at {phase['tokens']}": phase["tokens_per_second"] for phase in report["decode"]}
    return rows | {f"{batch['streams']} streams": batch["tokens_per_second"] for batch in report["batches"]}


def shares(model):
    rows = {f"prefill {phase['tokens']}": phase["share_of_limit"] for phase in model["prefill"]}
    return rows | {f"decode at {phase['tokens']}": phase["share_of_limit"] for phase in model["decode"]}


def measure(options):
    if running() > options.load_max and not options.anyway:
        sys.exit(f"{running()} programs run beside; wait until it is quiet, or measure --anyway and say so")
    common = ["--threads", str(options.threads), "--prefill", options.prefill, "--context", options.context,
              "--decode", str(options.decode), "--streams", options.streams, "--runs", "1"]
    for _ in range(options.rounds):
        for file in options.files:
            before = running()
            ours = run([options.anchorite, "bench", "--model", file, *common, "--format", "json"])
            peers = {name: run([sys.executable, PEER, file, *common, *extra])
                     for name, extra in CONFIGURATIONS.items() if name in options.configurations}
            line = {
                "file": pathlib.Path(file).stem, "threads": options.threads, "running": [before, running()],
                "load": os.getloadavg()[0], "machine": {k: v for k, v in ours["machine"].items() if k != "classes"},
                "ours": figures(ours["model"]), "shares": shares(ours["model"]),
                "load_seconds": ours["model"]["load_seconds"], "peers": {name: figures(peer) for name, peer in peers.items()},
            }
            with options.results.open("a") as results:
                results.write(json.dumps(line) + "\n")
            print(json.dumps(line), flush=True)


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def table(rounds):
    """Rows of (file, figure, ours, default, best, its configuration, ratio, share of limit)."""
    rows = []
    for file in dict.fromkeys(line["file"] for line in rounds):
        own = [line for line in rounds if line["file"] == file]
        for figure in dict.fromkeys(figure for line in own for figure in line["ours"]):
            lines = [line for line in own if figure in line["ours"]]
            cells = {name: median(line["peers"][name].get(figure) for line in lines if name in line["peers"]) for name in CONFIGURATIONS}
            known = {name: cell for name, cell in cells.items() if cell}
            if not known:
                continue
            best = max(known, key=known.get)
            ratio = median(line["ours"][figure] / max(peer[figure] for peer in line["peers"].values()) for line in lines)
            share = median(line["shares"].get(figure) for line in lines)
            rows.append((file, figure, median(line["ours"][figure] for line in lines), cells["default"], known[best], best, ratio, share, len(lines)))
    return rows


def publish(options):
    rounds = [json.loads(line) for line in options.results.read_text().splitlines()]
    rows = table(rounds)
    limits = {key: max(line["machine"][key] for line in rounds) * 1e-9 for key in
              ("memory_bytes_per_second", "int8_operations_per_second", "f32_operations_per_second")}
    beside = [number for line in rounds for number in line["running"]]
    text = [
        f"Tokens per second, {rounds[0]['threads']} thread(s), {rounds[0]['machine']['instruction_set']}, medians of interleaved rounds. "
        f"Other programs that wanted a processor before and after each round: {min(beside)} to {max(beside)}. Limits, best seen: "
        f"{limits['memory_bytes_per_second']:.1f} GB/s memory, {limits['int8_operations_per_second']:.0f} GOP/s int8, "
        f"{limits['f32_operations_per_second']:.0f} GFLOP/s f32.",
        "",
        "| file | figure | ours | llama.cpp default | llama.cpp best | its configuration | ours / best | share of limit | rounds |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for file, figure, ours, default, best, name, ratio, share, count in rows:
        of_limit = f"{share:.0%}" if share else ""
        of_default = f"{default:.1f}" if default else ""
        text.append(f"| {file} | {figure} | {ours:.1f} | {of_default} | {best:.1f} | {name} | {ratio:.2f} | {of_limit} | {count} |")
    picture = options.out.with_name("performance.svg")
    picture.write_text(plot([(f"{row[0]}: {row[1]}", row[6]) for row in rows]))
    text += ["", f"![ours over the best of llama.cpp]({picture.name})", ""]
    before, _, after = options.out.read_text().split("<!-- table -->")
    options.out.write_text(before + "<!-- table -->\n" + "\n".join(text) + "<!-- table -->" + after)


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
    one.set_defaults(run=publish)
    one.add_argument("results", type=pathlib.Path)
    one.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs/performance.md"))
    options = parser.parse_args()
    options.run(options)


main()
