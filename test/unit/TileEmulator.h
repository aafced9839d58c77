//===- TileEmulator.h - AMX's instructions in plain C++, for tests --------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What Intel's manual (volume 1, chapter 18; volume 2, LDTILECFG, TILELOADD,
// TILESTORED, TDPBUSD, TILERELEASE) says of palette 1 and of these instructions, in its
// words: where it says #GP or #UD, the emulator remembers why, and checkTileEmulator
// throws. Besides, tiles must lie in memory that a test has allocated, and be released
// when the kernel returns. There is a state for each thread.
//
// Kernels come to it in two ways. Where the processor has no AMX, each instruction in
// the object code as it is shipped raises SIGILL, and is decoded and emulated there.
// Everywhere, the intrinsics in a module of kernels can be replaced by calls.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TEST_UNIT_TILEEMULATOR_H
#define SINTER_TEST_UNIT_TILEEMULATOR_H

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>

namespace sinter::cpu {

/// Replaces the intrinsics on tiles in a module of kernels by calls of the emulator, which is in this process.
void callTileEmulator(mlir::ModuleOp kernels);
/// While one lives, instructions on tiles that the processor does not have are emulated.
class TrappedTiles {
public:
  TrappedTiles();
  ~TrappedTiles();
  TrappedTiles(const TrappedTiles &) = delete;
  TrappedTiles &operator=(const TrappedTiles &) = delete;
};
/// Throws what the emulator has found wrong since the last call, and forgets it.
void checkTileEmulator();

// The instructions.
void emulateConfigure(const void *configuration);
void emulateRelease();
void emulateLoad(int64_t tile, const char *memory, int64_t stride);
void emulateStore(int64_t tile, char *memory, int64_t stride);
void emulateDot(int64_t sums, int64_t rows, int64_t columns);

/// How many of them have run in this thread.
struct TileInstructionCounts {
  int64_t configurations = 0, products = 0;
};
TileInstructionCounts &tileInstructionCounts();

} // namespace sinter::cpu

#endif // SINTER_TEST_UNIT_TILEEMULATOR_H
