//===- StreamSimulatorHarness.h - Schedules on a machine of their own -----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TEST_UNIT_STREAMSIMULATORHARNESS_H
#define SINTER_TEST_UNIT_STREAMSIMULATORHARNESS_H

#include "runtime/sim/StreamSimulator.h"
#include "test/unit/StreamScheduleBuilder.h"

#include <cstring>
#include <gtest/gtest.h>

namespace sinter::test {

constexpr size_t lanes = 320;

inline uint32_t bitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}

template <typename T> std::vector<T> numbersOf(const std::vector<uint8_t> &bytes) {
  std::vector<T> numbers(bytes.size() / sizeof(T));
  std::memcpy(numbers.data(), bytes.data(), bytes.size());
  return numbers;
}

/// 0, factor, 2 factor, ..., plus offset.
inline std::vector<uint8_t> counted(size_t size, int factor = 1, int offset = 0) {
  std::vector<uint8_t> numbers(size);
  for (size_t i = 0; i < size; ++i)
    numbers[i] = static_cast<uint8_t>(i * factor + offset);
  return numbers;
}

/// A schedule on a machine of its own.
class StreamSimulatorHarness : public testing::Test {
protected:
  void start() {
    std::string error;
    simulator = sim::StreamSimulator::create(builder.build(), tsp1(), weights.data(), weights.size(), error);
    ASSERT_NE(simulator, nullptr) << error;
  }
  template <typename T> void set(const std::string &name, const std::vector<T> &numbers) {
    std::vector<uint8_t> bytes = bytesOf(numbers);
    std::string error;
    ASSERT_TRUE(simulator->setInput(name, bytes.data(), bytes.size(), error)) << error;
  }
  template <typename T> std::vector<T> get(const std::string &name) {
    const std::vector<uint8_t> *bytes = simulator->output(name);
    return bytes ? numbersOf<T>(*bytes) : std::vector<T>();
  }
  void run() {
    std::optional<sim::StreamStop> stop = simulator->run();
    ASSERT_FALSE(stop) << stop->text();
  }
  /// Why the machine stops.
  sim::StreamStop stopOf() {
    start();
    std::optional<sim::StreamStop> stop = simulator ? simulator->run() : std::nullopt;
    EXPECT_TRUE(stop) << "it did not stop";
    return stop.value_or(sim::StreamStop{sim::StreamStopKind::BadInstruction, 0, format::MEM, format::EAST, 0, 0, ""});
  }
  std::string refusalOf(const format::StreamSchedule &schedule) {
    std::string error;
    EXPECT_EQ(sim::StreamSimulator::create(schedule, tsp1(), weights.data(), weights.size(), error), nullptr);
    return error;
  }

  StreamScheduleBuilder builder;
  std::vector<uint8_t> weights;
  std::unique_ptr<sim::StreamSimulator> simulator;
};

} // namespace sinter::test

#endif // SINTER_TEST_UNIT_STREAMSIMULATORHARNESS_H
