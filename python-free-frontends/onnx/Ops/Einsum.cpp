//===- Einsum.cpp - Sums of products by an equation ----------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An equation names each dimension of each input by a letter; dimensions with one
// letter are one, and a letter that the output lacks is summed over:
//
//   bhqd,bhkd->bhqk
//
// Inputs are combined two at a time, from the left. Of two inputs, a letter is
//   shared and needed later   a leading dimension of a matrix product (b, h)
//   shared and not needed     the dimension that is summed (d)
//   of one and needed later   rows or columns (q, k)
//   of one and not needed     summed before
// Without a letter that is summed it is a product of elements. A letter twice in
// one input takes the diagonal; `...` stands for the dimensions that have no
// letter, counted from the last and broadcast.
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/onnx/Ops/Formula.h"

#include "llvm/ADT/SmallSet.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::onnx;

namespace {

/// A letter, or -1, -2, ... for the last, last but one, ... dimension of `...`.
using Label = int;
using Labels = SmallVector<Label>;

struct Term {
  Value value;
  Labels labels;

  SizeExpr size(Label label) const { return getSize(value, find(label)); }
  bool has(Label label) const { return llvm::is_contained(labels, label); }
  int64_t find(Label label) const { return llvm::find(labels, label) - labels.begin(); }
};

class Einsum {
public:
  explicit Einsum(NodeContext &node) : f(node), node(node) {}
  /// Null where it has failed.
  Value import();

private:
  LogicalResult parse(StringRef equation);
  LogicalResult parseInput(StringRef text, Value value);
  LogicalResult parseOutput(StringRef text);
  void makeImplicitOutput();

  Value takeDiagonals(Term &term);
  Value sumOthers(Term &term, function_ref<bool(Label)> isNeeded);
  /// The term's dimensions in this order, without those that it lacks.
  Value arrange(const Term &term, ArrayRef<Label> order);
  Value dropUnit(Term &term, Label label);
  Term combine(Term a, Term b, function_ref<bool(Label)> isNeeded);

