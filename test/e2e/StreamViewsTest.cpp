//===- StreamViewsTest.cpp - Traces and reports of the streaming chip -----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tests that what the views of a whole encoder say can be loaded, and adds up.
//
//===----------------------------------------------------------------------===//

#include "test/e2e/RunTool.h"

#include "llvm/Support/JSON.h"
#include "gtest/gtest.h"

#include <map>
#include <set>

using namespace sinter::e2e;
using llvm::json::Object;

namespace {

class StreamViews : public testing::Test {
protected:
  static void SetUpTestSuite() {
    folder = freshFolder("stream-views");
    std::string model = std::string(SINTER_SOURCE_ROOT) + "/test/data/zoo-sample/bert_torchscript/model.onnx";
    Ended compiled = runSinter({"compile", model, "--target=stream", "--dim", "d0=1", "--dim", "d1=16", "-o",
                                folder + "/out", "--report=" + folder + "/report.json"});
    ASSERT_EQ(compiled.status, 0) << compiled.errors;
    Ended timed = runSinter({"bench", folder + "/out", "--format=json", "--profile=" + folder + "/trace.json"});
    ASSERT_EQ(timed.status, 0) << timed.errors;
    cycles = read(timed.output).getAsObject()->getInteger("cycles").value_or(0);
    ASSERT_GT(cycles, 0);
  }
  static llvm::json::Value read(const std::string &text) {
    llvm::Expected<llvm::json::Value> value = llvm::json::parse(text);
    EXPECT_TRUE(static_cast<bool>(value)) << (value ? "" : llvm::toString(value.takeError()));
    return value ? std::move(*value) : llvm::json::Value(nullptr);
  }

  static inline std::string folder;
  static inline int64_t cycles = 0;
};

// The Trace Event Format: what has a time is on a named track of a named process, and events of a track do not overlap.
TEST_F(StreamViews, TraceIsWellFormed) {
  llvm::json::Value trace = read(readFile(folder + "/trace.json"));
  ASSERT_TRUE(trace.getAsObject());
  const llvm::json::Array *events = trace.getAsObject()->getArray("traceEvents");
  ASSERT_TRUE(events);
  std::set<int64_t> processes;
  std::map<int64_t, int64_t> tracks; // with the process of each
  std::map<int64_t, std::map<int64_t, int64_t>> slices;
  size_t numCounters = 0;
  for (const llvm::json::Value &value : *events) {
    const Object &event = *value.getAsObject();
    std::string phase = event.getString("ph").value_or("").str();
    std::string name = event.getString("name").value_or("").str();
    std::optional<int64_t> pid = event.getInteger("pid"), tid = event.getInteger("tid");
    ASSERT_TRUE(pid && *pid > 0 && !name.empty());
    if (phase == "M") {
      ASSERT_TRUE(event.getObject("args"));
      if (name == "process_name")
        processes.insert(*pid);
      if (name == "thread_name")
        EXPECT_TRUE(tracks.insert({*tid, *pid}).second) << "a track of two processes";
      continue;
    }
    std::optional<int64_t> begin = event.getInteger("ts");
    ASSERT_TRUE(begin && *begin >= 0 && *begin <= cycles);
    if (phase == "C") {
      ++numCounters;
      continue;
    }
    ASSERT_EQ(phase, "X");
    std::optional<int64_t> duration = event.getInteger("dur");
    ASSERT_TRUE(tid && duration && *duration > 0 && *begin + *duration <= cycles);
    EXPECT_TRUE(slices[*tid].insert({*begin, *begin + *duration}).second) << name << " at " << *begin;
    EXPECT_EQ(tracks.count(*tid), 1u);
    EXPECT_EQ(tracks[*tid], *pid);
    EXPECT_TRUE(processes.count(*pid));
  }
  EXPECT_GT(numCounters, 0u);
  EXPECT_GT(slices.size(), 20u);
  for (const auto &[track, inTime] : slices) {
    int64_t end = 0;
    for (auto [begin, until] : inTime) {
      EXPECT_GE(begin, end) << "track " << track;
      end = until;
    }
  }
}

TEST_F(StreamViews, ReportAddsUp) {
  llvm::json::Value value = read(readFile(folder + "/report.json"));
  ASSERT_TRUE(value.getAsObject());
  const llvm::json::Array *schedules = value.getAsObject()->getArray("schedules");
  ASSERT_TRUE(schedules && schedules->size() == 1);
  const Object &report = *(*schedules)[0].getAsObject();
  EXPECT_EQ(report.getInteger("cycles"), cycles);
  EXPECT_EQ(report.getString("kind"), "predicted");

  const Object &chain = *report.getObject("chain");
  int64_t spent = 0, at = 0, ofNodes = 0, ofOps = 0;
  for (const llvm::json::Value &part : *chain.getArray("spent"))
    spent += *part.getAsObject()->getInteger("cycles");
  EXPECT_EQ(spent, cycles);
  for (const llvm::json::Value &part : *chain.getArray("steps")) {
    const Object &step = *part.getAsObject();
    EXPECT_EQ(step.getInteger("begin"), at);
    at = *step.getInteger("end");
    int64_t own = 0;
    for (const auto &[what, part] : *step.getObject("spent"))
      own += *part.getAsInteger();
    EXPECT_EQ(own, at - *step.getInteger("begin"));
  }
  EXPECT_EQ(at, cycles);
  for (const llvm::json::Value &node : *report.getArray("nodes")) {
    EXPECT_NE(node.getAsObject()->getString("node"), "") << "all that is issued is for a node";
    ofNodes += *node.getAsObject()->getInteger("chain_cycles");
  }
  for (const llvm::json::Value &op : *report.getArray("ops"))
    ofOps += *op.getAsObject()->getInteger("chain_cycles");
  EXPECT_EQ(ofNodes, cycles);
  EXPECT_EQ(ofOps, cycles);
  for (const llvm::json::Value &unit : *report.getArray("units"))
    EXPECT_LE(*unit.getAsObject()->getNumber("busy"), 1.0);
  // tsp1: 88 slices of 8,192 words.
  const Object &memory = *report.getObject("memory");
  EXPECT_EQ(memory.getArray("slices")->size(), 88u);
  for (const llvm::json::Value &slice : *memory.getArray("slices"))
    EXPECT_LE(*slice.getAsObject()->getInteger("constants") + *slice.getAsObject()->getInteger("tensors") +
                  *slice.getAsObject()->getInteger("temporaries"),
              8192);
}

} // namespace
