//===- DeviceBuilder.cpp - the vocabulary of CUDA kernels -----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DeviceBuilder.h"

#include "InlineAssembly.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/bit.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

/// Address spaces of NVPTX.
static constexpr unsigned kGlobal = 1, kSharedSpace = 3;
static constexpr llvm::StringLiteral kSharedName = "dejavu_shared";
static constexpr llvm::StringLiteral kCountersName = "dejavu_counters";

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

Value DeviceBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(*this, value);
}

Value DeviceBuilder::f32(double value) {
  return arith::ConstantOp::create(*this, getF32FloatAttr(value));
}

Value DeviceBuilder::splat(double value, int64_t lanes) {
  auto type = VectorType::get({lanes}, getF32Type());
  return arith::ConstantOp::create(
      *this, DenseElementsAttr::get(type, static_cast<float>(value)));
}

Value DeviceBuilder::broadcast(Value scalar, int64_t lanes) {
  return vector::BroadcastOp::create(
      *this, VectorType::get({lanes}, scalar.getType()), scalar);
}

Value DeviceBuilder::add(Value lhs, Value rhs) {
  return arith::AddIOp::create(*this, lhs, rhs);
}
Value DeviceBuilder::sub(Value lhs, Value rhs) {
  return arith::SubIOp::create(*this, lhs, rhs);
}
Value DeviceBuilder::mul(Value lhs, Value rhs) {
  return arith::MulIOp::create(*this, lhs, rhs);
}
Value DeviceBuilder::add(Value lhs, int64_t rhs) {
  return rhs == 0 ? lhs : add(lhs, index(rhs));
}
Value DeviceBuilder::mul(Value lhs, int64_t rhs) {
  return rhs == 1 ? lhs : mul(lhs, index(rhs));
}
Value DeviceBuilder::div(Value lhs, int64_t rhs) {
  return rhs == 1 ? lhs
                  : arith::DivUIOp::create(*this, lhs, index(rhs)).getResult();
}
Value DeviceBuilder::rem(Value lhs, int64_t rhs) {
  return arith::RemUIOp::create(*this, lhs, index(rhs));
}
Value DeviceBuilder::ceilDiv(Value lhs, int64_t rhs) {
  return div(add(lhs, rhs - 1), rhs);
}
Value DeviceBuilder::min(Value lhs, Value rhs) {
  return arith::MinSIOp::create(*this, lhs, rhs);
}
Value DeviceBuilder::max(Value lhs, Value rhs) {
  return arith::MaxSIOp::create(*this, lhs, rhs);
}
Value DeviceBuilder::isLess(Value lhs, Value rhs) {
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::slt, lhs, rhs);
}
Value DeviceBuilder::isEqual(Value lhs, Value rhs) {
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::eq, lhs, rhs);
}
Value DeviceBuilder::select(Value condition, Value yes, Value no) {
  return arith::SelectOp::create(*this, condition, yes, no);
}
Value DeviceBuilder::toIndex(Value number) {
  return arith::IndexCastOp::create(*this, getIndexType(), number);
}
Value DeviceBuilder::toI64(Value index) {
  return arith::IndexCastOp::create(*this, getI64Type(), index);
}
Value DeviceBuilder::fadd(Value lhs, Value rhs) {
  return arith::AddFOp::create(*this, lhs, rhs);
}
Value DeviceBuilder::fsub(Value lhs, Value rhs) {
  return arith::SubFOp::create(*this, lhs, rhs);
}
Value DeviceBuilder::fmul(Value lhs, Value rhs) {
  return arith::MulFOp::create(*this, lhs, rhs);
}
Value DeviceBuilder::fdiv(Value lhs, Value rhs) {
  return arith::DivFOp::create(*this, lhs, rhs);
}
Value DeviceBuilder::fmax(Value lhs, Value rhs) {
  // NaN stays NaN.
  return arith::MaximumFOp::create(*this, lhs, rhs);
}
Value DeviceBuilder::fma(Value lhs, Value rhs, Value sum) {
  return LLVM::FMAOp::create(*this, lhs, rhs, sum);
}
Value DeviceBuilder::extract(Value vector, int64_t at) {
  return vector::ExtractOp::create(*this, vector, at);
}
Value DeviceBuilder::pack(ValueRange scalars) {
  auto type = VectorType::get({static_cast<int64_t>(scalars.size())},
                              scalars.front().getType());
  return vector::FromElementsOp::create(*this, type, scalars);
}

