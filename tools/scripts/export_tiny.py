#!/usr/bin/env python3
# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Exports a tiny random model of a family with one of the ONNX exporters, and
records golden cases.

Usage: export_tiny.py --family qwen3 --exporter dynamo --opset 20 -o FOLDER
       export_tiny.py --list

FOLDER then holds model.onnx, case.json (exporter, versions, inputs, outputs,
operators, and by how much ONNX Runtime differs from PyTorch) and the cases as
NAME.npz, with `in.*` and `out.*` by the names of the model: what dejavu-run
takes. Outputs are those of PyTorch in float32, or of ONNX Runtime where
case.json says so. The same arguments give the same weights and inputs.

Exporters: `dynamo` (torch.onnx as torch has it by default), `legacy`
(TorchScript), `optimum` (optimum-onnx; it wants an older transformers),
`transformers` (transformers.exporters; -fused with the operators of ONNX
Runtime), `genai-*` (the builder of onnxruntime-genai) and `mobius` (-fused
likewise). Those from genai- on ignore --opset.

Needs torch >= 2.9, transformers >= 4.56, onnx, onnxscript and onnxruntime, and
the package of the exporter; dejavu itself needs none of them."""

import argparse
import collections
import json
import pathlib
import sys

try:
    import numpy as np
    import onnx
    import onnxruntime
    import torch
    import transformers
except ModuleNotFoundError as error:
    sys.exit(f"error: {error.name} is missing: pip install torch transformers"
             " onnx onnxscript onnxruntime")

import tiny_cases
import tiny_checkpoints
import tiny_models


def export_dynamo(wrapped, feed, path, opset):
    """torch.onnx.export as torch has it by default."""
    shapes = tuple({axis: torch.export.Dim.DYNAMIC
                    for axis in wrapped.axes[name]} for name in wrapped.names)
    torch.onnx.export(
        wrapped, tuple(feed.values()), str(path), dynamo=True,
        opset_version=opset, external_data=False, input_names=wrapped.names,
        output_names=wrapped.results, dynamic_shapes=(shapes,), verbose=False)


def export_legacy(wrapped, feed, path, opset):
    """torch.onnx.export by TorchScript."""
    torch.onnx.export(
        wrapped, tuple(feed.values()), str(path), dynamo=False,
        opset_version=opset, input_names=wrapped.names,
        output_names=wrapped.results, dynamic_axes=wrapped.axes)


def genai(precision, *options):
    """The builder of onnxruntime-genai; it chooses the opset itself."""
    return lambda wrapped, feed, path, opset: tiny_checkpoints.export_genai(
        wrapped, path, precision, options)


def mobius(provider):
    """mobius; it chooses the opset itself."""
    return lambda wrapped, feed, path, opset: tiny_checkpoints.export_mobius(
        wrapped, path, provider)


def optimum(wrapped, feed, path, opset):
    """optimum-onnx: a decoder with its cache, or an encoder."""
    task = ("text-generation-with-past"
            if isinstance(wrapped, tiny_cases.Decoder) else
            "feature-extraction")
    tiny_checkpoints.export_optimum(wrapped, path, opset, task)


def hub(fusions):
    """transformers.exporters, with the fused operators of a provider."""
    return lambda wrapped, feed, path, opset: (
        tiny_checkpoints.export_transformers(wrapped, feed, path, opset,
                                             fusions))


FLOATS = ("accuracy_level=1", "block_size=16")  # activations stay float32
EXPORTERS = {
    "dynamo": export_dynamo, "legacy": export_legacy, "optimum": optimum,
    "transformers": hub(None), "transformers-fused": hub("cpu"),
    "genai-fp32": genai("fp32"),
    "genai-int4": genai("int4", *FLOATS),
    "genai-int4-zeropoints": genai("int4", *FLOATS, "is_symmetric=false"),
    "genai-int8": genai("int8", *FLOATS),
    "mobius": mobius("default"), "mobius-fused": mobius("cpu")}
REBUILT = ("genai", "mobius")
# GroupQueryAttention knows no padding at the left, and takes several tokens
# after a past only for one prompt.
UNPADDED = ("genai", "mobius-fused")


def anonymous(path):
    """Takes out where on this machine the lines of the model's source are."""
    model = onnx.load(path)
    model.graph.name = pathlib.Path(model.graph.name).name
    for node in model.graph.node:
        node.doc_string = ""
        kept = [prop for prop in node.metadata_props
                if not prop.key.endswith("stack_trace")]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
    onnx.save(model, path)


def arrays(tensors):
    """torch tensors by name as numpy arrays."""
    return {name: value.detach().numpy() for name, value in tensors.items()}


