//===- VerifySchedule.cpp - sinter verify --schedule ------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Schedule/Verify/StreamVerifier.h"
#include "runtime/format/ChipDescription.h"
#include "runtime/format/InstalledChips.h"
#include "runtime/format/ScheduleFile.h"
#include "tools/sinter/Verification.h"

#include "llvm/Support/MemoryBuffer.h"

using namespace sinter;
using namespace sinter::tool;

namespace {

std::string readFile(const std::string &path) {
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!file)
    throw Stop{Failure(ExitStatus::Unusable, "cannot read '" + path + "': " + file.getError().message())};
  return (*file)->getBuffer().str();
}

} // namespace

int tool::verifySchedule(const std::string &folder, const ProgramSchedule &schedule) {
  std::string path = folder + "/" + schedule.file, error, bytes = readFile(path);
  std::optional<format::StreamSchedule> read = format::readSchedule(bytes, error);
  // A chip that this build knows is the installed one, whatever the bundle says of it.
  std::string_view installed = format::installedChip(schedule.chip);
  std::string description = installed.empty() ? readFile(folder + "/chip.json") : std::string(installed);
  std::optional<format::Chip> chip = read ? format::readChip(description, error) : std::nullopt;
  if (!chip || !format::isScheduleFor(*read, *chip, error))
    throw Stop{Failure(ExitStatus::Unusable, "'" + path + "': " + error)};
  std::optional<verify::Rejection> rejection = verify::verifyStreamSchedule(*read, *chip);
  if (!rejection)
    rejection = verify::verifyKnownWords(*read, *chip, schedule.weights);
  if (console().json) {
    llvm::json::Object object{{"status", rejection ? "wrong" : "pass"}, {"cycles", read->cycles()}};
    if (rejection) {
      object["fault"] = verify::nameOf(rejection->fault);
      object["cycle"] = rejection->cycle ? llvm::json::Value(*rejection->cycle) : llvm::json::Value(nullptr);
      object["place"] = rejection->place;
      object["reason"] = rejection->detail;
    }
    console().printJson(std::move(object));
  } else if (rejection) {
    console().print("wrong: " + path + ": " + rejection->text() + "\n");
  } else {
    console().print("pass: " + path + " runs on chip " + schedule.chip + " without a stop, in " +
                    std::to_string(read->cycles()) + " cycles, and computes what it says\n");
  }
  return rejection ? int(ExitStatus::CheckFailed) : 0;
}
