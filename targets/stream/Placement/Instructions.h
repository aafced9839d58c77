//===- Instructions.h - What the queues of a streaming chip issue ----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The instructions of docs/targets/stream.md with the cycles at which they are
// issued, in the order in which they were placed. Emission sorts them by queue and
// cycle and turns the gaps into `nop`s.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_STREAM_PLACEMENT_INSTRUCTIONS_H
#define SINTER_TARGETS_STREAM_PLACEMENT_INSTRUCTIONS_H

#include "lib/Schedule/Timetable.h"
#include "targets/stream/Placement/StreamProgram.h"

#include <variant>

namespace sinter::stream {

struct StreamGroup {
  Hemisphere direction = Hemisphere::East; // where to
  unsigned first = 0;
};

/// Of a gather or scatter: the word at the address that these numbers say, from `first` on, `count` of them.
struct IndirectAddress {
  StreamGroup values;
  unsigned first, count;
};

struct ReadInstruction {
  unsigned address;
  StreamGroup to;
  uint32_t superlanes;
  std::optional<IndirectAddress> indirect = std::nullopt;
};

struct WriteInstruction {
  unsigned address;
  StreamGroup from;
  uint32_t superlanes;
  std::optional<IndirectAddress> indirect = std::nullopt;
};

/// In different banks. Only emission makes it, of a read and a write in one cycle.
struct ReadWriteInstruction {
  ReadInstruction read;
  WriteInstruction write;
  /// Of the write; the read's is the issue's.
  unsigned writeTask;
};

struct AluOperand {
  enum Kind : uint8_t { None, Stream, Constant, Alu } kind = None;
  StreamGroup stream;
  uint32_t bits = 0;
  unsigned alu = 0;
};

struct AluInstruction {
  AluOp op;
  Element type, to;
  AluOperand operands[3];
  std::optional<StreamGroup> out;
};

struct LoadInstruction {
  bool isFloat16;
  unsigned firstStream, column;
  Half half;
};

struct MultiplyInstruction {
  bool isFloat16;
  unsigned stream;
  Half half;
  unsigned row;
  bool adds, swaps;
  std::optional<StreamGroup> out;
};

/// Lanes of adjacent streams, moved by one of the program's tables.
struct ExchangeInstruction {
  StreamGroup from, to;
  unsigned streams, laneMap;
};

struct Issue {
  unsigned queue;
  schedule::Cycles cycles;
  /// Added each time to addresses, the column or the accumulator's row.
  int step;
  std::variant<ReadInstruction, WriteInstruction, ReadWriteInstruction, AluInstruction, LoadInstruction,
               MultiplyInstruction, ExchangeInstruction>
      instruction;
  /// Of the program, for which it is issued.
  unsigned task = 0;
};

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_PLACEMENT_INSTRUCTIONS_H
