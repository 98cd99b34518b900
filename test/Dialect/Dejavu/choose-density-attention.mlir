// What a predictor of heads saves depends on what becomes of keys and values.
// Projections of queries and outputs have 16 KiB here, the predictor 320 bytes.
// RUN: dejavu-opt %s --dejavu-choose-density --remarks-filter=sparsify 2>%t | FileCheck %s --check-prefixes=CHECK,KEPT
// RUN: FileCheck %s --check-prefix=AUTO < %t
// RUN: dejavu-opt %s --dejavu-choose-density=kv=eager --remarks-filter=sparsify 2>&1 >/dev/null | FileCheck %s --check-prefix=EAGER
// RUN: dejavu-opt %s --dejavu-choose-density=kv=deferred --remarks-filter=sparsify 2>&1 >/dev/null | FileCheck %s --check-prefix=DEFERRED
// RUN: dejavu-opt %s --dejavu-choose-density=min-saving=0.6 --remarks-filter=sparsify 2>%t | FileCheck %s --check-prefixes=CHECK,GONE
// RUN: FileCheck %s --check-prefix=STRICT < %t

dejavu.weight @w : tensor<64x64xf32> from <"m", offset = 0, length = 16384>
dejavu.weight @b : tensor<64xf32> from <"m", offset = 0, length = 256>
dejavu.weight @narrow : tensor<16x64xf32> from <"m", offset = 0, length = 4096>
dejavu.weight @first : tensor<1x64xf32> from <"p", offset = 0, length = 256, predictors>
dejavu.weight @second : tensor<1x8xf32> from <"p", offset = 0, length = 32, predictors>
dejavu.weight @bias : tensor<8xf32> from <"p", offset = 0, length = 32, predictors>
dejavu.weight @second2 : tensor<1x2xf32> from <"p", offset = 0, length = 8, predictors>

