//===- Profile.h - Where a run's time goes ----------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TOOLS_SINTER_PROFILE_H
#define SINTER_TOOLS_SINTER_PROFILE_H

#include "tools/sinter/Program.h"

namespace sinter::tool {

struct StepTime {
  std::string node, kernel;
  double microseconds;
};

/// Runs the session (whose inputs are set) `runs` times, and returns each step's least time.
std::vector<StepTime> profile(const Program &program, Session &session, unsigned runs);

/// Writes a profile as a Chrome trace (.json) or as one self-contained page (.html). `title` says of what.
void writeProfile(const std::string &path, const std::string &title, const std::vector<StepTime> &steps);

} // namespace sinter::tool

#endif // SINTER_TOOLS_SINTER_PROFILE_H
