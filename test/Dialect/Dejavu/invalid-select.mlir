// What chooses units: predict and select, their attributes, and in_major.
// There is a case for each constraint of an op, named after both.
// RUN: dejavu-opt %s --split-input-file --verify-diagnostics

// expected-note @below {{the weight is declared here}}
dejavu.weight @first : tensor<3x9xf32> from <"m", offset = 0, length = 108>
dejavu.weight @second : tensor<3x32xf32> from <"m", offset = 0, length = 384>
func.func @predict_c1_first(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{'dejavu.predict' op expected first factor @first of [?, 8], found 'tensor<3x9xf32>'}}
  %0 = dejavu.predict low_rank %x, first = @first second = @second : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  return
}

// -----

// The rank is that of the first factor.
dejavu.weight @first : tensor<3x8xf32> from <"m", offset = 0, length = 96>
// expected-note @below {{the weight is declared here}}
dejavu.weight @second : tensor<4x32xf32> from <"m", offset = 0, length = 512>
func.func @predict_c1_rank(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected second factor @second of [3, 32], found 'tensor<4x32xf32>'}}
  %0 = dejavu.predict low_rank %x, first = @first second = @second : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  return
}

// -----

dejavu.weight @first : tensor<3x8xf32> from <"m", offset = 0, length = 96>
// expected-note @below {{the weight is declared here}}
dejavu.weight @second : tensor<3x16xf32> from <"m", offset = 0, length = 192>
func.func @predict_c1_units(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected second factor @second of [3, 32], found 'tensor<3x16xf32>'}}
  %0 = dejavu.predict low_rank %x, first = @first second = @second : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  return
}

// -----

dejavu.weight @first : tensor<3x8xf32> from <"m", offset = 0, length = 96>
func.func @predict_c1_none(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected a second factor for low_rank, and none for sign_bit}}
  %0 = dejavu.predict low_rank %x, first = @first : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  return
}

// -----

dejavu.weight @first : tensor<3x8xf32> from <"m", offset = 0, length = 96>
func.func @predict_c1_missing(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{'dejavu.predict' op second factor @nowhere is not a dejavu.weight}}
  %0 = dejavu.predict low_rank %x, first = @first second = @nowhere : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  return
}

// -----

// The ninth feature needs a second byte.
// expected-note @below {{the weight is declared here}}
dejavu.weight @signs : tensor<1x32xi8> from <"m", offset = 0, length = 32>
func.func @predict_c2_shape(%x: tensor<?x1x9xf32>) {
  // expected-error @below {{expected signs @signs of [2, 32], found 'tensor<1x32xi8>'}}
  %0 = dejavu.predict sign_bit %x, first = @signs : tensor<?x1x9xf32> -> tensor<?x1x32xf32>
  return
}

// -----

dejavu.weight @signs : tensor<1x32xf32> from <"m", offset = 0, length = 128>
func.func @predict_c2_type(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected signs of 8-bit integers, found 'f32'}}
  %0 = dejavu.predict sign_bit %x, first = @signs : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  return
}

// -----

dejavu.weight @signs : tensor<1x32xi16> from <"m", offset = 0, length = 64>
func.func @predict_c2_wide(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected signs of 8-bit integers, found 'i16'}}
  %0 = dejavu.predict sign_bit %x, first = @signs : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  return
}

// -----

dejavu.weight @signs : tensor<1x32xi8> from <"m", offset = 0, length = 32>
dejavu.weight @second : tensor<3x32xf32> from <"m", offset = 0, length = 384>
func.func @predict_c2_second(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected a second factor for low_rank, and none for sign_bit}}
  %0 = dejavu.predict sign_bit %x, first = @signs second = @second : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  return
}

// -----

dejavu.weight @first : tensor<3x8xf32> from <"m", offset = 0, length = 96>
dejavu.weight @second : tensor<3x32xf32> from <"m", offset = 0, length = 384>
// expected-note @below {{the weight is declared here}}
dejavu.weight @bias : tensor<8xf32> from <"m", offset = 0, length = 32>
func.func @predict_c3(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected bias @bias of [32], found 'tensor<8xf32>'}}
  %0 = dejavu.predict low_rank %x, first = @first second = @second bias = @bias : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  return
}

// -----

dejavu.weight @signs : tensor<1x32xi8> from <"m", offset = 0, length = 32>
// expected-note @below {{the weight is declared here}}
dejavu.weight @bias : tensor<32x1xf32> from <"m", offset = 0, length = 128>
func.func @predict_c3_sign_bit(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected bias @bias of [32], found 'tensor<32x1xf32>'}}
  %0 = dejavu.predict sign_bit %x, first = @signs bias = @bias : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  return
}

