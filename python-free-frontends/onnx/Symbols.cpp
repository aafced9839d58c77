//===- Symbols.cpp - The symbols of a model's sizes while it is imported --===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/onnx/Symbols.h"

#include "lib/Support/Failure.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

#include <algorithm>
#include <cstdio>

using namespace sinter;
using namespace sinter::onnx;
using llvm::StringRef;

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

/// `text` with every character that a symbol's name cannot have as "_".
static std::string sanitize(StringRef text) {
  std::string name;
  for (char c : text)
    name += llvm::isAlnum(c) || StringRef("_.:/#$").contains(c) ? c : '_';
  if (name.empty() || !(llvm::isAlpha(name[0]) || name[0] == '_'))
    name = "_" + name;
  // Names of functions are read as functions only before a parenthesis, so any other name will do.
  return name;
}

std::string Symbols::makeName(StringRef text) {
  auto [it, isNew] = nameOfText.try_emplace(text.str());
  if (isNew) {
    std::string name = sanitize(text);
    for (unsigned i = 2; llvm::is_contained(order, name); ++i)
      name = sanitize(text) + "_" + std::to_string(i);
    order.push_back(name);
    it->second = name;
  }
  return it->second;
}

void Symbols::addInput(const ValueInfo &info) {
  Input input;
  input.name = info.name;
  input.symbolName = sanitize(info.name);
  for (unsigned i = 2; llvm::any_of(inputs, [&](const Input &other) { return other.symbolName == input.symbolName; });
       ++i)
    input.symbolName = sanitize(info.name) + "_" + std::to_string(i);
  for (auto [axis, dimension] : llvm::enumerate(*info.type.shape)) {
    std::string text;
    switch (dimension.kind) {
    case Dimension::Kind::Value:
      input.declared.push_back(dimension.value);
      break;
    case Dimension::Kind::Unknown:
      text = info.name + "_" + std::to_string(axis);
      input.declared.push_back(SizeExpr::symbol(makeName(text)));
      break;
    case Dimension::Kind::Symbol:
      text = dimension.symbol;
      input.declared.push_back(SizeExpr::symbol(makeName(text)));
      break;
    }
    input.texts.push_back(text);
  }
  inputs.push_back(std::move(input));
}

void Symbols::readExpressions() {
  for (const auto &entry : nameOfText) {
    const std::string &symbol = entry.second;
    std::optional<SizeExpr> size = SizeExpr::parse(entry.first);
    if (!size || size->constant() || size->asSymbol())
      continue;
    bool isOverOthers = true;
    size->forEachSymbol([&](StringRef name) { isOverOthers &= name != symbol && nameOfText.count(name.str()); });
    if (isOverOthers)
      replace(symbol, substitute(*size));
  }
}

SizeExpr Symbols::getElement(const Input &input, bool isScalar, int64_t index) const {
  return SizeExpr::symbol(input.symbolName + "[" + (isScalar ? "" : std::to_string(index)) + "]");
}

SizeExpr Symbols::getRangeLength(const std::array<RangeOperand, 3> &operands) {
  std::string name = "range/";
  for (auto [i, operand] : llvm::enumerate(operands)) {
    name += i ? ":" : "";
    if (operand.input) {
      name += inputs[*operand.input].symbolName;
      continue;
    }
    char text[40];
    std::snprintf(text, sizeof text, "$%.17g", operand.number);
    for (char c : StringRef(text))
      name += c == '-' ? "m" : c == '+' ? "" : std::string(1, c);
  }
  name += "[]";
  ranges[name] = operands;
  return SizeExpr::symbol(name);
}

//===----------------------------------------------------------------------===//
// Replacements
//===----------------------------------------------------------------------===//

SizeExpr Symbols::substitute(const SizeExpr &size) const {
  return size.substitute([&](StringRef name) -> std::optional<SizeExpr> {
    auto it = replacements.find(name.str());
    return it == replacements.end() ? std::nullopt : std::optional<SizeExpr>(it->second);
  });
}

Sizes Symbols::getSizes(const Input &input) const {
  Sizes sizes;
  for (const SizeExpr &size : input.declared)
    sizes.push_back(substitute(size));
  return sizes;
}

static bool contains(const SizeExpr &size, StringRef symbol) {
  bool found = false;
  size.forEachSymbol([&](StringRef name) { found |= name == symbol; });
  return found;
}

void Symbols::replace(StringRef symbol, const SizeExpr &by) {
  for (auto &[name, size] : replacements)
    size =
        size.substitute([&](StringRef other) { return other == symbol ? std::optional<SizeExpr>(by) : std::nullopt; });
  replacements[symbol.str()] = by;
}

