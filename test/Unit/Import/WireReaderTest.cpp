//===- WireReaderTest.cpp - the reader of the wire format -----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WireReader.h"

#include <gtest/gtest.h>

using namespace mlir::dejavu::onnximport;

namespace {

std::vector<uint8_t> bytes(std::initializer_list<int> values) {
  return std::vector<uint8_t>(values.begin(), values.end());
}

WireCursor cursorOf(const std::vector<uint8_t> &data) {
  return WireCursor(data, {0, data.size()});
}

TEST(WireCursor, ReadsFieldsOfAllKinds) {
  // 1: varint 300, 2: three bytes, 3: four fixed, 4: eight fixed bytes.
  auto data = bytes({0x08, 0xAC, 0x02, 0x12, 3, 'a', 'b', 'c', 0x1D, 1, 2,
                     3,    4,    0x21, 1,    2, 3,   4,   5,   6,    7, 8});
  WireCursor cursor = cursorOf(data);

  auto field = cursor.next();
  ASSERT_TRUE(field);
  EXPECT_EQ(field->number, 1u);
  EXPECT_EQ(field->wireType, 0u);
  EXPECT_EQ(field->whole.begin, 0u);
  EXPECT_EQ(field->whole.end, 3u);

  field = cursor.next();
  ASSERT_TRUE(field);
  EXPECT_EQ(field->number, 2u);
  EXPECT_EQ(field->wireType, 2u);
  EXPECT_EQ(field->payload.begin, 5u);
  EXPECT_EQ(field->payload.end, 8u);

  field = cursor.next();
  ASSERT_TRUE(field);
  EXPECT_EQ(field->wireType, 5u);
  EXPECT_EQ(field->whole.size(), 5u);

  field = cursor.next();
  ASSERT_TRUE(field);
  EXPECT_EQ(field->wireType, 1u);
  EXPECT_EQ(field->whole.size(), 9u);
  EXPECT_TRUE(cursor.atEnd());
}

TEST(WireCursor, StaysWithinItsRange) {
  // The payload of field 1 is a message of its own; what follows is not part
  // of it.
  auto data = bytes({0x0A, 2, 0x10, 7, 0x18, 1});
  WireCursor outer = cursorOf(data);
  auto field = outer.next();
  ASSERT_TRUE(field);
  WireCursor inner(data, field->payload);
  auto nested = inner.next();
  ASSERT_TRUE(nested);
  EXPECT_EQ(nested->number, 2u);
  EXPECT_EQ(nested->whole.begin, 2u);
  EXPECT_TRUE(inner.atEnd());
}

struct BadBytes {
  std::vector<uint8_t> data;
  const char *error;
};

class WireCursorErrors : public testing::TestWithParam<BadBytes> {};

TEST_P(WireCursorErrors, AreReported) {
  WireCursor cursor = cursorOf(GetParam().data);
  EXPECT_FALSE(cursor.next());
  EXPECT_EQ(cursor.getError(), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    All, WireCursorErrors,
    testing::Values(
        BadBytes{bytes({0x80}), "the bytes end within a number"},
        BadBytes{bytes({0x08}), "the bytes end within a number"},
        BadBytes{bytes({0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                        0xFF, 0x02}),
                 "a number has more than 64 bits"},
        BadBytes{bytes({0x00, 0x00}), "field number 0 is out of range"},
        BadBytes{bytes({0x0B}), "wire type 3 is not in use"},
        BadBytes{bytes({0x0F}), "wire type 7 is not in use"},
        BadBytes{bytes({0x0A, 2, 1}), "field 1 needs 2 bytes, 1 are left"},
        BadBytes{bytes({0x09, 1, 2, 3}), "field 1 needs 8 bytes, 3 are left"},
        BadBytes{bytes({0x0D, 1, 2, 3}), "field 1 needs 4 bytes, 3 are left"},
        // A length that would overflow if it were added to the position.
        BadBytes{bytes({0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                        0xFF, 0x01}),
                 "field 1 needs 18446744073709551615 bytes, 0 are left"}));

} // namespace
