//===- FilesTest.cpp - files written whole or not at all -----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Files.h"

#include "FakeModel.h"

#include <filesystem>
#include <gtest/gtest.h>

using namespace dejavu::rt;
using namespace dejavu::test;
namespace fs = std::filesystem;

static size_t countFiles(const std::string &folder) {
  return std::distance(fs::directory_iterator(folder),
                       fs::directory_iterator());
}

TEST(FilesTest, OldFileStaysWithoutCommit) {
  FakeModel fake;
  std::string path = fake.file("f");
  writeFile(path, "old");
  size_t before = countFiles(fake.file("."));
  {
    ErrorOr<AtomicFile> file = AtomicFile::create(path);
    ASSERT_TRUE(file.succeeded());
    ASSERT_TRUE(file->write("new", 3).succeeded());
  }
  EXPECT_EQ(readFile(path), "old");
  EXPECT_EQ(countFiles(fake.file(".")), before);
  ASSERT_TRUE(writeTextFile(path, "new").succeeded());
  EXPECT_EQ(readFile(path), "new");
  EXPECT_EQ(countFiles(fake.file(".")), before);
}

TEST(FilesTest, LinksStayLinks) {
  FakeModel fake;
  writeFile(fake.file("f"), "old");
  fs::create_symlink(fake.file("f"), fake.file("link"));
  ASSERT_TRUE(writeTextFile(fake.file("link"), "new").succeeded());
  EXPECT_TRUE(fs::is_symlink(fake.file("link")));
  EXPECT_EQ(readFile(fake.file("f")), "new");
}

TEST(FilesTest, DevicesAreWrittenNotReplaced) {
  EXPECT_EQ(writeTextFile("/dev/full", "text").message(),
            "/dev/full: No space left on device");
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
  EXPECT_TRUE(writeTextFile("/dev/null", "text").succeeded());
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST(FilesTest, Errors) {
  FakeModel fake;
  EXPECT_EQ(writeTextFile(fake.file("missing/f"), "").message(),
            fake.file("missing/f") + ": No such file or directory");
  EXPECT_EQ(writeTextFile(fake.file("."), "").message(),
            fake.file(".") + ": is a folder");
  EXPECT_EQ(MappedFile::open(fake.file(".")).message(),
            fake.file(".") + ": not a regular file");
  EXPECT_TRUE(Buffer::allocate(UINT64_MAX / 2, "test").failed());
}
