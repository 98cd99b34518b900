"""Sections 1 to 3 and 7 to 12: files, versions, tensors, data beside them."""
import os
import socket

from malformed import *

GOOD = model().SerializeToString()

# 1. What is no model, or more than one ----------------------------------------

refuse("blank", "found text", always(b"\n\n  \n"))
refuse("lfs_crlf", "Git LFS pointer",
       always(b"version https://git-lfs.github.com/spec/v1\r\noid sha256:0\r\n"))
refuse("empty_zip", "found a zip archive", always(b"PK\x05\x06" + b"\0" * 18))
refuse("gzip", "found gzip data", always(b"\x1f\x8b\x08\0" + b"\0" * 20))
refuse("elf", "found an ELF file", always(b"\x7fELF\x02\x01\x01" + b"\0" * 60))
refuse("gguf", "found a GGUF file", always(b"GGUF\x03\0\0\0" + b"\0" * 16))
refuse("safetensors", "found a safetensors file",
       always(struct.pack("<Q", 2) + b'{"__metadata__":{}}'))
refuse("json", "found text", always(b'{"irVersion": 10, "graph": {}}'))
refuse("prototxt", "found text", always(b'ir_version: 10\ngraph { name: "g" }\n'))
refuse("html_bom", "found an HTML or XML page",
       always(b"\xef\xbb\xbf<html><body>403</body></html>"))
