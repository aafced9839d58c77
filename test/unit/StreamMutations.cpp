//===- StreamMutations.cpp - Schedules with one thing changed -------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/StreamMutations.h"

#include <algorithm>
#include <optional>

namespace sinter::test {

using namespace format;

namespace {

/// An instruction with its repetitions and when it is issued first.
struct Entry {
  uint64_t cycle = 0;
  Instruction instruction;
  std::optional<Repeat> repeat;

  uint64_t end() const { return cycle + 1 + (repeat ? uint64_t(repeat->count()) * repeat->interval() : 0); }
};

std::vector<Entry> entriesOf(const QueueProgram &program) {
  std::vector<Entry> entries;
  uint64_t cycle = 0;
  for (const Instruction &instruction : program.instructions()) {
    if (instruction.has_nop()) {
      cycle += instruction.nop();
    } else if (instruction.has_repeat()) {
      entries.back().repeat = instruction.repeat();
      cycle = entries.back().end();
    } else {
      entries.push_back({cycle, instruction, {}});
      ++cycle;
    }
  }
  return entries;
}

/// False where two instructions meet.
bool setEntries(QueueProgram &program, std::vector<Entry> entries) {
  std::sort(entries.begin(), entries.end(), [](const Entry &a, const Entry &b) { return a.cycle < b.cycle; });
  program.clear_instructions();
  uint64_t now = 0;
  for (const Entry &entry : entries) {
    if (entry.cycle < now)
      return false;
    if (entry.cycle > now)
      program.add_instructions()->set_nop(static_cast<uint32_t>(entry.cycle - now));
    *program.add_instructions() = entry.instruction;
    if (entry.repeat && entry.repeat->count())
      *program.add_instructions()->mutable_repeat() = *entry.repeat;
    now = entry.end();
  }
  return true;
}

uint32_t draw(std::mt19937 &random, uint32_t below) { return static_cast<uint32_t>(random() % below); }

template <typename T> T &pick(std::vector<T> &all, std::mt19937 &random) {
  return all[draw(random, static_cast<uint32_t>(all.size()))];
}

/// Changes one entry for which `change` returns true.
template <typename Change> bool changeEntry(StreamSchedule &schedule, std::mt19937 &random, Change change) {
  for (int attempt = 0; attempt < 200; ++attempt) {
    QueueProgram &program =
        *schedule.mutable_programs(static_cast<int>(draw(random, static_cast<uint32_t>(schedule.programs_size()))));
    std::vector<Entry> entries = entriesOf(program);
    size_t which = draw(random, static_cast<uint32_t>(entries.size()));
    QueueProgram kept = program;
    if (change(entries, which) && setEntries(program, entries))
      return true;
    program = kept;
  }
  return false;
}

/// All stream groups that an instruction names, except those that are numbers only.
std::vector<StreamGroup *> groupsOf(Instruction &instruction) {
  std::vector<StreamGroup *> groups;
  if (instruction.has_memory()) {
    Memory &memory = *instruction.mutable_memory();
    for (Access *access :
         {memory.has_read() ? memory.mutable_read() : nullptr, memory.has_write() ? memory.mutable_write() : nullptr})
      if (access) {
        groups.push_back(access->mutable_stream());
        if (access->has_indirect())
          groups.push_back(access->mutable_indirect()->mutable_values());
      }
  }
  if (instruction.has_alu()) {
    Alu &alu = *instruction.mutable_alu();
    for (Operand *operand : {alu.has_a() ? alu.mutable_a() : nullptr, alu.has_b() ? alu.mutable_b() : nullptr})
      if (operand && operand->has_stream())
        groups.push_back(operand->mutable_stream());
    if (alu.has_out())
      groups.push_back(alu.mutable_out());
  }
  if (instruction.has_multiply() && instruction.multiply().has_out())
    groups.push_back(instruction.mutable_multiply()->mutable_out());
  if (instruction.has_exchange()) {
    groups.push_back(instruction.mutable_exchange()->mutable_in());
    groups.push_back(instruction.mutable_exchange()->mutable_out());
  }
  return groups;
}

Access *accessOf(Instruction &instruction, std::mt19937 &random) {
  if (!instruction.has_memory())
    return nullptr;
  Memory &memory = *instruction.mutable_memory();
  if (memory.has_read() && (!memory.has_write() || random() % 2))
    return memory.mutable_read();
  return memory.mutable_write();
}

bool shiftInTime(StreamSchedule &schedule, std::mt19937 &random) {
  return changeEntry(schedule, random, [&](std::vector<Entry> &entries, size_t i) {
    int64_t by = random() % 2 ? 1 : -1;
    if (random() % 4 == 0)
      by *= 3;
    if (static_cast<int64_t>(entries[i].cycle) + by < 0)
      return false;
    entries[i].cycle = static_cast<uint64_t>(static_cast<int64_t>(entries[i].cycle) + by);
    return true;
  });
}

bool takeAnotherStream(StreamSchedule &schedule, std::mt19937 &random) {
  return changeEntry(schedule, random, [&](std::vector<Entry> &entries, size_t i) {
    Instruction &instruction = entries[i].instruction;
    if (instruction.has_multiply() && random() % 2) {
      uint32_t width = instruction.multiply().float16() ? 2 : 1;
      instruction.mutable_multiply()->set_stream((instruction.multiply().stream() + width) % 32);
      return true;
    }
    if (instruction.has_load()) {
      instruction.mutable_load()->set_first_stream(16 - instruction.load().first_stream());
      return true;
    }
    std::vector<StreamGroup *> groups = groupsOf(instruction);
    if (groups.empty())
      return false;
    StreamGroup &group = *pick(groups, random);
    uint32_t width = instruction.has_memory() ? 1 : 4;
    group.set_first((group.first() + (random() % 2 ? width : 32 - width)) % 32);
    return true;
  });
}

/// Two streams of a direction change places in everything that one instruction and another name.
bool swapStreams(StreamSchedule &schedule, std::mt19937 &random) {
  std::vector<StreamGroup *> all;
  for (QueueProgram &program : *schedule.mutable_programs())
    for (Instruction &instruction : *program.mutable_instructions())
      if (instruction.has_memory() && instruction.memory().has_read())
        all.push_back(instruction.mutable_memory()->mutable_read()->mutable_stream());
  for (int attempt = 0; all.size() > 1 && attempt < 50; ++attempt) {
    StreamGroup *a = pick(all, random), *b = pick(all, random);
    if (a->first() == b->first() || a->direction() != b->direction())
      continue;
    uint32_t first = a->first();
    a->set_first(b->first());
    b->set_first(first);
    return true;
  }
  return false;
}

bool turnAround(StreamSchedule &schedule, std::mt19937 &random) {
  return changeEntry(schedule, random, [&](std::vector<Entry> &entries, size_t i) {
    std::vector<StreamGroup *> groups = groupsOf(entries[i].instruction);
    if (groups.empty())
      return false;
    StreamGroup &group = *pick(groups, random);
    group.set_direction(group.direction() == EAST ? WEST : EAST);
    return true;
  });
}

bool takeAnotherAddress(StreamSchedule &schedule, std::mt19937 &random) {
  return changeEntry(schedule, random, [&](std::vector<Entry> &entries, size_t i) {
    Access *access = accessOf(entries[i].instruction, random);
    if (!access)
      return false;
    if (access->has_indirect() && random() % 2) {
      access->mutable_indirect()->set_first(access->indirect().first() + 1);
      return true;
    }
    access->set_address(random() % 8 == 0 ? draw(random, 8192)
                                          : (access->address() + (random() % 2 ? 1 : 8191)) % 8192);
    return true;
  });
}

bool drop(StreamSchedule &schedule, std::mt19937 &random) {
  return changeEntry(schedule, random, [&](std::vector<Entry> &entries, size_t i) {
    if (entries.size() < 2)
      return false;
    entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(i));
    return true;
  });
}

/// One repetition fewer, or more: of loads of weights, transfers, products.
bool cutOrProlong(StreamSchedule &schedule, std::mt19937 &random) {
  return changeEntry(schedule, random, [&](std::vector<Entry> &entries, size_t i) {
    if (!entries[i].repeat)
      return false;
    entries[i].repeat->set_count(entries[i].repeat->count() + (random() % 3 == 0 ? 1 : ~0u));
    return true;
  });
}

bool stepOtherwise(StreamSchedule &schedule, std::mt19937 &random) {
  return changeEntry(schedule, random, [&](std::vector<Entry> &entries, size_t i) {
    if (!entries[i].repeat)
      return false;
    Repeat &repeat = *entries[i].repeat;
    if (repeat.step() != 0 && random() % 2)
      repeat.set_step(random() % 2 ? -repeat.step() : repeat.step() + 1);
    else
      repeat.set_interval(repeat.interval() + 1);
    return true;
  });
}

bool computeOtherwise(StreamSchedule &schedule, std::mt19937 &random) {
  return changeEntry(schedule, random, [&](std::vector<Entry> &entries, size_t i) {
    if (!entries[i].instruction.has_alu())
      return false;
    Alu &alu = *entries[i].instruction.mutable_alu();
    switch (random() % 4) {
    case 0: {
      static const Alu::Operation others[] = {Alu::ADD, Alu::SUB, Alu::MUL, Alu::MAX, Alu::MIN};
      Alu::Operation other = others[draw(random, 5)];
      if (!alu.has_b() || alu.has_c() || other == alu.operation())
        return false;
      alu.set_operation(other);
      return true;
    }
    case 1:
      if (!alu.has_b())
        return false;
      alu.mutable_a()->Swap(alu.mutable_b());
      return true;
    case 2:
      for (Operand *operand : {alu.has_a() ? alu.mutable_a() : nullptr, alu.has_b() ? alu.mutable_b() : nullptr})
        if (operand && operand->source_case() == Operand::kConstant) {
          operand->set_constant(operand->constant() ^ 1u << draw(random, 32));
          return true;
        }
      return false;
    default:
      for (Operand *operand : {alu.has_a() ? alu.mutable_a() : nullptr, alu.has_b() ? alu.mutable_b() : nullptr})
        if (operand && operand->source_case() == Operand::kAlu) {
          operand->set_alu((operand->alu() + 1) % 16);
          return true;
        }
      return false;
    }
  });
}

bool multiplyOtherwise(StreamSchedule &schedule, std::mt19937 &random) {
  return changeEntry(schedule, random, [&](std::vector<Entry> &entries, size_t i) {
    if (!entries[i].instruction.has_multiply())
      return false;
    Multiply &multiply = *entries[i].instruction.mutable_multiply();
    switch (random() % 5) {
    case 0:
      multiply.set_swap(!multiply.swap());
      return true;
    case 1:
      multiply.set_add(!multiply.add());
      return true;
    case 2:
      multiply.set_row(multiply.row() + 1);
      return true;
    case 3:
      if (!multiply.has_out())
        return false;
      multiply.clear_out();
      return true;
    default:
      if (!multiply.float16())
        return false;
      multiply.set_half(multiply.half() == LOW ? HIGH : LOW);
      return true;
    }
  });
}

bool loadOtherwise(StreamSchedule &schedule, std::mt19937 &random) {
  return changeEntry(schedule, random, [&](std::vector<Entry> &entries, size_t i) {
    if (!entries[i].instruction.has_load())
      return false;
    LoadWeights &load = *entries[i].instruction.mutable_load();
    if (load.float16() && random() % 2)
      load.set_half(load.half() == BOTH ? HIGH : BOTH);
    else
      load.set_column(load.column() + (random() % 2 ? 1 : 16));
    return true;
  });
}

bool maskOtherwise(StreamSchedule &schedule, std::mt19937 &random) {
  return changeEntry(schedule, random, [&](std::vector<Entry> &entries, size_t i) {
    Access *access = accessOf(entries[i].instruction, random);
    if (!access)
      return false;
    access->set_superlanes(access->superlanes() ^ 1u << draw(random, 20));
    return true;
  });
}

bool moveLanesOtherwise(StreamSchedule &schedule, std::mt19937 &random) {
  if (schedule.lane_maps_size() && random() % 2) {
    LaneMap &map =
        *schedule.mutable_lane_maps(static_cast<int>(draw(random, static_cast<uint32_t>(schedule.lane_maps_size()))));
    int lane = static_cast<int>(draw(random, static_cast<uint32_t>(map.source_size())));
    map.set_source(lane, (map.source(lane) + 1) % static_cast<uint32_t>(map.source_size() + 1));
    return true;
  }
  return changeEntry(schedule, random, [&](std::vector<Entry> &entries, size_t i) {
    if (!entries[i].instruction.has_exchange())
      return false;
    Exchange &exchange = *entries[i].instruction.mutable_exchange();
    if (exchange.operation() != Exchange::SHIFT)
      return false;
    exchange.set_shift(exchange.shift() + (random() % 2 ? 1 : -1));
    return true;
  });
}

/// Constants from elsewhere, or elsewhere.
bool placeConstantsOtherwise(StreamSchedule &schedule, std::mt19937 &random) {
  if (schedule.images_size() == 0)
    return false;
  Image &image =
      *schedule.mutable_images(static_cast<int>(draw(random, static_cast<uint32_t>(schedule.images_size()))));
  switch (random() % 4) {
  case 0:
    image.set_offset(image.offset() + 1);
    break;
  case 1:
    image.set_address(image.address() + 1);
    break;
  case 2:
    image.set_slice(image.slice() + 1);
    break;
  default:
    image.set_words(image.words() - 1);
  }
  return true;
}

/// An input or output that lies elsewhere than the programs think.
bool placeTensorsOtherwise(StreamSchedule &schedule, std::mt19937 &random) {
  auto &list = random() % 2 && schedule.outputs_size() ? *schedule.mutable_outputs() : *schedule.mutable_inputs();
  if (list.empty())
    return false;
  Placement &placement = *list.Mutable(static_cast<int>(draw(random, static_cast<uint32_t>(list.size()))));
  Strip &strip =
      *placement.mutable_strips(static_cast<int>(draw(random, static_cast<uint32_t>(placement.strips_size()))));
  if (random() % 3 == 0)
    strip.set_address(strip.address() + 1);
  else if (random() % 2)
    strip.set_slice(strip.slice() + 1);
  else if (strip.first_lane() + strip.columns() < 320)
    strip.set_first_lane(strip.first_lane() + 1);
  else
    strip.set_hemisphere(strip.hemisphere() == EAST ? WEST : EAST);
  return true;
}

/// A second access by an instruction of memory.
bool accessTwice(StreamSchedule &schedule, std::mt19937 &random) {
  return changeEntry(schedule, random, [&](std::vector<Entry> &entries, size_t i) {
    if (!entries[i].instruction.has_memory())
      return false;
    Memory &memory = *entries[i].instruction.mutable_memory();
    if (memory.has_read() == memory.has_write())
      return false;
    Access other = memory.has_read() ? memory.read() : memory.write();
    other.clear_indirect();
    other.set_address((other.address() + 1 + draw(random, 8000)) % 8192);
    other.mutable_stream()->set_first((other.stream().first() + 1) % 32);
    *(memory.has_read() ? memory.mutable_write() : memory.mutable_read()) = other;
    return true;
  });
}

/// A buffer's words given to something else too early: a burst of writes goes to where another burst of the slice goes.
bool reuseTooEarly(StreamSchedule &schedule, std::mt19937 &random) {
  return changeEntry(schedule, random, [&](std::vector<Entry> &entries, size_t i) {
    Access *access = accessOf(entries[i].instruction, random);
    size_t other = draw(random, static_cast<uint32_t>(entries.size()));
    if (!access || other == i)
      return false;
    Access *from = accessOf(entries[other].instruction, random);
    if (!from || from->address() == access->address())
      return false;
    access->set_address(from->address());
    return true;
  });
}

} // namespace

const std::vector<StreamMutation> &streamMutations() {
  static const std::vector<StreamMutation> all = {
      {"shift in time", shiftInTime},
      {"take another stream", takeAnotherStream},
      {"swap streams", swapStreams},
      {"turn around", turnAround},
      {"take another address", takeAnotherAddress},
      {"drop", drop},
      {"cut or prolong", cutOrProlong},
      {"step otherwise", stepOtherwise},
      {"compute otherwise", computeOtherwise},
      {"multiply otherwise", multiplyOtherwise},
      {"load otherwise", loadOtherwise},
      {"mask otherwise", maskOtherwise},
      {"move lanes otherwise", moveLanesOtherwise},
      {"place constants otherwise", placeConstantsOtherwise},
      {"place tensors otherwise", placeTensorsOtherwise},
      {"access twice", accessTwice},
      {"reuse too early", reuseTooEarly},
  };
  return all;
}

} // namespace sinter::test
