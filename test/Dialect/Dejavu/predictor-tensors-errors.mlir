// What the tensors of a file of predictors must be, whatever the model is.
// DEFINE: %{read} = not dejavu-opt %s --dejavu-insert-predictors
// RUN: rm -rf %t && %python %S/Inputs/broken_predictors.py %t && cd %t

// The header of a tensor.
// RUN: %{read}=file=no-object.safetensors 2>&1 | FileCheck %s --check-prefix=NO-OBJECT
// NO-OBJECT: {{^}}no-object.safetensors:0:0: error: tensor 'x': expected dtype, shape and data_offsets{{$}}
// NO-OBJECT-NOT: {{.}}
// RUN: %{read}=file=no-dtype.safetensors 2>&1 | FileCheck %s --check-prefix=NO-DTYPE
// RUN: %{read}=file=no-shape.safetensors 2>&1 | FileCheck %s --check-prefix=NO-DTYPE
// RUN: %{read}=file=no-range.safetensors 2>&1 | FileCheck %s --check-prefix=NO-DTYPE
// RUN: %{read}=file=one-offset.safetensors 2>&1 | FileCheck %s --check-prefix=NO-DTYPE
// NO-DTYPE: {{^}}{{.+}}.safetensors:0:0: error: tensor 'layers.1.neuron.first': expected dtype, shape and data_offsets{{$}}
// NO-DTYPE-NOT: {{.}}
// RUN: %{read}=file=dtype.safetensors 2>&1 | FileCheck %s --check-prefix=DTYPE
// DTYPE: {{^}}dtype.safetensors:0:0: error: tensor 'layers.1.neuron.first': expected F32, F16, BF16, I8 or U8, found I64{{$}}
// DTYPE-NOT: {{.}}
// RUN: %{read}=file=zero.safetensors 2>&1 | FileCheck %s --check-prefix=ZERO
// RUN: %{read}=file=negative.safetensors 2>&1 | FileCheck %s --check-prefix=ZERO
// RUN: %{read}=file=fraction.safetensors 2>&1 | FileCheck %s --check-prefix=ZERO
// RUN: %{read}=file=overflow.safetensors 2>&1 | FileCheck %s --check-prefix=ZERO
// ZERO: {{^}}{{.+}}.safetensors:0:0: error: tensor 'layers.1.neuron.first': expected positive dimensions{{$}}
// ZERO-NOT: {{.}}
// RUN: %{read}=file=scalar.safetensors 2>&1 | FileCheck %s --check-prefix=SCALAR
// SCALAR: {{^}}scalar.safetensors:0:0: error: tensor 'layers.1.neuron.first': expected a range of 4 bytes for its shape{{$}}
// SCALAR-NOT: {{.}}
// RUN: %{read}=file=range.safetensors 2>&1 | FileCheck %s --check-prefix=RANGE
// RUN: %{read}=file=backwards.safetensors 2>&1 | FileCheck %s --check-prefix=RANGE
// RUN: %{read}=file=before.safetensors 2>&1 | FileCheck %s --check-prefix=RANGE
// RANGE: {{^}}{{.+}}.safetensors:0:0: error: tensor 'layers.1.neuron.first': expected a range of 64 bytes for its shape{{$}}
// RANGE-NOT: {{.}}
// RUN: %{read}=file=beyond.safetensors 2>&1 | FileCheck %s --check-prefix=BEYOND
// BEYOND: {{^}}beyond.safetensors:0:0: error: tensor 'layers.1.neuron.first': expected the file to have {{[0-9]+}} bytes, found {{[0-9]+}} (truncated?){{$}}
// BEYOND-NOT: {{.}}

// What an entry needs is not there.
// RUN: %{read}=file=no-first.safetensors 2>&1 | FileCheck %s --check-prefix=NO-FIRST
// NO-FIRST: {{^}}no-first.safetensors:0:0: error: expected a tensor 'layers.1.neuron.first', found none{{$}}
// NO-FIRST-NOT: {{.}}
// RUN: %{read}=file=no-second.safetensors 2>&1 | FileCheck %s --check-prefix=NO-SECOND
// NO-SECOND: {{^}}no-second.safetensors:0:0: error: expected a tensor 'layers.1.neuron.second', found none{{$}}
// NO-SECOND-NOT: {{.}}
// RUN: %{read}=file=no-bias.safetensors 2>&1 | FileCheck %s --check-prefix=NO-BIAS
// NO-BIAS: {{^}}no-bias.safetensors:0:0: error: expected a tensor 'layers.1.neuron.bias', found none{{$}}
// NO-BIAS-NOT: {{.}}
// RUN: %{read}=file=no-signs.safetensors 2>&1 | FileCheck %s --check-prefix=NO-SIGNS
// NO-SIGNS: {{^}}no-signs.safetensors:0:0: error: expected a tensor 'layers.1.neuron.signs', found none{{$}}
// NO-SIGNS-NOT: {{.}}

