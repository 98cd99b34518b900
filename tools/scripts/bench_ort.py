# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How fast ONNX Runtime decodes with the model of the repository: what
`make bench-cpu` compares with.

    bench_ort.py MODEL.onnx --prompt-ids 1,17,42 --new-tokens 256 --threads 2

Everything that favours ONNX Runtime is done: all optimisations, IO binding,
each cache output bound to memory that the next step has as its input, so that
nothing is copied, and all bindings made beforehand. Only the runs themselves
are timed. Prints JSON; one generation before it is not counted."""

import argparse
import json
import statistics
import time

import numpy as np
import onnxruntime


class Decoder:
    """A model with the inputs ids, mask, positions and caches, one sequence."""

    def __init__(self, path, threads):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = \
            onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"])
        caches = [i for i in self.session.get_inputs()
                  if i.name.startswith("past_key_values.")]
        self.layers = len(caches) // 2
        self.heads, self.size = caches[0].shape[1], caches[0].shape[3]
        [logits] = [o for o in self.session.get_outputs()
                    if o.name == "logits"]
        self.vocab = logits.shape[2]

    def names(self):
        for layer in range(self.layers):
            for kind in ("key", "value"):
                yield (f"past_key_values.{layer}.{kind}",
                       f"present.{layer}.{kind}")

    def bind(self, past, ids, logits, memory):
        """A run of `ids` behind `past` steps. `memory` is two buffers for each
        cache tensor: what one run writes the next one reads."""
        binding = self.session.io_binding()
        steps = past + ids.shape[1]

        def add(method, name, array, shape):
            method(name, "cpu", 0, array.dtype, shape, array.ctypes.data)
        self.mask = getattr(self, "mask", None)
        if self.mask is None or self.mask.size < steps:
            self.mask = np.ones(4096, np.int64)
            self.positions = np.arange(4096, dtype=np.int64)
        add(binding.bind_input, "input_ids", ids, list(ids.shape))
        add(binding.bind_input, "attention_mask", self.mask, [1, steps])
        add(binding.bind_input, "position_ids", self.positions[past:],
            list(ids.shape))
        source = (0 if past == 0 else self.turn)
        for (before, after), pair in zip(self.names(), memory):
            add(binding.bind_input, before, pair[source],
                [1, self.heads, past, self.size])
            add(binding.bind_output, after, pair[1 - source],
                [1, self.heads, steps, self.size])
        self.turn = 1 - source
        add(binding.bind_output, "logits", logits,
            [1, ids.shape[1], self.vocab])
        return binding

    def prepare(self, prompt, new_tokens):
        """The bindings of a generation, the prompt's first."""
        total = len(prompt) + new_tokens
        size = self.heads * total * self.size
        memory = [[np.zeros(size, np.float32) for _ in range(2)]
                  for _ in self.names()]
        first = np.array([prompt], np.int64)
        ids = np.zeros((1, 1), np.int64)
        logits = np.zeros((len(prompt), self.vocab), np.float32)
        bindings = [self.bind(0, first, logits, memory)]
        for step in range(new_tokens):
            bindings.append(self.bind(len(prompt) + step, ids, logits, memory))
        return bindings, ids, logits, (first, memory)

    def generate(self, prompt, new_tokens):
        """Greedy: (seconds of the prompt, seconds of each step, ids)."""
        bindings, ids, logits, keep = self.prepare(prompt, new_tokens)
        seconds, made, row = [], [], len(prompt) - 1
        for binding in bindings:
            begin = time.perf_counter()
            self.session.run_with_iobinding(binding)
            seconds.append(time.perf_counter() - begin)
            ids[0, 0] = int(np.argmax(logits[row]))
            made.append(int(ids[0, 0]))
            row = 0
        del keep
        return seconds[0], seconds[1:], made


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--prompt-ids", required=True)
    parser.add_argument("--new-tokens", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    prompt = [int(i) for i in options.prompt_ids.split(",")]
    decoder = Decoder(options.model, options.threads)
    decoder.generate(prompt, options.new_tokens)
    prefill, steps, ids = decoder.generate(prompt, options.new_tokens)
    print(json.dumps({
        "onnxruntime": onnxruntime.__version__, "threads": options.threads,
        "prefill_ms": prefill * 1e3,
        "ms_per_token": statistics.fmean(steps) * 1e3,
        "ms_per_token_best": min(steps) * 1e3, "ids": ids}))


if __name__ == "__main__":
    main()
