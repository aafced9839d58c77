//===- Padding.h - Tensors of other sizes -----------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TOOLS_SINTER_PADDING_H
#define SINTER_TOOLS_SINTER_PADDING_H

#include "lib/Support/HostTensor.h"

namespace sinter::tool {

/// `count` positions of a tensor along an axis, from `first` on.
HostTensor takePositions(const HostTensor &tensor, unsigned axis, int64_t first, int64_t count);

/// Tensors one after the other along an axis. There is at least one, and their other sizes agree.
HostTensor joinPositions(llvm::ArrayRef<HostTensor> tensors, unsigned axis);

/// The first elements along each axis, and where there are too few zeros behind them, or of floats the last element
/// again. Not of strings, and not of a tensor without elements.
HostTensor resizeTensor(const HostTensor &tensor, llvm::ArrayRef<int64_t> dims);

} // namespace sinter::tool

#endif // SINTER_TOOLS_SINTER_PADDING_H
