# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`make bench-cpu`: what decode on this machine's CPU is worth, as one JSON file
with the machine and the date in docs/benchmarks.

* small: the model of the repository against ONNX Runtime (bench_ort.py).
* large: a model of the shape of OPT-1.3B with random weights, made on the spot,
  against the read bandwidth of the machine; and sparse programs whose active
  sets are drawn anew for each token and layer (random_predictors.py) against
  the bytes that they read.

Runs alternate and medians count, since a machine is rarely ours alone. Each
claim says what it wants and what it got.

The large part takes 20 GB of disk and 12 GB of memory that nobody else wants;
its files go away again unless --keep is given."""

import argparse
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys

import numpy as np
from bench import cpu_name

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "tools/scripts"
COMPILE = ROOT / "build/bin/dejavu-compile"
OUT = ROOT / "build/bench"
SMALL = ROOT / "build/models/opt-docs-7m"

# The small part.
PROMPT, NEW_TOKENS = 64, 256
WANTED_GAIN = {"exact": 2.0, "predicted": 3.0}
# The large part: OPT-1.3B, and the sizes of the active sets.
LARGE = {"layers": 24, "hidden": 2048, "heads": 32, "vocab": 50272}
NEURONS = 4 * LARGE["hidden"]
# A quarter of the features, as calibration would choose from.
NEURON_RANK, HEAD_RANK = LARGE["hidden"] // 4, 8
ACTIVE_HEADS = LARGE["heads"] // 2
ACTIVE_NEURONS = {"10%": round(0.10 * NEURONS), "5%": round(0.05 * NEURONS)}
WANTED_SHARE = 0.80
TOLERANCE = 0.15


def call(*command):
    """Runs a command; its stdout. Its errors are shown as they come."""
    done = subprocess.run([str(part) for part in command], check=False,
                          stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"failed: {' '.join(map(str, command))}")
    return done.stdout


def compile_model(model, name, *flags):
    """The path of the executable."""
    print(f"== compiling {name}", flush=True)
    call(COMPILE, model, "-o", OUT / name, *flags)
    return OUT / name


def bench(program, *flags):
    """What --bench measures."""
    file = OUT / "one.json"
    call(program, "--bench", "--json", file, *flags)
    return json.loads(file.read_text("utf-8"))


class Claims:
    """What is claimed, and whether it holds."""

    def __init__(self):
        self.made = []

    def at_least(self, name, wanted, got):
        self.made.append({"claim": name, "at_least": wanted, "got": got,
                          "holds": got >= wanted})
        print(f"{name}: {got:.3g}, wanted {wanted:.3g}:"
              f" {'holds' if got >= wanted else 'FAILS'}", flush=True)


def alternate(rounds, runs):
    """Each of `runs`, name -> function, `rounds` times in turn: name -> what
    they returned."""
    results = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            results[name].append(run())
            print(f"   {name}: {results[name][-1]['ms_per_token']:.4g}"
                  " ms/token", flush=True)
    return results


def summarise(results):
    """The medians of a program's runs."""
    times = [r["ms_per_token"] for r in results]
    summary = {"ms_per_token": statistics.median(times),
               "ms_per_token_runs": times,
               "tokens_per_second": 1e3 / statistics.median(times)}
    for key in ("bytes_per_token", "bytes_per_token_dense", "onnxruntime"):
        if key in results[0]:
            summary[key] = results[0][key]
    if "read_bandwidth_bytes_per_second" in results[0]:
        # Each run measures it just before: it is not the same all the time.
        bandwidths = [r["read_bandwidth_bytes_per_second"] for r in results]
        shares = [r["bandwidth_share"] for r in results]
        summary |= {"read_bandwidth_bytes_per_second_runs": bandwidths,
                    "floor_ms": results[0]["bytes_per_token"] * 1e3
                    / statistics.median(bandwidths),
                    "bandwidth_share": statistics.median(shares),
                    "bandwidth_share_runs": shares}
    return summary


#===--- The model of the repository ----------------------------------------===#

def small_predictors(options):
    """The file that was given or, with the defaults, one of the first half of
    the model's text."""
    if options.small_predictors:
        return options.small_predictors
    file = OUT / "small-predictors.safetensors"
    if not file.exists():
        print("== calibrating", flush=True)
        call(ROOT / ".venv/bin/dejavu", "calibrate", SMALL, "--tokens",
             SMALL / "tokens.npy", "--limit", 65000, "-o", file)
    return file


def run_small(options, claims):
    prompt = ",".join(map(str, np.load(SMALL / "tokens.npy")
                          .reshape(-1)[4096:4096 + PROMPT]))
    programs = {s: compile_model(SMALL, f"small-{s}", "--sparsity", s)
                for s in ("dense", "exact")}
    report = {"model": "opt-docs-7m", "weights": "f32", "prompt": PROMPT,
              "new_tokens": NEW_TOKENS, "threads": options.threads}
    programs["predicted"] = compile_model(
        SMALL, "small-predicted", "--predictors", small_predictors(options))
    same = ("--prompt-ids", prompt, "--new-tokens", NEW_TOKENS, "--threads",
            options.threads)
    runs = {"onnxruntime": lambda: json.loads(call(
        sys.executable, SCRIPTS / "bench_ort.py", SMALL / "model.onnx",
        *same))}
    for name, program in programs.items():
        runs[name] = lambda program=program: bench(program, "--repeats", 1,
                                                   *same)
    results = alternate(options.rounds, runs)
    report["programs"] = {n: summarise(r) for n, r in results.items()}
    # The same text, or there is nothing to compare.
    wanted = results["onnxruntime"][0]["ids"]
    made = call(programs["dense"], "--prompt-ids", prompt, "--max-new-tokens",
                NEW_TOKENS, "--ignore-eos", "--threads", options.threads)
    made = [int(i) for i in made.split(",")]
    report["equal_ids"] = sum(1 for a, b in zip(made, wanted) if a == b)
    reference = report["programs"]["onnxruntime"]["ms_per_token"]
    for name in programs:
        program = report["programs"][name]
        program["gain"] = reference / program["ms_per_token"]
        if name in WANTED_GAIN:
            claims.at_least(f"small: {name} against ONNX Runtime, tokens/s",
                            WANTED_GAIN[name], program["gain"])
    return report


