//===- StreamReport.h - What a streaming chip's run is made of --------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Views of the schedules in a bundle, made of their files alone:
//
// - a report, as an object (FILE.json) or as one page without links (FILE.html), which
//   shows that object: use of the units over time, the critical chain, memory;
// - a trace for Perfetto or Chrome: what each queue issues and when. There, one
//   microsecond is a cycle.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TOOLS_SINTER_STREAMREPORT_H
#define SINTER_TOOLS_SINTER_STREAMREPORT_H

#include "tools/sinter/Program.h"

namespace sinter::tool {

/// What is viewed: the schedules of the program in `folder`, and what a run of it took in the simulator, where there
/// was one.
struct StreamRun {
  const Program &program;
  std::string folder;
  std::optional<uint64_t> measuredCycles;
};

/// Throws Stop where the option's file is neither .json nor .html.
void checkReportFile(llvm::StringRef option, llvm::StringRef file);
/// Write the file whole or not at all.
void writeStreamReport(const std::string &path, const StreamRun &run);
void writeStreamTrace(const std::string &path, const StreamRun &run);

} // namespace sinter::tool

#endif // SINTER_TOOLS_SINTER_STREAMREPORT_H
