// What a file of predictors must be, whatever the model is: a safetensors file
// whose metadata and entries are as docs/Predictors.md says.
// DEFINE: %{read} = not dejavu-opt %s --dejavu-insert-predictors
// RUN: rm -rf %t && %python %S/Inputs/broken_predictors.py %t && cd %t

// What is no safetensors file, or ends too early.
// RUN: %{read}=file=none.safetensors 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: {{^}}none.safetensors:0:0: error: expected a file with predictors, found none{{$}}
// NONE-NOT: {{.}}
// RUN: %{read}=file=empty.safetensors 2>&1 | FileCheck %s --check-prefix=EMPTY
// EMPTY: {{^}}empty.safetensors:0:0: error: expected a safetensors file, found 0 bytes{{$}}
// EMPTY-NOT: {{.}}
// RUN: %{read}=file=seven.safetensors 2>&1 | FileCheck %s --check-prefix=SEVEN
// SEVEN: {{^}}seven.safetensors:0:0: error: expected a safetensors file, found 7 bytes{{$}}
// SEVEN-NOT: {{.}}
// RUN: %{read}=file=long.safetensors 2>&1 | FileCheck %s --check-prefix=LONG
// LONG: {{^}}long.safetensors:0:0: error: expected a safetensors file with a header of {{[0-9]+}} bytes, found {{[0-9]+}} bytes{{$}}
// LONG-NOT: {{.}}
// RUN: %{read}=file=endless.safetensors 2>&1 | FileCheck %s --check-prefix=ENDLESS
// ENDLESS: {{^}}endless.safetensors:0:0: error: expected a safetensors file with a header of 18446744073709551615 bytes, found {{[0-9]+}} bytes{{$}}
// ENDLESS-NOT: {{.}}
// RUN: %{read}=file=onnx.safetensors 2>&1 | FileCheck %s --check-prefix=ONNX
// ONNX: {{^}}onnx.safetensors:0:0: error: expected a safetensors file with a header of {{[0-9]+}} bytes, found 10 bytes{{$}}
// ONNX-NOT: {{.}}
// RUN: %{read}=file=truncated.safetensors 2>&1 | FileCheck %s --check-prefix=TRUNCATED
// TRUNCATED: {{^}}truncated.safetensors:0:0: error: tensor 'layers.1.neuron.bias': expected the file to have {{[0-9]+}} bytes, found {{[0-9]+}} (truncated?){{$}}
// TRUNCATED-NOT: {{.}}
// RUN: %{read}=file=text.safetensors 2>&1 | FileCheck %s --check-prefix=TEXT
// TEXT: {{^}}text.safetensors:0:0: error: the header is not JSON: {{.+}}{{$}}
// TEXT-NOT: {{.}}
// RUN: %{read}=file=brackets.safetensors 2>&1 | FileCheck %s --check-prefix=BRACKETS
// BRACKETS: {{^}}brackets.safetensors:0:0: error: expected a header of tensors, found one that is nested too deeply{{$}}
// BRACKETS-NOT: {{.}}

// What calibration has not written.
// RUN: %{read}=file=array.safetensors 2>&1 | FileCheck %s --check-prefix=ARRAY
// RUN: %{read}=file=other.safetensors 2>&1 | FileCheck %s --check-prefix=ARRAY
// RUN: %{read}=file=no-format.safetensors 2>&1 | FileCheck %s --check-prefix=ARRAY
// RUN: %{read}=file=no-metadata.safetensors 2>&1 | FileCheck %s --check-prefix=ARRAY
// RUN: %{read}=file=number.safetensors 2>&1 | FileCheck %s --check-prefix=ARRAY
// ARRAY: {{^}}{{.+}}.safetensors:0:0: error: expected a file that `dejavu calibrate` has written: its metadata say 'format': 'dejavu-predictors-1'{{$}}
// ARRAY-NOT: {{.}}

