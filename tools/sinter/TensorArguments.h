//===- TensorArguments.h - Inputs and outputs as the command line gives them ------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TOOLS_SINTER_TENSORARGUMENTS_H
#define SINTER_TOOLS_SINTER_TENSORARGUMENTS_H

#include "tools/sinter/Program.h"

namespace sinter::tool {

/// A tensor in a file: .npy, or .pb (ONNX's TensorProto). `-` is a .npy on standard input.
HostTensor readTensor(const std::string &path);

/// The inputs of `--input`, in the program's order: NAME=@x.npy, NAME=@x.pb, @x.npz (arrays by their names),
/// NAME=2x7xi64=1 (one value for all elements, or all of them, separated by commas). None where one was not given.
std::vector<std::optional<HostTensor>> readInputs(const Program &program, const std::vector<std::string> &arguments);

/// As readInputs, and all inputs must have been given.
std::vector<HostTensor> readAllInputs(const Program &program, const std::vector<std::string> &arguments);

/// The tensor that `2x7xi64=1` says.
HostTensor parseTensor(llvm::StringRef text);

/// NumPy has no bfloat16, no floats of 8 bits and no integers of 4: where a value of `type` is wanted, takes a tensor
/// from a file of such elements' bits, as unsigned integers of their size. A byte that is no element leaves it as it
/// is.
void takeBits(HostTensor &tensor, ElementType type);

/// Its type, shape and first values: "f32 2x7: 0.5 0.25 ...".
std::string summarize(const HostTensor &tensor);

} // namespace sinter::tool

#endif // SINTER_TOOLS_SINTER_TENSORARGUMENTS_H
