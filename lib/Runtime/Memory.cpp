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

/// Only the thread that made the call can leave it; the others, which OpenMP
/// waits for, have to end the program.
void CallScope::stop(const char *text) {
  if (std::this_thread::get_id() == caller) {
    stopped = text;
    std::longjmp(escape, 1);
  }
  std::fprintf(stderr, "error: %s\n", text);
  std::_Exit(1);
}

void *CallScope::allocate(int64_t bytes) {
  // More than any address can be.
  static constexpr int64_t kMax = int64_t(1) << 47;
  if (bytes < 0 || bytes > kMax)
    stop("out of memory");
  size_t padded = (static_cast<size_t>(bytes) + 2 * kAlignment - 1) /
                  kAlignment * kAlignment;
  void *memory = std::aligned_alloc(kAlignment, padded);
  if (!memory)
    stop("out of memory");
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

void CallScope::reportIndex(int64_t node, int64_t found, int64_t size) {
  std::lock_guard<std::mutex> guard(mutex);
  if (!badIndex)
    badIndex = {node, found, size};
}

Status CallScope::finish(int32_t code, const Manifest &manifest,
                         const char *what) {
  // What was found first.
  if (badIndex) {
    std::string text = formatString("index %lld is out of range for %lld rows",
                                    static_cast<long long>(badIndex->found),
                                    static_cast<long long>(badIndex->size));
    auto node = static_cast<size_t>(badIndex->node);
    if (badIndex->node >= 0 && node < manifest.nodes.size())
      text = "node '" + manifest.nodes[node] + "': " + text;
    return Status::error(text);
  }
  if (!stopped.empty())
    return Status::error(stopped);
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

extern "C" void dejavu_rt_bad_index(int64_t node, int64_t found, int64_t size) {
  current->reportIndex(node, found, size);
}

extern "C" void dejavu_rt_stop(const char *text) { current->stop(text); }
