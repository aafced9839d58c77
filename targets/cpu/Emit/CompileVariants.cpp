//===- CompileVariants.cpp - The kernels of an artifact's variants --------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Emit/CompileVariants.h"

#include "targets/cpu/Codegen/Codegen.h"
#include "targets/cpu/Emit/KernelTemplates.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;

/// The instruction set of the same processor that has least: the table has it last.
static const Isa &getLeast(const Isa &isa) {
  const Isa *least = &isa;
  for (const Isa &other : allIsas())
    if (other.triple == isa.triple && other.cpu == isa.cpu)
      least = &other;
  return *least;
}

llvm::Expected<const VariantCompiler::Part *> VariantCompiler::getPart(const Isa &isa, bool bytes) {
  for (const Part &part : parts)
    if (part.isa == &isa && part.multipliesBytes == bytes)
      return &part;
  MLIRContext *context = module.getContext();
  KernelBuilder::loadDialects(*context);
  OwningOpRef<ModuleOp> code(ModuleOp::create(UnknownLoc::get(context)));
  KernelBuilder k(*code, isa);
  Part part{&isa, bytes, "", {}, ""};
  if (!linkedName.empty())
    part.prefix = linkedName + "_" + std::to_string(numVariants) + "_";
  for (CodeOp kernel : module.getOps<CodeOp>()) {
    Block &body = kernel.getBody().front();
    if (!getRuntimeKernel(kernel.getKind()) && multipliesBytes(kernel.getKind(), body) == bytes)
      buildKernel(k, (part.prefix + kernel.getSymName()).str(), kernel.getKind(), body);
  }
  if (wantsAssembly) {
    OwningOpRef<ModuleOp> copy(code->clone());
    llvm::Expected<std::string> text = assemblyText(*copy, isa);
    if (!text)
      return text.takeError();
    part.assembly = std::move(*text);
  }
  llvm::Expected<llvm::SmallVector<char, 0>> object = compileToObject(*code, isa);
  if (!object)
    return object.takeError();
  part.object = std::move(*object);
  parts.push_back(std::move(part));
  return &parts.back();
}

llvm::Expected<VariantCompiler::Variant> VariantCompiler::compile(const Isa &isa) {
  Variant variant;
  const Part *used[2] = {};
  for (CodeOp kernel : module.getOps<CodeOp>()) {
    if (getRuntimeKernel(kernel.getKind()))
      continue;
    bool bytes = multipliesBytes(kernel.getKind(), kernel.getBody().front());
    if (!used[bytes]) {
      llvm::Expected<const Part *> part = getPart(bytes ? isa : getLeast(isa), bytes);
      if (!part)
        return part.takeError();
      used[bytes] = *part;
      variant.objects.push_back((*part)->object);
      variant.assembly += (*part)->assembly;
    }
    variant.symbols.push_back((used[bytes]->prefix + kernel.getSymName()).str());
  }
  if (variant.objects.empty()) { // a program without kernels
    llvm::Expected<const Part *> part = getPart(getLeast(isa), /*bytes=*/false);
    if (!part)
      return part.takeError();
    variant.objects.push_back((*part)->object);
  }
  ++numVariants;
  return variant;
}

llvm::SmallVector<llvm::StringRef> VariantCompiler::objects() const {
  llvm::SmallVector<llvm::StringRef> all;
  for (const Part &part : parts)
    all.emplace_back(part.object.data(), part.object.size());
  return all;
}
