//===- LinkedProgram.cpp - Programs that are linked into applications -----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Three kinds of objects make the one: the kernels' (given), the tables' (LLVM's
// code generator, since the query function is code) and the weights' (written
// here, since they would not fit LLVM's memory: an ELF file whose one section is
// a copy of a file).
//
//===----------------------------------------------------------------------===//

#include "lib/Bundle/LinkedProgram.h"

#include "lib/Bundle/LinkedHeader.h"
#include "lib/Support/AtomicOutput.h"
#include "lib/Support/Failure.h"
#include "lib/Support/Hash.h"
#include "lib/Support/Linker.h"

#include "llvm/BinaryFormat/ELF.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

using namespace sinter;
using llvm::StringRef;

//===----------------------------------------------------------------------===//
// The tables' object
//===----------------------------------------------------------------------===//

namespace {

/// The names of kernel functions: per variant, per kernel.
std::vector<std::vector<std::string>> kernelNames(const BundleDescription &bundle) {
  std::vector<std::vector<std::string>> names(bundle.variants.size());
  for (auto [v, list] : llvm::enumerate(names))
    for (const BundleKernel &kernel : bundle.kernels)
      list.push_back(kernel.symbols.empty() ? kernel.name : kernel.symbols[v]);
  return names;
}

/// The bytes of `file` may be gone afterwards.
llvm::Expected<llvm::SmallString<0>> compileTables(const BundleDescription &bundle, StringRef program,
                                                   uint64_t weightsBytes, const LinkedOptions &options) {
  llvm::Triple triple(options.triple);
  std::string message;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, message);
  if (!target)
    return unsupported("no code can be generated for '" + options.triple + "': " + message);
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(
      triple, "generic", "", llvm::TargetOptions(), llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Default));

  llvm::LLVMContext context;
  llvm::Module module("tables", context);
  module.setTargetTriple(triple);
  module.setDataLayout(machine->createDataLayout());
  llvm::Type *i32 = llvm::Type::getInt32Ty(context), *i64 = llvm::Type::getInt64Ty(context);
  llvm::PointerType *pointer = llvm::PointerType::get(context, 0);

  auto constant = [&](llvm::Constant *value, const llvm::Twine &name, unsigned alignment) {
    auto *global = new llvm::GlobalVariable(module, value->getType(), /*isConstant=*/true,
                                            llvm::GlobalValue::InternalLinkage, value, options.name + name);
    global->setAlignment(llvm::Align(alignment));
    return global;
  };
  auto hidden = [&](llvm::GlobalValue *value) {
    value->setVisibility(llvm::GlobalValue::HiddenVisibility);
    value->setDSOLocal(true);
    return value;
  };

  llvm::Constant *tables =
      constant(llvm::ConstantDataArray::getString(context, program, /*AddNull=*/false), "_tables", 8);
  llvm::Constant *weights = llvm::ConstantPointerNull::get(pointer);
  if (weightsBytes)
    weights = hidden(new llvm::GlobalVariable(module, llvm::Type::getInt8Ty(context), /*isConstant=*/true,
                                              llvm::GlobalValue::ExternalLinkage, nullptr, options.name + "_weights"));
  auto *kernelType = llvm::FunctionType::get(i64, {pointer, i64, i64, pointer}, /*isVarArg=*/false);
  std::vector<llvm::Constant *> variants;
  for (auto [v, names] : llvm::enumerate(kernelNames(bundle))) {
    std::vector<llvm::Constant *> functions;
    for (const std::string &name : names)
      functions.push_back(hidden(llvm::cast<llvm::Function>(module.getOrInsertFunction(name, kernelType).getCallee())));
    auto *type = llvm::ArrayType::get(pointer, functions.size());
    variants.push_back(constant(llvm::ConstantArray::get(type, functions), "_kernels_" + llvm::Twine(v), 8));
  }
  auto *variantsType = llvm::ArrayType::get(pointer, variants.size());
  llvm::Constant *kernels = constant(llvm::ConstantArray::get(variantsType, variants), "_variants", 8);

  auto number = [&](llvm::Type *type, uint64_t value) { return llvm::ConstantInt::get(type, value); };
  // In the order of sinter_model.
  llvm::Constant *fields[] = {number(i32, SINTER_MODEL_VERSION),
                              number(i32, sizeof(sinter_model)),
                              tables,
                              number(i64, program.size()),
                              weights,
                              number(i64, weightsBytes),
                              kernels,
                              number(i64, variants.size())};
  static_assert(sizeof(sinter_model) == 56, "the fields above are those of sinter_model");
  llvm::Constant *model = constant(llvm::ConstantStruct::getAnon(context, fields), "_model", 8);

  auto *query = llvm::Function::Create(llvm::FunctionType::get(pointer, {i32}, false),
                                       llvm::GlobalValue::ExternalLinkage, options.name + "_query", module);
  llvm::IRBuilder<> builder(llvm::BasicBlock::Create(context, "", query));
  llvm::Value *known = builder.CreateICmpUGE(query->getArg(0), number(i32, SINTER_MODEL_VERSION));
  builder.CreateRet(builder.CreateSelect(known, model, llvm::ConstantPointerNull::get(pointer)));

  llvm::SmallString<0> object;
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, stream, nullptr, llvm::CodeGenFileType::ObjectFile))
    return unsupported("no object can be written for '" + options.triple + "'");
  passes.run(module);
  return object;
}

