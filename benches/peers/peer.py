#!/usr/bin/env python3
"""Measures llama.cpp on one file as `anchorite bench` measures ours; prints one JSON object.

    python peer.py MODEL --threads 2 --prefill 512,4096 --context 512,8192 --decode 64 [--plain] [--attention off]

`--plain` turns its repacking of weights off, which is faster for some types, `--attention off` its fused attention:
compare with the best of all. Lists and meanings are those of `anchorite bench`.
"""

import argparse
import ctypes
import json
import statistics
import time

import llama_cpp as lc

STREAM_PROMPT, STREAM_TOKENS, STEP = 32, 16, 512
ATTENTION = {"auto": -1, "off": 0, "on": 1}


def quiet(_level, _text, _data):
    pass


QUIET = lc.llama_log_callback(quiet)


def numbers(text):
    return [int(number) for number in text.split(",")]


def batch(rows):
    """rows: (token, position, sequence, wants logits)"""
    made = lc.llama_batch_init(len(rows), 0, 1)
    made.n_tokens = len(rows)
    for at, (token, position, sequence, logits) in enumerate(rows):
        made.token[at], made.pos[at], made.n_seq_id[at] = token, position, 1
        made.seq_id[at][0], made.logits[at] = sequence, logits
    return made


def decode(context, rows):
    made = batch(rows)
    assert lc.llama_decode(context, made) == 0
    lc.llama_synchronize(context)
    lc.llama_batch_free(made)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prefill", type=numbers, default=[512])
    parser.add_argument("--context", type=numbers, default=[512])
    parser.add_argument("--decode", type=int, default=64)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--streams", type=numbers, default=[4, 8, 16])
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--attention", choices=ATTENTION, default="auto")
    parser.add_argument("--processor-time", action="store_true", help="with one thread: count only time on a processor")
    options = parser.parse_args()
    clock = time.process_time if options.processor_time else time.perf_counter
    lc.llama_log_set(QUIET, ctypes.c_void_p(0))
    lc.llama_backend_init()
    params = lc.llama_model_default_params()
    params.use_extra_bufts = not options.plain
    params.n_gpu_layers = 0
    started = clock()
    model = lc.llama_model_load_from_file(options.model.encode(), params)
    load_seconds = clock() - started
    params = lc.llama_context_default_params()
    params.n_ctx = max(*options.prefill, *(context + options.decode for context in options.context), max(options.streams) * 64)
    params.n_batch = params.n_ubatch = STEP
    params.n_threads = params.n_threads_batch = options.threads
    params.n_seq_max, params.kv_unified, params.no_perf = max(options.streams), True, True
    params.flash_attn_type = ATTENTION[options.attention]
    context = lc.llama_init_from_model(model, params)
    memory = lc.llama_get_memory(context)
    vocabulary = lc.llama_vocab_n_tokens(lc.llama_model_get_vocab(model))

    def token(number):
        return number * 7919 % vocabulary

    def prefill(count):
        lc.llama_memory_clear(memory, True)
        started = clock()
        for at in range(0, count, STEP):
            decode(context, [(token(p), p, 0, p == count - 1) for p in range(at, min(at + STEP, count))])
        return count / (clock() - started)

    def generate(before):
        lc.llama_memory_seq_rm(memory, 0, before, -1)
        started = clock()
        for p in range(before, before + options.decode):
            decode(context, [(token(p), p, 0, True)])
        return options.decode / (clock() - started)

    def many(streams):
        lc.llama_memory_clear(memory, True)
        for stream in range(streams):
            decode(context, [(token(p), p, stream, p == STREAM_PROMPT - 1) for p in range(STREAM_PROMPT)])
        started = clock()
        for p in range(STREAM_PROMPT, STREAM_PROMPT + STREAM_TOKENS):
            decode(context, [(token(p), p, stream, True) for stream in range(streams)])
        return streams * STREAM_TOKENS / (clock() - started)

    def median(run):
        return statistics.median(run() for _ in range(options.runs))

    def phase(tokens, run):
        return {"tokens": tokens, "tokens_per_second": median(run)}

    report = {"load_seconds": load_seconds}
    report["prefill"] = [phase(count, lambda: prefill(count)) for count in options.prefill]
    report["decode"] = []
    for before in options.context:
        prefill(before)
        report["decode"].append(phase(before, lambda: generate(before)))
    report["batches"] = [{"streams": n, "tokens_per_second": median(lambda: many(n))} for n in options.streams]
    print(json.dumps(report))


main()
