// What is printed of a profile is what is read back, to the last digit.
// RUN: dejavu-opt %s | FileCheck %s

// CHECK-NOT: density = 1.000000e+00
// CHECK: density = 9.9999998999999995e-01
func.func @profile() attributes {note = #dejavu.profile<density = 0.99999999, active = 0.5, recall = 0.5, loss = 0.0>} { return }