//===----------------------------------------------------------------------===//
// The weights' object
//===----------------------------------------------------------------------===//

template <typename T> void appendBytes(std::string &to, const T &record) {
  to.append(reinterpret_cast<const char *>(&record), sizeof record);
}

/// Writes an ELF object with the symbol `symbol` for the bytes of the file `weightsFile`:
/// header, section's bytes, then symbols, names and section headers.
llvm::Error writeWeightsObject(const std::string &path, const std::string &symbol, const std::string &weightsFile,
                               uint64_t bytes, const llvm::Triple &triple) {
  using namespace llvm::ELF;
  bool isX86 = triple.getArch() == llvm::Triple::x86_64;
  constexpr uint64_t alignment = 64;
  const std::string sectionName = isX86 ? ".lrodata" : ".rodata";

  std::string names("\0", 1), sectionNames("\0", 1), symbols;
  auto addName = [](std::string &table, StringRef name) {
    uint32_t offset = table.size();
    table += name;
    table.push_back(0);
    return offset;
  };
  appendBytes(symbols, Elf64_Sym{});
  Elf64_Sym weights = {};
  weights.st_name = addName(names, symbol);
  weights.setBindingAndType(STB_GLOBAL, STT_OBJECT);
  weights.st_other = STV_HIDDEN;
  weights.st_shndx = 1;
  weights.st_size = bytes;
  appendBytes(symbols, weights);

  // Sections 1 to 5, after the empty one.
  std::string tail;
  uint64_t tailOffset = alignment + llvm::alignTo(bytes, 8);
  std::vector<Elf64_Shdr> headers(6);
  std::memset(headers.data(), 0, headers.size() * sizeof(Elf64_Shdr));
  auto section = [&](unsigned index, StringRef name, uint32_t type, uint64_t flags, uint64_t offset, uint64_t size,
                     uint64_t align) -> Elf64_Shdr & {
    Elf64_Shdr &header = headers[index];
    header.sh_name = addName(sectionNames, name);
    header.sh_type = type;
    header.sh_flags = flags;
    header.sh_offset = offset;
    header.sh_size = size;
    header.sh_addralign = align;
    return header;
  };
  auto inTail = [&](StringRef contents) {
    tail.resize(llvm::alignTo(tail.size(), 8));
    uint64_t offset = tailOffset + tail.size();
    tail += contents;
    return offset;
  };
  section(1, sectionName, SHT_PROGBITS, SHF_ALLOC | (isX86 ? uint64_t(SHF_X86_64_LARGE) : 0), alignment, bytes,
          alignment);
  section(2, ".note.GNU-stack", SHT_PROGBITS, 0, tailOffset, 0, 1);
  Elf64_Shdr &symbolHeader = section(3, ".symtab", SHT_SYMTAB, 0, inTail(symbols), symbols.size(), 8);
  symbolHeader.sh_link = 4;
  symbolHeader.sh_info = 1; // the first that is not local
  symbolHeader.sh_entsize = sizeof(Elf64_Sym);
  section(4, ".strtab", SHT_STRTAB, 0, inTail(names), names.size(), 1);
  Elf64_Shdr &namesHeader = section(5, ".shstrtab", SHT_STRTAB, 0, 0, 0, 1);
  namesHeader.sh_offset = inTail(sectionNames);
  namesHeader.sh_size = sectionNames.size();
  tail.resize(llvm::alignTo(tail.size(), 8));

  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ElfMagic, 4);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_REL;
  header.e_machine = isX86 ? EM_X86_64 : EM_AARCH64;
  header.e_version = EV_CURRENT;
  header.e_shoff = tailOffset + tail.size();
  header.e_ehsize = sizeof header;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = headers.size();
  header.e_shstrndx = 5;
  static_assert(sizeof header == alignment, "the weights begin right behind the header");
  for (const Elf64_Shdr &sectionHeader : headers)
    appendBytes(tail, sectionHeader);

  // Read whole pages of the file, not all of it at once.
  int from = open(weightsFile.c_str(), O_RDONLY | O_CLOEXEC);
  if (from < 0)
    return ioFailure("'" + weightsFile + "' cannot be read", errno);
  int to = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  llvm::Error error = to < 0 ? ioFailure("'" + path + "' cannot be written", errno) : llvm::Error::success();
  std::string block;
  appendBytes(block, header);
  uint64_t done = 0;
  while (!error) {
    error = writeAll(to, block, path);
    if (error || done == bytes)
      break;
    block.resize(std::min<uint64_t>(bytes - done, 1 << 20));
    ssize_t count = read(from, block.data(), block.size());
    if (count <= 0)
      error = ioFailure("'" + weightsFile + "' cannot be read", count < 0 ? errno : EIO);
    else
      block.resize(count);
    done += std::max<ssize_t>(count, 0);
  }
  std::string padding(tailOffset - alignment - bytes, 0);
  if (!error)
    error = writeAll(to, padding + tail, path);
  close(from);
  if (to >= 0 && close(to) != 0 && !error)
    error = ioFailure("'" + path + "' cannot be written", errno);
  return error;
}

