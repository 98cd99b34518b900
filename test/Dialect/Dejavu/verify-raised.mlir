// RUN: dejavu-opt %s --dejavu-verify-raised | FileCheck %s

// CHECK: dejavu.signature
dejavu.signature inputs [] outputs []

// CHECK: func.func @prefill
func.func @prefill(%c: !dejavu.kv_cache<2 x 4>, %k: tensor<?x?x8xf32>) -> !dejavu.kv_cache<2 x 4>
    attributes {dejavu.entry = #dejavu.entry<prefill>} {
  %c1 = dejavu.kv_append %c, %k, %k : !dejavu.kv_cache<2 x 4>, tensor<?x?x8xf32>
  return %c1 : !dejavu.kv_cache<2 x 4>
}
func.func @decode() attributes {dejavu.entry = #dejavu.entry<decode>} { return }
