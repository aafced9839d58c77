//===- CalibrationArrays.h - Arrays of a calibration as weights ----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What calibration saw of an activation is a weight like others to recipes: it lies
// in a file of the module, the calibration's archive, at the place where it was
// written there.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_DIALECTS_SINTER_TRANSFORMS_CALIBRATIONARRAYS_H
#define SINTER_DIALECTS_SINTER_TRANSFORMS_CALIBRATIONARRAYS_H

#include "dialects/sinter/Transforms/WeightMatmuls.h"
#include "lib/Quantization/Calibration.h"

namespace sinter {

/// What calibration saw of the product's left-hand side; null where it saw nothing. A Failure where it has another
/// number of channels: it was made of another model, or with another `--sparsity`.
llvm::Expected<const ObservedTensor *> findInput(const Calibration &calibration, const WeightMatmul &product);

/// A parameter with the shape `dims`, which `array` fills. `kind` is what the array is called among those of
/// `observed`.
mlir::Value createCalibrationArray(mlir::OpBuilder &b, mlir::ModuleOp module, llvm::StringRef kind,
                                   const ObservedTensor &observed, const CalibrationArray &array,
                                   llvm::ArrayRef<int64_t> dims, mlir::Location loc);

} // namespace sinter

#endif // SINTER_DIALECTS_SINTER_TRANSFORMS_CALIBRATIONARRAYS_H
