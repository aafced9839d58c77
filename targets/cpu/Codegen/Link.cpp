//===- Link.cpp - Linking kernels into a shared object --------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Codegen/Codegen.h"

#include "lib/Support/AtomicOutput.h"
#include "lib/Support/Linker.h"

#include "llvm/Support/MemoryBuffer.h"
#include "llvm/TargetParser/Triple.h"

using namespace sinter;
using namespace sinter::cpu;

llvm::Expected<llvm::SmallVector<char, 0>> sinter::cpu::linkSharedObject(llvm::ArrayRef<llvm::ArrayRef<char>> objects,
                                                                         llvm::ArrayRef<std::string> exportedSymbols,
                                                                         const Isa &isa) {
  // lld reads and writes files only.
  llvm::Expected<TemporaryFolder> folder = TemporaryFolder::create();
  if (!folder)
    return folder.takeError();

  std::vector<std::string> args = {"-m",
                                   linkerEmulation(llvm::Triple(isa.triple).isAArch64()),
                                   "-shared",
                                   "--threads=1",
                                   "--build-id=none",
                                   "--hash-style=gnu",
                                   "--gc-sections",
                                   "-O2",
                                   "-z",
                                   "relro",
                                   "-z",
                                   "now",
                                   "-z",
                                   "noexecstack",
                                   "--strip-all",
                                   "-o",
                                   folder->file("linked.so")};
  std::vector<std::string> files;
  for (auto [i, object] : llvm::enumerate(objects)) {
    files.push_back(folder->file(std::to_string(i) + ".o"));
    if (llvm::Error error = writeFile(files.back(), llvm::StringRef(object.data(), object.size())))
      return std::move(error);
  }
  llvm::Expected<std::vector<std::string>> needs = needsOf(files, folder->path(), llvm::Triple(isa.triple).isAArch64());
  if (!needs)
    return needs.takeError();
  args.insert(args.end(), files.begin(), files.end());
  args.insert(args.end(), needs->begin(), needs->end());
  std::string exports = "{\n";
  if (!exportedSymbols.empty()) {
    exports += "global:\n";
    for (const std::string &symbol : exportedSymbols)
      exports += "  " + symbol + ";\n";
  }
  exports += "local: *;\n};\n";
  args.push_back("--version-script=" + folder->file("exports"));
  if (llvm::Error error = writeFile(folder->file("exports"), exports))
    return std::move(error);

  if (llvm::Error error = runLinker(args))
    return std::move(error);
  auto linked =
      llvm::MemoryBuffer::getFile(folder->file("linked.so"), /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!linked)
    return llvm::createFileError(folder->file("linked.so"), linked.getError());
  return llvm::SmallVector<char, 0>((*linked)->getBufferStart(), (*linked)->getBufferEnd());
}
