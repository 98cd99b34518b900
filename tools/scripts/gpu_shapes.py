#!/usr/bin/env python3
# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks on a machine with a GPU what gpu_shapes_pack.py has packed: every
family of kernels in awkward shapes against the reference interpreter; run it in
the unpacked folder. Needs numpy and the driver; compute-sanitizer where there is
one. Exit code 1 if anything is wrong; all figures go to a JSON file.

Workspace and logits are poisoned before each step, and the cache before the
first (DEJAVU_POISON). A distance is that of the worst element over the greatest
magnitude of its tensor. Weights are exact in every type, so tolerances are those
of a cache in that type. Prompts take cuBLASLt where it is found; with
DEJAVU_CUBLASLT=none they don't. The tools of compute-sanitizer run on small models that
have all families together, with 1 to 9 rows."""

import argparse
import collections
import concurrent.futures
import datetime
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
import time

import numpy as np

from gpu_check import (HERE, count_bad, device, failure, generate, run)

# By the type of the cache: of a tensor's elements, and of choices that are too
# close to count, both over the greatest magnitude.
TOLERANCES = {"f32": 1e-5, "f16": 1e-2, "bf16": 4e-2}
CLOSE = {"f32": 1e-4, "f16": 1e-2, "bf16": 4e-2}
WORKERS = 12
SMALL = 300_000  # elements of a matrix, of a model for compute-sanitizer
# For the kernels of 1, 2, 4 and 8 rows.
BATCHES = {"memcheck": (1, 2, 3, 9), "racecheck": (1, 2, 3, 9),
           "initcheck": (1, 9), "synccheck": (1, 9)}
# Tags of safetensors, and what numpy calls them.
TYPES = {"F32": np.float32, "I64": np.int64, "I32": np.int32}


def read_tensors(path):
    """The arrays of a safetensors file, by name."""
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    arrays = {}
    for name, facts in json.loads(data[8:end]).items():
        if name == "__metadata__":
            continue
        first, last = facts["data_offsets"]
        arrays[name] = np.frombuffer(data[end + first:end + last],
                                     TYPES[facts["dtype"]]
                                     ).reshape(facts["shape"])
    return arrays


def compare_tensors(found, wanted, tolerance):
    """The worst distance, over all tensors. NaN is in no tolerance."""
    if found.keys() != wanted.keys():
        return {"ok": False, "error": f"found {sorted(found)}"}
    worst = {}
    for name, want in wanted.items():
        mine = found[name]
        if mine.shape != want.shape:
            return {"ok": False, "error": f"{name}: {mine.shape}"}
        if want.size:
            want = want.astype(np.float64)
            worst[name] = float(np.abs(mine - want).max()
                                / max(np.abs(want).max(), 1e-9))
    bad = {name: value for name, value in worst.items()
           if not value <= tolerance}
    return {"ok": bool(worst) and not bad,
            "off": max(worst.values(), default=0.0),
            **({"bad": bad} if bad else {})}


def check_case(model, case):
    """One case of one model; `case` is the path of its inputs."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder, "out")
        done = run(f"./{model['name']}", "--run-case", case, "--output", out)
        if done.returncode:
            return failure(done)
        return compare_tensors(read_tensors(out),
                               read_tensors(case.with_suffix(".out")),
                               TOLERANCES[model["cache"]])


def sure_ids(text, least):
    """The ids of a text before the first close choice."""
    for number, margin in enumerate(text["margins"]):
        if margin < least:
            return text["ids"][:number]
    return text["ids"]


def check_texts(model):
    """Greedy ids, each prompt alone and all in one batch, as far as none was a
    close choice."""
    texts = model["texts"]
    prompts = [",".join(map(str, text["prompt"])) for text in texts]
    sure = [sure_ids(text, CLOSE[model["cache"]]) for text in texts]
    most = str(max(map(len, sure)))
    found = []
    for group in [prompts, *([prompt] for prompt in prompts)]:
        done = generate(model["name"], group, most)
        if done.returncode:
            return failure(done)
        found += done.stdout.split()
    wanted = sure * 2
    differences = []
    for number, (line, want) in enumerate(zip(found, wanted)):
        mine = [int(i) for i in line.split(",")][:len(want)]
        if mine != want:
            differences.append({"text": number, "found": mine,
                                "expected": want})
    return {"ok": len(found) == len(wanted) and not differences,
            "ids": sum(map(len, wanted)),
            **({"differences": differences} if differences else {})}


def family(kernel):
    """The family of a kernel by its name: the words before the sizes, and
    whether it is sparse or gated."""
    words = kernel.removeprefix("dejavu_").split("_")
    stem = []
    for word in words:
        if re.match(r"\d", word):
            break
        stem.append(word)
    return " ".join(stem + [word for word in ("sparse", "gated")
                            if word in words[len(stem):]])


def families(model):
    """All families that a model has, in order."""
    return sorted({family(kernel) for kernel in model["kernels"]})


def is_small(model):
    """Whether compute-sanitizer gets done with it."""
    facts = model["facts"]
    return facts["features"] * facts["neurons"] <= SMALL


def choose_covering(models):
    """Few small models that have all families of the small models, and the
    families that each adds."""
    left = {name for model in models for name in families(model)}
    small, chosen = [model for model in models if is_small(model)], []
    while small:
        best = max(small, key=lambda model: len(left & set(families(model))))
        new = left & set(families(best))
        if not new:
            break
        left -= new
        chosen.append((best, sorted(new)))
    return chosen, sorted(left)