for size in (1, 3, 9, 20, 40, len(GOOD) // 2, len(GOOD) - 1):
    refuse(f"cut_at_{size}", "ONNX model" if size > 1 else "not an ONNX model",
           always(GOOD[:size]))
refuse("zeros_behind", "field number 0 is out of range", always(GOOD + b"\0" * 8))
refuse("text_behind", "byte", always(GOOD + b"trailing garbage\n"))
refuse("lfs_behind", "byte",
       always(GOOD + b"version https://git-lfs.github.com/spec/v1\n"))
refuse("twice", "expected one model, found a second", always(GOOD + GOOD))
refuse("two_versions", "a second ir_version", always(GOOD + field(1, 10)))
refuse("group", "wire type 3 is not in use", always(GOOD + b"\x0b\x0c"))
refuse("version_as_bytes", "wire type 2", always(field(1, b"\x0a") + GOOD[2:]))
refuse("garbage_in_graph", "not a valid ONNX model",
       always(field(1, 10) + field(7, b"\xff\xff\xff\xff\xff")))
refuse("bad_wire_in_node", "not a valid ONNX model",
       always(field(1, 10) + field(7, field(1, b"\x0e\x01"))))
refuse("broken_input", "not well-formed protobuf",
       always(field(1, 10) + field(7, field(11, b"\x0a\x7f"))))
refuse("many_nodes", "more than 2097152 nodes, attributes and tensors",
       always(field(1, 10) + field(7, b"\x0a\0" * (2 << 20))))
refuse("many_names", "MiB that are not tensor data",
       always(field(1, 10) +
              field(7, field(1, b"\x0a\0" * (33 << 20)))))
accept("metadata_json", without(lambda m: m.metadata_props.add(
    key="transformers_export_metadata", value="[" * 100000)))
accept("long_doc", without(lambda m: setattr(m, "doc_string", "x" * (1 << 20))))
accept("multi_device", without(lambda m: m.configuration.add(name="two",
                                                             num_devices=2)))


@lambda make: refuse("fifo_link", "found a pipe", make)
def _(folder):
    os.mkfifo(folder / "pipe")
    (folder / "model.onnx").symlink_to("pipe")


@lambda make: refuse("link_loop", "cannot be opened", make)
def _(folder):
    (folder / "model.onnx").symlink_to("model.onnx")
    (folder / "TARGET").write_text(str(folder / "model.onnx"))


@lambda make: refuse("zero_device", "expected a regular file, found a device",
                     make)
def _(folder):
    (folder / "TARGET").write_text("/dev/zero")


@lambda make: refuse("socket_file", "", make)
def _(folder):
    # A path of a socket is short.
    with socket.socket(socket.AF_UNIX) as sock:
        old = os.getcwd()
        os.chdir(folder)
        sock.bind("model.onnx")
        os.chdir(old)


@lambda make: accept("linked_folder", make)
def _(folder):
    save(at("sub/data.bin"), folder / "real")
    put(folder / "real", "sub/data.bin")
    (folder / "link").symlink_to("real")
    (folder / "TARGET").write_text(str(folder / "link"))


# 2. and 3. Versions -----------------------------------------------------------

for version in (0, -1, 1, 2, 16, 1 << 62):
    refuse(f"ir_version_{version}", "is not supported, expected 3 to 14",
           without(lambda m, v=version: setattr(m, "ir_version", v)))
refuse("next_ir_with_unknown", "field 31 of a graph at byte",
       always(field(1, 15) + field(8, field(2, 20)) +
              field(7, model().graph.SerializeToString() + field(31, 1))))
accept("ir_14", without(lambda m: setattr(m, "ir_version", 14)))
for version in (-1, 29, 999, 1 << 62):
    refuse(f"opset_{version}", "opset",
           without(lambda m, v=version: setattr(m.opset_import[0], "version",
                                                v)))
refuse("microsoft_0", "a positive version of 'com.microsoft', found 0",
       without(lambda m: m.opset_import.append(
           helper.make_opsetid("com.microsoft", 0))))
refuse("both_spellings", "has domain 'ai.onnx' twice",
       without(lambda m: m.opset_import.append(
           helper.make_opsetid("ai.onnx", 20))))
refuse("opset_without_version", "a positive version of 'com.microsoft'",
       without(lambda m: m.opset_import.add(domain="com.microsoft")))
refuse("domain_not_imported", "domain 'com.microsoft' is not in opset_import",
       without(lambda m: setattr(m.graph.node[0], "domain", "com.microsoft")))
accept("ai_onnx_spelled_out",
       without(lambda m: setattr(m.opset_import[0], "domain", "ai.onnx")))


# 7. to 9. Tensors -------------------------------------------------------------

def add(tensor, change=None):
    """Y = X + W, W a tensor."""
    def make(folder):
        result = model([node("Add", ["X", "W"], ["Y"])], [value("X", None)],
                       [value("Y", None)], [tensor], opset=23, ir_version=13)
        if change:
            change(result.graph.initializer[0])
        return result
    return make


def typed(dims, dtype, **fields):
    result = TensorProto(name="W", data_type=dtype)
    result.dims.extend(dims)
    for name, values in fields.items():
        getattr(result, name).extend(values)
    return result


T = TensorProto
for dim in (-1, -(1 << 63)):
    refuse(f"dim_{dim}", f"initializer 'W': expected no negative dimension, "
                         f"found {dim}", add(raw("W", [2, dim], b"")))
refuse("dims_overflow", "does not fit 63 bits",
       add(raw("W", [1 << 31, 1 << 31, 4], b"")))
refuse("dims_overflow_bits", "does not fit 63 bits",
       add(raw("W", [1 << 62, 2], b"", T.INT4)))
refuse("rank_9", "rank of at most 8, found 9", add(raw("W", [1] * 9, b"\0" * 4)))
for name, dtype, dims, size in (("f16", T.FLOAT16, [3], 5),
                                ("bf16", T.BFLOAT16, [3], 7),
                                ("i8", T.INT8, [3], 4), ("bool", T.BOOL, [3], 2),
                                ("f64", T.DOUBLE, [1], 4),
                                ("i4", T.INT4, [3], 1), ("u4", T.UINT4, [4], 4),
                                ("i4_odd", T.INT4, [5], 2),
                                ("i2", T.INT2, [5], 1), ("u2", T.UINT2, [4], 2),
                                ("f8", T.FLOAT8E5M2, [3], 2),
                                ("f4", T.FLOAT4E2M1, [3], 3)):
    refuse(f"raw_{name}", "raw_data: expected", add(raw("W", dims, b"\0" * size,
                                                        dtype)))
refuse("int4_typed", "int32_data: expected 2 elements",
       add(typed([3], T.INT4, int32_data=[1, 2, 3])))
refuse("int4_range", "element 0 does not fit its type",
       add(typed([2], T.INT4, int32_data=[256])))
refuse("half_range", "int32_data: element 1 does not fit its type",
       add(typed([2], T.FLOAT16, int32_data=[1, 65536])))
refuse("uint32_range", "uint64_data: element 0 does not fit its type",
       add(typed([1], T.UINT32, uint64_data=[1 << 32])))
refuse("double_in_float", "found it in float_data",
       add(typed([1], T.DOUBLE, float_data=[1.0])))
refuse("ints_in_int32", "found it in int32_data",
       add(typed([1], INT64, int32_data=[1])))
refuse("floats_short", "expected 12 bytes",
       add(typed([3], FLOAT, float_data=[1, 2])))
refuse("broken_varint", "int64_data: expected",
       always(field(1, 10) + field(8, field(2, 20)) +
              field(7, field(1, field(1, b"W") + field(2, b"Y") +
                             field(4, b"Relu")) +
                    field(5, field(1, 2) + field(2, 7) + field(7, b"\x80\x01") +
                          field(8, b"W")) +
                    field(12, field(1, b"Y")))))
refuse("string_raw", "element type string is not supported",
       add(raw("W", [1], b"x", T.STRING)))
refuse("string_typed", "element type string is not supported",
       add(typed([1], T.STRING, string_data=[b"x"])))
for name, dtype, message in (("0", 0, "is missing"), ("99", 99, "99 is unknown"),
                             ("minus", -1, "-1 is unknown"),
                             ("complex", T.COMPLEX64, "complex64 is not"),
                             ("float6", 27, "float6e2m3 is not"),
                             ("e8m0", T.FLOAT8E8M0, "float8e8m0 is not")):
    refuse(f"type_{name}", f"initializer 'W': element type {message}"
           if dtype else "initializer 'W': element type is missing",
           add(raw("W", [1], b"\0\0\0\0"), lambda t, d=dtype: setattr(
               t, "data_type", d)))
refuse("two_payloads", "expected data in one place",
       add(typed([1], FLOAT, float_data=[1]),
           lambda t: setattr(t, "raw_data", b"1234")))
refuse("segment", "expected a whole tensor, found a segment",
       add(raw("W", [1], b"1234"), lambda t: setattr(t.segment, "end", 1)))
refuse("input_type_99", "graph input 'X': element type 99 is unknown",
       without(lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type",
                                 99)))
