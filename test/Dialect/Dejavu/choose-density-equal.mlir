// A predictor by which a block reads no fewer bytes does not stay: 11 + 53 + 8
// KiB with it, 64 + 8 without.
// RUN: dejavu-opt %s --dejavu-choose-density | FileCheck %s

dejavu.weight @up : tensor<256x64xf32> from <"m", offset = 0, length = 65536>
dejavu.weight @first : tensor<8x64xf32> from <"p", offset = 0, length = 2048, predictors>
dejavu.weight @second : tensor<8x256xf32> from <"p", offset = 0, length = 8192, predictors>
dejavu.weight @bias : tensor<256xf32> from <"p", offset = 0, length = 1024, predictors>
func.func @decode(%x: tensor<?x1x64xf32>) -> tensor<?x1x64xf32> {
  %p = dejavu.predict low_rank %x, first = @first second = @second bias = @bias : tensor<?x1x64xf32> -> tensor<?x1x256xf32>
  %s = dejavu.select threshold %p at 0.0 profile = <density = 0.828125, active = 0.125, recall = 1.0, loss = 0.0> : tensor<?x1x256xf32> -> !dejavu.active<neuron, 256>
  // CHECK: dejavu.ffn relu %{{.*}}, up = @up down = @up : tensor<?x1x64xf32>
  %0 = dejavu.ffn relu %x, up = @up down = @up predicted(%s : !dejavu.active<neuron, 256>) : tensor<?x1x64xf32>
  return %0 : tensor<?x1x64xf32>
}