//===----------------------------------------------------------------------===//
// Where a thread is
//===----------------------------------------------------------------------===//

Value DeviceBuilder::thread() {
  return gpu::ThreadIdOp::create(*this, gpu::Dimension::x);
}
Value DeviceBuilder::lane() { return rem(thread(), kWarp); }
Value DeviceBuilder::warp() { return div(thread(), kWarp); }
Value DeviceBuilder::block(gpu::Dimension dimension) {
  return gpu::BlockIdOp::create(*this, dimension);
}
Value DeviceBuilder::blocks(gpu::Dimension dimension) {
  return gpu::GridDimOp::create(*this, dimension);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value DeviceBuilder::at(Value pointer, Type element, Value at) {
  return LLVM::GEPOp::create(*this, pointer.getType(), element, pointer,
                             ArrayRef<LLVM::GEPArg>{toI64(at)});
}

Value DeviceBuilder::at(Value pointer, Type element, int64_t at) {
  if (at == 0)
    return pointer;
  return LLVM::GEPOp::create(*this, pointer.getType(), element, pointer,
                             ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(at)});
}

Value DeviceBuilder::load(Value pointer, Type type, int64_t alignment) {
  return LLVM::LoadOp::create(*this, type, pointer, alignment);
}

Value DeviceBuilder::loadHere(Value pointer, Type type, int64_t alignment) {
  return LLVM::LoadOp::create(*this, type, pointer, alignment,
                              /*isVolatile=*/true);
}

Value DeviceBuilder::loadConstant(Value pointer, Type type, int64_t alignment) {
  return LLVM::LoadOp::create(*this, type, pointer, alignment,
                              /*isVolatile=*/false, /*isNonTemporal=*/false,
                              /*isInvariant=*/true);
}

Value DeviceBuilder::loadOnce(Value pointer, Type type, int64_t alignment) {
  return LLVM::LoadOp::create(*this, type, pointer, alignment,
                              /*isVolatile=*/false, /*isNonTemporal=*/true,
                              /*isInvariant=*/true);
}

void DeviceBuilder::store(Value value, Value pointer, int64_t alignment) {
  LLVM::StoreOp::create(*this, value, pointer, alignment);
}

void DeviceBuilder::atomicAdd(Value vector, Value pointer) {
  if (cast<VectorType>(vector.getType()).getDimSize(0) > 1)
    return addFour(*this, vector, pointer);
  LLVM::AtomicRMWOp::create(*this, LLVM::AtomicBinOp::fadd, pointer,
                            extract(vector, 0), LLVM::AtomicOrdering::monotonic,
                            "device");
}

Value DeviceBuilder::toFloats(Value vector) {
  auto type = cast<VectorType>(vector.getType());
  auto floats = VectorType::get(type.getShape(), getF32Type());
  if (type == floats)
    return vector;
  if (isa<IntegerType>(type.getElementType()))
    return arith::SIToFPOp::create(*this, floats, vector);
  return arith::ExtFOp::create(*this, floats, vector);
}

Value DeviceBuilder::clamp(Value number, Type element) {
  llvm::APFloat greatest =
      llvm::APFloat::getLargest(cast<FloatType>(element).getFloatSemantics());
  bool isExact;
  greatest.convert(llvm::APFloat::IEEEsingle(),
                   llvm::APFloat::rmNearestTiesToEven, &isExact);
  double limit = greatest.convertToFloat();
  number = arith::MaximumFOp::create(*this, number, f32(-limit));
  return arith::MinimumFOp::create(*this, number, f32(limit));
}

Value DeviceBuilder::toElement(Value number, Type element) {
  if (element == number.getType())
    return number;
  return arith::TruncFOp::create(*this, element, clamp(number, element));
}