  Formula f;
  NodeContext &node;
  SmallVector<Term> terms;
  Labels output;
  /// The most dimensions that `...` stands for in an input; none if no input has it.
  std::optional<int64_t> ellipsisRank;
};

LogicalResult Einsum::parseInput(StringRef text, Value value) {
  Term term{value, {}};
  int64_t rank = getRank(value);
  auto [before, after] = text.split("...");
  bool hasEllipsis = text.contains("...");
  int64_t letters = before.size() + after.size();
  if (!llvm::all_of(before, llvm::isAlpha) || !llvm::all_of(after, llvm::isAlpha))
    return node.malformed("'" + text + "' in the equation is not letters and at most one ellipsis");
  if (hasEllipsis ? letters > rank : letters != rank)
    return node.malformed("'" + text + "' in the equation for an input of rank " + Twine(rank));
  term.labels.append(before.begin(), before.end());
  if (hasEllipsis) {
    for (int64_t i = rank - letters; i > 0; --i)
      term.labels.push_back(-i);
    ellipsisRank = std::max(ellipsisRank.value_or(0), rank - letters);
  }
  term.labels.append(after.begin(), after.end());
  terms.push_back(term);
  return success();
}

LogicalResult Einsum::parseOutput(StringRef text) {
  auto [before, after] = text.split("...");
  if (!llvm::all_of(before, llvm::isAlpha) || !llvm::all_of(after, llvm::isAlpha))
    return node.malformed("'" + text + "' in the equation is not letters and at most one ellipsis");
  output.append(before.begin(), before.end());
  if (text.contains("..."))
    for (int64_t i = ellipsisRank.value_or(0); i > 0; --i)
      output.push_back(-i);
  else if (ellipsisRank.value_or(0) > 0)
    return node.malformed("the equation's output lacks the ellipsis of its inputs");
  output.append(after.begin(), after.end());
  for (auto [i, label] : llvm::enumerate(output)) {
    if (llvm::is_contained(ArrayRef(output).drop_front(i + 1), label))
      return node.malformed("a letter is twice in the equation's output");
    if (llvm::none_of(terms, [label = label](const Term &term) { return term.has(label); }))
      return node.malformed("a letter of the equation's output is in no input");
  }
  return success();
}

/// The dimensions of the ellipsis, then the letters that are there once, sorted.
void Einsum::makeImplicitOutput() {
  for (int64_t i = ellipsisRank.value_or(0); i > 0; --i)
    output.push_back(-i);
  for (Label letter = 'A'; letter <= 'z'; ++letter) {
    int64_t count = 0;
    for (const Term &term : terms)
      count += llvm::count(term.labels, letter);
    if (count == 1)
      output.push_back(letter);
  }
}

LogicalResult Einsum::parse(StringRef equation) {
  std::string text;
  for (char c : equation)
    if (!llvm::isSpace(c))
      text += c;
  StringRef inputs = text, result;
  bool isExplicit = inputs.contains("->");
  std::tie(inputs, result) = inputs.split("->");
  SmallVector<StringRef> parts;
  inputs.split(parts, ',');
  if (parts.size() != node.getNumOperands())
    return node.malformed("the equation has " + Twine(parts.size()) + " inputs, the node " +
                          Twine(node.getNumOperands()));
  for (auto [i, part] : llvm::enumerate(parts))
    if (failed(parseInput(part, node.operand(i))))
      return failure();
  if (isExplicit)
    return parseOutput(result);
  makeImplicitOutput();
  return success();
}

/// Zero off the diagonal, then the sum over one of the two dimensions.
Value Einsum::takeDiagonals(Term &term) {
  for (size_t i = 0; i < term.labels.size(); ++i)
    for (size_t j = term.labels.size() - 1; j > i; --j) {
      if (term.labels[i] != term.labels[j])
        continue;
      SizeExpr size = getSize(term.value, i);
      int64_t rank = getRank(term.value);
      if (failed(node.unify(size, getSize(term.value, j), "dimensions of one letter")))
        return {};
      Value isDiagonal = f.binary(ElementwiseKind::equal, f.positions(size, i, rank), f.positions(size, j, rank));
      Value diagonal = f.select(isDiagonal, term.value, node.scalar(0, getElementType(term.value)));
      term.value = node.reduce(ReduceKind::sum, diagonal, static_cast<int64_t>(j), false);
      if (!term.value)
        return {};
      term.labels.erase(term.labels.begin() + j);
    }
  return term.value;
}

Value Einsum::sumOthers(Term &term, function_ref<bool(Label)> isNeeded) {
  SmallVector<int64_t> axes;
  Labels left;
  for (auto [i, label] : llvm::enumerate(term.labels)) {
    if (isNeeded(label))
      left.push_back(label);
    else
      axes.push_back(i);
  }
  if (!axes.empty())
    term.value = node.reduce(ReduceKind::sum, term.value, axes, false);
  term.labels = left;
  return term.value;
}

Value Einsum::arrange(const Term &term, ArrayRef<Label> order) {
  SmallVector<int64_t> permutation;
  for (Label label : order)
    if (term.has(label))
      permutation.push_back(term.find(label));
  return llvm::is_sorted(permutation) ? term.value : node.transpose(term.value, permutation);
}

Value Einsum::dropUnit(Term &term, Label label) {
  int64_t axis = term.find(label);
  Sizes sizes = getSizes(term.value);
  sizes.erase(sizes.begin() + axis);
  term.labels.erase(term.labels.begin() + axis);
  return term.value = node.reshape(term.value, sizes);
}

Term Einsum::combine(Term a, Term b, function_ref<bool(Label)> isNeeded) {
  // A size of 1 is broadcast to the other's: the dimension is then the other's alone.
  for (Label label : Labels(a.labels)) {
    if (!b.has(label))
      continue;
    SizeExpr sizeA = a.size(label), sizeB = b.size(label);
    bool done = sizeA == sizeB || (sizeA.isConstant(1)   ? dropUnit(a, label) != nullptr
                                   : sizeB.isConstant(1) ? dropUnit(b, label) != nullptr
                                                         : succeeded(node.unify(sizeA, sizeB, "sizes of one letter")));
    if (!done)
      return {};
  }
  if (!sumOthers(a, [&](Label label) { return b.has(label) || isNeeded(label); }) ||
      !sumOthers(b, [&](Label label) { return a.has(label) || isNeeded(label); }))
    return {};

  Labels shared, summed, rows, columns;
  for (Label label : a.labels)
    (!b.has(label) ? rows : isNeeded(label) ? shared : summed).push_back(label);
  for (Label label : b.labels)
    if (!a.has(label))
      columns.push_back(label);

  auto concatenate = [](ArrayRef<Label> x, ArrayRef<Label> y, ArrayRef<Label> z) {
    Labels result(x);
    result.append(y.begin(), y.end());
    result.append(z.begin(), z.end());
    return result;
  };
  auto product = [](const Term &term, ArrayRef<Label> labels) {
    SizeExpr size = 1;
    for (Label label : labels)
      size = size * term.size(label);
    return size;
  };
  Sizes leading, rowSizes, columnSizes;
  for (Label label : shared)
    leading.push_back(a.size(label));
  for (Label label : rows)
    rowSizes.push_back(a.size(label));
  for (Label label : columns)
    columnSizes.push_back(b.size(label));

  Term result{{}, concatenate(shared, rows, columns)};
  if (summed.empty()) {
    Sizes left = leading, right = leading;
    left.append(rowSizes);
    left.append(columns.size(), SizeExpr(1));
    right.append(rows.size(), SizeExpr(1));
    right.append(columnSizes);
    result.value = f.mul(node.reshape(arrange(a, result.labels), left), node.reshape(arrange(b, result.labels), right));
    return result;
  }
  Sizes left = leading, right = leading, sizes = leading;
  left.push_back(product(a, rows));
  left.push_back(product(a, summed));
  right.push_back(product(b, summed));
  right.push_back(product(b, columns));
  sizes.append(rowSizes);
  sizes.append(columnSizes);
  Value lhs = node.reshape(arrange(a, concatenate(shared, rows, summed)), left);
  Value rhs = node.reshape(arrange(b, concatenate(shared, summed, columns)), right);
  result.value = node.reshape(node.create<MatmulOp>(lhs, rhs), sizes);
  return result;
}

Value Einsum::import() {
  if (failed(parse(node.getString("equation", ""))))
    return {};
  for (Term &term : terms)
    if (!takeDiagonals(term))
      return {};
  Term result = terms.front();
  for (size_t i = 1; i < terms.size(); ++i) {
    result = combine(result, terms[i], [&](Label label) {
      return llvm::is_contained(output, label) ||
             llvm::any_of(ArrayRef(terms).drop_front(i + 1), [&](const Term &term) { return term.has(label); });
    });
    if (!result.value)
      return {};
  }
  if (!sumOthers(result, [&](Label label) { return llvm::is_contained(output, label); }))
    return {};
  return arrange(result, output);
}

} // namespace

static LogicalResult importEinsum(NodeContext &node) { return node.setResult(0, Einsum(node).import()); }

static const OpRow rows[] = {
    {"Einsum", 12, importEinsum, 1, OpRow::unlimited},
};

ArrayRef<OpRow> sinter::onnx::getEinsumRows() { return rows; }
