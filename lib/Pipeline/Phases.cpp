//===- Phases.cpp - The phases of a compilation ---------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "include/sinter/Phases.h"

#include "llvm/Support/ErrorHandling.h"

using namespace sinter;

llvm::StringRef sinter::stringifyPhase(Phase phase) {
  switch (phase) {
  case Phase::Imported:
    return "imported";
  case Phase::Canonical:
    return "canonical";
  case Phase::Quantized:
    return "quantized";
  case Phase::Sparse:
    return "sparse";
  case Phase::Fused:
    return "fused";
  case Phase::Lowered:
    return "lowered";
  case Phase::Placed:
    return "placed";
  case Phase::Emitted:
    return "emitted";
  }
  llvm_unreachable("not a phase");
}

std::optional<Phase> sinter::parsePhase(llvm::StringRef name) {
  for (Phase phase : allPhases)
    if (stringifyPhase(phase) == name)
      return phase;
  return std::nullopt;
}
