//===- Steps.h - What each step of a run is given ---------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A program with states is run step by step, each of which adds positions to them. Its
// inputs are given for all steps at once, and each step takes the next positions:
//
//   x [1, 17, 32], entries seq=16 and seq=1:   x[:, 0:16], then x[:, 16:17]
//
// An input as long as the states and what is added to them (a mask) is given in full,
// too; each step takes the first past + seq positions of it. What is fed takes, from the
// second step on, the last positions of an output.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TOOLS_SINTER_STEPS_H
#define SINTER_TOOLS_SINTER_STEPS_H

#include "tools/sinter/Program.h"

namespace sinter::tool {

class Steps {
public:
  /// `feeds` are pairs of an output and the input that takes it.
  Steps(const Program &program, std::vector<HostTensor> inputs, std::vector<std::pair<unsigned, unsigned>> feeds);

  /// The inputs of the next step, which `entry` carries out (none: any), with `past` positions in the states. `outputs`
  /// are those of the step before. Throws Stop where there are no more positions.
  std::vector<HostTensor> next(std::optional<unsigned> entry, int64_t past, const std::vector<HostTensor> &outputs);

  /// Along which axis a step's positions lie in an output; none where it has none, or the program no states.
  std::optional<unsigned> axisOfOutput(unsigned output) const;

private:
  std::optional<unsigned> axisOfInput(unsigned input) const;
  /// The axis that is as long as the states and what is added to them.
  std::optional<unsigned> axisOfAll(unsigned input) const;
  std::optional<unsigned> findAxis(const ProgramValue &value, const HostTensor *given) const;
  std::optional<unsigned> feedOf(unsigned input) const;
  /// How many positions the step may have at most, and how many it has if nothing says that there are more.
  std::pair<int64_t, int64_t> countsOf(std::optional<unsigned> entry) const;

  const Program &program;
  std::vector<HostTensor> inputs;
  std::vector<std::pair<unsigned, unsigned>> feeds;
  uint64_t numSteps = 0;
  int64_t taken = 0;
};

} // namespace sinter::tool

#endif // SINTER_TOOLS_SINTER_STEPS_H
