//===- Manifest.cpp - what an executable says about itself ----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lowering leaves most of the manifest as an attribute of the module; the rest
// is the signature, the weights, and what belongs to this compilation.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Target/Package/Manifest.h"

#include "dejavu/Conversion/DejavuToCPU/Passes.h"
#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "dejavu/Support/ModelDigest.h"
#include "dejavu/Support/ToolOutput.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

#include "DType.h"

using namespace mlir;
using namespace mlir::dejavu;
namespace json = llvm::json;
namespace path = llvm::sys::path;

/// UTF-8 text; names in files may hold anything.
static std::string toText(StringRef text) {
  return json::isUTF8(text) ? text.str() : json::fixUTF8(text);
}

static json::Value toJSON(Attribute attribute) {
  return llvm::TypeSwitch<Attribute, json::Value>(attribute)
      .Case([](BoolAttr value) { return json::Value(value.getValue()); })
      .Case([](IntegerAttr value) { return json::Value(value.getInt()); })
      .Case(
          [](FloatAttr value) { return json::Value(value.getValueAsDouble()); })
      .Case([](StringAttr value) {
        return json::Value(toText(value.getValue()));
      })
      .Case([](ArrayAttr value) {
        json::Array array;
        for (Attribute each : value)
          array.push_back(toJSON(each));
        return json::Value(std::move(array));
      })
      .Case([](DictionaryAttr value) {
        json::Object object;
        for (NamedAttribute each : value)
          object[toText(each.getName().getValue())] = toJSON(each.getValue());
        return json::Value(std::move(object));
      })
      .Default([](Attribute) { return json::Value(nullptr); });
}

/// The bindings of the signature. `tensors` says more about those of a model
/// without a cache.
static json::Array bindingsToJSON(ArrayAttr bindings, ArrayAttr tensors) {
  json::Array array;
  for (auto [i, binding] :
       llvm::enumerate(bindings.getAsRange<BindingAttr>())) {
    json::Object object{{"name", toText(binding.getName())},
                        {"role", stringifyRole(binding.getRole()).str()}};
    if (binding.getRole() == Role::key || binding.getRole() == Role::value)
      object["layer"] = binding.getLayer();
    if (binding.getRole() == Role::plain && tensors) {
      auto tensor = cast<DictionaryAttr>(tensors[i]);
      auto type =
          cast<RankedTensorType>(tensor.getAs<TypeAttr>("type").getValue());
      object["dtype"] = nameDType(type.getElementType());
      object["shape"] = toJSON(tensor.get("dims"));
    }
    array.push_back(std::move(object));
  }
  return array;
}

/// Whether the weights are made by formulas, and there is no model's folder.
static bool isSynthetic(ModuleOp module) {
  return module->hasAttrOfType<StringAttr>(DejavuDialect::kSyntheticAttrName);
}

static StringRef getSource(ModuleOp module) {
  auto source =
      module->getAttrOfType<StringAttr>(DejavuDialect::kSourceAttrName);
  return source ? source.getValue() : StringRef();
}

/// The absolute folder of the model.
static SmallString<128> getModelFolder(ModuleOp module) {
  SmallString<128> file(getSource(module));
  (void)llvm::sys::fs::make_absolute(file);
  path::remove_dots(file, /*remove_dot_dot=*/true);
  path::remove_filename(file);
  return file;
}

/// The name of a model: that of its folder, where `onnx` is no name.
static std::string getModelName(ModuleOp module) {
  if (isSynthetic(module))
    return module->getAttrOfType<StringAttr>(DejavuDialect::kSyntheticAttrName)
        .str();
  SmallString<128> folder = getModelFolder(module);
  if (path::filename(folder) == "onnx")
    path::remove_filename(folder);
  StringRef name = path::filename(folder);
  return name.empty() || name == "/" ? path::stem(getSource(module)).str()
                                     : name.str();
}

int64_t dejavu::getPositionLimit(ModuleOp module) {
  auto manifest = module->getAttrOfType<DictionaryAttr>(kManifestAttrName);
  auto limit =
      manifest ? manifest.getAs<IntegerAttr>("position_limit") : IntegerAttr();
  return limit ? limit.getInt() : 0;
}

//===----------------------------------------------------------------------===//
// End-of-sequence ids
//===----------------------------------------------------------------------===//

/// The ids in the file at `file`; none if it has no such field, failure with a
/// message if it is not what it should be.
static llvm::Expected<std::vector<int64_t>> readEosIds(StringRef file) {
  auto buffer = llvm::MemoryBuffer::getFile(file, /*IsText=*/true);
  if (!buffer)
    return llvm::createStringError(buffer.getError().message());
  auto parsed = json::parse((*buffer)->getBuffer());
  if (!parsed)
    return parsed.takeError();
  std::vector<int64_t> ids;
  const json::Object *object = parsed->getAsObject();
  const json::Value *field = object ? object->get("eos_token_id") : nullptr;
  if (!field || field->getAsNull())
    return ids;
  auto add = [&](const json::Value &value) -> llvm::Error {
    std::optional<int64_t> id = value.getAsInteger();
    if (!id || *id < 0)
      return llvm::createStringError(
          "expected eos_token_id to be an id or a list of ids");
    ids.push_back(*id);
    return llvm::Error::success();
  };
  if (const json::Array *array = field->getAsArray()) {
    for (const json::Value &value : *array)
      if (llvm::Error error = add(value))
        return error;
  } else if (llvm::Error error = add(*field)) {
    return error;
  }
  return ids;
}

