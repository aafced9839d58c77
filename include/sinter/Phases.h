//===- Phases.h - The phases of a compilation ----------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_PHASES_H
#define SINTER_PHASES_H

#include "llvm/ADT/StringRef.h"

#include <optional>

namespace sinter {

/// What holds of a module. One enumeration drives the pipeline, `--compile-to`, `--compile-from` and
/// `--dump-phases-to`; the module's attribute `sinter.phase` names the last phase that was reached, and a verifying
/// pass ends each.
enum class Phase {
  Imported,  ///< the model as its file says, shapes and names kept as locations
  Canonical, ///< one form per construct; shape computations are expressions of sizes
  Quantized, ///< element types decided
  Sparse,    ///< sparsity encodings decided
  Fused,     ///< kernels: isolated regions, each what one launch of the target computes
  Lowered,   ///< the target's own dialect; each kernel's packing and scratch known
  Placed,    ///< buffers and lifetimes; memory totals final
  Emitted,   ///< object code and the weights' recipes
};

inline constexpr Phase allPhases[] = {Phase::Imported, Phase::Canonical, Phase::Quantized, Phase::Sparse,
                                      Phase::Fused,    Phase::Lowered,   Phase::Placed,    Phase::Emitted};

/// The phase's name on the command line and in `sinter.phase`.
llvm::StringRef stringifyPhase(Phase phase);
std::optional<Phase> parsePhase(llvm::StringRef name);

} // namespace sinter

#endif // SINTER_PHASES_H