refuse("input_sequence", "graph input 'X': expected a tensor type",
       without(lambda m: m.graph.input[0].type.sequence_type.SetInParent() or
               m.graph.input[0].type.ClearField("tensor_type")))
refuse("declared_otherwise", "declared as tensor<3xf32>, but its initializer",
       without(lambda m: m.graph.input.append(value("W", [3])),
               add(raw("W", [2], b"\0" * 8))))
accept("int4_odd", lambda folder: model(
    [node("Cast", ["W"], ["Y"], to=FLOAT)], [], [value("Y", [3])],
    [raw("W", [3], b"\x21\xf3", T.INT4)], 23, 12),
    "dejavu.weight @W : tensor<3xi4>")
accept("uint2", lambda folder: model(
    [node("Cast", ["W"], ["Y"], to=FLOAT)], [], [value("Y", [5])],
    [raw("W", [5], b"\xe4\x03", T.UINT2)], 25, 13),
    "dejavu.weight @W : tensor<5xui2>")
accept("ir_3", lambda folder: model(
    [node("Add", ["X", "W"], ["Y"])], [value("X"), value("W", [3])],
    initializers=[floats("W", [3])], opset=11, ir_version=3), "dejavu.weight @W")


# 10. and 11. Data beside the model --------------------------------------------

DATA = b"\xee" * 64 + struct.pack("<4f", 1, 2, 3, 4)


def put(folder, name="data.bin", data=DATA):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def external(dims=(4,), dtype=FLOAT, name="W", **entries):
    tensor = TensorProto(name=name, data_type=dtype)
    tensor.dims.extend(dims)
    tensor.data_location = TensorProto.EXTERNAL
    for key, text in {"location": "data.bin", **entries}.items():
        if text is not None:
            tensor.external_data.add(key=key, value=text)
    return tensor


def at(location="data.bin", **entries):
    return add(external(location=location,
                        **{"offset": "64", "length": "16", **entries}))(None)


