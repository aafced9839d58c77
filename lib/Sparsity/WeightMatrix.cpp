//===- WeightMatrix.cpp - The zeros of weights ---------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Sparsity/WeightMatrix.h"

#include "lib/Interpreter/Interpreter.h"
#include "lib/Support/Failure.h"

#include <algorithm>

using namespace mlir;
using namespace sinter;

//===----------------------------------------------------------------------===//
// WeightMatrix
//===----------------------------------------------------------------------===//

int64_t WeightMatrix::countBlocks(int64_t blockRows, int64_t blockColumns) const {
  int64_t count = 0;
  for (int64_t row = 0; row < rows; row += blockRows)
    for (int64_t column = 0; column < columns; column += blockColumns) {
      bool isZero = true;
      for (int64_t i = row; isZero && i < std::min(row + blockRows, rows); ++i)
        for (int64_t j = column; isZero && j < std::min(column + blockColumns, columns); ++j)
          isZero = at(i, j) == 0;
      count += !isZero;
    }
  return count;
}

bool WeightMatrix::hasGroups(int64_t keep, int64_t of) const {
  bool hasZero = false;
  for (int64_t column = 0; column < columns; ++column)
    for (int64_t first = 0; first < rows; first += of) {
      int64_t count = 0, end = std::min(first + of, rows);
      for (int64_t row = first; row < end; ++row)
        count += at(row, column) != 0;
      if (count > keep)
        return false;
      hasZero = hasZero || count < end - first;
    }
  return hasZero;
}

bool WeightMatrix::hasZeroRow() const {
  for (int64_t row = 0; row < rows; ++row) {
    bool isZero = true;
    for (int64_t column = 0; isZero && column < columns; ++column)
      isZero = at(row, column) == 0;
    if (isZero)
      return true;
  }
  return false;
}

bool WeightMatrix::hasZeroColumn() const {
  WeightMatrix transposed = *this;
  std::swap(transposed.rows, transposed.columns);
  std::swap(transposed.rowStride, transposed.columnStride);
  return transposed.hasZeroRow();
}

//===----------------------------------------------------------------------===//
// WeightReader
//===----------------------------------------------------------------------===//

llvm::Expected<WeightReader> WeightReader::open(ModuleOp module, llvm::StringRef folder, llvm::StringRef calibration) {
  llvm::Expected<WeightFiles> files = WeightFiles::open(module, folder, calibration);
  if (!files)
    return files.takeError();
  return WeightReader(std::move(*files));
}

/// Whether the recipe makes zeros or takes them out: then it is worth to be computed.
static bool concernsZeros(Value value) {
  Operation *op = value.getDefiningOp();
  return op && (isa<PruneOp, CompressOp>(op) || llvm::any_of(op->getOperands(), concernsZeros));
}

llvm::Expected<std::optional<WeightMatrix>> WeightReader::readMatrix(Value value) const {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || type.getRank() != 2 || !type.hasStaticShape() || !type.getElementType().isF32())
    return internalError("only matrices of f32 are looked at");
  if (auto transpose = value.getDefiningOp<TransposeOp>()) {
    llvm::Expected<std::optional<WeightMatrix>> matrix = readMatrix(transpose.getInput());
    if (matrix && *matrix && transpose.getPermutation()[0] == 1) {
      std::swap((*matrix)->rows, (*matrix)->columns);
      std::swap((*matrix)->rowStride, (*matrix)->columnStride);
    }
    return matrix;
  }
  WeightMatrix matrix;
  matrix.rows = type.getDimSize(0);
  matrix.columns = matrix.rowStride = type.getDimSize(1);
  matrix.columnStride = 1;
  if (auto parameter = value.getDefiningOp<ParameterOp>()) {
    auto weight = SymbolTable::lookupNearestSymbolFrom<WeightOp>(parameter, parameter.getWeightAttr());
    if (weight.getEncoding() == WeightEncoding::raw) {
      llvm::Expected<llvm::ArrayRef<char>> bytes = files.view(weight);
      if (!bytes)
        return bytes.takeError();
      if (reinterpret_cast<uintptr_t>(bytes->data()) % alignof(float) == 0) {
        matrix.data = reinterpret_cast<const float *>(bytes->data());
        return matrix;
      }
    }
  }
  if (!value.getDefiningOp<ParameterOp>() && !concernsZeros(value))
    return std::nullopt;
  llvm::Expected<HostTensor> tensor = evaluate(value);
  if (!tensor)
    return tensor.takeError();
  matrix.values = std::make_shared<HostTensor>(std::move(*tensor));
  matrix.data = matrix.values->as<float>().data();
  return matrix;
}

llvm::Expected<HostTensor> WeightReader::evaluate(Value value) const {
  InterpretOptions options;
  options.readWeight = [this](WeightOp weight) { return files.read(weight); };
  return interpretRecipe(value, options);
}
