#!/usr/bin/env python3
# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes one short report of what gpu_check.py or gpu_shapes.py has written, of
several runs with parts of the checks as well: cases in a row become their number
and the worst distance. What went wrong, or was not done, stays as it is."""

import argparse
import json
import pathlib
import sys


def is_result(value):
    """Whether this is what one check says."""
    return isinstance(value, dict) and "ok" in value


def distance(result):
    """The worst distance of a result that has any; else None."""
    off = result.get("off")
    return max(off.values(), default=0.0) if isinstance(off, dict) else off


def summarize(value):
    """Replaces the good results of a dictionary that have distances."""
    if not isinstance(value, dict) or is_result(value):
        return value
    good = {key: each for key, each in value.items()
            if is_result(each) and each["ok"] and "off" in each}
    rest = {key: summarize(each) for key, each in value.items()
            if key not in good}
    if good:
        rest["good"] = len(good)
        rest["off"] = float(f"{max(map(distance, good.values())):.2g}")
    return {key: each for key, each in rest.items() if each != {}}


def merge(first, second):
    """One dictionary of two; of other values, those of a list all, and else the
    first one's."""
    if isinstance(first, dict) and isinstance(second, dict):
        return {key: merge(first[key], second[key])
                if key in first and key in second
                else first.get(key, second.get(key))
                for key in [*first, *(key for key in second
                                      if key not in first)]}
    if isinstance(first, list) and isinstance(second, list):
        return first + [each for each in second if each not in first]
    return first


def main():
    """The command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("reports", type=pathlib.Path, nargs="+")
    arguments.add_argument("-o", "--output", type=pathlib.Path, required=True)
    options = arguments.parse_args()
    reports = [json.loads(path.read_text("utf-8")) for path in options.reports]
    for report in reports:
        if "device" not in report or "bad" not in report:
            sys.exit("error: a report has no device or no count of bad results")
    whole = reports[0]
    for report in reports[1:]:
        whole = merge(whole, report)
    whole["bad"] = sum(report["bad"] for report in reports)
    whole["seconds"] = round(sum(r.get("seconds", 0) for r in reports), 1)
    options.output.write_text(json.dumps(summarize(whole), indent=1) + "\n",
                              "utf-8")


if __name__ == "__main__":
    main()
