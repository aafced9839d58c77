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
// llvm::Error; only tools turn it into text and a status:
//
//   return unusable("input 'mask' has 3 axes, and the model wants 2");
//   return Failure::make(ExitStatus::Unusable, "the head size does not fit")
//       .node("layer.3/attn").actual("72").required("a multiple of 16");
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_SUPPORT_FAILURE_H
#define SINTER_SUPPORT_FAILURE_H

#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

namespace sinter {

/// The exit statuses of the command line.
enum class ExitStatus : int {
  Done = 0,
  CheckFailed = 1, // verify, bench --against
  Usage = 2,       // wrong usage
  Unusable = 3,    // a model, bundle or input cannot be used: missing, malformed, out of bounds
  Unsupported = 4, // the model, or this machine for this bundle, is not supported
  DoesNotFit = 5,  // the target is too small
  Io = 6,          // input or output failed: disk full, no permission
  Internal = 70,   // a defect of Sinter
  Interrupted = 130,
};

/// A node of a model that is not supported; `count` nodes alike are one entry,
/// which names the first.
struct UnsupportedNode {
  std::string node;
  std::string op;
  std::string domain;
  int64_t version = 0; // 0: none
  int64_t count = 1;
  std::string reason;
  std::string hint;
};

class Failure : public llvm::ErrorInfo<Failure> {
public:
  static char ID;

  Failure(ExitStatus status, std::string message) : status(status), message(std::move(message)) {}

  /// Builds an error in one expression: `return Failure::make(...).node("x");`.
  class Builder {
  public:
    Builder(ExitStatus status, const llvm::Twine &message)
        : failure(std::make_unique<Failure>(status, message.str())) {}
    Builder &&node(const llvm::Twine &text) && { return set(&Failure::node, text); }
    Builder &&actual(const llvm::Twine &text) && { return set(&Failure::actual, text); }
    Builder &&required(const llvm::Twine &text) && { return set(&Failure::required, text); }
    Builder &&hint(const llvm::Twine &text) && { return set(&Failure::hint, text); }
    operator llvm::Error() && { return llvm::Error(std::move(failure)); }
    template <typename T> operator llvm::Expected<T>() && { return llvm::Error(std::move(failure)); }

  private:
    Builder &&set(std::string Failure::*field, const llvm::Twine &text) {
      (*failure).*field = text.str();
      return std::move(*this);
    }
    std::unique_ptr<Failure> failure;
  };
  static Builder make(ExitStatus status, const llvm::Twine &message) { return Builder(status, message); }

  /// The whole message on one line, then one line per unsupported node.
  void log(llvm::raw_ostream &os) const override;
  std::error_code convertToErrorCode() const override { return llvm::inconvertibleErrorCode(); }

  ExitStatus status;
  std::string message;
  // Empty where they do not apply.
  std::string node;
  std::string actual;
  std::string required;
  std::string hint;
  /// All of them at once; empty unless the status is Unsupported.
  std::vector<UnsupportedNode> unsupportedNodes;
};

llvm::Error usage(const llvm::Twine &message);
llvm::Error unusable(const llvm::Twine &message);
llvm::Error unsupported(const llvm::Twine &message);
/// The message counts the nodes.
llvm::Error unsupported(std::vector<UnsupportedNode> nodes);
llvm::Error doesNotFit(const llvm::Twine &message);
llvm::Error ioFailure(const llvm::Twine &message);
/// With the system's text for an errno after the message.
llvm::Error ioFailure(const llvm::Twine &message, int errorNumber);
llvm::Error internalError(const llvm::Twine &message);

/// The error as one Failure. Several become one, their messages joined; what is
/// no Failure is an I/O failure if it comes from the system, else internal.
/// `error` must not be success.
Failure takeFailure(llvm::Error error);

} // namespace sinter

#endif // SINTER_SUPPORT_FAILURE_H
