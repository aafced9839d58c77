//===- SizeExpr.cpp - Sizes as expressions over a program's symbols -------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Support/SizeExpr.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cassert>

using namespace sinter;
using Function = SizeExpr::Function;

namespace {

struct FunctionInfo {
  Function function;
  llvm::StringRef name;
  unsigned arity;
};
constexpr FunctionInfo functions[] = {
    {Function::FloorDiv, "floordiv", 2},
    {Function::CeilDiv, "ceildiv", 2},
    {Function::Mod, "mod", 2},
    {Function::Min, "min", 2},
    {Function::Max, "max", 2},
    {Function::Eq, "eq", 2},
    {Function::Lt, "lt", 2},
    {Function::Select, "select", 3},
};

int64_t floorDivide(int64_t a, int64_t b) {
  int64_t q = a / b;
  return q - (a % b != 0 && (a % b < 0) != (b < 0));
}

std::optional<int64_t> applyToNumbers(Function function, llvm::ArrayRef<int64_t> v) {
  switch (function) {
  case Function::FloorDiv:
  case Function::CeilDiv:
  case Function::Mod:
    if (v[1] == 0 || (v[0] == INT64_MIN && v[1] == -1))
      return std::nullopt;
    if (function == Function::FloorDiv)
      return floorDivide(v[0], v[1]);
    if (function == Function::CeilDiv)
      return floorDivide(v[0], v[1]) + (v[0] % v[1] != 0);
    return v[0] - floorDivide(v[0], v[1]) * v[1];
  case Function::Min:
    return std::min(v[0], v[1]);
  case Function::Max:
    return std::max(v[0], v[1]);
  case Function::Eq:
    return v[0] == v[1];
  case Function::Lt:
    return v[0] < v[1];
  case Function::Select:
    return v[0] ? v[1] : v[2];
  }
  llvm_unreachable("a function of sizes");
}

} // namespace

bool SizeExpr::MonomialOrder::operator()(const Monomial &a, const Monomial &b) const {
  if (a.size() != b.size())
    return a.size() > b.size();
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
}

llvm::StringRef SizeExpr::functionName(Function function) {
  for (const FunctionInfo &info : functions)
    if (info.function == function)
      return info.name;
  llvm_unreachable("a function of sizes");
}

/// The least number is left out, so that every coefficient can be negated, and
/// printed as a sign and a number.
static bool isCoefficient(int64_t value) { return value != INT64_MIN; }

bool SizeExpr::add(const Monomial &monomial, int64_t coefficient) {
  auto [it, isNew] = terms.try_emplace(monomial, 0);
  if (llvm::AddOverflow(it->second, coefficient, it->second) || !isCoefficient(it->second))
    return false;
  if (it->second == 0)
    terms.erase(it);
  return terms.size() <= maxTerms;
}

SizeExpr::SizeExpr(int64_t value) {
  if (!isCoefficient(value))
    *this = makeTooLarge();
  else if (value != 0)
    terms[{}] = value;
}

SizeExpr SizeExpr::symbol(llvm::StringRef name) {
  assert(isSymbolName(name) && "not a name of a symbol");
  SizeExpr result;
  result.terms[{Atom{name.str(), std::nullopt, {}}}] = 1;
  return result;
}

size_t SizeExpr::depth() const {
  size_t deepest = 0;
  for (const auto &[monomial, coefficient] : terms)
    for (const Atom &atom : monomial)
      for (const SizeExpr &arg : atom.args)
        deepest = std::max(deepest, arg.depth() + 1);
  return deepest;
}

SizeExpr SizeExpr::makeAtom(Function function, std::vector<SizeExpr> args) {
  std::string text = functionName(function).str() + "(";
  size_t deepest = 0;
  for (auto [i, arg] : llvm::enumerate(args)) {
    text += (i ? ", " : "") + arg.str();
    deepest = std::max(deepest, arg.depth());
  }
  if (text.size() >= maxAtomText || deepest >= maxDepth)
    return makeTooLarge();
  SizeExpr result;
  result.terms[{Atom{text + ")", function, std::move(args)}}] = 1;
  return result;
}

