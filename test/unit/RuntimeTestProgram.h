//===- RuntimeTestProgram.h - A small program for tests -------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Described by hand, with the kernels of RuntimeTestKernels.c:
//
//   hidden[batch, seq, 4] = table[ids[batch, seq]] * mask[batch, seq] + bias
//   total[]               = sum of hidden
//   numbers[count[0]]     = 0, 1, 2, ...
//   variant[]             = which code ran
//
// with batch in 1..4, seq in 1..32 and count[0] in 0..100. The table's row r is
// r * 10 + (0, 1, 2, 3), the bias (0.5, 1.5, 2.5, 3.5).
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TEST_UNIT_RUNTIMETESTPROGRAM_H
#define SINTER_TEST_UNIT_RUNTIMETESTPROGRAM_H

#include "lib/Bundle/WriteBundle.h"
#include "sinter-rt/sinter.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <string>
#include <unistd.h>

namespace sinter::test {

constexpr int64_t tableRows = 50;

inline std::string readFile(const std::filesystem::path &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline void writeFile(const std::filesystem::path &path, const std::string &bytes) {
  // Not over the old one: file systems sync a file that is cut and written again.
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary) << bytes;
}

/// A folder of its own, removed at the end.
class TestFolder {
public:
  TestFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sinter-test-XXXXXX").string();
    root = mkdtemp(pattern.data());
  }
  ~TestFolder() { std::filesystem::remove_all(root); }
  std::filesystem::path operator/(const std::string &name) const { return root / name; }
  std::filesystem::path root;
};

inline BundleSection::Fill floats(std::vector<float> values) {
  return [values = std::move(values)](llvm::MutableArrayRef<char> destination) {
    std::memcpy(destination.data(), values.data(), values.size() * sizeof(float));
    return llvm::Error::success();
  };
}

/// The two variants of the code, best first; the second is for any machine.
inline std::vector<BundleVariant> testVariants() {
#if defined(__x86_64__)
  uint32_t architecture = SINTER_X86_64;
  uint64_t features = SINTER_FEATURE_X86_64_V3;
#else
  uint32_t architecture = SINTER_AARCH64;
  uint64_t features = SINTER_FEATURE_ARM_DOTPROD;
#endif
  return {{"better", architecture, features, readFile(SINTER_TEST_KERNELS_2)},
          {"basic", architecture, 0, readFile(SINTER_TEST_KERNELS_1)}};
}

inline BundleDescription testProgram() {
  SizeExpr batch = SizeExpr::symbol("batch"), seq = SizeExpr::symbol("seq"), count = SizeExpr::symbol("count[0]");
  SizeExpr rows = batch * seq;
  BundleDescription bundle;
  bundle.name = "tiny";
  bundle.compiler = "0.1.0-test";
  bundle.sourceFile = "tiny.onnx";
  bundle.sourceSha256 = std::string(64, '7');
  bundle.inputs = {{"ids", SINTER_I64, {batch, seq}, {"batch", "sequence"}},
                   {"mask", SINTER_F32, {batch, seq}, {"batch", "sequence"}},
                   {"count", SINTER_I64, {1}, {}}};
  bundle.outputs = {{"hidden", SINTER_F32, {batch, seq, 4}, {"batch", "sequence", ""}},
                    {"total", SINTER_F32, {}, {}},
                    {"numbers", SINTER_I64, {count}, {}},
                    {"variant", SINTER_I64, {}, {}}};
  bundle.symbols = {{"batch", SymbolSource::axis(0, 0), 1, 4, 1},
                    {"seq", SymbolSource::axis(0, 1), 1, 32, std::nullopt},
                    {"count[0]", SymbolSource::element(2, 0), 0, 100, std::nullopt}};
  bundle.checks = {BundleCheck::size(2, 0, 1, "one"),
                   BundleCheck::atLeast(100, rows, "node '/tiny': at most 100 rows")};
  bundle.variants = testVariants();
  bundle.kernels = {{"gather", {}}, {"scale_rows", {}}, {"sum", {}}, {"iota", {}}, {"variant", {"variant", "variant"}}};

  std::vector<float> table;
  for (int64_t r = 0; r < tableRows; ++r)
    for (int j = 0; j < 4; ++j)
      table.push_back(r * 10 + j);
  unsigned tableSection = bundle.addSection("table", table.size() * sizeof(float), floats(table));
  unsigned biasSection = bundle.addSection("bias", 16, floats({0.5, 1.5, 2.5, 3.5}));

  using Argument = BundleArgument;
  SizeExpr second = SizeExpr::ceilDiv(rows * 16, 64) * 64; // where nothing is, so that offsets are not all 0
  bundle.arenaBytes = second + rows * 16;
  bundle.steps = {
      {"/embed",
       0,
       {Argument::weights(tableSection), Argument::input(0), Argument::arena(second), Argument::integer(tableRows),
        Argument::integer(4)},
       rows,
       0,
       0},
      {"/scale",
       1,
       {Argument::arena(second), Argument::input(1), Argument::weights(biasSection), Argument::output(0),
        Argument::integer(4)},
       rows,
       16,
       std::nullopt},
      {"/sum", 2, {Argument::output(0), Argument::integer(rows * 4), Argument::output(1)}, 1, 0, std::nullopt},
      {"/range", 3, {Argument::output(2)}, count, 0, std::nullopt},
      {"/variant", 4, {Argument::output(3)}, 1, 0, std::nullopt}};
  bundle.files = {{"module.mlir", "module {}\n"}};
  return bundle;
}

/// Fails the test where there is an error.
inline void expectSuccess(llvm::Error error) {
  std::string text;
  if (error)
    text = llvm::toString(std::move(error));
  EXPECT_EQ(text, "");
}

inline void writeTestBundle(const std::filesystem::path &out, const BundleDescription &bundle) {
  expectSuccess(writeBundle(bundle, out.string()));
}

/// An open program, closed at the end.
class OpenProgram {
public:
  explicit OpenProgram(const std::filesystem::path &path, const char *variant = nullptr) {
    sinter_program_options options = {};
    options.struct_bytes = sizeof options;
    options.variant = variant;
    status = sinter_program_open(path.c_str(), &options, &program, &error);
  }
  ~OpenProgram() { sinter_program_close(program); }
  sinter_program *program = nullptr;
  sinter_status status;
  sinter_error error = {};
};

class OpenSession {
public:
  OpenSession(const sinter_program *program, std::vector<sinter_size> sizes, uint32_t threads,
              sinter_session_options options = {}) {
    options.struct_bytes = sizeof options;
    options.sizes = sizes.data();
    options.size_count = sizes.size();
    options.threads = threads;
    status = sinter_session_create(program, &options, &session, &error);
  }
  ~OpenSession() { sinter_session_destroy(session); }
  std::string message() const { return sinter_session_message(session); }
  sinter_session *session = nullptr;
  sinter_status status;
  sinter_error error = {};
};

} // namespace sinter::test

#endif // SINTER_TEST_UNIT_RUNTIMETESTPROGRAM_H
