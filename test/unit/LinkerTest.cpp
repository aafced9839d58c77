//===- LinkerTest.cpp - Tests of links in process -------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Support/Linker.h"

#include "lib/Support/AtomicOutput.h"
#include "lib/Support/Failure.h"

#include <cmath>
#include <dlfcn.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>

using namespace sinter;

namespace {

#if defined(__aarch64__)
constexpr bool aarch64 = true;
#else
constexpr bool aarch64 = false;
#endif

/// Links `object` as kernels are, loads it, and calls it with 1.
double callLinked(const std::string &object, std::string &bytes) {
  TemporaryFolder folder = llvm::cantFail(TemporaryFolder::create());
  std::vector<std::string> needs = llvm::cantFail(needsOf({object}, folder.path(), aarch64));
  std::vector<std::string> arguments = {"-m", linkerEmulation(aarch64), "-shared", "-o", folder.file("x.so"), object};
  arguments.insert(arguments.end(), needs.begin(), needs.end());
  llvm::cantFail(runLinker(arguments));
  std::ifstream file(folder.file("x.so"), std::ios::binary);
  bytes.assign(std::istreambuf_iterator<char>(file), {});
  void *library = dlopen(folder.file("x.so").c_str(), RTLD_NOW | RTLD_LOCAL);
  EXPECT_NE(library, nullptr) << dlerror();
  if (!library)
    return 0;
  double result = reinterpret_cast<double (*)(double)>(dlsym(library, "tested"))(1);
  dlclose(library);
  return result;
}

// Tests that a shared object records its need of libm where its code calls it, and only there.
TEST(LinkerTest, RecordsTheNeedOfLibm) {
  std::string bytes;
  EXPECT_EQ(callLinked(SINTER_TEST_WITH_LIBM, bytes), 2 * std::sin(1.0));
  EXPECT_NE(bytes.find("libm.so.6"), std::string::npos);
  EXPECT_EQ(callLinked(SINTER_TEST_WITHOUT_LIBM, bytes), 2.0);
  EXPECT_EQ(bytes.find("libm.so.6"), std::string::npos);
}

// Tests that what cannot be linked is an error with the linker's words, and that the next link works.
TEST(LinkerTest, Refuses) {
  llvm::Error error = runLinker({"-m", linkerEmulation(aarch64), "-shared", "-o", "unused.so", "missing.o"});
  ASSERT_TRUE(static_cast<bool>(error));
  EXPECT_THAT(takeFailure(std::move(error)).message, testing::HasSubstr("missing.o"));
  std::string bytes;
  EXPECT_EQ(callLinked(SINTER_TEST_WITHOUT_LIBM, bytes), 2.0);
}

} // namespace
