//===- ScheduleFile.cpp - Schedules as they lie in files ------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/format/ScheduleFile.h"

#include "runtime/format/ChipDescription.h"

#include <google/protobuf/stubs/logging.h>

namespace sinter::format {

constexpr size_t greatestSchedule = size_t(1) << 30;

std::optional<StreamSchedule> readSchedule(std::string_view bytes, std::string &error) {
  StreamSchedule schedule;
  google::protobuf::LogSilencer silence; // one message is enough
  if (bytes.size() > greatestSchedule || !schedule.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    error = "the schedule is damaged: it is no StreamSchedule";
    return std::nullopt;
  }
  return schedule;
}

bool isScheduleFor(const StreamSchedule &schedule, const Chip &chip, std::string &error) {
  if (schedule.version() == 0 || schedule.version() > scheduleVersion) {
    error = "the schedule is of version " + std::to_string(schedule.version()) + ", and " +
            std::to_string(scheduleVersion) + " is the latest that can be read";
    return false;
  }
  if (schedule.chip() != chip.name() || schedule.chip_sha256() != chipHash(chip)) {
    error = "the schedule was made for another chip than '" + chip.name() + "', or for another description of it";
    return false;
  }
  return true;
}

} // namespace sinter::format
