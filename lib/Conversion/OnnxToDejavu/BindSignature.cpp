//===- BindSignature.cpp - what each input and output of a decoder is -----===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The calling convention of a decoder with a cache, found from structure:
//
// * present = Concat(past argument, new, axis 2) is returned: a cache;
// * an argument that leads to the rows of a table: ids or positions;
// * one that leads to a softmax: the attention mask;
// * one that leads to cosines: positions.
//
// The convention says more than the graph: all caches hold the same number of
// steps, and the mask covers them and the new tokens. Shapes can be proved
// equal only with that, so it is written down as `onnx.dims`.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/OnnxToDejavu/Passes.h"

#include "Utils.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_ONNXBINDSIGNATUREPASS
#include "dejavu/Conversion/OnnxToDejavu/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

/// True for an argument or result that can be a cache: floats of
/// [batch, heads, steps, head dim] with static heads and head dim.
static bool isCacheType(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() == 4 &&
         isa<FloatType>(tensor.getElementType());
}

/// `value` behind ops that hand on one operand unchanged.
static Value skipCopies(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    bool copies = isa<onnx::IdentityOp>(op) ||
                  (isa<onnx::ConcatOp>(op) && op->getNumOperands() == 1);
    if (!copies)
      break;
    value = op->getOperand(0);
  }
  return value;
}

/// The past argument of `present`, if it is Concat(argument, new, axis 2).
static BlockArgument getPast(Value present) {
  auto concat = skipCopies(present).getDefiningOp<onnx::ConcatOp>();
  if (!concat || concat.getInputs().size() != 2 ||
      (concat.getAxis() != 2 && concat.getAxis() != -2))
    return {};
  auto past = dyn_cast<BlockArgument>(skipCopies(concat.getInputs()[0]));
  return past && isCacheType(past.getType()) ? past : BlockArgument();
}

namespace {
/// A lookup of rows of a table by an argument.
struct Lookup {
  int64_t rows;
  /// True if a constant is added to the indices.
  bool hasOffset;
};

/// Where an argument leads to.
struct Reach {
  bool scores = false, angles = false, rows = false;
};

struct BindSignature : dejavu::impl::OnnxBindSignaturePassBase<BindSignature> {
  void runOnOperation() override {
    function = getMain(getOperation());
    if (!function) {
      getOperation().emitError()
          << "expected a function @main of one block, which the importer makes";
      return signalPassFailure();
    }
    refineArguments();
    if (failed(bindCaches()) || failed(bindIndices()))
      return signalPassFailure();
  }

private:
  /// Gives an argument its role and the symbols of the convention.
  void bind(BlockArgument argument, std::optional<Role> role,
            ArrayRef<StringRef> symbols) {
    unsigned index = argument.getArgNumber();
    SmallVector<Attribute> dims;
    Builder builder(&getContext());
    auto type = cast<RankedTensorType>(argument.getType());
    for (auto [size, symbol] : llvm::zip_equal(type.getShape(), symbols))
      dims.push_back(builder.getStringAttr(
          ShapedType::isDynamic(size) ? symbol.str() : std::to_string(size)));
    function.setArgAttr(index, "onnx.dims", builder.getArrayAttr(dims));
    if (role)
      function.setArgAttr(index, kBindingAttrName,
                          BindingAttr::get(&getContext(),
                                           getSignatureName(function, argument),
                                           *role, 0));
  }

  void refineArguments();
  LogicalResult bindCaches();
  LogicalResult bindIndices();
  LogicalResult checkHeads(ArrayRef<BlockArgument> pasts);
  LogicalResult bindOthers(ArrayRef<BlockArgument> others, bool hasPositions);
  std::optional<Lookup> findLookup(BlockArgument argument);

  /// "'name'", or a number where the file has no name.
  std::string describe(BlockArgument argument) {
    StringRef name = getSignatureName(function, argument);
    return name.empty() ? std::to_string(argument.getArgNumber())
                        : ("'" + name + "'").str();
  }
  std::string describeResult(unsigned index) {
    StringRef name = getResultName(function, index);
    return name.empty() ? std::to_string(index) : ("'" + name + "'").str();
  }

