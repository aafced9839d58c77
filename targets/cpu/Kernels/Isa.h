//===- Isa.h - The instruction sets that the CPU target compiles for ------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the kernel templates need to know of an instruction set: how wide a
// vector is, how many of them the register file holds, and which tile of a
// matrix product fits. Everything else is in the kernels, which are the same
// source for all.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_KERNELS_ISA_H
#define SINTER_TARGETS_CPU_KERNELS_ISA_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace sinter::cpu {

/// How four products of bytes are summed.
enum class DotProduct {
  /// Bytes are widened to 16 bits, pairs of products summed in 32: every instruction set can.
  Widen,
  /// AVX512-VNNI's VPDPBUSD.
  Vnni,
};

struct Isa {
  /// How a bundle names the variant.
  llvm::StringLiteral name;
  /// What LLVM's code generator is asked for.
  llvm::StringLiteral triple, cpu, features;
  /// Elements of 32 bits in a vector register.
  unsigned lanes;
  unsigned numVectorRegisters;
  /// Rows and vectors of accumulators in the tile of a matrix product. With
  /// tileVectors more for the columns and one for a broadcast element they must
  /// fit into the registers; tileVectors * lanes must divide 48.
  unsigned tileRows, tileVectors;
  /// The same for a product of bytes; byteTileVectors * lanes divides 48, too.
  DotProduct dotProduct;
  unsigned byteTileRows, byteTileVectors;
  /// Whether products of bytes are also made in AMX's tiles (TileProduct.h).
  bool hasTiles = false;

  unsigned tileColumns() const { return tileVectors * lanes; }
  unsigned vectorBits() const { return lanes * 32; }
};

/// All variants, the most capable of an architecture first.
llvm::ArrayRef<Isa> allIsas();
/// None where no variant has that name.
const Isa *findIsa(llvm::StringRef name);
/// Whether the machine that runs the compiler can run code for `isa`. Where tiles are meant, Linux is asked for leave
/// to use them, which then holds for the whole process.
bool hostRuns(const Isa &isa);

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_KERNELS_ISA_H