// CHECK-LABEL: func.func @decode(
func.func @decode(%x: tensor<?x1x64xf32>, %t: tensor<?x1x8xf32>, %starts: tensor<?xi64>,
                  %c0: !dejavu.kv_cache<8 x 8>, %c1: !dejavu.kv_cache<2 x 8>, %c2: !dejavu.kv_cache<8 x 8>)
    -> (tensor<?x1x64xf32>, !dejavu.kv_cache<8 x 8>, !dejavu.kv_cache<2 x 8>, !dejavu.kv_cache<8 x 8>) {
  // Every query head has keys of its own: they are deferred, behind a rotation,
  // too. A bias of the output is read whatever is selected, the others not.
  // Half of 16.25 + 16 + 16.25 + 16 and the predictor; or of the first two.
  %p = dejavu.predict low_rank %x, first = @first second = @second bias = @bias : tensor<?x1x64xf32> -> tensor<?x1x8xf32>
  %s = dejavu.select top_k %p k = 4 profile = <density = 0.5, active = 0.5, recall = 0.9, loss = 0.01> : tensor<?x1x8xf32> -> !dejavu.active<kv_group, 8>
  %q0 = dejavu.linear %x, @w, @b : tensor<?x1x64xf32> -> tensor<?x1x64xf32>
  %k0 = dejavu.linear %x, @w, @b : tensor<?x1x64xf32> -> tensor<?x1x64xf32>
  %v0 = dejavu.linear %x, @w : tensor<?x1x64xf32> -> tensor<?x1x64xf32>
  %r0 = dejavu.rope %k0, %t heads = 8 : tensor<?x1x64xf32>, tensor<?x1x8xf32>
  %e0 = dejavu.kv_append %c0, %r0, %v0 : !dejavu.kv_cache<8 x 8>, tensor<?x1x64xf32>
  // KEPT: dejavu.attention {{.*}} predicted(
  // GONE: dejavu.attention {{.*}} masked_rows = zero : tensor
  // AUTO: [Passed] density {{.*}}Function=decode | Remark="attention is predicted: 50.0 % of its units, 32.6 KiB a token, 64.5 without, 1.00 % of its output lost"
  // DEFERRED: Remark="attention is predicted: 50.0 % of its units, 32.6 KiB a token, 64.5 without, 1.00 % of its output lost"
  // EAGER: Remark="attention is predicted: 50.0 % of its units, 16.4 KiB a token, 32.2 without, 1.00 % of its output lost"
  // STRICT: [Missed] density {{.*}}Function=decode | Remark="attention stays dense: with a predictor it would read 32.6 KiB a token, 64.5 without"
  %a0, %d0 = dejavu.attention %q0, %e0, %starts scale = 1.0 masked_rows = zero predicted(%s : !dejavu.active<kv_group, 8>) : tensor<?x1x64xf32>, !dejavu.kv_cache<8 x 8>, tensor<?xi64>
  %o0 = dejavu.linear %a0, @w, @b : tensor<?x1x64xf32> -> tensor<?x1x64xf32>

  // Four query heads share keys, which are few bytes: eager unless asked for.
  %p1 = dejavu.predict low_rank %o0, first = @first second = @second2 : tensor<?x1x64xf32> -> tensor<?x1x2xf32>
  %s1 = dejavu.select top_k %p1 k = 1 profile = <density = 0.5, active = 0.5, recall = 0.9, loss = 0.0> : tensor<?x1x2xf32> -> !dejavu.active<kv_group, 2>
  %q1 = dejavu.linear %o0, @w : tensor<?x1x64xf32> -> tensor<?x1x64xf32>
  %k1 = dejavu.linear %o0, @narrow : tensor<?x1x64xf32> -> tensor<?x1x16xf32>
  %e1 = dejavu.kv_append %c1, %k1, %k1 : !dejavu.kv_cache<2 x 8>, tensor<?x1x16xf32>
  // KEPT: dejavu.attention {{.*}} predicted(
  // GONE: dejavu.attention {{.*}} masked_rows = zero : tensor
  // AUTO: Remark="attention is predicted: 50.0 % of its units, 16.3 KiB a token, 32.0 without, 0.00 % of its output lost"
  // DEFERRED: Remark="attention is predicted: 50.0 % of its units, 20.3 KiB a token, 40.0 without, 0.00 % of its output lost"
  // EAGER: Remark="attention is predicted: 50.0 % of its units, 16.3 KiB a token, 32.0 without, 0.00 % of its output lost"
  %a1, %d1 = dejavu.attention %q1, %e1, %starts scale = 1.0 masked_rows = zero predicted(%s1 : !dejavu.active<kv_group, 2>) : tensor<?x1x64xf32>, !dejavu.kv_cache<2 x 8>, tensor<?xi64>
  %o1 = dejavu.linear %a1, @w : tensor<?x1x64xf32> -> tensor<?x1x64xf32>

  // All heads are selected.
  %s2 = dejavu.select threshold %p at 0.0 profile = <density = 1.0, active = 1.0, recall = 1.0, loss = 0.0> : tensor<?x1x8xf32> -> !dejavu.active<kv_group, 8>
  %e2 = dejavu.kv_append %c2, %q1, %q1 : !dejavu.kv_cache<8 x 8>, tensor<?x1x64xf32>
  // CHECK: dejavu.attention {{.*}} masked_rows = zero : tensor
  // EAGER: Remark="attention stays dense: with a predictor it would read 32.3 KiB a token, 32.0 without"
  %a2, %d2 = dejavu.attention %q1, %e2, %starts scale = 1.0 masked_rows = zero predicted(%s2 : !dejavu.active<kv_group, 8>) : tensor<?x1x64xf32>, !dejavu.kv_cache<8 x 8>, tensor<?xi64>
  %o2 = dejavu.linear %a2, @w : tensor<?x1x64xf32> -> tensor<?x1x64xf32>
  return %o2, %d0, %d1, %d2 : tensor<?x1x64xf32>, !dejavu.kv_cache<8 x 8>, !dejavu.kv_cache<2 x 8>, !dejavu.kv_cache<8 x 8>
}
