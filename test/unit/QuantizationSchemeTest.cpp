//===- QuantizationSchemeTest.cpp - Tests of schemes as text ------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Quantization/Scheme.h"
#include "lib/Support/Failure.h"

#include <gtest/gtest.h>

using namespace sinter;
using Activations = QuantizationScheme::Activations;

namespace {

QuantizationScheme read(llvm::StringRef text) {
  llvm::Expected<QuantizationScheme> scheme = parseScheme(text);
  EXPECT_TRUE(bool(scheme)) << text.str();
  return scheme ? *scheme : QuantizationScheme();
}

// Tests that every part of a scheme is read.
TEST(QuantizationScheme, parts) {
  QuantizationScheme w8a8 = read("w8a8");
  EXPECT_EQ(w8a8.weightBits, 8u);
  EXPECT_EQ(w8a8.activationBits, 8u);
  EXPECT_EQ(w8a8.group, 0);
  EXPECT_FALSE(w8a8.zeroPoints);
  EXPECT_EQ(w8a8.activations, Activations::Auto);
  EXPECT_TRUE(w8a8.quantizesActivations());
  EXPECT_FALSE(w8a8.needsSecondMoments());

  EXPECT_EQ(read("w8a8s").activations, Activations::Static);
  EXPECT_EQ(read("w8a8d").activations, Activations::Dynamic);

  QuantizationScheme w4a16 = read("w4a16g128z");
  EXPECT_EQ(w4a16.weightBits, 4u);
  EXPECT_EQ(w4a16.group, 128);
  EXPECT_TRUE(w4a16.zeroPoints);
  EXPECT_FALSE(w4a16.quantizesActivations());
  EXPECT_TRUE(w4a16.needsSecondMoments());
  EXPECT_EQ(read("w4a16").group, 0);
}

// Tests that a scheme is printed as it is read.
TEST(QuantizationScheme, roundTrip) {
  for (const char *text : {"w8a8", "w8a8s", "w8a8d", "w8a16", "w4a16", "w4a16g128", "w4a16g128z", "w4a8g32",
                           "w4a8dg32z", "w2a16g64", "w8a8z"})
    EXPECT_EQ(read(text).str(), text);
}

// Tests that what is no scheme is a wrong usage that says the grammar.
TEST(QuantizationScheme, malformed) {
  for (const char *text : {"",           "w8",
                           "a8",         "w8a",
                           "wa8",        "w8a8x",
                           "w9a8",       "w1a8",
                           "w8a3",       "w8a12",
                           "w8a16s",     "w4a16d",
                           "w4a16g",     "w4a16g0",
                           "w4a16g-32",  "w4a16gz",
                           "w08a8",      "w4a16zg32",
                           "W8A8",       "w8a8 ",
                           "int8",       "w4a16g99999999999999999999",
                           "w4a16g65537"}) {
    llvm::Expected<QuantizationScheme> scheme = parseScheme(text);
    ASSERT_FALSE(bool(scheme)) << text;
    Failure failure = takeFailure(scheme.takeError());
    EXPECT_EQ(failure.status, ExitStatus::Usage) << text;
    EXPECT_NE(failure.message.find("a scheme is w, the bits of weights"), std::string::npos) << failure.message;
  }
}

} // namespace
