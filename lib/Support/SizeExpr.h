//===- SizeExpr.h - Sizes as expressions over a program's symbols ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model with dynamic dimensions is compiled once. Its sizes are integer
// expressions over symbols, which a run gives values:
//
//   batch, seq           a dimension of an input; at least 1
//   shape[0], k[]        an element of an integer input, where a graph computes
//                        sizes from it; any value
//
// An expression is a polynomial with integer coefficients, kept in one canonical
// form, so that two expressions that are equal as polynomials are equal as
// values and print the same text:
//
//   3 * batch * seq + 2 * batch - 1
//
// What polynomials cannot say is an atom: floordiv(a, b), ceildiv(a, b),
// mod(a, b), min(a, b), max(a, b), eq(a, b), lt(a, b) (1 or 0) and
// select(c, a, b). The building functions below simplify where they can prove
// something: floordiv(batch * seq * 384, batch * seq) is 384, and max(seq, 1) is
// seq because a dimension is at least 1.
//
// Sizes come from files that anyone may have written, so an expression is kept
// small: what would need a coefficient beyond 63 bits, or grow beyond the limits
// below, becomes `floordiv(1, 0)`, which has no value, so that whoever needs the
// size refuses it. What is kept can always be written and read again.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_SUPPORT_SIZEEXPR_H
#define SINTER_SUPPORT_SIZEEXPR_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace sinter {

class SizeExpr {
public:
  enum class Function { FloorDiv, CeilDiv, Mod, Min, Max, Eq, Lt, Select };

  /// A factor that is not a number: a symbol, or a function of other
  /// expressions. `text` is its canonical spelling and its identity.
  struct Atom {
    std::string text;
    std::optional<Function> function; // none: a symbol
    std::vector<SizeExpr> args;
    bool operator<(const Atom &other) const { return text < other.text; }
    bool operator==(const Atom &other) const { return text == other.text; }
  };
  /// A product of atoms, sorted; a power is a repetition. Empty: the constant.
  using Monomial = std::vector<Atom>;
  /// Total degree first, then the atoms' spelling: the order of printing.
  struct MonomialOrder {
    bool operator()(const Monomial &a, const Monomial &b) const;
  };
  using Terms = std::map<Monomial, int64_t, MonomialOrder>;

  /// The greatest degree and number of terms of an expression, the greatest length
  /// of a function's spelling, and how deep functions may nest.
  static constexpr size_t maxDegree = 64, maxTerms = 1024, maxAtomText = 16384, maxDepth = 64;

  SizeExpr() = default; // zero
  SizeExpr(int64_t value);
  static SizeExpr symbol(llvm::StringRef name);

  static SizeExpr floorDiv(const SizeExpr &a, const SizeExpr &b);
  static SizeExpr ceilDiv(const SizeExpr &a, const SizeExpr &b);
  /// The remainder of floorDiv: its sign is b's.
  static SizeExpr mod(const SizeExpr &a, const SizeExpr &b);
  static SizeExpr min(const SizeExpr &a, const SizeExpr &b);
  static SizeExpr max(const SizeExpr &a, const SizeExpr &b);
  static SizeExpr eq(const SizeExpr &a, const SizeExpr &b);
  static SizeExpr lt(const SizeExpr &a, const SizeExpr &b);
  static SizeExpr select(const SizeExpr &c, const SizeExpr &a, const SizeExpr &b);
  static SizeExpr apply(Function function, llvm::ArrayRef<SizeExpr> args);
  static SizeExpr product(llvm::ArrayRef<SizeExpr> factors);

  friend SizeExpr operator+(const SizeExpr &a, const SizeExpr &b);
  friend SizeExpr operator-(const SizeExpr &a, const SizeExpr &b);
  friend SizeExpr operator*(const SizeExpr &a, const SizeExpr &b);
  bool operator==(const SizeExpr &other) const { return terms == other.terms; }
  bool operator!=(const SizeExpr &other) const { return !(*this == other); }

  /// The quotient where `b` divides `a` as polynomials, else none.
  static std::optional<SizeExpr> exactDiv(const SizeExpr &a, const SizeExpr &b);

  std::optional<int64_t> constant() const;
  bool isConstant(int64_t value) const { return constant() == value; }
  /// The name, where the expression is one symbol and nothing else.
  std::optional<llvm::StringRef> asSymbol() const;
  const Terms &getTerms() const { return terms; }

  /// True for what grew beyond the limits and has no value.
  bool isTooLarge() const;

  /// The greatest bound that is proved from "a dimension is at least 1" alone.
  std::optional<int64_t> lowerBound() const;
  bool isAtLeast(int64_t bound) const { return lowerBound().value_or(INT64_MIN) >= bound; }
  /// True where the two are proved to differ for all sizes.
  static bool provedDifferent(const SizeExpr &a, const SizeExpr &b);

  /// Calls `visit` with every symbol's name, those within functions included;
  /// a name may come more than once.
  void forEachSymbol(llvm::function_ref<void(llvm::StringRef)> visit) const;
  /// Replaces each symbol for which `lookup` has an expression.
  SizeExpr substitute(llvm::function_ref<std::optional<SizeExpr>(llvm::StringRef)> lookup) const;
  /// None where a symbol has no value, a divisor is zero, or 64 bits overflow.
  std::optional<int64_t> evaluate(llvm::function_ref<std::optional<int64_t>(llvm::StringRef)> lookup) const;

  std::string str() const;
  /// Reads what `str` wrote. None on anything else, and on texts nested deeper
  /// than `maxDepth`.
  static std::optional<SizeExpr> parse(llvm::StringRef text);

  /// Whether `name` can be a symbol: a letter or underscore, then letters,
  /// digits and any of `_.:/#$`, then optionally `[digits]` (an element of an
  /// input) or `[]` (a scalar input).
  static bool isSymbolName(llvm::StringRef name);
  /// Whether the symbol is an element of an input, of which nothing is known.
  static bool isValueSymbol(llvm::StringRef name) { return name.ends_with("]"); }
  static llvm::StringRef functionName(Function function);

private:
  static SizeExpr makeAtom(Function function, std::vector<SizeExpr> args);
  static SizeExpr makeTooLarge();
  static std::optional<int64_t> atomLowerBound(const Atom &atom);
  size_t depth() const;
  /// False where the coefficient does not fit.
  [[nodiscard]] bool add(const Monomial &monomial, int64_t coefficient);

  Terms terms;
};

} // namespace sinter

#endif // SINTER_SUPPORT_SIZEEXPR_H