def check_sanitizer(model, tool, batch):
    """A prompt and three steps of some sequences under a tool."""
    sanitizer = shutil.which("compute-sanitizer") or shutil.which(
        "compute-sanitizer", path="/usr/local/cuda/bin")
    if not sanitizer:
        return {"skipped": True}
    prompts = [",".join(map(str, range(1, 3 + row))) for row in range(batch)]
    # Poison initializes everything; initcheck is to see what nobody wrote. The
    # kernels of a library are its own affair, those around it are ours.
    plain = {"DEJAVU_POISON": "0"} if tool == "initcheck" else {}
    if tool != "memcheck":
        plain["DEJAVU_CUBLASLT"] = "none"
    # A ring has more barriers than the tool keeps track of by itself.
    more = ["--num-cuda-barriers", "512"] if tool == "synccheck" else []
    done = run("env", *[f"{k}={v}" for k, v in plain.items()], sanitizer,
               "--tool", tool, *more, "--error-exitcode", "9",
               f"./{model['name']}",
               "--prompt-ids", "-", "--max-new-tokens", "4", "--ignore-eos",
               input="\n".join(prompts) + "\n")
    if done.returncode:
        return {**failure(done), "output": done.stdout[-400:]}
    return {"ok": True}


def summarize(models, report):
    """The worst distance of each family, by kind of weights, and how many
    models have it."""
    table = collections.defaultdict(lambda: {"models": 0})
    for model in models:
        cases = report["models"][model["name"]]["cases"].values()
        worst = max((case.get("off", float("inf")) for case in cases),
                    default=float("inf"))
        for name in families(model):
            row = table[name]
            row["models"] += 1
            row[model["weights"]] = max(row.get(model["weights"], 0.0), worst)
    return dict(sorted(table.items()))


class Pool(concurrent.futures.ThreadPoolExecutor):
    """Begins nothing after some seconds."""

    def __init__(self, workers, seconds):
        super().__init__(workers)
        self.end = time.monotonic() + seconds

    def submit(self, function, *args):
        return super().submit(self.begin, function, *args)

    def begin(self, function, *args):
        if time.monotonic() > self.end:
            return {"ok": False, "error": "no time was left"}
        return function(*args)


def check_models(models, pool):
    """All cases and texts of all models: a function that waits for {name:
    results}."""
    futures, report = {}, {}
    for model in models:
        name = model["name"]
        report[name] = {"weights": model["weights"], "cache": model["cache"],
                        "sparsity": model["sparsity"], "cases": {}}
        for case in sorted((HERE / "cases" / model["shape"]).glob("*.in")):
            futures[pool.submit(check_case, model, case)] = (
                report[name]["cases"], case.stem)
        futures[pool.submit(check_texts, model)] = (report[name], "texts")

    def wait():
        for future, (place, key) in futures.items():
            place[key] = future.result()
        return report
    return wait


def check_sanitizers(models, pool):
    """compute-sanitizer: a function that waits for {model: the families it was
    chosen for, results}, and the families of no small model."""
    chosen, left = choose_covering(models)
    futures, report = {}, {}
    for model, new in chosen:
        report[model["name"]] = {"families": new}
        for tool, batches in BATCHES.items():
            for batch in batches:
                futures[pool.submit(check_sanitizer, model, tool, batch)] = (
                    model["name"], f"{tool} {batch}")

    def wait():
        for future, (name, key) in futures.items():
            report[name][key] = future.result()
        return report
    return wait, left


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--json", default="gpu_shapes.json", type=pathlib.Path)
    parser.add_argument("--workers", type=int, default=WORKERS,
                        help="processes at a time")
    parser.add_argument("--seconds", type=float, default=1e9,
                        help="begin nothing after these")
    parser.add_argument("--only", default="",
                        help="models whose name has this (a pattern)")
    args = parser.parse_args()
    os.environ["DEJAVU_POISON"] = "1"
    models = [model for model in json.loads(
        (HERE / "models.json").read_text("utf-8"))
        if re.search(args.only, model["name"])]
    report = {"device": device(),
              "date": datetime.datetime.now(datetime.timezone.utc).isoformat(),
              "tolerances": TOLERANCES,
              "cublaslt": os.environ.get("DEJAVU_CUBLASLT", "where it is")}
    with Pool(args.workers, args.seconds) as pool:
        # These take longest.
        sanitizers, report["sanitizer_left"] = check_sanitizers(models, pool)
        report["models"] = check_models(models, pool)()
        report["families"] = summarize(models, report)
        report["sanitizer"] = sanitizers()
    report["bad"] = count_bad(report) + len(report["sanitizer_left"])
    args.json.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    for name, row in report["families"].items():
        print(f"{name:24}", *(f"{key} {value:.2g}" for key, value in
                              row.items()))
    for name, row in report["models"].items():
        if count_bad(row):
            print(f"{name}: {count_bad(row)} bad")
    if any("skipped" in result for row in report["sanitizer"].values()
           for result in row.values()):
        print("there is no compute-sanitizer here: it was not run")
    checked = sum(len(row["cases"]) for row in report["models"].values())
    print(f"{len(models)} models, {checked} cases, {report['bad']} bad:"
          f" {args.json}")
    return 1 if report["bad"] or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
