//===- VerifySchedule.cpp - sinter verify --schedule ------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Schedule/Verify/StreamVerifier.h"
#include "tools/sinter/StoredSchedule.h"
#include "tools/sinter/Verification.h"

using namespace sinter;
using namespace sinter::tool;

int tool::verifySchedule(const std::string &folder, const ProgramSchedule &schedule) {
  StoredSchedule read = readStoredSchedule(folder, schedule);
  const std::string &path = read.path;
  std::optional<verify::Rejection> rejection = verify::verifyStreamSchedule(read.schedule, read.chip);
  if (!rejection)
    rejection = verify::verifyKnownWords(read.schedule, read.chip, schedule.weights);
  if (console().json) {
    llvm::json::Object object{{"status", rejection ? "wrong" : "pass"}, {"cycles", read.schedule.cycles()}};
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
                    std::to_string(read.schedule.cycles()) + " cycles, and computes what it says\n");
  }
  return rejection ? int(ExitStatus::CheckFailed) : 0;
}