SizeExpr SizeExpr::makeTooLarge() {
  SizeExpr result;
  result.terms[{Atom{"floordiv(1, 0)", Function::FloorDiv, {SizeExpr(1), SizeExpr(0)}}}] = 1;
  return result;
}

bool SizeExpr::isTooLarge() const {
  // Whatever is computed with it is the same again, so it never stands beside others.
  return terms.size() == 1 && terms.begin()->first.size() == 1 && terms.begin()->first[0].text == "floordiv(1, 0)";
}

namespace sinter {
SizeExpr operator+(const SizeExpr &a, const SizeExpr &b) {
  if (a.isTooLarge() || b.isTooLarge())
    return SizeExpr::makeTooLarge();
  SizeExpr result = a;
  for (const auto &[monomial, coefficient] : b.terms)
    if (!result.add(monomial, coefficient))
      return SizeExpr::makeTooLarge();
  return result;
}

SizeExpr operator-(const SizeExpr &a, const SizeExpr &b) { return a + SizeExpr(-1) * b; }

SizeExpr operator*(const SizeExpr &a, const SizeExpr &b) {
  if (a.isTooLarge() || b.isTooLarge())
    return SizeExpr::makeTooLarge();
  SizeExpr result;
  for (const auto &[left, c] : a.terms)
    for (const auto &[right, d] : b.terms) {
      SizeExpr::Monomial product;
      std::merge(left.begin(), left.end(), right.begin(), right.end(), std::back_inserter(product));
      int64_t coefficient;
      if (product.size() > SizeExpr::maxDegree || llvm::MulOverflow(c, d, coefficient) ||
          !result.add(product, coefficient))
        return SizeExpr::makeTooLarge();
    }
  return result;
}
} // namespace sinter

SizeExpr SizeExpr::product(llvm::ArrayRef<SizeExpr> factors) {
  SizeExpr result = 1;
  for (const SizeExpr &factor : factors)
    result = result * factor;
  return result;
}

std::optional<int64_t> SizeExpr::constant() const {
  if (terms.empty())
    return 0;
  if (terms.size() == 1 && terms.begin()->first.empty())
    return terms.begin()->second;
  return std::nullopt;
}

std::optional<llvm::StringRef> SizeExpr::asSymbol() const {
  if (terms.size() != 1 || terms.begin()->second != 1 || terms.begin()->first.size() != 1 ||
      terms.begin()->first[0].function)
    return std::nullopt;
  return llvm::StringRef(terms.begin()->first[0].text);
}

std::optional<SizeExpr> SizeExpr::exactDiv(const SizeExpr &a, const SizeExpr &b) {
  if (b.terms.empty() || a.isTooLarge() || b.isTooLarge())
    return std::nullopt;
  const auto &[leadMonomial, leadCoefficient] = *b.terms.begin();
  SizeExpr remainder = a, quotient;
  // Each step removes the greatest monomial; the limit is for divisors whose
  // leading term divides but whose rest never cancels.
  for (unsigned step = 0; !remainder.terms.empty(); ++step) {
    const auto &[monomial, coefficient] = *remainder.terms.begin();
    if (step > 64 || coefficient % leadCoefficient != 0 ||
        !std::includes(monomial.begin(), monomial.end(), leadMonomial.begin(), leadMonomial.end()))
      return std::nullopt;
    SizeExpr term;
    Monomial rest;
    std::set_difference(monomial.begin(), monomial.end(), leadMonomial.begin(), leadMonomial.end(),
                        std::back_inserter(rest));
    term.terms[rest] = coefficient / leadCoefficient;
    quotient = quotient + term;
    remainder = remainder - term * b;
    if (remainder.isTooLarge() || quotient.isTooLarge())
      return std::nullopt;
  }
  return quotient;
}

