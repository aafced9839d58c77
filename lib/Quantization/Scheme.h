//===- Scheme.h - How many bits weights and activations have -------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A scheme as the command line has it:
//
//   scheme := "w" bits "a" bits [ "s" | "d" ] [ "g" rows ] [ "z" ]
//
// Bits of weights, 2 to 8, and of activations, 4 to 8, or 16: not quantized. `s`
// gives every activation one scale, found by calibration (static); `d` gives each
// of its rows one at run time (dynamic); without either the smaller measured error
// decides, tensor by tensor. `g` gives every so many rows of a column of a weight a
// scale of their own, else the whole column (an output channel) has one. `z`: with
// zero points, else weights are symmetric.
//
//   w8a8  w8a8s  w8a16  w4a16g128  w4a16g128z  w4a8g32  w4a8dg32
//
// What a target executes of them is the target's to say.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_QUANTIZATION_SCHEME_H
#define SINTER_QUANTIZATION_SCHEME_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <string>

namespace sinter {

struct QuantizationScheme {
  enum class Activations { Auto, Static, Dynamic };

  unsigned weightBits = 8;
  unsigned activationBits = 8; // 16: not quantized
  int64_t group = 0;           // rows of a weight with one scale; 0: all of them
  bool zeroPoints = false;     // of weights
  Activations activations = Activations::Auto;

  bool quantizesActivations() const { return activationBits < 16; }
  /// Whether weights are rounded so coarsely that calibration collects second moments, by which each rounding error is
  /// made good in the weights that are rounded after it (Gptq.h).
  bool needsSecondMoments() const { return weightBits <= 4; }
  /// As `parseScheme` reads it.
  std::string str() const;
  bool operator==(const QuantizationScheme &other) const { return str() == other.str(); }
};

/// Failure with the exit status of a wrong usage, which says the grammar.
llvm::Expected<QuantizationScheme> parseScheme(llvm::StringRef text);

} // namespace sinter

#endif // SINTER_QUANTIZATION_SCHEME_H
