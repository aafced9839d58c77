//===- ElementwiseEmitter.h - Elementwise functions as machine operations -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The scalar functions of the sinter dialect, on one element or on a vector of
// isa.lanes elements. Elements are held as they are computed with:
//
//   f32, f64        themselves
//   f16, bf16       f32 that holds a value of the narrow type: each function is
//                   computed in f32 and rounded
//   narrow floats   their bits, as i8: they are only moved and converted
//   i1              i1
//   i4, i2          i8 that holds a value of the narrow type; ui4 and ui2 too
//   integers        signless integers of their width; signedness is the type's
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_EMIT_ELEMENTWISEEMITTER_H
#define SINTER_TARGETS_CPU_EMIT_ELEMENTWISEEMITTER_H

#include "dialects/sinter/IR/Sinter.h"
#include "targets/cpu/Emit/NarrowFloats.h"
#include "targets/cpu/Kernels/KernelBuilder.h"

namespace sinter::cpu {

/// The type that elements of `type` are computed in.
mlir::Type getComputeType(mlir::Type type);
/// The type that elements of `type` have in memory.
mlir::Type getStorageType(mlir::Type type);

class ElementwiseEmitter {
public:
  explicit ElementwiseEmitter(KernelBuilder &k) : k(k) {}

  /// `operands` are all scalars or all vectors, of the compute type of `type`, the element type of the op's operands
  /// (for select, of what it selects).
  mlir::Value emit(ElementwiseOp op, llvm::ArrayRef<mlir::Value> operands);
  mlir::Value convert(mlir::Value x, mlir::Type from, mlir::Type to, const NarrowCast &rules = {});
  /// As memory holds it, and back.
  mlir::Value fromStorage(mlir::Value x, mlir::Type type);
  mlir::Value toStorage(mlir::Value x, mlir::Type type);
  /// A number of the compute type of `type`, as a scalar.
  mlir::Value constant(mlir::Attribute number, mlir::Type type);
  mlir::Value constant(double number, mlir::Type type);
  mlir::Value add(mlir::Value x, mlir::Value y, mlir::Type type);
  mlir::Value multiply(mlir::Value x, mlir::Value y, mlir::Type type);
  /// NaN where either is.
  mlir::Value minimumOrMaximum(bool maximum, mlir::Value x, mlir::Value y, mlir::Type type);
  mlir::Value compare(ElementwiseKind kind, mlir::Value x, mlir::Value y, mlir::Type type);
  /// `scalar` in every lane, if `like` is a vector.
  mlir::Value splatLike(mlir::Value scalar, mlir::Value like);
  /// Rounds what was computed in f32 to f16 or bf16; other types stay.
  mlir::Value round(mlir::Value x, mlir::Type type);
  /// The function of f32 vectors `f` (VectorMath.h) on a vector or a scalar.
  mlir::Value applyVectorFunction(mlir::Value x, llvm::function_ref<mlir::Value(mlir::Value)> f);

private:
  mlir::Value convertToNarrowFloat(mlir::Value x, mlir::Type from, mlir::FloatType to, const NarrowCast &rules);
  mlir::Value wrapToNarrow(mlir::Value x, mlir::Type type);
  mlir::Value emitFloat(ElementwiseOp op, llvm::ArrayRef<mlir::Value> x, mlir::Type type);
  mlir::Value emitInteger(ElementwiseKind kind, llvm::ArrayRef<mlir::Value> x, mlir::IntegerType type);
  mlir::Value emitIntegerDivision(ElementwiseKind kind, mlir::Value x, mlir::Value y, mlir::IntegerType type);
  mlir::Value power(ElementwiseOp op, mlir::Value x, mlir::Value y, mlir::Type type);
  mlir::Value throughDouble(mlir::Value x, llvm::function_ref<mlir::Value(mlir::Value)> f);
  mlir::Type shaped(mlir::Type element, mlir::Value like);

  KernelBuilder &k;
};

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_EMIT_ELEMENTWISEEMITTER_H
