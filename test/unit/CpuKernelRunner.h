//===- CpuKernelRunner.h - Builds, loads and runs kernels in tests --------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel is built and compiled for one instruction set, linked, loaded into the
// test, and called with tasks in the ways that a runtime might. One for AArch64 runs
// in an emulated process where qemu-user is installed; it shares the memory that
// TestVector and GuardedBuffer take theirs from, so all that a kernel is given must
// be one of these. One for AMX runs on a machine without it, too, if that has VNNI:
// its instructions on tiles are emulated (TileEmulator.h).
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TEST_UNIT_CPUKERNELRUNNER_H
#define SINTER_TEST_UNIT_CPUKERNELRUNNER_H

#include "targets/cpu/Kernels/KernelBuilder.h"

#include <random>
#include <string>
#include <vector>

namespace sinter::cpu {

/// Memory that an emulated process maps at the same address.
void *allocateShared(size_t bytes);
void freeShared(void *pointer);
/// Whether all these bytes lie in one allocation.
bool isAllocated(const void *pointer, size_t bytes);

template <typename T> struct SharedAllocator {
  using value_type = T;
  SharedAllocator() = default;
  template <typename U> SharedAllocator(const SharedAllocator<U> &) {}
  T *allocate(size_t count) { return static_cast<T *>(allocateShared(count * sizeof(T))); }
  void deallocate(T *pointer, size_t) { freeShared(pointer); }
  template <typename U> bool operator==(const SharedAllocator<U> &) const { return true; }
  template <typename U> bool operator!=(const SharedAllocator<U> &) const { return false; }
};
template <typename T> using TestVector = std::vector<T, SharedAllocator<T>>;

class LoadedKernel {
public:
  using Build = llvm::function_ref<void(KernelBuilder &, llvm::StringRef)>;
  /// `build` adds one kernel of the name that it is given. With `callsEmulator` its instructions on tiles become calls,
  /// and the rest is compiled for AVX512-VNNI; else they are what they are, and are emulated where the machine has
  /// none.
  LoadedKernel(const Isa &isa, Build build, bool callsEmulator = false);
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
  int64_t runEmulated(const std::vector<int64_t> &words, int64_t begin, int64_t end, void *scratch) const;

  std::string path;
  bool isEmulated = false, trapsTiles = false, callsEmulator = false;
  void *library = nullptr;
  int64_t (*kernel)(const int64_t *, int64_t, int64_t, void *) = nullptr;
};

/// The variants that this machine runs, itself or emulated.
std::vector<const Isa *> runnableIsas();

inline int64_t word(const void *pointer) { return reinterpret_cast<int64_t>(pointer); }

/// Numbers with normal distribution, the same for the same seed.
TestVector<float> randomFloats(size_t count, unsigned seed, float scale = 1.0f);

/// A buffer with a guard of NaN around it, to find what is read or written beside it.
class GuardedBuffer {
public:
  explicit GuardedBuffer(size_t count, float fill = 0.0f);
  explicit GuardedBuffer(const TestVector<float> &values);
  float *data() { return storage.data() + guard; }
  size_t size() const { return storage.size() - 2 * guard; }
  float &operator[](size_t i) { return data()[i]; }
  bool isGuardWhole() const;
  TestVector<float> values() const { return {storage.begin() + guard, storage.end() - guard}; }

private:
  static constexpr size_t guard = 64;
  TestVector<float> storage;
};

/// Bit for bit.
bool sameBits(const TestVector<float> &a, const TestVector<float> &b);

} // namespace sinter::cpu

#endif // SINTER_TEST_UNIT_CPUKERNELRUNNER_H
