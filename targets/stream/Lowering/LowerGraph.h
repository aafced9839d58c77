//===- LowerGraph.h - A graph of named ops as tasks of a streaming chip ----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every float op of the graph carries `sinter.numerics`, and the tasks carry out its
// steps (docs/decisions/numerics.md), so that the chip has the interpreter's bits.
//
// A value is a matrix on the chip: its last dimension along the lanes, the others as
// rows. It is there in the forms that its users want: in f32, and rounded to f16 for
// products, once in each hemisphere. Functions and the sums of products are not
// written to memory where only one function reads them: they are parts of the chain
// of ALUs that writes what comes of them. A chain that takes more ALUs than there are is
// cut.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_STREAM_LOWERING_LOWERGRAPH_H
#define SINTER_TARGETS_STREAM_LOWERING_LOWERGRAPH_H

#include "dialects/sinter/IR/Sinter.h"
#include "lib/Support/HostTensor.h"
#include "targets/stream/Placement/StreamProgram.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace sinter::stream {

/// How many elements of the summed dimension an op's products take at once: `tile` of its `sinter.numerics`. Half the
/// lanes, but where the heads of an attention are its columns, as many as whole heads of which lie in them, and of an
/// attention's keys as many as in the other tiles. 1 where it multiplies and adds step by step.
int64_t getProductTile(mlir::Operation *op, const TargetModel &model);

/// Whether a product is one of tensors that a run computes, in f32, or of several matrices of weights.
bool isDot(MatmulOp op);

/// The value of what follows from weights and constants alone.
using ConstantReader = std::function<llvm::Expected<HostTensor>(mlir::Value)>;

/// The tasks of a function. Its inputs and outputs become tensors by their names (`sinter.name`), of f32, with all
/// leading dimensions as rows. What the chip or this lowering does not have is a Failure (Unsupported) that lists all
/// such nodes. `read` must hold out as long as the program's constants are filled.
llvm::Expected<StreamProgram> lowerGraph(mlir::func::FuncOp function, const TargetModel &model, ConstantReader read);

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_LOWERING_LOWERGRAPH_H
