//===- ScheduleFile.h - Schedules as they lie in files --------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What every reader of a schedule asks of it first: that it is one, of a version
// that it knows, for the chip that it has. What the schedule says is checked by its
// users, each in its own way.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_RUNTIME_FORMAT_SCHEDULEFILE_H
#define SINTER_RUNTIME_FORMAT_SCHEDULEFILE_H

#include "runtime/format/chip.pb.h"
#include "runtime/format/schedule.pb.h"

#include <optional>
#include <string>
#include <string_view>

namespace sinter::format {

/// The version that is written, and the latest that is read.
constexpr uint32_t scheduleVersion = 1;

std::optional<StreamSchedule> readSchedule(std::string_view bytes, std::string &error);

/// Whether `schedule` is of a known version and made for `chip`.
bool isScheduleFor(const StreamSchedule &schedule, const Chip &chip, std::string &error);

} // namespace sinter::format

#endif // SINTER_RUNTIME_FORMAT_SCHEDULEFILE_H
