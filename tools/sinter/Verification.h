//===- Verification.h - Compiled programs beside what they should give ===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TOOLS_SINTER_VERIFICATION_H
#define SINTER_TOOLS_SINTER_VERIFICATION_H

#include "lib/Support/HostTensor.h"
#include "tools/sinter/CompileOptions.h"
#include "tools/sinter/Console.h"
#include "tools/sinter/Program.h"

#include "llvm/Support/JSON.h"

#include <optional>
#include <string>
#include <vector>

namespace sinter::tool {

struct VerifyOptions {
  CompileOptions compile;
  std::string what, model, caseFolder, suiteFolder, data;
  std::vector<std::string> inputs;
  unsigned numThreads = 0, jobs = 0;
  uint64_t seed = 0, samples = 32;
  double timeout = 120;
  std::optional<double> rtol, atol;
  bool integrity = false, quality = false, schedule = false, strict = false;
};

/// How far an output may be off.
struct Tolerance {
  double rtol, atol;
};
/// Of the element type, unless --rtol or --atol say otherwise: 1e-3 and 1e-5 for floats of 32 bits and more, 1e-2 and
/// 1e-3 for those of 16. Integers are exact in any case.
Tolerance toleranceFor(ElementType type, const VerifyOptions &options);

/// Where activations are quantized, the least cosine that an output of floats may have with the reference's. A
/// difference of a millionth of a step moves one value in a million to the next code, a thousandth of a step rms; the
/// next layer makes a thirtieth of that, and after a few the two programs differ as much as either does from the
/// uncompressed one.
inline constexpr double leastCosine = 0.99;

/// An output against the reference's: by the tolerance, or, where activations are quantized and neither --rtol nor
/// --atol was given, floats by their cosine.
Comparison compareOutput(const HostTensor &actual, const HostTensor &expected, const VerifyOptions &options,
                         bool quantized);

/// What became of a case of ONNX's backend tests.
struct CaseResult {
  std::string name;
  std::string ran;    // the target; empty where nothing ran
  std::string status; // pass, wrong, refused, crash, timeout
  std::string reason;
  double maxAbsolute = 0, maxRelative = 0;
  /// For a refusal: its exit status, and the nodes that it names.
  int exitStatus = 0;
  llvm::json::Array unsupported;

  llvm::json::Object toJson() const;
  static std::optional<CaseResult> fromJson(llvm::StringRef line);
};

/// Compiles the case's model and runs it by the runtime on each of its sets of data. Throws nothing: every failure is
/// part of the result.
CaseResult runCase(const std::string &folder, const VerifyOptions &options);

/// verify --schedule: the schedule alone, without inputs and weights; the exit status.
int verifySchedule(const std::string &folder, const ProgramSchedule &schedule);

/// verify --case and verify --suite.
int verifyCase(const VerifyOptions &options);
int verifySuite(const VerifyOptions &options);

/// A number as JSON has it: null where it is infinite or none.
llvm::json::Value finiteOrNull(double value);

} // namespace sinter::tool

#endif // SINTER_TOOLS_SINTER_VERIFICATION_H
