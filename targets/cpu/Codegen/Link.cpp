//===- Link.cpp - Linking kernels into a shared object --------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Codegen/Codegen.h"

#include "lld/Common/Driver.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Triple.h"

#include <mutex>

LLD_HAS_DRIVER(elf)

using namespace sinter;
using namespace sinter::cpu;

static llvm::Error writeFile(llvm::StringRef path, llvm::StringRef bytes) {
  std::error_code error;
  llvm::raw_fd_ostream stream(path, error);
  if (error)
    return llvm::createFileError(path, error);
  stream << bytes;
  stream.close();
  if (stream.has_error()) {
    error = stream.error();
    stream.clear_error();
    return llvm::createFileError(path, error);
  }
  return llvm::Error::success();
}

llvm::Expected<llvm::SmallVector<char, 0>> sinter::cpu::linkSharedObject(llvm::ArrayRef<llvm::ArrayRef<char>> objects,
                                                                         llvm::ArrayRef<std::string> exportedSymbols,
                                                                         const Isa &isa) {
  // lld reads and writes files only.
  llvm::SmallString<128> folder;
  if (std::error_code error = llvm::sys::fs::createUniqueDirectory("sinter-link", folder))
    return llvm::createFileError("the folder for temporary files", error);
  llvm::scope_exit cleanup([&] { llvm::sys::fs::remove_directories(folder); });
  auto inFolder = [&](llvm::Twine name) {
    llvm::SmallString<128> path = folder;
    llvm::sys::path::append(path, name);
    return path.str().str();
  };

  std::vector<std::string> args = {"ld.lld",
                                   "-m",
                                   llvm::Triple(isa.triple).isAArch64() ? "aarch64linux" : "elf_x86_64",
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
                                   inFolder("linked.so")};
  for (auto [i, object] : llvm::enumerate(objects)) {
    args.push_back(inFolder(std::to_string(i) + ".o"));
    if (llvm::Error error = writeFile(args.back(), llvm::StringRef(object.data(), object.size())))
      return std::move(error);
  }
  std::string exports = "{\n";
  if (!exportedSymbols.empty()) {
    exports += "global:\n";
    for (const std::string &symbol : exportedSymbols)
      exports += "  " + symbol + ";\n";
  }
  exports += "local: *;\n};\n";
  args.push_back("--version-script=" + inFolder("exports"));
  if (llvm::Error error = writeFile(inFolder("exports"), exports))
    return std::move(error);

  std::vector<const char *> argv;
  for (const std::string &arg : args)
    argv.push_back(arg.c_str());
  std::string messages;
  llvm::raw_string_ostream stream(messages);
  {
    // lld keeps its state in globals: it may be entered again, but not twice at once.
    static std::mutex one;
    std::lock_guard<std::mutex> lock(one);
    lld::Result result = lld::lldMain(argv, stream, stream, {{lld::Gnu, &lld::elf::link}});
    if (result.retCode != 0)
      return llvm::createStringError(llvm::inconvertibleErrorCode(), "the kernels cannot be linked: " + messages);
  }
  auto linked = llvm::MemoryBuffer::getFile(inFolder("linked.so"), /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!linked)
    return llvm::createFileError(inFolder("linked.so"), linked.getError());
  return llvm::SmallVector<char, 0>((*linked)->getBufferStart(), (*linked)->getBufferEnd());
}
