//===- Binding.cpp - The values of a program's symbols in one run ----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Interpreter/Binding.h"

#include "dialects/sinter/IR/Sinter.h"
#include "lib/Support/Failure.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace sinter;

llvm::Expected<func::FuncOp> sinter::getMain(ModuleOp module) {
  auto main = module.lookupSymbol<func::FuncOp>("main");
  if (!main || main.isExternal() || !llvm::hasSingleElement(main.getBody()))
    return unusable("the module has no function @main of one block");
  return main;
}

std::vector<std::string> sinter::getInputNames(func::FuncOp main) {
  std::vector<std::string> names;
  for (unsigned i = 0; i < main.getNumArguments(); ++i) {
    auto name = main.getArgAttrOfType<StringAttr>(i, "sinter.name");
    names.push_back(name ? name.str() : "input_" + std::to_string(i));
  }
  return names;
}

std::optional<int64_t> sinter::evaluateSize(const SizeExpr &size, const SymbolValues &symbols) {
  return size.evaluate([&](llvm::StringRef name) -> std::optional<int64_t> {
    auto it = symbols.find(name);
    return it == symbols.end() ? std::nullopt : std::optional<int64_t>(it->second);
  });
}

namespace {

/// Finds the values of one run, one requirement after the other.
class Binder {
public:
  Binder(ModuleOp module, func::FuncOp main, llvm::ArrayRef<HostTensor> inputs)
      : module(module), main(main), inputs(inputs), names(getInputNames(main)) {}

  llvm::Expected<SymbolValues> bind() {
    if (llvm::Error error = checkKinds())
      return std::move(error);
    for (SymbolOp symbol : module.getOps<SymbolOp>())
      if (llvm::Error error = bindSymbol(symbol))
        return std::move(error);
    for (CheckOp check : module.getOps<CheckOp>())
      if (llvm::Error error = runCheck(check))
        return std::move(error);
    for (unsigned i = 0; i < inputs.size(); ++i)
      for (auto [axis, size] : llvm::enumerate(getSizes(main.getArgument(i))))
        if (llvm::Error error = checkSize(i, axis, size, ""))
          return std::move(error);
    return std::move(symbols);
  }

private:
  /// Numbers of inputs, element types and ranks.
  llvm::Error checkKinds() {
    if (inputs.size() != main.getNumArguments())
      return unusable(llvm::Twine(inputs.size()) + " inputs are given, required " +
                      llvm::Twine(main.getNumArguments()));
    for (auto [i, input] : llvm::enumerate(inputs)) {
      auto type = dyn_cast<RankedTensorType>(main.getArgument(i).getType());
      if (!type || !hasSizes(type))
        return unusable("input '" + names[i] + "' is not a tensor whose sizes are known");
      ElementType required = toElementType(type.getElementType());
      if (input.type != required)
        return unusable("input '" + names[i] + "' has elements of type " + elementTypeName(input.type) + ", required " +
                        elementTypeName(required));
      // What nothing reads may have any shape.
      if (main.getArgAttr(i, "sinter.any_shape"))
        continue;
      if (static_cast<int64_t>(input.dims.size()) != type.getRank())
        return unusable("input '" + names[i] + "' has rank " + llvm::Twine(input.dims.size()) + ", required " +
                        llvm::Twine(type.getRank()));
    }
    return llvm::Error::success();
  }

  llvm::Expected<unsigned> findInput(llvm::StringRef name, llvm::StringRef user) {
    for (auto [i, inputName] : llvm::enumerate(names))
      if (inputName == name)
        return i;
    return unusable(user + " is of an input '" + name + "', which @main does not have");
  }