FailureOr<std::vector<int64_t>> dejavu::findEosIds(ModuleOp module) {
  if (isSynthetic(module))
    return std::vector<int64_t>();
  SmallString<128> folder = getModelFolder(module);
  SmallString<128> parent(path::parent_path(folder));
  for (StringRef name : {"generation_config.json", "config.json"}) {
    for (StringRef place : {StringRef(folder), StringRef(parent)}) {
      SmallString<128> file(place);
      path::append(file, name);
      if (!llvm::sys::fs::is_regular_file(file))
        continue;
      llvm::Expected<std::vector<int64_t>> ids = readEosIds(file);
      if (!ids)
        return emitError(FileLineColLoc::get(module.getContext(), file, 0, 0))
               << llvm::toString(ids.takeError());
      if (!ids->empty())
        return *ids;
    }
  }
  return std::vector<int64_t>();
}

int64_t dejavu::findTrainedContext(ModuleOp module) {
  if (isSynthetic(module))
    return 0;
  SmallString<128> folder = getModelFolder(module);
  for (StringRef place : {StringRef(folder), path::parent_path(folder)}) {
    SmallString<128> file(place);
    path::append(file, "config.json");
    auto buffer = llvm::MemoryBuffer::getFile(file, /*IsText=*/true);
    if (!buffer)
      continue;
    llvm::Expected<json::Value> parsed = json::parse((*buffer)->getBuffer());
    if (!parsed) { // an error where the file is needed: findEosIds
      llvm::consumeError(parsed.takeError());
      continue;
    }
    if (const json::Object *object = parsed->getAsObject())
      if (auto length = object->getInteger("max_position_embeddings");
          length && *length > 0)
        return *length;
  }
  return 0;
}

//===----------------------------------------------------------------------===//
// The manifest
//===----------------------------------------------------------------------===//

FailureOr<std::string> dejavu::makeManifest(ModuleOp module,
                                            const ManifestConfig &config) {
  auto known = module->getAttrOfType<DictionaryAttr>(kManifestAttrName);
  auto signatures = llvm::to_vector(module.getOps<SignatureOp>());
  if (!known || signatures.size() != 1)
    return module.emitError() << "expected the attribute " << kManifestAttrName
                              << " and one dejavu.signature, as lowering "
                                 "leaves them";
  SignatureOp signature = signatures.front();
  auto inputs = known.getAs<ArrayAttr>("inputs"),
       outputs = known.getAs<ArrayAttr>("outputs");
  bool isForward = inputs != nullptr;
  if (isForward && (inputs.size() != signature.getInputs().size() ||
                    outputs.size() != signature.getOutputs().size()))
    return signature.emitOpError()
           << "expected the inputs and outputs of @forward";

  json::Value value = toJSON(known);
  json::Object &manifest = *value.getAsObject();
  manifest["format"] = 1;
  manifest["compiler"] = ("dejavu " + getVersion()).str();
  manifest["target"] = config.cuda ? "cuda" : "cpu";
  if (config.cuda)
    manifest["cuda"] = json::Object(*config.cuda);
  SmallVector<WeightOp> used;
  for (auto weight : module.getOps<WeightOp>())
    if (!weight.isPrivate()) // scales that only recipes read
      used.push_back(weight);
  FailureOr<std::string> digest = computeModelDigest(module, used);
  if (failed(digest))
    return failure();
  manifest["model"] =
      json::Object{{"name", toText(getModelName(module))},
                   {"source", isSynthetic(module)
                                  ? "synthetic"
                                  : toText(path::filename(getSource(module)))},
                   {"digest", *digest}};
  manifest["cpu"] = json::Object{{"name", config.cpuName},
                                 {"features", json::Array(config.cpuFeatures)}};
  manifest.erase("inputs");
  manifest.erase("outputs");
  if (!isForward) {
    FailureOr<std::vector<int64_t>> eos = findEosIds(module);
    if (failed(eos))
      return failure();
    manifest["max_context"] = config.maxContext;
    manifest["eos"] = json::Array(*eos);
  }
  manifest["weights_digest"] = config.weightsDigest;
  manifest["signature"] = json::Object{
      {"inputs", bindingsToJSON(signature.getInputs(), inputs)},
      {"outputs", bindingsToJSON(signature.getOutputs(), outputs)}};
  json::Array weights;
  for (WeightOp weight : used) {
    RankedTensorType type = weight.getTensorType();
    json::Object object{{"name", toText(weight.getSymName())},
                        {"dtype", nameDType(type.getElementType())},
                        {"shape", json::Array(type.getShape())}};
    if (weight.getSource().getRoot() == SourceRoot::synthetic)
      object["synthetic"] = true;
    weights.push_back(std::move(object));
  }
  manifest["weights"] = std::move(weights);
  std::string text;
  llvm::raw_string_ostream(text) << value;
  return text;
}
