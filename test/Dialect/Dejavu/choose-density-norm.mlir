// Keys behind a norm of heads are not deferred: they are nothing that a predictor
// saves. Half of 16 + 16 KiB.
// RUN: dejavu-opt %s --dejavu-choose-density --remarks-filter=sparsify 2>&1 | FileCheck %s

dejavu.weight @w : tensor<64x64xf32> from <"m", offset = 0, length = 16384>
func.func @decode(%x: tensor<?x1x64xf32>, %p: tensor<?x1x8xf32>, %starts: tensor<?xi64>, %c0: !dejavu.kv_cache<8 x 8>) -> (tensor<?x1x64xf32>, !dejavu.kv_cache<8 x 8>) {
  %s = dejavu.select top_k %p k = 4 profile = <density = 0.5, active = 0.5, recall = 0.9, loss = 0.0> : tensor<?x1x8xf32> -> !dejavu.active<kv_group, 8>
  %q = dejavu.linear %x, @w : tensor<?x1x64xf32> -> tensor<?x1x64xf32>
  %k = dejavu.linear %x, @w : tensor<?x1x64xf32> -> tensor<?x1x64xf32>
  %v = dejavu.linear %x, @w : tensor<?x1x64xf32> -> tensor<?x1x64xf32>
  %n = dejavu.norm rms %k {epsilon = 1.0e-5 : f32, groups = 8 : i64} : tensor<?x1x64xf32>
  %c1 = dejavu.kv_append %c0, %n, %v : !dejavu.kv_cache<8 x 8>, tensor<?x1x64xf32>
  // CHECK: 16.0 KiB a token, 32.0 without
  %a, %c2 = dejavu.attention %q, %c1, %starts scale = 1.0 masked_rows = zero predicted(%s : !dejavu.active<kv_group, 8>) : tensor<?x1x64xf32>, !dejavu.kv_cache<8 x 8>, tensor<?xi64>
  %o = dejavu.linear %a, @w : tensor<?x1x64xf32> -> tensor<?x1x64xf32>
  return %o, %c2 : tensor<?x1x64xf32>, !dejavu.kv_cache<8 x 8>
}
