//===- RegionReader.h - What a fused region has, for its template --------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_EMIT_REGIONREADER_H
#define SINTER_TARGETS_CPU_EMIT_REGIONREADER_H

#include "targets/cpu/Emit/KernelTemplates.h"
#include "targets/cpu/Transforms/StridedView.h"

namespace sinter::cpu {

template <typename OpType> OpType findOp(mlir::Block &body) {
  auto ops = body.getOps<OpType>();
  return ops.empty() ? OpType() : *ops.begin();
}

mlir::Value getYielded(mlir::Block &body);
/// Which of the values that the region yields is `value`, regrouped at most.
std::optional<unsigned> findYielded(mlir::Block &body, mlir::Value value);

/// Where it is a view of an argument.
std::optional<StridedView> viewOf(mlir::Value value);
/// The tensor in memory that an epilogue's operand is: an argument, or a reshape of one.
mlir::BlockArgument getWholeArgument(mlir::Value value);
int64_t elementBytes(mlir::Value value);
/// One value per column of a matrix with `columns` columns.
bool isColumnVector(mlir::Value value, const SizeExpr &columns);
bool isScalarTensor(mlir::Value value);

/// The words of a launch, by position.
class Words {
public:
  Words(mlir::MLIRContext *context, unsigned count)
      : context(context), words(count, WordAttr::getInteger(context, 0)) {}
  void operand(unsigned word, mlir::BlockArgument argument, const SizeExpr &elements = 0) {
    words[word] = WordAttr::getOperand(context, argument.getArgNumber(), elements * SizeExpr(elementBytes(argument)));
  }
  void view(unsigned word, const StridedView &view) {
    operand(word, llvm::cast<mlir::BlockArgument>(view.base), view.offset);
  }
  void result(unsigned word, unsigned index = 0) { words[word] = WordAttr::getResult(context, index); }
  void integer(unsigned word, const SizeExpr &size) { words[word] = WordAttr::getInteger(context, size); }
  llvm::SmallVector<WordAttr> take() { return std::move(words); }

private:
  mlir::MLIRContext *context;
  llvm::SmallVector<WordAttr> words;
};

/// The elementwise ops behind a matmul: bias and residual by the template, the rest as its epilogue.
struct TileEpilogue {
  mlir::BlockArgument bias, residual;
  llvm::SmallVector<mlir::BlockArgument> extras;
  llvm::SmallVector<ElementwiseOp> ops;
  /// What the result is quantized by, where it is.
  QuantizeOp quantize;
};

/// The chain of ops from `product` to what the region yields. Fails where it is none, or has what tiles cannot take.
mlir::FailureOr<TileEpilogue> readEpilogue(mlir::Value product, mlir::Value yielded, bool isBatched);
/// Its ops but for bias, residual and quantize; empty where there are none.
Epilogue emitEpilogue(const TileEpilogue &epilogue);

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_EMIT_REGIONREADER_H
