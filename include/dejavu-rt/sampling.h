//===- sampling.h - what the choice of an id is made of ---------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The numbers of the sampler, which exists twice: in the runtime
// (lib/Runtime/Sampler.h says what it does) and as a kernel
// (lib/Conversion/DejavuToCUDA/SampleKernels.cpp). Both compute in integers
// from the second step on, so both choose the same id from the same logits.
//
// 1. The key of a logit: (greatest logit - logit) in f32, times `scale` in f64,
//    without its fraction; ids whose key is not below DEJAVU_SAMPLING_KEYS have
//    weight 0.
// 2. The weight of a key: 2^OCTAVES / 2^(key / 2^FRACTION_BITS). The fraction f
//    of the exponent, shifted to 32 bits, goes into a polynomial, Horner's way:
//    p = c[6]; p = c[i] - (f * p >> 32) for i = 5 .. 0. That is 2^31 / 2^f to a
//    relative error of 2^-27.
// 3. Draw number n of a row: the finalizer of SplitMix64 of seed +
//    (n + 1) * STEP.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_RT_SAMPLING_H
#define DEJAVU_RT_SAMPLING_H

#define DEJAVU_SAMPLING_FRACTION_BITS 26
#define DEJAVU_SAMPLING_OCTAVES 40
#define DEJAVU_SAMPLING_KEYS                                                   \
  ((uint32_t)DEJAVU_SAMPLING_OCTAVES << DEJAVU_SAMPLING_FRACTION_BITS)

/// From c[0] on: with the least greatest error for 0 <= f < 1, times 2^31.
#define DEJAVU_SAMPLING_POLYNOMIAL                                             \
  {2147483645u, 1488521954u, 515877927u, 119166311u,                           \
   20573444u,   2739957u,    235034u}

/// Ids that a vocabulary has at most: sums of so many weights fit 63 bits.
#define DEJAVU_SAMPLING_MAX_VOCABULARY ((int64_t)1 << 22)

#define DEJAVU_SAMPLING_STEP 0x9E3779B97F4A7C15u
/// The finalizer: z ^= z >> 30, z *= MIX_1, z ^= z >> 27, z *= MIX_2,
/// z ^= z >> 31.
#define DEJAVU_SAMPLING_MIX_1 0xBF58476D1CE4E5B9u
#define DEJAVU_SAMPLING_MIX_2 0x94D049BB133111EBu

#endif // DEJAVU_RT_SAMPLING_H
