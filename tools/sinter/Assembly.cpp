//===- Assembly.cpp - Kernels' code as text ---------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/sinter/Assembly.h"
#include "tools/sinter/Console.h"

#include "llvm/MC/MCAsmInfo.h"
#include "llvm/MC/MCContext.h"
#include "llvm/MC/MCDisassembler/MCDisassembler.h"
#include "llvm/MC/MCInst.h"
#include "llvm/MC/MCInstPrinter.h"
#include "llvm/MC/MCInstrInfo.h"
#include "llvm/MC/MCRegisterInfo.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/MCTargetOptions.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"

#include <map>

using namespace sinter;
using namespace sinter::tool;

namespace {

/// LLVM's disassembler for one machine. What it cannot decode is printed as bytes.
class Disassembler {
public:
  explicit Disassembler(const llvm::Triple &triple) {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllDisassemblers();
    std::string error;
    const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
    if (!target)
      throw Stop{Failure(ExitStatus::Unsupported, "no disassembler for " + triple.str() + ": " + error)};
    registers.reset(target->createMCRegInfo(triple));
    assembler.reset(target->createMCAsmInfo(*registers, triple, options));
    instructions.reset(target->createMCInstrInfo());
    // All features: the file says which code it holds by its name only.
    subtarget.reset(
        target->createMCSubtargetInfo(triple, triple.isX86() ? "" : "generic", triple.isX86() ? "" : "+all"));
    context = std::make_unique<llvm::MCContext>(triple, assembler.get(), registers.get(), subtarget.get());
    decoder.reset(target->createMCDisassembler(*subtarget, *context));
    // Variant 1 of x86 is Intel's notation.
    printer.reset(target->createMCInstPrinter(triple, triple.isX86() ? 1 : assembler->getAssemblerDialect(), *assembler,
                                              *instructions, *registers));
    if (!decoder || !printer)
      throw Stop{Failure(ExitStatus::Unsupported, "no disassembler for " + triple.str())};
  }

  void print(llvm::ArrayRef<uint8_t> bytes, uint64_t address, llvm::raw_ostream &os) {
    while (!bytes.empty()) {
      llvm::MCInst instruction;
      uint64_t size = 0;
      os << "  " << llvm::format_hex_no_prefix(address, 8) << "  ";
      if (decoder->getInstruction(instruction, size, bytes, address, llvm::nulls()) == llvm::MCDisassembler::Success) {
        std::string text;
        llvm::raw_string_ostream stream(text);
        printer->printInst(&instruction, address, "", *subtarget, stream);
        os << llvm::StringRef(text).ltrim() << '\n';
      } else {
        size = 1;
        os << ".byte " << llvm::format_hex(bytes[0], 4) << '\n';
      }
      size = std::max<uint64_t>(1, std::min<uint64_t>(size, bytes.size()));
      bytes = bytes.drop_front(size);
      address += size;
    }
  }

private:
  llvm::MCTargetOptions options;
  std::unique_ptr<llvm::MCRegisterInfo> registers;
  std::unique_ptr<llvm::MCAsmInfo> assembler;
  std::unique_ptr<llvm::MCInstrInfo> instructions;
  std::unique_ptr<llvm::MCSubtargetInfo> subtarget;
  std::unique_ptr<llvm::MCContext> context;
  std::unique_ptr<llvm::MCDisassembler> decoder;
  std::unique_ptr<llvm::MCInstPrinter> printer;
};

} // namespace

std::string tool::disassemble(const std::string &path) {
  auto damaged = [&](llvm::Error error) {
    return Stop{Failure(ExitStatus::Unusable, "'" + path + "' is no code: " + llvm::toString(std::move(error)))};
  };
  auto file = llvm::object::ObjectFile::createObjectFile(path);
  if (!file)
    throw damaged(file.takeError());
  auto *elf = llvm::dyn_cast<llvm::object::ELFObjectFileBase>(file->getBinary());
  if (!elf)
    throw Stop{Failure(ExitStatus::Unusable, "'" + path + "' is no ELF file")};
  // A function's size and name by its address; the table for linking has the kernels, the other one local functions.
  std::map<uint64_t, std::pair<uint64_t, std::string>> functions;
  auto add = [&](const llvm::object::ELFSymbolRef &symbol) {
    llvm::Expected<llvm::StringRef> name = symbol.getName();
    llvm::Expected<uint64_t> address = symbol.getAddress();
    if (!name || !address || symbol.getELFType() != llvm::ELF::STT_FUNC || !symbol.getSize()) {
      llvm::consumeError(name ? llvm::Error::success() : name.takeError());
      llvm::consumeError(address ? llvm::Error::success() : address.takeError());
      return;
    }
    functions.try_emplace(*address, symbol.getSize(), name->str());
  };
  for (const llvm::object::ELFSymbolRef &symbol : elf->getDynamicSymbolIterators())
    add(symbol);
  for (const llvm::object::SymbolRef &symbol : elf->symbols())
    add(symbol);

  Disassembler disassembler(elf->makeTriple());
  std::string text;
  llvm::raw_string_ostream os(text);
  for (const llvm::object::SectionRef &section : elf->sections()) {
    if (!section.isText() || section.isVirtual())
      continue;
    llvm::Expected<llvm::StringRef> contents = section.getContents();
    if (!contents)
      throw damaged(contents.takeError());
    llvm::ArrayRef<uint8_t> bytes(contents->bytes_begin(), contents->size());
    for (const auto &[address, function] : functions) {
      if (address < section.getAddress() || address - section.getAddress() >= bytes.size())
        continue;
      uint64_t offset = address - section.getAddress();
      os << function.second << ":\n";
      disassembler.print(bytes.slice(offset, std::min<uint64_t>(function.first, bytes.size() - offset)), address, os);
    }
  }
  return text;
}
