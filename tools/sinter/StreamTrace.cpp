//===- StreamTrace.cpp - A streaming chip's queues as a trace ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// In the Trace Event Format, which Perfetto and Chrome read: complete events ("X") on
// a track for each queue, counters ("C") for streams, and names for all ("M"). A queue
// has one burst at a time, so that events of a track never overlap; nodes do, and take
// as many tracks as are at work at once.
//
//===----------------------------------------------------------------------===//

#include "lib/Schedule/Profile/StreamProfile.h"
#include "lib/Support/AtomicOutput.h"
#include "tools/sinter/Console.h"
#include "tools/sinter/ScheduleText.h"
#include "tools/sinter/StoredSchedule.h"
#include "tools/sinter/StreamReport.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace sinter;
using namespace sinter::tool;
using namespace sinter::profile;
using llvm::json::Object;

namespace {

/// Groups of tracks, in the order in which they are shown; each schedule of a bundle has its own.
enum Process { Chain, Nodes, Streams, MxmWest, SxmWest, MemWest, Vxm, MemEast, SxmEast, MxmEast, NumProcesses };

class Trace {
public:
  void add(const StoredSchedule &stored);
  void finish(const std::string &title, llvm::StringRef kind);
  std::string text = "{\"traceEvents\":[\n";

private:
  /// Tracks have numbers of their own in all processes.
  int trackOf(int process, int track) const { return (base + process) * 1000 + track; }
  void event(Object object) {
    text += isFirst ? "" : ",\n";
    isFirst = false;
    text += llvm::formatv("{0}", llvm::json::Value(std::move(object)));
  }
  void name(const char *what, int process, int track, const std::string &name, int order);
  void slice(int process, int track, const std::string &name, const std::string &kind, uint64_t first, uint64_t end,
             Object arguments);
  void addQueues(const format::StreamSchedule &schedule, const StreamBursts &bursts);
  void addNodes(const format::StreamSchedule &schedule);
  void addChain(const StreamProfile &profile);
  void addStreams(const StreamProfile &profile);