// Metadata.
// RUN: %{read}=file=no-digest.safetensors 2>&1 | FileCheck %s --check-prefix=NO-DIGEST
// NO-DIGEST: {{^}}no-digest.safetensors:0:0: error: expected the metadata 'model_digest'{{$}}
// NO-DIGEST-NOT: {{.}}
// RUN: %{read}=file=sparsity.safetensors 2>&1 | FileCheck %s --check-prefix=SPARSITY
// SPARSITY: {{^}}sparsity.safetensors:0:0: error: expected 'sparsity' to be predicted or threshold, found 'exact'{{$}}
// SPARSITY-NOT: {{.}}
// RUN: %{read}=file=no-sparsity.safetensors 2>&1 | FileCheck %s --check-prefix=NO-SPARSITY
// NO-SPARSITY: {{^}}no-sparsity.safetensors:0:0: error: expected 'sparsity' to be predicted or threshold, found ''{{$}}
// NO-SPARSITY-NOT: {{.}}
// RUN: %{read}=file=look-ahead.safetensors 2>&1 | FileCheck %s --check-prefix=LOOK-AHEAD
// LOOK-AHEAD: {{^}}look-ahead.safetensors:0:0: error: expected 'look_ahead' to be same, half or full, found 'next'{{$}}
// LOOK-AHEAD-NOT: {{.}}
// RUN: %{read}=file=no-look-ahead.safetensors 2>&1 | FileCheck %s --check-prefix=NO-LOOK-AHEAD
// NO-LOOK-AHEAD: {{^}}no-look-ahead.safetensors:0:0: error: expected 'look_ahead' to be same, half or full, found ''{{$}}
// NO-LOOK-AHEAD-NOT: {{.}}
// RUN: %{read}=file=no-predictors.safetensors 2>&1 | FileCheck %s --check-prefix=NO-PREDICTORS
// RUN: %{read}=file=predictors-text.safetensors 2>&1 | FileCheck %s --check-prefix=NO-PREDICTORS
// NO-PREDICTORS: {{^}}{{.+}}.safetensors:0:0: error: 'predictors' is not JSON: {{.+}}{{$}}
// NO-PREDICTORS-NOT: {{.}}
// RUN: %{read}=file=predictors-object.safetensors 2>&1 | FileCheck %s --check-prefix=PREDICTORS-OBJECT
// RUN: %{read}=file=predictors-none.safetensors 2>&1 | FileCheck %s --check-prefix=PREDICTORS-OBJECT
// PREDICTORS-OBJECT: {{^}}{{.+}}.safetensors:0:0: error: expected 'predictors' to be a list of layers{{$}}
// PREDICTORS-OBJECT-NOT: {{.}}
// RUN: %{read}=file=predictors-number.safetensors 2>&1 | FileCheck %s --check-prefix=PREDICTORS-NUMBER
// PREDICTORS-NUMBER: {{^}}predictors-number.safetensors:0:0: error: predictors[0]: expected an object{{$}}
// PREDICTORS-NUMBER-NOT: {{.}}

