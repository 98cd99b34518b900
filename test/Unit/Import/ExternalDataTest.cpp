//===- ExternalDataTest.cpp - which files a model may read ----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExternalData.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace mlir::dejavu::onnximport;
namespace fs = std::filesystem;

namespace {

TEST(ParseDecimal, TakesDigitsBelow63Bits) {
  EXPECT_EQ(parseDecimal("0"), 0u);
  EXPECT_EQ(parseDecimal("007"), 7u);
  EXPECT_EQ(parseDecimal("9223372036854775807"), 9223372036854775807u);
  for (const char *text : {"", "-1", "+1", " 1", "1 ", "0x1", "1e3",
                           "9223372036854775808", "18446744073709551617"})
    EXPECT_FALSE(parseDecimal(text)) << text;
}

TEST(CheckLocation, KeepsBelowTheFolder) {
  std::string error;
  for (const char *location :
       {"data", "a/b", "./a", "..a", "a..", "a/..b", "a..b/c", "..."})
    EXPECT_TRUE(succeeded(checkLocation(location, error))) << location;
  for (const char *location :
       {"", "/", "/a", "..", "../a", "a/..", "a/../b", "a\\b", "C:a", "c:/a"})
    EXPECT_TRUE(failed(checkLocation(location, error))) << location;
  EXPECT_TRUE(failed(checkLocation(llvm::StringRef("a\0b", 3), error)));
}

/// A folder with a model in it, removed at the end.
class ModelFolderTest : public testing::Test {
protected:
  ModelFolderTest() {
    std::string name = "/tmp/dejavu-import-XXXXXX";
    if (char *made = ::mkdtemp(name.data()))
      root = made;
    put("models/m.onnx");
    put("models/data");
    put("models-too/data");
    put("secret");
  }
  ~ModelFolderTest() override {
    std::error_code ignored;
    fs::remove_all(root, ignored);
  }

  void put(const std::string &name) {
    fs::create_directories((root / name).parent_path());
    std::ofstream(root / name) << name;
  }

  bool opens(const std::string &model, const std::string &location) {
    ModelFolder folder((root / model).string());
    return folder.open(location, error) != nullptr;
  }

  fs::path root;
  std::string error;
};

TEST_F(ModelFolderTest, OpensWhatLiesInTheFolder) {
  EXPECT_TRUE(opens("models/m.onnx", "data")) << error;
  fs::create_symlink("data", root / "models/link");
  EXPECT_TRUE(opens("models/m.onnx", "link")) << error;
}

TEST_F(ModelFolderTest, RefusesLinksThatLeave) {
  fs::create_symlink("../secret", root / "models/link");
  EXPECT_FALSE(opens("models/m.onnx", "link"));
  EXPECT_EQ(error,
            "external data 'link': is a link that leaves the model's folder");
  // The name of the other folder begins with that of the model's.
  fs::create_symlink("../models-too", root / "models/folder");
  EXPECT_FALSE(opens("models/m.onnx", "folder/data"));
}

TEST_F(ModelFolderTest, FollowsTheModelsOwnLink) {
  // As in the cache of Hugging Face: all files are links into one folder.
  put("blobs/1");
  put("blobs/2");
  fs::create_directories(root / "snapshot");
  fs::create_symlink("../blobs/1", root / "snapshot/m.onnx");
  fs::create_symlink("../blobs/2", root / "snapshot/data");
  fs::create_symlink("../secret", root / "snapshot/other");
  EXPECT_TRUE(opens("snapshot/m.onnx", "data")) << error;
  EXPECT_FALSE(opens("snapshot/m.onnx", "other"));
}

TEST_F(ModelFolderTest, WorksThroughALinkToTheFolder) {
  fs::create_symlink("models", root / "alias");
  EXPECT_TRUE(opens("alias/m.onnx", "data")) << error;
}

TEST_F(ModelFolderTest, OpensAFileOnce) {
  ModelFolder folder((root / "models/m.onnx").string());
  InputFile *file = folder.open("data", error);
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(file->getSize(), std::string("models/data").size());
  EXPECT_EQ(folder.open("data", error), file);
}

} // namespace
