#!/usr/bin/env python3
"""Runs ours and llama.cpp on the same files in turns and writes the table of docs/performance.md.

    python compare.py FOLDER --anchorite target/release/anchorite [--rounds 3] [--threads 2] [--out ../../docs/performance.md]

FOLDER has the files of make_models.py. Every round runs each program once on each file; a cell is the median of
the rounds, a ratio the median of the rounds' ratios, against the better of llama.cpp's two configurations.
Interleaving makes ratios hold on a machine that others use; absolute figures then do not.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

PEER = pathlib.Path(__file__).with_name("peer.py")


def run(command):
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip().splitlines()[-1])


def figures(report):
    rows = {"prefill": report["prefill"]["tokens_per_second"], "decode": report["decode"]["tokens_per_second"]}
    for batch in report["batches"]:
        rows[f"{batch['streams']} streams"] = batch["tokens_per_second"]
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--anchorite", default="target/release/anchorite")
    parser.add_argument("--files", default="*.gguf")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prefill", type=int, default=512)
    parser.add_argument("--decode", type=int, default=64)
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    common = ["--threads", str(options.threads), "--prefill", str(options.prefill), "--decode", str(options.decode)]
    lines = ["| file | figure | ours | llama.cpp | llama.cpp plain | ours / best | share of limit |", "|---|---|---|---|---|---|---|"]
    limits, loads = [], []
    for file in sorted(options.folder.glob(options.files)):
        rounds = []
        for _ in range(options.rounds):
            loads.append(os.getloadavg()[0])
            ours = run([options.anchorite, "bench", "--model", str(file), *common, "--runs", "1", "--format", "json"])
            peers = [run([sys.executable, str(PEER), str(file), *common, *extra]) for extra in ([], ["--plain"])]
            limits.append(ours["limits"])
            rounds.append((ours, figures(ours), *map(figures, peers)))
        for row in rounds[0][1]:
            cells = [statistics.median(r[n][row] for r in rounds) for n in (1, 2, 3)]
            ratio = statistics.median(r[1][row] / max(r[2][row], r[3][row]) for r in rounds)
            share = statistics.median(r[0][row]["share_of_limit"] for r in rounds) if row in ("prefill", "decode") else None
            lines.append(f"| {file.stem} | {row} | " + " | ".join(f"{cell:.1f}" for cell in cells)
                         + f" | {ratio:.2f} | " + (f"{share:.0%} |" if share else "|"))
        print("\n".join(lines[-len(rounds[0][1]):]), flush=True)
    best = {key: max(limit[key] for limit in limits) * 1e-9 for key in limits[0]}
    head = (f"Tokens per second, {options.threads} threads, prompt of {options.prefill}, {options.decode} generated, medians of {options.rounds} interleaved rounds. "
            f"Load average while measuring: {min(loads):.1f} to {max(loads):.1f}. Limits, best seen: {best['memory_bytes_per_second']:.1f} GB/s memory, "
            f"{best['int8_operations_per_second']:.0f} GOP/s int8, {best['f32_operations_per_second']:.0f} GFLOP/s f32.")
    text = "\n".join([head, "", *lines, ""])
    if options.out:
        before = options.out.read_text().split("<!-- table -->")
        options.out.write_text(before[0] + "<!-- table -->\n" + text + "<!-- table -->" + (before[2] if len(before) > 2 else "\n"))


main()
