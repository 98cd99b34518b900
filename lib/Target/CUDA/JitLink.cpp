//===- JitLink.cpp - libnvJitLink, loaded ---------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The pinned wheel comes before what the system has, so that a build makes the
// same code everywhere; DEJAVU_NVJITLINK comes before both.
//
//===----------------------------------------------------------------------===//

#include "JitLink.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <cstdlib>
#include <dlfcn.h>
#include <mutex>
#include <optional>

using namespace mlir::dejavu;
using llvm::SmallString;
using llvm::SmallVector;
using llvm::SmallVectorImpl;
using llvm::StringRef;
using llvm::Twine;
namespace fs = llvm::sys::fs;
namespace path = llvm::sys::path;

static constexpr llvm::StringLiteral kNames[] = {
    "libnvJitLink.so.13", "libnvJitLink.so.12", "libnvJitLink.so"};

static std::string joinPath(const Twine &folder, const Twine &a,
                            const Twine &b = "", const Twine &c = "") {
  SmallString<128> joined;
  folder.toVector(joined);
  path::append(joined, a, b, c);
  return joined.str().str();
}

/// Adds the libraries in the wheels of a virtual environment:
/// lib/python3.X/site-packages/nvidia/cu13/lib or .../nvidia/nvjitlink/lib.
static void findWheels(StringRef venv, SmallVectorImpl<std::string> &files) {
  std::error_code code;
  for (fs::directory_iterator python(joinPath(venv, "lib"), code), end;
       !code && python != end; python.increment(code)) {
    std::string nvidia = joinPath(python->path(), "site-packages", "nvidia");
    for (StringRef wheel : {"cu13", "nvjitlink"})
      for (StringRef name : kNames) {
        std::string file = joinPath(nvidia, wheel, "lib", name);
        if (fs::exists(file))
          files.push_back(file);
      }
  }
}

/// The files to try, in order, and in `places` where that is, in words.
static SmallVector<std::string>
findCandidates(StringRef tool, SmallVectorImpl<std::string> &places) {
  SmallVector<std::string> files;
  if (const char *named = std::getenv("DEJAVU_NVJITLINK"); named && *named) {
    places.push_back(named);
    return {named};
  }
  SmallString<128> binary;
  if (fs::real_path(tool, binary))
    binary = tool;
  SmallVector<std::string> venvs;
  // <root>/build/bin/tool
  StringRef root =
      path::parent_path(path::parent_path(path::parent_path(binary)));
  venvs.push_back(joinPath(root, ".venv"));
  if (const char *active = std::getenv("VIRTUAL_ENV"); active && *active)
    venvs.push_back(active);
  for (const std::string &venv : venvs) {
    places.push_back(venv);
    findWheels(venv, files);
  }
  places.push_back("the loader's path");
  for (StringRef name : kNames)
    files.push_back(name.str());
  places.push_back("/usr/local/cuda/lib64");
  for (StringRef name : kNames)
    files.push_back(joinPath("/usr/local/cuda/lib64", name));
  return files;
}

/// Fills `library` with the functions of `handle`. False if one is missing.
static bool loadFunctions(void *handle, JitLink &library) {
  bool found = true;
  auto load = [&](auto &function, const char *name) {
    function = reinterpret_cast<std::decay_t<decltype(function)>>(
        ::dlsym(handle, name));
    found &= function != nullptr;
  };
  load(library.create, "nvJitLinkCreate");
  load(library.destroy, "nvJitLinkDestroy");
  load(library.addData, "nvJitLinkAddData");
  load(library.complete, "nvJitLinkComplete");
  load(library.getCubinSize, "nvJitLinkGetLinkedCubinSize");
  load(library.getCubin, "nvJitLinkGetLinkedCubin");
  load(library.getErrorLogSize, "nvJitLinkGetErrorLogSize");
  load(library.getErrorLog, "nvJitLinkGetErrorLog");
  load(library.getInfoLogSize, "nvJitLinkGetInfoLogSize");
  load(library.getInfoLog, "nvJitLinkGetInfoLog");
  return found;
}

const JitLink *JitLink::get(StringRef tool, std::string &error) {
  static std::mutex mutex;
  static std::optional<JitLink> loaded;
  std::lock_guard lock(mutex);
  if (loaded)
    return &*loaded;
  SmallVector<std::string> places;
  for (const std::string &file : findCandidates(tool, places)) {
    void *handle = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle)
      continue;
    JitLink library;
    if (loadFunctions(handle, library)) {
      loaded = library;
      return &*loaded;
    }
    ::dlclose(handle);
  }
  error = "libnvJitLink, which makes code for GPUs, was not found: looked in";
  for (const auto &[i, place] : llvm::enumerate(places))
    error += (i ? ", " : " ") + place;
  error += "; install the wheel nvidia-nvjitlink into .venv, or set "
           "DEJAVU_NVJITLINK to the library";
  return nullptr;
}
