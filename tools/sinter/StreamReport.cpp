//===- StreamReport.cpp - What a streaming chip's run is made of ------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/sinter/StreamReport.h"
#include "lib/Schedule/Profile/StreamProfile.h"
#include "lib/Support/AtomicOutput.h"
#include "tools/sinter/Console.h"
#include "tools/sinter/StoredSchedule.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace sinter;
using namespace sinter::tool;
using namespace sinter::profile;
using llvm::json::Array;
using llvm::json::Object;
using llvm::json::Value;

namespace {

/// The page, which shows the object that is put in the place of `@REPORT@`.
const char *const page =
#include "tools/sinter/StreamReportPage.inc"
    ;

const char *unitName(format::Unit unit) {
  static const char *const names[] = {"mem", "vxm", "load", "multiply", "transpose", "permute"};
  return names[unit];
}

double share(uint64_t part, uint64_t whole) { return whole ? double(part) / double(whole) : 0; }

/// A share of a bucket in thousandths: a page has tens of thousands of them.
Array perMille(llvm::ArrayRef<uint64_t> counts, const StreamProfile &profile, uint64_t perCycle) {
  Array values;
  for (auto [i, count] : llvm::enumerate(counts))
    values.push_back(std::lround(1000 * share(count, profile.cyclesOf(i) * perCycle)));
  return values;
}

Array describeUnits(const StreamProfile &profile) {
  Array units;
  for (const QueueUse &use : profile.queues)
    units.push_back(
        Object{{"name", use.queue.name()},
               {"unit", unitName(use.queue.unit)},
               {"x", use.queue.x},
               {"index", use.queue.index},
               {"issues", use.issues},
               {"busy", share(use.issues, profile.cycles)},
               {"per_mille", perMille(std::vector<uint64_t>(use.byBucket.begin(), use.byBucket.end()), profile, 1)}});
  return units;
}

Array describeStreams(const StreamProfile &profile) {
  Array streams;
  for (format::Direction direction : {format::EAST, format::WEST}) {
    const std::vector<uint64_t> &counts = profile.registers[direction];
    uint64_t sum = 0;
    for (uint64_t count : counts)
      sum += count;
    streams.push_back(Object{{"name", direction == format::EAST ? "streams eastward" : "streams westward"},
                             {"busy", share(sum, profile.cycles * profile.numRegisters())},
                             {"per_mille", perMille(counts, profile, profile.numRegisters())}});
  }
  return streams;
}

Object describeSpending(const Spending &spent) {
  Object object;
  for (unsigned i = 0; i < numSpent; ++i)
    if (int64_t cycles = spent.cycles[i])
      object[profile::nameOf(Spent(i))] = cycles;
  return object;
}

Object describeUse(const NodeUse &node) {
  Object object{{"op", node.op},
                {"first_cycle", node.firstCycle},
                {"last_cycle", node.lastCycle},
                {"chain_cycles", node.chain.sum()},
                {"chain_steps", node.chainSteps},
                {"spent", describeSpending(node.chain)}};
  Object issues;
  for (int unit = 0; unit < format::Unit_ARRAYSIZE; ++unit)
    issues[unitName(format::Unit(unit))] = node.issues[unit];
  object["issues"] = std::move(issues);
  return object;
}

/// Nodes, and kinds of ops, in the order of time.
void describeNodes(const StreamProfile &profile, Object &report) {
  Array nodes, ops;
  std::vector<NodeUse> kinds;
  for (const NodeUse &node : profile.nodes) {
    Object object = describeUse(node);
    object["node"] = node.name;
    nodes.push_back(std::move(object));
    auto kind = llvm::find_if(kinds, [&](const NodeUse &kind) { return kind.op == node.op; });
    if (kind == kinds.end()) {
      kinds.push_back(node);
      continue;
    }
    kind->lastCycle = std::max(kind->lastCycle, node.lastCycle);
    kind->chainSteps += node.chainSteps;
    kind->chain += node.chain;
    for (auto [sum, issues] : llvm::zip_equal(kind->issues, node.issues))
      sum += issues;
  }
  for (const NodeUse &kind : kinds)
    ops.push_back(describeUse(kind));
  report["nodes"] = std::move(nodes);
  report["ops"] = std::move(ops);
}

Object describeChain(const StreamProfile &profile) {
  Array steps, meanings;
  for (auto [step, words] : llvm::zip_equal(profile.chain, profile.steps))
    steps.push_back(Object{{"begin", step.begin},
                           {"end", step.end},
                           {"node", profile.nodes[words.node].name},
                           {"op", profile.nodes[words.node].op},
                           {"work", words.work},
                           {"wait", profile::nameOf(step.wait)},
                           {"reason", words.reason},
                           {"spent", describeSpending(step.spent)}});
  for (unsigned i = 0; i < numSpent; ++i)
    meanings.push_back(Object{
        {"name", profile::nameOf(Spent(i))}, {"meaning", describe(Spent(i))}, {"cycles", profile.spent.cycles[i]}});
  return Object{{"spent", std::move(meanings)}, {"steps", std::move(steps)}};
}

Object describeMemory(const StreamProfile &profile) {
  Array slices;
  uint64_t constants = 0, tensors = 0, temporaries = 0;
  for (const SliceUse &use : profile.slices) {
    slices.push_back(Object{{"name", use.queue.name()},
                            {"x", use.queue.x},
                            {"constants", use.words.constants},
                            {"tensors", use.words.tensors},
                            {"temporaries", use.words.temporaries}});
    constants += use.words.constants;
    tensors += use.words.tensors;
    temporaries += use.words.temporaries;
  }
  return Object{{"word_bytes", profile.machine.lanes()},
                {"words_per_slice", profile.machine.wordsPerSlice},
                {"constants", constants},
                {"tensors", tensors},
                {"temporaries", temporaries},
                {"slices", std::move(slices)}};
}

/// The numbers of the chip, as its description spells them, and for those of which only a range is known what the chain
/// would take at its ends if nothing else changed.
Array describeConstants(const format::Chip &chip, const StreamProfile &profile) {
  Array constants;
  const google::protobuf::Reflection &reflection = *chip.stream().GetReflection();
  const google::protobuf::Descriptor &descriptor = *chip.stream().GetDescriptor();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const google::protobuf::FieldDescriptor &field = *descriptor.field(i);
    const auto &constant = static_cast<const format::Constant &>(reflection.GetMessage(chip.stream(), &field));
    Object object{{"name", field.json_name()}, {"value", constant.value()}, {"source", constant.source()}};
    bool isRange = constant.source() == "U";
    object["low"] = isRange ? Value(constant.low()) : Value(nullptr);
    object["high"] = isRange ? Value(constant.high()) : Value(nullptr);
    for (unsigned k = 0; isRange && k < numSpent; ++k) {
      // Arrays are loaded in so many cycles each, the whole ones at least.
      bool isLoad = Spent(k) == Spent::Weights && field.json_name() == "planeLoadCycles";
      if (!isLoad && field.json_name() != profile::nameOf(Spent(k)))
        continue;
      int64_t cycles = profile.spent.cycles[k];
      auto at = [&](double value) { return std::llround(double(cycles) * (value / constant.value() - 1)); };
      object["chain_cycles"] = cycles;
      object["change_at_low"] = at(constant.low());
      object["change_at_high"] = at(constant.high());
    }
    constants.push_back(std::move(object));
  }
  return constants;
}

