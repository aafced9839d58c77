//===- Failure.cpp - What went wrong, with the exit status for it ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Support/Failure.h"

#include "llvm/Support/raw_ostream.h"

#include <cassert>
#include <optional>

using namespace sinter;

char Failure::ID = 0;

void Failure::log(llvm::raw_ostream &os) const {
  if (!node.empty())
    os << "node '" << node << "': ";
  os << message;
  if (!actual.empty())
    os << ": " << actual;
  if (!required.empty())
    os << (actual.empty() ? ": required: " : ", required: ") << required;
  if (!hint.empty())
    os << "; " << hint;
  for (const UnsupportedNode &line : unsupportedNodes) {
    os << "\n  ";
    if (!line.domain.empty())
      os << line.domain << '.';
    os << line.op;
    if (line.version)
      os << " (version " << line.version << ")";
    os << " at node '" << line.node << "'";
    if (line.count > 1)
      os << " and " << line.count - 1 << " more";
    os << ": " << line.reason;
    if (!line.hint.empty())
      os << "; " << line.hint;
  }
}

llvm::Error sinter::usage(const llvm::Twine &message) { return Failure::make(ExitStatus::Usage, message); }
llvm::Error sinter::unusable(const llvm::Twine &message) { return Failure::make(ExitStatus::Unusable, message); }
llvm::Error sinter::unsupported(const llvm::Twine &message) { return Failure::make(ExitStatus::Unsupported, message); }
llvm::Error sinter::doesNotFit(const llvm::Twine &message) { return Failure::make(ExitStatus::DoesNotFit, message); }
llvm::Error sinter::ioFailure(const llvm::Twine &message) { return Failure::make(ExitStatus::Io, message); }
llvm::Error sinter::internalError(const llvm::Twine &message) { return Failure::make(ExitStatus::Internal, message); }

llvm::Error sinter::ioFailure(const llvm::Twine &message, int errorNumber) {
  return ioFailure(message + ": " + std::generic_category().message(errorNumber));
}

llvm::Error sinter::unsupported(std::vector<UnsupportedNode> nodes) {
  assert(!nodes.empty() && "nothing is unsupported");
  int64_t count = 0;
  for (const UnsupportedNode &line : nodes)
    count += line.count;
  auto failure = std::make_unique<Failure>(
      ExitStatus::Unsupported, std::to_string(count) + (count == 1 ? " node is" : " nodes are") + " not supported");
  failure->unsupportedNodes = std::move(nodes);
  return llvm::Error(std::move(failure));
}

Failure sinter::takeFailure(llvm::Error error) {
  std::optional<Failure> result;
  auto add = [&](Failure next) {
    if (!result)
      result = std::move(next);
    else
      result->message += "; " + next.message;
  };
  llvm::handleAllErrors(
      std::move(error), [&](const Failure &failure) { add(failure); },
      [&](const llvm::ECError &other) { add(Failure(ExitStatus::Io, other.message())); },
      [&](const llvm::ErrorInfoBase &other) { add(Failure(ExitStatus::Internal, other.message())); });
  assert(result && "no error to take apart");
  return std::move(*result);
}