  func::FuncOp function;
  int64_t logitsWidth = 0;
};
} // namespace

/// Some exporters write numbers as if they were names of dimensions.
void BindSignature::refineArguments() {
  for (BlockArgument argument : function.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    auto names = function.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(),
                                                      "onnx.dims");
    if (!type || !names || static_cast<int64_t>(names.size()) != type.getRank())
      continue;
    SmallVector<int64_t> sizes(type.getShape());
    for (auto [size, attr] : llvm::zip_equal(sizes, names)) {
      auto name = dyn_cast<StringAttr>(attr);
      int64_t number;
      if (name && ShapedType::isDynamic(size) &&
          !name.getValue().getAsInteger(10, number) && number > 0)
        size = number;
    }
    argument.setType(RankedTensorType::get(sizes, type.getElementType()));
  }
  function.setType(FunctionType::get(&getContext(),
                                     function.front().getArgumentTypes(),
                                     function.getResultTypes()));
}

LogicalResult BindSignature::checkHeads(ArrayRef<BlockArgument> pasts) {
  BlockArgument first = pasts.front();
  ArrayRef<int64_t> wanted = cast<RankedTensorType>(first.getType()).getShape();
  for (BlockArgument past : pasts) {
    ArrayRef<int64_t> shape = cast<RankedTensorType>(past.getType()).getShape();
    if (ShapedType::isDynamic(shape[1]) || ShapedType::isDynamic(shape[3]))
      return emitError(past.getLoc())
             << "cache input " << describe(past)
             << ": expected [batch, heads, steps, head dim] with known heads "
                "and head dim, found "
             << onnx::describe(shape);
    if (shape[1] == wanted[1] && shape[3] == wanted[3])
      continue;
    InFlightDiagnostic diag = emitError(past.getLoc())
                              << "cache input " << describe(past)
                              << ": expected " << wanted[1] << " heads of "
                              << wanted[3] << " elements, found " << shape[1]
                              << " of " << shape[3];
    diag.attachNote(first.getLoc())
        << "cache input " << describe(first) << " has " << wanted[1] << " of "
        << wanted[3];
    return diag;
  }
  return success();
}

LogicalResult BindSignature::bindCaches() {
  Operation *terminator = function.front().getTerminator();
  SmallVector<BlockArgument> pasts;
  llvm::DenseMap<BlockArgument, unsigned> presents;
  std::optional<unsigned> logits;
  for (auto [i, result] : llvm::enumerate(terminator->getOperands())) {
    if (BlockArgument past = getPast(result)) {
      auto [it, isNew] = presents.try_emplace(past, i);
      if (!isNew) {
        InFlightDiagnostic diag = emitError(result.getLoc())
                                  << "output " << describeResult(i)
                                  << ": cache input " << describe(past)
                                  << " has a second output";
        diag.attachNote(past.getLoc())
            << "output " << describeResult(it->second) << " is the first";
        return diag;
      }
      pasts.push_back(past);
      continue;
    }
    if (isCacheType(result.getType())) {
      InFlightDiagnostic diag =
          emitError(result.getLoc())
          << "output " << describeResult(i)
          << ": expected a cache input joined with new steps along axis 2";
      diag.attachNote(function.getLoc())
          << "an output of rank 4 is taken for a cache, and no input belongs "
             "to it";
      return diag;
    }
    if (logits) {
      InFlightDiagnostic diag = emitError(result.getLoc())
                                << "output " << describeResult(i)
                                << ": expected one output besides the caches";
      diag.attachNote(terminator->getOperand(*logits).getLoc())
          << "output " << describeResult(*logits) << " is taken for the logits";
      return diag;
    }
    logits = i;
  }
  if (!logits)
    return function.emitError() << "expected an output for the logits";
  for (BlockArgument argument : function.getArguments()) {
    if (!isCacheType(argument.getType()) || presents.count(argument))
      continue;
    InFlightDiagnostic diag =
        emitError(argument.getLoc())
        << "cache input " << describe(argument)
        << ": expected an output that joins it with new steps along axis 2";
    diag.attachNote(function.getLoc())
        << "an input of rank 4 is taken for a cache, and no output belongs to "
           "it";
    return diag;
  }
  if (pasts.empty())
    return function.emitError()
           << "expected a decoder with cache inputs and outputs: found no "
              "output that joins an input with new steps along axis 2";
  llvm::sort(pasts, [](BlockArgument a, BlockArgument b) {
    return a.getArgNumber() < b.getArgNumber();
  });
  if (failed(checkHeads(pasts)))
    return failure();

  Value value = terminator->getOperand(*logits);
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || type.getRank() != 3 || type.isDynamicDim(2) ||
      !type.getElementType().isF32())
    return emitError(value.getLoc())
           << "output " << describeResult(*logits)
           << ": expected logits f32 [batch, tokens, vocabulary], found "
           << onnx::describe(value.getType());
  logitsWidth = type.getDimSize(2);
  function.setResultAttr(*logits, kBindingAttrName,
                         BindingAttr::get(&getContext(),
                                          getResultName(function, *logits),
                                          Role::logits, 0));
  for (BlockArgument past : pasts)
    bind(past, std::nullopt, {"batch", "heads", "past", "head_dim"});
  return success();
}

