//===- ScheduleText.h - Schedules as text -----------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TOOLS_SINTER_SCHEDULETEXT_H
#define SINTER_TOOLS_SINTER_SCHEDULETEXT_H

#include "runtime/format/schedule.pb.h"

#include <string>

namespace sinter::tool {

/// An instruction that is neither `nop` nor `repeat`, as "read 12 -> e3".
std::string instructionText(const format::Instruction &instruction);

/// The programs of the schedule in a file, queue after queue, each instruction with its cycle. Throws Stop for what is
/// no schedule.
std::string writeScheduleText(const std::string &path);

} // namespace sinter::tool

#endif // SINTER_TOOLS_SINTER_SCHEDULETEXT_H
