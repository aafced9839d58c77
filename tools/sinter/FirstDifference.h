//===- FirstDifference.h - The first node that computes something else ===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TOOLS_SINTER_FIRSTDIFFERENCE_H
#define SINTER_TOOLS_SINTER_FIRSTDIFFERENCE_H

#include "tools/sinter/Reference.h"
#include "tools/sinter/Verification.h"

#include <optional>

namespace sinter::tool {

/// A compiled program keeps its intermediate values to itself. To find the first that is wrong, the reference is
/// compiled again with every value as an output, for the same target, and each is compared in the order of the program.
/// None where that program agrees everywhere (the fault lies in what is fused, and is gone with it), or would be too
/// large to run.
std::optional<std::string> findFirstDifference(Reference &reference, const std::string &target,
                                               const std::string &variant, const std::vector<HostTensor> &inputs,
                                               const VerifyOptions &options);

} // namespace sinter::tool

#endif // SINTER_TOOLS_SINTER_FIRSTDIFFERENCE_H
