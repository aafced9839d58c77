//===- MappedFile.h - A file read through memory mapping ------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A regular file, mapped read-only and shared, so that gigabytes of weights are
// never copied. Models and data may come from strangers, so only regular files
// are accepted: a device or a pipe could block for ever or have no size.
//
// As with every mapping, a file that another program shortens meanwhile makes
// the access fail with SIGBUS; `isUnchanged` finds that out beforehand.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_SUPPORT_MAPPEDFILE_H
#define SINTER_SUPPORT_MAPPEDFILE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <memory>
#include <string>

namespace sinter {

class MappedFile {
public:
  /// Maps the file at `path`. Failures say which file and why, with the exit
  /// status 3 (missing, a directory, not a regular file, no permission).
  static llvm::Expected<std::shared_ptr<const MappedFile>> open(llvm::StringRef path);
  /// The same for a file that is open already; takes ownership of `descriptor`.
  static llvm::Expected<std::shared_ptr<const MappedFile>> fromDescriptor(int descriptor, llvm::StringRef path);
  /// Copies `bytes`: for what came from standard input, and for tests. `name`
  /// stands for the path in messages.
  static std::shared_ptr<const MappedFile> fromMemory(llvm::ArrayRef<char> bytes, llvm::StringRef name);

  ~MappedFile();
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;

  llvm::StringRef getPath() const { return path; }
  uint64_t size() const { return numBytes; }
  llvm::ArrayRef<char> bytes() const { return {start, static_cast<size_t>(numBytes)}; }
  /// None of the sums wrap: `offset` and `length` may be any numbers.
  bool contains(uint64_t offset, uint64_t length) const { return offset <= numBytes && length <= numBytes - offset; }
  /// Bytes [offset, offset + length), which must be contained.
  llvm::ArrayRef<char> bytes(uint64_t offset, uint64_t length) const {
    return bytes().slice(static_cast<size_t>(offset), static_cast<size_t>(length));
  }
  /// Whether the file at the path still has the size and the time of change that
  /// it had when it was mapped. True for one made from memory.
  bool isUnchanged() const;
  /// Tells the system that the pages of these bytes are not needed any more, so
  /// that reading a file larger than memory does not push out everything else.
  void release(uint64_t offset, uint64_t length) const;

private:
  MappedFile() = default;

  std::string path;
  std::unique_ptr<char[]> owned; // fromMemory
  const char *start = nullptr;
  uint64_t numBytes = 0;
  void *mapping = nullptr;
  uint64_t device = 0, inode = 0;
  int64_t changedSeconds = 0, changedNanoseconds = 0;
};

} // namespace sinter

#endif // SINTER_SUPPORT_MAPPEDFILE_H
