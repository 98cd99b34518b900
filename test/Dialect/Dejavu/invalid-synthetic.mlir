// RUN: dejavu-opt %s -split-input-file -verify-diagnostics

// expected-error @below {{expected a synthetic source with offset 0 and a formula as in 'uniform(0, 0.03)', found #dejavu.source<"normal(0, 1)"}}
dejavu.weight @w : tensor<4xf32> from <"normal(0, 1)", offset = 0, length = 16, synthetic>

// -----

// expected-error @below {{expected a synthetic source with offset 0}}
dejavu.weight @w : tensor<4xf32> from <"uniform(0, -1)", offset = 0, length = 16, synthetic>

// -----

// expected-error @below {{expected a synthetic source with offset 0}}
dejavu.weight @w : tensor<4xf32> from <"geometric(0, 1)", offset = 0, length = 16, synthetic>

// -----

// expected-error @below {{expected a synthetic source with offset 0}}
dejavu.weight @w : tensor<4xf32> from <"uniform(0, 1)", offset = 4, length = 16, synthetic>

// -----

// expected-error @below {{expected a synthetic weight of floating-point numbers, found 'tensor<4xi32>'}}
dejavu.weight @w : tensor<4xi32> from <"uniform(0, 1)", offset = 0, length = 16, synthetic>

// -----

// expected-error @below {{recipe step #dejavu.take_rows<[0, 2]> does not apply to a synthetic weight}}
dejavu.weight @w : tensor<2x2xf32> from <"uniform(0, 1)", offset = 0, length = 32, synthetic>
    as tensor<4x2xf32> via [#dejavu.take_rows<[0, 2]>]