std::optional<int64_t> SizeExpr::atomLowerBound(const Atom &atom) {
  if (!atom.function)
    return isValueSymbol(atom.text) ? std::nullopt : std::optional<int64_t>(1);
  std::optional<int64_t> a = atom.args[0].lowerBound(), b = atom.args[1].lowerBound();
  switch (*atom.function) {
  case Function::FloorDiv:
  case Function::CeilDiv:
    // By a positive divisor nothing changes its sign, and by a number the bound is divided too.
    if (!a || !b || *b < 1)
      return std::nullopt;
    if (std::optional<int64_t> divisor = atom.args[1].constant())
      return applyToNumbers(*atom.function, {*a, *divisor});
    if (*a < 0)
      return std::nullopt;
    return *atom.function == Function::CeilDiv && *a >= 1 ? 1 : 0;
  case Function::Mod:
    return b && *b >= 1 ? std::optional<int64_t>(0) : std::nullopt;
  case Function::Min:
    return a && b ? std::optional<int64_t>(std::min(*a, *b)) : std::nullopt;
  case Function::Max:
    return a && b ? std::max(*a, *b) : a ? a : b;
  case Function::Eq:
  case Function::Lt:
    return 0;
  case Function::Select: {
    std::optional<int64_t> c = atom.args[2].lowerBound();
    return b && c ? std::optional<int64_t>(std::min(*b, *c)) : std::nullopt;
  }
  }
  llvm_unreachable("a function of sizes");
}

std::optional<int64_t> SizeExpr::lowerBound() const {
  // With each atom of bound l written l + t, t >= 0: a polynomial in the t whose
  // coefficients are not negative is at least its constant.
  SizeExpr shifted;
  for (const auto &[monomial, coefficient] : terms) {
    SizeExpr term = coefficient;
    for (const Atom &atom : monomial) {
      std::optional<int64_t> least = atomLowerBound(atom);
      if (!least)
        return std::nullopt;
      SizeExpr factor;
      factor.terms[{atom}] = 1;
      term = term * (factor + SizeExpr(*least));
    }
    shifted = shifted + term;
  }
  if (shifted.isTooLarge())
    return std::nullopt;
  int64_t least = 0;
  for (const auto &[monomial, coefficient] : shifted.terms) {
    if (monomial.empty())
      least = coefficient;
    else if (coefficient < 0)
      return std::nullopt;
  }
  return least;
}

bool SizeExpr::provedDifferent(const SizeExpr &a, const SizeExpr &b) {
  return (a - b).isAtLeast(1) || (b - a).isAtLeast(1);
}

SizeExpr SizeExpr::floorDiv(const SizeExpr &a, const SizeExpr &b) { return apply(Function::FloorDiv, {a, b}); }
SizeExpr SizeExpr::ceilDiv(const SizeExpr &a, const SizeExpr &b) { return apply(Function::CeilDiv, {a, b}); }
SizeExpr SizeExpr::mod(const SizeExpr &a, const SizeExpr &b) { return apply(Function::Mod, {a, b}); }
SizeExpr SizeExpr::min(const SizeExpr &a, const SizeExpr &b) { return apply(Function::Min, {a, b}); }
SizeExpr SizeExpr::max(const SizeExpr &a, const SizeExpr &b) { return apply(Function::Max, {a, b}); }
SizeExpr SizeExpr::eq(const SizeExpr &a, const SizeExpr &b) { return apply(Function::Eq, {a, b}); }
SizeExpr SizeExpr::lt(const SizeExpr &a, const SizeExpr &b) { return apply(Function::Lt, {a, b}); }
SizeExpr SizeExpr::select(const SizeExpr &c, const SizeExpr &a, const SizeExpr &b) {
  return apply(Function::Select, {c, a, b});
}