  bool isFirst = true;
  int base = 1; // of the schedule's processes; 0 means something else to viewers
};

void Trace::name(const char *what, int process, int track, const std::string &name, int order) {
  event(Object{{"ph", "M"},
               {"name", std::string(what) + "_name"},
               {"pid", base + process},
               {"tid", trackOf(process, track)},
               {"args", Object{{"name", name}}}});
  event(Object{{"ph", "M"},
               {"name", std::string(what) + "_sort_index"},
               {"pid", base + process},
               {"tid", trackOf(process, track)},
               {"args", Object{{"sort_index", order}}}});
}

void Trace::slice(int process, int track, const std::string &name, const std::string &kind, uint64_t first,
                  uint64_t end, Object arguments) {
  event(Object{{"ph", "X"},
               {"name", name},
               {"cat", kind},
               {"pid", base + process},
               {"tid", trackOf(process, track)},
               {"ts", first},
               {"dur", end - first},
               {"args", std::move(arguments)}});
}

/// What Instruction.span says.
const format::Span *spanOf(const format::StreamSchedule &schedule, uint32_t number) {
  return number > 0 && int64_t(number) <= schedule.spans_size() ? &schedule.spans(number - 1) : nullptr;
}

Process processOf(const verify::Queue &queue) {
  bool isWest = queue.hemisphere == format::WEST;
  switch (queue.unit) {
  case format::MEM:
    return isWest ? MemWest : MemEast;
  case format::VXM:
    return Vxm;
  case format::LOAD:
  case format::MULTIPLY:
    return isWest ? MxmWest : MxmEast;
  default:
    return isWest ? SxmWest : SxmEast;
  }
}

void Trace::addQueues(const format::StreamSchedule &schedule, const StreamBursts &bursts) {
  for (const QueueBursts &own : bursts.queues) {
    Process process = processOf(own.queue);
    // Positive, and in the order of the chip from west to east.
    int track = 1 + own.queue.index * format::Unit_ARRAYSIZE + own.queue.unit;
    name("thread", process, track, own.queue.name(), process == MemWest || process == MxmWest ? -track : track);
    for (const Burst &burst : llvm::ArrayRef(bursts.bursts).slice(own.firstBurst, own.numBursts)) {
      if (burst.isBeside())
        continue; // shown with the read
      std::string text = instructionText(*burst.instruction), node = text, op;
      if (const format::Span *span = spanOf(schedule, burst.span())) {
        node = span->name();
        op = span->op();
      }
      Object arguments{{"instruction", text}};
      if (const format::Span *span = spanOf(schedule, burst.instruction->write_span()))
        arguments["writes_for"] = span->name();
      if (burst.count > 1) {
        arguments["issues"] = burst.count;
        arguments["interval"] = burst.interval;
        arguments["step"] = burst.step;
      }
      slice(process, track, node, op, burst.first, burst.last() + 1, std::move(arguments));
    }
  }
}

void Trace::addNodes(const format::StreamSchedule &schedule) {
  std::vector<const format::Span *> spans;
  for (const format::Span &span : schedule.spans())
    if (span.first() <= span.last() && span.last() < schedule.cycles())
      spans.push_back(&span);
  llvm::sort(spans, [](const format::Span *a, const format::Span *b) {
    return std::pair(a->first(), a) < std::pair(b->first(), b);
  });
  std::vector<uint64_t> free; // by track: from when on
  for (const format::Span *span : spans) {
    auto track = llvm::find_if(free, [&](uint64_t from) { return from <= span->first(); });
    if (track == free.end()) {
      name("thread", Nodes, free.size() + 1, "nodes at work " + std::to_string(free.size() + 1), free.size());
      track = free.insert(free.end(), 0);
    }
    *track = span->last() + 1;
    slice(Nodes, track - free.begin() + 1, span->name(), span->op(), span->first(), span->last() + 1, {});
  }
}

void Trace::addChain(const StreamProfile &profile) {
  name("thread", Chain, 1, "critical chain", 0);
  int64_t shown = 0;
  for (auto [step, words] : llvm::zip_equal(profile.chain, profile.steps)) {
    // A step that goes back in time takes from the one before it, which is shown whole.
    int64_t begin = std::max(step.begin, shown);
    if (step.end <= begin)
      continue;
    shown = step.end;
    const NodeUse &node = profile.nodes[words.node];
    Object spent;
    for (unsigned i = 0; i < numSpent; ++i)
      if (int64_t cycles = step.spent.cycles[i])
        spent[profile::nameOf(Spent(i))] = cycles;
    slice(Chain, 1, node.name, node.op, begin, step.end,
          Object{{"work", words.work}, {"waits", words.reason}, {"spent", std::move(spent)}});
  }
}

void Trace::addStreams(const StreamProfile &profile) {
  for (format::Direction direction : {format::EAST, format::WEST}) {
    const char *counter = direction == format::EAST ? "registers in use, eastward" : "registers in use, westward";
    for (unsigned bucket = 0; bucket < profile.numBuckets; ++bucket)
      event(Object{{"ph", "C"},
                   {"name", counter},
                   {"pid", base + Streams},
                   {"ts", bucket * profile.bucketCycles},
                   {"args", Object{{"registers", double(profile.registers[direction][bucket]) /
                                                     double(profile.cyclesOf(bucket))}}}});
    event(Object{{"ph", "C"},
                 {"name", counter},
                 {"pid", base + Streams},
                 {"ts", profile.cycles},
                 {"args", Object{{"registers", 0}}}});
  }
}

void Trace::add(const StoredSchedule &stored) {
  StreamProfile profile = orStop(profileSchedule(stored.schedule, stored.chip));
  StreamBursts bursts = orStop(StreamBursts::read(stored.schedule, profile.machine));
  static const char *const names[] = {"Critical chain", "Nodes", "Streams",  "MXM west", "SXM west",
                                      "MEM west",       "VXM",   "MEM east", "SXM east", "MXM east"};
  for (int process = 0; process < NumProcesses; ++process)
    name("process", process, 0, names[process], process);
  addChain(profile);
  addNodes(stored.schedule);
  addStreams(profile);
  addQueues(stored.schedule, bursts);
  base += NumProcesses;
}

void Trace::finish(const std::string &title, llvm::StringRef kind) {
  Object other{{"title", title}, {"kind", kind}, {"time", "1 us is 1 cycle"}};
  text += llvm::formatv("\n],\"displayTimeUnit\":\"ns\",\"otherData\":{0}}\n", llvm::json::Value(std::move(other)));
}

} // namespace

void tool::writeStreamTrace(const std::string &path, const StreamRun &run) {
  Trace trace;
  for (const ProgramSchedule &planned : run.program.schedules())
    trace.add(readStoredSchedule(run.folder, planned));
  trace.finish(std::string(run.program.info().name) + " on " + run.program.info().target + " (" + run.program.chip() +
                   ")",
               run.measuredCycles ? "measured" : "predicted");
  llvm::Expected<AtomicOutput> output = AtomicOutput::file(path);
  if (!output)
    orStop(output.takeError());
  orStop(output->write("", trace.text));
  orStop(output->commit());
}
