// RUN: dejavu-opt %s --convert-dejavu-to-cuda --split-input-file --verify-diagnostics
// RUN: not dejavu-opt %s --convert-dejavu-to-cuda=chips=sm_1 --split-input-file 2>&1 | FileCheck %s
// CHECK: expected one of the chips sm_80, sm_86, sm_89, sm_90, sm_100, sm_120, found 'sm_1'

// expected-error@+1 {{expected the entry points @prefill and @decode: models without a cache are not compiled for CUDA}}
module {
  dejavu.weight @w : tensor<4x4xf32> from #dejavu.source<"w", offset = 0, length = 64>
  func.func @forward(%x: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {dejavu.entry = #dejavu.entry<forward>} {
    return %x : tensor<?x4xf32>
  }
}

// -----

module {
  dejavu.weight @w : tensor<4x4xf32> from #dejavu.source<"w", offset = 0, length = 64>
  // expected-error@+1 {{expected the arguments ids, positions, starts, logits_from and caches, found}}
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
    // expected-error@+1 {{'tensor.cast' op has no kernel for CUDA}}
    %y = tensor.cast %x : tensor<?x?x4xf32> to tensor<?x?x4xf32>
    %l = dejavu.lm_head %y, @w : tensor<?x?x4xf32> -> tensor<?x?x4xf32>
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
    // expected-error@+1 {{'dejavu.lm_head' op has no kernel for CUDA unless its result is returned}}
    %l = dejavu.lm_head %x, @w : tensor<?x?x4xf32> -> tensor<?x?x4xf32>
    %y = dejavu.residual_add %l, %l : tensor<?x?x4xf32>
    return %y : tensor<?x?x4xf32>
  }
  func.func @decode(%ids: tensor<?x1xi64>, %p: tensor<?x1xi64>, %starts: tensor<?xi64>) -> tensor<?x1x4xf32> {
    %x = dejavu.embed %ids, @w : tensor<?x1xi64> -> tensor<?x1x4xf32>
    %l = dejavu.lm_head %x, @w : tensor<?x1x4xf32> -> tensor<?x1x4xf32>
    %y = dejavu.residual_add %l, %l : tensor<?x1x4xf32>
    return %y : tensor<?x1x4xf32>
  }
}

// -----

module {
  dejavu.weight @w : tensor<4x4xf32> from #dejavu.source<"w", offset = 0, length = 64>
  func.func @prefill(%ids: tensor<?x?xi64>, %p: tensor<?x?xi64>, %starts: tensor<?xi64>, %from: index) -> tensor<?x?x4xf32> {
    %x = dejavu.embed %ids, @w : tensor<?x?xi64> -> tensor<?x?x4xf32>
    %f = dejavu.ffn relu %x, up = @w down = @w : tensor<?x?x4xf32>
    %l = dejavu.lm_head %f, @w : tensor<?x?x4xf32> -> tensor<?x?x4xf32>
    return %l : tensor<?x?x4xf32>
  }
  func.func @decode(%ids: tensor<?x1xi64>, %p: tensor<?x1xi64>, %starts: tensor<?xi64>) -> tensor<?x1x4xf32> {
    %x = dejavu.embed %ids, @w : tensor<?x1xi64> -> tensor<?x1x4xf32>
    %h = dejavu.linear %x, @w activation = relu : tensor<?x1x4xf32> -> tensor<?x1x4xf32>
    // expected-error@+1 {{'dejavu.select' op has no kernel for CUDA: expected an exact selection}}
    %s = dejavu.select threshold %h at 0.5 : tensor<?x1x4xf32> -> !dejavu.active<neuron, 4>
    %f = dejavu.sparse_linear %h, %s, @w : tensor<?x1x4xf32>, !dejavu.active<neuron, 4> -> tensor<?x1x4xf32>
    %l = dejavu.lm_head %f, @w : tensor<?x1x4xf32> -> tensor<?x1x4xf32>
    return %l : tensor<?x1x4xf32>
  }
}

// -----

module {
  dejavu.weight @w : tensor<4x4xf32> from #dejavu.source<"w", offset = 0, length = 64>
  func.func @prefill(%ids: tensor<?x?xi64>, %p: tensor<?x?xi64>, %starts: tensor<?xi64>, %from: index) -> tensor<?x?x4xf32> {
    %x = dejavu.embed %ids, @w : tensor<?x?xi64> -> tensor<?x?x4xf32>
    %f = dejavu.ffn relu %x, up = @w down = @w : tensor<?x?x4xf32>
    %l = dejavu.lm_head %f, @w : tensor<?x?x4xf32> -> tensor<?x?x4xf32>
    return %l : tensor<?x?x4xf32>
  }
  func.func @decode(%ids: tensor<?x1xi64>, %p: tensor<?x1xi64>, %starts: tensor<?xi64>) -> tensor<?x1x4xf32> {
    %x = dejavu.embed %ids, @w : tensor<?x1xi64> -> tensor<?x1x4xf32>
    // expected-error@+1 {{'dejavu.predict' op has no kernel for CUDA}}
    %h = dejavu.predict low_rank %x, first = @w second = @w : tensor<?x1x4xf32> -> tensor<?x1x4xf32>
    %s = dejavu.select threshold %h at 0.5 : tensor<?x1x4xf32> -> !dejavu.active<neuron, 4>
    %f = dejavu.sparse_ffn relu %x, %s, up = @w down = @w : tensor<?x1x4xf32>, !dejavu.active<neuron, 4>
    %l = dejavu.lm_head %f, @w : tensor<?x1x4xf32> -> tensor<?x1x4xf32>
    return %l : tensor<?x1x4xf32>
  }
}

