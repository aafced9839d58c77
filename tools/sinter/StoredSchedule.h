//===- StoredSchedule.h - The schedules of a bundle, read -------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TOOLS_SINTER_STOREDSCHEDULE_H
#define SINTER_TOOLS_SINTER_STOREDSCHEDULE_H

#include "runtime/format/chip.pb.h"
#include "runtime/format/schedule.pb.h"
#include "tools/sinter/Program.h"

namespace sinter::tool {

/// A schedule, and the chip that it is for.
struct StoredSchedule {
  std::string path;
  format::StreamSchedule schedule;
  format::Chip chip;
};

/// The schedule in a file. Throws Stop for what is none.
format::StreamSchedule readScheduleFile(const std::string &path);

/// A schedule of the bundle in `folder`, with the chip's description: the installed one where this build knows the
/// chip, whatever the bundle says of it. Throws Stop for what cannot be read.
StoredSchedule readStoredSchedule(const std::string &folder, const ProgramSchedule &schedule);

} // namespace sinter::tool

#endif // SINTER_TOOLS_SINTER_STOREDSCHEDULE_H
