// Files that must be refused, and are not yet, each with an error at the file.
// DEFINE: %{read} = not dejavu-opt %s --dejavu-insert-predictors
// RUN: rm -rf %t && %python %S/Inputs/broken_predictors.py %t && cd %t

// Bits behind the last feature, which generated code counts.
// RUN: %{read}=file=signs-unused.safetensors 2>&1 | FileCheck %s --check-prefix=UNUSED
// UNUSED: signs-unused.safetensors:0:0: error: {{.*}}'layers.1.neuron.signs'

// A threshold that is finite, but not as the f32 that the program compares with.
// RUN: %{read}=file=threshold-f32.safetensors 2>&1 | FileCheck %s --check-prefix=FINITE
// FINITE: threshold-f32.safetensors:0:0: error: predictors[1]: expected a finite 'threshold'

// A second threshold that is no number must not be taken for none.
// RUN: %{read}=file=down-text.safetensors 2>&1 | FileCheck %s --check-prefix=DOWN
// DOWN: down-text.safetensors:0:0: error: predictors[1]: expected a finite 'down_threshold'

