//===- StreamScheduleFuzz.cpp - Fuzzes the readers of schedules -----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A right schedule, some of whose bytes are changed (each three bytes of the input: a
// place and what is put there), is simulated and verified: both must say what is wrong, or execute
// it, within the chip's memory; and what the verifier accepts does not stop the simulator. The verifier
// refuses what would take too long; the simulator executes it, and so does not get it here.
//
//===----------------------------------------------------------------------===//

#include "lib/Schedule/Verify/StreamVerifier.h"
#include "runtime/format/ScheduleFile.h"
#include "runtime/sim/StreamSimulator.h"
#include "test/unit/StreamPrograms.h"

#include <cstdlib>

using namespace sinter;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const std::vector<test::StreamProgram> programs = test::streamPrograms();
  static const format::Chip chip = test::tsp1();
  if (size == 0)
    return 0;
  const test::StreamProgram &program = programs[data[0] % programs.size()];
  std::string bytes = program.schedule.SerializeAsString();
  for (size_t i = 1; i + 3 <= size; i += 3)
    bytes[(data[i] | data[i + 1] << 8) % bytes.size()] = static_cast<char>(data[i + 2]);
  std::string error;
  std::optional<format::StreamSchedule> schedule = format::readSchedule(bytes, error);
  if (!schedule)
    return 0;
  uint64_t issues = 0;
  for (const format::QueueProgram &queue : schedule->programs())
    for (const format::Instruction &instruction : queue.instructions())
      issues += 1 + instruction.repeat().count();
  constexpr uint64_t simulated = 10000, verified = 1000000; // what takes the fuzzer a second
  if (issues > verified && issues <= uint64_t(1) << 26)
    return 0;
  bool isRight = !verify::verifyStreamSchedule(*schedule, chip);
  if (issues > simulated)
    return 0;
  auto simulator = sim::StreamSimulator::create(*schedule, chip, program.weights.data(), program.weights.size(), error);
  bool stops = simulator && simulator->run();
  if (isRight && stops)
    std::abort();
  return 0;
}
