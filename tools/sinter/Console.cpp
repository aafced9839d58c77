//===- Console.cpp - What the tool prints -----------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/sinter/Console.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <sys/resource.h>
#include <unistd.h>

using namespace sinter;
using namespace sinter::tool;

Console &tool::console() {
  static Console console;
  return console;
}

bool Console::useColor() const {
  if (color == "always")
    return true;
  const char *noColor = std::getenv("NO_COLOR");
  return color == "auto" && !(noColor && *noColor) && isatty(STDERR_FILENO);
}

void Console::clearBar() {
  if (!barIsShown)
    return;
  llvm::errs() << "\r\x1b[K";
  barIsShown = false;
}

void Console::print(llvm::StringRef text) {
  clearBar();
  llvm::outs() << text;
}

void Console::printJson(llvm::json::Value object) {
  clearBar();
  llvm::outs() << llvm::formatv("{0}", object) << '\n';
}

void Console::note(const llvm::Twine &message) {
  if (quiet)
    return;
  clearBar();
  llvm::errs() << "sinter: " << message << '\n';
}

void Console::detail(const llvm::Twine &message) {
  if (verbose)
    note(message);
}

void Console::warn(const llvm::Twine &message) {
  clearBar();
  llvm::errs() << "sinter: " << (useColor() ? "\x1b[1;33mwarning:\x1b[0m " : "warning: ") << message << '\n';
}

void Console::progress(double part, llvm::StringRef what) {
  if (quiet || json || !isatty(STDERR_FILENO))
    return;
  int percent = int(part * 100);
  if (part >= 1) {
    clearBar();
    lastPercent = -1;
    return;
  }
  if (percent == lastPercent)
    return;
  lastPercent = percent;
  std::string bar(size_t(percent) * 30 / 100, '=');
  bar.resize(30, ' ');
  llvm::errs() << "\r\x1b[K[" << bar << "] " << percent << " % " << what.substr(0, 60);
  barIsShown = true;
}

int Console::fail(const Failure &failure) {
  clearBar();
  if (json) {
    llvm::outs() << llvm::formatv("{0}", llvm::json::Value(describeFailure(failure))) << '\n';
  } else {
    llvm::errs() << "sinter: " << (useColor() ? "\x1b[1;31merror:\x1b[0m " : "error: ");
    failure.log(llvm::errs());
    llvm::errs() << '\n';
  }
  return int(failure.status);
}

int Console::finish(int status) {
  clearBar();
  llvm::outs().flush();
  if (std::error_code error = llvm::outs().error()) {
    llvm::outs().clear_error();
    llvm::errs() << "sinter: error: cannot write standard output: " << error.message() << '\n';
    return int(ExitStatus::Io);
  }
  return status;
}

llvm::json::Object tool::describeFailure(const Failure &failure) {
  auto text = [](const std::string &value) { return value.empty() ? llvm::json::Value(nullptr) : value; };
  llvm::json::Array unsupported;
  for (const UnsupportedNode &line : failure.unsupportedNodes)
    unsupported.push_back(llvm::json::Object{{"node", line.node},
                                             {"op", line.op},
                                             {"domain", line.domain},
                                             {"version", line.version},
                                             {"count", line.count},
                                             {"reason", line.reason},
                                             {"hint", text(line.hint)}});
  return llvm::json::Object{{"error", llvm::json::Object{{"status", int(failure.status)},
                                                         {"message", failure.message},
                                                         {"node", text(failure.node)},
                                                         {"actual", text(failure.actual)},
                                                         {"required", text(failure.required)},
                                                         {"hint", text(failure.hint)}}},
                            {"unsupported", std::move(unsupported)}};
}

std::string tool::failureText(const Failure &failure) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  failure.log(stream);
  return text;
}

std::string tool::formatNumber(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

std::string tool::formatBytes(uint64_t bytes) {
  if (bytes >= 1000000000)
    return llvm::formatv("{0:f2} GB", double(bytes) / 1e9);
  if (bytes >= 1000000)
    return llvm::formatv("{0:f1} MB", double(bytes) / 1e6);
  if (bytes >= 1000)
    return llvm::formatv("{0:f1} kB", double(bytes) / 1e3);
  return llvm::formatv("{0} bytes", bytes);
}

std::string tool::escapeHtml(llvm::StringRef text) {
  std::string result;
  for (char c : text)
    switch (c) {
    case '<':
      result += "&lt;";
      break;
    case '>':
      result += "&gt;";
      break;
    case '&':
      result += "&amp;";
      break;
    case '"':
      result += "&quot;";
      break;
    default:
      result += c;
    }
  return result;
}

uint64_t tool::peakResidentBytes() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return uint64_t(usage.ru_maxrss) * 1024;
}

double tool::now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

llvm::StringRef tool::version() { return SINTER_VERSION; }
