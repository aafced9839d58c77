//===- StoredSchedule.cpp - The schedules of a bundle, read -----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/sinter/StoredSchedule.h"
#include "runtime/format/ChipDescription.h"
#include "runtime/format/InstalledChips.h"
#include "runtime/format/ScheduleFile.h"
#include "tools/sinter/Console.h"

#include "llvm/Support/MemoryBuffer.h"

using namespace sinter;
using namespace sinter::tool;

static std::string readFile(const std::string &path) {
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!file)
    throw Stop{Failure(ExitStatus::Unusable, "cannot read '" + path + "': " + file.getError().message())};
  return (*file)->getBuffer().str();
}

format::StreamSchedule tool::readScheduleFile(const std::string &path) {
  std::string error;
  std::optional<format::StreamSchedule> read = format::readSchedule(readFile(path), error);
  if (!read)
    throw Stop{Failure(ExitStatus::Unusable, "'" + path + "': " + error)};
  return std::move(*read);
}

StoredSchedule tool::readStoredSchedule(const std::string &folder, const ProgramSchedule &schedule) {
  StoredSchedule result;
  result.path = folder + "/" + schedule.file;
  result.schedule = readScheduleFile(result.path);
  std::string error;
  std::string_view installed = format::installedChip(schedule.chip);
  std::string description = installed.empty() ? readFile(folder + "/chip.json") : std::string(installed);
  std::optional<format::Chip> chip = format::readChip(description, error);
  if (!chip || !format::isScheduleFor(result.schedule, *chip, error))
    throw Stop{Failure(ExitStatus::Unusable, "'" + result.path + "': " + error)};
  result.chip = std::move(*chip);
  return result;
}
