//===- Scheme.cpp - How many bits weights and activations have -----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Quantization/Scheme.h"
#include "lib/Support/Failure.h"

using namespace sinter;

/// Groups beyond this are whole channels of any model.
static const int64_t largestGroup = 65536;

std::string QuantizationScheme::str() const {
  std::string text = "w" + std::to_string(weightBits) + "a" + std::to_string(activationBits);
  if (activations != Activations::Auto)
    text += activations == Activations::Static ? "s" : "d";
  if (group)
    text += "g" + std::to_string(group);
  return text + (zeroPoints ? "z" : "");
}

llvm::Expected<QuantizationScheme> sinter::parseScheme(llvm::StringRef text) {
  auto wrong = [&]() -> llvm::Error {
    return usage("--quantize=" + text +
                 ": a scheme is w, the bits of weights (2 to 8), a, the bits of activations (4 to 8, or 16: not "
                 "quantized), s (static) or d (dynamic) if one is forced, g and the rows of a group, and z with zero "
                 "points, as in w8a8, w8a8s, w8a16, w4a16g128 and w4a8g32z");
  };
  QuantizationScheme scheme;
  llvm::StringRef rest = text;
  auto takeNumber = [&](auto &number) {
    llvm::StringRef digits = rest.take_while([](char c) { return c >= '0' && c <= '9'; });
    rest = rest.drop_front(digits.size());
    return !digits.starts_with("0") && !digits.getAsInteger(10, number);
  };
  if (!rest.consume_front("w") || !takeNumber(scheme.weightBits) || !rest.consume_front("a") ||
      !takeNumber(scheme.activationBits))
    return wrong();
  if (scheme.weightBits < 2 || scheme.weightBits > 8 || scheme.activationBits < 4 ||
      (scheme.activationBits > 8 && scheme.activationBits != 16))
    return wrong();
  if (scheme.quantizesActivations()) {
    if (rest.consume_front("s"))
      scheme.activations = QuantizationScheme::Activations::Static;
    else if (rest.consume_front("d"))
      scheme.activations = QuantizationScheme::Activations::Dynamic;
  }
  if (rest.consume_front("g") && (!takeNumber(scheme.group) || scheme.group > largestGroup))
    return wrong();
  scheme.zeroPoints = rest.consume_front("z");
  if (!rest.empty())
    return wrong();
  return scheme;
}