// -----

dejavu.weight @first : tensor<3x8xf32> from <"m", offset = 0, length = 96>
dejavu.weight @second : tensor<3x32xf32> from <"m", offset = 0, length = 384>
func.func @predict_c4(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected equal batch and tokens, found 'tensor<?x1x8xf32>' and 'tensor<?x2x32xf32>'}}
  %0 = dejavu.predict low_rank %x, first = @first second = @second : tensor<?x1x8xf32> -> tensor<?x2x32xf32>
  return
}

// -----

dejavu.weight @first : tensor<3x8xf32> from <"m", offset = 0, length = 96>
dejavu.weight @second : tensor<3x32xf32> from <"m", offset = 0, length = 384>
func.func @predict_c5(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected an epsilon that is not negative}}
  %0 = dejavu.predict low_rank %x, first = @first second = @second {epsilon = -1.0e-5 : f32} : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  return
}

// -----

dejavu.weight @first : tensor<3x8xi8> from <"m", offset = 0, length = 24>
dejavu.weight @second : tensor<3x32xi8> from <"m", offset = 0, length = 96>
func.func @predict_c6_none(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected a scale for factors of 8-bit integers, and none for others}}
  %0 = dejavu.predict low_rank %x, first = @first second = @second : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  return
}

// -----

dejavu.weight @first : tensor<3x8xf32> from <"m", offset = 0, length = 96>
dejavu.weight @second : tensor<3x32xf32> from <"m", offset = 0, length = 384>
dejavu.weight @scale : tensor<32xf32> from <"m", offset = 0, length = 128>
func.func @predict_c6_floats(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected a scale for factors of 8-bit integers, and none for others}}
  %0 = dejavu.predict low_rank %x, first = @first second = @second scale = @scale : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  return
}

// -----

dejavu.weight @first : tensor<1x32xi8> from <"m", offset = 0, length = 32>
dejavu.weight @scale : tensor<32xf32> from <"m", offset = 0, length = 128>
func.func @predict_c6_signs(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected a scale for factors of 8-bit integers, and none for others}}
  %0 = dejavu.predict sign_bit %x, first = @first scale = @scale : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  return
}

// -----

dejavu.weight @first : tensor<3x8xi8> from <"m", offset = 0, length = 24>
dejavu.weight @second : tensor<3x32xf16> from <"m", offset = 0, length = 192>
dejavu.weight @scale : tensor<32xf32> from <"m", offset = 0, length = 128>
func.func @predict_c6_one_factor(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected two factors of 8-bit integers, or none}}
  %0 = dejavu.predict low_rank %x, first = @first second = @second scale = @scale : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  return
}

// -----

dejavu.weight @first : tensor<3x8xi16> from <"m", offset = 0, length = 48>
dejavu.weight @second : tensor<3x32xi16> from <"m", offset = 0, length = 192>
dejavu.weight @scale : tensor<32xf32> from <"m", offset = 0, length = 128>
func.func @predict_c6_wide(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected factors of floats or 8-bit integers, found 'i16'}}
  %0 = dejavu.predict low_rank %x, first = @first second = @second scale = @scale : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  return
}

// -----

dejavu.weight @first : tensor<3x8xi8> from <"m", offset = 0, length = 24>
dejavu.weight @second : tensor<3x32xi8> from <"m", offset = 0, length = 96>
// expected-note @below {{the weight is declared here}}
dejavu.weight @scale : tensor<3xf32> from <"m", offset = 0, length = 12>
func.func @predict_c6_shape(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected scale @scale of [32], found 'tensor<3xf32>'}}
  %0 = dejavu.predict low_rank %x, first = @first second = @second scale = @scale : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  return
}

// -----

func.func @select_c2_magnitude(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected a threshold for magnitude and threshold, and none for exact and top_k}}
  %0 = dejavu.select magnitude %x : tensor<?x1x8xf32> -> !dejavu.active<neuron, 8>
  return
}

// -----

func.func @select_c2_threshold(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected a threshold for magnitude and threshold, and none for exact and top_k}}
  %0 = dejavu.select threshold %x : tensor<?x1x8xf32> -> !dejavu.active<neuron, 8>
  return
}

// -----

func.func @select_c2_exact(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected a threshold for magnitude and threshold, and none for exact and top_k}}
  %0 = dejavu.select exact %x at 0.0 : tensor<?x1x8xf32> -> !dejavu.active<neuron, 8>
  return
}

// -----

