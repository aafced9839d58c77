//===- StreamTesting.h - Programs of the streaming chip, ready to run ------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TEST_UNIT_STREAMTESTING_H
#define SINTER_TEST_UNIT_STREAMTESTING_H

#include "lib/Schedule/Verify/StreamVerifier.h"
#include "runtime/sim/StreamSimulator.h"
#include "targets/stream/Emit/EncodeSchedule.h"
#include "targets/stream/Emit/KnownWords.h"

#include "llvm/Support/ErrorHandling.h"
#include "gtest/gtest.h"

namespace sinter::stream {

/// What must not fail: an error ends the test program with its text, in builds without assertions, too.
inline void must(llvm::Error error) {
  if (error)
    llvm::report_fatal_error(std::move(error));
}
template <typename T> T must(llvm::Expected<T> value) {
  if (!value)
    llvm::report_fatal_error(value.takeError());
  return std::move(*value);
}

/// A program that was placed and encoded, with the bytes of its constants.
struct EncodedProgram {
  format::StreamSchedule schedule;
  std::vector<uint8_t> weights;

  EncodedProgram(const StreamProgram &program, const TargetModel &model) {
    std::unique_ptr<Placer> placer = must(Placer::place(program, model));
    schedule = must(encodeSchedule(program, *placer, model));
    must(encodeKnownWords(program, model, layOutConstants(program, model), *schedule.mutable_flow()));
    std::vector<uint64_t> offsets = layOutConstants(program, model);
    weights.resize(offsets.back());
    for (size_t i = 0; i < program.tensors.size(); ++i)
      if (const StreamTensor &tensor = program.tensors[i]; tensor.fill)
        must(tensor.fill(llvm::MutableArrayRef<uint8_t>(weights).slice(
            offsets[i], size_t(tensor.shape.numStrips()) * tensor.shape.wordsPerStrip() * model.lanes())));
  }
};

/// One that was verified and given to the simulator, too.
struct SimulatedProgram : EncodedProgram {
  std::unique_ptr<sim::StreamSimulator> simulator;

  SimulatedProgram(const StreamProgram &program, const TargetModel &model) : EncodedProgram(program, model) {
    std::optional<verify::Rejection> rejection = verify::verifyStreamSchedule(schedule, model.description);
    EXPECT_FALSE(rejection) << rejection->text();
    std::string error;
    simulator = sim::StreamSimulator::create(schedule, model.description, weights.data(), weights.size(), error);
    EXPECT_TRUE(simulator) << error;
  }
};

} // namespace sinter::stream

#endif // SINTER_TEST_UNIT_STREAMTESTING_H
