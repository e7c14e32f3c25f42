"""One program, one file, one line of results: ours and llama.cpp measured the same way, and what else ran meanwhile."""

import contextlib
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


# Does nothing, only where nobody else wants this processor, until it is killed or who started it is gone.
IDLE = """
import os
parent = os.getppid()
os.sched_setaffinity(0, {{{processor}}})
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
while os.getppid() == parent:
    for _ in range(100_000):
        pass
"""
# Programs that do so now.
awake = []


@contextlib.contextmanager
def kept_awake():
    """Keeps all processors of a virtual machine from sleeping meanwhile, at the system's lowest priority.

    A host with other guests may wake one that slept on the core that another has, where both are half as fast, and leave it there
    for seconds: whoever pauses is measured slower than it is.
    """
    awake.extend(subprocess.Popen([sys.executable, "-c", IDLE.format(processor=processor)]) for processor in os.sched_getaffinity(0))
    try:
        yield
    finally:
        while awake:
            awake.pop().kill()


def running():
    """Programs that want a processor at this moment, without this one and those that keep processors awake: sooner true than the average of a minute."""
    wanting = int(pathlib.Path("/proc/loadavg").read_text().split()[3].split("/")[0])
    return max(0, wanting - 1 - len(awake))


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