func.func @select_c2_top_k(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected a threshold for magnitude and threshold, and none for exact and top_k}}
  %0 = dejavu.select top_k %x at 0.0 k = 1 : tensor<?x1x8xf32> -> !dejavu.active<neuron, 8>
  return
}

// -----

// A NaN.
func.func @select_c2_nan(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected a threshold for magnitude and threshold, and none for exact and top_k}}
  %0 = dejavu.select threshold %x at 0x7FC00000 : tensor<?x1x8xf32> -> !dejavu.active<neuron, 8>
  return
}

// -----

// A NaN, negative and signalling.
func.func @select_c2_negative_nan(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected a threshold for magnitude and threshold, and none for exact and top_k}}
  %0 = dejavu.select magnitude %x at 0xFF800001 : tensor<?x1x8xf32> -> !dejavu.active<neuron, 8>
  return
}

// -----

func.func @select_c3_none(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected a k between 0 and 8 for top_k, and none for other kinds}}
  %0 = dejavu.select top_k %x : tensor<?x1x8xf32> -> !dejavu.active<neuron, 8>
  return
}

// -----

func.func @select_c3_negative(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected a k between 0 and 8 for top_k, and none for other kinds}}
  %0 = dejavu.select top_k %x k = -1 : tensor<?x1x8xf32> -> !dejavu.active<neuron, 8>
  return
}

// -----

func.func @select_c3_more(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected a k between 0 and 8 for top_k, and none for other kinds}}
  %0 = dejavu.select top_k %x k = 9 : tensor<?x1x8xf32> -> !dejavu.active<neuron, 8>
  return
}

// -----

func.func @select_c3_exact(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected a k between 0 and 8 for top_k, and none for other kinds}}
  %0 = dejavu.select exact %x k = 1 : tensor<?x1x8xf32> -> !dejavu.active<neuron, 8>
  return
}

// -----

func.func @select_c3_threshold(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected a k between 0 and 8 for top_k, and none for other kinds}}
  %0 = dejavu.select threshold %x at 0.0 k = 1 : tensor<?x1x8xf32> -> !dejavu.active<neuron, 8>
  return
}

// -----

func.func @select_c1_units(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected an extent of 8, found '!dejavu.active<kv_group, 2>'}}
  %0 = dejavu.select top_k %x k = 1 : tensor<?x1x8xf32> -> !dejavu.active<kv_group, 2>
  return
}

// -----

func.func @profile_density(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected shares between 0 and 1, found 1.200000e+00}}
  %0 = dejavu.select exact %x profile = <density = 1.2, active = 0.0, recall = 0.0, loss = 0.0> : tensor<?x1x8xf32> -> !dejavu.active<neuron, 8>
  return
}

// -----

func.func @profile_loss(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected shares between 0 and 1, found -1.000000e-01}}
  %0 = dejavu.select exact %x profile = <density = 1.0, active = 0.0, recall = 0.0, loss = -0.1> : tensor<?x1x8xf32> -> !dejavu.active<neuron, 8>
  return
}

// -----

func.func @profile_order(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected 'active'}}
  %0 = dejavu.select exact %x profile = <density = 1.0, recall = 1.0, active = 0.0, loss = 0.0> : tensor<?x1x8xf32> -> !dejavu.active<neuron, 8>
  return
}

// -----

// expected-error @below {{expected one of [model, predictors, synthetic] for whose file holds a weight, got: elsewhere}}
// expected-error @below {{failed to parse Dejavu_SourceAttr parameter 'root'}}
dejavu.weight @source_root : tensor<8xf32> from <"m", offset = 0, length = 32, elsewhere>

// -----

// expected-note @below {{the weight is declared here}}
dejavu.weight @w : tensor<4x8xf32> from <"m", offset = 0, length = 128>
func.func @linear_c1_in_major(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected weight @w of [8, 4], found 'tensor<4x8xf32>'}}
  %0 = dejavu.linear %x, @w in_major : tensor<?x1x8xf32> -> tensor<?x1x4xf32>
  return
}

// -----

// The results are columns now, and the bias is theirs.
dejavu.weight @w : tensor<8x4xf32> from <"m", offset = 0, length = 128>
// expected-note @below {{the weight is declared here}}
dejavu.weight @b : tensor<8xf32> from <"m", offset = 0, length = 32>
func.func @linear_c2_in_major(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected bias @b of [4], found 'tensor<8xf32>'}}
  %0 = dejavu.linear %x, @w, @b in_major : tensor<?x1x8xf32> -> tensor<?x1x4xf32>
  return
}