def beside(name, message, **entries):
    """Refused with good data beside it."""
    def make(folder):
        put(folder)
        return at(**entries)
    refuse(name, message, make)


for name, location, message in (
        ("up", "../data.bin", "has a '..' component"),
        ("up_inside", "a/../../data.bin", "has a '..' component"),
        ("up_only", "..", "has a '..' component"),
        ("up_at_end", "data.bin/..", "has a '..' component"),
        ("root", "/data.bin", "is an absolute path"),
        ("two_slashes", "//server/data.bin", "is an absolute path"),
        ("backslashes", "\\\\server\\data.bin", "has a backslash"),
        ("drive_path", "c:/data.bin", "names a drive"),
        ("url", "https://example.com/data.bin", "is a URL"),
        ("file_url", "file:///etc/passwd", "is a URL"),
        ("nul_path", "data.bin\0", "has a NUL character"),
        ("no_path", "", "is empty"),
        ("folder_path", ".", "expected a regular file, found a folder"),
        ("slash_path", "data.bin/", "Not a directory"),
        ("tilde", "~/data.bin", "No such file"),
        ("newline", "data\n.bin", r"'data\x0A.bin'"),
        ("long_path", "a" * 5000, "cannot be opened")):
    beside(f"location_{name}", message, location=location)
for name, text in (("minus", "-4"), ("plus", "+4"), ("hex", "0x40"),
                   ("float", "64.0"), ("empty", ""), ("space", "64 "),
                   ("wrap", str(2**64 - 4)), ("big", str(2**63)),
                   ("digits", "9" * 1000), ("arabic", "\u0666\u0664")):
    beside(f"offset_{name}", "external offset: expected a decimal number",
           offset=text)
    beside(f"length_{name}", "external length: expected a decimal number",
           length=text)
beside("offset_behind", "expected 16 bytes at offset 65", offset="65")
beside("offset_max", "expected 16 bytes at offset", offset=str(2**63 - 1))
beside("length_less", "expected 16 bytes for", length="12")
beside("length_more", "expected 16 bytes for", length="17")
beside("length_zero", "expected 16 bytes for", length="0")
beside("key_case", "unknown key 'Location'", Location="data.bin")
beside("key_basepath", "unknown key 'basepath'", basepath="/")
beside("checksum_bad", "external checksum: expected 40 hexadecimal digits",
       checksum="none")


def refuse_file(name, message):
    return lambda make: refuse(name, message, make)


@refuse_file("hard_link", "has 2 names (hard links)")
def _(folder):
    os.link(put(folder, "elsewhere/secret"), folder / "data.bin")
    return at()


@refuse_file("hard_link_in_attribute", "attribute 'value': external data")
def _(folder):
    os.link(put(folder, "elsewhere/secret"), folder / "data.bin")
    return model([node("Constant", [], ["C"], "c", value=external()),
                  node("Add", ["X", "C"], ["Y"])], [value("X", [4])],
                 [value("Y", [4])])


@refuse_file("path_in_attribute", "node 'c' (ai.onnx::Constant): attribute "
             "'value': external location '../x' has a '..' component")
def _(folder):
    return model([node("Constant", [], ["C"], "c",
                       value=external(location="../x")),
                  node("Add", ["X", "C"], ["Y"])], [value("X", [4])],
                 [value("Y", [4])])


@refuse_file("path_in_sparse", "initializer 'W': sparse tensor: values: "
             "external location '/etc/passwd' is an absolute path")
def _(folder):
    result = model([node("Add", ["X", "W"], ["Y"])], [value("X", [8])],
                   [value("Y", [8])])
    result.graph.sparse_initializer.add(
        values=external(location="/etc/passwd"),
        indices=ints("", [0, 1, 2, 3]), dims=[8])
    return result


@refuse_file("link_away", "is a link that leaves the model's folder")
def _(folder):
    put(folder / "elsewhere")
    (folder / "m").mkdir()
    (folder / "m/data.bin").symlink_to("../elsewhere/data.bin")
    save(at(), folder / "m")
    (folder / "TARGET").write_text(str(folder / "m"))


