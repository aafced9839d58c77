//===- VectorProgram.h - What the ALUs do with each vector -----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The ALUs keep nothing: an operation takes what is on a stream in its cycle, a
// constant, or what an ALU finishes in just that cycle. A chain of operations that
// is applied to one vector after the other is therefore laid out in time once, for
// all vectors: each operation has an ALU of its own and starts a fixed number of
// cycles after the chain's first, and a value that is needed later than it is there
// is passed on by copies.
//
//   y = (x * scale) + bias, x arriving at 0:
//     at 0: a = mul x, scale (scale arrives at 0)
//     at 4: y = add a, bias  (bias arrives at 4)
//
// An input from memory arrives when it is first needed: the read is issued so.
// Only the product of the MXM, if there is one, arrives at 0 by definition.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_STREAM_PLACEMENT_VECTORPROGRAM_H
#define SINTER_TARGETS_STREAM_PLACEMENT_VECTORPROGRAM_H

#include "targets/stream/TargetModel.h"

#include <optional>
#include <vector>

namespace sinter::stream {

enum class Element : uint8_t { Int8, Int16, Int32, Float16, Float32 };
unsigned getBytes(Element type);

enum class AluOp : uint8_t {
  Copy,
  Add,
  Sub,
  Mul,
  Max,
  Min,
  Less,
  Equal,
  Select,
  And,
  Or,
  Xor,
  ShiftLeft,
  ShiftRight,
  Convert,
  Relu,
  Exp,
  Tanh,
  Rsqrt
};
int getLatency(AluOp op, const TargetModel &model);
/// How many chains a running operation makes: an ALU meets its own result when that is finished.
inline unsigned getChains(const TargetModel &model) { return model.aluLatency; }

/// An operand: input `index`, operation `index`, or a constant's bits.
struct VectorOperand {
  enum Kind : uint8_t { None, Input, Operation, Constant } kind = None;
  unsigned index = 0;
  uint32_t bits = 0;

  static VectorOperand input(unsigned index) { return {Input, index, 0}; }
  static VectorOperand operation(unsigned index) { return {Operation, index, 0}; }
  static VectorOperand constant(uint32_t bits) { return {Constant, 0, bits}; }
  static VectorOperand constant(float value);
};

struct VectorOperation {
  AluOp op;
  Element type; // of the operands
  Element to;   // of the result
  VectorOperand operands[3];
  /// Over all vectors: `op` of this one's operand and what the operation gave `chains` vectors before; the first of
  /// each chain is the operand itself. Only the last value of each chain is a result, and no operation takes it.
  bool isRunning = false;
};

/// A function of vectors, operations before their users.
struct VectorProgram {
  /// Types of the inputs. Where `takesProduct`, input 0 comes from the MXM.
  std::vector<Element> inputs;
  bool takesProduct = false;
  std::vector<VectorOperation> operations;
  /// What is written: operations.
  std::vector<unsigned> results;

  unsigned addInput(Element type) { return inputs.push_back(type), inputs.size() - 1; }
  VectorOperand add(AluOp op, Element type, VectorOperand a, VectorOperand b = {}, VectorOperand c = {});
  VectorOperand addRunning(AluOp op, Element type, VectorOperand a);
  VectorOperand convert(Element from, Element to, VectorOperand a);
};

/// A program laid out in time. Cycles count from the arrival of the product, or else from the first operation.
struct VectorTiming {
  struct Step {
    VectorOperation operation; // operands of kind Operation are steps
    int start;
  };
  std::vector<Step> steps;
  /// Of each input: when it is sampled, by all steps that use it.
  std::vector<int> arrivals;
  /// Of each result: the step that makes it.
  std::vector<unsigned> results;
};

/// None where it takes more ALUs than there are.
std::optional<VectorTiming> layOut(const VectorProgram &program, const TargetModel &model);

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_PLACEMENT_VECTORPROGRAM_H
