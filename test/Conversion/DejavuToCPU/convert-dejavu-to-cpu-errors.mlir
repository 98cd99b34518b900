// RUN: dejavu-opt %s --convert-dejavu-to-cpu --split-input-file --verify-diagnostics
// RUN: not dejavu-opt %s --convert-dejavu-to-cpu=lanes=5 --split-input-file 2>&1 | FileCheck %s
// CHECK: expected lanes to be 4, 8 or 16, found 5

// expected-error@+1 {{expected the entry points @prefill and @decode, or @forward}}
module {
}

// -----

module {
  dejavu.weight @w : tensor<4x4xf32> from #dejavu.source<"w", offset = 0, length = 64>
  func.func @prefill(%ids: tensor<?x?xi64>, %p: tensor<?x?xi64>, %starts: tensor<?xi64>, %from: index) {
    return
  }
  // expected-error@+1 {{expected a dejavu.lm_head in @decode}}
  func.func @decode(%ids: tensor<?x1xi64>, %p: tensor<?x1xi64>, %starts: tensor<?xi64>) {
    return
  }
}

// -----

module {
  dejavu.weight @w : tensor<4x4xf32> from #dejavu.source<"w", offset = 0, length = 64>
  // expected-error@+1 {{expected the arguments ids, positions, starts, logits_from and caches}}
  func.func @prefill(%ids: tensor<?x?xi64>, %p: tensor<?x?xi64>, %starts: tensor<?xi64>) -> tensor<?x?x4xf32> {
    %x = dejavu.embed %ids, @w : tensor<?x?xi64> -> tensor<?x?x4xf32>
    %l = dejavu.lm_head %x, @w : tensor<?x?x4xf32> -> tensor<?x?x4xf32>
    return %l : tensor<?x?x4xf32>
  }
  func.func @decode(%ids: tensor<?x1xi64>, %p: tensor<?x1xi64>, %starts: tensor<?xi64>) -> tensor<?x1x4xf32> {
    %x = dejavu.embed %ids, @w : tensor<?x1xi64> -> tensor<?x1x4xf32>
    %l = dejavu.lm_head %x, @w : tensor<?x1x4xf32> -> tensor<?x1x4xf32>
    return %l : tensor<?x1x4xf32>
  }
}

// -----

module {
  dejavu.weight @w : tensor<4x4xf32> from #dejavu.source<"w", offset = 0, length = 64>
  func.func @prefill(%ids: tensor<?x?xi64>, %p: tensor<?x?xi64>, %starts: tensor<?xi64>, %from: index) -> tensor<?x?x4xf32> {
    %x = dejavu.embed %ids, @w : tensor<?x?xi64> -> tensor<?x?x4xf32>
    // expected-error@+1 {{'tensor.cast' op has no lowering for the CPU}}
    %y = tensor.cast %x : tensor<?x?x4xf32> to tensor<?x?x4xf32>
    %l = dejavu.lm_head %y, @w : tensor<?x?x4xf32> -> tensor<?x?x4xf32>
    return %l : tensor<?x?x4xf32>
  }
  func.func @decode(%ids: tensor<?x1xi64>, %p: tensor<?x1xi64>, %starts: tensor<?xi64>) -> tensor<?x1x4xf32> {
    %x = dejavu.embed %ids, @w : tensor<?x1xi64> -> tensor<?x1x4xf32>
    %y = tensor.cast %x : tensor<?x1x4xf32> to tensor<?x1x4xf32>
    %l = dejavu.lm_head %y, @w : tensor<?x1x4xf32> -> tensor<?x1x4xf32>
    return %l : tensor<?x1x4xf32>
  }
}

// -----

module {
  dejavu.weight @w : tensor<4x4xf32> from #dejavu.source<"w", offset = 0, length = 64>
  // expected-error@+1 {{'dejavu.weight' op expected a vector of f32 or a matrix of f32, f16 or bf16, found 'tensor<4xf16>'}}
  dejavu.weight @b : tensor<4xf16> from #dejavu.source<"w", offset = 0, length = 8>
  func.func @prefill(%ids: tensor<?x?xi64>, %p: tensor<?x?xi64>, %starts: tensor<?xi64>, %from: index) -> tensor<?x?x4xf32> {
    %x = dejavu.embed %ids, @w : tensor<?x?xi64> -> tensor<?x?x4xf32>
    %y = dejavu.linear %x, @w, @b : tensor<?x?x4xf32> -> tensor<?x?x4xf32>
    %l = dejavu.lm_head %y, @w : tensor<?x?x4xf32> -> tensor<?x?x4xf32>
    return %l : tensor<?x?x4xf32>
  }
  func.func @decode(%ids: tensor<?x1xi64>, %p: tensor<?x1xi64>, %starts: tensor<?xi64>) -> tensor<?x1x4xf32> {
    %x = dejavu.embed %ids, @w : tensor<?x1xi64> -> tensor<?x1x4xf32>
    %y = dejavu.linear %x, @w, @b : tensor<?x1x4xf32> -> tensor<?x1x4xf32>
    %l = dejavu.lm_head %y, @w : tensor<?x1x4xf32> -> tensor<?x1x4xf32>
    return %l : tensor<?x1x4xf32>
  }
}

// -----

