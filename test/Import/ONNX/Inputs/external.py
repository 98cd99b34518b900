"""Data beside the model, where it should be and where it should not.

The data of all good models are the floats 1, 2, 3, 4 at offset 64.
"""
import os
import struct

from cases import *

DATA = b"\xee" * 64 + struct.pack("<4f", 1, 2, 3, 4)


def external(entries, inline=b""):
    """A model whose weight W has the given external_data entries."""
    tensor = TensorProto(name="W", data_type=FLOAT)
    tensor.dims.extend([4])
    tensor.data_location = TensorProto.EXTERNAL
    for key, text in entries:
        tensor.external_data.add(key=key, value=text)
    if inline:
        tensor.raw_data = inline
    return model([node("Add", ["X", "W"], ["Y"])], inputs=[value("X", [4])],
                 outputs=[value("Y", [4])], initializers=[tensor])


def at(location="data.bin", offset="64", length="16"):
    return external([("location", location), ("offset", offset),
                     ("length", length)])


def put(folder, name="data.bin", data=DATA):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def good(name, make):
    """Defines a case that has good data beside it."""
    def function(folder):
        put(folder)
        return make()
    CASES[name] = function


@case
def plain(folder):
    put(folder)
    return at()


@case
def below(folder):
    put(folder, "weights/data.bin")
    return at("weights/data.bin")


@case
def dotted(folder):
    put(folder, "foo..bin")
    return at("./foo..bin")


@case
def without_length(folder):
    put(folder)
    return external([("location", "data.bin"), ("offset", "64")])


@case
def link_inside(folder):
    put(folder, "weights/data.bin")
    (folder / "data.bin").symlink_to("weights/data.bin")
    return at()


@case
def cache(folder):
    """The layout of the Hugging Face cache."""
    blobs = folder / "blobs"
    snapshot = folder / "snapshots" / "abc" / "onnx"
    snapshot.mkdir(parents=True)
    put(blobs, "0123")
    save(at("model.onnx_data"), blobs, "4567")
    (snapshot / "model.onnx").symlink_to("../../../blobs/4567")
    (snapshot / "model.onnx_data").symlink_to("../../../blobs/0123")


@case
def missing(folder):
    return at()


@case
def short(folder):
    put(folder, data=DATA[:-1])
    return at()


@case
def pipe(folder):
    os.mkfifo(folder / "data.bin")
    return at()


@case
def device(folder):
    (folder / "data.bin").symlink_to("/dev/zero")
    return at()


@case
def is_folder(folder):
    (folder / "data.bin").mkdir()
    return at()


@case
def link_outside(folder):
    put(folder.parent / "elsewhere")
    (folder / "data.bin").symlink_to("../elsewhere/data.bin")
    return at()


@case
def folder_link_outside(folder):
    put(folder.parent / "elsewhere")
    (folder / "weights").symlink_to("../elsewhere")
    return at("weights/data.bin")


@case
def link_to_sibling(folder):
    """A folder whose name begins with that of the model's folder."""
    put(folder.parent / "link_to_sibling_too")
    (folder / "data.bin").symlink_to("../link_to_sibling_too/data.bin")
    return at()


@case
def both(folder):
    put(folder)
    return external([("location", "data.bin"), ("offset", "64")], b"\0" * 16)


@case
def unexpected(folder):
    put(folder)
    result = at()
    result.graph.initializer[0].data_location = TensorProto.DEFAULT
    return result


good("parent", lambda: at("../plain/data.bin"))
good("inner_parent", lambda: at("weights/../data.bin"))
good("absolute", lambda: at("/etc/hostname"))
good("backslash", lambda: at("..\\data.bin"))
good("drive", lambda: at("C:data.bin"))
good("nul", lambda: at("data.bin\0.txt"))
good("no_location", lambda: external([("offset", "64")]))
good("empty_location", lambda: at(""))
good("offset_negative", lambda: at(offset="-4"))
good("offset_hex", lambda: at(offset="0x40"))
good("offset_empty", lambda: at(offset=""))
good("offset_spaced", lambda: at(offset=" 64"))
good("offset_overflow", lambda: at(offset="18446744073709551680"))
good("offset_large", lambda: at(offset="9223372036854775807"))
good("offset_at_end", lambda: at(offset="80"))
good("length_negative", lambda: at(length="-16"))
good("length_text", lambda: at(length="16z"))
good("length_wrong", lambda: at(length="12"))
good("length_overflow", lambda: at(length="9223372036854775808"))
good("key_unknown", lambda: external([("location", "data.bin"),
                                      ("basepath", "/")]))
good("key_twice", lambda: external([("location", "data.bin"),
                                    ("location", "model.onnx")]))

main()
