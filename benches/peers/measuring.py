"""One program, one file, one line of results: ours and llama.cpp measured the same way, and what else ran meanwhile."""

import json
import os
import pathlib
import subprocess
import sys

PEER = pathlib.Path(__file__).with_name("peer.py")
OURS = "ours"
# Configurations of llama.cpp by name, as options of peer.py.
CONFIGURATIONS = {
    "default": [],
    "no repack": ["--plain"],
    "no flash": ["--attention", "off"],
    "no repack, no flash": ["--plain", "--attention", "off"],
    "bytes": ["--bytes"],
    "no repack, bytes": ["--plain", "--bytes"],
}


def running():
    """Programs that want a processor at this moment, without this one: sooner true than the average of a minute."""
    return max(0, int(pathlib.Path("/proc/loadavg").read_text().split()[3].split("/")[0]) - 1)


def append(results, line):
    """Writes a line out at once: whatever stops the measurement later, it stays."""
    with results.open("a") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line), flush=True)


def lines(results):
    return [json.loads(line) for line in results.read_text().splitlines()]


def run(command, limit=None):
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr[-2000:]}")
    return json.loads(done.stdout[done.stdout.index("{"):])


def figures(report):
    rows = {f"prefill {phase['tokens']}": phase["tokens_per_second"] for phase in report["prefill"]}
    rows |= {f"decode at {phase['tokens']}": phase["tokens_per_second"] for phase in report["decode"]}
    return rows | {f"{batch['streams']} streams": batch["tokens_per_second"] for batch in report["batches"]}


def shares(model):
    rows = {f"prefill {phase['tokens']}": phase["share_of_limit"] for phase in model["prefill"]}
    return rows | {f"decode at {phase['tokens']}": phase["share_of_limit"] for phase in model["decode"]}


def cell(file, program, lengths, options, number=1, limit=None):
    """The line of `program` (OURS, or a name of CONFIGURATIONS) on `file`.

    `lengths` has the options that both programs take; `number` is the round, within which ratios are taken.
    """
    before = running()
    common = ["--threads", str(options.threads), *lengths]
    if program == OURS:
        report = run([options.anchorite, "bench", "--model", str(file), *common, "--format", "json"], limit)
        model = report["model"]
        own = {"shares": shares(model), "machine": {k: v for k, v in report["machine"].items() if k != "classes"},
               "weights_bytes": model["weights_bytes"], "deterministic": model["deterministic"]}
    else:
        model = run([sys.executable, str(PEER), str(file), *common, *CONFIGURATIONS[program]], limit)
        own = {}
    return {
        "kind": "model", "file": pathlib.Path(file).stem, "file_bytes": os.path.getsize(file), "program": program, "round": number,
        "threads": options.threads, "running": [before, running()], "load": os.getloadavg()[0], "figures": figures(model),
        "load_seconds": model["load_seconds"], "first_token_seconds": model["first_token_seconds"],
        "resident_bytes": model["resident_bytes"], **own,
    }