/// `difference` as coefficient * symbol + rest; none where it is not linear.
static std::optional<std::pair<SizeExpr, SizeExpr>> splitLinear(const SizeExpr &difference, StringRef symbol) {
  SizeExpr coefficient, rest;
  for (const auto &[monomial, number] : difference.getTerms()) {
    unsigned degree = 0;
    SizeExpr others = number;
    for (const SizeExpr::Atom &atom : monomial) {
      if (!atom.function && atom.text == symbol) {
        ++degree;
        continue;
      }
      SizeExpr factor = atom.function ? SizeExpr::apply(*atom.function, atom.args) : SizeExpr::symbol(atom.text);
      if (contains(factor, symbol))
        return std::nullopt;
      others = others * factor;
    }
    if (degree > 1)
      return std::nullopt;
    (degree ? coefficient : rest) = (degree ? coefficient : rest) + others;
  }
  return std::make_pair(coefficient, rest);
}

Symbols::Solution Symbols::equate(const SizeExpr &a, const SizeExpr &b) {
  SizeExpr difference = a - b;
  if (difference.isConstant(0))
    return Solution::Equal;
  if (SizeExpr::provedDifferent(a, b))
    return Solution::Contradiction;
  // The later a symbol was declared, the rather it is replaced: token ids come first, and give sizes their names. What
  // the user bounds is replaced last, so that others are told by it.
  std::vector<std::string> candidates(order.rbegin(), order.rend());
  std::stable_partition(candidates.begin(), candidates.end(),
                        [&](const std::string &symbol) { return !userBounds.count(symbol); });
  for (const std::string &symbol : candidates) {
    if (!contains(difference, symbol))
      continue;
    auto parts = splitLinear(difference, symbol);
    if (!parts)
      continue;
    std::optional<SizeExpr> value = SizeExpr::exactDiv(SizeExpr(-1) * parts->second, parts->first);
    // A size is at least 1; seq * batch = 7 * batch has the solution seq = 7, and not batch = 0.
    if (!value || (SizeExpr(0) - *value).isAtLeast(0) || contains(*value, symbol))
      continue;
    bool onlyDimensions = true;
    value->forEachSymbol([&](StringRef name) { onlyDimensions &= !SizeExpr::isValueSymbol(name); });
    if (!onlyDimensions)
      continue;
    replace(symbol, *value);
    return Solution::Replaced;
  }
  if (equateWithoutClamps(difference))
    return Solution::Replaced;
  // x = max(x, y), as broadcasting and clamping leave it: holds where x and y are one size.
  for (const auto &[monomial, number] : difference.getTerms())
    for (const SizeExpr::Atom &atom : monomial)
      if (atom.function == SizeExpr::Function::Max || atom.function == SizeExpr::Function::Min)
        if (equate(atom.args[0], atom.args[1]) == Solution::Replaced)
          return Solution::Replaced;
  return Solution::Unsolved;
}

SizeExpr Symbols::makeSize(const SizeExpr &size) const {
  return notNegative.count(size.str()) ? size : SizeExpr::max(size, 0);
}

bool Symbols::equateWithoutClamps(const SizeExpr &difference) {
  SizeExpr sum;
  std::set<std::string> found;
  for (const auto &[monomial, coefficient] : difference.getTerms()) {
    SizeExpr term = coefficient;
    for (const SizeExpr::Atom &atom : monomial) {
      if (!atom.function) {
        term = term * SizeExpr::symbol(atom.text);
        continue;
      }
      bool isClamp = atom.function == SizeExpr::Function::Max && atom.args[0].isConstant(0) &&
                     !notNegative.count(atom.args[1].str());
      if (isClamp)
        found.insert(atom.args[1].str());
      term = term * (isClamp ? atom.args[1] : SizeExpr::apply(*atom.function, atom.args));
    }
    sum = sum + term;
  }
  if (found.empty() || !sum.isConstant(0))
    return false;
  notNegative.insert(found.begin(), found.end());
  return true;
}

/// A size that is a dimension's symbol plus a number.
static std::optional<std::pair<std::string, int64_t>> splitOffset(const SizeExpr &size) {
  int64_t number = 0;
  std::string symbol;
  for (const auto &[monomial, coefficient] : size.getTerms()) {
    if (monomial.empty())
      number = coefficient;
    else if (symbol.empty() && monomial.size() == 1 && !monomial[0].function && coefficient == 1 &&
             !SizeExpr::isValueSymbol(monomial[0].text))
      symbol = monomial[0].text;
    else
      return std::nullopt;
  }
  if (symbol.empty())
    return std::nullopt;
  return std::make_pair(symbol, number);
}