  llvm::Error bindSymbol(SymbolOp symbol) {
    llvm::StringRef name = symbol.getSymName();
    llvm::Expected<unsigned> found = findInput(symbol.getInput(), ("symbol '" + name + "'").str());
    if (!found)
      return found.takeError();
    const HostTensor &input = inputs[*found];
    int64_t position = symbol.getPosition(), value = 0;
    std::string subject = "input '" + names[*found] + "': ";
    if (ArrayAttr range = symbol.getRangeAttr()) {
      llvm::Expected<int64_t> length = measureRange(range, input.type, name);
      if (!length)
        return length.takeError();
      value = *length;
      subject = "the length of range '" + name.str() + "' is ";
    } else if (symbol.getElement()) {
      if (position < 0 || position >= input.numElements())
        return unusable(subject + "element " + llvm::Twine(position) + " is needed as the size '" + name +
                        "', and it has " + llvm::Twine(input.numElements()) + " of type " +
                        elementTypeName(input.type));
      value = input.getInt(position);
      subject += "element " + std::to_string(position) + " is ";
    } else {
      if (position < 0 || position >= static_cast<int64_t>(input.dims.size()))
        return unusable(subject + "symbol '" + name + "' is its axis " + llvm::Twine(position) + ", and it has rank " +
                        llvm::Twine(input.dims.size()));
      value = input.dims[position];
      subject += "axis " + std::to_string(position) + " has size ";
    }
    int64_t low = symbol.getLow();
    std::optional<int64_t> high = symbol.getHigh();
    if (value < low || (high && value > *high))
      return unusable(subject + llvm::Twine(value) + ", required " + name +
                      (high ? " from " + std::to_string(low) + " to " + std::to_string(*high)
                            : " of at least " + std::to_string(low)));
    symbols[name] = value;
    return llvm::Error::success();
  }

  llvm::Expected<int64_t> measureRange(ArrayAttr range, ElementType type, llvm::StringRef name) {
    double numbers[3];
    for (auto [number, operand] : llvm::zip_equal(numbers, range)) {
      if (auto constant = dyn_cast<FloatAttr>(operand)) {
        number = constant.getValueAsDouble();
        continue;
      }
      llvm::Expected<unsigned> found =
          findInput(cast<StringAttr>(operand).getValue(), ("the range '" + name + "'").str());
      if (!found)
        return found.takeError();
      if (inputs[*found].numElements() == 0)
        return unusable("input '" + names[*found] + "' has no elements, required at least 1");
      number = inputs[*found].getDouble(0);
    }
    std::optional<int64_t> length = rangeLength(type, numbers[0], numbers[1], numbers[2]);
    if (!length)
      return unusable(llvm::formatv("the range from {0} to {1} by {2} ('{3}') has no finite length", numbers[0],
                                    numbers[1], numbers[2], name)
                          .str());
    return *length;
  }

  llvm::Error runCheck(CheckOp check) {
    llvm::Expected<unsigned> found = findInput(check.getInput(), "a check");
    if (!found)
      return found.takeError();
    int64_t axis = check.getAxis();
    if (axis < 0 || axis >= static_cast<int64_t>(inputs[*found].dims.size()))
      return unusable("a check is of axis " + llvm::Twine(axis) + " of input '" + names[*found] + "'");
    return checkSize(*found, axis, check.getSize().getSizes()[0], check.getDeclared());
  }

  /// `declared`: the symbol that the file gave the dimension, where it is another.
  llvm::Error checkSize(unsigned input, int64_t axis, const SizeExpr &size, llvm::StringRef declared) {
    std::optional<int64_t> required = evaluateSize(size, symbols);
    std::string subject = "input '" + names[input] + "': axis " + std::to_string(axis);
    if (!declared.empty())
      subject += " (" + declared.str() + ")";
    if (!required)
      return unusable(subject + " should have size " + size.str() + ", which has no value");
    int64_t actual = inputs[input].dims[axis];
    if (actual == *required)
      return llvm::Error::success();
    std::string formula = size.constant() ? "" : size.str() + " = ";
    return unusable(subject + " has size " + llvm::Twine(actual) + ", required " + formula + llvm::Twine(*required));
  }

  ModuleOp module;
  func::FuncOp main;
  llvm::ArrayRef<HostTensor> inputs;
  std::vector<std::string> names;
  SymbolValues symbols;
};

} // namespace

llvm::Expected<SymbolValues> sinter::bindSymbols(ModuleOp module, llvm::ArrayRef<HostTensor> inputs) {
  llvm::Expected<func::FuncOp> main = getMain(module);
  if (!main)
    return main.takeError();
  return Binder(module, *main, inputs).bind();
}
