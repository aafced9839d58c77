//===- Symbols.h - The symbols of a model's sizes while it is imported ----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every dimension of an input that is no number is a symbol: the name that the
// file gives it, or INPUT_AXIS. What the graph says about these symbols comes
// out one by one, while shapes are inferred:
//
//   ids [s10, s21], mask [s10, s12], ids + mask      ->  s12 is s21
//   ids [s10, s21], Reshape to [s10, 7]              ->  s21 is 7
//   a table of 512 rows at positions 0 .. s21 - 1    ->  s21 is at most 512
//   [shape[0]] + Range(0, shape[0], 1)               ->  shape[0] is not negative
//
// An equation replaces one symbol, for all uses: the import starts again with
// the inputs' sizes after the replacement. Each symbol is replaced once at most,
// so there are no more restarts than symbols. What the user says by `--dim` is
// applied first, in the same way.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_PYTHON_FREE_FRONTENDS_ONNX_SYMBOLS_H
#define SINTER_PYTHON_FREE_FRONTENDS_ONNX_SYMBOLS_H

#include "dialects/sinter/IR/Sinter.h"
#include "include/sinter/Frontend.h"
#include "lib/Support/SizeExpr.h"
#include "python-free-frontends/onnx/Model.h"

#include "mlir/IR/BuiltinOps.h"

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace sinter::onnx {

class Symbols {
public:
  /// An input of the program. Its sizes before any replacement.
  struct Input {
    std::string name;
    std::string symbolName; // the name as a part of symbols' names
    Sizes declared;
    /// The file's own text for each dimension; empty for a number.
    std::vector<std::string> texts;
  };

  /// Declares the dimensions of an input, which must have a shape.
  void addInput(const ValueInfo &info);
  /// After the last input: a dimension whose text is an expression over other
  /// dimensions, as in "past_length + 1", is that expression.
  void readExpressions();
  /// Applies the `--dim` options. A wrong one is wrong usage.
  llvm::Error applyOptions(llvm::ArrayRef<DimOption> options);

  llvm::ArrayRef<Input> getInputs() const { return inputs; }
  /// After all replacements so far.
  Sizes getSizes(const Input &input) const;
  SizeExpr substitute(const SizeExpr &size) const;
  /// The value symbols of an integer input, by which its elements are known: one
  /// for a scalar.
  SizeExpr getElement(const Input &input, bool isScalar, int64_t index) const;

  /// The first element of an input of floats, or a number.
  struct RangeOperand {
    std::optional<unsigned> input;
    double number = 0;
  };
  /// The length of a range from start to limit by delta, at least one of which is
  /// an input: a value symbol.
  SizeExpr getRangeLength(const std::array<RangeOperand, 3> &operands);

  enum class Solution { Equal, Replaced, Contradiction, Unsolved };
  /// Makes two sizes equal. Replaced: types made before are out of date.
  Solution equate(const SizeExpr &a, const SizeExpr &b);
  /// `size` is at most `high`. False where `size` is not a symbol plus a number.
  bool bound(const SizeExpr &size, int64_t high);
  /// `size` is at least `low`, likewise.
  bool boundBelow(const SizeExpr &size, int64_t low);
  /// `size` as a size where it may be negative: max(size, 0), or `size` itself
  /// where an equation holds only so. A run in which it is negative is refused
  /// then, as with every size that is an expression over an input's elements.
  SizeExpr makeSize(const SizeExpr &size) const;
  /// Before each import: what the graph bounds is found again by it.
  void startImport() { graphBounds.clear(); }

  /// Declares the symbols and the checks at the start of a finished module. Fails
  /// where the bounds leave no size. Inputs of any shape have neither.
  llvm::Error emit(mlir::ModuleOp module, llvm::ArrayRef<bool> anyShape) const;

private:
  /// Whether the sizes are equal with each max(x, 0) as x, where x depends on an
  /// input's elements; makeSize gives x from then on.
  bool equateWithoutClamps(const SizeExpr &difference);

  struct Bounds {
    int64_t low = 1;
    std::optional<int64_t> high;
    std::optional<int64_t> typical;
  };
  std::string makeName(llvm::StringRef text);
  /// A symbol by the user's name for it: the file's text, the symbol's own name,
  /// or INPUT.AXIS.
  std::optional<SizeExpr> findByName(llvm::StringRef name) const;
  void replace(llvm::StringRef symbol, const SizeExpr &by);

  std::vector<Input> inputs;
  std::vector<std::string> order; // symbols as they were declared
  std::map<std::string, std::string> nameOfText;
  std::map<std::string, SizeExpr> replacements;
  /// By the user, of the symbol as it was declared.
  std::map<std::string, Bounds> userBounds;
  std::map<std::string, Bounds> graphBounds;
  std::map<std::string, std::array<RangeOperand, 3>> ranges;
  /// The texts of expressions that are not negative in any run.
  std::set<std::string> notNegative;
};

} // namespace sinter::onnx

#endif // SINTER_PYTHON_FREE_FRONTENDS_ONNX_SYMBOLS_H