//===----------------------------------------------------------------------===//
// The whole
//===----------------------------------------------------------------------===//

/// Whether a Sinter wrote the file: its tables or its header's first line are in it.
bool isOurs(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  return buffer && ((*buffer)->getBuffer().contains(SINTER_PROGRAM_MAGIC) ||
                    (*buffer)->getBuffer().take_front(100).contains(linkedHeaderMark));
}

llvm::Error checkFileReplaceable(StringRef path) {
  if (!llvm::sys::fs::exists(path) || (!llvm::sys::fs::is_directory(path) && isOurs(path)))
    return llvm::Error::success();
  return usage("'" + path +
               "' exists and was not written by Sinter; choose another output, or replace it with --force");
}

std::string inFolder(const AtomicOutput &folder, StringRef name) { return (folder.path() + "/" + name).str(); }

/// Everything that the linker takes, as files in `folder`.
llvm::Expected<std::vector<std::string>> writeParts(const BundleDescription &bundle, llvm::ArrayRef<StringRef> objects,
                                                    const AtomicOutput &folder, const LinkedOptions &options,
                                                    BundleSummary &summary) {
  std::string weightsFile = inFolder(folder, "weights");
  llvm::Expected<std::string> program = encodeProgram(bundle, weightsFile, options.write);
  if (!program)
    return program.takeError();
  summary.sha256 = sha256Hex(*program);
  if (std::error_code error = llvm::sys::fs::file_size(weightsFile, summary.weightsBytes))
    return ioFailure("'" + weightsFile + "' cannot be read: " + error.message());

  std::vector<std::string> parts;
  llvm::Expected<llvm::SmallString<0>> tables = compileTables(bundle, *program, summary.weightsBytes, options);
  if (!tables)
    return tables.takeError();
  parts.push_back(inFolder(folder, "tables.o"));
  if (llvm::Error error = writeFile(parts.back(), *tables))
    return std::move(error);
  for (auto [i, object] : llvm::enumerate(objects)) {
    parts.push_back(inFolder(folder, "kernels-" + std::to_string(i) + ".o"));
    summary.codeBytes += object.size();
    if (llvm::Error error = writeFile(parts.back(), object))
      return std::move(error);
  }
  if (summary.weightsBytes) {
    parts.push_back(inFolder(folder, "weights.o"));
    if (llvm::Error error = writeWeightsObject(parts.back(), options.name + "_weights", weightsFile,
                                               summary.weightsBytes, llvm::Triple(options.triple)))
      return std::move(error);
  }
  llvm::sys::fs::remove(weightsFile);
  return parts;
}

