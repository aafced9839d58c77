//===- CpuKernelRunner.cpp - Builds, loads and runs kernels in tests ------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuKernelRunner.h"
#include "CpuKernelCall.h"
#include "TileEmulator.h"

#include "targets/cpu/Codegen/Codegen.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <sys/mman.h>
#include <unistd.h>

using namespace sinter::cpu;

namespace {

std::string writeTemporary(llvm::StringRef suffix, llvm::StringRef bytes) {
  llvm::SmallString<128> name;
  int file;
  if (llvm::sys::fs::createTemporaryFile("sinter-kernel", suffix, file, name))
    throw std::runtime_error("no temporary file");
  llvm::raw_fd_ostream(file, true) << bytes;
  return name.str().str();
}

/// Hands out memory from the front, and starts again when all of it is free.
struct SharedMemory {
  std::string path = writeTemporary("memory", "");
  char *start = nullptr;
  size_t used = 4096;
  std::map<const char *, size_t> live;

  SharedMemory() {
    int file;
    if (llvm::sys::fs::openFileForReadWrite(path, file, llvm::sys::fs::CD_OpenExisting, llvm::sys::fs::OF_None) ||
        ftruncate(file, SINTER_TEST_MEMORY_BYTES))
      throw std::runtime_error("no file for the shared memory");
    void *wanted = reinterpret_cast<void *>(SINTER_TEST_MEMORY);
    void *mapped =
        mmap(wanted, SINTER_TEST_MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, file, 0);
    if (mapped != wanted)
      throw std::runtime_error("the shared memory's address is taken");
    close(file);
    start = static_cast<char *>(mapped);
  }
  ~SharedMemory() { llvm::sys::fs::remove(path); }
};
SharedMemory &sharedMemory() {
  static SharedMemory memory;
  return memory;
}

std::string emulator() {
  auto found = llvm::sys::findProgramByName("qemu-aarch64");
  return found ? *found : "";
}

bool runsEmulated(const Isa &isa) {
  return !hostRuns(isa) && isa.name == "aarch64" && SINTER_TEST_GUEST[0] && !emulator().empty();
}

/// The instruction set that has all of AMX's variant but the tiles.
const Isa &withoutTiles() { return *findIsa("x86-64-v4-vnni"); }

bool runsWithEmulatedTiles(const Isa &isa) { return isa.hasTiles && !hostRuns(isa) && hostRuns(withoutTiles()); }

/// A program of the kernel and of the caller that it needs in an emulated process.
std::string linkProgram(llvm::ArrayRef<char> object) {
  std::string path = writeTemporary("o", llvm::StringRef(object.data(), object.size())), program = path + ".exe";
  std::string linker = SINTER_TEST_LINKER;
  if (llvm::sys::ExecuteAndWait(linker, {linker, "-static", "-o", program, SINTER_TEST_GUEST, path}))
    throw std::runtime_error("the emulated program cannot be linked");
  llvm::sys::fs::remove(path);
  return program;
}

} // namespace

void *sinter::cpu::allocateShared(size_t bytes) {
  SharedMemory &memory = sharedMemory();
  void *result = memory.start + memory.used;
  memory.used += (bytes + 127) / 64 * 64;
  if (memory.used > SINTER_TEST_MEMORY_BYTES)
    throw std::bad_alloc();
  memory.live[static_cast<const char *>(result)] = bytes;
  return result;
}
void sinter::cpu::freeShared(void *pointer) {
  SharedMemory &memory = sharedMemory();
  memory.live.erase(static_cast<const char *>(pointer));
  if (memory.live.empty())
    memory.used = 4096;
}
bool sinter::cpu::isAllocated(const void *pointer, size_t bytes) {
  SharedMemory &memory = sharedMemory();
  const char *start = static_cast<const char *>(pointer);
  auto behind = memory.live.upper_bound(start);
  if (behind == memory.live.begin())
    return false;
  auto [first, size] = *std::prev(behind);
  return size_t(start - first) + bytes <= size;
}

LoadedKernel::LoadedKernel(const Isa &isa, Build build, bool callsEmulator)
    : trapsTiles(!callsEmulator && runsWithEmulatedTiles(isa)), callsEmulator(callsEmulator) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  KernelBuilder::loadDialects(context);
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  KernelBuilder builder(*module, isa);
  build(builder, "kernel");
  if (mlir::failed(mlir::verify(*module)))
    throw std::runtime_error("the kernel's IR is not valid");
  if (callsEmulator)
    callTileEmulator(*module);
  auto object = compileToObject(*module, callsEmulator ? withoutTiles() : isa);
  if (!object)
    throw std::runtime_error(llvm::toString(object.takeError()));
  if (runsEmulated(isa)) {
    isEmulated = true;
    path = linkProgram(*object);
    return;
  }
  auto shared = linkSharedObject({*object}, {"kernel"}, isa);
  if (!shared)
    throw std::runtime_error(llvm::toString(shared.takeError()));
  path = writeTemporary("so", llvm::StringRef(shared->data(), shared->size()));
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

int64_t LoadedKernel::runEmulated(const std::vector<int64_t> &words, int64_t begin, int64_t end, void *scratch) const {
  TestVector<int64_t> shared(words.begin(), words.end());
  auto *call = reinterpret_cast<CpuKernelCall *>(sharedMemory().start);
  *call = {shared.data(), begin, end, scratch, -1};
  std::string program = emulator();
  if (int status = llvm::sys::ExecuteAndWait(program, {program, path, sharedMemory().path}))
    throw std::runtime_error("the emulated program ended with status " + std::to_string(status));
  return call->result;
}

int64_t LoadedKernel::run(const std::vector<int64_t> &words, int64_t begin, int64_t end, int64_t scratchBytes) const {
  // Filled with what would show if a kernel read what it has not written.
  size_t bytes = (scratchBytes + 127) / 64 * 64;
  TestVector<unsigned char> scratch(bytes, 0xff);
  std::optional<TrappedTiles> trapped;
  if (trapsTiles)
    trapped.emplace();
  int64_t result =
      isEmulated ? runEmulated(words, begin, end, scratch.data()) : kernel(words.data(), begin, end, scratch.data());
  if (trapsTiles || callsEmulator)
    checkTileEmulator();
  for (size_t i = scratchBytes; i < bytes; ++i)
    if (scratch[i] != 0xff)
      throw std::runtime_error("a kernel wrote behind its scratch memory");
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
    if (hostRuns(isa) || runsEmulated(isa) || runsWithEmulatedTiles(isa))
      runnable.push_back(&isa);
  return runnable;
}

TestVector<float> sinter::cpu::randomFloats(size_t count, unsigned seed, float scale) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> distribution(0.0f, scale);
  TestVector<float> values(count);
  for (float &value : values)
    value = distribution(generator);
  return values;
}

GuardedBuffer::GuardedBuffer(size_t count, float fill) : GuardedBuffer(TestVector<float>(count, fill)) {}
GuardedBuffer::GuardedBuffer(const TestVector<float> &values)
    : storage(values.size() + 2 * guard, std::numeric_limits<float>::quiet_NaN()) {
  std::copy(values.begin(), values.end(), storage.begin() + guard);
}
bool GuardedBuffer::isGuardWhole() const {
  for (size_t i = 0; i < guard; ++i)
    if (storage[i] == storage[i] || storage[storage.size() - 1 - i] == storage[storage.size() - 1 - i])
      return false;
  return true;
}

bool sinter::cpu::sameBits(const TestVector<float> &a, const TestVector<float> &b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}
