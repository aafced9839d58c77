//===- Verbs.h - What the tool can do ---------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TOOLS_SINTER_VERBS_H
#define SINTER_TOOLS_SINTER_VERBS_H

#include "CLI/App.hpp"

#include <functional>

namespace sinter::tool {

/// A verb that was declared: its part of the command line, and what carries it out and returns the exit status. It may
/// throw Stop.
struct Verb {
  CLI::App *app;
  std::function<int()> run;
};

Verb declareCompile(CLI::App &app);
Verb declareRun(CLI::App &app);
Verb declareBench(CLI::App &app);
Verb declareVerify(CLI::App &app);
Verb declareInspect(CLI::App &app);
Verb declareTargets(CLI::App &app);

} // namespace sinter::tool

#endif // SINTER_TOOLS_SINTER_VERBS_H