SizeExpr SizeExpr::apply(Function function, llvm::ArrayRef<SizeExpr> args) {
  llvm::SmallVector<int64_t> numbers;
  for (const SizeExpr &arg : args) {
    if (arg.isTooLarge())
      return makeTooLarge();
    if (std::optional<int64_t> value = arg.constant())
      numbers.push_back(*value);
  }
  if (numbers.size() == args.size())
    if (std::optional<int64_t> value = applyToNumbers(function, numbers))
      return *value;

  const SizeExpr &a = args[0], &b = args[1];
  switch (function) {
  case Function::FloorDiv:
  case Function::CeilDiv:
    if (std::optional<SizeExpr> quotient = exactDiv(a, b))
      return *quotient;
    break;
  case Function::Mod:
    if (exactDiv(a, b))
      return 0;
    break;
  case Function::Min:
  case Function::Max: {
    if ((a - b).isAtLeast(0))
      return function == Function::Max ? a : b;
    if ((b - a).isAtLeast(0))
      return function == Function::Max ? b : a;
    if (b.str() < a.str()) // one order for a commutative function
      return makeAtom(function, {b, a});
    break;
  }
  case Function::Eq:
    if (a == b)
      return 1;
    if (provedDifferent(a, b))
      return 0;
    if (b.str() < a.str())
      return makeAtom(function, {b, a});
    break;
  case Function::Lt:
    if ((b - a).isAtLeast(1))
      return 1;
    if ((a - b).isAtLeast(0))
      return 0;
    break;
  case Function::Select:
    if (std::optional<int64_t> condition = a.constant())
      return *condition ? args[1] : args[2];
    if (args[1] == args[2])
      return args[1];
    break;
  }
  return makeAtom(function, std::vector<SizeExpr>(args.begin(), args.end()));
}

void SizeExpr::forEachSymbol(llvm::function_ref<void(llvm::StringRef)> visit) const {
  for (const auto &[monomial, coefficient] : terms)
    for (const Atom &atom : monomial) {
      if (!atom.function)
        visit(atom.text);
      for (const SizeExpr &arg : atom.args)
        arg.forEachSymbol(visit);
    }
}

SizeExpr SizeExpr::substitute(llvm::function_ref<std::optional<SizeExpr>(llvm::StringRef)> lookup) const {
  SizeExpr result;
  for (const auto &[monomial, coefficient] : terms) {
    SizeExpr term = coefficient;
    for (const Atom &atom : monomial) {
      if (!atom.function) {
        std::optional<SizeExpr> value = lookup(atom.text);
        term = term * (value ? *value : symbol(atom.text));
        continue;
      }
      llvm::SmallVector<SizeExpr> args;
      for (const SizeExpr &arg : atom.args)
        args.push_back(arg.substitute(lookup));
      term = term * apply(*atom.function, args);
    }
    result = result + term;
  }
  return result;
}

std::optional<int64_t> SizeExpr::evaluate(llvm::function_ref<std::optional<int64_t>(llvm::StringRef)> lookup) const {
  int64_t sum = 0;
  for (const auto &[monomial, coefficient] : terms) {
    int64_t product = coefficient;
    for (const Atom &atom : monomial) {
      std::optional<int64_t> value;
      if (!atom.function) {
        value = lookup(atom.text);
      } else {
        llvm::SmallVector<int64_t> numbers;
        for (const SizeExpr &arg : atom.args) {
          std::optional<int64_t> number = arg.evaluate(lookup);
          if (!number)
            return std::nullopt;
          numbers.push_back(*number);
        }
        value = applyToNumbers(*atom.function, numbers);
      }
      if (!value || llvm::MulOverflow(product, *value, product))
        return std::nullopt;
    }
    if (llvm::AddOverflow(sum, product, sum))
      return std::nullopt;
  }
  return sum;
}

