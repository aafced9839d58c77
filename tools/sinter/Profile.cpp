//===- Profile.cpp - Where a run's time goes --------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/sinter/Profile.h"
#include "tools/sinter/Console.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <map>
#include <numeric>

using namespace sinter;
using namespace sinter::tool;

std::vector<StepTime> tool::profile(const Program &program, Session &session, unsigned runs) {
  std::vector<uint64_t> ticks(program.info().step_count), least(ticks.size(), UINT64_MAX);
  if (sinter_session_set_profile(session.get(), ticks.data(), uint32_t(ticks.size())))
    throw Stop{Failure(ExitStatus::Internal, sinter_session_message(session.get()))};
  for (unsigned i = 0; i < runs; ++i) {
    session.run();
    for (size_t step = 0; step < ticks.size(); ++step)
      least[step] = std::min(least[step], ticks[step]);
  }
  sinter_session_set_profile(session.get(), nullptr, 0);
  std::vector<StepTime> steps;
  for (uint32_t i = 0; i < ticks.size(); ++i) {
    sinter_step_info info;
    sinter_program_get_step(program.get(), i, &info);
    steps.push_back({info.name, info.kernel, double(least[i]) / 1e3});
  }
  return steps;
}

namespace {

void writeTrace(llvm::raw_ostream &os, const std::string &title, const std::vector<StepTime> &steps) {
  llvm::json::Array events;
  double at = 0;
  for (const StepTime &step : steps) {
    events.push_back(llvm::json::Object{{"name", step.node},
                                        {"cat", step.kernel},
                                        {"ph", "X"},
                                        {"pid", 1},
                                        {"tid", 1},
                                        {"ts", at},
                                        {"dur", step.microseconds},
                                        {"args", llvm::json::Object{{"kernel", step.kernel}}}});
    at += step.microseconds;
  }
  os << llvm::formatv("{0:2}", llvm::json::Value(llvm::json::Object{
                                   {"traceEvents", std::move(events)},
                                   {"displayTimeUnit", "ms"},
                                   {"otherData", llvm::json::Object{{"title", title}, {"kind", "measured"}}}}))
     << '\n';
}

void writePage(llvm::raw_ostream &os, const std::string &title, const std::vector<StepTime> &steps) {
  double total = 0;
  std::map<std::string, std::pair<unsigned, double>> kernels;
  for (const StepTime &step : steps) {
    total += step.microseconds;
    auto &[count, time] = kernels[step.kernel];
    ++count;
    time += step.microseconds;
  }
  total = std::max(total, 1e-9);
  auto row = [&](const std::string &name, const std::string &what, double time) {
    os << llvm::formatv(
        "<tr><td>{0}</td><td>{1}</td><td>{2:f1}</td><td><div style=\"width:{3:f2}%\"></div></td></tr>\n",
        escapeHtml(name), escapeHtml(what), time, 100 * time / total);
  };
  os << "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" << escapeHtml(title)
     << "</title>\n<style>body{font:14px sans-serif;margin:2em}table{border-collapse:collapse;width:100%}"
        "td,th{padding:2px 8px;text-align:left;white-space:nowrap}td:nth-child(3){text-align:right}"
        "td:last-child{width:50%}td div{background:#47a;height:1em}</style></head><body>\n<h1>"
     << escapeHtml(title) << "</h1>\n"
     << llvm::formatv("<p>Measured: the least time of each step, {0:f1} µs in all.</p>\n", total)
     << "<h2>By kernel</h2>\n<table><tr><th>kernel</th><th>steps</th><th>µs</th><th></th></tr>\n";
  std::vector<std::pair<std::string, std::pair<unsigned, double>>> sorted(kernels.begin(), kernels.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const auto &a, const auto &b) { return a.second.second > b.second.second; });
  for (const auto &[name, entry] : sorted)
    row(name, std::to_string(entry.first), entry.second);
  os << "</table>\n<h2>By step</h2>\n<table><tr><th>node</th><th>kernel</th><th>µs</th><th></th></tr>\n";
  for (const StepTime &step : steps)
    row(step.node, step.kernel, step.microseconds);
  os << "</table>\n</body></html>\n";
}

} // namespace

void tool::writeProfile(const std::string &path, const std::string &title, const std::vector<StepTime> &steps) {
  bool isPage = llvm::StringRef(path).ends_with(".html");
  std::error_code error;
  llvm::raw_fd_ostream stream(path, error);
  if (!error) {
    isPage ? writePage(stream, title, steps) : writeTrace(stream, title, steps);
    stream.close();
    error = stream.error();
    stream.clear_error();
  }
  if (error)
    throw Stop{Failure(ExitStatus::Io, "cannot write '" + path + "': " + error.message())};
}
