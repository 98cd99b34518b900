#!/usr/bin/env python3
# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The sampler of the runtime (lib/Runtime/Sampler.cpp) once more, in numpy, to
compare kernels with: the same id from the same logits."""

import math

import numpy as np

FRACTION_BITS, OCTAVES = 26, 40
POLYNOMIAL = (2147483645, 1488521954, 515877927, 119166311, 20573444, 2739957,
              235034)
WORD = (1 << 64) - 1
NONE = np.uint32(0xffffffff)


def scale_of(temperature):
    """What differences of logits are multiplied by; 0 is greedy."""
    return 1.4426950408889634 * (1 << FRACTION_BITS) / temperature \
        if temperature else 0.0


def draw(seed, count):
    """Random number `count` of a seed."""
    z = (seed + (count + 1) * 0x9E3779B97F4A7C15) & WORD
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & WORD
    return z ^ (z >> 31)


def weigh(logits, scale):
    """Keys and weights of f32 logits."""
    scaled = (logits.max() - logits).astype(np.float64) * scale
    inside = scaled < OCTAVES << FRACTION_BITS
    keys = np.where(inside, scaled, 0).astype(np.uint32)
    fraction = (keys.astype(np.uint64) << np.uint64(6)) & np.uint64(0xffffffff)
    power = np.uint64(POLYNOMIAL[-1])
    for term in POLYNOMIAL[-2::-1]:
        power = np.uint64(term) - ((fraction * power) >> np.uint64(32))
    octaves = (keys >> np.uint32(FRACTION_BITS)).astype(np.uint64)
    weights = (power << np.uint64(OCTAVES - 31)) >> octaves
    return np.where(inside, keys, NONE), np.where(inside, weights,
                                                  np.uint64(0))


def choose(logits, temperature, top_p, seed, count):
    """The id of f32 logits, or the code of what is wrong with them."""
    if np.isnan(logits).any():
        return -2
    if not temperature:
        return int(logits.argmax())
    if np.isinf(logits.max()):
        return -3
    keys, weights = weigh(logits, scale_of(temperature))
    total = int(weights.sum())
    if top_p < 1:
        needed = min(max(int(top_p * float(total)), 1), total)
        order = np.argsort(keys, kind="stable")
        last = np.searchsorted(np.cumsum(weights[order]), needed)
        weights[order[last + 1:]] = 0
        total = int(weights.sum())
    target = draw(seed, count) * total >> 64
    return int(np.searchsorted(np.cumsum(weights), target, side="right"))


def probability_error(logits, temperature):
    """How far probabilities are off the softmax in f64, at most."""
    _, weights = weigh(logits, scale_of(temperature))
    wanted = np.exp((logits.astype(np.float64) - logits.max()) / temperature)
    found = weights / float(weights.sum())
    return float(np.abs(found - wanted / wanted.sum()).max())


def main():
    """Draws from a few distributions, as a check of the module itself."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 3, 5000).astype(np.float32)
    assert probability_error(logits, 0.7) < 1e-8
    counts = np.zeros(4)
    quarter = np.log([0.1, 0.2, 0.3, 0.4]).astype(np.float32)
    for count in range(20000):
        counts[choose(quarter, 1.0, 1.0, 1, count)] += 1
    assert np.abs(counts / 20000 - [0.1, 0.2, 0.3, 0.4]).max() < 0.015
    assert math.isclose(scale_of(1.0), 2 ** 26 / math.log(2))
    print("ok")


if __name__ == "__main__":
    main()
