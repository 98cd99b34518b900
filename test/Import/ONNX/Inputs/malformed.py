"""Many malformed models, and legal ones that look like them.

    malformed.py FOLDER

writes each into a folder of its own, imports them all, a few at a time, and
says which were not refused, or accepted, as they should be. All cases are here
and in the modules malformed_*.py; the numbers of sections are those of the page
that lists what must be refused, docs/Import.md.
"""
import concurrent.futures
import pathlib
import re
import resource
import shutil
import struct
import subprocess
import sys

from cases import *

REFUSED, ACCEPTED = {}, {}


def refuse(name, message, make):
    """A model that must be refused with one line that has `message`."""
    assert name not in REFUSED and name not in ACCEPTED, name
    REFUSED[name] = (make, message)


def accept(name, make, expected="func.func @main"):
    """A model that must be imported; what is printed has `expected`."""
    assert name not in REFUSED and name not in ACCEPTED, name
    ACCEPTED[name] = (make, expected)


def raw(name, dims, data, dtype=FLOAT):
    result = TensorProto(name=name, data_type=dtype)
    result.dims.extend(dims)
    result.raw_data = data
    return result


def ints(name, values, dims=None, dtype=INT64):
    return helper.make_tensor(name, dtype,
                              [len(values)] if dims is None else dims, values)


def floats(name, dims):
    count = 1
    for dim in dims:
        count *= dim
    return raw(name, dims, b"\0" * 4 * count)


def one(op, inputs=("X",), initializers=(), opset=20, shape=(2, 3), outputs=1,
        domain=None, dtype=FLOAT, **attributes):
    """A model of one node called n."""
    names = ["Y"] + [f"Y{i}" for i in range(1, outputs)]
    result = model([helper.make_node(op, list(inputs), names, "n",
                                     domain=domain, **attributes)],
                   [value("X", shape, dtype)],
                   [helper.make_tensor_value_info("Y", FLOAT, None)],
                   initializers, opset)
    result.graph.output[0].type.Clear()
    result.graph.output[0].type.tensor_type.elem_type = FLOAT
    if domain:
        result.opset_import.append(helper.make_opsetid(domain, 1))
    return result


def without(change, base=None):
    """A good model that `change` spoils."""
    def make(folder):
        result = base(folder) if base else model()
        change(result)
        return result
    return make


def always(result):
    """For cases that need no folder."""
    return lambda folder: result


#===------------------------------------------------------------------------===
# Fields of the wire format, for what the onnx package would not write
#===------------------------------------------------------------------------===

def varint(number):
    number &= (1 << 64) - 1
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def field(number, payload):
    if isinstance(payload, int):
        return varint(number << 3) + varint(payload)
    return varint(number << 3 | 2) + varint(len(payload)) + payload


#===------------------------------------------------------------------------===
# Running
#===------------------------------------------------------------------------===

def run(folder):
    target = folder / "TARGET"
    path = target.read_text() if target.exists() else folder
    return subprocess.run(["dejavu-import-onnx", str(path)], timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def complaint(name, folder):
    """What is wrong with how the case was treated, or nothing."""
    done = run(folder)
    errors = done.stderr.decode(errors="replace")
    if name in ACCEPTED:
        if done.returncode != 0 or errors:
            return f"expected to be accepted: {done.returncode}, {errors}"
        if ACCEPTED[name][1] not in done.stdout.decode():
            return f"expected {ACCEPTED[name][1]!r}, found {done.stdout[:400]}"
        return None
    if done.returncode != 1:
        return f"expected exit code 1, found {done.returncode}, {errors}"
    if done.stdout:
        return "expected no output"
    if not re.fullmatch(r"error: [^\n]+\n", errors):
        return f"expected one line, found {errors!r}"
    if re.search(r"[^\n\x20-\x7e\u00a0-\uffff]", errors) or len(errors) > 2000:
        return f"expected a line that can be printed, found {errors[:400]!r}"
    if REFUSED[name][1] not in errors:
        return f"expected {REFUSED[name][1]!r}, found {errors!r}"
    return None


def main():
    import malformed_files
    import malformed_graphs
    import malformed_nodes
    root = pathlib.Path(sys.argv[1])
    shutil.rmtree(root, ignore_errors=True)
    only = sys.argv[2:]
    cases = {**REFUSED, **ACCEPTED}
    for name, (make, _) in cases.items():
        folder = root / name
        folder.mkdir(parents=True)
        result = make(folder)
        if result is not None:
            save(result, folder)
    # Whatever a file says, it must not make the importer take all memory.
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        names = [name for name in cases if not only or name in only]
        wrong = list(pool.map(lambda name: complaint(name, root / name), names))
    for name, text in zip(names, wrong):
        if text:
            print(f"{name}: {text}")
    print(f"{len(REFUSED)} refused, {len(ACCEPTED)} accepted, "
          f"{sum(map(bool, wrong))} wrong")
    return 1 if any(wrong) else 0


if __name__ == "__main__":
    # The other modules add to these dictionaries, not to copies.
    sys.modules["malformed"] = sys.modules["__main__"]
    sys.exit(main())
