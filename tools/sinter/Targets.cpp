//===- Targets.cpp - sinter targets -----------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "include/sinter/Target.h"
#include "tools/sinter/CompileOptions.h"
#include "tools/sinter/Console.h"
#include "tools/sinter/Verbs.h"

#include "llvm/ADT/StringExtras.h"

using namespace sinter;
using namespace sinter::tool;

namespace {

int printDescription(const std::string &chip) {
  std::string known;
  for (const auto &target : getTargets())
    for (const std::string &name : target->getChips())
      if (std::optional<std::string> description = target->getChipDescription(name)) {
        if (name == chip) {
          console().print(*description);
          return 0;
        }
        known += (known.empty() ? "" : ", ") + name;
      }
  if (known.empty())
    throw Stop{
        Failure(ExitStatus::Unsupported, "--chip=" + chip + ": no target of this build takes a chip's description")};
  throw Stop{Failure(ExitStatus::Usage, "--chip=" + chip + ": there are descriptions of " + known)};
}

} // namespace

Verb tool::declareTargets(CLI::App &app) {
  CLI::App *verb = addVerb(app, "targets", "Lists targets and chips, and what this machine can run", "sinter targets");
  auto chip = std::make_shared<std::string>();
  verb->add_option("--chip", *chip, "prints what a FILE.json for this chip holds");
  return {verb, [chip]() -> int {
            if (!chip->empty())
              return printDescription(*chip);
            for (const auto &target : getTargets()) {
              std::string reason;
              bool runsHere = target->runsHere(reason);
              if (console().json) {
                console().printJson(llvm::json::Object{{"target", target->getName()},
                                                       {"chips", llvm::json::Array(target->getChips())},
                                                       {"runs_here", runsHere},
                                                       {"reason", runsHere ? llvm::json::Value(nullptr) : reason}});
                continue;
              }
              std::string line = target->getName().str() + ": " + target->getDescription().str() +
                                 " Chips: " + llvm::join(target->getChips(), ", ") + ". ";
              line += runsHere ? "Runs here." : "Does not run here: " + reason + ".";
              console().print(line + "\n");
            }
            return 0;
          }};
}
