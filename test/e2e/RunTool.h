//===- RunTool.h - Runs the tool as its users do --------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TEST_E2E_RUNTOOL_H
#define SINTER_TEST_E2E_RUNTOOL_H

#include <string>
#include <vector>

namespace sinter::e2e {

/// How a process ended, and what it wrote.
struct Ended {
  int status = -1; ///< the exit status; -1 where a signal ended it
  int signal = 0;
  std::string output; ///< standard output
  std::string errors; ///< standard error
};

/// Runs the tool `sinter` of this build with these arguments and waits. After `killAfterMs`, if that is not negative,
/// the process gets the signal `killWith`.
Ended runSinter(const std::vector<std::string> &arguments, int killAfterMs = -1, int killWith = 9);

/// The folder of all-MiniLM-L6-v2, and its .onnx.
std::string modelFolder();
std::string modelFile();

/// A folder of this test's own, empty, below the build folder.
std::string freshFolder(const std::string &name);

/// MiniLM compiled, once per process, into this folder.
const std::string &compiledModel();

/// All files below a folder: relative path and bytes.
std::vector<std::pair<std::string, std::string>> filesIn(const std::string &folder);
std::string readFile(const std::string &path);
void writeFile(const std::string &path, const std::string &bytes);

/// Whether the long form of a test is asked for (tools/check --long).
bool isLong();

} // namespace sinter::e2e

#endif // SINTER_TEST_E2E_RUNTOOL_H
