//===- main.cpp - sinter, the command line tool -----------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "include/sinter/Frontend.h"
#include "include/sinter/Target.h"
#include "lib/Support/AtomicOutput.h"
#include "tools/sinter/Console.h"
#include "tools/sinter/Verbs.h"

#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/MemoryBuffer.h"

#include <csignal>
#include <cstring>
#include <unistd.h>

using namespace sinter;
using namespace sinter::tool;

namespace {

/// `@FILE` in the place of a value (a whole argument, or what follows the `=` of an option) is what the file holds.
/// Inputs and outputs of programs have their own meaning for @.
std::string readValue(const std::string &argument, llvm::StringRef before) {
  for (llvm::StringRef option : {"--input", "--output"})
    if (before == option || llvm::StringRef(argument).starts_with(option.str() + "="))
      return argument;
  size_t at = 0;
  if (llvm::StringRef(argument).starts_with("--")) {
    at = argument.find('=');
    if (at == std::string::npos)
      return argument;
    ++at;
  }
  if (at + 1 >= argument.size() || argument[at] != '@')
    return argument;
  std::string path = argument.substr(at + 1);
  auto file = llvm::MemoryBuffer::getFileOrSTDIN(path, /*IsText=*/true);
  if (!file)
    throw Stop{Failure(ExitStatus::Unusable, "cannot read '" + path + "': " + file.getError().message())};
  return argument.substr(0, at) + (*file)->getBuffer().rtrim("\r\n").str();
}

std::string versionText() {
  std::string text = ("sinter " + version() + "\nLLVM " LLVM_VERSION_STRING "\ntargets:").str();
  for (const auto &target : getTargets())
    text += " " + target->getName().str();
  text += "\nmodels:";
  for (const auto &frontend : getFrontends())
    text += " " + frontend->getName().str();
  return text;
}

Failure usageFailure(CLI::App &app, const CLI::ParseError &error) {
  CLI::App *used = app.get_subcommands().empty() ? &app : app.get_subcommands().front();
  Failure failure(ExitStatus::Usage, error.what());
  failure.hint = used == &app ? "see sinter --help" : "see sinter " + used->get_name() + " --help";
  return failure;
}

int runTool(int argc, char **argv) {
  CLI::App app("Compiles trained transformer models ahead of time, and runs what it compiled");
  app.name("sinter");
  app.footer("Example: sinter compile model.onnx -o model && sinter run model --input ids=@ids.npy\n"
             "`sinter VERB --help` shows more.");
  app.set_version_flag("--version", versionText, "versions of Sinter and LLVM, targets and model formats");
  app.require_subcommand(1);
  std::vector<Verb> verbs = {declareCompile(app), declareRun(app),     declareBench(app),
                             declareVerify(app),  declareInspect(app), declareTargets(app)};

  // Errors of usage are objects, too, where a program reads.
  for (int i = 1; i < argc; ++i)
    if (!std::strcmp(argv[i], "--format=json") ||
        (!std::strcmp(argv[i], "json") && i > 1 && !std::strcmp(argv[i - 1], "--format")))
      console().json = true;
  try {
    std::vector<std::string> arguments;
    for (int i = argc - 1; i > 0; --i)
      arguments.push_back(readValue(argv[i], argv[i - 1]));
    try {
      app.parse(std::move(arguments));
    } catch (const CLI::Success &success) { // --help, --version
      return app.exit(success);
    } catch (const CLI::RequiredError &error) {
      // CLI11 says only that a verb is missing, where one was given that there is not.
      if (app.get_subcommands().empty() && argc > 1 && argv[1][0] != '-') {
        Failure failure(ExitStatus::Usage, std::string("there is no verb '") + argv[1] + "'");
        failure.hint = "see sinter --help";
        return console().fail(failure);
      }
      return console().fail(usageFailure(app, error));
    } catch (const CLI::ParseError &error) {
      return console().fail(usageFailure(app, error));
    }
    for (const Verb &verb : verbs)
      if (verb.app->parsed())
        return verb.run();
  } catch (const Stop &stop) {
    return console().fail(stop.failure);
  } catch (const std::exception &error) {
    return console().fail(Failure(ExitStatus::Internal, std::string("unexpected: ") + error.what()));
  }
  return int(ExitStatus::Usage);
}

/// What is printed where the tool itself crashes: made in advance, as a handler of signals may do little.
std::string crashMessage;

void onCrash(int signal) {
  char text[] = "sinter: error: internal error (signal 00): this is a defect of Sinter; the command that shows it: ";
  char *digits = std::strstr(text, "00");
  digits[0] = char('0' + signal / 10 % 10);
  digits[1] = char('0' + signal % 10);
  (void)!write(STDERR_FILENO, text, sizeof text - 1);
  (void)!write(STDERR_FILENO, crashMessage.data(), crashMessage.size());
  _exit(int(ExitStatus::Internal));
}

/// A crash outside of the passes, which have their own recovery, ends with the status of a defect, not by a signal.
void reportCrashes(int argc, char **argv) {
  for (int i = 0; i < argc; ++i) {
    llvm::StringRef argument = argv[i];
    bool plain = !argument.empty() && llvm::all_of(argument, [](char c) {
      return llvm::isAlnum(c) || llvm::StringRef("-_=./:,@+%").contains(c);
    });
    crashMessage += (i ? " " : "") + (plain ? argument.str() : "'" + argument.str() + "'");
  }
  crashMessage += '\n';
  // A stack that overflowed has no room for a handler.
  static char handlerStack[64 * 1024];
  stack_t stack = {};
  stack.ss_sp = handlerStack;
  stack.ss_size = sizeof handlerStack;
  sigaltstack(&stack, nullptr);
  struct sigaction action = {};
  action.sa_handler = onCrash;
  action.sa_flags = SA_ONSTACK;
  for (int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT})
    sigaction(signal, &action, nullptr);
}

} // namespace

int main(int argc, char **argv) {
  removeOnInterrupt();
  reportCrashes(argc, argv);
  return console().finish(runTool(argc, argv));
}
