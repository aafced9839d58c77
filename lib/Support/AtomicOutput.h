//===- AtomicOutput.h - Files and folders written whole or not at all -----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An output is written under a temporary name beside its own, synced, and put in
// place in one step:
//
//   llvm::Expected<AtomicOutput> output = AtomicOutput::folder("out");
//   ... files in output->path() ...
//   if (llvm::Error error = output->commit())
//     return error;
//
// What was there before stays until then; if the process fails, is interrupted or
// killed, it stays for good. The temporary is removed on failure (by the
// destructor) and on an interrupt (by removeOnInterrupt's handler). What a killed
// process left is removed by the next one that writes the same output: a lock on
// the temporary, which ends with its process, tells whose is still in use.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_SUPPORT_ATOMICOUTPUT_H
#define SINTER_SUPPORT_ATOMICOUTPUT_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>

namespace sinter {

class AtomicOutput {
public:
  /// Begins a folder or a file that will be `out`. The folder around it must exist.
  static llvm::Expected<AtomicOutput> folder(llvm::StringRef out);
  static llvm::Expected<AtomicOutput> file(llvm::StringRef out);

  AtomicOutput(AtomicOutput &&other);
  AtomicOutput &operator=(AtomicOutput &&) = delete;
  ~AtomicOutput();

  /// The temporary folder or file.
  llvm::StringRef path() const { return temporary; }
  /// Writes the file `name` of a folder, or the file itself where `name` is empty, and syncs it.
  llvm::Error write(llvm::StringRef name, llvm::StringRef bytes);
  /// Puts the output in the place of what is there, which is removed.
  llvm::Error commit();

private:
  AtomicOutput() = default;
  static llvm::Expected<AtomicOutput> begin(llvm::StringRef out, bool isFolder);

  std::string out;
  std::string temporary;
  int lock = -1;       // a descriptor of the temporary, locked
  int registered = -1; // its place among those that an interrupt removes
  bool isFolder = false;
};

/// A folder for intermediate files, in the system's place for these; removed at the
/// end, and on an interrupt.
class TemporaryFolder {
public:
  static llvm::Expected<TemporaryFolder> create();
  TemporaryFolder(TemporaryFolder &&other);
  TemporaryFolder &operator=(TemporaryFolder &&) = delete;
  ~TemporaryFolder();

  llvm::StringRef path() const { return folder; }
  /// The path of a file in it.
  std::string file(llvm::StringRef name) const { return folder + "/" + name.str(); }

private:
  TemporaryFolder() = default;
  std::string folder;
  int registered = -1;
};

/// From now on SIGINT, SIGTERM and SIGHUP remove what is unfinished and end the
/// process with status 130.
void removeOnInterrupt();

/// Writes a file that nobody else sees: an intermediate one.
llvm::Error writeFile(llvm::StringRef path, llvm::StringRef bytes);

/// Writes all of `bytes` to a descriptor, at its position or, if not negative, at
/// `offset`. `path` is for the message.
llvm::Error writeAll(int descriptor, llvm::StringRef bytes, llvm::StringRef path, int64_t offset = -1);

} // namespace sinter

#endif // SINTER_SUPPORT_ATOMICOUTPUT_H
