// Hints stay where they save bytes, by their profile. An MLP here has 64 KiB for
// each projection, its predictor 11 KiB (2 + 8 + 1).
// RUN: dejavu-opt %s --dejavu-choose-density --remarks-filter=sparsify 2>%t | FileCheck %s --check-prefixes=CHECK,ANY
// RUN: FileCheck %s --check-prefix=REMARK < %t
// RUN: dejavu-opt %s --dejavu-choose-density="min-saving=0.1 max-loss=0.02" --remarks-filter=sparsify 2>%t | FileCheck %s --check-prefixes=CHECK,STRICT
// RUN: FileCheck %s --check-prefix=STRICT-REMARK < %t

dejavu.weight @up : tensor<256x64xf32> from <"m", offset = 0, length = 65536>
dejavu.weight @neurons : tensor<256xf32> from <"m", offset = 0, length = 1024>
dejavu.weight @features : tensor<64xf32> from <"m", offset = 0, length = 256>
dejavu.weight @first : tensor<8x64xf32> from <"p", offset = 0, length = 2048, predictors>
dejavu.weight @second : tensor<8x256xf32> from <"p", offset = 0, length = 8192, predictors>
dejavu.weight @bias : tensor<256xf32> from <"p", offset = 0, length = 1024, predictors>
dejavu.weight @signs : tensor<8x256xi8> from <"p", offset = 0, length = 2048, predictors>