/// Follows `argument` to a Gather of rows of a weight. Only ops that keep what
/// the indices mean are looked through.
std::optional<Lookup> BindSignature::findLookup(BlockArgument argument) {
  SmallVector<std::pair<Value, bool>> worklist{{argument, false}};
  llvm::DenseSet<Value> seen;
  while (!worklist.empty()) {
    auto [value, hasOffset] = worklist.pop_back_val();
    if (!seen.insert(value).second)
      continue;
    for (OpOperand &use : value.getUses()) {
      Operation *user = use.getOwner();
      if (auto gather = dyn_cast<onnx::GatherOp>(user)) {
        auto table = gather.getData().getDefiningOp<LoadWeightOp>();
        if (use.getOperandNumber() == 1 && table && gather.getAxis() == 0)
          return Lookup{cast<RankedTensorType>(table.getType()).getDimSize(0),
                        hasOffset};
        continue;
      }
      bool adds = isa<onnx::AddOp, onnx::SubOp>(user) &&
                  getConstantInt(getOtherOperand(user, value));
      bool moves = isa<onnx::ReshapeOp, onnx::CastOp, onnx::IdentityOp>(user) &&
                   use.getOperandNumber() == 0;
      if (adds || moves)
        worklist.push_back({user->getResult(0), hasOffset || adds});
    }
  }
  return std::nullopt;
}

/// Follows `argument` to scores, angles and rows of tables. Only sizes and what
/// is computed from them are not followed.
static Reach findReach(BlockArgument argument) {
  Reach reach;
  SmallVector<Value> worklist{argument};
  llvm::DenseSet<Operation *> seen;
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    for (OpOperand &use : value.getUses()) {
      Operation *user = use.getOwner();
      if (isa<onnx::ShapeOp, onnx::SizeOp>(user) || !seen.insert(user).second)
        continue;
      if (isa<onnx::SoftmaxOp>(user)) {
        reach.scores = true;
      } else if (isa<onnx::CosOp, onnx::SinOp>(user)) {
        reach.angles = true;
      } else if (auto gather = dyn_cast<onnx::GatherOp>(user);
                 gather && use.getOperandNumber() == 1 &&
                 gather.getData().getDefiningOp<LoadWeightOp>()) {
        reach.rows = true;
      } else if (isa<onnx::GatherElementsOp>(user) &&
                 use.getOperandNumber() == 1) {
        reach.rows = true;
      } else {
        llvm::append_range(worklist, user->getResults());
      }
    }
  }
  return reach;
}

