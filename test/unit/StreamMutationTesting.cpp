//===- StreamMutationTesting.cpp - Mutated schedules must be refused -------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/StreamMutationTesting.h"

#include "lib/Schedule/Verify/StreamVerifier.h"
#include "runtime/sim/StreamSimulator.h"
#include "test/unit/StreamMutations.h"

#include "llvm/ADT/STLFunctionalExtras.h"

#include <atomic>
#include <cstdlib>
#include <gtest/gtest.h>
#include <thread>

using namespace sinter;
using namespace sinter::test;

namespace {

using Bytes = std::vector<uint8_t>;

/// The outputs and states of each execution; fewer where `isEnough` says so, or the machine stops or does not begin.
std::vector<Bytes> execute(const format::StreamSchedule &schedule, const MutationSubject &subject,
                           const format::Chip &chip, llvm::function_ref<bool(const std::vector<Bytes> &)> isEnough) {
  std::string error;
  std::vector<Bytes> all;
  auto simulator = sim::StreamSimulator::create(schedule, chip, subject.weights.data(), subject.weights.size(), error);
  if (!simulator)
    return all;
  for (const auto &inputs : subject.inputs) {
    for (const auto &[name, bytes] : inputs)
      if (!simulator->setInput(name, bytes.data(), bytes.size(), error))
        return all;
    if (simulator->run())
      return all;
    Bytes results;
    for (const format::Placement &output : subject.schedule.outputs())
      if (const Bytes *bytes = simulator->output(output.name()))
        results.insert(results.end(), bytes->begin(), bytes->end());
    for (const format::Placement &state : subject.schedule.states())
      if (const Bytes *bytes = simulator->state(state.name()))
        results.insert(results.end(), bytes->begin(), bytes->end());
    all.push_back(std::move(results));
    if (isEnough(all))
      break;
  }
  return all;
}

/// What became of the mutations of one kind.
struct Tally {
  int done = 0, wrong = 0, rightRefused = 0;
  std::vector<std::string> failures;
  std::string refusals; // of right ones
};

class MutationCheck {
public:
  MutationCheck(const std::vector<MutationSubject> &subjects, const format::Chip &chip)
      : subjects(subjects), chip(chip) {
    for (const MutationSubject &subject : subjects) {
      std::optional<verify::Rejection> rejection = verify::verifyStreamSchedule(subject.schedule, chip);
      EXPECT_FALSE(rejection) << subject.name << ": " << rejection->text();
      expected.push_back(execute(subject.schedule, subject, chip, [](const auto &) { return false; }));
      EXPECT_EQ(expected.back().size(), subject.inputs.size()) << subject.name;
    }
  }

  Tally mutate(const StreamMutation &mutation, int rounds) const {
    Tally tally;
    std::mt19937 random(42);
    size_t next = 0;
    for (int round = 0; round < rounds; ++round) {
      // The next of the subjects that can be changed in this way.
      format::StreamSchedule schedule;
      bool isChanged = false;
      for (size_t tries = 0; tries < subjects.size() && !isChanged; ++tries, ++next) {
        schedule = subjects[next % subjects.size()].schedule;
        isChanged = mutation.apply(schedule, random);
      }
      if (!isChanged)
        return tally; // no subject has anything of this kind
      size_t which = (next - 1) % subjects.size();
      judge(schedule, which, mutation.name + ", " + subjects[which].name + ", round " + std::to_string(round), tally);
    }
    return tally;
  }

private:
  void judge(const format::StreamSchedule &mutated, size_t which, const std::string &what, Tally &tally) const {
    // What is verified is what is written and read again.
    format::StreamSchedule schedule;
    if (!schedule.ParseFromString(mutated.SerializeAsString())) {
      tally.failures.push_back(what + ": cannot be read");
      return;
    }
    bool isRight = execute(schedule, subjects[which], chip, [&](const std::vector<Bytes> &all) {
                     return all.back() != expected[which][all.size() - 1];
                   }) == expected[which];
    std::optional<verify::Rejection> rejection = verify::verifyStreamSchedule(schedule, chip);
    ++tally.done;
    tally.wrong += !isRight;
    if (isRight && rejection) {
      ++tally.rightRefused;
      tally.refusals += "refused: " + what + ": " + rejection->text() + "\n";
    } else if (!isRight && !rejection) {
      tally.failures.push_back(what + " is accepted");
    } else if (!isRight && (!rejection->cycle || rejection->place.empty())) {
      tally.failures.push_back(what + ": no cycle or no place: " + rejection->text());
    }
  }

  const std::vector<MutationSubject> &subjects;
  const format::Chip &chip;
  std::vector<std::vector<Bytes>> expected;
};

} // namespace

void test::checkMutations(const std::vector<MutationSubject> &subjects, const format::Chip &chip) {
  const char *given = std::getenv("SINTER_STREAM_MUTATIONS");
  int rounds = given ? std::atoi(given) : std::getenv("SINTER_TEST_LONG") ? 500 : 30;
  ASSERT_GE(subjects.size(), 10u);
  MutationCheck check(subjects, chip);
  const std::vector<StreamMutation> &mutations = streamMutations();
  std::vector<Tally> tallies(mutations.size());
  std::atomic<size_t> next = 0;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 2; ++i)
    threads.emplace_back([&] {
      for (size_t kind; (kind = next++) < mutations.size();)
        tallies[kind] = check.mutate(mutations[kind], rounds);
    });
  for (std::thread &thread : threads)
    thread.join();

  int kinds = 0;
  Tally all;
  std::string report;
  for (size_t kind = 0; kind < mutations.size(); ++kind) {
    const Tally &tally = tallies[kind];
    kinds += tally.done > 0;
    all.done += tally.done;
    all.wrong += tally.wrong;
    all.rightRefused += tally.rightRefused;
    all.refusals += tally.refusals;
    for (const std::string &failure : tally.failures)
      ADD_FAILURE() << failure;
    report += mutations[kind].name + ": " + std::to_string(tally.done) + ", wrong " + std::to_string(tally.wrong) +
              ", right but refused " + std::to_string(tally.rightRefused) + "\n";
  }
  EXPECT_GE(kinds, 8) << report;
  EXPECT_GE(all.wrong * 3, all.done) << report;
  // A tenth; of a sample, which has few right ones, a fifth.
  EXPECT_LE(all.rightRefused * (rounds >= 300 ? 10 : 5), all.done - all.wrong) << report << all.refusals;
  if (given)
    printf("%s%s%d of %d are wrong; of %d right ones %d are refused\n", all.refusals.c_str(), report.c_str(), all.wrong,
           all.done, all.done - all.wrong, all.rightRefused);
}
