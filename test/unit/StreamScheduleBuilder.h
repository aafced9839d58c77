//===- StreamScheduleBuilder.h - Schedules written by hand, for tests -----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Puts instructions at cycles of queues, in any order, and makes the programs of
// them. It knows nothing of the machine but how programs are written.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TEST_UNIT_STREAMSCHEDULEBUILDER_H
#define SINTER_TEST_UNIT_STREAMSCHEDULEBUILDER_H

#include "runtime/format/chip.pb.h"
#include "runtime/format/schedule.pb.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace sinter::test {

/// The installed description of tsp1.
format::Chip tsp1();

struct Times {
  uint32_t count = 0, interval = 1;
  int32_t step = 0;
};

constexpr uint32_t allSuperlanes = (1u << 20) - 1;

format::StreamGroup group(format::Direction direction, uint32_t first);
format::Operand onStream(format::Direction direction, uint32_t first);
format::Operand constant(uint32_t bits);
format::Operand fromAlu(uint32_t alu);

format::Instruction read(uint32_t address, format::Direction direction, uint32_t stream,
                         uint32_t superlanes = allSuperlanes);
format::Instruction write(uint32_t address, format::Direction direction, uint32_t stream,
                          uint32_t superlanes = allSuperlanes);
format::Instruction alu(format::Alu::Operation operation, format::ElementType type,
                        const std::vector<format::Operand> &operands, std::optional<format::StreamGroup> out,
                        format::ElementType to = format::INT8);
format::Instruction loadWeights(uint32_t firstStream, uint32_t column, std::optional<format::Half> float16 = {});
format::Instruction multiply(uint32_t stream, uint32_t row, std::optional<format::Half> float16 = {});
format::Instruction exchange(format::Exchange::Operation operation, format::StreamGroup in, format::StreamGroup out,
                             uint32_t streams);

class StreamScheduleBuilder {
public:
  StreamScheduleBuilder();

  format::StreamSchedule &schedule() { return result; }

  /// The instruction is issued at `cycle`, and `times.count` times more.
  format::Instruction &at(uint64_t cycle, format::Unit unit, format::Direction hemisphere, uint32_t index,
                          format::Instruction instruction, Times times = {});
  /// Slice `index` of memory.
  format::Instruction &memory(uint64_t cycle, format::Direction hemisphere, uint32_t index,
                              format::Instruction instruction, Times times = {}) {
    return at(cycle, format::MEM, hemisphere, index, std::move(instruction), times);
  }
  format::Instruction &vxm(uint64_t cycle, uint32_t index, format::Instruction instruction, Times times = {}) {
    return at(cycle, format::VXM, format::WEST, index, std::move(instruction), times);
  }

  /// A tensor of at most 320 columns: byte b of its elements in slice `slice` + b, from `address`.
  format::Placement &input(const std::string &name, format::ElementType type, uint32_t rows, uint32_t columns,
                           format::Direction hemisphere, uint32_t slice, uint32_t address);
  format::Placement &output(const std::string &name, format::ElementType type, uint32_t rows, uint32_t columns,
                            format::Direction hemisphere, uint32_t slice, uint32_t address);

  /// The schedule with its programs; may be asked for more than once.
  format::StreamSchedule build();

private:
  struct Entry {
    format::Instruction instruction;
    Times times;
  };

  format::StreamSchedule result;
  std::map<std::tuple<int, int, uint32_t>, std::map<uint64_t, Entry>> queues;
};

/// The bytes of numbers, little-endian.
template <typename T> std::vector<uint8_t> bytesOf(const std::vector<T> &numbers) {
  const uint8_t *first = reinterpret_cast<const uint8_t *>(numbers.data());
  return std::vector<uint8_t>(first, first + numbers.size() * sizeof(T));
}

} // namespace sinter::test

#endif // SINTER_TEST_UNIT_STREAMSCHEDULEBUILDER_H
