//===- Memory.cpp - what a call of generated code may ask for -------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Memory.h"

#include "dejavu-rt/abi.h"

#include <cstdio>
#include <cstdlib>
#include <new>

using namespace dejavu::rt;

/// Alignment of memory, and the room for what stands before it.
static constexpr size_t kAlignment = 64;

static std::mutex turns;
static CallScope *current = nullptr;

CallScope::CallScope() : turn(turns), caller(std::this_thread::get_id()) {
  static_assert(sizeof(Block) <= kAlignment);
  current = this;
}

CallScope::~CallScope() {
  while (blocks.after != &blocks)
    free(reinterpret_cast<char *>(blocks.after) + kAlignment);
  current = nullptr;
}

/// Ends the call. Only the thread that made it can leave it; the others, which
/// OpenMP waits for, have to end the program.
void CallScope::runOut() {
  if (std::this_thread::get_id() == caller) {
    isOutOfMemory = true;
    std::longjmp(escape, 1);
  }
  std::fputs("error: out of memory\n", stderr);
  std::_Exit(1);
}

void *CallScope::allocate(int64_t bytes) {
  // More than any address can be.
  static constexpr int64_t kMax = int64_t(1) << 47;
  if (bytes < 0 || bytes > kMax)
    runOut();
  size_t padded = (static_cast<size_t>(bytes) + 2 * kAlignment - 1) /
                  kAlignment * kAlignment;
  void *memory = std::aligned_alloc(kAlignment, padded);
  if (!memory)
    runOut();
  std::lock_guard<std::mutex> guard(mutex);
  auto *block = new (memory) Block{&blocks, blocks.after};
  blocks.after->before = block;
  blocks.after = block;
  return static_cast<char *>(memory) + kAlignment;
}

void CallScope::free(void *data) {
  if (!data)
    return;
  auto *block =
      reinterpret_cast<Block *>(static_cast<char *>(data) - kAlignment);
  {
    std::lock_guard<std::mutex> guard(mutex);
    block->before->after = block->after;
    block->after->before = block->before;
  }
  std::free(block);
}

void CallScope::fail(int64_t kind, int64_t node, int64_t found,
                     int64_t expected) {
  std::lock_guard<std::mutex> guard(mutex);
  if (!failure)
    failure = {kind, node, found, expected};
}

Status CallScope::finish(int32_t code, const Manifest &manifest,
                         const char *what) {
  if (isOutOfMemory)
    return Status::error("out of memory");
  if (failure) {
    auto found = static_cast<long long>(failure->found);
    auto expected = static_cast<long long>(failure->expected);
    std::string text;
    switch (failure->kind) {
    case DEJAVU_FAIL_INDEX:
      text = formatString("index %lld is out of range for %lld elements", found,
                          expected);
      break;
    case DEJAVU_FAIL_SIZE:
      text = formatString("sizes %lld and %lld do not agree", found, expected);
      break;
    case DEJAVU_FAIL_NEGATIVE:
      text = formatString("%lld is not a possible size", found);
      break;
    case DEJAVU_FAIL_DIVISION:
      text = "division by zero";
      break;
    default:
      text = formatString("cannot compute with %lld where %lld is expected",
                          found, expected);
    }
    auto node = static_cast<size_t>(failure->node);
    if (failure->node >= 0 && node < manifest.nodes.size())
      text = "node '" + manifest.nodes[node] + "': " + text;
    return Status::error(text);
  }
  if (code != 0)
    return makeError("%s failed with code %d", what, code);
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Callbacks
//===----------------------------------------------------------------------===//

extern "C" void *dejavu_rt_alloc(int64_t bytes) {
  return current->allocate(bytes);
}

extern "C" void dejavu_rt_free(void *data) { current->free(data); }

extern "C" void dejavu_rt_fail(int64_t kind, int64_t node, int64_t found,
                               int64_t expected) {
  current->fail(kind, node, found, expected);
}
