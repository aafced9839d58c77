//===- Failure.cpp - What went wrong, with the exit status for it ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Support/Failure.h"

#include "llvm/Support/raw_ostream.h"

#include <system_error>

using namespace sinter;

char Failure::ID = 0;

void Failure::log(llvm::raw_ostream &os) const { os << message; }

std::error_code Failure::convertToErrorCode() const { return llvm::inconvertibleErrorCode(); }

llvm::Error sinter::usage(const llvm::Twine &message) { return llvm::make_error<Failure>(ExitStatus::Usage, message); }

llvm::Error sinter::unusable(const llvm::Twine &message) {
  return llvm::make_error<Failure>(ExitStatus::Unusable, message);
}

llvm::Error sinter::unsupported(const llvm::Twine &message) {
  return llvm::make_error<Failure>(ExitStatus::Unsupported, message);
}

llvm::Error sinter::unsupported(const llvm::Twine &message, std::vector<UnsupportedNode> nodes) {
  auto failure = std::make_unique<Failure>(ExitStatus::Unsupported, message);
  failure->unsupported = std::move(nodes);
  return llvm::Error(std::move(failure));
}

llvm::Error sinter::doesNotFit(const llvm::Twine &message) {
  return llvm::make_error<Failure>(ExitStatus::DoesNotFit, message);
}

llvm::Error sinter::ioFailure(const llvm::Twine &message, int errorNumber) {
  if (!errorNumber)
    return llvm::make_error<Failure>(ExitStatus::Io, message);
  return llvm::make_error<Failure>(ExitStatus::Io, message + ": " + std::generic_category().message(errorNumber));
}

llvm::Error sinter::internalFailure(const llvm::Twine &message) {
  return llvm::make_error<Failure>(ExitStatus::Internal, message);
}