def session_of(path):
    """ONNX Runtime without its rewrites, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options,
                                        providers=["CPUExecutionProvider"])


def spelled(wrapped, exporter):
    """{name of Wrapped: name in the model}."""
    names = {name: name for name in wrapped.names + wrapped.results}
    if exporter.startswith("transformers"):
        for name in names:
            names[name] = tiny_checkpoints.transformers_name(
                name, name in wrapped.names)
    return names


def record(folder, wrapped, about, golden, names):
    """Writes the cases and case.json; compares with ONNX Runtime. Of an
    exporter that builds the graph anew (with weights of few bits, without the
    window of the model, with positions that know no padding, or with outputs of
    its own), what ONNX Runtime makes of its file is the golden; a case that
    ONNX Runtime cannot run is left out."""
    model = onnx.load(folder / "model.onnx", load_external_data=False)
    operators = collections.Counter(
        (f"{node.domain}." if node.domain else "") + node.op_type
        for node in model.graph.node)
    inputs = [value.name for value in model.graph.input]
    outputs = [value.name for value in model.graph.output]
    rebuilt = about["exporter"].startswith(REBUILT) or (
        "position_ids" in wrapped.names and "position_ids" not in inputs) or (
        not {names[name] for name in wrapped.results}.issuperset(outputs))
    worst, failures = 0.0, []
    try:
        session = session_of(folder / "model.onnx")
    except Exception as error:  # of onnxruntime's own kinds
        session, failures = None, [str(error)[:500]]
        if rebuilt:
            raise
    for name, feed, made in golden:
        feed = {names[k]: v for k, v in arrays(feed).items()}
        made = {names[k]: v for k, v in arrays(made).items()}
        if "token_type_ids" in inputs:  # what models take them for by default
            feed["token_type_ids"] = np.zeros_like(feed["input_ids"])
        for key, value in made.items():
            if not np.isfinite(value).all():
                raise ValueError(f"{name}: {key} is not finite")
        missing = [key for key in inputs if key not in feed]
        if missing:
            raise ValueError(f"the model has other inputs: {missing}")
        feed = {key: feed[key] for key in inputs}
        got = None
        if session:
            try:
                got = dict(zip(outputs, session.run(outputs, feed)))
            except Exception as error:
                failures.append(f"{name}: {str(error)[:500]}")
        for key in outputs if got else ():
            if key not in made:
                continue
            value = made[key]
            if got[key].shape != value.shape:
                failures.append(f"{name}: {key}: shape {got[key].shape},"
                                f" expected {value.shape}")
                continue
            if value.size:
                worst = max(worst, float(abs(got[key] - value).max()))
            if not rebuilt and not np.allclose(got[key], value, 1e-4, 1e-4):
                failures.append(f"{name}: {key}: ONNX Runtime differs by"
                                f" {float(abs(got[key] - value).max()):.3g}")
        if rebuilt and not got:
            continue  # `failures` says why
        np.savez(folder / f"{name}.npz",
                 **{f"in.{k}": v for k, v in feed.items()},
                 **{f"out.{k}": v
                    for k, v in (got if rebuilt else made).items()})
    if not list(folder.glob("*.npz")):
        raise ValueError("ONNX Runtime runs no case: " + failures[0])
    versions = {"torch": torch.__version__,
                "transformers": transformers.__version__,
                "onnxruntime": onnxruntime.__version__}
    case = {**about, **versions, "inputs": inputs, "outputs": outputs,
            "golden": "ONNX Runtime" if rebuilt else "PyTorch",
            "opsets": {o.domain: o.version for o in model.opset_import},
            "ops": dict(operators), "functions": len(model.functions),
            "cases": sorted(p.stem for p in folder.glob("*.npz")),
            "ort_max_abs_diff": worst, "ort_failures": failures}
    (folder / "case.json").write_text(json.dumps(case, indent=1) + "\n",
                                      encoding="utf-8")
    return case


def export(arguments):
    """One export; what case.json says."""
    family = tiny_models.FAMILIES[arguments.family]
    model = tiny_models.build(family, arguments.attention, arguments.shrink)
    wrapped = tiny_cases.wrap(model, family).eval()
    golden = list(tiny_cases.cases(
        wrapped, padded=not arguments.exporter.startswith(UNPADDED)))
    folder = arguments.output
    folder.mkdir(parents=True, exist_ok=True)
    # The last case has several rows, several tokens and a past: nothing in it
    # is 0 or 1, which exporters take for constants.
    feed = golden[-1][1]
    with torch.no_grad():
        EXPORTERS[arguments.exporter](wrapped, feed, folder / "model.onnx",
                                      arguments.opset)
    anonymous(folder / "model.onnx")
    about = {"model": arguments.family, "exporter":
             f"{arguments.exporter}-opset{arguments.opset}",
             "attention": model.config._attn_implementation}
    return record(folder, wrapped, about, golden,
                  spelled(wrapped, arguments.exporter))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--family", choices=tiny_models.FAMILIES,
                        metavar="NAME")
    parser.add_argument("--exporter", choices=EXPORTERS, default="dynamo")
    parser.add_argument("--opset", type=int, default=20)
    parser.add_argument("--attention", choices=("sdpa", "eager"),
                        help="how transformers computes it; by default as it"
                        " likes")
    parser.add_argument("--shrink", action="store_true",
                        help="half the width and half the vocabulary")
    parser.add_argument("--list", action="store_true",
                        help="print the families")
    parser.add_argument("-o", "--output", type=pathlib.Path, metavar="FOLDER")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(tiny_models.FAMILIES))
        return
    if not arguments.family or not arguments.output:
        sys.exit("error: expected --family NAME and -o FOLDER, or --list")
    case = export(arguments)
    print(f"{arguments.output}: ONNX Runtime differs by"
          f" {case['ort_max_abs_diff']:.2g}", *case["ort_failures"], sep="\n")


if __name__ == "__main__":
    main()