/// Writes the archive `out` with the file `object` as its one member. No dates, owners or modes are in it: the same
/// program gives the same archive.
llvm::Error archive(const std::string &object, const std::string &out, const std::string &memberName) {
  auto buffer = llvm::MemoryBuffer::getFile(object, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return ioFailure("'" + object + "' cannot be read: " + buffer.getError().message());
  std::vector<llvm::NewArchiveMember> members(1);
  members[0].Buf =
      llvm::MemoryBuffer::getMemBuffer((*buffer)->getBuffer(), memberName, /*RequiresNullTerminator=*/false);
  members[0].MemberName = members[0].Buf->getBufferIdentifier();
  if (llvm::Error error = llvm::writeArchive(out, members, llvm::SymtabWritingMode::NormalSymtab,
                                             llvm::object::Archive::K_GNU, /*Deterministic=*/true, /*Thin=*/false))
    return ioFailure("'" + out + "' cannot be written: " + llvm::toString(std::move(error)));
  return llvm::Error::success();
}

llvm::Error linkParts(llvm::ArrayRef<std::string> parts, const AtomicOutput &folder, const std::string &output,
                      const LinkedOptions &options) {
  std::vector<std::string> arguments = {"-m",          linkerEmulation(llvm::Triple(options.triple).isAArch64()),
                                        "--threads=1", "--build-id=none",
                                        "-z",          "noexecstack",
                                        "-o",          output};
  if (options.form == LinkedForm::Shared) {
    std::string exports = inFolder(folder, "exports");
    if (llvm::Error error = writeFile(exports, "{ global: " + options.name + "_query; local: *; };\n"))
      return error;
    arguments.insert(arguments.end(),
                     {"-shared", "--hash-style=gnu", "--gc-sections", "-z", "relro", "-z", "now", "--strip-all",
                      "-soname=" + options.name + ".so", "--version-script=" + exports});
    llvm::Expected<std::vector<std::string>> needs =
        needsOf(parts, folder.path(), llvm::Triple(options.triple).isAArch64());
    if (!needs)
      return needs.takeError();
    arguments.insert(arguments.end(), needs->begin(), needs->end());
  } else {
    arguments.push_back("-r");
  }
  arguments.insert(arguments.end(), parts.begin(), parts.end());
  return runLinker(arguments);
}

} // namespace

llvm::Error sinter::writeLinkedProgram(const BundleDescription &bundle, llvm::ArrayRef<StringRef> objects,
                                       StringRef out, const LinkedOptions &options, BundleSummary *summary) {
  if (llvm::Error error = checkSymbolName(options.name))
    return error;
  if (objects.empty() && !bundle.kernels.empty())
    return internalError("the program to write is wrong: its kernels have no objects");
  llvm::SmallString<256> header(llvm::sys::path::parent_path(out));
  llvm::sys::path::append(header, options.name + ".h");
  if (!options.write.force) {
    if (llvm::Error error = checkFileReplaceable(out))
      return error;
    if (llvm::Error error = checkFileReplaceable(header))
      return error;
  }

  llvm::Expected<AtomicOutput> output = AtomicOutput::file(out);
  if (!output)
    return output.takeError();
  llvm::Expected<AtomicOutput> headerOutput = AtomicOutput::file(header);
  if (!headerOutput)
    return headerOutput.takeError();
  // The parts lie beside the output, where there should be room for the weights; they are never put in place.
  llvm::Expected<AtomicOutput> folder = AtomicOutput::folder(out);
  if (!folder)
    return folder.takeError();

  BundleSummary written;
  llvm::Expected<std::vector<std::string>> parts = writeParts(bundle, objects, *folder, options, written);
  if (!parts)
    return parts.takeError();
  std::string linked = inFolder(*folder, options.name + ".o");
  if (llvm::Error error = linkParts(*parts, *folder, linked, options))
    return error;
  if (options.form == LinkedForm::Static)
    if (llvm::Error error = archive(linked, inFolder(*folder, "archive"), options.name + ".o"))
      return error;
  auto buffer = llvm::MemoryBuffer::getFile(options.form == LinkedForm::Static ? inFolder(*folder, "archive") : linked,
                                            /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return ioFailure("'" + out + "' cannot be written: " + buffer.getError().message());
  if (llvm::Error error = output->write("", (*buffer)->getBuffer()))
    return error;
  if (llvm::Error error = headerOutput->write("", encodeLinkedHeader(bundle, options.name)))
    return error;
  if (llvm::Error error = output->commit())
    return error;
  if (llvm::Error error = headerOutput->commit())
    return error;
  if (summary) {
    written.totalBytes = (*buffer)->getBufferSize();
    *summary = written;
  }
  return llvm::Error::success();
}
