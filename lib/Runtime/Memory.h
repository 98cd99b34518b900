//===- Memory.h - what a call of generated code may ask for -----*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Generated code gets memory from dejavu_rt_alloc and complains with
// dejavu_rt_bad_index or dejavu_rt_stop; none tells which session it works for,
// since they are called from functions that know of none. So calls of entry
// points take turns: while a CallScope lives, everything belongs to it. Memory
// that a call leaves behind goes away with its scope.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_MEMORY_H
#define DEJAVU_LIB_RUNTIME_MEMORY_H

#include "Manifest.h"
#include "Status.h"

#include <csetjmp>
#include <mutex>
#include <thread>

namespace dejavu::rt {

class CallScope {
public:
  /// Waits until no other scope lives.
  CallScope();
  ~CallScope();
  CallScope(const CallScope &) = delete;
  CallScope &operator=(const CallScope &) = delete;

  /// Calls `entry(argument)`. The error is the first complaint of the callee,
  /// or that it returned nonzero; `what` names it then.
  template <typename Argument>
  Status call(int32_t (*entry)(Argument *), Argument *argument,
              const Manifest &manifest, const char *what) {
    int32_t code = 0;
    if (setjmp(escape) == 0)
      code = entry(argument);
    return finish(code, manifest, what);
  }

  /// What the callbacks of abi.h come to.
  void *allocate(int64_t bytes);
  void free(void *data);
  void reportIndex(int64_t node, int64_t found, int64_t size);
  [[noreturn]] void stop(const char *text);

private:
  /// Stands before each piece of memory.
  struct Block {
    Block *before, *after;
  };
  struct BadIndex {
    int64_t node, found, size;
  };

  Status finish(int32_t code, const Manifest &manifest, const char *what);

  std::unique_lock<std::mutex> turn;
  std::thread::id caller;
  std::jmp_buf escape;
  /// Guards what follows; kernels may run on several threads.
  std::mutex mutex;
  Block blocks = {&blocks, &blocks};
  std::optional<BadIndex> badIndex;
  std::string stopped; ///< why the call has ended early
};

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_MEMORY_H
