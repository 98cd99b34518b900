// Options that mean nothing; a model that has no blocks of its own stays.
// RUN: not dejavu-opt %s --dejavu-choose-density=kv=late 2>&1 | FileCheck %s --check-prefix=KV
// RUN: not dejavu-opt %s --dejavu-choose-density=min-saving=most 2>&1 | FileCheck %s --check-prefix=SAVING
// RUN: not dejavu-opt %s --dejavu-choose-density=max-loss=1% 2>&1 | FileCheck %s --check-prefix=LOSS
// RUN: dejavu-opt %s --dejavu-choose-density --remarks-filter=sparsify 2>&1 | FileCheck %s

// KV: Cannot find option named 'late'
// SAVING: 'most' value invalid for floating point argument
// LOSS: '1%' value invalid for floating point argument

// CHECK: {{^}}module
// CHECK-NOT: remark:
// CHECK: dejavu.ffn relu {{.*}} predicted(
dejavu.weight @up : tensor<16x8xf32> from <"m", offset = 0, length = 512>
func.func @forward(%x: tensor<?x?x8xf32>, %s: !dejavu.active<neuron, 16>) -> tensor<?x?x8xf32> {
  %f = dejavu.ffn relu %x, up = @up down = @up predicted(%s : !dejavu.active<neuron, 16>) : tensor<?x?x8xf32>
  return %f : tensor<?x?x8xf32>
}