LogicalResult BindSignature::bindIndices() {
  SmallVector<std::pair<BlockArgument, Lookup>> lookups;
  SmallVector<BlockArgument> others;
  for (BlockArgument argument : function.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (type && isCacheType(type))
      continue;
    if (!type || type.getRank() != 2)
      return emitError(argument.getLoc())
             << "input " << describe(argument)
             << ": expected token ids, positions or an attention mask of rank "
                "2, or a cache of rank 4, found "
             << onnx::describe(argument.getType());
    std::optional<Lookup> lookup = findLookup(argument);
    if (lookup)
      lookups.push_back({argument, *lookup});
    else
      others.push_back(argument);
  }
  if (lookups.empty() || lookups.size() > 2)
    return function.emitError()
           << "expected one or two inputs that are looked up in a table (ids "
              "and positions), found "
           << lookups.size();

  // The ids are those whose table has a row for each logit.
  SmallVector<size_t> candidates;
  for (auto [i, entry] : llvm::enumerate(lookups))
    if (entry.second.rows == logitsWidth)
      candidates.push_back(i);
  if (candidates.size() > 1)
    llvm::erase_if(candidates,
                   [&](size_t i) { return lookups[i].second.hasOffset; });
  if (candidates.empty() && lookups.size() == 1)
    candidates.push_back(0);
  // Two tables of one size and no offset: only the names can tell.
  if (candidates.size() > 1)
    llvm::erase_if(candidates, [&](size_t i) {
      return getSignatureName(function, lookups[i].first)
          .contains_insensitive("position");
    });
  if (candidates.size() != 1) {
    InFlightDiagnostic diag =
        function.emitError()
        << "expected one input that is looked up in a table of " << logitsWidth
        << " rows, as many as there are logits";
    for (auto &[argument, lookup] : lookups)
      diag.attachNote(argument.getLoc())
          << "input " << describe(argument) << " is looked up in a table of "
          << lookup.rows << " rows";
    return diag;
  }
  for (auto [i, entry] : llvm::enumerate(lookups)) {
    BlockArgument argument = entry.first;
    auto type = cast<RankedTensorType>(argument.getType());
    if (!type.getElementType().isInteger(64))
      return emitError(argument.getLoc())
             << "input " << describe(argument) << ": expected i64, found "
             << onnx::describe(argument.getType());
    if (!type.isDynamicDim(1))
      return emitError(argument.getLoc())
             << "input " << describe(argument)
             << ": expected any number of tokens, found "
             << onnx::describe(argument.getType());
    bind(argument, i == candidates.front() ? Role::ids : Role::positions,
         {"batch", "tokens"});
  }
  return bindOthers(others, lookups.size() == 2);
}

/// Binds the arguments that are looked up in no table.
LogicalResult BindSignature::bindOthers(ArrayRef<BlockArgument> others,
                                        bool hasPositions) {
  SmallVector<BlockArgument> masks, positions, unused;
  for (BlockArgument argument : others) {
    Reach reach = findReach(argument);
    if (reach.scores && !reach.angles)
      masks.push_back(argument);
    else if (!reach.scores && !reach.rows && reach.angles)
      positions.push_back(argument);
    else
      unused.push_back(argument);
  }
  // Masks that also count positions lead to scores through angles, and so do
  // positions: what is left over is told by names.
  for (BlockArgument argument : unused) {
    StringRef name = getSignatureName(function, argument);
    bool isInteger = getElementTypeOrSelf(argument.getType()).isInteger(64);
    if (isInteger && positions.empty() && !hasPositions &&
        (name.contains_insensitive("position") || !masks.empty()))
      positions.push_back(argument);
    else
      masks.push_back(argument);
  }
  auto check = [&](ArrayRef<BlockArgument> arguments,
                   StringRef what) -> LogicalResult {
    if (arguments.size() < 2)
      return success();
    InFlightDiagnostic diag = emitError(arguments[1].getLoc())
                              << "input " << describe(arguments[1])
                              << ": expected one " << what;
    diag.attachNote(arguments[0].getLoc())
        << "input " << describe(arguments[0]) << " is taken for it";
    return diag;
  };
  if (failed(check(masks, "attention mask")) ||
      failed(check(positions, "input of positions")))
    return failure();
  for (BlockArgument argument : positions)
    bind(argument, Role::positions, {"batch", "tokens"});
  for (BlockArgument mask : masks)
    bind(mask, Role::attention_mask, {"batch", "past + tokens"});
  return success();
}