bool Symbols::bound(const SizeExpr &size, int64_t high) {
  auto parts = splitOffset(size);
  if (!parts)
    return false;
  std::optional<int64_t> &known = graphBounds[parts->first].high;
  known = std::min(known.value_or(INT64_MAX), high - parts->second);
  return true;
}

bool Symbols::boundBelow(const SizeExpr &size, int64_t low) {
  auto parts = splitOffset(size);
  if (!parts)
    return false;
  int64_t &known = graphBounds[parts->first].low;
  known = std::max(known, low - parts->second);
  return true;
}

//===----------------------------------------------------------------------===//
// What the user says
//===----------------------------------------------------------------------===//

std::optional<SizeExpr> Symbols::findByName(StringRef name) const {
  if (auto it = nameOfText.find(name.str()); it != nameOfText.end())
    return SizeExpr::symbol(it->second);
  if (llvm::is_contained(order, name))
    return SizeExpr::symbol(name);
  auto [inputName, axisText] = name.rsplit('.');
  int64_t axis;
  if (axisText.getAsInteger(10, axis))
    return std::nullopt;
  for (const Input &input : inputs)
    if (input.name == inputName && axis >= 0 && axis < static_cast<int64_t>(input.declared.size()))
      return input.declared[axis];
  return std::nullopt;
}

