//===- RuntimeTestWriter.cpp - Writes the small program in every form -----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// usage: runtime-test-writer bundle|object|static|shared OUT [NAME BIAS]
//
// The program of RuntimeTestProgram.h, for tests in C. BIAS is added to its bias,
// so that two programs can be told apart.
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

int main(int argc, char **argv) {
  if (argc != 3 && argc != 5)
    return 2;
  std::string form = argv[1], name = argc > 3 ? argv[3] : "tiny";
  float bias = argc > 4 ? std::stof(argv[4]) : 0;
  BundleDescription bundle = testProgram();
  bundle.name = name;
  bundle.sections[1].fill = floats({0.5f + bias, 1.5f + bias, 2.5f + bias, 3.5f + bias});
  llvm::Error error = llvm::Error::success();
  if (form == "bundle") {
    error = writeBundle(bundle, argv[2]);
  } else {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    // The objects' symbols begin with "tiny" or "other": a program's kernels have its own names.
    for (BundleKernel &kernel : bundle.kernels)
      kernel.symbols = {name + "_2_" + kernel.name, name + "_1_" + kernel.name};
    bool isTiny = name == "tiny";
    std::string objects[] = {readFile(isTiny ? SINTER_TINY_OBJECT_2 : SINTER_OTHER_OBJECT_2),
                             readFile(isTiny ? SINTER_TINY_OBJECT_1 : SINTER_OTHER_OBJECT_1)};
    LinkedOptions options;
    options.form = form == "object"   ? LinkedForm::Object
                   : form == "static" ? LinkedForm::Static
                                      : LinkedForm::Shared;
    options.name = name;
    options.triple = llvm::sys::getProcessTriple();
    error = writeLinkedProgram(bundle, {objects[0], objects[1]}, argv[2], options);
  }
  if (!error)
    return 0;
  Failure failure = takeFailure(std::move(error));
  llvm::errs() << failure.message << "\n";
  return static_cast<int>(failure.status);
}