std::string SizeExpr::str() const {
  if (terms.empty())
    return "0";
  std::string text;
  for (const auto &[monomial, coefficient] : terms) {
    bool negative = coefficient < 0;
    text += text.empty() ? (negative ? "-" : "") : (negative ? " - " : " + ");
    uint64_t magnitude = negative ? 0 - static_cast<uint64_t>(coefficient) : static_cast<uint64_t>(coefficient);
    if (magnitude != 1 || monomial.empty())
      text += std::to_string(magnitude) + (monomial.empty() ? "" : " * ");
    for (auto [i, atom] : llvm::enumerate(monomial))
      text += (i ? " * " : "") + atom.text;
  }
  return text;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

static bool isNameCharacter(char c) { return llvm::isAlnum(c) || llvm::StringRef("_.:/#$").contains(c); }

/// Takes a symbol's or function's name off the front of `text`; empty if none.
static llvm::StringRef takeName(llvm::StringRef &text) {
  if (text.empty() || !(llvm::isAlpha(text[0]) || text[0] == '_'))
    return {};
  size_t end = 0;
  while (end < text.size() && isNameCharacter(text[end]))
    ++end;
  if (end < text.size() && text[end] == '[') {
    size_t close = end + 1;
    while (close < text.size() && llvm::isDigit(text[close]))
      ++close;
    if (close == text.size() || text[close] != ']')
      return {};
    end = close + 1;
  }
  llvm::StringRef name = text.take_front(end);
  text = text.drop_front(end);
  return name;
}

bool SizeExpr::isSymbolName(llvm::StringRef name) {
  llvm::StringRef rest = name;
  return !takeName(rest).empty() && rest.empty();
}

namespace {

/// sum: ['-'] product (('+' | '-') product)*;  product: factor ('*' factor)*;
/// factor: number | symbol | function '(' sum (',' sum)* ')' | '(' sum ')'
class Parser {
public:
  explicit Parser(llvm::StringRef text) : rest(text) {}

  std::optional<SizeExpr> parseAll() {
    std::optional<SizeExpr> result = parseSum(0);
    return result && rest.trim().empty() ? result : std::nullopt;
  }

private:
  bool take(char c) {
    rest = rest.ltrim();
    if (rest.empty() || rest.front() != c)
      return false;
    rest = rest.drop_front();
    return true;
  }

  std::optional<SizeExpr> parseSum(unsigned depth) {
    bool negative = take('-');
    SizeExpr sum;
    for (;;) {
      std::optional<SizeExpr> term = parseProduct(depth);
      if (!term)
        return std::nullopt;
      sum = negative ? sum - *term : sum + *term;
      if (take('+'))
        negative = false;
      else if (take('-'))
        negative = true;
      else
        return sum;
    }
  }

  std::optional<SizeExpr> parseProduct(unsigned depth) {
    SizeExpr product = 1;
    do {
      std::optional<SizeExpr> factor = parseFactor(depth);
      if (!factor)
        return std::nullopt;
      product = product * *factor;
    } while (take('*'));
    return product;
  }

  std::optional<SizeExpr> parseFactor(unsigned depth) {
    rest = rest.ltrim();
    if (depth > SizeExpr::maxDepth || rest.empty())
      return std::nullopt;
    if (take('(')) {
      std::optional<SizeExpr> inner = parseSum(depth + 1);
      return inner && take(')') ? inner : std::nullopt;
    }
    if (llvm::isDigit(rest.front())) {
      int64_t number;
      return rest.consumeInteger(10, number) ? std::nullopt : std::optional<SizeExpr>(number);
    }
    llvm::StringRef name = takeName(rest);
    if (name.empty())
      return std::nullopt;
    if (!take('('))
      return SizeExpr::symbol(name);
    for (const FunctionInfo &info : functions) {
      if (info.name != name)
        continue;
      llvm::SmallVector<SizeExpr> args;
      do {
        std::optional<SizeExpr> arg = parseSum(depth + 1);
        if (!arg)
          return std::nullopt;
        args.push_back(*arg);
      } while (take(','));
      if (args.size() != info.arity || !take(')'))
        return std::nullopt;
      return SizeExpr::apply(info.function, args);
    }
    return std::nullopt;
  }

  llvm::StringRef rest;
};

} // namespace

std::optional<SizeExpr> SizeExpr::parse(llvm::StringRef text) { return Parser(text).parseAll(); }
