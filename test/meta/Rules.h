//===- Rules.h - The house rules ------------------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each rule reads a tree and says what breaks it. The rules are those of docs and
// CONTRIBUTING.md; MetaTest.cpp applies them to the repository, and RulesTest.cpp
// shows for each one a tree that keeps it and a tree that breaks it.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TEST_META_RULES_H
#define SINTER_TEST_META_RULES_H

#include "test/meta/Tree.h"

namespace sinter::meta {

//===----------------------------------------------------------------------===//
// IncludeRules.cpp: who may include whom
//===----------------------------------------------------------------------===//

/// Layers go downward only; targets and frontends do not know each other; the runtime knows nothing of the compiler,
/// and the interpreter nothing of passes.
Violations checkIncludeOrder(const Tree &tree);
/// `runtime` includes neither LLVM nor, in its core, JSON or protobuf.
Violations checkRuntimeDependencies(const Tree &tree);

//===----------------------------------------------------------------------===//
// TextRules.cpp: files, names, documentation
//===----------------------------------------------------------------------===//

constexpr size_t longFile = 800, longestFile = 1500;

/// Files above `limit` lines.
Violations checkFileSizes(const Tree &tree, size_t limit);
/// No folder or file is called Common, Utils, Helpers or Misc.
Violations checkNames(const Tree &tree);
/// Sources begin with the license, and headers have the guard SINTER_<PATH>_H.
Violations checkHeaders(const Tree &tree);
/// Paths that Markdown names in backticks, in code blocks or as links exist.
Violations checkDocumentedPaths(const Tree &tree);
/// What Markdown shows of a file of `examples` (a block that begins with ```c after naming it) is the file, whole.
Violations checkShownExamples(const Tree &tree);
/// Neither a path of one machine nor the host of a package registry.
Violations checkNoMachinePaths(const Tree &tree);
/// Command line options are declared in tools only.
Violations checkOptionsInTools(const Tree &tree);
/// Exceptions are thrown and caught in tools and tests only.
Violations checkNoExceptions(const Tree &tree);
/// Each source file is named in a CMakeLists.txt of its folder or of one above.
Violations checkSourcesAreBuilt(const Tree &tree);
/// Python is in benchmarks and in lit's configuration only.
Violations checkPython(const Tree &tree);
/// Each test of lit's begins with a sentence "Tests that ...", has something to run, and negatives use
/// -verify-diagnostics.
Violations checkLitTests(const Tree &tree);

//===----------------------------------------------------------------------===//
// TableGenRules.cpp: ops and passes
//===----------------------------------------------------------------------===//

/// An op has a summary, a description with an example, a name made from its mnemonic, a test that uses it and one that
/// refuses it.
Violations checkOps(const Tree &tree);
/// Constraints C1, C2, ... are numbered without gaps, and each one stands in a verifier and in a negative test.
Violations checkConstraints(const Tree &tree);
/// The interpreter has a function for each op that computes tensors: it is the oracle.
Violations checkInterpreterIsComplete(const Tree &tree);
/// A pass has a summary, a description with an example, one stem everywhere, a positive and a negative test.
Violations checkPasses(const Tree &tree);

} // namespace sinter::meta

#endif // SINTER_TEST_META_RULES_H
