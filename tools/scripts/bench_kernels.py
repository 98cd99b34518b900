#!/usr/bin/env python3
# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Measures single CUDA kernels on a GPU: FOLDER is what bench_kernels_pack.py
made. Needs PyTorch, for memory, graphs, and cuBLAS to compare with, and
bench_attention.py and sampling.py beside this file.

Each time is of one launch inside a CUDA graph that goes through sets of weights
of at least four times the L2 cache together, with a set of neurons of its own
for each launch, gaps included: the median of 50 replays, over the launches. All
results are checked against float64 first, with outputs poisoned. The floor is
the bytes that must be read over the greater of 3.10 TB/s and the read bandwidth
measured in the same run."""

import argparse
import ctypes
import datetime
import json
import pathlib
import statistics

import numpy as np
import torch

import bench_attention
import sampling

DENSITIES = (1.0, 0.25, 0.10, 0.05)
LEAST_BANDWIDTH = 3.10e12  # bytes/s, of an H100 80GB
REPLAYS = 50
OTHER_GRIDS = (7, 131, 300)  # blocks; of the last some take no part
PARTIAL_HEADER = 256 + 2 * 256 * 4  # bytes, kPartialHeader of DeviceKernels.h


class Attribute(ctypes.Structure):
    """CUlaunchAttribute."""
    _fields_ = [("id", ctypes.c_int32), ("padding", ctypes.c_int32),
                ("value", ctypes.c_int32 * 16)]


class Config(ctypes.Structure):
    """CUlaunchConfig."""
    _fields_ = [(name, ctypes.c_uint32) for name in
                ("x", "y", "z", "threads", "threads_y", "threads_z",
                 "shared")] + [
        ("stream", ctypes.c_void_p),
        ("attributes", ctypes.POINTER(Attribute)),
        ("count", ctypes.c_uint32)]


class Driver:
    """The few calls of the CUDA driver that launch kernels of a cubin."""

    def __init__(self):
        self.cuda = ctypes.CDLL("libcuda.so.1")

    def check(self, code, what):
        """Raises unless a call succeeded."""
        if code:
            text = ctypes.c_char_p()
            self.cuda.cuGetErrorString(code, ctypes.byref(text))
            raise RuntimeError(f"{what}: {text.value.decode()}")

    def load(self, path):
        """The module of a cubin."""
        module = ctypes.c_void_p()
        self.check(self.cuda.cuModuleLoadData(ctypes.byref(module),
                                              path.read_bytes()), path.name)
        return module

    def function(self, module, facts):
        """A kernel, with its shared memory allowed."""
        function = ctypes.c_void_p()
        self.check(self.cuda.cuModuleGetFunction(
            ctypes.byref(function), module, facts["name"].encode()),
            facts["name"])
        if facts["shared"] > 48 * 1024:
            self.check(self.cuda.cuFuncSetAttribute(function, 8,
                                                    facts["shared"]),
                       "shared memory")
        return function

    def launch(self, function, facts, grid, arguments):
        """On the current stream; tensors and integers as arguments."""
        values = [ctypes.c_uint64(a.data_ptr() if torch.is_tensor(a) else a)
                  for a in arguments]
        pointers = (ctypes.c_void_p * len(values))(
            *[ctypes.addressof(v) for v in values])
        stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)
        grid = (*grid, 1, 1)[:3]
        # Cluster dimension and programmatic stream serialization of cuda.h.
        attributes = []
        if facts["cluster"] > 1:
            attributes.append(Attribute(4, 0, (ctypes.c_int32 * 16)(
                facts["cluster"], 1, 1)))
        if facts["early"]:
            attributes.append(Attribute(6, 0, (ctypes.c_int32 * 16)(1)))
        array = (Attribute * 2)(*attributes)
        config = Config(*grid, facts["threads"], 1, 1, facts["shared"], stream,
                        array, len(attributes))
        self.check(self.cuda.cuLaunchKernelEx(
            ctypes.byref(config), function, pointers, None), facts["name"])


def time_graph(launches):
    """Microseconds of one of `launches`, called one after the other in a graph."""
    for launch in launches:
        launch()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for launch in launches:
            launch()
    for _ in range(3):
        graph.replay()
    times = []
    for _ in range(REPLAYS):
        start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        graph.replay()
        stop.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(stop) * 1e3 / len(launches))
    return statistics.median(times)


def bandwidths():
    """Bytes per second of reading and of copying 2 GiB."""
    data = torch.empty(2 << 30, dtype=torch.uint8, device="cuda").random_()
    other = torch.empty_like(data)
    words = data.view(torch.int64)
    read = time_graph([lambda: torch.amax(words)])
    floats = data.view(torch.float32).nan_to_num_(0, 0, 0)
    read = min(read, time_graph([lambda: torch.sum(floats)]))
    copy = time_graph([lambda: other.copy_(data)])
    return data.numel() / read * 1e6, 2 * data.numel() / copy * 1e6


def relative_error(got, want):
    """||got - want|| / ||want||."""
    got, want = got.double(), want.double()
    return float((got - want).norm() / want.norm())


class Mlp:
    """A fused MLP: weights, neurons that take part, and how it is launched."""

    def __init__(self, bench, facts):
        self.bench, self.facts = bench, facts
        self.d, self.f = facts["features"], facts["neurons"]
        self.gated, self.exact = facts["gated"], facts["exact"]
        self.atomic = facts["reduction"] == "atomic"
        module = bench.driver.load(bench.folder / facts["file"])
        self.functions = [bench.driver.function(module, kernel)
                          for kernel in facts["kernels"]]
        self.matrices = 3 if self.gated else 2
        count = bench.sets(self.matrices * self.d * self.f * 2)
        # A product of two projections would grow from step to step.
        scale = self.d ** -0.5 * (0.5 if self.gated else 1)
        self.weights = [[bench.random(self.f, self.d, scale=scale)
                         for _ in range(self.matrices)] for _ in range(count)]
        self.noise = bench.random(self.f, scale=0.1, dtype=torch.float32)
        x = bench.random(self.d, dtype=torch.float32)
        self.x = x / x.square().mean().sqrt()
        self.residual = bench.random(self.d, dtype=torch.float32)
        self.partial = torch.full((PARTIAL_HEADER + 256 * self.d * 4,), 0xff,
                                  dtype=torch.uint8, device="cuda")
        self.hidden = torch.full((self.f,), float("nan"), device="cuda")
        self.count = torch.full((1,), -1, dtype=torch.int32, device="cuda")
        self.result = torch.full((self.d,), float("nan"), device="cuda")

    def densities(self):
        """Those that can be had: activations decide in exact mode."""
        if self.exact:
            return (0.5,) if self.gated else (0.5, 0.1, 0.03)
        return DENSITIES

    def prepare(self, density):
        """Chooses the neurons of each launch."""
        self.bias, self.sets = self.noise, []
        if self.exact:
            # Activations are about normal; ReLU keeps those over the bias.
            level = statistics.NormalDist().inv_cdf(1 - density)
            self.bias = 0.1 * self.noise - level
            return
        self.active = max(1, round(density * self.f))
        for _ in range(max(20, len(self.weights))):
            chosen = torch.randperm(self.f, device="cuda")[:self.active]
            indices = chosen.sort()[0].to(torch.int32)
            self.sets.append((
                torch.cat([indices, indices.new_zeros(self.f - self.active)]),
                torch.tensor([self.active], dtype=torch.int32, device="cuda")))

    def launch(self, number, x, result, blocks=None):
        """The kernels, with the weights and the set of that number, and a block
        for each multiprocessor if `blocks` does not say otherwise."""
        weights = self.weights[number % len(self.weights)]
        arguments = [x, *weights[:-1], *([] if self.gated else [self.bias]),
                     weights[-1]]
        if not self.exact:
            arguments += self.sets[number]
        elif self.atomic:
            arguments.append(self.hidden)
        driver, kernels = self.bench.driver, self.facts["kernels"]
        cluster = kernels[0]["cluster"]
        grid = ((blocks or self.bench.blocks) // cluster * cluster,)
        arguments.append(result if self.atomic else self.partial)
        driver.launch(self.functions[0], kernels[0], grid, arguments)
        if not self.atomic:
            driver.launch(self.functions[1], kernels[1],
                          (-(-self.d // 32) + self.exact,),
                          [self.partial, self.residual,
                           *([self.count] if self.exact else []), result])

    def begin(self, results):
        """What results hold before: poison, or what is added to."""
        results.copy_(self.residual if self.atomic else
                      torch.full_like(self.residual, float("nan")))

    def want(self, number, x):
        """The result in float64; notes how many neurons were active."""
        rows = [w.double() for w in self.weights[number % len(self.weights)]]
        bias = self.bias
        if not self.exact:
            chosen = self.sets[number][0][:self.active].long()
            rows, bias = [w[chosen] for w in rows], bias[chosen]
        first = rows[0] @ x.double()
        if not self.gated:
            first = first + bias.double()
        hidden = torch.nn.functional.silu(first) \
            if self.gated and not self.exact else first.relu()
        if self.exact:
            self.active = int((first > 0).sum())
            # One that is almost 0 may be either in f32.
            self.bounds = [int((first > at).sum()) for at in (1e-4, -1e-4)]
        if self.gated:
            hidden = hidden * (rows[1] @ x.double())
        return hidden @ rows[-1] + self.residual.double()

    def check_count(self, name):
        """Of the last launch, if that was exact."""
        if not self.exact or self.atomic:
            return
        least, most = self.bounds
        if not least <= int(self.count) <= most:
            raise SystemExit(f"{name}: {int(self.count)} active, expected"
                             f" {self.active}")
        self.count.fill_(-1)

    def check(self, name):
        """Compares a launch with float64, and a graph of launches, each of
        which reads what the one before has made, with the same launches one
        after the other. The error, and whether all bits were equal."""
        steps = 8
        results = torch.empty(steps, self.d, device="cuda")

        def step(number):
            self.launch(number, results[number - 1] if number else self.x,
                        results[number])
        self.begin(results)
        errors = []
        for number in range(steps):
            step(number)
            torch.cuda.synchronize()
            x = results[number - 1] if number else self.x
            errors.append(relative_error(results[number],
                                         self.want(number, x)))
            self.check_count(name)
        alone = results.clone()
        want = self.want(0, self.x)
        for blocks in OTHER_GRIDS:
            self.begin(results)
            self.launch(0, self.x, results[0], blocks)
            errors.append(relative_error(results[0], want))
            self.check_count(name)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for number in range(steps):
                step(number)
        same = True
        for _ in range(20):
            self.begin(results)
            graph.replay()
            torch.cuda.synchronize()
            same &= bool(torch.equal(results, alone))
            errors.append(relative_error(results, alone))
        if max(errors) > 1e-5 or not (same or self.atomic):
            raise SystemExit(f"{name}: error {max(errors)}, {same}")
        return max(errors), same

    def read(self):
        """Bytes that one launch must read."""
        row = self.d * 2
        other = 0 if self.gated else 4
        if self.exact:
            return self.f * (row + other) \
                + self.active * (self.matrices - 1) * row
        return self.active * (self.matrices * row + other + 4)

    def dense(self):
        """Launches of cuBLAS."""
        half = self.x.half()
        if self.gated:
            return [lambda m=m: (torch.nn.functional.silu(m[0] @ half)
                                 * (m[1] @ half)) @ m[2]
                    for m in self.weights]
        transposed = [(m[0], m[1].t().contiguous()) for m in self.weights]
        return [lambda m=m: m[1] @ (m[0] @ half).relu() for m in transposed]


class Bench:
    """All measurements of a run."""

    def __init__(self, folder, driver, bandwidth):
        self.folder, self.driver, self.bandwidth = folder, driver, bandwidth
        self.blocks = torch.cuda.get_device_properties(0).multi_processor_count
        self.cache = torch.cuda.get_device_properties(0).L2_cache_size
        self.results = []

    def report(self, name, time, read, **more):
        """Keeps and prints one time."""
        floor = read / self.bandwidth * 1e6
        self.results.append({"name": name, "us": round(time, 2),
                             "floor_us": round(floor, 2),
                             "over_floor_us": round(time - floor, 2), **more})
        print(f"{name:38} {time:8.2f} us, floor {floor:7.2f},"
              f" +{time - floor:6.2f}", more, flush=True)

    def sets(self, total):
        """Sets of weights for four times the cache."""
        return max(2, -(-4 * self.cache // total))

    def random(self, *shape, scale=1.0, dtype=torch.float16):
        """Random numbers on the GPU."""
        return (torch.randn(*shape, device="cuda", dtype=torch.float32)
                * scale).to(dtype)

    def ffn(self, facts):
        """A fused MLP at several densities, and cuBLAS at density 1."""
        mlp = Mlp(self, facts)
        for density in mlp.densities():
            mlp.prepare(density)
            name = f"{facts['name']} density {density}"
            error, same = mlp.check(name)
            launches = [lambda i=i: mlp.launch(i, mlp.x, mlp.result)
                        for i in range(max(20, len(mlp.weights)))]
            self.report(name, time_graph(launches), mlp.read(), error=error,
                        equal_bits=same)
        if not facts["exact"] and facts["reduction"] == "deterministic":
            dense = mlp.dense()
            self.report(f"{facts['name']} cuBLAS, dense",
                        time_graph(dense * max(1, 20 // len(dense))),
                        mlp.matrices * mlp.d * mlp.f * 2)

    def linear(self, facts):
        """A linear layer, and cuBLAS."""
        d, out, rows = facts["in"], facts["out"], facts["rows"]
        module = self.driver.load(self.folder / facts["file"])
        (kernel,) = facts["kernels"]
        run = self.driver.function(module, kernel)
        count = self.sets(d * out * 2)
        weights = [self.random(out, d, scale=d ** -0.5) for _ in range(count)]
        x = self.random(rows, d, dtype=torch.float32)
        result = torch.full((rows, out), float("nan"), device="cuda")
        grid = (self.blocks, 1)
        if rows > 1:
            # As MatrixProductKernels.cpp chooses rows for a block.
            size = min((32, 16), key=lambda n: n * -(-(-(-out // n)) // 132))
            grid = (-(-out // size), 1)
        launches = [lambda w=w: self.driver.launch(
            run, kernel, grid, [x, w, result, rows, rows, rows, 0])
            for w in weights]
        launches[0]()
        error = relative_error(result, x.double() @ weights[0].double().t())
        if error > 1e-5:
            raise SystemExit(f"{facts['name']}: error {error}")
        rounds = max(1, 20 // count)
        self.report(facts["name"], time_graph(launches * rounds),
                    d * out * 2, error=error)
        half = x.half()
        self.report(f"{facts['name']} cuBLAS", time_graph(
            [lambda w=w: half @ w.t() for w in weights] * rounds),
            d * out * 2)

    def time(self, launches):
        """See time_graph."""
        return time_graph(launches)

    def attention(self, facts):
        """Attention: checked, or measured."""
        kernels = bench_attention.Attention(self, facts)
        kernels.check(facts.get("small", False))
        for batch, steps in facts.get("steps", ()):
            kernels.measure(batch, steps)

    def sample(self, facts):
        """The choice of ids: equal to that of sampling.py, then timed."""
        size = facts["vocabulary"]
        module = self.driver.load(self.folder / facts["file"])
        (kernel,) = facts["kernels"]
        run = self.driver.function(module, kernel)
        checked, error = 0, 0.0
        for number, logits in enumerate(sample_logits(size)):
            for temperature in (0, 0.3, 1.0, 2.0):
                for top_p in (0.1, 0.9, 1.0):
                    for batch in (1, 3):
                        checked += check_choice(
                            lambda *tensors, b=batch: self.driver.launch(
                                run, kernel, (b,), [*tensors, b]),
                            np.roll(logits, 1, 0)[:batch], temperature, top_p,
                            seed=1000 * number + batch)
            if np.isfinite(logits).all():
                error = max(error, sampling.probability_error(logits[0], 1.0))
        logits = torch.randn(1, size, device="cuda") * 3
        state = [torch.zeros(n, dtype=torch.int64, device="cuda")
                 for n in (1, 1, 1, 4)]
        for name, temperature, top_p in (
                ("greedy", 0, 1.0), ("temperature 1", 1.0, 1.0),
                ("temperature 1 top-p 0.9", 1.0, 0.9)):
            parameters = pack_sampling(1, temperature, top_p, 3)
            launches = [lambda: self.driver.launch(
                run, kernel, (1,), [*state, parameters, logits, 1])] * 20
            self.report(f"{facts['name']} {name}", time_graph(launches),
                        size * 4, checked=checked, probability_error=error)


def sample_logits(size):
    """f32 [3, size] to choose ids from: smooth, with many equals, flat, with
    some that are impossible, peaked; and some that are wrong."""
    random = np.random.default_rng(size)
    smooth = random.normal(0, 3, (3, size)).astype(np.float32)
    yield smooth
    yield np.round(smooth)
    yield np.zeros_like(smooth)
    yield np.where(smooth > 3, np.float32(-np.inf), smooth)
    yield smooth * np.float32(20)
    for value in (np.nan, np.inf):
        wrong = smooth.copy()
        wrong[2, size // 2] = wrong[0, -1] = value
        yield wrong
    yield np.full_like(smooth, -np.inf)


def pack_sampling(batch, temperature, top_p, seed):
    """dejavu_sampling [batch] of abi.h."""
    row = np.zeros(4, np.int64)
    row[:2] = np.array([sampling.scale_of(temperature), top_p]).view(np.int64)
    row[2] = seed
    return torch.tensor(np.tile(row, (batch, 1)), device="cuda")


def check_choice(launch, logits, temperature, top_p, seed):
    """Compares four choices in a row of all rows; their number."""
    batch, steps = len(logits), 4
    parameters = pack_sampling(batch, temperature, top_p, seed)
    ids, told = (torch.full((n,), -77, dtype=torch.int64, device="cuda")
                 for n in (batch, (steps + 1) * batch))
    positions = torch.arange(batch, device="cuda")
    past = torch.zeros(1, dtype=torch.int64, device="cuda")
    device = torch.tensor(logits, device="cuda")
    for step in range(steps):
        past.fill_(step)
        launch(ids, positions, past, told, parameters, device)
    want = [sampling.choose(row, temperature, top_p, seed, step)
            for step in range(steps) for row in logits] + [-77] * batch
    found = told.tolist()
    assert found == want, (logits.shape, temperature, top_p, found, want)
    last = found[-2 * batch:-batch]
    for id_, code in zip(ids.tolist(), last):
        assert id_ == code or code < 0 <= id_ < logits.shape[1], (id_, code)
    assert positions.tolist() == [row + steps for row in range(batch)]
    assert parameters[:, 3].tolist() == [steps] * batch
    return steps * batch


def describe_run(read, copy, floor):
    """What a report says of the machine; all are bytes per second."""
    return {"device": torch.cuda.get_device_name(),
            "date": datetime.date.today().isoformat(),
            "torch": torch.__version__, "read_bytes_per_second": round(read),
            "copy_bytes_per_second": round(copy),
            "floor_bytes_per_second": round(floor)}


def main():
    """The command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=pathlib.Path)
    arguments.add_argument("--json", type=pathlib.Path, required=True)
    arguments.add_argument("--only", default="", help="names that hold this")
    options = arguments.parse_args()
    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.empty(1, device="cuda")
    read, copy = bandwidths()
    print(f"{torch.cuda.get_device_name()}: read {read / 1e12:.3f} TB/s,"
          f" copy {copy / 1e12:.3f} TB/s", flush=True)
    bench = Bench(options.folder, Driver(), max(read, LEAST_BANDWIDTH))
    for facts in json.loads((options.folder / "kernels.json").read_text()):
        if options.only in facts["name"]:
            getattr(bench, {"fused-ffn": "ffn"}.get(facts["family"],
                                                    facts["family"]))(facts)
            torch.cuda.empty_cache()
    options.json.write_text(json.dumps({
        **describe_run(read, copy, bench.bandwidth),
        "results": bench.results}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
