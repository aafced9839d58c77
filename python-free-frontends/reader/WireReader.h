//===- WireReader.h - A bounded walk through protobuf's wire format -------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Finds the fields of a protobuf message in memory without copying them, so that
// what is large stays where it is: in a mapped file.
//
// Grammar (protobuf's "Encoding" page):
//
//   message := { field }                  up to the end of the bytes given
//   field   := key value
//   key     := varint                     number << 3 | type; number is 1 .. 2^29-1
//   value   := varint                     type 0: int32 int64 uint32 uint64 bool enum
//            | 8 bytes, little-endian     type 1: double fixed64
//            | length bytes               type 2: string bytes message, packed values
//            | 4 bytes, little-endian     type 5: float fixed32
//   length  := varint                     at most the bytes left in the message
//   packed  := { varint } | { 4 bytes } | { 8 bytes }
//   varint  := 1 to 10 bytes, 7 bits each, lowest first; the highest bit of all
//              but the last is 1. Bits beyond the 64th are dropped, as protobuf
//              does.
//
// Groups (types 3 and 4) are older than any format that Sinter reads, and are
// refused. A reader never looks at a byte outside the message that it was given,
// whatever the bytes are; nesting and counts are for its callers to bound.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_PYTHON_FREE_FRONTENDS_READER_WIREREADER_H
#define SINTER_PYTHON_FREE_FRONTENDS_READER_WIREREADER_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <optional>
#include <string>

namespace sinter {

enum class WireType : uint8_t { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };

struct WireField {
  uint32_t number = 0;
  WireType type = WireType::Varint;
  /// Varint, Fixed64 and Fixed32.
  uint64_t value = 0;
  /// Bytes.
  llvm::ArrayRef<char> bytes;
  /// Where the value (for Bytes: after its length) begins, in the file.
  uint64_t offset = 0;

  llvm::StringRef text() const { return {bytes.data(), bytes.size()}; }
};

/// Reads one varint from the front of `bytes`. None, with `bytes` unchanged,
/// where they end within it or it is longer than 10 bytes.
std::optional<uint64_t> takeVarint(llvm::ArrayRef<char> &bytes);

/// The number of varints that make up `bytes`; none where they do not end with
/// one, or one is longer than 10 bytes.
std::optional<uint64_t> countVarints(llvm::ArrayRef<char> bytes);

/// The fields of one message, in order.
class WireReader {
public:
  /// `offset` is where `message` begins in its file, for messages to users.
  WireReader(llvm::ArrayRef<char> message, uint64_t offset) : rest(message), offset(offset) {}

  /// False at the end and where the bytes are no field; `problem` tells which.
  bool next(WireField &field);

  /// Empty, or what is wrong at byte `problemOffset` of the file.
  const std::string &problem() const { return problemText; }
  uint64_t problemOffset() const { return offset; }

private:
  bool fail(std::string text);
  bool take(WireField &field, size_t length);

  llvm::ArrayRef<char> rest;
  uint64_t offset;
  std::string problemText;
};

} // namespace sinter

#endif // SINTER_PYTHON_FREE_FRONTENDS_READER_WIREREADER_H
