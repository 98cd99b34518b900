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
DEJAVU_CUBLASLT=none they don't. The tools of compute-sanitizer run on small
models that have all families together, with 1 to 9 rows. If "layers" is asked
for, racecheck runs on one row of what has the kernels of a large model's layer,
one family at a time; that takes long.

--checks says which of these to do, and --part divides them among several runs:
beginning a process takes a GPU 0.2 s, however many are begun at a time. Each
result has the seconds it took."""

import argparse
import collections
import datetime
import json
import os
import pathlib
import re
import sys
import tempfile
import time

import numpy as np

from gpu_check import (HERE, Pool, add_options, count_bad, describe_times,
                       device, failure, find_sanitizer, generate,
                       list_results, parse_checks, run)

# By the type of the cache: of a tensor's elements, and of choices that are too
# close to count, both over the greatest magnitude.
TOLERANCES = {"f32": 1e-5, "f16": 1e-2, "bf16": 4e-2}
CLOSE = {"f32": 1e-4, "f16": 1e-2, "bf16": 4e-2}
CHECKS = ("cases", "texts", "sanitizer", "layers")
DEFAULT_CHECKS = CHECKS[:3]
SMALL = 12_000_000  # weights that a model for compute-sanitizer multiplies by
LAYER = "layer"  # the shape whose kernels are a large model's
# These are never launched for one row.
SEVERAL_ROWS = ("dejavu_convert", "dejavu_matrix_linear",
                "dejavu_matrix_row_sum")
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


def stem(kernel):
    """A kernel's name up to the sizes."""
    return re.split(r"_(?=\d)", kernel)[0]


def family(kernel, clusters=()):
    """The family of a kernel by its name: the words before the sizes, and what
    else makes it another kernel than those of other sizes."""
    words = stem(kernel).removeprefix("dejavu_").split("_")
    rest = kernel.removeprefix(stem(kernel)).split("_")
    more = [word for word in ("sparse", "gated", "exact", "atomic", "norm")
            if word in rest]
    return " ".join(words + more + ["cluster"] * (kernel in clusters))


def families(model):
    """All families that a model has, in order."""
    return sorted({family(kernel, model["clusters"])
                   for kernel in model["kernels"]})


def size(model):
    """The weights that one row is multiplied by, in one layer."""
    facts = model["facts"]
    heads = 2 * (facts["heads"] + facts["kv_heads"]) * facts["head_dim"]
    neurons = facts["neurons"] * (3 if facts["gated"] else 2)
    return facts["features"] * (heads + neurons + facts["vocab"])


def choose_covering(models):
    """Few small models that have all families of the small models, and the
    families that each adds."""
    left = {name for model in models for name in families(model)}
    small, chosen = [model for model in models if size(model) <= SMALL], []
    while small:
        best = max(small, key=lambda model: (
            len(left & set(families(model))), -size(model)))
        new = left & set(families(best))
        if not new:
            break
        left -= new
        chosen.append((best, sorted(new)))
    return chosen, sorted(left)


def sanitize(tool, model, prompts, new_tokens, *flags):
    """Generation under a tool of compute-sanitizer."""
    sanitizer = find_sanitizer()
    if not sanitizer:
        return {"skipped": True}
    # Poison initializes everything; initcheck is to see what nobody wrote. The
    # kernels of a library are its own affair, those around it are ours.
    plain = {"DEJAVU_POISON": "0"} if tool == "initcheck" else {}
    if tool != "memcheck":
        plain["DEJAVU_CUBLASLT"] = "none"
    # A ring has more barriers than the tool keeps track of by itself.
    more = ["--num-cuda-barriers", "512"] if tool == "synccheck" else []
    done = run("env", *[f"{k}={v}" for k, v in plain.items()], sanitizer,
               "--tool", tool, *more, *flags, "--error-exitcode", "9",
               f"./{model['name']}", "--prompt-ids", "-", "--max-new-tokens",
               new_tokens, "--ignore-eos", input="\n".join(prompts) + "\n")
    if done.returncode:
        races = [line for line in done.stdout.splitlines()
                 if "Race reported" in line]
        return {**failure(done), "output": done.stdout[-400:],
                **({"races": races[:2]} if races else {})}
    return {"ok": True}


def check_sanitizer(model, tool, batch):
    """A prompt and three steps of some sequences under a tool."""
    prompts = [",".join(map(str, range(1, 3 + row))) for row in range(batch)]
    return sanitize(tool, model, prompts, 4)


def check_layer(model, kernels):
    """Races of kernels of this name in a prompt of one id and a step. All
    others run at full speed, which a large model needs."""
    return sanitize("racecheck", model, ["1"], 2, "--kernel-name",
                    f"kns={kernels}")


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


