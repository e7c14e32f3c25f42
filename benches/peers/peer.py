#!/usr/bin/env python3
"""Measures llama.cpp on one file as `anchorite bench` measures ours; prints one JSON object.

    python peer.py MODEL --threads 2 --prefill 512 --decode 64 [--plain]

`--plain` turns its repacking of weights off, which is faster for some types: compare with the better of both.
"""

import argparse
import ctypes
import json
import statistics
import time

import llama_cpp as lc

STREAM_PROMPT, STREAM_TOKENS = 32, 16


def quiet(_level, _text, _data):
    pass


QUIET = lc.llama_log_callback(quiet)


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
    parser.add_argument("--prefill", type=int, default=512)
    parser.add_argument("--decode", type=int, default=64)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--streams", default="4,8,16")
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--processor-time", action="store_true", help="with one thread: count only time on a processor")
    options = parser.parse_args()
    clock = time.process_time if options.processor_time else time.perf_counter
    counts = [int(count) for count in options.streams.split(",")]
    lc.llama_log_set(QUIET, ctypes.c_void_p(0))
    lc.llama_backend_init()
    params = lc.llama_model_default_params()
    params.use_extra_bufts = not options.plain
    params.n_gpu_layers = 0
    started = clock()
    model = lc.llama_model_load_from_file(options.model.encode(), params)
    load_seconds = clock() - started
    params = lc.llama_context_default_params()
    params.n_ctx = max(options.prefill + options.decode, max(counts) * 64)
    params.n_batch = params.n_ubatch = min(512, options.prefill)
    params.n_threads = params.n_threads_batch = options.threads
    params.n_seq_max, params.kv_unified, params.no_perf = max(counts), True, True
    context = lc.llama_init_from_model(model, params)
    memory = lc.llama_get_memory(context)
    vocabulary = lc.llama_vocab_n_tokens(lc.llama_model_get_vocab(model))
    tokens = [number * 7919 % vocabulary for number in range(options.prefill + options.decode)]

    def one():
        lc.llama_memory_clear(memory, True)
        started = clock()
        for at in range(0, options.prefill, params.n_batch):
            part = range(at, min(at + params.n_batch, options.prefill))
            decode(context, [(tokens[p], p, 0, p == options.prefill - 1) for p in part])
        prefill = options.prefill / (clock() - started)
        started = clock()
        for p in range(options.prefill, options.prefill + options.decode):
            decode(context, [(tokens[p], p, 0, True)])
        return prefill, options.decode / (clock() - started)

    def many(streams):
        lc.llama_memory_clear(memory, True)
        for stream in range(streams):
            decode(context, [(tokens[p], p, stream, p == STREAM_PROMPT - 1) for p in range(STREAM_PROMPT)])
        started = clock()
        for p in range(STREAM_PROMPT, STREAM_PROMPT + STREAM_TOKENS):
            decode(context, [(tokens[p], p, stream, True) for stream in range(streams)])
        return streams * STREAM_TOKENS / (clock() - started)

    runs = [one() for _ in range(options.runs)]
    print(json.dumps({
        "load_seconds": load_seconds,
        "prefill": {"tokens_per_second": statistics.median(run[0] for run in runs)},
        "decode": {"tokens_per_second": statistics.median(run[1] for run in runs)},
        "batches": [{"streams": n, "tokens_per_second": statistics.median(many(n) for _ in range(options.runs))} for n in counts],
    }))


main()
