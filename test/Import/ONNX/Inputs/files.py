"""Files that are no models, or only nearly."""
import os

from cases import *


@case
def empty(folder):
    return b""


@case
def html(folder):
    return b"<!DOCTYPE html>\n<html><body>404 Not Found</body></html>\n"


@case
def zipped(folder):
    return b"PK\x03\x04\x14\x00\x00\x00\x08\x00"


@case
def lfs(folder):
    return (b"version https://git-lfs.github.com/spec/v1\n"
            b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
            b"size 12345\n")


@case
def text(folder):
    return b"this is no model\n"


@case
def noise(folder):
    return bytes((i * 37 + 201) % 256 for i in range(4096))


@case
def truncated(folder):
    return model().SerializeToString()[:-40]


@case
def trailing(folder):
    return model().SerializeToString() + b"\xfa\x07\x03abc"


@case
def concatenated(folder):
    return model().SerializeToString() * 2


@case
def two_graphs(folder):
    whole = model().SerializeToString()
    alone = onnx.ModelProto()
    alone.graph.CopyFrom(model().graph)
    return whole + alone.SerializeToString()


@case
def broken_graph(folder):
    # Field 7, the graph, with a byte that is no field.
    return b"\x08\x0a\x3a\x01\x00"


@case
def broken_value(folder):
    # A graph input whose length runs out of the graph.
    return b"\x08\x0a\x3a\x03\x5a\x7f\x00"


@case
def long_number(folder):
    return b"\x08" + b"\xff" * 10 + b"\x01"


@case
def no_graph(folder):
    result = model()
    result.ClearField("graph")
    return result


@case
def no_ir_version(folder):
    result = model()
    result.ClearField("ir_version")
    return result


@case
def old_ir_version(folder):
    return model(ir_version=2)


@case
def new_ir_version(folder):
    return model(ir_version=16)


@case
def next_ir_version(folder):
    return model(ir_version=15)


@case
def no_opset(folder):
    result = model()
    result.ClearField("opset_import")
    return result


@case
def other_opset(folder):
    result = model()
    result.opset_import[0].domain = "com.example"
    return result


@case
def duplicate_opset(folder):
    result = model()
    result.opset_import.append(helper.make_opsetid("ai.onnx", 20))
    return result


@case
def zero_opset(folder):
    return model(opset=0)


@case
def old_opset(folder):
    return model(opset=10)


@case
def new_opset(folder):
    return model(opset=29)


@case
def pipe(folder):
    if not (folder / "model.onnx").exists():
        os.mkfifo(folder / "model.onnx")


@case
def folder_named_model(folder):
    (folder / "model.onnx").mkdir(exist_ok=True)


@case
def without_model(folder):
    pass


@case
def inner(folder):
    save(model(), folder / "onnx")


main()
