//===- Isa.cpp - The instruction sets that the CPU target compiles for ----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Kernels/Isa.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

using namespace sinter::cpu;

// The tiles: 24 accumulators, 3 columns and a broadcast leave 4 of 32 registers of AVX-512; 12, 2 and 1 leave one of
// the 16 of AVX2. On NEON 6x4 reads 10 vectors or elements for 24 multiply-adds (8x3 would read 11) and its 16 columns
// divide every panel.
static constexpr Isa table[] = {
    {"x86-64-v4-amx", "x86_64-unknown-linux-gnu", "x86-64-v4", "+avx512vnni,+amx-tile,+amx-int8", 16, 32, 8, 3,
     DotProduct::Vnni, 8, 3, /*hasTiles=*/true},
    {"x86-64-v4-vnni", "x86_64-unknown-linux-gnu", "x86-64-v4", "+avx512vnni", 16, 32, 8, 3, DotProduct::Vnni, 8, 3},
    {"x86-64-v4", "x86_64-unknown-linux-gnu", "x86-64-v4", "", 16, 32, 8, 3, DotProduct::Widen, 8, 3},
    {"x86-64-v3", "x86_64-unknown-linux-gnu", "x86-64-v3", "", 8, 16, 6, 2, DotProduct::Widen, 4, 3},
    {"aarch64", "aarch64-unknown-linux-gnu", "generic", "+neon", 4, 32, 6, 4, DotProduct::Widen, 4, 3},
};

llvm::ArrayRef<Isa> sinter::cpu::allIsas() { return table; }

const Isa *sinter::cpu::findIsa(llvm::StringRef name) {
  const Isa *found = llvm::find_if(table, [&](const Isa &isa) { return isa.name == name; });
  return found == std::end(table) ? nullptr : found;
}

/// Linux gives no process the state of tiles that did not ask for it.
static bool mayUseTiles() {
#if defined(__linux__) && defined(__x86_64__)
  constexpr long requestPermission = 0x1023, tileData = 18; // arch_prctl(ARCH_REQ_XCOMP_PERM)
  static const bool isGranted = syscall(SYS_arch_prctl, requestPermission, tileData) == 0;
  return isGranted;
#else
  return false;
#endif
}

bool sinter::cpu::hostRuns(const Isa &isa) {
  llvm::Triple host(llvm::sys::getProcessTriple()), wanted(isa.triple);
  if (host.getArch() != wanted.getArch())
    return false;
  if (!wanted.isX86())
    return true;
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  auto all = [&](std::initializer_list<llvm::StringRef> names) {
    return llvm::all_of(names, [&](llvm::StringRef name) { return features.lookup(name); });
  };
  if (!all({"avx2", "fma", "f16c", "bmi", "bmi2", "lzcnt", "movbe"}))
    return false;
  if (isa.lanes == 8)
    return true;
  return all({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}) &&
         (isa.dotProduct != DotProduct::Vnni || all({"avx512vnni"})) &&
         (!isa.hasTiles || (all({"amx-tile", "amx-int8"}) && mayUseTiles()));
}