def check_models(models, pool, checks):
    """All cases and texts of all models: a function that waits for {name:
    results}."""
    futures, report = {}, {}
    for model in models:
        name = model["name"]
        report[name] = {"weights": model["weights"], "cache": model["cache"],
                        "sparsity": model["sparsity"], "cases": {}}
        if "cases" in checks:
            for case in sorted((HERE / "cases" / model["shape"]).glob("*.in")):
                futures[pool.submit(check_case, model, case)] = (
                    report[name]["cases"], case.stem)
        if "texts" in checks:
            futures[pool.submit(check_texts, model)] = (report[name], "texts")

    def wait():
        for future, (place, key) in futures.items():
            place[key] = future.result()
        return report
    return wait


def check_sanitizers(models, pool, part):
    """compute-sanitizer: a function that waits for {model: the families it was
    chosen for, results}, and the families of no small model."""
    chosen, left = choose_covering(models)
    report = {model["name"]: {"families": new} for model, new in chosen}
    wanted = [(model, tool, batch) for model, _ in chosen
              for tool, batches in BATCHES.items() for batch in batches]
    futures = {pool.submit(check_sanitizer, model, tool, batch):
               (model["name"], f"{tool} {batch}")
               for model, tool, batch in wanted[part]}

    def wait():
        for future, (name, key) in futures.items():
            report[name][key] = future.result()
        return report
    return wait, left


def check_layers(models, pool, part):
    """Races in the kernels of a large model's layer, one family at a time: a
    function that waits for {model: {kernels: results}}."""
    large = [model for model in models if model["shape"] == LAYER]
    report = {model["name"]: {} for model in large}
    wanted = [(model, kernels) for model in large
              for kernels in sorted(set(map(stem, model["kernels"])))
              if kernels not in SEVERAL_ROWS]
    futures = {pool.submit(check_layer, model, kernels):
               (model["name"], kernels) for model, kernels in wanted[part]}

    def wait():
        for future, (name, key) in futures.items():
            report[name][key] = future.result()
        return report
    return wait


def parse_part(text):
    """Which of many things are done: those of a slice."""
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal()
            and 1 <= int(number) <= int(count)):
        sys.exit(f"error: --part: expected one like 1/2, found {text}")
    return slice(int(number) - 1, None, int(count))


def print_report(report):
    """What is worth reading first."""
    for name, row in report["families"].items():
        print(f"{name:24}", *(f"{key} {value:.2g}" for key, value in
                              row.items()))
    for part in ("models", "sanitizer", "layers"):
        for name, row in report[part].items():
            if count_bad(row):
                print(f"{part}: {name}: {count_bad(row)} bad")
    for part in ("models", "sanitizer", "layers"):
        results = list_results(report[part])
        if results:
            print(f"{part}: {describe_times(results)}")
    if any("skipped" in each for part in ("sanitizer", "layers")
           for each in list_results(report[part])):
        print("there is no compute-sanitizer here: it was not run")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--json", default="gpu_shapes.json", type=pathlib.Path)
    add_options(parser)
    parser.add_argument("--part", default="1/1", metavar="N/M",
                        help="the Nth of M parts of all this")
    parser.add_argument("--checks", default=",".join(DEFAULT_CHECKS),
                        help=f"some of {','.join(CHECKS)}")
    args = parser.parse_args()
    checks, part = parse_checks(args.checks, CHECKS), parse_part(args.part)
    os.environ["DEJAVU_POISON"] = "1"
    models = [model for model in json.loads(
        (HERE / "models.json").read_text("utf-8"))
        if re.search(args.only, model["name"])]
    report = {"device": device(),
              "date": datetime.datetime.now(datetime.timezone.utc).isoformat(),
              "tolerances": TOLERANCES, "checks": checks, "part": args.part,
              "cublaslt": os.environ.get("DEJAVU_CUBLASLT", "where it is"),
              "families": {}, "sanitizer": {}, "sanitizer_left": []}
    start = time.monotonic()
    with Pool(args.workers, args.seconds) as pool:
        # These take longest.
        waits = {}
        if "layers" in checks:
            waits["layers"] = check_layers(models, pool, part)
        if "sanitizer" in checks:
            waits["sanitizer"], report["sanitizer_left"] = check_sanitizers(
                models, pool, part)
        waits["models"] = check_models(models[part], pool, checks)
        report |= {check: wait() for check, wait in waits.items()}
    report.setdefault("layers", {})
    if "cases" in checks:
        report["families"] = summarize(models[part], report)
    report["seconds"] = round(time.monotonic() - start, 1)
    report["bad"] = count_bad(report) + len(report["sanitizer_left"])
    args.json.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    print_report(report)
    checked = sum(len(list_results(report[check])) for check in
                  ("models", "sanitizer", "layers"))
    print(f"{len(models[part])} models, {checked} results, {report['bad']} bad,"
          f" {report['seconds']} s: {args.json}")
    return 1 if report["bad"] or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
