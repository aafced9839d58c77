//===- CpuKernelRunner.h - Builds, loads and runs kernels in tests --------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel is built and compiled for one instruction set, linked, loaded into the
// test, and called with tasks in the ways that a runtime might.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TEST_UNIT_CPUKERNELRUNNER_H
#define SINTER_TEST_UNIT_CPUKERNELRUNNER_H

#include "targets/cpu/Kernels/KernelBuilder.h"

#include <random>
#include <string>
#include <vector>

namespace sinter::cpu {

class LoadedKernel {
public:
  /// `build` adds one kernel of the name that it is given.
  LoadedKernel(const Isa &isa, llvm::function_ref<void(KernelBuilder &, llvm::StringRef)> build);
  ~LoadedKernel();
  LoadedKernel(const LoadedKernel &) = delete;
  LoadedKernel &operator=(const LoadedKernel &) = delete;

  /// Runs tasks [begin, end).
  int64_t run(const std::vector<int64_t> &words, int64_t begin, int64_t end, int64_t scratchBytes) const;
  /// Runs all tasks: in one call, or each alone from the last to the first.
  int64_t runAll(const std::vector<int64_t> &words, int64_t numTasks, int64_t scratchBytes, bool apart = false) const;

  /// The bare call, for benchmarks.
  int64_t call(const std::vector<int64_t> &words, int64_t begin, int64_t end, void *scratch) const {
    return kernel(words.data(), begin, end, scratch);
  }

private:
  std::string path;
  void *library = nullptr;
  int64_t (*kernel)(const int64_t *, int64_t, int64_t, void *) = nullptr;
};

/// The variants that this machine runs.
std::vector<const Isa *> runnableIsas();

inline int64_t word(const void *pointer) {
  return reinterpret_cast<int64_t>(pointer);
}

/// Numbers with normal distribution, the same for the same seed.
std::vector<float> randomFloats(size_t count, unsigned seed, float scale = 1.0f);

/// A buffer with a guard of NaN around it, to find what is read or written beside it.
class GuardedBuffer {
public:
  explicit GuardedBuffer(size_t count, float fill = 0.0f);
  explicit GuardedBuffer(const std::vector<float> &values);
  float *data() { return storage.data() + guard; }
  size_t size() const { return storage.size() - 2 * guard; }
  float &operator[](size_t i) { return data()[i]; }
  bool isGuardWhole() const;
  std::vector<float> values() const { return {storage.begin() + guard, storage.end() - guard}; }

private:
  static constexpr size_t guard = 64;
  std::vector<float> storage;
};

/// Bit for bit.
bool sameBits(const std::vector<float> &a, const std::vector<float> &b);

} // namespace sinter::cpu

#endif // SINTER_TEST_UNIT_CPUKERNELRUNNER_H
