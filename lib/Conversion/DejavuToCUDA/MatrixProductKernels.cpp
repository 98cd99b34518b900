//===- MatrixProductKernels.cpp - products of up to eight rows ------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Eight rows of the input are one side of `mma.m16n8k8`, in tf32; rows or
// columns of a weight of 16 bits are the other, exactly. The input is split
// into what tf32 keeps of it and the rest, which is a second product, so the
// sums are as good as those of f32. The weights go from memory to the registers
// of the lanes that need them: which of 32 summands comes first is free, so
// each lane loads 16 bytes that lie together.
//
// The warps of a block take chunks of 32 summands in turn; their sums are added
// in the order of the warps.
//
//===----------------------------------------------------------------------===//

#include "DotProducts.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

static constexpr int64_t kWarps = 8;
/// Summands of a chunk, and of them, neighbours that a lane has.
static constexpr int64_t kChunk = 32, kPiece = 8;
/// Rows of the input, and of a tile of results.
static constexpr int64_t kRows = kMatrixRows, kTileRows = 16;

/// The four elements that a lane has of an operand: in each of the two columns
/// of its group, `k`, those of both halves of the rows.
static SmallVector<Value, 4>
makeOperands(llvm::function_ref<Value(int64_t k, int64_t half)> get) {
  SmallVector<Value, 4> operands;
  for (int64_t k = 0; k < 2; ++k)
    for (int64_t half = 0; half < 2; ++half)
      operands.push_back(get(k, half));
  return operands;
}

namespace {
/// Generates the sums of one warp.
struct MatrixGenerator {
  DeviceBuilder &b;
  Type element;    ///< of the weight
  int64_t size;    ///< summands
  int64_t tiles;   ///< of 16 results, for each row of the input
  Value input;     ///< this lane's row of the input
  Value group, id; ///< lane / 4 and lane % 4

  using Loads = SmallVector<Value>;
  /// Loads what this lane needs of the weights for the summands from `place`
  /// on, and gets the operands of step `step` for a tile from that.
  llvm::function_ref<Loads(Value place)> loadWeights;
  llvm::function_ref<SmallVector<Value, 4>(const Loads &, int64_t tile,
                                           int64_t step)>
      getOperands;

  /// The first of this lane's summands of chunk `chunk`.
  Value getPlace(Value chunk) {
    return b.add(b.mul(chunk, kChunk), b.mul(id, kPiece));
  }

  Value toBits(Value x) {
    return LLVM::BitcastOp::create(b, b.getI32Type(), x);
  }

  /// What tf32 keeps of `x`, and the rest.
  std::pair<Value, Value> split(Value x) {
    Value mask = arith::ConstantOp::create(
        b, b.getI32IntegerAttr(static_cast<int32_t>(0xffffe000)));
    Value high = arith::AndIOp::create(b, toBits(x), mask);
    Value kept = LLVM::BitcastOp::create(b, b.getF32Type(), high);
    return {high, toBits(b.fsub(x, kept))};
  }

  SmallVector<Value> loadInput(Value place) {
    SmallVector<Value> x;
    for (int64_t half = 0; half < 2; ++half) {
      Value four = b.load(
          b.at(b.at(input, b.getF32Type(), place), b.getF32Type(), 4 * half),
          VectorType::get({4}, b.getF32Type()), 16);
      for (int64_t i = 0; i < 4; ++i)
        x.push_back(b.extract(four, i));
    }
    return x;
  }

  SmallVector<Value> multiply(ArrayRef<Value> weights, ArrayRef<Value> x,
                              ArrayRef<Value> sums) {
    SmallVector<Value> operands(weights);
    llvm::append_range(operands, x);
    llvm::append_range(operands, sums);
    auto type = LLVM::LLVMStructType::getLiteral(
        b.getContext(), SmallVector<Type>(4, b.getF32Type()));
    Value product =
        LLVM::CallIntrinsicOp::create(
            b, type, b.getStringAttr("llvm.nvvm.mma.m16n8k8.row.col.tf32"),
            operands)
            .getResults();
    SmallVector<Value> results;
    for (int64_t i = 0; i < 4; ++i)
      results.push_back(LLVM::ExtractValueOp::create(b, product, i));
    return results;
  }

  /// The places of chunks `chunk`, `chunk + kWarps` and so on.
  SmallVector<Value> getPlaces(Value chunk, int64_t unroll) {
    SmallVector<Value> places;
    for (int64_t i = 0; i < unroll; ++i) {
      Value place = getPlace(b.add(chunk, i * kWarps));
      // With a size that is no multiple, some lanes are past the end: they
      // load what is before it, and count nothing.
      if (size % kChunk != 0)
        place = b.min(place, b.index(size - kPiece));
      places.push_back(place);
    }
    return places;
  }

