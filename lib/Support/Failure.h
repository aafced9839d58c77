//===- Failure.h - What went wrong, with the exit status for it -----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every error that reaches a user is a Failure: one sentence (subject, actual,
// required), the exit status that the command line promises for its kind, and
// the parts that `--format=json` prints apart. Libraries return it as an
// llvm::Error; only tools turn it into text and a status.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_SUPPORT_FAILURE_H
#define SINTER_SUPPORT_FAILURE_H

#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <string>
#include <system_error>
#include <vector>

namespace sinter {

/// The exit statuses of the command line.
enum class ExitStatus : int {
  Done = 0,
  CheckFailed = 1,
  Usage = 2,
  Unusable = 3,    // a model, bundle or input: missing, malformed, out of bounds
  Unsupported = 4, // the model, or this machine for this bundle
  DoesNotFit = 5,  // the target
  Io = 6,          // disk full, no permission
  Internal = 70,
  Interrupted = 130,
};

/// A node of a model that Sinter does not support; `count` nodes alike are one
/// entry, which names the first.
struct UnsupportedNode {
  std::string node;
  std::string op;
  std::string domain;
  int64_t version = 0;
  int64_t count = 1;
  std::string reason;
  std::string hint;
};

class Failure : public llvm::ErrorInfo<Failure> {
public:
  static char ID;

  Failure(ExitStatus status, const llvm::Twine &message) : status(status), message(message.str()) {}

  ExitStatus status;
  std::string message;
  // Empty where they do not apply.
  std::string node;
  std::string actual;
  std::string required;
  std::string hint;
  /// All of them at once; empty unless the status is Unsupported.
  std::vector<UnsupportedNode> unsupported;

  void log(llvm::raw_ostream &os) const override;
  std::error_code convertToErrorCode() const override;
};

llvm::Error usage(const llvm::Twine &message);
llvm::Error unusable(const llvm::Twine &message);
llvm::Error unsupported(const llvm::Twine &message);
llvm::Error unsupported(const llvm::Twine &message, std::vector<UnsupportedNode> nodes);
llvm::Error doesNotFit(const llvm::Twine &message);
/// `errorNumber`: an errno, whose text follows the message; 0: none.
llvm::Error ioFailure(const llvm::Twine &message, int errorNumber = 0);
llvm::Error internalFailure(const llvm::Twine &message);

} // namespace sinter

#endif // SINTER_SUPPORT_FAILURE_H
