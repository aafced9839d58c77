//===- Console.h - What the tool prints -------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Data go to standard output; diagnostics, notes and progress to standard error.
// With --format=json data are JSON objects, each on one line, and so is an error.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TOOLS_SINTER_CONSOLE_H
#define SINTER_TOOLS_SINTER_CONSOLE_H

#include "lib/Support/Failure.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/JSON.h"

#include <string>
#include <vector>

namespace sinter::tool {

/// Ends a verb. Only tools throw; what libraries return is turned into it by `orStop`.
struct Stop {
  Failure failure;
};

inline void orStop(llvm::Error error) {
  if (error)
    throw Stop{takeFailure(std::move(error))};
}
template <typename T> T orStop(llvm::Expected<T> value) {
  if (!value)
    throw Stop{takeFailure(value.takeError())};
  return std::move(*value);
}

class Console {
public:
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  std::string color = "auto";

  /// Data: text as it is, or one object on one line.
  void print(llvm::StringRef text);
  void printJson(llvm::json::Value object);
  /// What a person wants to know while it works; not with --quiet.
  void note(const llvm::Twine &message);
  /// Only with --verbose.
  void detail(const llvm::Twine &message);
  void warn(const llvm::Twine &message);
  /// A bar on a terminal, nothing elsewhere. `part` is 0..1; at 1 the bar goes away.
  void progress(double part, llvm::StringRef what);
  /// Prints what went wrong and returns the exit status.
  int fail(const Failure &failure);
  /// Flushes standard output; a disk that is full is a failure.
  int finish(int status);

private:
  bool useColor() const;
  void clearBar();

  bool barIsShown = false;
  int lastPercent = -1;
};

/// The only console of the process.
Console &console();

/// The object of a failure: {"error": {...}, "unsupported": [...]}.
llvm::json::Object describeFailure(const Failure &failure);
/// A failure in one sentence, with all of its parts.
std::string failureText(const Failure &failure);
/// A number with up to six digits that count, for people: 0.5, 1.2e-07.
std::string formatNumber(double value);
/// "1.5 MB", for people.
std::string formatBytes(uint64_t bytes);
/// Text as HTML has it.
std::string escapeHtml(llvm::StringRef text);
/// The most memory that this process has had, in bytes.
uint64_t peakResidentBytes();
/// Seconds of a clock that does not go back.
double now();
/// Of Sinter.
llvm::StringRef version();

} // namespace sinter::tool

#endif // SINTER_TOOLS_SINTER_CONSOLE_H