// Entries.
// RUN: %{read}=file=no-layer.safetensors 2>&1 | FileCheck %s --check-prefix=NO-LAYER
// RUN: %{read}=file=layer-negative.safetensors 2>&1 | FileCheck %s --check-prefix=NO-LAYER
// RUN: %{read}=file=layer-fraction.safetensors 2>&1 | FileCheck %s --check-prefix=NO-LAYER
// RUN: %{read}=file=unit.safetensors 2>&1 | FileCheck %s --check-prefix=NO-LAYER
// NO-LAYER: {{^}}{{.+}}.safetensors:0:0: error: predictors[1]: expected a 'layer', and a 'unit' that is neuron or kv_group{{$}}
// NO-LAYER-NOT: {{.}}
// RUN: %{read}=file=duplicate.safetensors 2>&1 | FileCheck %s --check-prefix=DUPLICATE
// DUPLICATE: {{^}}duplicate.safetensors:0:0: error: predictors[2]: expected one entry for the neurons of layer 0, found another{{$}}
// DUPLICATE-NOT: {{.}}
// RUN: %{read}=file=duplicate-dense.safetensors 2>&1 | FileCheck %s --check-prefix=DUPLICATE-DENSE
// DUPLICATE-DENSE: {{^}}duplicate-dense.safetensors:0:0: error: predictors[2]: expected one entry for the neurons of layer 1, found another{{$}}
// DUPLICATE-DENSE-NOT: {{.}}
// RUN: %{read}=file=no-units.safetensors 2>&1 | FileCheck %s --check-prefix=NO-UNITS
// NO-UNITS: {{^}}no-units.safetensors:0:0: error: predictors[1]: expected a positive number of 'units'{{$}}
// NO-UNITS-NOT: {{.}}
// RUN: %{read}=file=density.safetensors 2>&1 | FileCheck %s --check-prefix=DENSITY
// DENSITY: {{^}}density.safetensors:0:0: error: predictors[1]: expected 'density' to be between 0 and 1{{$}}
// DENSITY-NOT: {{.}}
// RUN: %{read}=file=recall.safetensors 2>&1 | FileCheck %s --check-prefix=RECALL
// RECALL: {{^}}recall.safetensors:0:0: error: predictors[1]: expected 'recall' to be between 0 and 1{{$}}
// RECALL-NOT: {{.}}
// RUN: %{read}=file=loss.safetensors 2>&1 | FileCheck %s --check-prefix=LOSS
// LOSS: {{^}}loss.safetensors:0:0: error: predictors[1]: expected 'loss' to be between 0 and 1{{$}}
// LOSS-NOT: {{.}}
// RUN: %{read}=file=select.safetensors 2>&1 | FileCheck %s --check-prefix=SELECT
// SELECT: {{^}}select.safetensors:0:0: error: predictors[1]: expected 'select' to be threshold or top_k, found 'exact'{{$}}
// SELECT-NOT: {{.}}
// RUN: %{read}=file=k-none.safetensors 2>&1 | FileCheck %s --check-prefix=K-NONE
// RUN: %{read}=file=k-negative.safetensors 2>&1 | FileCheck %s --check-prefix=K-NONE
// RUN: %{read}=file=k-more.safetensors 2>&1 | FileCheck %s --check-prefix=K-NONE
// RUN: %{read}=file=k-fraction.safetensors 2>&1 | FileCheck %s --check-prefix=K-NONE
// K-NONE: {{^}}{{.+}}.safetensors:0:0: error: predictors[1]: expected 'k' to be between 0 and 16{{$}}
// K-NONE-NOT: {{.}}
// RUN: %{read}=file=no-threshold.safetensors 2>&1 | FileCheck %s --check-prefix=NO-THRESHOLD
// RUN: %{read}=file=threshold-text.safetensors 2>&1 | FileCheck %s --check-prefix=NO-THRESHOLD
// RUN: %{read}=file=threshold-huge.safetensors 2>&1 | FileCheck %s --check-prefix=NO-THRESHOLD
// RUN: %{read}=file=magnitude-negative.safetensors 2>&1 | FileCheck %s --check-prefix=NO-THRESHOLD
// NO-THRESHOLD: {{^}}{{.+}}.safetensors:0:0: error: predictors[{{[01]}}]: expected a finite 'threshold'{{$}}
// NO-THRESHOLD-NOT: {{.}}
// RUN: %{read}=file=magnitude-top-k.safetensors 2>&1 | FileCheck %s --check-prefix=MAGNITUDE-TOP-K
// MAGNITUDE-TOP-K: {{^}}magnitude-top-k.safetensors:0:0: error: predictors[1]: expected 'select' to be threshold{{.*}}, found 'top_k'{{$}}
// MAGNITUDE-TOP-K-NOT: {{.}}
// RUN: %{read}=file=down-negative.safetensors 2>&1 | FileCheck %s --check-prefix=DOWN-NEGATIVE
// DOWN-NEGATIVE: {{^}}down-negative.safetensors:0:0: error: predictors[1]: expected a finite 'down_threshold'{{$}}
// DOWN-NEGATIVE-NOT: {{.}}
// RUN: %{read}=file=down-huge.safetensors 2>&1 | FileCheck %s --check-prefix=DOWN-HUGE
// DOWN-HUGE: {{^}}down-huge.safetensors:0:0: error: predictors[0]: expected a finite 'down_threshold'{{$}}
// DOWN-HUGE-NOT: {{.}}
// RUN: %{read}=file=no-features.safetensors 2>&1 | FileCheck %s --check-prefix=NO-FEATURES
// NO-FEATURES: {{^}}no-features.safetensors:0:0: error: predictors[1]: expected a positive number of 'features'{{$}}
// NO-FEATURES-NOT: {{.}}
// RUN: %{read}=file=kind.safetensors 2>&1 | FileCheck %s --check-prefix=KIND
// KIND: {{^}}kind.safetensors:0:0: error: predictors[1]: expected 'kind' to be low_rank or sign_bit, found 'mlp'{{$}}
// KIND-NOT: {{.}}
// RUN: %{read}=file=no-kind.safetensors 2>&1 | FileCheck %s --check-prefix=NO-KIND
// NO-KIND: {{^}}no-kind.safetensors:0:0: error: predictors[1]: expected 'kind' to be low_rank or sign_bit, found ''{{$}}
// NO-KIND-NOT: {{.}}
// RUN: %{read}=file=no-rank.safetensors 2>&1 | FileCheck %s --check-prefix=NO-RANK
// NO-RANK: {{^}}no-rank.safetensors:0:0: error: predictors[1]: expected a positive 'rank'{{$}}
// NO-RANK-NOT: {{.}}
