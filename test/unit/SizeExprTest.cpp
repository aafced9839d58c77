//===- SizeExprTest.cpp - Sizes as expressions ----------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Support/SizeExpr.h"

#include "gtest/gtest.h"

#include <random>

using sinter::SizeExpr;

namespace {

SizeExpr sym(const char *name) { return SizeExpr::symbol(name); }

std::optional<int64_t> valueOf(const SizeExpr &e, int64_t batch, int64_t seq) {
  return e.evaluate([&](llvm::StringRef name) -> std::optional<int64_t> {
    if (name == "batch")
      return batch;
    if (name == "seq")
      return seq;
    return std::nullopt;
  });
}

TEST(SizeExpr, EqualPolynomialsAreEqual) {
  SizeExpr batch = sym("batch"), seq = sym("seq");
  EXPECT_EQ((batch + 1) * (seq + 2), seq * batch + seq + batch * 2 + 2);
  EXPECT_EQ((batch + 1) * (batch + SizeExpr(-1)), batch * batch - 1);
  EXPECT_NE(batch * 2, batch * 3);
  EXPECT_EQ((batch - batch).constant(), 0);
}

TEST(SizeExpr, QuotientsSimplifyWhereTheyDivide) {
  SizeExpr batch = sym("batch"), seq = sym("seq");
  EXPECT_EQ(SizeExpr::floorDiv(batch * seq * 384, batch * seq).constant(), 384);
  EXPECT_EQ(SizeExpr::max(seq, 1), seq);
  EXPECT_FALSE(SizeExpr::exactDiv(batch * seq + 1, batch).has_value());
}

TEST(SizeExpr, DivisionRoundsTowardsMinusInfinity) {
  SizeExpr batch = sym("batch"), seq = sym("seq");
  EXPECT_EQ(valueOf(SizeExpr::floorDiv(batch - 10, seq), 3, 4), -2);
  EXPECT_EQ(valueOf(SizeExpr::mod(batch - 10, seq), 3, 4), 1);
  EXPECT_EQ(valueOf(SizeExpr::ceilDiv(batch + 4, seq), 3, 4), 2);
}

TEST(SizeExpr, WhatCannotBeEvaluatedHasNoValue) {
  SizeExpr batch = sym("batch"), seq = sym("seq");
  EXPECT_EQ(valueOf(sym("other") + 1, 1, 1), std::nullopt);
  EXPECT_EQ(valueOf(SizeExpr::floorDiv(batch, seq - 4), 3, 4), std::nullopt);
  EXPECT_EQ(valueOf(batch * seq, INT64_MAX / 2, 3), std::nullopt);
}

TEST(SizeExpr, ADimensionIsAtLeastOne) {
  EXPECT_TRUE((sym("batch") * sym("seq")).isAtLeast(1));
  EXPECT_FALSE((sym("batch") - 1).isAtLeast(1));
  EXPECT_FALSE(sym("shape[0]").isAtLeast(0));
}

TEST(SizeExpr, ReadsOnlyWhatItWrites) {
  for (const char *text :
       {"", "batch +", "floordiv(batch)", "batch seq", "(batch", "2 ** batch", "99999999999999999999"})
    EXPECT_FALSE(SizeExpr::parse(text).has_value()) << text;
  EXPECT_FALSE(SizeExpr::parse(std::string(1000, '(')).has_value());
}

TEST(SizeExpr, RandomExpressionsKeepTheirValues) {
  std::mt19937 random(7);
  for (int round = 0; round < 400; ++round) {
    int64_t batch = 1 + random() % 6, seq = 1 + random() % 9;
    SizeExpr expr = sym("batch");
    int64_t value = batch;
    for (int step = 0; step < 6; ++step) {
      bool second = random() % 2;
      SizeExpr other = second ? sym("seq") : SizeExpr(int64_t(random() % 9) - 4);
      int64_t number = second ? seq : *other.constant();
      switch (random() % 7) {
      case 0:
        expr = expr + other, value += number;
        break;
      case 1:
        expr = expr - other, value -= number;
        break;
      case 2:
        expr = expr * other, value *= number;
        break;
      case 3:
        expr = SizeExpr::min(expr, other), value = std::min(value, number);
        break;
      case 4:
        expr = SizeExpr::max(expr, other), value = std::max(value, number);
        break;
      case 5:
        expr = SizeExpr::lt(expr, other), value = value < number;
        break;
      default:
        if (number <= 0)
          break;
        expr = SizeExpr::mod(expr, other), value = (value % number + number) % number;
      }
    }
    ASSERT_EQ(valueOf(expr, batch, seq), value) << expr.str();
    std::optional<SizeExpr> read = SizeExpr::parse(expr.str());
    ASSERT_TRUE(read.has_value()) << expr.str();
    ASSERT_EQ(*read, expr) << expr.str();
  }
}

} // namespace