Value DeviceBuilder::getGlobal(StringRef name, Type type, unsigned space) {
  auto device =
      getInsertionBlock()->getParentOp()->getParentOfType<gpu::GPUModuleOp>();
  if (!device.lookupSymbol(name)) {
    OpBuilder::InsertionGuard guard(*this);
    setInsertionPointToStart(device.getBody());
    // Shared memory is as large as the launch says; the rest begins as zeros.
    bool isShared = space == kSharedSpace;
    Attribute zeros;
    if (!isShared)
      zeros = DenseElementsAttr::get(VectorType::get({kCounters}, getI32Type()),
                                     int32_t(0));
    LLVM::GlobalOp::create(*this, type, /*isConstant=*/false,
                           isShared ? LLVM::Linkage::External
                                    : LLVM::Linkage::Internal,
                           name, zeros, /*alignment=*/128, space);
  }
  return LLVM::AddressOfOp::create(
      *this, LLVM::LLVMPointerType::get(getContext(), space), name);
}

Value DeviceBuilder::getShared() {
  return getGlobal(kSharedName, LLVM::LLVMArrayType::get(getI8Type(), 0),
                   kSharedSpace);
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

void DeviceBuilder::loop(Value from, Value to, int64_t step, Body body) {
  loop(from, to, index(step), body);
}

void DeviceBuilder::loop(Value from, Value to, Value step, Body body) {
  fold(from, to, step, {}, [&](Value iv, ValueRange) {
    body(iv);
    return SmallVector<Value>();
  });
}

SmallVector<Value> DeviceBuilder::fold(Value from, Value to, Value step,
                                       ValueRange init, Fold body) {
  auto loop = scf::ForOp::create(*this, from, to, step, init);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next =
      body(loop.getInductionVar(), loop.getRegionIterArgs());
  // Without values the builder has made the terminator.
  if (!init.empty())
    scf::YieldOp::create(*this, next);
  return llvm::to_vector_of<Value>(loop.getResults());
}

void DeviceBuilder::when(Value condition, llvm::function_ref<void()> body) {
  auto branch = scf::IfOp::create(*this, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(branch.thenBlock());
  body();
}

SmallVector<Value>
DeviceBuilder::choose(Value condition, TypeRange types,
                      llvm::function_ref<SmallVector<Value>()> yes,
                      llvm::function_ref<SmallVector<Value>()> no) {
  auto branch =
      scf::IfOp::create(*this, types, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(branch.thenBlock());
  scf::YieldOp::create(*this, yes());
  setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(*this, no());
  return llvm::to_vector_of<Value>(branch.getResults());
}

void DeviceBuilder::barrier() { gpu::BarrierOp::create(*this); }

static void callEarlyLaunch(DeviceBuilder &b, StringRef intrinsic) {
  if (b.getTarget().hasEarlyLaunch)
    LLVM::CallIntrinsicOp::create(b, b.getStringAttr(intrinsic), ValueRange());
}

void DeviceBuilder::launchDependents() {
  callEarlyLaunch(*this, "llvm.nvvm.griddepcontrol.launch.dependents");
}

void DeviceBuilder::waitForEarlier() {
  callEarlyLaunch(*this, "llvm.nvvm.griddepcontrol.wait");
}

Value DeviceBuilder::arriveLast(Value at, Value count) {
  Value counters =
      getGlobal(kCountersName,
                LLVM::LLVMArrayType::get(getI32Type(), kCounters), kGlobal);
  Value last = arith::IndexCastOp::create(*this, getI32Type(), add(count, -1));
  // Counts up to `last` and then from 0 again. Of this operation the order has
  // to be asked for separately.
  auto fence = [&] {
    LLVM::FenceOp::create(*this, LLVM::AtomicOrdering::acq_rel, "device");
  };
  fence();
  Value before = LLVM::AtomicRMWOp::create(
      *this, LLVM::AtomicBinOp::uinc_wrap, this->at(counters, getI32Type(), at),
      last, LLVM::AtomicOrdering::monotonic, "device");
  fence();
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::eq, before, last);
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

Value DeviceBuilder::call(StringRef intrinsic, Value x) {
  return LLVM::CallIntrinsicOp::create(*this, x.getType(),
                                       getStringAttr(intrinsic), ValueRange{x})
      .getResults();
}

Value DeviceBuilder::exp(Value x) {
  return exp2(fmul(x, f32(1.4426950408889634)));
}
Value DeviceBuilder::exp2(Value x) { return call("llvm.nvvm.ex2.approx", x); }
Value DeviceBuilder::sqrt(Value x) { return call("llvm.sqrt", x); }
Value DeviceBuilder::round(Value x) { return call("llvm.rint", x); }
Value DeviceBuilder::sin(Value x) { return call("llvm.nvvm.sin.approx.f", x); }
Value DeviceBuilder::cos(Value x) { return call("llvm.nvvm.cos.approx.f", x); }

Value DeviceBuilder::tanh(Value x) {
  // 1 - 2 / (e^2x + 1): no precision is lost that a sum with 1 would keep.
  Value power = exp(fmul(x, f32(2)));
  return fsub(f32(1), fdiv(f32(2), fadd(power, f32(1))));
}

Value DeviceBuilder::softcap(float cap, Value x) {
  if (cap == 0)
    return x;
  return fmul(f32(cap), tanh(fdiv(x, f32(cap))));
}

Value DeviceBuilder::activate(std::optional<Activation> activation, Value x) {
  if (!activation)
    return x;
  switch (*activation) {
  case Activation::relu:
    return fmax(x, f32(0));
  case Activation::relu2: {
    Value positive = fmax(x, f32(0));
    return fmul(positive, positive);
  }
  case Activation::gelu: {
    Value erf = math::ErfOp::create(*this, fmul(x, f32(0.70710678118654752)));
    return fmul(fmul(x, f32(0.5)), fadd(erf, f32(1)));
  }
  case Activation::gelu_tanh: {
    Value cube = fmul(fmul(x, x), x);
    Value inner =
        fmul(fadd(x, fmul(cube, f32(0.044715))), f32(0.79788456080286536));
    return fmul(fmul(x, f32(0.5)), fadd(tanh(inner), f32(1)));
  }
  case Activation::silu:
  case Activation::quick_gelu: {
    double factor = *activation == Activation::silu ? -1 : -1.702;
    return fdiv(x, fadd(exp(fmul(x, f32(factor))), f32(1)));
  }
  }
  llvm_unreachable("unknown activation");
}

SmallVector<Value> DeviceBuilder::multiply(ArrayRef<Value> lhs,
                                           ArrayRef<Value> rhs,
                                           ArrayRef<Value> sums) {
  SmallVector<Value> operands(lhs);
  operands.append(rhs.begin(), rhs.end());
  bool isHalf =
      cast<VectorType>(lhs.front().getType()).getElementType().isF16();
  if (!isHalf)
    for (Value &operand : operands)
      operand = LLVM::BitcastOp::create(*this, getI32Type(), operand);
  operands.append(sums.begin(), sums.end());
  auto type = LLVM::LLVMStructType::getLiteral(
      getContext(), SmallVector<Type>(4, getF32Type()));
  Value product =
      LLVM::CallIntrinsicOp::create(
          *this, type,
          getStringAttr(isHalf ? "llvm.nvvm.mma.m16n8k16.row.col.f32.f32"
                               : "llvm.nvvm.mma.m16n8k16.row.col.bf16"),
          operands)
          .getResults();
  SmallVector<Value> results;
  for (int64_t i = 0; i < 4; ++i)
    results.push_back(LLVM::ExtractValueOp::create(*this, product, i));
  return results;
}

Value DeviceBuilder::sumElements(Value vector) {
  SmallVector<Value> parts;
  int64_t size = cast<VectorType>(vector.getType()).getNumElements();
  for (int64_t i = 0; i < size; ++i)
    parts.push_back(extract(vector, i));
  for (; parts.size() > 1; parts.resize((parts.size() + 1) / 2))
    for (size_t i = 0, half = (parts.size() + 1) / 2; half + i < parts.size();
         ++i)
      parts[i] = fadd(parts[i], parts[half + i]);
  return parts.front();
}

/// Over lanes whose numbers differ in the bits from `low` to `high`.
static Value reduceBits(DeviceBuilder &b, Value value, int64_t low,
                        int64_t high,
                        llvm::function_ref<Value(Value, Value)> combine) {
  for (int64_t offset = high / 2; offset >= low; offset /= 2) {
    Value other = gpu::ShuffleOp::create(b, value, static_cast<int32_t>(offset),
                                         static_cast<int32_t>(kWarp),
                                         gpu::ShuffleMode::XOR)
                      .getShuffleResult();
    value = combine(value, other);
  }
  return value;
}

Value DeviceBuilder::reduceLanes(
    Value value, int64_t width,
    llvm::function_ref<Value(Value, Value)> combine) {
  return reduceBits(*this, value, 1, width, combine);
}

Value DeviceBuilder::reduceTeams(
    Value value, int64_t width,
    llvm::function_ref<Value(Value, Value)> combine) {
  return reduceBits(*this, value, width, kWarp, combine);
}

Value DeviceBuilder::sumLanes(Value value, int64_t width) {
  return reduceLanes(value, width,
                     [&](Value lhs, Value rhs) { return fadd(lhs, rhs); });
}

Value DeviceBuilder::sumBlock(Value value, Value scratch) {
  int64_t warps = threads / kWarp;
  value = sumLanes(value);
  if (warps == 1)
    return value;
  Type f32Type = getF32Type();
  barrier(); // whoever still reads the scratch
  when(isEqual(lane(), index(0)),
       [&] { store(value, at(scratch, f32Type, warp())); });
  barrier();
  Value sum = load(scratch, f32Type);
  for (int64_t i = 1; i < warps; ++i)
    sum = fadd(sum, load(at(scratch, f32Type, i), f32Type));
  return sum;
}

//===----------------------------------------------------------------------===//
// DeviceLibrary
//===----------------------------------------------------------------------===//

DeviceLibrary::DeviceLibrary(ModuleOp module, ArrayRef<TargetInfo> targets)
    : module(module), targets(targets) {
  OpBuilder builder(module.getContext());
  module->setAttr(gpu::GPUDialect::getContainerModuleAttrName(),
                  builder.getUnitAttr());
  builder.setInsertionPointToEnd(module.getBody());
  for (const TargetInfo &target : targets)
    modules.push_back(gpu::GPUModuleOp::create(builder, module.getLoc(),
                                               "kernels_" + target.chip));
}

Type DeviceLibrary::getPointer() {
  return LLVM::LLVMPointerType::get(getContext());
}
Type DeviceLibrary::getNumber() { return IntegerType::get(getContext(), 64); }

int64_t DeviceLibrary::get(StringRef stem, ArrayRef<Type> arguments,
                           GetShape getShape, Generator generate) {
  std::string name = ("dejavu_" + stem).str();
  auto [known, isNew] = numbers.try_emplace(name, numbers.size());
  if (!isNew)
    return known->second;
  names.push_back(known->first());
  auto loc = NameLoc::get(StringAttr::get(getContext(), name));
  for (auto [target, device] : llvm::zip(targets, modules)) {
    KernelShape shape = getShape(target);
    OpBuilder builder(getContext());
    builder.setInsertionPointToEnd(device.getBody());
    auto kernel = gpu::GPUFuncOp::create(
        builder, loc, name, builder.getFunctionType(arguments, {}));
    kernel->setAttr(gpu::GPUDialect::getKernelFuncAttrName(),
                    builder.getUnitAttr());
    kernel.setKnownBlockSizeAttr(builder.getDenseI32ArrayAttr(
        {static_cast<int32_t>(shape.threads), 1, 1}));
    kernel->setAttr("dejavu.shared_bytes",
                    builder.getI64IntegerAttr(shape.sharedBytes));
    if (shape.registers)
      kernel->setAttr(NVVM::NVVMDialect::getMaxnregAttrName(),
                      builder.getI32IntegerAttr(shape.registers));
    kernel->setAttr("dejavu.cluster", builder.getI64IntegerAttr(shape.cluster));
    kernel->setAttr("dejavu.early", builder.getBoolAttr(target.hasEarlyLaunch));
    builder.setInsertionPointToStart(&kernel.getBody().front());
    DeviceBuilder b(loc, builder, target, shape.threads);
    SmallVector<Value> values;
    for (Value argument : kernel.getArguments()) {
      if (isa<LLVM::LLVMPointerType>(argument.getType()))
        values.push_back(LLVM::AddrSpaceCastOp::create(
            b, LLVM::LLVMPointerType::get(getContext(), kGlobal), argument));
      else
        values.push_back(b.toIndex(argument));
    }
    b.launchDependents();
    if (!shape.waitsItself)
      b.waitForEarlier();
    generate(b, values);
    gpu::ReturnOp::create(b);
  }
  return known->second;
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

std::string cuda::nameNumber(float number) {
  return dejavu::nameNumber(llvm::APFloat(number));
}

int64_t cuda::getLoadElements(Type element, int64_t size) {
  int64_t elements = kLoadBytes * 8 / element.getIntOrFloatBitWidth();
  while (size % elements != 0)
    elements /= 2;
  return elements;
}
