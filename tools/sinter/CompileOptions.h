//===- CompileOptions.h - The options of compile, which other verbs take, too -------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TOOLS_SINTER_COMPILEOPTIONS_H
#define SINTER_TOOLS_SINTER_COMPILEOPTIONS_H

#include "include/sinter/Compiler.h"

#include "CLI/App.hpp"

namespace sinter::tool {

/// Declares compile's options on a verb and turns what was given into a request. Every verb that takes a model in the
/// place of a bundle has them.
/// In which type a target computes products.
std::string precisionOf(llvm::StringRef target);

class CompileOptions {
public:
  /// `withJobs`: -j, which other verbs use for something else. `takesReport`: the verb writes --report's file itself.
  void declare(CLI::App &verb, bool withJobs = true, bool takesReport = false);
  const std::string &reportFile() const { return report; }
  /// Throws Stop for values that cannot be, and for what is not supported yet.
  CompileRequest request(llvm::StringRef model) const;
  /// What --dim gives single sizes to: the greatest (and, where inputs are made, the actual) sizes of a run.
  std::vector<std::pair<std::string, int64_t>> fixedDims() const;
  /// All options that were given, as text: a part of the cache's key.
  std::string text() const;
  bool hasTarget() const { return !targets.empty(); }
  /// Samples to calibrate with, of --calibrate; empty: none. What they give is for the caller to put into the request.
  const std::string &calibrationData() const { return calibrate; }
  /// Of --quantize, as it was given; may be empty.
  const std::string &scheme() const { return quantize; }
  /// All files that --calibrate and --calibration name.
  std::vector<std::string> calibrationFiles() const;

  std::vector<std::string> dims;

private:
  std::vector<TargetSpec> targetSpecs() const;

  CLI::App *verb = nullptr;
  std::vector<std::string> targets, chips;
  std::string emit = "bundle", name, precision, quantize, sparsity, calibrate, calibration, report;
  unsigned jobs = 0;
  bool takesReport = false;
};

/// One --dim: NAME=N, NAME=LO..HI, NAME=LO..HI:TYPICAL, NAME=A|B|C or A=B.
DimOption parseDim(llvm::StringRef text);

/// The options that every verb has (--format, -q, -v, --color); their values go to console().
void declareConsoleOptions(CLI::App &verb);

/// A verb with an example as its help's first line.
CLI::App *addVerb(CLI::App &app, const std::string &name, const std::string &description, const std::string &example);

} // namespace sinter::tool

#endif // SINTER_TOOLS_SINTER_COMPILEOPTIONS_H