@refuse_file("blobs_elsewhere", "is a link that leaves the model's folder")
def _(folder):
    put(folder / "blobs")
    (folder / "m").mkdir()
    (folder / "m/data.bin").symlink_to("../blobs/data.bin")
    save(at(), folder / "m")
    (folder / "TARGET").write_text(str(folder / "m"))


@refuse_file("data_loop", "cannot be opened")
def _(folder):
    (folder / "data.bin").symlink_to("data.bin")
    return at()


@refuse_file("data_lfs", "is a Git LFS pointer")
def _(folder):
    put(folder, data=b"version https://git-lfs.github.com/spec/v1\nsize 1\n")
    return at(offset="0")


@refuse_file("overlap_bomb", "in ranges that overlap")
def _(folder):
    put(folder, data=b"\0" * (1 << 20))
    tensors = [external([1 << 17], name=f"W{i}", offset=str(4 * i))
               for i in range(64)]
    nodes = [node("Identity", [t.name], [f"Y{t.name}"]) for t in tensors]
    return model(nodes + [node("Relu", ["X"], ["Y"])], initializers=tensors)


@refuse_file("constant_bomb", "expected no more than 512 MiB of tensors that "
             "are constants")
def _(folder):
    with open(folder / "data.bin", "wb") as data:
        data.truncate(600 << 20)
    return model([node("Cast", ["W"], ["Z"], to=FLOAT),
                  node("Relu", ["X"], ["Y"])],
                 initializers=[external([600 << 20], TensorProto.BOOL)])


def accept_file(name, expected="dejavu.weight @W"):
    return lambda make: accept(name, make, expected)


@accept_file("dots_in_name")
def _(folder):
    put(folder, "foo..bin")
    return at("foo..bin")


@accept_file("dot_slash")
def _(folder):
    put(folder, "sub/..data")
    return at("./sub/./..data")


@accept_file("strange_file_name")
def _(folder):
    put(folder, "%2e%2e \u00e9.bin")
    return at("%2e%2e \u00e9.bin")


@accept_file("checksum")
def _(folder):
    put(folder)
    return at(checksum="0123456789abcdefABCD0123456789abcdefabcd")


@accept_file("offset_leading_zeros")
def _(folder):
    put(folder)
    return at(offset="0064")


@accept_file("several_files", "dejavu.weight @V")
def _(folder):
    put(folder)
    put(folder, "b/c.bin")
    return model([node("Add", ["X", "W"], ["A"]), node("Add", ["A", "V"], ["Y"])],
                 [value("X", [4])], [value("Y", [4])],
                 [external(offset="64"),
                  external(name="V", location="b/c.bin", offset="16")])


@accept_file("tied", "dejavu.load_weight @W : tensor<4xf32>")
def _(folder):
    put(folder)
    names = [f"W{i}" if i else "W" for i in range(200)]
    nodes = [node("Sum", ["X"] + names, ["Y"])]
    return model(nodes, [value("X", [4])], [value("Y", [4])],
                 [external(name=name, offset="64") for name in names])


@accept_file("overlapping", "dejavu.weight @V")
def _(folder):
    put(folder)
    return model([node("Add", ["X", "W"], ["A"]), node("Add", ["A", "V"], ["Y"])],
                 [value("X", [4])], [value("Y", [4])],
                 [external(offset="64"), external(name="V", offset="60")])


@accept_file("cache_of_links")
def _(folder):
    snapshot = folder / "snapshots/0a1b/onnx"
    snapshot.mkdir(parents=True)
    put(folder / "blobs", "aaaa")
    save(at("model.onnx_data"), folder / "blobs", "bbbb")
    (snapshot / "model.onnx").symlink_to("../../../blobs/bbbb")
    (snapshot / "model.onnx_data").symlink_to("../../../blobs/aaaa")
    (folder / "TARGET").write_text(str(folder / "snapshots/0a1b"))


@accept_file("cache_of_data_links")
def _(folder):
    """The model itself is no link, as after a change in place."""
    snapshot = folder / "snapshots/0a1b"
    snapshot.mkdir(parents=True)
    put(folder / "blobs", "aaaa")
    save(at("model.onnx_data"), snapshot)
    (snapshot / "model.onnx_data").symlink_to("../../blobs/aaaa")
    (folder / "TARGET").write_text(str(snapshot))