// Shapes and types.
// RUN: %{read}=file=first-shape.safetensors 2>&1 | FileCheck %s --check-prefix=FIRST-SHAPE
// FIRST-SHAPE: {{^}}first-shape.safetensors:0:0: error: expected 'layers.1.neuron.first' to have [2, 8] elements of F32, F16, BF16 or I8, found 'tensor<8x2xf32>'{{$}}
// FIRST-SHAPE-NOT: {{.}}
// RUN: %{read}=file=first-rank.safetensors 2>&1 | FileCheck %s --check-prefix=FIRST-RANK
// FIRST-RANK: {{^}}first-rank.safetensors:0:0: error: expected 'layers.1.neuron.first' to have [2, 8] elements of F32, F16, BF16 or I8, found 'tensor<16xf32>'{{$}}
// FIRST-RANK-NOT: {{.}}
// RUN: %{read}=file=other-rank.safetensors 2>&1 | FileCheck %s --check-prefix=OTHER-RANK
// OTHER-RANK: {{^}}other-rank.safetensors:0:0: error: expected 'layers.1.neuron.first' to have [3, 8] elements of F32, F16, BF16 or I8, found 'tensor<2x8xf32>'{{$}}
// OTHER-RANK-NOT: {{.}}
// RUN: %{read}=file=first-type.safetensors 2>&1 | FileCheck %s --check-prefix=FIRST-TYPE
// FIRST-TYPE: {{^}}first-type.safetensors:0:0: error: expected 'layers.1.neuron.first' to have [2, 8] elements of F32, F16, BF16 or I8, found 'tensor<2x8xui8>'{{$}}
// FIRST-TYPE-NOT: {{.}}
// RUN: %{read}=file=first-half.safetensors 2>&1 | FileCheck %s --check-prefix=FIRST-HALF
// FIRST-HALF: {{^}}first-half.safetensors:0:0: error: predictors[1]: expected both factors to have one type, found 'tensor<2x8xf16>' and 'tensor<16x2xf32>'{{$}}
// FIRST-HALF-NOT: {{.}}
// RUN: %{read}=file=first-integer.safetensors 2>&1 | FileCheck %s --check-prefix=FIRST-INTEGER
// FIRST-INTEGER: {{^}}first-integer.safetensors:0:0: error: predictors[1]: expected both factors to have one type, found 'tensor<2x8xi8>' and 'tensor<16x2xf32>'{{$}}
// FIRST-INTEGER-NOT: {{.}}
// RUN: %{read}=file=second-shape.safetensors 2>&1 | FileCheck %s --check-prefix=SECOND-SHAPE
// SECOND-SHAPE: {{^}}second-shape.safetensors:0:0: error: expected 'layers.1.neuron.second' to have [16, 2] elements of F32, F16, BF16 or I8, found 'tensor<2x16xf32>'{{$}}
// SECOND-SHAPE-NOT: {{.}}
// RUN: %{read}=file=bias-shape.safetensors 2>&1 | FileCheck %s --check-prefix=BIAS-SHAPE
// BIAS-SHAPE: {{^}}bias-shape.safetensors:0:0: error: expected 'layers.1.neuron.bias' to have [16] elements of F32, found 'tensor<17xf32>'{{$}}
// BIAS-SHAPE-NOT: {{.}}
// RUN: %{read}=file=bias-type.safetensors 2>&1 | FileCheck %s --check-prefix=BIAS-TYPE
// BIAS-TYPE: {{^}}bias-type.safetensors:0:0: error: expected 'layers.1.neuron.bias' to have [16] elements of F32, found 'tensor<16xf16>'{{$}}
// BIAS-TYPE-NOT: {{.}}
// RUN: %{read}=file=bias-integer.safetensors 2>&1 | FileCheck %s --check-prefix=BIAS-INTEGER
// BIAS-INTEGER: {{^}}bias-integer.safetensors:0:0: error: expected 'layers.1.neuron.bias' to have [16] elements of F32, found 'tensor<16xi8>'{{$}}
// BIAS-INTEGER-NOT: {{.}}

