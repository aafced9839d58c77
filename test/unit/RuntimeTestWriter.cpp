//===- RuntimeTestWriter.cpp - Writes the small program in every form -----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// usage: runtime-test-writer bundle|object|static|shared OUT [NAME BIAS]
//        runtime-test-writer aarch64-bundle|aarch64-object OUT CODE
//
// The program of RuntimeTestProgram.h, for tests in C. BIAS is added to its bias,
// so that two programs can be told apart. CODE is RuntimeTestKernels.c compiled for
// AArch64, as a shared object or as an object.
//
//===----------------------------------------------------------------------===//

#include "test/unit/RuntimeTestProgram.h"

#include "lib/Bundle/LinkedProgram.h"
#include "lib/Support/Failure.h"

#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Host.h"

using namespace sinter;
using namespace sinter::test;
using llvm::StringRef;

/// For the machine that this runs on.
static llvm::Error writeNative(StringRef form, StringRef out, const std::string &name, float bias) {
  BundleDescription bundle = testProgram();
  bundle.name = name;
  bundle.sections[1].fill = floats({0.5f + bias, 1.5f + bias, 2.5f + bias, 3.5f + bias});
  if (form == "bundle")
    return writeBundle(bundle, out);
  // The objects' symbols begin with "tiny" or "other": a program's kernels have its own names.
  for (BundleKernel &kernel : bundle.kernels)
    kernel.symbols = {name + "_2_" + kernel.name, name + "_1_" + kernel.name};
  bool isTiny = name == "tiny";
  std::string objects[] = {readFile(isTiny ? SINTER_TINY_OBJECT_2 : SINTER_OTHER_OBJECT_2),
                           readFile(isTiny ? SINTER_TINY_OBJECT_1 : SINTER_OTHER_OBJECT_1)};
  LinkedOptions options;
  options.form = form == "object" ? LinkedForm::Object : form == "static" ? LinkedForm::Static : LinkedForm::Shared;
  options.name = name;
  options.triple = llvm::sys::getProcessTriple();
  return writeLinkedProgram(bundle, {objects[0], objects[1]}, out, options);
}

static llvm::Error writeAArch64(StringRef form, StringRef out, const std::string &code) {
  BundleDescription bundle = testProgram();
  BundleVariant variant;
  variant.name = "aarch64";
  variant.architecture = SINTER_AARCH64;
  variant.code = readFile(code);
  bundle.variants = {variant};
  for (BundleKernel &kernel : bundle.kernels)
    kernel.symbols.clear();
  if (form == "aarch64-bundle")
    return writeBundle(bundle, out);
  for (BundleKernel &kernel : bundle.kernels)
    kernel.symbols = {"tiny_" + kernel.name};
  LinkedOptions options;
  options.name = "tiny";
  options.triple = "aarch64-unknown-linux-gnu";
  return writeLinkedProgram(bundle, {variant.code}, out, options);
}

int main(int argc, char **argv) {
  if (argc < 3 || argc > 5)
    return 2;
  llvm::InitializeAllTargetInfos();
  llvm::InitializeAllTargets();
  llvm::InitializeAllTargetMCs();
  llvm::InitializeAllAsmPrinters();
  StringRef form = argv[1];
  llvm::Error error = form.starts_with("aarch64-")
                          ? writeAArch64(form, argv[2], argc > 3 ? argv[3] : "")
                          : writeNative(form, argv[2], argc > 3 ? argv[3] : "tiny", argc > 4 ? std::stof(argv[4]) : 0);
  if (!error)
    return 0;
  Failure failure = takeFailure(std::move(error));
  llvm::errs() << failure.message << "\n";
  return static_cast<int>(failure.status);
}
