//===- WireReader.cpp - A bounded walk through protobuf's wire format -----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/reader/WireReader.h"

#include "llvm/Support/Endian.h"

using namespace sinter;

static constexpr unsigned maxVarintBytes = 10;

std::optional<uint64_t> sinter::takeVarint(llvm::ArrayRef<char> &bytes) {
  uint64_t value = 0;
  for (unsigned i = 0; i < maxVarintBytes && i < bytes.size(); ++i) {
    uint8_t byte = static_cast<uint8_t>(bytes[i]);
    value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i); // the 10th byte's upper bits drop out
    if (!(byte & 0x80)) {
      bytes = bytes.drop_front(i + 1);
      return value;
    }
  }
  return std::nullopt;
}

std::optional<uint64_t> sinter::countVarints(llvm::ArrayRef<char> bytes) {
  uint64_t count = 0;
  unsigned length = 0;
  for (char byte : bytes) {
    if (++length > maxVarintBytes)
      return std::nullopt;
    if (!(static_cast<uint8_t>(byte) & 0x80)) {
      ++count;
      length = 0;
    }
  }
  if (length)
    return std::nullopt;
  return count;
}

bool WireReader::fail(std::string text) {
  problemText = std::move(text);
  rest = {};
  return false;
}

bool WireReader::take(WireField &field, size_t length) {
  field.offset = offset;
  field.bytes = rest.take_front(length);
  rest = rest.drop_front(length);
  offset += length;
  return true;
}

bool WireReader::next(WireField &field) {
  if (rest.empty())
    return false;

  size_t before = rest.size();
  std::optional<uint64_t> key = takeVarint(rest);
  if (!key)
    return fail("a field's key is cut off or longer than 10 bytes");
  uint64_t number = *key >> 3;
  if (number == 0 || number >= (1u << 29))
    return fail("field number " + std::to_string(number) + " is outside 1 to 536870911");
  field.number = static_cast<uint32_t>(number);
  uint8_t type = *key & 7;
  std::string subject = "field " + std::to_string(number);
  if (type != 0 && type != 1 && type != 2 && type != 5)
    return fail(subject + " has wire type " + std::to_string(type) + ", which is a group's or nobody's");
  field.type = static_cast<WireType>(type);
  offset += before - rest.size();

  switch (field.type) {
  case WireType::Varint: {
    before = rest.size();
    std::optional<uint64_t> value = takeVarint(rest);
    if (!value)
      return fail(subject + ": its value is cut off or longer than 10 bytes");
    field.value = *value;
    field.bytes = {};
    field.offset = offset;
    offset += before - rest.size();
    return true;
  }
  case WireType::Fixed64:
    if (rest.size() < 8)
      return fail(subject + " needs 8 bytes, and " + std::to_string(rest.size()) + " are left");
    field.value = llvm::support::endian::read64le(rest.data());
    return take(field, 8);
  case WireType::Fixed32:
    if (rest.size() < 4)
      return fail(subject + " needs 4 bytes, and " + std::to_string(rest.size()) + " are left");
    field.value = llvm::support::endian::read32le(rest.data());
    return take(field, 4);
  case WireType::Bytes: {
    before = rest.size();
    std::optional<uint64_t> length = takeVarint(rest);
    if (!length)
      return fail(subject + ": its length is cut off or longer than 10 bytes");
    offset += before - rest.size();
    if (*length > rest.size())
      return fail(subject + " needs " + std::to_string(*length) + " bytes, and " + std::to_string(rest.size()) +
                  " are left");
    field.value = 0;
    return take(field, static_cast<size_t>(*length));
  }
  }
  return fail("unreachable wire type");
}