llvm::Error Symbols::applyOptions(llvm::ArrayRef<DimOption> options) {
  auto unknown = [&](StringRef name) -> llvm::Error {
    return Failure::make(ExitStatus::Usage, "--dim: the model has no dimension '" + name + "'")
        .hint(order.empty() ? "all its dimensions are fixed" : "it has " + llvm::join(order, ", "));
  };
  for (const DimOption &option : options) {
    std::optional<SizeExpr> size = findByName(option.name);
    if (!size)
      return unknown(option.name);
    SizeExpr now = substitute(*size);
    auto fix = [&](const SizeExpr &other) -> llvm::Error {
      Solution solution = equate(now, other);
      if (solution == Solution::Equal || solution == Solution::Replaced)
        return llvm::Error::success();
      return Failure::make(ExitStatus::Usage, "--dim " + option.name + ": the dimension is " + now.str() +
                                                  " and cannot be " + other.str());
    };
    if (option.tiedTo) {
      std::optional<SizeExpr> other = findByName(*option.tiedTo);
      if (!other)
        return unknown(*option.tiedTo);
      if (llvm::Error error = fix(substitute(*other)))
        return error;
      continue;
    }
    std::optional<int64_t> low = option.low, high = option.high;
    if (!option.sizes.empty()) {
      low = *llvm::min_element(option.sizes);
      high = *llvm::max_element(option.sizes);
    }
    // Of a cache, which may become a state that is empty at first; where it is a dimension, that is at least 1.
    if (low == 0 && high > 0 && option.sizes.empty())
      low = 1;
    if ((low && *low < 1) || (high && *high < low.value_or(1)))
      return usage("--dim " + option.name + ": a size is at least 1, and the least is not above the greatest");
    if (low && high && *low == *high) {
      if (llvm::Error error = fix(*low))
        return error;
      continue;
    }
    std::optional<StringRef> symbol = size->asSymbol();
    if (!symbol) {
      int64_t number = size->constant().value_or(0);
      if (number < low.value_or(1) || number > high.value_or(INT64_MAX))
        return usage("--dim " + option.name + ": the dimension is " + size->str());
      continue;
    }
    Bounds &bounds = userBounds[symbol->str()];
    bounds.low = std::max(bounds.low, low.value_or(1));
    if (high)
      bounds.high = std::min(bounds.high.value_or(INT64_MAX), *high);
    if (option.typical)
      bounds.typical = option.typical;
  }
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// The module
//===----------------------------------------------------------------------===//

llvm::Error Symbols::emit(mlir::ModuleOp module, llvm::ArrayRef<bool> anyShape) const {
  std::map<std::string, Bounds> bounds;
  for (const std::string &symbol : order)
    bounds[symbol];
  for (const auto &[symbol, found] : graphBounds)
    bounds[symbol] = found;
  for (const auto &[symbol, wanted] : userBounds) {
    SizeExpr size = substitute(SizeExpr::symbol(symbol));
    if (std::optional<int64_t> number = size.constant()) {
      if (*number < wanted.low || *number > wanted.high.value_or(INT64_MAX))
        return usage("--dim " + symbol + ": the graph holds for size " + llvm::Twine(*number) + " only");
      continue;
    }
    std::optional<StringRef> target = size.asSymbol();
    if (!target)
      return usage("--dim " + symbol + ": the graph ties this size to " + size.str() + "; bound that instead");
    Bounds &known = bounds[target->str()];
    known.low = std::max(known.low, wanted.low);
    if (wanted.high)
      known.high = std::min(known.high.value_or(INT64_MAX), *wanted.high);
    known.typical = wanted.typical;
  }

  mlir::OpBuilder builder = mlir::OpBuilder::atBlockBegin(module.getBody());
  llvm::StringSet<> declared;
  for (auto [input, isAny] : llvm::zip_equal(inputs, anyShape))
    for (auto [axis, size] : llvm::enumerate(input.declared)) {
      std::optional<StringRef> symbol = size.asSymbol();
      if (isAny || !symbol || replacements.count(symbol->str()) || !declared.insert(*symbol).second)
        continue;
      Bounds &known = bounds[symbol->str()];
      if (known.high && *known.high < known.low)
        return unusable("dimension " + input.texts[axis] + " is at least " + llvm::Twine(known.low) +
                        ", and the model allows at most " + llvm::Twine(*known.high));
      auto number = [&](std::optional<int64_t> value) {
        return value ? builder.getI64IntegerAttr(*value) : mlir::IntegerAttr();
      };
      if (known.typical)
        known.typical = std::clamp(*known.typical, known.low, known.high.value_or(INT64_MAX));
      SymbolOp::create(builder, module.getLoc(), builder.getStringAttr(*symbol), /*element=*/mlir::UnitAttr(),
                       builder.getStringAttr(input.name), builder.getI64IntegerAttr(axis),
                       builder.getI64IntegerAttr(known.low), number(known.high), number(known.typical),
                       mlir::ArrayAttr());
    }

  // Value symbols exist only where a size depends on them.
  std::set<std::string> usedRanges;
  std::map<std::string, std::pair<const Input *, int64_t>> elements;
  auto visitDims = [&](DimsAttr dims) {
    for (const SizeExpr &size : dims.getSizes())
      size.forEachSymbol([&](StringRef name) {
        if (!SizeExpr::isValueSymbol(name))
          return;
        if (ranges.count(name.str())) {
          usedRanges.insert(name.str());
          return;
        }
        auto [inputName, index] = name.drop_back().rsplit('[');
        for (const Input &input : inputs)
          if (input.symbolName == inputName)
            elements[name.str()] = {&input, index.empty() ? 0 : std::stoll(index.str())};
      });
  };
  mlir::AttrTypeWalker walker;
  walker.addWalk(visitDims);
  module.walk([&](mlir::Operation *op) {
    walker.walk(op->getAttrDictionary());
    for (mlir::Type type : op->getResultTypes())
      walker.walk(type);
  });
  for (const auto &[name, element] : elements)
    SymbolOp::create(builder, module.getLoc(), builder.getStringAttr(name), builder.getUnitAttr(),
                     builder.getStringAttr(element.first->name), builder.getI64IntegerAttr(element.second),
                     builder.getI64IntegerAttr(INT64_MIN), mlir::IntegerAttr(), mlir::IntegerAttr(), mlir::ArrayAttr());
  for (const std::string &name : usedRanges) {
    llvm::SmallVector<mlir::Attribute> operands;
    std::string first;
    for (const RangeOperand &operand : ranges.at(name)) {
      if (!operand.input) {
        operands.push_back(builder.getF64FloatAttr(operand.number));
        continue;
      }
      operands.push_back(builder.getStringAttr(inputs[*operand.input].name));
      first = first.empty() ? inputs[*operand.input].name : first;
    }
    SymbolOp::create(builder, module.getLoc(), builder.getStringAttr(name), builder.getUnitAttr(),
                     builder.getStringAttr(first), builder.getI64IntegerAttr(0), builder.getI64IntegerAttr(0),
                     mlir::IntegerAttr(), mlir::IntegerAttr(), builder.getArrayAttr(operands));
  }

  for (auto [input, isAny] : llvm::zip_equal(inputs, anyShape))
    for (auto [axis, size] : llvm::enumerate(input.declared)) {
      SizeExpr now = substitute(size);
      if (!isAny && now != size)
        CheckOp::create(builder, module.getLoc(), builder.getStringAttr(input.name), builder.getI64IntegerAttr(axis),
                        builder.getStringAttr(input.texts[axis]), DimsAttr::get(module.getContext(), {now}));
    }
  return llvm::Error::success();
}
