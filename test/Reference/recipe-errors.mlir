// Recipes that cannot be carried out. Their scales are found when a weight is
// read, since a recipe is no use of a symbol that the verifier sees.

module attributes {dejavu.source = "model.onnx"} {
dejavu.weight @scales : tensor<4x2xf32> from #dejavu.source<"w", offset = 0, length = 32>
dejavu.weight @row : tensor<4xf32> from #dejavu.source<"w", offset = 0, length = 16>
dejavu.weight @quantised : tensor<4x2xf32> from #dejavu.source<"w", offset = 0, length = 8>
    as tensor<4x2xi8> via [#dejavu.dequantize<scales = @scales, axis = 1, block_size = 1>]

// RUN: not dejavu-interpret %s --function missing 2>&1 | FileCheck %s --check-prefix=MISSING
// MISSING: error: {{.*}}scales @nowhere are not a dejavu.weight
dejavu.weight @missing.w : tensor<4x6xf32> from #dejavu.source<"w", offset = 0, length = 24>
    as tensor<4x6xi8> via [#dejavu.dequantize<scales = @nowhere, axis = 1, block_size = 3>]
func.func @missing() -> tensor<4x6xf32> {
  %0 = dejavu.load_weight @missing.w : tensor<4x6xf32>
  return %0 : tensor<4x6xf32>
}

// RUN: not dejavu-interpret %s --function blocks 2>&1 | FileCheck %s --check-prefix=BLOCKS
// BLOCKS: error: {{.*}}expected scales for blocks of 2 along axis 1 of 'tensor<4x6xi8>', found 'tensor<4x2xf32>'
dejavu.weight @blocks.w : tensor<4x6xf32> from #dejavu.source<"w", offset = 0, length = 24>
    as tensor<4x6xi8> via [#dejavu.dequantize<scales = @scales, axis = 1, block_size = 2>]
func.func @blocks() -> tensor<4x6xf32> {
  %0 = dejavu.load_weight @blocks.w : tensor<4x6xf32>
  return %0 : tensor<4x6xf32>
}

// RUN: not dejavu-interpret %s --function rank 2>&1 | FileCheck %s --check-prefix=RANK
// RANK: error: {{.*}}expected scales for blocks of 6 along axis 1 of 'tensor<4x6xi8>', found 'tensor<4xf32>'
dejavu.weight @rank.w : tensor<4x6xf32> from #dejavu.source<"w", offset = 0, length = 24>
    as tensor<4x6xi8> via [#dejavu.dequantize<scales = @row, axis = 1, block_size = 6>]
func.func @rank() -> tensor<4x6xf32> {
  %0 = dejavu.load_weight @rank.w : tensor<4x6xf32>
  return %0 : tensor<4x6xf32>
}

// RUN: not dejavu-interpret %s --function nested 2>&1 | FileCheck %s --check-prefix=NESTED
// NESTED: error: {{.*}}expected scales @quantised that need no scales of their own
dejavu.weight @nested.w : tensor<4x6xf32> from #dejavu.source<"w", offset = 0, length = 24>
    as tensor<4x6xi8> via [#dejavu.dequantize<scales = @quantised, axis = 1, block_size = 3>]
func.func @nested() -> tensor<4x6xf32> {
  %0 = dejavu.load_weight @nested.w : tensor<4x6xf32>
  return %0 : tensor<4x6xf32>
}
}
