//===- ReaderWireTest.cpp - Tests of the walk through protobuf's format ---===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/reader/WireReader.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <gtest/gtest.h>
#include <random>

using namespace sinter;

namespace {

llvm::ArrayRef<char> bytesOf(const std::string &text) { return {text.data(), text.size()}; }

std::string varint(uint64_t value) {
  std::string text;
  google::protobuf::io::StringOutputStream stream(&text);
  google::protobuf::io::CodedOutputStream(&stream).WriteVarint64(value);
  return text;
}

// Tests that varints of every length are read as protobuf's own library writes them.
TEST(ReaderWire, varintsOfEveryLength) {
  std::mt19937_64 random(1);
  std::string all;
  std::vector<uint64_t> values = {0, 1, 127, 128, UINT32_MAX, INT64_MAX, UINT64_MAX};
  for (unsigned bits = 0; bits < 64; ++bits)
    values.push_back(random() >> bits);
  for (uint64_t value : values)
    all += varint(value);
  EXPECT_EQ(countVarints(bytesOf(all)), values.size());
  llvm::ArrayRef<char> rest = bytesOf(all);
  for (uint64_t value : values)
    EXPECT_EQ(takeVarint(rest), value);
  EXPECT_TRUE(rest.empty());
}

// Tests that a varint that is cut off or longer than 10 bytes is none, and that the bytes stay.
TEST(ReaderWire, badVarints) {
  for (const std::string &text : {std::string(), std::string("\x80"), std::string(9, '\xff'), std::string(11, '\xff'),
                                  std::string(10, '\x80') + '\x01'}) {
    llvm::ArrayRef<char> rest = bytesOf(text);
    EXPECT_FALSE(takeVarint(rest));
    EXPECT_EQ(rest.size(), text.size());
    EXPECT_EQ(countVarints(bytesOf(text)).has_value(), text.empty());
  }
  std::string endless(10, '\x81');
  llvm::ArrayRef<char> rest = bytesOf(endless);
  EXPECT_FALSE(takeVarint(rest));
}

// Tests that each kind of field is found, with its value and its place in the file.
TEST(ReaderWire, fieldsOfEachKind) {
  std::string message = "\x08\x96\x01";                              // 1: 150
  message += std::string("\x15\x01\x02\x03\x04", 5);                 // 2: 4 bytes
  message += std::string("\x19\x01\x00\x00\x00\x00\x00\x00\x80", 9); // 3: 8 bytes
  message += "\x22\x03xyz";                                          // 4: bytes
  message += std::string("\xf8\xff\xff\xff\x0f\x00", 6);             // 536870911: 0
  WireReader reader(bytesOf(message), 1000);
  WireField field;
  ASSERT_TRUE(reader.next(field));
  EXPECT_EQ(field.number, 1u);
  EXPECT_EQ(field.type, WireType::Varint);
  EXPECT_EQ(field.value, 150u);
  EXPECT_EQ(field.offset, 1001u);
  ASSERT_TRUE(reader.next(field));
  EXPECT_EQ(field.type, WireType::Fixed32);
  EXPECT_EQ(field.value, 0x04030201u);
  EXPECT_EQ(field.bytes.size(), 4u);
  ASSERT_TRUE(reader.next(field));
  EXPECT_EQ(field.type, WireType::Fixed64);
  EXPECT_EQ(field.value, 0x8000000000000001u);
  ASSERT_TRUE(reader.next(field));
  EXPECT_EQ(field.number, 4u);
  EXPECT_EQ(field.text(), "xyz");
  EXPECT_EQ(field.offset, 1019u);
  ASSERT_TRUE(reader.next(field));
  EXPECT_EQ(field.number, 536870911u);
  EXPECT_FALSE(reader.next(field));
  EXPECT_EQ(reader.problem(), "");
}

struct BadMessage {
  std::string bytes;
  const char *problem;
};

// Tests that what is no field is a problem that names what is missing, and ends the walk.
TEST(ReaderWire, badFields) {
  const BadMessage table[] = {
      {"\x80", "key is cut off"},
      {std::string("\x00\x01", 2), "field number 0"},
      {std::string("\x80\x80\x80\x80\x10\x00", 6), "field number 536870912"},
      {"\x0b", "wire type 3"},
      {"\x0c", "wire type 4"},
      {"\x0e", "wire type 6"},
      {"\x08", "field 1: its value is cut off"},
      {"\x0d\x01\x02\x03", "field 1 needs 4 bytes, and 3 are left"},
      {"\x09\x01\x02\x03", "field 1 needs 8 bytes, and 3 are left"},
      {"\x0a", "field 1: its length is cut off"},
      {"\x0a\x05zzzz", "field 1 needs 5 bytes, and 4 are left"},
      {"\x0a" + varint(UINT64_MAX) + "zz", "field 1 needs 18446744073709551615 bytes, and 2 are left"},
  };
  for (const BadMessage &bad : table) {
    WireReader reader(bytesOf(bad.bytes), 0);
    WireField field;
    EXPECT_FALSE(reader.next(field));
    EXPECT_NE(reader.problem().find(bad.problem), std::string::npos) << reader.problem();
    EXPECT_FALSE(reader.next(field));
  }
}

} // namespace
