#!/usr/bin/env python3
"""Measures llama.cpp on one file as `anchorite bench` measures ours; prints one JSON object.

    python peer.py MODEL --threads 2 --prefill 512,4096 --context 512,8192 --decode 64 [--plain] [--attention off] [--bytes]

`--plain` turns its repacking of weights off, which is faster for some types, `--attention off` its fused attention,
and `--bytes` keeps keys and values as Q8_0, as ours does, where its own default is F16: compare with the best of all. Lists and meanings are those of `anchorite bench`: one prompt is read as far as the
longest length, and the speed told at each length it passes.
"""

import argparse
import ctypes
import json
import pathlib
import statistics
import time

import llama_cpp as lc

STREAM_PROMPT, STREAM_TOKENS, STEP = 16, 16, 512
ATTENTION = {"auto": -1, "off": 0, "on": 1}


def quiet(_level, _text, _data):
    pass


QUIET = lc.llama_log_callback(quiet)


def numbers(text):
    return [int(number) for number in text.split(",")]


def resident():
    status = pathlib.Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS:"))


def batch(rows):
    """rows: (token, position, sequence, wants logits)"""
    made = lc.llama_batch_init(len(rows), 0, 1)
    made.n_tokens = len(rows)
    for at, (token, position, sequence, logits) in enumerate(rows):
        made.token[at], made.pos[at], made.n_seq_id[at] = token, position, 1
        made.seq_id[at][0], made.logits[at] = sequence, logits
    return made


def parse():
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
    parser.add_argument("--bytes", action="store_true")
    parser.add_argument("--processor-time", action="store_true", help="with one thread: count only time on a processor")
    return parser.parse_args()


class Peer:
    """A loaded model and a context with room for all that is asked."""

    def __init__(self, options, clock):
        self.clock = clock
        params = lc.llama_model_default_params()
        params.use_extra_bufts = not options.plain
        params.n_gpu_layers = 0
        started = clock()
        self.model = lc.llama_model_load_from_file(options.model.encode(), params)
        if not self.model:
            raise SystemExit(f"llama.cpp cannot load {options.model}")
        self.load_seconds = clock() - started
        params = lc.llama_context_default_params()
        longest = max(*options.prefill, *(context + options.decode for context in options.context))
        params.n_ctx = max(longest, max(options.streams) * (STREAM_PROMPT + STREAM_TOKENS))
        params.n_batch = params.n_ubatch = STEP
        params.n_threads = params.n_threads_batch = options.threads
        params.n_seq_max, params.kv_unified, params.no_perf = max(options.streams), True, True
        params.flash_attn_type = ATTENTION[options.attention]
        if options.bytes:
            params.type_k = params.type_v = lc.GGML_TYPE_Q8_0
        self.context = lc.llama_init_from_model(self.model, params)
        if not self.context:
            raise SystemExit("llama.cpp gives no context of this size")
        self.memory = lc.llama_get_memory(self.context)
        self.vocabulary = lc.llama_vocab_n_tokens(lc.llama_model_get_vocab(self.model))

    def token(self, number):
        return number * 7919 % self.vocabulary

    def decode(self, rows):
        made = batch(rows)
        failed = lc.llama_decode(self.context, made)
        lc.llama_synchronize(self.context)
        lc.llama_batch_free(made)
        if failed:
            raise SystemExit(f"llama_decode: {failed}")

    def read_on(self, start, end):
        for at in range(start, end, STEP):
            self.decode([(self.token(p), p, 0, p == end - 1) for p in range(at, min(at + STEP, end))])

    def generate(self, before, count):
        started = self.clock()
        for p in range(before, before + count):
            self.decode([(self.token(p), p, 0, True)])
        return count / (self.clock() - started)

    def read(self, prompts, contexts, count):
        """Tokens per second at the end of each prompt, and behind each context."""
        lc.llama_memory_clear(self.memory, True)
        reading, at, read, generated = 0.0, 0, {}, {}
        for stop in sorted({*prompts, *contexts}):
            started = self.clock()
            self.read_on(at, stop)
            reading += self.clock() - started
            at, read[stop] = stop, stop / reading
            if stop in contexts:
                generated[stop] = self.generate(stop, count)
                lc.llama_memory_seq_rm(self.memory, 0, stop, -1)
        return read, generated

    def together(self, streams):
        lc.llama_memory_clear(self.memory, True)
        for stream in range(streams):
            self.decode([(self.token(p), p, stream, p == STREAM_PROMPT - 1) for p in range(STREAM_PROMPT)])
        started = self.clock()
        for p in range(STREAM_PROMPT, STREAM_PROMPT + STREAM_TOKENS):
            self.decode([(self.token(p), p, stream, True) for stream in range(streams)])
        return streams * STREAM_TOKENS / (self.clock() - started)


def main():
    options = parse()
    clock = time.process_time if options.processor_time else time.perf_counter
    lc.llama_log_set(QUIET, ctypes.c_void_p(0))
    lc.llama_backend_init()
    before = resident()
    peer = Peer(options, clock)
    started = clock()
    peer.read_on(0, 1)
    report = {"load_seconds": peer.load_seconds, "first_token_seconds": clock() - started, "resident_bytes": resident() - before}
    passes = [peer.read(options.prefill, options.context, options.decode) for _ in range(options.runs)]

    def phase(length, which):
        return {"tokens": length, "tokens_per_second": statistics.median(done[which][length] for done in passes)}

    report["prefill"] = [phase(length, 0) for length in options.prefill]
    report["decode"] = [phase(length, 1) for length in options.context]
    report["batches"] = [
        {"streams": n, "tokens_per_second": statistics.median(peer.together(n) for _ in range(options.runs))} for n in options.streams
    ]
    print(json.dumps(report))


main()
