//===- KernelTemplates.h - What launches a fused region ------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A fused kernel names a template by its kind; here its region is read, and turned
// into the template's specification: what the launch passes (planLaunch) and what
// the code does (buildKernel).
//
//   kind             region
//   matmul           views, matmul by a weight, elementwise ops (bias, residual, ...)
//   quantized_matmul views, quantized_matmul by a weight, elementwise ops, a quantize by one scale
//   sparse_matmul    either of these two, whose weight has the encoding #sinter.sparse
//   batched_matmul   views, matmul of two values, elementwise ops with scalars, bias
//   attention        views, attention
//   norm             layer_norm or rms_norm over the last dimension, and a quantize of it
//   quantize         quantize by one scale, or by choose_scale's for each row
//   softmax          softmax over the last dimension
//   scatter          scatter_elements or scatter_nd of anything
//   cumulative_sum   cumulative_sum of anything
//   format           cast to strings } carried out by the runtime itself
//   parse            cast from them  }
//   loop             anything that RegionEmitter takes
//
// A norm that is quantized, and rows that are by their own scales, have several
// results: the floats if they are yielded, the codes, the scales.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_EMIT_KERNELTEMPLATES_H
#define SINTER_TARGETS_CPU_EMIT_KERNELTEMPLATES_H

#include "dialects/cpu/IR/Cpu.h"
#include "runtime/format/program.h"
#include "targets/cpu/Kernels/KernelBuilder.h"
#include "targets/cpu/Kernels/QuantizedPacking.h"
#include "targets/cpu/Kernels/SparsePacking.h"

namespace sinter::cpu {

struct LaunchPlan {
  llvm::SmallVector<WordAttr> words;
  SizeExpr tasks, scratchBytes;
  /// The arguments of the region that are packed as panels, and how long they are then.
  struct PackedArgument {
    unsigned argument;
    Layout layout; // of the tensor as it is
    int64_t bytes; // of `blocks`, 0: the weight's recipe says how many are stored
    /// An argument whose tensor is packed with it.
    std::optional<unsigned> with = std::nullopt;
  };
  llvm::SmallVector<PackedArgument> packedArguments;
  /// Words that are to be 1 + the number of the program's input whose values an argument of the region is computed
  /// from, and is used as indices; 0 where it is from none.
  struct IndexWord {
    unsigned word, argument;
  };
  llvm::SmallVector<IndexWord> indexWords = {};
  /// One more result, which the strings of the first point into.
  mlir::Type textType = {};
};

inline constexpr llvm::StringLiteral formatKind = "format", parseKind = "parse";
/// The runtime's own kernel for a kind, which needs no code.
std::optional<unsigned> getRuntimeKernel(llvm::StringRef kind);
/// Whether `op` is a cast from or to strings.
bool isTextCast(mlir::Operation *op);
sinter_type getRuntimeType(mlir::Type elementType);

/// How the codes of a weight [K][N] lie for quantized_matmul; `type` is theirs.
PackedQuantizedShape getPackedShape(QuantizedType type, int64_t k, int64_t n);
/// How the blocks of an encoded weight [K][N] lie for sparse_matmul.
SparseShape getSparseShape(mlir::RankedTensorType type);

/// Fails where the template of that kind does not take the region.
mlir::FailureOr<LaunchPlan> planLaunch(llvm::StringRef kind, mlir::Block &body);
/// Adds the kernel `name`; the plan did not fail.
void buildKernel(KernelBuilder &k, llvm::StringRef name, llvm::StringRef kind, mlir::Block &body);
/// Whether the kernel multiplies bytes, and whether it does so in tiles where the instruction set has some.
bool multipliesBytes(llvm::StringRef kind, mlir::Block &body);
bool multipliesInTiles(llvm::StringRef kind, mlir::Block &body);
/// The kind of template for a region; `isWeight` says which of its arguments are computed from weights alone.
llvm::StringRef chooseKind(mlir::Block &body, llvm::function_ref<bool(unsigned)> isWeight);

/// Matmul's elementwise ops: whether `op`, which reads `value` (a result of the matmul or of such an op), can be
/// computed on its tiles. Other operands are numbers, one value per column, or tensors of the result's sizes.
bool isTileEpilogue(mlir::Operation *op, mlir::Value value);
/// Whether `op` quantizes to unsigned bytes by one scale, which can be done on the tiles of a quantized_matmul, too.
bool isByteQuantize(mlir::Operation *op);
/// What a quantize converts, as other values times a factor for each column, which its kernel multiplies by.
struct ScaledColumns {
  ElementwiseOp product;
  mlir::Value values, factors;
};
std::optional<ScaledColumns> getScaledColumns(QuantizeOp quantize);
/// Whether it quantizes rows of bytes by scales that choose_scale finds for the same rows.
bool isRowQuantize(mlir::Operation *op);

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_EMIT_KERNELTEMPLATES_H