// Factors of integers have a scale.
// RUN: %{read}=file=no-scale.safetensors 2>&1 | FileCheck %s --check-prefix=NO-SCALE
// NO-SCALE: {{^}}no-scale.safetensors:0:0: error: expected a tensor 'layers.1.neuron.scale', found none{{$}}
// NO-SCALE-NOT: {{.}}
// RUN: %{read}=file=scale-shape.safetensors 2>&1 | FileCheck %s --check-prefix=SCALE-SHAPE
// SCALE-SHAPE: {{^}}scale-shape.safetensors:0:0: error: expected 'layers.1.neuron.scale' to have [16] elements of F32, found 'tensor<1xf32>'{{$}}
// SCALE-SHAPE-NOT: {{.}}
// RUN: %{read}=file=scale-type.safetensors 2>&1 | FileCheck %s --check-prefix=SCALE-TYPE
// SCALE-TYPE: {{^}}scale-type.safetensors:0:0: error: expected 'layers.1.neuron.scale' to have [16] elements of F32, found 'tensor<16xf16>'{{$}}
// SCALE-TYPE-NOT: {{.}}
// RUN: %{read}=file=signs-shape.safetensors 2>&1 | FileCheck %s --check-prefix=SIGNS-SHAPE
// SIGNS-SHAPE: {{^}}signs-shape.safetensors:0:0: error: expected 'layers.1.neuron.signs' to have [16, 1] elements of U8, found 'tensor<16x2xui8>'{{$}}
// SIGNS-SHAPE-NOT: {{.}}
// RUN: %{read}=file=signs-type.safetensors 2>&1 | FileCheck %s --check-prefix=SIGNS-TYPE
// SIGNS-TYPE: {{^}}signs-type.safetensors:0:0: error: expected 'layers.1.neuron.signs' to have [16, 1] elements of U8, found 'tensor<16x1xf32>'{{$}}
// SIGNS-TYPE-NOT: {{.}}
// RUN: %{read}=file=signs-signed.safetensors 2>&1 | FileCheck %s --check-prefix=SIGNS-SIGNED
// SIGNS-SIGNED: {{^}}signs-signed.safetensors:0:0: error: expected 'layers.1.neuron.signs' to have [16, 1] elements of U8, found 'tensor<16x1xi8>'{{$}}
// SIGNS-SIGNED-NOT: {{.}}

// Numbers that are none, in each type of element.
// RUN: %{read}=file=first-nan.safetensors 2>&1 | FileCheck %s --check-prefix=FIRST-NAN
// FIRST-NAN: {{^}}first-nan.safetensors:0:0: error: expected finite numbers in 'layers.1.neuron.first', found none at element 15{{$}}
// FIRST-NAN-NOT: {{.}}
// RUN: %{read}=file=bias-inf.safetensors 2>&1 | FileCheck %s --check-prefix=BIAS-INF
// BIAS-INF: {{^}}bias-inf.safetensors:0:0: error: expected finite numbers in 'layers.1.neuron.bias', found none at element 15{{$}}
// BIAS-INF-NOT: {{.}}
// RUN: %{read}=file=second-inf.safetensors 2>&1 | FileCheck %s --check-prefix=SECOND-INF
// SECOND-INF: {{^}}second-inf.safetensors:0:0: error: expected finite numbers in 'layers.1.neuron.second', found none at element 31{{$}}
// SECOND-INF-NOT: {{.}}
// RUN: %{read}=file=first-bf16.safetensors 2>&1 | FileCheck %s --check-prefix=FIRST-BF16
// FIRST-BF16: {{^}}first-bf16.safetensors:0:0: error: expected finite numbers in 'layers.1.neuron.first', found none at element 0{{$}}
// FIRST-BF16-NOT: {{.}}
// RUN: %{read}=file=scale-nan.safetensors 2>&1 | FileCheck %s --check-prefix=SCALE-NAN
// SCALE-NAN: {{^}}scale-nan.safetensors:0:0: error: expected finite numbers in 'layers.1.neuron.scale', found none at element 15{{$}}
// SCALE-NAN-NOT: {{.}}
