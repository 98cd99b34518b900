# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The attention kernels of bench_kernels.py: compared with float64 on awkward
shapes, and measured. Their arguments are those of DeviceKernels.h."""

import math

import torch

MAX_PARTS = 16  # of AttentionGenerator.h
DTYPES = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32}
TOLERANCE = 1e-5
# What a rotated key may be off, since it may be rounded to a neighbour.
KEY_TOLERANCES = {"f16": 1e-3, "bf16": 8e-3, "f32": 5e-6}


def blocks_of(facts):
    """Blocks in x."""
    whole = facts["heads"] // facts["kv_heads"]
    group = next(g for g in range(min(whole, 8), 0, -1) if whole % g == 0)
    return facts["kv_heads"] * whole // group


def has_matrices(facts):
    """Whether there are matrix products for the shape."""
    return facts["element"] != "f32" and facts["head_dim"] <= 128 \
        and facts["head_dim"] % 16 == 0


def parts_of(facts, rows):
    """The parts that host code asks for."""
    blocks = 256 if has_matrices(facts) else 512
    return max(1, min(MAX_PARTS, blocks // blocks_of(facts) // rows))


def most_parts(facts):
    """The parts that partial results have room for."""
    return parts_of(facts, 1)


def tokens_of(facts):
    """The tokens of a sequence that a block takes, of many."""
    return 8 * blocks_of(facts) // facts["heads"] if has_matrices(facts) else 1


def rotate(x, table, facts):
    """The heads of x [rows, heads, dim] by table [rows, rotated]."""
    rotated = facts.get("rotated", 0)
    if not rotated:
        return x
    cos, sin = (t[:, None, :] for t in table.double().chunk(2, -1))
    part, rest = x[..., :rotated], x[..., rotated:]
    if facts.get("interleaved"):
        low, high = part[..., 0::2], part[..., 1::2]
    else:
        low, high = part.chunk(2, -1)
    low, high = low * cos - high * sin, high * cos + low * sin
    part = torch.stack((low, high), -1).flatten(-2) \
        if facts.get("interleaved") else torch.cat((low, high), -1)
    return torch.cat((part, rest), -1)


def attend(query, keys, values, starts, past, facts):
    """float64: query [batch, tokens, heads, dim] over [batch, kv, steps, dim]."""
    batch, tokens, heads, dim = query.shape
    steps = past + tokens
    group = heads // facts["kv_heads"]
    seen = torch.nan_to_num(keys[:, :, :steps].double())
    worth = torch.nan_to_num(values[:, :, :steps].double())
    seen, worth = (t.repeat_interleave(group, 1) for t in (seen, worth))
    scores = torch.einsum("bthd,bhsd->bhts", query, seen) / math.sqrt(dim)
    cap = facts.get("softcap", 0)
    if cap:
        scores = cap * torch.tanh(scores / cap)
    time = past + torch.arange(tokens, device="cuda")[:, None]
    step = torch.arange(steps, device="cuda")[None, :]
    if facts.get("alibi"):
        slopes = torch.exp2(-8 * (torch.arange(heads, device="cuda") + 1.0)
                            / heads).float().double()
        scores = scores + slopes[None, :, None, None] * (step - time)
    visible = (step <= time) & (step >= starts[:, None, None])
    if facts.get("window"):
        visible &= time - step < facts["window"]
    none = ~visible.any(-1)  # [batch, tokens]
    weights = scores.masked_fill(~visible[:, None], -torch.inf).softmax(-1)
    other = 0.0 if facts.get("zero") else 1.0 / steps
    weights = torch.where(none[:, None, :, None], other, weights)
    return torch.einsum("bhts,bhsd->bthd", weights, worth)


class Case:
    """Inputs of a step: all that a kernel may not read is NaN."""

    def __init__(self, facts, batch, tokens, past, capacity=None, pads=False):
        self.facts, self.batch, self.tokens, self.past = \
            facts, batch, tokens, past
        heads, kv, dim = facts["heads"], facts["kv_heads"], facts["head_dim"]
        self.capacity = capacity or past + tokens + 3
        rows, dtype = batch * tokens, DTYPES[facts["element"]]
        self.query, self.key, self.value = (
            torch.randn(rows, n * dim, device="cuda") for n in (heads, kv, kv))
        angles = torch.rand(rows, facts.get("rotated", 0) // 2,
                            device="cuda") * 6.3
        self.table = torch.cat((angles.cos(), angles.sin()), -1)
        shape = (batch, kv, self.capacity, dim)
        self.keys, self.values = (
            torch.randn(shape, device="cuda").to(dtype) for _ in range(2))
        self.starts = torch.zeros(batch, dtype=torch.int64, device="cuda")
        if pads:
            # Some rows see nothing yet.
            self.starts = torch.randint(0, past + tokens + 2, (batch,),
                                        device="cuda")
        for cache in (self.keys, self.values):
            cache[:, :, past:] = torch.nan
            for row, start in enumerate(self.starts.tolist()):
                # Where every token sees something, padding does not count.
                if start <= past:
                    cache[row, :, :start] = torch.nan
        self.past_at = torch.tensor([past], device="cuda")
        self.partial = torch.full((rows * heads * most_parts(facts)
                                   * (dim + 4),), torch.nan, device="cuda")
        self.rotated = torch.full_like(self.query, torch.nan)
        self.result = torch.full_like(self.query, torch.nan)

    def append_arguments(self):
        """Of the kernel that appends."""
        turned = [self.table] if self.facts.get("rotated") else []
        query = [self.query, self.table, self.rotated] if turned else []
        return [self.key, self.value, *turned, *query, self.keys, self.values,
                self.past_at, self.tokens, self.capacity]

    def many_arguments(self):
        """Of attention over what the cache has."""
        query = self.rotated if self.facts.get("rotated") else self.query
        return [query, self.keys, self.values, self.starts, self.past_at,
                self.result, self.tokens, self.capacity]

    def one_arguments(self, keys=None, values=None):
        """Of attention that appends."""
        turned = [self.table] if self.facts.get("rotated") else []
        return [self.query, *turned, self.key, self.value, *turned,
                self.keys if keys is None else keys,
                self.values if values is None else values, self.starts,
                self.past_at, self.partial, self.result, self.capacity]

    def want(self):
        """(result, keys, values) as they should be."""
        facts, dtype = self.facts, self.keys.dtype
        heads, kv, dim = facts["heads"], facts["kv_heads"], facts["head_dim"]
        query, key, value = (
            x.double().view(-1, n, dim) for x, n in
            ((self.query, heads), (self.key, kv), (self.value, kv)))
        query = rotate(query, self.table, facts)
        key = rotate(key, self.table, facts)
        caches = []
        for cache, new in ((self.keys, key), (self.values, value)):
            cache = cache.clone()
            new = new.view(self.batch, self.tokens, kv, dim).transpose(1, 2)
            cache[:, :, self.past:self.past + self.tokens] = \
                new.float().clamp(-torch.finfo(dtype).max,
                                  torch.finfo(dtype).max).to(dtype)
            caches.append(cache)
        query = query.view(self.batch, self.tokens, heads, dim)
        result = attend(query, *caches, self.starts, self.past, facts)
        return result.reshape(self.result.shape), *caches


class Attention:
    """The three kernels of a shape."""

    def __init__(self, bench, facts):
        self.bench, self.facts = bench, facts
        self.driver = bench.driver
        module = self.driver.load(bench.folder / facts["file"])
        self.kernels = facts["kernels"]
        self.functions = [self.driver.function(module, k)
                          for k in self.kernels]

    def launch(self, which, grid, arguments):
        """Kernel `which`: one token, append, many tokens."""
        self.driver.launch(self.functions[which], self.kernels[which], grid,
                           arguments)

    def one(self, case, parts, **caches):
        """Attention that appends."""
        self.launch(0, (blocks_of(self.facts), parts, case.batch),
                    case.one_arguments(**caches))

    def many(self, case):
        """Append, then attention."""
        rows = case.batch * case.tokens
        self.launch(1, (rows,), case.append_arguments())
        blocks = case.batch * -(-case.tokens // tokens_of(self.facts))
        self.launch(2, (blocks_of(self.facts), 1, blocks),
                    case.many_arguments())

    def compare(self, case, run, what):
        """Raises unless `run` gives what it should, and the same again."""
        want, keys, values = case.want()
        before = case.keys.clone(), case.values.clone()
        run(case)
        torch.cuda.synchronize()
        tolerance = TOLERANCE
        key_tolerance = KEY_TOLERANCES[self.facts["element"]]
        if self.facts.get("rotated"):
            tolerance += key_tolerance / 8
        error = float((case.result.double() - want).abs().max()
                      / want.abs().max().clamp_min(1e-9))
        step = slice(case.past, case.past + case.tokens)
        off = float((case.keys[:, :, step].double()
                     - keys[:, :, step].double()).abs().max()
                    / keys[:, :, step].double().abs().max())
        same = bool(torch.equal(case.values[:, :, step], values[:, :, step]))
        for cache, old in zip((case.keys, case.values), before):
            old[:, :, step] = cache[:, :, step]
            bits = torch.int32 if cache.element_size() == 4 else torch.int16
            same &= bool(torch.equal(cache.view(bits), old.view(bits)))
        first = case.result.clone()
        for _ in range(5):
            case.result.fill_(torch.nan)
            run(case)
            same &= bool(torch.equal(first, case.result))
        if not (error < tolerance and off < key_tolerance and same):
            raise SystemExit(f"{self.facts['name']}, {what}: error {error},"
                             f" of keys {off}, same {same}")
        return error

    def check(self, small=False):
        """Batches, contexts, padding, parts."""
        worst = count = 0
        for batch in (1, 2) if small else (1, 2, 3, 5, 9):
            for past in (0, 1, 70) if small else (0, 1, 31, 32, 300, 1037):
                for pads in (False, True):
                    for parts in {1, 3, parts_of(self.facts, batch),
                                  most_parts(self.facts)}:
                        if parts > most_parts(self.facts):
                            continue
                        case = Case(self.facts, batch, 1, past, pads=pads)
                        worst = max(worst, self.compare(
                            case, lambda c, p=parts: self.one(c, p),
                            f"{batch} rows, past {past}, {parts} parts"))
                        count += 1
                    if self.facts["element"] == "f16":
                        # Beyond f16: the greatest of its numbers.
                        case = Case(self.facts, batch, 1, past, pads=pads)
                        case.value[:, ::3] *= 1e6
                        self.compare(case, lambda c: self.one(c, 1),
                                     f"{batch} rows, past {past}, huge")
                    case = Case(self.facts, batch, 3 if small else 11, past,
                                pads=pads)
                    worst = max(worst, self.compare(
                        case, self.many, f"{batch} rows of many, past {past}"))
                    count += 1
        print(f"{self.facts['name']:40} {count} cases, error {worst:.2g}",
              flush=True)

    def measure(self, batch, steps, parts=None, note=""):
        """The time of a step, `steps` with the token."""
        facts, bench = self.facts, self.bench
        kv, dim = facts["kv_heads"], facts["head_dim"]
        dtype = DTYPES[facts["element"]]
        case = Case(facts, batch, 1, steps - 1, capacity=steps)
        read = 2 * batch * kv * steps * dim * dtype.itemsize
        count = min(bench.sets(read), 100)
        caches = [{name: torch.randn(batch, kv, steps, dim, device="cuda",
                                     dtype=torch.float32).to(dtype)
                   for name in ("keys", "values")} for _ in range(count)]
        parts = parts or parts_of(facts, batch)
        launches = [lambda c=c: self.one(case, parts, **c) for c in caches]
        time = bench.time(launches * max(1, 20 // count))
        bench.report(f"{facts['name']} rows {batch} context {steps}{note}",
                     time, read, parts=parts,
                     share=round(read / time * 1e6 / bench.bandwidth, 3))
