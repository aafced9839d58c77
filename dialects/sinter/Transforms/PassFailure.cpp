//===- PassFailure.cpp - Passes that fail for what they were given -------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/Transforms/PassFailure.h"

#include "lib/Support/Failure.h"

void sinter::emitFailure(mlir::ModuleOp module, llvm::Error error) {
  Failure failure = takeFailure(std::move(error));
  llvm::StringRef prefix;
  if (failure.status == ExitStatus::Unusable)
    prefix = unusablePrefix;
  else if (failure.status == ExitStatus::DoesNotFit)
    prefix = doesNotFitPrefix;
  module.emitError() << prefix << failure.message;
}