// -----

module {
  dejavu.weight @w : tensor<4x4xf32> from #dejavu.source<"w", offset = 0, length = 64>
  func.func @prefill(%ids: tensor<?x?xi64>, %p: tensor<?x?xi64>, %starts: tensor<?xi64>, %from: index) -> tensor<?x?x4xf32> {
    %x = dejavu.embed %ids, @w : tensor<?x?xi64> -> tensor<?x?x4xf32>
    %f = dejavu.ffn relu %x, up = @w down = @w : tensor<?x?x4xf32>
    %l = dejavu.lm_head %f, @w : tensor<?x?x4xf32> -> tensor<?x?x4xf32>
    return %l : tensor<?x?x4xf32>
  }
  func.func @decode(%ids: tensor<?x1xi64>, %p: tensor<?x1xi64>, %starts: tensor<?xi64>) -> tensor<?x1x4xf32> {
    %x = dejavu.embed %ids, @w : tensor<?x1xi64> -> tensor<?x1x4xf32>
    %h = dejavu.linear %x, @w activation = relu : tensor<?x1x4xf32> -> tensor<?x1x4xf32>
    %s = dejavu.select exact %h : tensor<?x1x4xf32> -> !dejavu.active<neuron, 4>
    // expected-error@+1 {{'dejavu.sparse_ffn' op has no kernel for CUDA}}
    %f = dejavu.sparse_ffn relu %x, %s, up = @w down = @w : tensor<?x1x4xf32>, !dejavu.active<neuron, 4>
    %l = dejavu.lm_head %f, @w : tensor<?x1x4xf32> -> tensor<?x1x4xf32>
    return %l : tensor<?x1x4xf32>
  }
}

// -----

module {
  dejavu.weight @w : tensor<4x4xf32> from #dejavu.source<"w", offset = 0, length = 64>
  func.func @prefill(%ids: tensor<?x?xi64>, %p: tensor<?x?xi64>, %starts: tensor<?xi64>, %from: index) -> tensor<?x?x4xf32> {
    %x = dejavu.embed %ids, @w : tensor<?x?xi64> -> tensor<?x?x4xf32>
    %f = dejavu.ffn relu %x, up = @w down = @w : tensor<?x?x4xf32>
    %l = dejavu.lm_head %f, @w : tensor<?x?x4xf32> -> tensor<?x?x4xf32>
    return %l : tensor<?x?x4xf32>
  }
  func.func @decode(%ids: tensor<?x1xi64>, %p: tensor<?x1xi64>, %starts: tensor<?xi64>) -> tensor<?x1x4xf32> {
    %x = dejavu.embed %ids, @w : tensor<?x1xi64> -> tensor<?x1x4xf32>
    %h = dejavu.linear %x, @w activation = relu : tensor<?x1x4xf32> -> tensor<?x1x4xf32>
    %s = dejavu.select exact %h : tensor<?x1x4xf32> -> !dejavu.active<neuron, 4>
    // expected-error@+1 {{'dejavu.sparse_linear' op has no kernel for CUDA: expected the set of what is not zero in the input}}
    %f = dejavu.sparse_linear %x, %s, @w : tensor<?x1x4xf32>, !dejavu.active<neuron, 4> -> tensor<?x1x4xf32>
    %l = dejavu.lm_head %f, @w : tensor<?x1x4xf32> -> tensor<?x1x4xf32>
    return %l : tensor<?x1x4xf32>
  }
}

// -----

module {
  dejavu.weight @w : tensor<4194305x1xf32> from #dejavu.source<"w", offset = 0, length = 16777220>
  func.func @prefill(%ids: tensor<?x?xi64>, %p: tensor<?x?xi64>, %starts: tensor<?xi64>, %from: index) -> tensor<?x?x4194305xf32> {
    %x = dejavu.embed %ids, @w : tensor<?x?xi64> -> tensor<?x?x1xf32>
    %l = dejavu.lm_head %x, @w : tensor<?x?x1xf32> -> tensor<?x?x4194305xf32>
    return %l : tensor<?x?x4194305xf32>
  }
  // expected-error@+1 {{expected a vocabulary of at most 4194304 ids, found 4194305}}
  func.func @decode(%ids: tensor<?x1xi64>, %p: tensor<?x1xi64>, %starts: tensor<?xi64>) -> tensor<?x1x4194305xf32> {
    %x = dejavu.embed %ids, @w : tensor<?x1xi64> -> tensor<?x1x1xf32>
    %l = dejavu.lm_head %x, @w : tensor<?x1x1xf32> -> tensor<?x1x4194305xf32>
    return %l : tensor<?x1x4194305xf32>
  }
}