module {
  dejavu.weight @w : tensor<4x4xf32> from #dejavu.source<"w", offset = 0, length = 64>
  func.func @prefill(%ids: tensor<?x?xi64>, %p: tensor<?x?xi64>, %starts: tensor<?xi64>, %from: index) -> tensor<?x?xi64> {
    %x = dejavu.embed %ids, @w : tensor<?x?xi64> -> tensor<?x?x4xf32>
    %l = dejavu.lm_head %x, @w : tensor<?x?x4xf32> -> tensor<?x?x4xf32>
    // expected-error@+1 {{expected logits as first operand}}
    return %ids : tensor<?x?xi64>
  }
  func.func @decode(%ids: tensor<?x1xi64>, %p: tensor<?x1xi64>, %starts: tensor<?xi64>) -> tensor<?x1x4xf32> {
    %x = dejavu.embed %ids, @w : tensor<?x1xi64> -> tensor<?x1x4xf32>
    %l = dejavu.lm_head %x, @w : tensor<?x1x4xf32> -> tensor<?x1x4xf32>
    return %l : tensor<?x1x4xf32>
  }
}

// -----

module {
  // expected-error@+1 {{expected tensors of numbers with at most 8 dimensions as inputs and outputs, found 'tensor<1x1x1x1x1x1x1x1x1xf32>'}}
  func.func @forward(%x: tensor<1x1x1x1x1x1x1x1x1xf32>) {
    return
  }
}

// -----

module {
  func.func private @dense(tensor<?xf32>) -> tensor<?xf32>
  func.func @forward(%x: tensor<?xf32>) -> tensor<?xf32> {
    // expected-error@+1 {{expected a dense function of buffers, found an operand of 'tensor<?xf32>'}}
    %y = call @dense(%x) : (tensor<?xf32>) -> tensor<?xf32>
    return %y : tensor<?xf32>
  }
}

// -----

module {
  dejavu.weight @w : tensor<4x4xf32> from #dejavu.source<"w", offset = 0, length = 64>
  func.func @prefill(%ids: tensor<?x?xi64>, %p: tensor<?x?xi64>, %starts: tensor<?xi64>, %from: index) -> tensor<?x?x4xf32> {
    %x = dejavu.embed %ids, @w : tensor<?x?xi64> -> tensor<?x?x4xf32>
    %l = dejavu.lm_head %x, @w : tensor<?x?x4xf32> -> tensor<?x?x4xf32>
    return %l : tensor<?x?x4xf32>
  }
  // expected-error@+1 {{expected the tap sites of @prefill, of which there are 2, found 'residual_add' of layer 0 besides}}
  func.func @decode(%ids: tensor<?x1xi64>, %p: tensor<?x1xi64>, %starts: tensor<?xi64>) -> tensor<?x1x4xf32> {
    %x = dejavu.embed %ids, @w : tensor<?x1xi64> -> tensor<?x1x4xf32>
    %y = dejavu.residual_add %x, %x : tensor<?x1x4xf32>
    %l = dejavu.lm_head %y, @w : tensor<?x1x4xf32> -> tensor<?x1x4xf32>
    return %l : tensor<?x1x4xf32>
  }
}

// -----

// A prompt has no steps that could be put off.
module {
  dejavu.weight @w : tensor<4x4xf32> from #dejavu.source<"w", offset = 0, length = 64>
  func.func @prefill(%ids: tensor<?x1xi64>, %p: tensor<?x1xi64>, %starts: tensor<?xi64>, %from: index, %c: !dejavu.kv_cache<1 x 4>) -> (tensor<?x1x4xf32>, !dejavu.kv_cache<1 x 4>) {
    %x = dejavu.embed %ids, @w : tensor<?x1xi64> -> tensor<?x1x4xf32>
    %scores = dejavu.linear %x, @one : tensor<?x1x4xf32> -> tensor<?x1x1xf32>
    %s = dejavu.select top_k %scores k = 1 : tensor<?x1x1xf32> -> !dejavu.active<kv_group, 1>
    // expected-error@+1 {{'dejavu.kv_append_deferred' op has a lowering in @decode only}}
    %c1 = dejavu.kv_append_deferred %c, %x, %s key = @w value = @w ring = 4 : !dejavu.kv_cache<1 x 4>, tensor<?x1x4xf32>, !dejavu.active<kv_group, 1>
    %l = dejavu.lm_head %x, @w : tensor<?x1x4xf32> -> tensor<?x1x4xf32>
    return %l, %c1 : tensor<?x1x4xf32>, !dejavu.kv_cache<1 x 4>
  }
  dejavu.weight @one : tensor<1x4xf32> from #dejavu.source<"w", offset = 0, length = 16>
  func.func @decode(%ids: tensor<?x1xi64>, %p: tensor<?x1xi64>, %starts: tensor<?xi64>, %c: !dejavu.kv_cache<1 x 4>) -> (tensor<?x1x4xf32>, !dejavu.kv_cache<1 x 4>) {
    %x = dejavu.embed %ids, @w : tensor<?x1xi64> -> tensor<?x1x4xf32>
    %l = dejavu.lm_head %x, @w : tensor<?x1x4xf32> -> tensor<?x1x4xf32>
    return %l, %c : tensor<?x1x4xf32>, !dejavu.kv_cache<1 x 4>
  }
}
