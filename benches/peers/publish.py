"""The tables and the plot of docs/performance.md out of lines of results.

A cell is the median over the rounds; a ratio is the median of the rounds' ratios against the best configuration of
llama.cpp for that figure in the same round. What is not measured has no row.
"""

import statistics

from measuring import OURS, lines
from plot import plot

MARK = "<!-- table -->"


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def models(rows):
    """Per file and figure: (file, figure, ours, default, best, its configuration, ratio, share of the limit, rounds)."""
    table = []
    for file in dict.fromkeys(row["file"] for row in rows):
        own = [row for row in rows if row["file"] == file]
        ours = [row for row in own if row["program"] == OURS]
        for figure in dict.fromkeys(figure for row in ours for figure in row["figures"]):
            peers = [row for row in own if row["program"] != OURS and figure in row["figures"]]
            cells = {name: median(row["figures"][figure] for row in peers if row["program"] == name)
                     for name in dict.fromkeys(row["program"] for row in peers)}
            ratios = []
            for row in ours:
                same = [peer["figures"][figure] for peer in peers if peer["round"] == row["round"]]
                if same and figure in row["figures"]:
                    ratios.append(row["figures"][figure] / max(same))
            if not ratios:
                continue
            best = max(cells, key=cells.get)
            table.append((file, figure, median(row["figures"].get(figure) for row in ours), cells.get("default"), cells[best], best,
                          median(ratios), median(row["shares"].get(figure) for row in ours), len(ratios)))
    return table


def loading(rows):
    """Per file: (file, GB, programs' [name, seconds per GB, first token, resident over the file])."""
    table = []
    for file in dict.fromkeys(row["file"] for row in rows):
        own = [row for row in rows if row["file"] == file]
        size = own[0]["file_bytes"]
        programs = []
        for program in dict.fromkeys(row["program"] for row in own):
            runs = [row for row in own if row["program"] == program]
            resident = median(row["resident_bytes"] for row in runs)
            programs.append((program, median(row["load_seconds"] for row in runs) / size * 1e9,
                             median(row["first_token_seconds"] for row in runs), resident / size if resident else None))
        table.append((file, size * 1e-9, programs))
    return table


def machine(rows):
    ours = [row for row in rows if row["program"] == OURS]
    beside = [number for row in rows for number in row["running"]]

    def spread(key):
        values = sorted(row["machine"][key] * 1e-9 for row in ours)
        return f"{values[-1]:.0f} ({values[0]:.0f} to {values[-1]:.0f} over the runs)"

    in_bf16 = all("bf16_operations_per_second" in row["machine"] for row in ours)
    halves = f"{spread('bf16_operations_per_second')} GFLOP/s BF16, " if in_bf16 else ""
    return (
        f"Tokens per second, {ours[0]['threads']} threads, {ours[0]['machine']['instruction_set']}, medians of interleaved rounds. Other "
        f"programs that wanted a processor before and after each run: {min(beside)} to {max(beside)}, half of the time at most "
        f"{statistics.median(beside):.0f}. Limits, best seen: {spread('memory_bytes_per_second')} GB/s memory, "
        f"{spread('int8_operations_per_second')} GOP/s int8, {halves}{spread('f32_operations_per_second')} GFLOP/s f32. A share is of the limit measured in "
        "the same run: for prefill of the limit of products with weights of their types, for decode of what reading as many bytes as the weights have takes."
    )


def model_text(table):
    text = ["| file | figure | ours | llama.cpp default | llama.cpp best | its configuration | ours / best | share of limit | rounds |",
            "|---|---|---|---|---|---|---|---|---|"]
    for file, figure, ours, default, best, name, ratio, share, count in table:
        of_limit = f"{share:.0%}" if share else ""
        of_default = f"{default:.1f}" if default else ""
        text.append(f"| {file} | {figure} | {ours:.1f} | {of_default} | {best:.1f} | {name} | {ratio:.2f} | {of_limit} | {count} |")
    return text


def loading_text(table):
    text = ["", "Loading from the page cache, and memory the process took for the model when the first token was there:", "",
            "| file | GB | program | load, s a GB | first token, s | resident / file |", "|---|---|---|---|---|---|"]
    for file, size, programs in table:
        for name, load, first, resident in programs:
            name = name if name == OURS else f"llama.cpp {name}"
            over = f"{resident:.2f}" if resident else ""
            text.append(f"| {file} | {size:.2f} | {name} | {load:.2f} | {first:.3f} | {over} |")
    return text


def work_text(rows):
    """The servers: seconds, and processor seconds, which hold on a machine that others use."""
    text = ["", "The product's own work through two servers (`server.py`); seconds, of the processor in brackets:", "",
            "| file | work | server | prompt tokens | answer tokens | seconds | times ours |", "|---|---|---|---|---|---|---|"]
    for file in dict.fromkeys(row["file"] for row in rows):
        own = [row for row in rows if row["file"] == file]
        for work in dict.fromkeys(work for row in own for work in row["work"]):
            ours = median(row["work"][work]["seconds"] for row in own if row["server"] == OURS and work in row["work"])
            for row in own:
                if work not in row["work"]:
                    continue
                done = row["work"][work]
                times = f"{done['seconds'] / ours:.2f}" if ours else ""
                text.append(f"| {file} | {work} | {row['server']} | {done['prompt_tokens']} | {done['completion_tokens']} | "
                            f"{done['seconds']:.1f} ({done['processor_seconds']:.1f}) | {times} |")
    return text


def publish(results, out):
    rows = lines(results)
    of_models = [row for row in rows if row["kind"] == "model"]
    of_work = [row for row in rows if row["kind"] == "work"]
    text = []
    if of_models:
        table = models(of_models)
        picture = out.with_suffix(".svg")
        picture.write_text(plot([(f"{row[0]}: {row[1]}", row[6]) for row in table]))
        text += [machine(of_models), "", *model_text(table), "", f"![ours over the best of llama.cpp]({picture.name})"]
        text += loading_text(loading(of_models))
    if of_work:
        text += work_text(of_work)
    before, _, after = out.read_text().split(MARK)
    out.write_text(f"{before}{MARK}\n" + "\n".join(text) + f"\n{MARK}{after}")
