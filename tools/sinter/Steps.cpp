//===- Steps.cpp - What each step of a run is given -------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/sinter/Steps.h"
#include "tools/sinter/Console.h"
#include "tools/sinter/Padding.h"

#include <algorithm>

using namespace sinter;
using namespace sinter::tool;

Steps::Steps(const Program &program, std::vector<HostTensor> inputs, std::vector<std::pair<unsigned, unsigned>> feeds)
    : program(program), inputs(std::move(inputs)), feeds(std::move(feeds)) {}

std::optional<unsigned> Steps::findAxis(const ProgramValue &value, const HostTensor *given) const {
  if (program.states().empty())
    return std::nullopt;
  std::optional<unsigned> found;
  for (unsigned axis = 0; axis < value.dims.size(); ++axis) {
    std::optional<SizeExpr> size = SizeExpr::parse(value.dims[axis]);
    if (!size || *size != program.advance())
      continue;
    // A number may be that of another dimension, too: the batch comes first.
    bool isLonger = given && axis < given->dims.size() && size->constant() && given->dims[axis] > *size->constant();
    if (isLonger || !size->constant())
      return axis;
    if (!found || *found == 0)
      found = axis;
  }
  return found;
}

std::optional<unsigned> Steps::axisOfInput(unsigned input) const {
  return findAxis(program.inputs()[input], &inputs[input]);
}
std::optional<unsigned> Steps::axisOfOutput(unsigned output) const {
  return findAxis(program.outputs()[output], nullptr);
}

std::optional<unsigned> Steps::axisOfAll(unsigned input) const {
  const ProgramValue &value = program.inputs()[input];
  for (unsigned axis = 0; axis < value.dims.size(); ++axis)
    if (std::optional<SizeExpr> size = SizeExpr::parse(value.dims[axis])) {
      bool isOfSession = false;
      size->forEachSymbol([&](llvm::StringRef name) {
        for (const ProgramSymbol &symbol : program.symbols())
          isOfSession |= symbol.ofSession && symbol.name == name;
      });
      if (isOfSession)
        return axis;
    }
  return std::nullopt;
}

std::optional<unsigned> Steps::feedOf(unsigned input) const {
  for (auto [output, fed] : feeds)
    if (fed == input && numSteps > 0)
      return output;
  return std::nullopt;
}

std::pair<int64_t, int64_t> Steps::countsOf(std::optional<unsigned> entry) const {
  if (std::optional<int64_t> number = program.advance().constant())
    return {*number, *number};
  std::string symbol = program.advance().asSymbol().value_or("").str();
  int64_t least = INT64_MAX, most = 0;
  for (unsigned i = 0; i < program.entries().size(); ++i)
    if (!entry || *entry == i)
      if (auto limit = program.entries()[i].limits.find(symbol); limit != program.entries()[i].limits.end()) {
        least = std::min(least, limit->second);
        most = std::max(most, limit->second);
      }
  return most ? std::pair(most, least) : std::pair(INT64_MAX, int64_t(1));
}

std::vector<HostTensor> Steps::next(std::optional<unsigned> entry, int64_t past,
                                    const std::vector<HostTensor> &outputs) {
  std::vector<HostTensor> step = inputs;
  if (program.states().empty()) {
    for (unsigned i = 0; i < inputs.size(); ++i)
      if (std::optional<unsigned> output = feedOf(i))
        step[i] = outputs[*output];
    ++numSteps;
    return step;
  }
  auto [most, usual] = countsOf(entry);
  int64_t count = -1;
  for (unsigned i = 0; i < inputs.size(); ++i) {
    std::optional<unsigned> axis = axisOfInput(i);
    if (!axis || feedOf(i) || *axis >= inputs[i].dims.size())
      continue;
    int64_t left = inputs[i].dims[*axis] - taken;
    if (left <= 0)
      throw Stop{Failure(ExitStatus::Unusable, "input '" + program.inputs()[i].name + "' has " +
                                                   std::to_string(inputs[i].dims[*axis]) + " positions, and step " +
                                                   std::to_string(numSteps + 1) +
                                                   " would take more: give more, or feed it by --feed")};
    count = std::min(count < 0 ? most : count, left);
  }
  if (count < 0)
    count = usual;
  SymbolSizes sizes;
  if (std::optional<llvm::StringRef> symbol = program.advance().asSymbol())
    sizes[symbol->str()] = count;
  for (unsigned i = 0; i < inputs.size(); ++i) {
    const std::string &name = program.inputs()[i].name;
    std::optional<unsigned> axis = axisOfInput(i);
    if (std::optional<unsigned> output = feedOf(i)) {
      const HostTensor &from = outputs[*output];
      std::optional<unsigned> own = axisOfOutput(*output);
      if (!axis || !own || from.dims[*own] < count)
        throw Stop{Failure(ExitStatus::Usage, "--feed " + program.outputs()[*output].name + "=" + name +
                                                  ": the output has not the positions that the input takes")};
      step[i] = takePositions(from, *own, from.dims[*own] - count, count);
    } else if (axis && *axis < inputs[i].dims.size()) {
      step[i] = takePositions(inputs[i], *axis, taken, count);
    } else if (std::optional<unsigned> all = axisOfAll(i); all && *all < inputs[i].dims.size()) {
      int64_t needed = program.evaluate(program.inputs()[i].dims[*all], sizes, past).value_or(0);
      if (inputs[i].dims[*all] < needed)
        throw Stop{Failure(ExitStatus::Unusable, "input '" + name + "' has " + std::to_string(inputs[i].dims[*all]) +
                                                     " positions along axis " + std::to_string(*all) + ", and step " +
                                                     std::to_string(numSteps + 1) + " takes " +
                                                     std::to_string(needed))};
      step[i] = takePositions(inputs[i], *all, 0, needed);
    }
  }
  taken += count;
  ++numSteps;
  return step;
}
