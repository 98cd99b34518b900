# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`make bench`: `dejavu bench` on the model of the repository, dense and exact,
as one JSON file with the machine and the date."""

import datetime
import json
import pathlib
import platform
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "build/bench"


def cpu_name():
    """As the kernel has it."""
    for line in pathlib.Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    results = {"date": datetime.datetime.now(datetime.timezone.utc)
               .isoformat(timespec="seconds"), "cpu": cpu_name(), "runs": {}}
    for dtype in ("f32", "f16", "bf16"):
        for sparsity in ("dense", "exact"):
            name = f"{sparsity}-{dtype}"
            program, file = OUT / name, OUT / "one.json"
            print(f"== {name}", flush=True)
            for command in (
                    [ROOT / "build/bin/dejavu-compile",
                     ROOT / "build/models/opt-docs-7m", "-o", program,
                     "--sparsity", sparsity, "--weights", dtype],
                    [program, "--bench", "--json", file]):
                if subprocess.run(command, check=False).returncode != 0:
                    return 1
            results["runs"][name] = json.loads(file.read_text("utf-8"))
    (OUT / "bench.json").write_text(json.dumps(results, indent=1) + "\n",
                                    encoding="utf-8")
    print(f"wrote {(OUT / 'bench.json').relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