// CHECK-LABEL: func.func @decode(
func.func @decode(%x: tensor<?x1x64xf32>, %other: !dejavu.active<neuron, 256>) -> tensor<?x1x64xf32> {
  %p = dejavu.predict low_rank %x, first = @first second = @second bias = @bias : tensor<?x1x64xf32> -> tensor<?x1x256xf32>

  // ReLU: a quarter of the up projection, an eighth of the down projection; as
  // without a predictor of the latter. 11 + 16 + 8, and 64 + 8.
  // CHECK: dejavu.ffn relu {{.*}} predicted(
  // REMARK-DAG: [Passed] density {{.*}}Function=decode | Remark="MLP is predicted: 25.0 % of its units, 35.0 KiB a token, 72.0 without, 0.00 % of its output lost"
  // STRICT-REMARK-DAG: Remark="MLP is predicted: 25.0 % of its units, 35.0 KiB a token, 72.0 without, 0.00 % of its output lost"
  %s0 = dejavu.select threshold %p at 0.0 profile = <density = 0.25, active = 0.125, recall = 1.0, loss = 0.0> : tensor<?x1x256xf32> -> !dejavu.active<neuron, 256>
  %0 = dejavu.ffn relu %x, up = @up down = @up predicted(%s0 : !dejavu.active<neuron, 256>) : tensor<?x1x64xf32>

  // More are active than selected: no more is read than what is selected.
  // 11 + 8 + 8, and 64 + 32.
  // CHECK: dejavu.ffn relu2 {{.*}} predicted(
  // REMARK-DAG: Remark="MLP is predicted: 12.5 % of its units, 27.0 KiB a token, 96.0 without, 1.50 % of its output lost"
  %s1 = dejavu.select top_k %p k = 32 profile = <density = 0.125, active = 0.5, recall = 0.25, loss = 0.015> : tensor<?x1x256xf32> -> !dejavu.active<neuron, 256>
  %1 = dejavu.ffn relu2 %0, up = @up down = @up predicted(%s1 : !dejavu.active<neuron, 256>) : tensor<?x1x64xf32>

  // Nearly all are selected. 11 + 62 + 2, and 64 + 2.
  // CHECK: dejavu.ffn relu %{{.*}}, up = @up down = @up : tensor<?x1x64xf32>
  // REMARK-DAG: [Missed] density {{.*}}Function=decode | Remark="MLP stays exact: with a predictor it would read 75.0 KiB a token, 66.0 without"
  %s2 = dejavu.select threshold %p at 0.0 profile = <density = 0.96875, active = 0.03125, recall = 1.0, loss = 0.0> : tensor<?x1x256xf32> -> !dejavu.active<neuron, 256>
  %2 = dejavu.ffn relu %1, up = @up down = @up predicted(%s2 : !dejavu.active<neuron, 256>) : tensor<?x1x64xf32>

  // It saves less than a tenth. 11 + 48 + 4, and 64 + 4.
  // ANY: dejavu.ffn relu {{.*}} predicted(
  // STRICT: dejavu.ffn relu %{{.*}}, up = @up down = @up : tensor<?x1x64xf32>
  // REMARK-DAG: Remark="MLP is predicted: 75.0 % of its units, 63.0 KiB a token, 68.0 without, 0.00 % of its output lost"
  // STRICT-REMARK-DAG: Remark="MLP stays exact: with a predictor it would read 63.0 KiB a token, 68.0 without"
  %s3 = dejavu.select threshold %p at 0.0 profile = <density = 0.75, active = 0.0625, recall = 1.0, loss = 0.0> : tensor<?x1x256xf32> -> !dejavu.active<neuron, 256>
  %3 = dejavu.ffn relu %2, up = @up down = @up predicted(%s3 : !dejavu.active<neuron, 256>) : tensor<?x1x64xf32>

  // It loses too much.
  // ANY: dejavu.ffn relu {{.*}} predicted(
  // STRICT: dejavu.ffn relu %{{.*}}, up = @up down = @up : tensor<?x1x64xf32>
  // REMARK-DAG: Remark="MLP is predicted: 25.0 % of its units, 35.0 KiB a token, 72.0 without, 2.50 % of its output lost"
  // STRICT-REMARK-DAG: [Missed] density {{.*}}Remark="MLP stays exact: a predictor would lose 2.50 % of its output"
  %s4 = dejavu.select threshold %p at 0.0 profile = <density = 0.25, active = 0.125, recall = 0.5, loss = 0.025> : tensor<?x1x256xf32> -> !dejavu.active<neuron, 256>
  %4 = dejavu.ffn relu %3, up = @up down = @up predicted(%s4 : !dejavu.active<neuron, 256>) : tensor<?x1x64xf32>

  // A gate with ReLU is read for half of the neurons, the rest (which is two
  // projections and a bias) for a quarter. 11 + 32.5 + 32.25, and 65 + 32.25.
  // The bias of the down projection is read whatever is selected.
  // CHECK: dejavu.ffn relu {{.*}} predicted(
  // REMARK-DAG: Remark="MLP is predicted: 50.0 % of its units, 75.8 KiB a token, 97.2 without, 0.00 % of its output lost"
  %s5 = dejavu.select threshold %p at 0.0 profile = <density = 0.5, active = 0.25, recall = 1.0, loss = 0.0> : tensor<?x1x256xf32> -> !dejavu.active<neuron, 256>
  %5 = dejavu.ffn relu %4, gate = @up, @neurons up = @up, @neurons down = @up, @features predicted(%s5 : !dejavu.active<neuron, 256>) : tensor<?x1x64xf32>

  // No neuron is exactly zero: what is active does not count, and without a
  // predictor all is read. 11 + 96, and 192.
  // CHECK: dejavu.ffn silu {{.*}} predicted(
  // REMARK-DAG: Remark="MLP is predicted: 50.0 % of its units, 107.0 KiB a token, 192.0 without, 0.00 % of its output lost"
  %s6 = dejavu.select threshold %p at 0.0 profile = <density = 0.5, active = 0.25, recall = 1.0, loss = 0.0> : tensor<?x1x256xf32> -> !dejavu.active<neuron, 256>
  %6 = dejavu.ffn silu %5, gate = @up up = @up down = @up predicted(%s6 : !dejavu.active<neuron, 256>) : tensor<?x1x64xf32>
  // CHECK: dejavu.ffn gelu %{{.*}}, up = @up down = @up : tensor<?x1x64xf32>
  // REMARK-DAG: [Missed] density {{.*}}Remark="MLP stays dense: with a predictor it would read 139.0 KiB a token, 128.0 without"
  %s7 = dejavu.select threshold %p at 0.0 profile = <density = 1.0, active = 0.25, recall = 1.0, loss = 0.0> : tensor<?x1x256xf32> -> !dejavu.active<neuron, 256>
  %7 = dejavu.ffn gelu %6, up = @up down = @up predicted(%s7 : !dejavu.active<neuron, 256>) : tensor<?x1x64xf32>

  // Signs are small: 2 + 1 + 32 + 8, and 72.
  // CHECK: dejavu.ffn relu {{.*}} predicted(
  // REMARK-DAG: Remark="MLP is predicted: 50.0 % of its units, 43.0 KiB a token, 72.0 without, 0.00 % of its output lost"
  %b = dejavu.predict sign_bit %x, first = @signs bias = @bias : tensor<?x1x64xf32> -> tensor<?x1x256xf32>
  %s8 = dejavu.select top_k %b k = 128 profile = <density = 0.5, active = 0.125, recall = 1.0, loss = 0.0> : tensor<?x1x256xf32> -> !dejavu.active<neuron, 256>
  %8 = dejavu.ffn relu %7, up = @up down = @up predicted(%s8 : !dejavu.active<neuron, 256>) : tensor<?x1x64xf32>

  // Without a profile there is nothing to judge by.
  // CHECK: dejavu.ffn relu {{.*}} predicted(
  // CHECK: dejavu.ffn silu {{.*}} predicted(
  // REMARK-COUNT-2: [Analysis] density {{.*}}Function=decode | Remark="MLP is predicted: its selection has no profile to judge it by"
  %s9 = dejavu.select threshold %p at 0.0 : tensor<?x1x256xf32> -> !dejavu.active<neuron, 256>
  %9 = dejavu.ffn relu %8, up = @up down = @up predicted(%s9 : !dejavu.active<neuron, 256>) : tensor<?x1x64xf32>
  %10 = dejavu.ffn silu %9, up = @up down = @up predicted(%other : !dejavu.active<neuron, 256>) : tensor<?x1x64xf32>

  // What has no hint is not spoken of.
  // CHECK: dejavu.ffn relu %{{.*}}, up = @up down = @up : tensor<?x1x64xf32>
  // REMARK-NOT: remark:
  %11 = dejavu.ffn relu %10, up = @up down = @up : tensor<?x1x64xf32>
  return %11 : tensor<?x1x64xf32>
}

// Only @decode is looked at.
// CHECK-LABEL: func.func @other(
// CHECK: dejavu.ffn gelu {{.*}} predicted(
func.func @other(%x: tensor<?x1x64xf32>) -> tensor<?x1x64xf32> {
  %p = dejavu.predict low_rank %x, first = @first second = @second bias = @bias : tensor<?x1x64xf32> -> tensor<?x1x256xf32>
  %s = dejavu.select threshold %p at 0.0 profile = <density = 1.0, active = 0.25, recall = 1.0, loss = 0.0> : tensor<?x1x256xf32> -> !dejavu.active<neuron, 256>
  %0 = dejavu.ffn gelu %x, up = @up down = @up predicted(%s : !dejavu.active<neuron, 256>) : tensor<?x1x64xf32>
  return %0 : tensor<?x1x64xf32>
}
