//===- ExternalData.cpp - data beside the model ---------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExternalData.h"
#include "Model.pb.h"
#include "Reporter.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace mlir::dejavu::onnximport;

std::optional<uint64_t> mlir::dejavu::onnximport::parseDecimal(StringRef text) {
  uint64_t value;
  if (text.empty() || !llvm::all_of(text, llvm::isDigit) ||
      text.getAsInteger(10, value) ||
      value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
    return std::nullopt;
  return value;
}

LogicalResult mlir::dejavu::onnximport::checkLocation(StringRef location,
                                                      std::string &error) {
  auto fail = [&](const char *what) {
    error = std::string("external location ") + quoted(location) + " " + what;
    return failure();
  };
  if (location.empty())
    return fail("is empty");
  if (location.contains('\0'))
    return fail("has a NUL character");
  if (location.contains('\\'))
    return fail("has a backslash");
  if (location.contains("://"))
    return fail("is a URL, expected a path in the model's folder");
  if (location.starts_with("/"))
    return fail("is an absolute path, expected one in the model's folder");
  if (location.size() > 1 && location[1] == ':' && llvm::isAlpha(location[0]))
    return fail("names a drive, expected a path in the model's folder");
  SmallVector<StringRef> parts;
  location.split(parts, '/');
  if (llvm::is_contained(parts, ".."))
    return fail("has a '..' component, expected a path in the model's folder");
  return success();
}

LogicalResult
mlir::dejavu::onnximport::parseExternalData(const proto::TensorProto &tensor,
                                            ExternalRange &range,
                                            std::string &error) {
  SmallVector<StringRef> seen;
  for (const auto &entry : tensor.external_data()) {
    StringRef key = entry.key(), value = entry.value();
    if (llvm::is_contained(seen, key)) {
      error = "external data has the key " + quoted(key) + " twice";
      return failure();
    }
    seen.push_back(key);
    if (key == "location") {
      range.location = value.str();
      continue;
    }
    // A checksum is that of the whole file, which may have hundreds of
    // gigabytes: sizes are what is checked. But it must be one.
    if (key == "checksum") {
      if (value.size() == 40 && llvm::all_of(value, llvm::isHexDigit))
        continue;
      error = "external checksum: expected 40 hexadecimal digits, found " +
              quoted(value);
      return failure();
    }
    if (key != "offset" && key != "length") {
      error = "external data has the unknown key " + quoted(key);
      return failure();
    }
    std::optional<uint64_t> number = parseDecimal(value);
    if (!number) {
      error = "external " + key.str() +
              ": expected a decimal number below 2^63, found " + quoted(value);
      return failure();
    }
    if (key == "offset")
      range.offset = *number;
    else
      range.length = number;
  }
  if (!llvm::is_contained(seen, "location")) {
    error = "external data has no location";
    return failure();
  }
  return checkLocation(range.location, error);
}

/// In the cache of Hugging Face a snapshot, `snapshots/REVISION`, has links to
/// `blobs` beside `snapshots`. Empty for other folders.
static std::string findBlobs(StringRef folder) {
  namespace path = llvm::sys::path;
  for (StringRef at = folder; !at.empty() && at != "/";
       at = path::parent_path(at)) {
    StringRef parent = path::parent_path(at);
    if (path::filename(parent) != "snapshots")
      continue;
    SmallString<256> blobs(path::parent_path(parent));
    path::append(blobs, "blobs");
    return llvm::sys::fs::is_directory(blobs) ? std::string(blobs) : "";
  }
  return "";
}

ModelFolder::ModelFolder(StringRef modelPath)
    : modelName(llvm::sys::path::filename(modelPath)),
      logical(llvm::sys::path::parent_path(modelPath)) {
  if (logical.empty())
    logical = ".";
  SmallString<256> real;
  if (!llvm::sys::fs::real_path(logical, real)) {
    roots.push_back(std::string(real));
    if (std::string blobs = findBlobs(real); !blobs.empty())
      roots.push_back(std::move(blobs));
  }
  if (!llvm::sys::fs::real_path(modelPath, real))
    roots.push_back(llvm::sys::path::parent_path(real).str());
}

/// Whether `path` lies in the folder `root`; neither has links in it.
static bool liesIn(StringRef path, StringRef root) {
  if (!path.consume_front(root))
    return false;
  return root.ends_with("/") || path.starts_with("/");
}

/// The same file may be spelled in many ways.
static SmallString<64> withoutDots(StringRef location) {
  SmallString<64> result(location);
  llvm::sys::path::remove_dots(result);
  return result;
}

InputFile *ModelFolder::open(StringRef location, std::string &error) {
  std::unique_ptr<InputFile> &file = files[withoutDots(location)].file;
  if (file)
    return file.get();
  SmallString<256> path(logical), real;
  llvm::sys::path::append(path, location);
  if (std::error_code code = llvm::sys::fs::real_path(path, real)) {
    error = "external data " + quoted(location) +
            ": cannot be opened: " + code.message();
    return nullptr;
  }
  // The folder itself lies nowhere outside: that it is none is said below.
  if (llvm::none_of(roots, [&](StringRef root) {
        return real == root || liesIn(real, root);
      })) {
    error = "external data " + quoted(location) +
            ": is a link that leaves the model's folder";
    return nullptr;
  }
  std::string reason;
  file = InputFile::open(std::string(real), reason);
  if (file && file->getLinks() > 1) {
    reason = "has " + std::to_string(file->getLinks()) +
             " names (hard links), which may lie outside the model's folder: "
             "make a copy of it";
    file = nullptr;
  }
  if (file && file->getSize() < 1024) {
    // Such a small file may be what stands for one that was not fetched.
    std::string start(std::min<uint64_t>(file->getSize(), 64), '\0');
    if (succeeded(file->read(0, {start.data(), start.size()}, reason)) &&
        StringRef(start).starts_with("version https://git-lfs")) {
      reason = "is a Git LFS pointer: fetch the file itself with 'git lfs "
               "pull'";
      file = nullptr;
    }
  }
  if (!file)
    error = "external data " + quoted(location) + ": " + reason;
  return file.get();
}

LogicalResult ModelFolder::claim(StringRef location, uint64_t offset,
                                 uint64_t length, std::string &error) {
  constexpr uint64_t maxTimes = 8;
  DataFile &data = files[withoutDots(location)];
  if (length == 0 || !data.ranges.insert({offset, length}).second)
    return success();
  // Each length is that of a range of the file, and the sum stays small.
  data.claimed += length;
  if (data.claimed / maxTimes <= data.file->getSize())
    return success();
  error = "external data " + quoted(location) +
          ": expected tensors of at most " + std::to_string(maxTimes) +
          " times the " + std::to_string(data.file->getSize()) +
          " bytes of the file, found " + std::to_string(data.claimed) +
          " bytes or more in ranges that overlap";
  return failure();
}
