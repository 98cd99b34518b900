//===- FakeModel.h - a model that tests can compute by hand -----*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Entry points with the ABI of generated code. One layer, two heads of two
// elements, eleven ids. The key of a step holds its id, the value its
// position; the "attention" adds up all visible ids and positions, and the
// logits peak at a known function of the sum:
//
//   next(row) = (sum of visible ids + 3 * sum of visible positions) % 11
//
// plus a weight vector, [11], that every test fills with zeros. So a padded
// row, or a cache that has lost a step, changes the next id.
//
// @decode selects head 1 at every token and head 0 at even ids. Keys and values
// of a head that is not selected are deferred, for three steps at most. What
// @decode computes comes from head 1, what @prefill computes from head 0, so a
// prefill goes wrong if something is missing there.
//
// Counters: 0 counts as many of ten neurons as the id says, 1 the heads, 2 the
// heads whose missing steps are made later, in the steps in which there are
// any.
//
// Tap sites: 0 is the id, [rows, 1]; 1 the sum and the position, [rows, 2]; 2,
// a hidden one, one, two and three times the id, [rows, 3].
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_TEST_UNIT_RUNTIME_FAKEMODEL_H
#define DEJAVU_TEST_UNIT_RUNTIME_FAKEMODEL_H

#include "dejavu-rt/runtime.h"

#include <memory>
#include <string>
#include <vector>

namespace dejavu::rt {
struct LoadedModel;
} // namespace dejavu::rt

namespace dejavu::test {

inline constexpr int64_t kVocab = 11;
inline constexpr int64_t kContext = 16;
inline constexpr int64_t kEos = 7;
inline constexpr int64_t kHeads = 2;
inline constexpr int64_t kHeadDim = 2;
inline constexpr int64_t kRing = 3;

int32_t fakePrefill(dejavu_step *step);
int32_t fakeDecode(dejavu_step *step);

/// What the model says after these ids.
int64_t nextId(const std::vector<int64_t> &ids);

/// The ids that greedy generation adds, with the end-of-sequence id ignored.
std::vector<int64_t> continuation(std::vector<int64_t> ids, int64_t count);

/// The manifest for weights with that digest.
std::string fakeManifest(const std::string &digest);

/// The header digest of the weights that writeFakeWeights writes.
std::string writeFakeWeights(const std::string &path);

/// A folder with `model.safetensors`, and a model that goes with it. Removed
/// with this object.
class FakeModel {
public:
  FakeModel();
  ~FakeModel();
  FakeModel(const FakeModel &) = delete;

  /// The path of a file in the folder.
  std::string file(const std::string &name) const {
    return folder + "/" + name;
  }
  std::string weights() const { return file("model.safetensors"); }
  const dejavu_rt_model &model() const { return entryPoints; }
  /// The model with its manifest read and its weights mapped.
  std::unique_ptr<rt::LoadedModel> load() const;

  struct Result {
    int code;
    std::string out;
    std::string err;
  };
  /// Runs the program with `--weights` already given.
  Result run(const std::vector<std::string> &arguments,
             const std::string &in = "") const;
  /// Runs the program with just these arguments.
  Result runBare(const std::vector<std::string> &arguments,
                 const std::string &in = "") const;

private:
  std::string folder;
  std::string manifest;
  dejavu_rt_model entryPoints;
};

/// Contents of a file; fails the test if there is none.
std::string readFile(const std::string &path);
void writeFile(const std::string &path, const std::string &bytes);
/// Writes token ids as an .npy file of int64.
void writeTokens(const std::string &path, const std::vector<int64_t> &ids);

} // namespace dejavu::test

#endif // DEJAVU_TEST_UNIT_RUNTIME_FAKEMODEL_H
