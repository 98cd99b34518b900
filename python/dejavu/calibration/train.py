# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Trainers of predictors, in numpy.

x is [tokens, features], normalised; a unit's importance is how much of the
block's output is its own (a squared norm), [tokens, units]. A predictor is
(first [rank, features], second [units, rank], bias [units]), with the scores
`x first^T second^T + bias`; the same as integers, (first, second, scale
[units], bias), with `x first^T second^T * scale + bias`; or (signs [units,
features] of -1 and 1, bias) with `sign(x) signs^T + bias`."""

import numpy as np

LARGEST = 127  # of 8 bits, with as many below zero
RIDGE = 1e-3  # of the mean variance of a feature
LEAST_STEPS = 300  # of a refinement


def closed_form(x, target, ranks):
    """Reduced-rank regression of target [tokens, units] on x: the best
    predictors in least squares for each of `ranks`, from one decomposition.
    Returns {rank: (first, second, bias)}; those of smaller ranks are the
    leading rows and columns of larger ones."""
    mean, shift = x.mean(0), target.mean(0)
    features = x.shape[1]
    gram = np.zeros((features, features))
    cross = np.zeros((features, target.shape[1]))
    for at in range(0, len(x), 8192):
        part = x[at:at + 8192] - mean
        gram += part.T @ part
        cross += part.T @ (target[at:at + 8192] - shift)
    gram += np.eye(features) * (RIDGE * np.trace(gram) / features + 1e-12)
    lower = np.linalg.cholesky(gram)
    # With z = lower^-1 x the features are white, and the best rank is an SVD.
    whitened = np.linalg.solve(lower, cross)
    left, sizes, right = np.linalg.svd(whitened, full_matrices=False)
    directions = np.linalg.solve(lower.T, left).T  # [features, features]
    # Equal lengths on both sides keep f16 and refinement in range.
    root = np.sqrt(sizes) + 1e-30
    result = {}
    for rank in ranks:
        rank_ = min(rank, features, target.shape[1])
        first = directions[:rank_] * root[:rank_, None]
        second = right[:rank_].T * (sizes[:rank_] / root[:rank_])
        bias = shift - (mean @ first.T) @ second.T
        result[rank] = tuple(part.astype(np.float32)
                             for part in (first, second, bias))
    return result


def sigmoid(s):
    """In place."""
    np.negative(s, out=s)
    np.clip(s, -30, 30, out=s)
    np.exp(s, out=s)
    s += 1
    return np.reciprocal(s, out=s)


class Adam:
    """Steps for a list of arrays, with a rate that falls as a cosine."""

    def __init__(self, arrays, rate, steps):
        self.arrays, self.rate, self.steps = arrays, rate, steps
        self.first = [np.zeros_like(a) for a in arrays]
        self.second = [np.zeros_like(a) for a in arrays]
        self.done = 0

    def step(self, gradients):
        """One step down the gradients."""
        self.done += 1
        rate = self.rate * 0.5 * (1 + np.cos(np.pi * self.done / self.steps))
        for a, m, v, g in zip(self.arrays, self.first, self.second, gradients):
            m += 0.1 * (g - m)
            v += 0.01 * (g * g - v)
            a -= rate * (m / (1 - 0.9 ** self.done)) / (
                np.sqrt(v / (1 - 0.99 ** self.done)) + 1e-8)


def count_epochs(count, size, epochs):
    """As many times through `count` as make enough steps."""
    return max(epochs, -(-LEAST_STEPS // (count // size)))


def batches(count, size, epochs, seed):
    """Sorted random indices, `epochs` times through `count`."""
    random = np.random.default_rng(seed)
    for _ in range(epochs):
        order = random.permutation(count)
        for i in range(count // size):
            yield np.sort(order[i * size:(i + 1) * size])


class Loss:
    """The mean over tokens of `weight * softplus(-score) + price *
    softplus(score)`, summed over units: what is missed, weighed by its
    importance, against how much is selected. A token's weights add up to one on
    average. Batches go through buffers of its own: allocating them anew would
    take longer than filling them."""

    def __init__(self, importance, price, size):
        self.importance, self.price = importance, np.float32(price)
        total = importance.sum(1, dtype=np.float64).mean()
        self.scale = np.float32(1 / total if total > 0 else 1)
        self.scores = np.empty((size, importance.shape[1]), np.float32)
        self.weights, self.sums = (np.empty_like(self.scores)
                                   for _ in range(2))

    def gradient(self, rows):
        """By the scores of tokens `rows`, which are in `self.scores`; in the
        same memory."""
        p = sigmoid(self.scores)
        np.take(self.importance, rows, axis=0, out=self.weights)
        self.weights *= self.scale
        np.add(self.weights, self.price, out=self.sums)
        p *= self.sums
        p -= self.weights
        p /= len(rows)
        return p


def refine(x, importance, start, price, epochs=8, size=1024, rate=1e-2,
           seed=0):
    """Logistic refinement of a low-rank predictor: minimises `Loss`. `start`
    should give scores of about unit size."""
    first, second, bias = (np.array(p, np.float32) for p in start)
    size = min(size, len(x))
    epochs = count_epochs(len(x), size, epochs)
    loss = Loss(importance, price, size)
    adam = Adam([first, second, bias], rate, epochs * (len(x) // size))
    for rows in batches(len(x), size, epochs, seed):
        xs = x[rows]
        inner = xs @ first.T
        np.matmul(inner, second.T, out=loss.scores)
        loss.scores += bias
        gradient = loss.gradient(rows)
        adam.step([(gradient @ second).T @ xs, gradient.T @ inner,
                   gradient.sum(0)])
    return first, second, bias


def rescale(start, x, spread=3.0, offset=-2.0):
    """A closed-form predictor as a start for `refine`: scores with that
    spread, mostly negative."""
    first, second, bias = start
    scale = np.float32(spread / (((x[::7] @ first.T) @ second.T).std() + 1e-9))
    root = np.sqrt(scale)
    return first * root, second * root, bias * scale + np.float32(offset)


def learn_signs(x, importance, start, price, epochs=6, size=1024, rate=2e-3,
                seed=0):
    """Signs that are trained through their rounding (straight-through), with
    the loss of `refine`. `start` [units, features] has the signs to begin with.
    Returns (signs of -1 and 1, bias) for scores in counts."""
    scale = np.float32(2 / np.sqrt(x.shape[1]))
    size = min(size, len(x))
    epochs = count_epochs(len(x), size, epochs)
    signs = np.sign(x).astype(np.float32)
    soft = np.sign(start).astype(np.float32) * np.float32(0.02)
    bias = np.full(len(start), -3, np.float32)
    loss = Loss(importance, price, size)
    steps = epochs * (len(x) // size)
    adam, adam_bias = Adam([soft], rate, steps), Adam([bias], 10 * rate, steps)
    for rows in batches(len(x), size, epochs, seed):
        xs = signs[rows]
        hard = np.where(soft < 0, -scale, scale)
        np.matmul(xs, hard.T, out=loss.scores)
        loss.scores += bias
        gradient = loss.gradient(rows)
        adam.step([(gradient.T @ xs) * scale])
        adam_bias.step([gradient.sum(0)])
        np.clip(soft, -1, 1, out=soft)
    return np.where(soft < 0, -1, 1).astype(np.float32), bias / scale


def scores(predictor, x):
    """[tokens, units]."""
    if len(predictor) == 2:
        signs, bias = predictor
        # A zero counts as not negative, as in the program.
        return np.where(x < 0, -1, 1).astype(np.float32) @ signs.T + bias
    first, second, *scale, bias = (part.astype(np.float32)
                                   for part in predictor)
    found = (x @ first.T) @ second.T
    return found * scale[0] + bias if scale else found + bias


def quantized(predictor):
    """A low-rank predictor with factors of 8-bit integers. Rows of `first` have
    scales that go into `second`, and rows of that have those of the units."""
    first, second, bias = predictor
    inner = np.maximum(np.abs(first).max(1), 1e-30) / LARGEST
    second = second * inner
    scale = np.maximum(np.abs(second).max(1), 1e-30) / LARGEST
    return (np.rint(first / inner[:, None]).astype(np.int8),
            np.rint(second / scale[:, None]).astype(np.int8),
            scale.astype(np.float32), bias.astype(np.float32))
