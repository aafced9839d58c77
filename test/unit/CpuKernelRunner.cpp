//===- CpuKernelRunner.cpp - Builds, loads and runs kernels in tests ------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuKernelRunner.h"

#include "targets/cpu/Codegen/Codegen.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <limits>
#include <stdexcept>

using namespace sinter::cpu;

LoadedKernel::LoadedKernel(const Isa &isa, llvm::function_ref<void(KernelBuilder &, llvm::StringRef)> build) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  KernelBuilder::loadDialects(context);
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  KernelBuilder builder(*module, isa);
  build(builder, "kernel");
  if (mlir::failed(mlir::verify(*module)))
    throw std::runtime_error("the kernel's IR is not valid");
  auto object = compileToObject(*module, isa);
  if (!object)
    throw std::runtime_error(llvm::toString(object.takeError()));
  auto shared = linkSharedObject({*object}, {"kernel"}, isa);
  if (!shared)
    throw std::runtime_error(llvm::toString(shared.takeError()));
  llvm::SmallString<128> name;
  int file;
  if (llvm::sys::fs::createTemporaryFile("sinter-kernel", "so", file, name))
    throw std::runtime_error("no temporary file");
  llvm::raw_fd_ostream(file, true) << llvm::StringRef(shared->data(), shared->size());
  path = name.str().str();
  library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library)
    throw std::runtime_error(dlerror());
  kernel = reinterpret_cast<decltype(kernel)>(dlsym(library, "kernel"));
}

LoadedKernel::~LoadedKernel() {
  if (library)
    dlclose(library);
  llvm::sys::fs::remove(path);
}

int64_t LoadedKernel::run(const std::vector<int64_t> &words, int64_t begin, int64_t end, int64_t scratchBytes) const {
  // Filled with what would show if a kernel read what it has not written.
  size_t bytes = (scratchBytes + 127) / 64 * 64;
  void *scratch = std::aligned_alloc(64, bytes);
  std::memset(scratch, 0xff, bytes);
  int64_t result = kernel(words.data(), begin, end, scratch);
  for (size_t i = scratchBytes; i < bytes; ++i)
    if (static_cast<unsigned char *>(scratch)[i] != 0xff)
      throw std::runtime_error("a kernel wrote behind its scratch memory");
  std::free(scratch);
  return result;
}

int64_t LoadedKernel::runAll(const std::vector<int64_t> &words, int64_t numTasks, int64_t scratchBytes,
                             bool apart) const {
  if (!apart)
    return run(words, 0, numTasks, scratchBytes);
  int64_t result = 0;
  for (int64_t task = numTasks; task-- > 0;)
    if (int64_t one = run(words, task, task + 1, scratchBytes))
      result = one;
  return result;
}

std::vector<const Isa *> sinter::cpu::runnableIsas() {
  std::vector<const Isa *> runnable;
  for (const Isa &isa : allIsas())
    if (hostRuns(isa))
      runnable.push_back(&isa);
  return runnable;
}

std::vector<float> sinter::cpu::randomFloats(size_t count, unsigned seed, float scale) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> distribution(0.0f, scale);
  std::vector<float> values(count);
  for (float &value : values)
    value = distribution(generator);
  return values;
}

GuardedBuffer::GuardedBuffer(size_t count, float fill) : GuardedBuffer(std::vector<float>(count, fill)) {}
GuardedBuffer::GuardedBuffer(const std::vector<float> &values)
    : storage(values.size() + 2 * guard, std::numeric_limits<float>::quiet_NaN()) {
  std::copy(values.begin(), values.end(), storage.begin() + guard);
}
bool GuardedBuffer::isGuardWhole() const {
  for (size_t i = 0; i < guard; ++i)
    if (storage[i] == storage[i] || storage[storage.size() - 1 - i] == storage[storage.size() - 1 - i])
      return false;
  return true;
}

bool sinter::cpu::sameBits(const std::vector<float> &a, const std::vector<float> &b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}