Object describe(const ProgramSchedule &planned, const StoredSchedule &stored, const StreamRun &run) {
  StreamProfile profile = orStop(profileSchedule(stored.schedule, stored.chip));
  uint64_t cycles = profile.cycles;
  Object report{{"model", run.program.info().name},
                {"target", run.program.info().target},
                {"chip", planned.chip},
                {"kind", run.measuredCycles ? "measured" : "predicted"},
                {"cycles", cycles},
                {"clock_ghz", planned.clockGhz},
                {"us", double(cycles) / planned.clockGhz / 1e3},
                {"limit_cycles", planned.limitCycles ? Value(*planned.limitCycles) : Value(nullptr)},
                {"bucket_cycles", profile.bucketCycles},
                {"units", describeUnits(profile)},
                {"streams", describeStreams(profile)},
                {"chain", describeChain(profile)},
                {"memory", describeMemory(profile)},
                {"constants", describeConstants(stored.chip, profile)},
                {"version", version()}};
  describeNodes(profile, report);
  return report;
}

} // namespace

void tool::checkReportFile(llvm::StringRef option, llvm::StringRef file) {
  if (!file.ends_with(".json") && !file.ends_with(".html"))
    throw Stop{Failure(ExitStatus::Usage, (option + "=" + file + ": it is FILE.json or FILE.html").str())};
}

void tool::writeStreamReport(const std::string &path, const StreamRun &run) {
  Array schedules;
  for (const ProgramSchedule &planned : run.program.schedules())
    schedules.push_back(describe(planned, readStoredSchedule(run.folder, planned), run));
  std::string json = llvm::formatv("{0}", Value(Object{{"schedules", std::move(schedules)}})).str();
  std::string text;
  if (llvm::StringRef(path).ends_with(".html")) {
    // What stands in a script must not end it.
    for (size_t at = 0; (at = json.find("</", at)) != std::string::npos; at += 3)
      json.replace(at, 2, "<\\/");
    auto [head, tail] = llvm::StringRef(page).split("@REPORT@");
    text = (head + json + tail).str();
  } else {
    text = json + "\n";
  }
  llvm::Expected<AtomicOutput> output = AtomicOutput::file(path);
  if (!output)
    orStop(output.takeError());
  orStop(output->write("", text));
  orStop(output->commit());
}
