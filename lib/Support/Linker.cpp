//===- Linker.cpp - lld, in process ---------------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Support/Linker.h"

#include "lib/Support/Failure.h"

#include "lld/Common/Driver.h"
#include "llvm/Support/raw_ostream.h"

#include <mutex>

LLD_HAS_DRIVER(elf)

llvm::Error sinter::runLinker(llvm::ArrayRef<std::string> arguments) {
  std::vector<const char *> argv = {"ld.lld"};
  for (const std::string &argument : arguments)
    argv.push_back(argument.c_str());
  std::string messages;
  llvm::raw_string_ostream stream(messages);
  static std::mutex one;
  std::lock_guard<std::mutex> lock(one);
  lld::Result result = lld::lldMain(argv, stream, stream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode == 0)
    return llvm::Error::success();
  // What lld is given is our own, so it fails for want of room or by our mistake.
  bool noRoom = llvm::StringRef(messages).contains("No space left") || llvm::StringRef(messages).contains("cannot open output");
  llvm::StringRef text = llvm::StringRef(messages).rtrim();
  return noRoom ? ioFailure("the code cannot be linked: " + text) : internalError("the code cannot be linked: " + text);
}

const char *sinter::linkerEmulation(bool aarch64) { return aarch64 ? "aarch64linux" : "elf_x86_64"; }
