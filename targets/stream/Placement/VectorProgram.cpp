//===- VectorProgram.cpp - What the ALUs do with each vector ---------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Placement/VectorProgram.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <limits>
#include <map>

using namespace sinter::stream;

unsigned sinter::stream::getBytes(Element type) {
  switch (type) {
  case Element::Int8:
    return 1;
  case Element::Int16:
  case Element::Float16:
    return 2;
  case Element::Int32:
  case Element::Float32:
    return 4;
  }
  return 0;
}

int sinter::stream::getLatency(AluOp op, const TargetModel &model) {
  bool isTranscendental = op == AluOp::Exp || op == AluOp::Tanh || op == AluOp::Rsqrt;
  return isTranscendental ? model.transcendentalLatency : model.aluLatency;
}

VectorOperand VectorOperand::constant(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return constant(bits);
}

VectorOperand VectorProgram::add(AluOp op, Element type, VectorOperand a, VectorOperand b, VectorOperand c) {
  Element to = op == AluOp::Less || op == AluOp::Equal ? Element::Int32 : type;
  operations.push_back({op, type, to, {a, b, c}});
  return VectorOperand::operation(operations.size() - 1);
}

VectorOperand VectorProgram::addRunning(AluOp op, Element type, VectorOperand a) {
  operations.push_back({op, type, type, {a, {}, {}}, /*isRunning=*/true});
  return VectorOperand::operation(operations.size() - 1);
}

VectorOperand VectorProgram::convert(Element from, Element to, VectorOperand a) {
  operations.push_back({AluOp::Convert, from, to, {a, {}, {}}});
  return VectorOperand::operation(operations.size() - 1);
}

namespace {

/// Starts of a program's operations, with every distance between a value and its use a multiple of a copy's latency.
class Layout {
public:
  Layout(const VectorProgram &program, const TargetModel &model)
      : program(program), model(model), starts(program.operations.size(), 0) {}

  VectorTiming run() {
    startEarly();
    startLate();
    VectorTiming timing;
    for (unsigned i = 0; i < program.operations.size(); ++i)
      timing.steps.push_back({program.operations[i], starts[i]});
    timing.arrivals.resize(program.inputs.size(), 0);
    for (unsigned input = 0; input < program.inputs.size(); ++input)
      bridge(timing, VectorOperand::Input, input);
    for (unsigned i = 0; i < program.operations.size(); ++i)
      bridge(timing, VectorOperand::Operation, i);
    timing.results = program.results;
    startAtZero(timing);
    return timing;
  }

private:
  int finish(unsigned operation) const {
    return starts[operation] + getLatency(program.operations[operation].op, model);
  }

  void startEarly() {
    for (unsigned i = 0; i < program.operations.size(); ++i) {
      dependsOnProduct.push_back(false);
      for (const VectorOperand &operand : program.operations[i].operands) {
        if (operand.kind == VectorOperand::Operation) {
          starts[i] = std::max(starts[i], finish(operand.index));
          dependsOnProduct[i] = dependsOnProduct[i] || dependsOnProduct[operand.index];
        }
        if (operand.kind == VectorOperand::Input && operand.index == 0 && program.takesProduct)
          dependsOnProduct[i] = true;
      }
    }
  }

  /// What waits for nothing that cannot wait begins just in time.
  void startLate() {
    for (unsigned i = program.operations.size(); i-- > 0;) {
      if (dependsOnProduct[i])
        continue;
      int latest = std::numeric_limits<int>::max();
      for (unsigned user = i + 1; user < program.operations.size(); ++user)
        for (const VectorOperand &operand : program.operations[user].operands)
          if (operand.kind == VectorOperand::Operation && operand.index == i)
            latest = std::min(latest, starts[user]);
      if (latest != std::numeric_limits<int>::max())
        starts[i] = latest - getLatency(program.operations[i].op, model);
    }
  }

  /// Inserts copies where a value is there before it is used. `timing` begins with the program's own operations.
  void bridge(VectorTiming &timing, VectorOperand::Kind kind, unsigned index) {
    struct Use {
      unsigned step, operand;
    };
    std::vector<Use> uses;
    int first = std::numeric_limits<int>::max(), last = std::numeric_limits<int>::min();
    for (unsigned step = 0; step < program.operations.size(); ++step)
      for (unsigned i = 0; i < 3; ++i) {
        const VectorOperand &operand = program.operations[step].operands[i];
        if (operand.kind != kind || operand.index != index)
          continue;
        uses.push_back({step, i});
        first = std::min(first, starts[step]);
        last = std::max(last, starts[step]);
      }
    if (uses.empty())
      return;
    bool isProduct = kind == VectorOperand::Input && index == 0 && program.takesProduct;
    int there = isProduct ? 0 : kind == VectorOperand::Input ? first : finish(index);
    if (kind == VectorOperand::Input)
      timing.arrivals[index] = there;
    Element type = kind == VectorOperand::Input ? program.inputs[index] : program.operations[index].to;
    assert((there == last || getBytes(type) == 4) && "only what has 32 bits can be copied");
    // One chain of copies, as long as the latest use needs; the others take the value where they meet it.
    VectorOperand value = {kind, index, 0};
    std::map<int, VectorOperand> values = {{there, value}};
    for (int at = there; at < last; at += model.aluLatency) {
      timing.steps.push_back({{AluOp::Copy, type, type, {value, {}, {}}}, at});
      value = VectorOperand::operation(timing.steps.size() - 1);
      values[at + model.aluLatency] = value;
    }
    for (auto [step, i] : uses) {
      auto found = values.find(starts[step]);
      assert(found != values.end() && "distances are multiples of a copy's latency");
      timing.steps[step].operation.operands[i] = found->second;
    }
  }

  void startAtZero(VectorTiming &timing) {
    if (program.takesProduct)
      return;
    int first = timing.steps.empty() ? 0 : timing.steps.front().start;
    for (const VectorTiming::Step &step : timing.steps)
      first = std::min(first, step.start);
    for (VectorTiming::Step &step : timing.steps)
      step.start -= first;
    for (int &arrival : timing.arrivals)
      arrival -= first;
  }

  const VectorProgram &program;
  const TargetModel &model;
  std::vector<int> starts;
  std::vector<bool> dependsOnProduct;
};

} // namespace

std::optional<VectorTiming> sinter::stream::layOut(const VectorProgram &program, const TargetModel &model) {
  VectorTiming timing = Layout(program, model).run();
  if (timing.steps.size() > model.alus)
    return std::nullopt;
  return timing;
}