  SmallVector<Loads> loadAll(ArrayRef<Value> places) {
    return llvm::map_to_vector(places,
                               [&](Value place) { return loadWeights(place); });
  }

  /// Adds the products of chunks `chunk`, `chunk + kWarps` and so on. `loads`
  /// are the weights, if they are loaded.
  SmallVector<Value> add(Value chunk, int64_t unroll, ValueRange sums,
                         SmallVector<Loads> loads = {}) {
    SmallVector<Value> next(sums);
    SmallVector<Value> places = getPlaces(chunk, unroll);
    if (loads.empty())
      loads = loadAll(places);
    for (int64_t i = 0; i < unroll; ++i) {
      Value isInside;
      if (size % kChunk != 0)
        isInside = b.isEqual(places[i], getPlace(b.add(chunk, i * kWarps)));
      SmallVector<Value> x = loadInput(places[i]);
      for (int64_t step = 0; step < kPiece / 2; ++step) {
        SmallVector<Value, 2> high(2), low(2);
        for (int64_t k = 0; k < 2; ++k) {
          Value own = x[2 * step + k];
          if (isInside)
            own = b.select(isInside, own, b.f32(0));
          std::tie(high[k], low[k]) = split(own);
        }
        for (int64_t tile = 0; tile < tiles; ++tile) {
          SmallVector<Value, 4> weights = getOperands(loads[i], tile, step);
          for (Value &weight : weights) {
            weight = b.toFloats(b.pack({weight}));
            weight = b.extract(weight, 0);
            if (isInside)
              weight = b.select(isInside, weight, b.f32(0));
            weight = toBits(weight);
          }
          auto own = MutableArrayRef(next).slice(4 * tile, 4);
          SmallVector<Value> sum = multiply(weights, low, own);
          llvm::copy(multiply(weights, high, sum), own.begin());
        }
      }
    }
    return next;
  }

  /// Waits for what was launched before. Then the sums of chunks [first, last),
  /// every eighth from this warp's on. If there are `least` chunks at least,
  /// and that is enough, the first weights are loaded before.
  SmallVector<Value> run(Value first, Value last, int64_t least,
                         int64_t unroll) {
    SmallVector<Value> sums(4 * tiles, b.f32(0));
    Value from = b.add(first, b.warp());
    Value stride = b.index(unroll * kWarps);
    if (least >= unroll * kWarps) {
      SmallVector<Loads> loads = loadAll(getPlaces(from, unroll));
      b.waitForEarlier();
      sums = add(from, unroll, sums, loads);
      from = b.add(from, stride);
    } else {
      b.waitForEarlier();
    }
    // As many whole rounds as there are, for this warp.
    Value left = b.max(b.sub(last, from), b.index(0));
    Value mine = b.ceilDiv(left, kWarps);
    Value middle = b.add(from, b.mul(b.div(mine, unroll), stride));
    sums = b.fold(from, middle, stride, sums,
                  [&](Value chunk, ValueRange carried) {
                    return add(chunk, unroll, carried);
                  });
    return b.fold(middle, last, b.index(kWarps), sums,
                  [&](Value chunk, ValueRange carried) {
                    return add(chunk, 1, carried);
                  });
  }

  static int64_t getScratchBytes(int64_t tiles) {
    return kWarps * tiles * kTileRows * kRows * int64_t(sizeof(float));
  }

  /// Adds up the warps of a block and calls `body` for each result: its tile,
  /// its row in it, the row of the input, the sum. With `together`, each thread
  /// gets the sums of that many tiles at once, for the first of them.
  void sumWarps(
      ArrayRef<Value> sums, int64_t together,
      llvm::function_ref<void(Value, Value, Value, ArrayRef<Value>)> body) {
    Type f32 = b.getF32Type();
    constexpr int64_t kTile = kTileRows * kRows;
    Value shared = b.getShared();
    Value own = b.at(shared, f32, b.mul(b.warp(), tiles * kTile));
    for (int64_t tile = 0; tile < tiles; ++tile)
      for (int64_t i = 0; i < 4; ++i) {
        // The layout of results: rows lane / 4 and 8 behind, two columns each.
        Value row = b.add(group, 8 * (i / 2));
        Value column = b.add(b.mul(id, 2), i % 2);
        Value at = b.add(b.mul(row, kRows), column);
        b.store(sums[4 * tile + i],
                b.at(b.at(own, f32, tile * kTile), f32, at));
      }
    b.barrier();
    b.loop(b.thread(), b.index(tiles / together * kTile), b.getThreads(),
           [&](Value place) {
             Value at = b.rem(place, kTile);
             Value tile = b.mul(b.div(place, kTile), together);
             SmallVector<Value> totals;
             for (int64_t i = 0; i < together; ++i) {
               Value from = b.add(b.mul(b.add(tile, i), kTile), at);
               Value total = b.f32(0);
               for (int64_t warp = 0; warp < kWarps; ++warp)
                 total = b.fadd(total, b.load(b.at(b.at(shared, f32, from), f32,
                                                   warp * tiles * kTile),
                                              f32));
               totals.push_back(total);
             }
             body(tile, b.div(at, kRows), b.rem(at, kRows), totals);
           });
  }
};
} // namespace

