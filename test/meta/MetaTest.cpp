//===- MetaTest.cpp - The repository keeps the house rules ----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/meta/Rules.h"

#include "gtest/gtest.h"

#include <iostream>

using namespace sinter::meta;

namespace {

const Tree &repository() {
  static const Tree tree = Tree::read(SINTER_SOURCE_ROOT);
  return tree;
}

void expectKept(const Violations &violations) {
  std::string all;
  for (const std::string &violation : violations)
    all += "\n  " + violation;
  EXPECT_TRUE(violations.empty()) << violations.size() << " violations:" << all;
}

TEST(HouseRules, TheTreeIsThere) {
  EXPECT_TRUE(repository().has("lib/Support/SizeExpr.h"));
  EXPECT_TRUE(repository().has("test/meta"));
  EXPECT_GT(repository().files().size(), 30u);
}

TEST(HouseRules, IncludeOrder) { expectKept(checkIncludeOrder(repository())); }
TEST(HouseRules, RuntimeDependencies) { expectKept(checkRuntimeDependencies(repository())); }

TEST(HouseRules, FileSizes) {
  expectKept(checkFileSizes(repository(), longestFile));
  for (const std::string &warning : checkFileSizes(repository(), longFile))
    std::cout << "warning: " << warning << "\n";
}

TEST(HouseRules, Names) { expectKept(checkNames(repository())); }
TEST(HouseRules, Headers) { expectKept(checkHeaders(repository())); }
TEST(HouseRules, DocumentedPaths) { expectKept(checkDocumentedPaths(repository())); }
TEST(HouseRules, ShownExamples) { expectKept(checkShownExamples(repository())); }
TEST(HouseRules, NoMachinePaths) { expectKept(checkNoMachinePaths(repository())); }
TEST(HouseRules, OptionsInTools) { expectKept(checkOptionsInTools(repository())); }
TEST(HouseRules, NoExceptions) { expectKept(checkNoExceptions(repository())); }
TEST(HouseRules, SourcesAreBuilt) { expectKept(checkSourcesAreBuilt(repository())); }
TEST(HouseRules, Python) { expectKept(checkPython(repository())); }
TEST(HouseRules, LitTests) { expectKept(checkLitTests(repository())); }
TEST(HouseRules, Ops) { expectKept(checkOps(repository())); }
TEST(HouseRules, Constraints) { expectKept(checkConstraints(repository())); }
TEST(HouseRules, InterpreterIsComplete) { expectKept(checkInterpreterIsComplete(repository())); }
TEST(HouseRules, Passes) { expectKept(checkPasses(repository())); }

} // namespace
