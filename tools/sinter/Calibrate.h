//===- Calibrate.h - Runs samples to see what activations look like ------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TOOLS_SINTER_CALIBRATE_H
#define SINTER_TOOLS_SINTER_CALIBRATE_H

#include "include/sinter/Compiler.h"
#include "lib/Quantization/Dataset.h"
#include "lib/Support/AtomicOutput.h"
#include "tools/sinter/CompileOptions.h"
#include "tools/sinter/Program.h"

#include <optional>

namespace sinter::tool {

/// Sees to what quantization and pruning need to know of activations, and puts it into the request: the file of
/// --calibration, which must be of this model and have what the scheme needs, or what the samples of --calibrate give,
/// run by a build for this machine. Where files were made, they lie in the folder that is returned, and live as long as
/// it. Throws Stop; a scheme that the target does not execute is refused first.
std::optional<TemporaryFolder> prepareCalibration(CompileRequest &request, const CompileOptions &options);

/// What samples for a program must have.
std::vector<DatasetInput> datasetInputs(const Program &program);

} // namespace sinter::tool

#endif // SINTER_TOOLS_SINTER_CALIBRATE_H