/// Whether summands come in pieces of 16 bytes.
static bool hasPieces(Type element, int64_t size) {
  return (element.isF16() || element.isBF16()) && size % kPiece == 0;
}

//===----------------------------------------------------------------------===//
// Rows of a weight as dot products
//===----------------------------------------------------------------------===//

bool cuda::hasMatrixLinear(const LinearSpec &spec) {
  return hasPieces(spec.element, spec.in);
}

/// Rows of a product that a block has. With two tiles the input is loaded half
/// as often; but no multiprocessor of a large GPU should have more rows than
/// the others.
static int64_t getBlockRows(const LinearSpec &spec) {
  constexpr int64_t kMultiprocessors = 132;
  auto getMostRows = [&](int64_t blockRows) {
    int64_t blocks = llvm::divideCeil(llvm::sum_of(spec.outs), blockRows);
    return blockRows * llvm::divideCeil(blocks, kMultiprocessors);
  };
  if (spec.isGated || getMostRows(kTileRows) < getMostRows(2 * kTileRows))
    return kTileRows;
  return 2 * kTileRows;
}

static SmallVector<int64_t> getProductBlocks(const LinearSpec &spec) {
  return llvm::map_to_vector(spec.outs, [&](int64_t out) {
    return static_cast<int64_t>(llvm::divideCeil(out, getBlockRows(spec)));
  });
}

int64_t cuda::getMatrixLinearBlocks(const LinearSpec &spec) {
  return llvm::sum_of(getProductBlocks(spec));
}

int64_t cuda::getMatrixLinearKernel(DeviceLibrary &library,
                                    const LinearSpec &spec) {
  SmallVector<Type> types{library.getPointer()};
  appendLinearTypes(library, spec, types);
  int64_t blockRows = getBlockRows(spec);
  int64_t tiles = spec.isGated ? 2 : blockRows / kTileRows;
  return library.get(
      "matrix_linear_" + spec.getName(), types,
      KernelShape{.threads = kWarps * kWarp,
                  .sharedBytes = MatrixGenerator::getScratchBytes(tiles),
                  .waitsItself = true},
      [&](DeviceBuilder &b, ValueRange args) {
        auto [products, numbers] =
            takeLinearArguments(b, spec, args.drop_front());
        Value rows = numbers[0], part = numbers[1], tokens = numbers[2];
        auto [own, block] =
            chooseProduct(b, products, getProductBlocks(spec), b.block());
        Value first = b.mul(block, blockRows);
        Value firstRow = b.mul(b.block(gpu::Dimension::y), kRows);
        Value group = b.div(b.lane(), 4), id = b.rem(b.lane(), 4);
        // A row of the input that is not there is the last once more.
        Value row = b.min(b.add(firstRow, group), b.add(rows, -1));
        Value sequence = arith::DivUIOp::create(b, row, part);
        Value token = arith::RemUIOp::create(b, row, part);
        row = b.add(b.add(b.mul(sequence, tokens), numbers[3]), token);
        // Two rows of the weights for each tile.
        SmallVector<Value> weights;
        for (int64_t tile = 0; tile < tiles; ++tile)
          for (int64_t half = 0; half < 2; ++half) {
            int64_t behind = (spec.isGated ? 0 : tile * kTileRows) + 8 * half;
            Value at =
                b.min(b.add(b.add(first, group), behind), b.add(own.out, -1));
            weights.push_back(
                b.at(spec.isGated && tile ? own.factor : own.weight,
                     spec.element, b.mul(at, spec.in)));
          }
        auto load = [&](Value place) {
          MatrixGenerator::Loads loads;
          for (Value weight : weights)
            loads.push_back(b.loadOnce(b.at(weight, spec.element, place),
                                       VectorType::get({kPiece}, spec.element),
                                       kLoadBytes));
          return loads;
        };
        auto getOperands = [&](const MatrixGenerator::Loads &loads,
                               int64_t tile, int64_t step) {
          return makeOperands([&](int64_t k, int64_t half) {
            return b.extract(loads[2 * tile + half], 2 * step + k);
          });
        };
        MatrixGenerator generator{
            b,
            spec.element,
            spec.in,
            tiles,
            b.at(args[0], b.getF32Type(), b.mul(row, spec.in)),
            group,
            id,
            load,
            getOperands};
        int64_t chunks = llvm::divideCeil(spec.in, kChunk);
        SmallVector<Value> sums = generator.run(
            b.index(0), b.index(chunks), chunks, /*unroll=*/8 / (2 * tiles));
        generator.sumWarps(
            sums, spec.isGated ? 2 : 1,
            [&, own = own](Value tile, Value at, Value row,
                           ArrayRef<Value> totals) {
              Value out = b.add(first, b.add(b.mul(tile, kTileRows), at));
              row = b.add(firstRow, row);
              Value inside = arith::AndIOp::create(b, b.isLess(out, own.out),
                                                   b.isLess(row, rows));
              b.when(inside, [&] {
                own.finish(b, spec.epilogue, totals[0], totals.back(), row,
                           out);
              });
            });
      });
}

