//===- StreamBursts.cpp - The programs of a schedule, burst by burst ------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Schedule/Profile/StreamBursts.h"

#include "lib/Support/Failure.h"

#include "llvm/ADT/ArrayRef.h"

#include <set>
#include <tuple>

using namespace sinter;
using namespace sinter::profile;

llvm::Expected<StreamBursts> StreamBursts::read(const format::StreamSchedule &schedule,
                                                const format::StreamMachine &machine) {
  StreamBursts result;
  std::set<std::tuple<int, int, uint32_t>> seen;
  for (const format::QueueProgram &program : schedule.programs()) {
    std::optional<verify::Queue> queue = verify::queueOf(program, machine);
    if (!queue)
      return unusable("the schedule is damaged: it has a program for a queue that the chip does not have");
    auto damaged = [&](const std::string &what) {
      return unusable("the schedule is damaged: the program of " + queue->name() + " " + what);
    };
    if (!seen.insert({program.unit(), program.hemisphere(), program.index()}).second)
      return damaged("is there twice");
    QueueBursts bursts{*queue, static_cast<unsigned>(result.bursts.size()), 0};
    unsigned number = result.queues.size();
    uint64_t cycle = 0;
    bool isRepeatable = false;
    unsigned numTogether = 0; // bursts of the last instruction
    for (const format::Instruction &instruction : program.instructions()) {
      if (instruction.operation_case() == format::Instruction::kNop) {
        cycle += instruction.nop();
        isRepeatable = false;
      } else if (instruction.has_repeat()) {
        const format::Repeat &repeat = instruction.repeat();
        if (!isRepeatable || repeat.interval() == 0)
          return damaged("has a repetition of nothing, or of two instructions in a cycle");
        for (Burst &burst : llvm::MutableArrayRef(result.bursts).take_back(numTogether)) {
          burst.count += repeat.count();
          burst.interval = repeat.interval();
          burst.step = repeat.step();
          result.numIssues += repeat.count();
        }
        // From the cycle behind the first to that behind the last.
        cycle += uint64_t(repeat.count()) * repeat.interval();
        isRepeatable = false;
      } else {
        if (std::string fault = verify::faultOf(instruction, *queue, schedule, machine); !fault.empty())
          return damaged("has an instruction that " + fault);
        Burst burst;
        burst.instruction = &instruction;
        burst.queue = number;
        burst.first = cycle++;
        const format::Memory &memory = instruction.memory();
        numTogether = memory.has_read() && memory.has_write() ? 2 : 1;
        burst.read = memory.has_read() ? &memory.read() : nullptr;
        burst.write = memory.has_write() && !burst.read ? &memory.write() : nullptr;
        result.bursts.push_back(burst);
        if (numTogether == 2) {
          burst.read = nullptr;
          burst.write = &memory.write();
          result.bursts.push_back(burst);
        }
        result.numIssues += numTogether;
        isRepeatable = true;
      }
      if (cycle > greatestCycles || result.numIssues > greatestIssues)
        return unusable("the schedule takes more than " + std::to_string(greatestCycles) + " cycles or " +
                        std::to_string(greatestIssues) + " instructions: it is too long for a view");
    }
    bursts.numBursts = result.bursts.size() - bursts.firstBurst;
    result.queues.push_back(bursts);
  }
  uint64_t issues = 0;
  for (Burst &burst : result.bursts) {
    burst.firstIssue = issues;
    issues += burst.count;
  }
  return std::move(result);
}
