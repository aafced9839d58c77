//===- SinterOps.td - All ops of the transformer graph --------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_OPS_TD
#define SINTER_OPS_TD

include "dialects/sinter/IR/ElementwiseOps.td"
include "dialects/sinter/IR/IndexingOps.td"
include "dialects/sinter/IR/KernelOps.td"
include "dialects/sinter/IR/ProgramOps.td"
include "dialects/sinter/IR/QuantizationOps.td"
include "dialects/sinter/IR/ReductionOps.td"
include "dialects/sinter/IR/ShapeOps.td"
include "dialects/sinter/IR/SparsityOps.td"
include "dialects/sinter/IR/StateOps.td"
include "dialects/sinter/IR/TransformerOps.td"

#endif // SINTER_OPS_TD