//===----------------------------------------------------------------------===//
// Rows of a weight, scaled and summed
//===----------------------------------------------------------------------===//

/// Columns of a block: eight neighbours for each group of lanes.
static constexpr int64_t kColumns = 64;

bool cuda::hasMatrixRowSum(RankedTensorType weight) {
  return hasPieces(weight.getElementType(), weight.getDimSize(0)) &&
         weight.getDimSize(1) % kPiece == 0;
}

int64_t cuda::getMatrixRowSumBlocks(RankedTensorType weight) {
  return llvm::divideCeil(weight.getDimSize(1), kColumns);
}

int64_t cuda::getMatrixRowSumKernel(DeviceLibrary &library,
                                    RankedTensorType weight, int64_t parts) {
  int64_t in = weight.getDimSize(0), out = weight.getDimSize(1);
  Type element = weight.getElementType();
  SmallVector<Type> types(3, library.getPointer());
  types.push_back(library.getNumber());
  constexpr int64_t kTiles = kColumns / kTileRows;
  return library.get(
      ("matrix_row_sum_" + Twine(in) + "x" + Twine(out) + "_" +
       nameElement(element) + "_parts" + Twine(parts))
          .str(),
      types,
      KernelShape{.threads = kWarps * kWarp,
                  .sharedBytes = MatrixGenerator::getScratchBytes(kTiles),
                  .waitsItself = true},
      [&](DeviceBuilder &b, ValueRange args) {
        Type f32 = b.getF32Type();
        Value rows = args[3], part = b.block(gpu::Dimension::y);
        Value firstRow = b.mul(b.block(gpu::Dimension::z), kRows);
        Value firstColumn = b.mul(b.block(), kColumns);
        Value group = b.div(b.lane(), 4), id = b.rem(b.lane(), 4);
        Value row = b.min(b.add(firstRow, group), b.add(rows, -1));
        Value column = b.min(b.add(firstColumn, b.mul(group, kPiece)),
                             b.index(out - kPiece));
        Value matrix = b.at(args[1], element, column);
        auto load = [&](Value place) {
          MatrixGenerator::Loads loads;
          for (int64_t i = 0; i < kPiece; ++i)
            loads.push_back(
                b.loadOnce(b.at(matrix, element, b.mul(b.add(place, i), out)),
                           VectorType::get({kPiece}, element), kLoadBytes));
          return loads;
        };
        // Columns 2 * tile and the next of the lane's eight are rows of a tile.
        auto getOperands = [&](const MatrixGenerator::Loads &loads,
                               int64_t tile, int64_t step) {
          return makeOperands([&](int64_t k, int64_t half) {
            return b.extract(loads[2 * step + k], 2 * tile + half);
          });
        };
        MatrixGenerator generator{b,
                                  element,
                                  in,
                                  kTiles,
                                  b.at(args[0], f32, b.mul(row, in)),
                                  group,
                                  id,
                                  load,
                                  getOperands};
        int64_t chunks = llvm::divideCeil(in, kChunk);
        int64_t each = llvm::divideCeil(chunks, parts);
        Value first = b.min(b.mul(part, each), b.index(chunks));
        Value last = b.min(b.add(first, each), b.index(chunks));
        SmallVector<Value> sums = generator.run(
            first, last, /*least=*/chunks - (parts - 1) * each, /*unroll=*/1);
        generator.sumWarps(
            sums, 1,
            [&](Value tile, Value at, Value row, ArrayRef<Value> totals) {
              Value column = b.add(firstColumn,
                                   b.add(b.mul(b.rem(at, 8), kPiece),
                                         b.add(b.mul(tile, 2), b.div(at, 8))));
              row = b.add(firstRow, row);
              Value inside = arith::AndIOp::create(
                  b, b.isLess(column, b.index(out)), b.isLess(row, rows));
              b.when(inside, [&] {
                Value line = b.add(b.mul(part, rows), row);
                b.store(totals[0],
                        b.at(args[2], f32, b.add(b.mul(line, out), column)));
              });
            });
      });
}
