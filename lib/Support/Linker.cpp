//===- Linker.cpp - lld, in process ---------------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Support/Linker.h"

#include "lib/Support/AtomicOutput.h"
#include "lib/Support/Failure.h"

#include "lld/Common/Driver.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/raw_ostream.h"

#include <cstring>

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
  bool noRoom =
      llvm::StringRef(messages).contains("No space left") || llvm::StringRef(messages).contains("cannot open output");
  llvm::StringRef text = llvm::StringRef(messages).rtrim();
  return noRoom ? ioFailure("the code cannot be linked: " + text) : internalError("the code cannot be linked: " + text);
}

const char *sinter::linkerEmulation(bool aarch64) { return aarch64 ? "aarch64linux" : "elf_x86_64"; }

/// Whether the objects together leave a symbol undefined.
static llvm::Expected<bool> leaveUndefined(llvm::ArrayRef<std::string> paths) {
  llvm::StringSet<> defined, used;
  for (const std::string &path : paths) {
    llvm::Expected<llvm::object::OwningBinary<llvm::object::ObjectFile>> object =
        llvm::object::ObjectFile::createObjectFile(path);
    if (!object)
      return object.takeError();
    for (const llvm::object::SymbolRef &symbol : object->getBinary()->symbols()) {
      llvm::Expected<llvm::StringRef> name = symbol.getName();
      llvm::Expected<uint32_t> flags = symbol.getFlags();
      if (!name)
        return name.takeError();
      if (!flags)
        return flags.takeError();
      if (*flags & llvm::object::SymbolRef::SF_Undefined)
        used.insert(*name);
      else
        defined.insert(*name);
    }
  }
  for (const auto &entry : used)
    if (!entry.getKey().empty() && !defined.contains(entry.getKey()))
      return true;
  return false;
}

llvm::Expected<std::vector<std::string>> sinter::needsOf(llvm::ArrayRef<std::string> objects, llvm::StringRef folder,
                                                         bool aarch64) {
  llvm::Expected<bool> undefined = leaveUndefined(objects);
  if (!undefined)
    return internalError("the code cannot be linked: " + llvm::toString(undefined.takeError()));
  if (!*undefined)
    return std::vector<std::string>();
  // A shared object of this name stands for the real one: an ELF object of nothing but its header, linked.
  using namespace llvm::ELF;
  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ElfMagic, 4);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_REL;
  header.e_machine = aarch64 ? EM_AARCH64 : EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_ehsize = sizeof header;
  header.e_shentsize = sizeof(Elf64_Shdr);
  std::string empty = (folder + "/empty.o").str(), library = (folder + "/libm.so").str();
  if (llvm::Error error = writeFile(empty, {reinterpret_cast<const char *>(&header), sizeof header}))
    return std::move(error);
  if (llvm::Error error =
          runLinker({"-m", linkerEmulation(aarch64), "-shared", "-soname=libm.so.6", "-o", library, empty}))
    return std::move(error);
  return std::vector<std::string>{"--no-as-needed", library};
}