#===--- The shape of OPT-1.3B ----------------------------------------------===#

def remove(*names):
    for name in names:
        for file in (OUT / name, OUT / f"{name}.safetensors"):
            file.unlink(missing_ok=True)


def make_large_model(options):
    folder = OUT / f"opt-1.3b-shape-{options.large_dtype}"
    if not (folder / "done").exists():
        print(f"== writing {folder.relative_to(ROOT)}", flush=True)
        dtype = "f32" if options.large_dtype == "f32" else "f16"
        flags = [part for name, value in LARGE.items()
                 for part in (f"--{name}", value)]
        call(sys.executable, SCRIPTS / "large_opt.py", folder, *flags,
             "--dtype", dtype, "--random", 1)
        (folder / "done").touch()
    return folder


def compile_sparse(folder, dense, share, flags):
    """A program with random predictors, and what they are."""
    from random_predictors import write_predictors
    info = json.loads(call(dense, "--info"))["model"]
    file = OUT / f"random-{ACTIVE_NEURONS[share]}.safetensors"
    write_predictors(
        file, layers=LARGE["layers"], features=LARGE["hidden"],
        neurons=(NEURONS, NEURON_RANK, ACTIVE_NEURONS[share]),
        heads=(LARGE["heads"], HEAD_RANK, ACTIVE_HEADS),
        model_name=info["name"], model_digest=info.get("digest", ""))
    program = compile_model(folder, f"large-{ACTIVE_NEURONS[share]}",
                            "--predictors", file, *flags)
    file.unlink()
    return program


def run_large(options, claims):
    folder = make_large_model(options)
    flags = ("--weights", options.large_dtype)
    dense = compile_model(folder, "large-dense", "--sparsity", "dense", *flags)
    threads = len(os.sched_getaffinity(0))
    same = ("--prompt-length", 16, "--new-tokens", options.large_tokens,
            "--repeats", 1, "--threads", threads)
    report = {"model": dict(LARGE, neurons=NEURONS, weights="random"),
              "weights": options.large_dtype, "prompt": 16,
              "new_tokens": options.large_tokens, "threads": threads,
              "sparse": {}}

    def compare(programs):
        results = alternate(options.rounds, {
            name: lambda program=program: bench(program, *same)
            for name, program in programs.items()})
        return {n: summarise(r) for n, r in results.items()}
    report["dense"] = compare({"dense": dense})["dense"]
    claims.at_least("large: dense, share of the read bandwidth", WANTED_SHARE,
                    report["dense"]["bandwidth_share"])
    for share in ACTIVE_NEURONS:
        sparse = compile_sparse(folder, dense, share, flags)
        # Dense again: both under the same conditions.
        programs = compare({"dense": dense, share: sparse})
        report["sparse"][share] = compare_sparse(
            share, programs["dense"], programs[share], claims)
        if not options.keep:
            remove(sparse.name)
    if not options.keep:
        remove(dense.name)
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    return report


def compare_sparse(share, dense, sparse, claims):
    """As much faster than dense as the bytes say. The runs are pairs."""
    gain = statistics.median(
        a / b for a, b in zip(dense["ms_per_token_runs"],
                              sparse["ms_per_token_runs"]))
    promised = dense["bytes_per_token"] / sparse["bytes_per_token"]
    claims.at_least(f"large: {share} of the neurons, half of the heads: gain"
                    " of what the bytes say", 1 - TOLERANCE, gain / promised)
    return {"active_neurons": ACTIVE_NEURONS[share],
            "active_heads": ACTIVE_HEADS, "dense": dense, "sparse": sparse,
            "gain": gain, "gain_by_bytes": promised}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", choices=("small", "large"))
    parser.add_argument("--threads", type=int,
                        default=min(2, len(os.sched_getaffinity(0))))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--small-predictors", type=pathlib.Path,
                        help="calibrated first unless given")
    parser.add_argument("--large-dtype", choices=("f32", "f16", "bf16"),
                        default="f32")
    parser.add_argument("--large-tokens", type=int, default=16)
    parser.add_argument("--keep", action="store_true",
                        help="leave the large files in build/bench")
    parser.add_argument("--output", type=pathlib.Path)
    options = parser.parse_args()
    now = datetime.datetime.now(datetime.timezone.utc)
    output = options.output or \
        ROOT / f"docs/benchmarks/cpu-{now.date().isoformat()}.json"
    for folder in (OUT, output.parent):
        folder.mkdir(parents=True, exist_ok=True)
    claims = Claims()
    report = {"date": now.isoformat(timespec="seconds"),
              "machine": os.uname().machine, "cpu": cpu_name(),
              "cpus": len(os.sched_getaffinity(0))}
    for name, part in (("small", run_small), ("large", run_large)):
        if options.only in (None, name):
            report[name] = part(options, claims)
    report["claims"] = claims.made
    report["all_claims_hold"] = all(c["holds"] for c in claims.made)
    output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
