//===- EmitProgram.cpp - From a placed module to what an artifact says ---===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Emit/EmitProgram.h"

#include "dialects/cpu/IR/Cpu.h"
#include "lib/Interpreter/Interpreter.h"
#include "lib/Support/Failure.h"
#include "targets/cpu/Emit/KernelTemplates.h"
#include "targets/cpu/Kernels/QuantizedPacking.h"
#include "targets/cpu/Kernels/SparsePacking.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"

#include <mutex>

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

namespace {

/// Computes what a section's body yields.
class SectionEvaluator {
public:
  SectionEvaluator(SectionOp section, const WeightFiles &weights) : section(section), weights(weights) {}

  /// Fills the section's bytes in the file.
  llvm::Error fill(llvm::MutableArrayRef<char> destination) {
    Value yielded = section.getYielded()[0];
    if (section.getLayout() == Layout::blocks)
      return packBlocks(cast<EncodeOp>(yielded.getDefiningOp()), destination);
    // Weights that are stored as they come are not held twice.
    if (auto parameter = yielded.getDefiningOp<ParameterOp>()) {
      WeightOp weight = getWeight(parameter);
      bool isRaw = weight.getEncoding() == WeightEncoding::raw;
      if (section.getLayout() == Layout::row_major)
        return weights.read(weight, destination);
      if (isRaw) {
        llvm::Expected<llvm::ArrayRef<char>> bytes = weights.view(weight);
        if (!bytes)
          return bytes.takeError();
        if (reinterpret_cast<uintptr_t>(bytes->data()) % alignof(float) == 0) {
          pack(reinterpret_cast<const float *>(bytes->data()), destination);
          return llvm::Error::success();
        }
      }
    }
    llvm::Expected<HostTensor> tensor = evaluate(yielded);
    if (!tensor)
      return tensor.takeError();
    switch (section.getLayout()) {
    case Layout::row_major:
      std::copy(tensor->data.begin(), tensor->data.end(), destination.begin());
      break;
    case Layout::panels:
    case Layout::panels_transposed:
      pack(tensor->as<float>().data(), destination);
      break;
    case Layout::quantized_panels:
    case Layout::quantized_panels_transposed:
      return packCodes(*tensor, destination);
    case Layout::quantized_scales: {
      // One element for each column and group: how many rows a group has is of no account.
      PackedQuantizedShape shape{tensor->dims[1], tensor->dims[0] * PackedQuantizedShape::rowsPerStep, /*bits=*/8,
                                 PackedQuantizedShape::rowsPerStep};
      packQuantizedScales(shape, tensor->as<float>().data(), reinterpret_cast<float *>(destination.data()));
      break;
    }
    case Layout::blocks:
      break; // above
    }
    return llvm::Error::success();
  }

private:
  void pack(const float *source, llvm::MutableArrayRef<char> destination) {
    RankedTensorType type = section.getTensorType();
    bool transposed = section.getLayout() == Layout::panels_transposed;
    PackedShape shape{type.getDimSize(transposed ? 0 : 1), type.getDimSize(transposed ? 1 : 0)};
    packMatmulWeights(shape, source, transposed, reinterpret_cast<float *>(destination.data()));
  }

  llvm::Error packBlocks(EncodeOp encode, llvm::MutableArrayRef<char> destination) {
    Value source = encode.getInput();
    auto transpose = source.getDefiningOp<TransposeOp>();
    bool transposed = transpose && transpose.getPermutation()[0] == 1;
    llvm::Expected<HostTensor> tensor = evaluate(transposed ? transpose.getInput() : source);
    if (!tensor)
      return tensor.takeError();
    SparseShape shape = getSparseShape(section.getTensorType());
    if (!packSparseWeights(shape, tensor->data.data(), transposed, encode.getStored(), destination.data()))
      return unusable("weight '" + section.getSymName() + "' has more than " + llvm::Twine(encode.getStored()) +
                      " blocks of 16x16 that are not zero: it is not the one that the program was made for");
    return llvm::Error::success();
  }

  llvm::Error packCodes(const HostTensor &codes, llvm::MutableArrayRef<char> destination) {
    QuantizedSource source;
    source.codes = codes.data.data();
    source.transposed = section.getLayout() == Layout::quantized_panels_transposed;
    auto type = cast<QuantizedType>(section.getTensorType().getElementType());
    source.bits = type.getBits();
    source.isUnsigned = type.getStorage().isUnsignedInteger();
    HostTensor zeroPoints;
    if (section.getYielded().size() > 1) {
      llvm::Expected<HostTensor> tensor = evaluate(section.getYielded()[1]);
      if (!tensor)
        return tensor.takeError();
      zeroPoints = std::move(*tensor);
      source.zeroPoints = zeroPoints.data.data();
    }
    PackedQuantizedShape shape =
        getPackedShape(type, codes.dims[source.transposed ? 1 : 0], codes.dims[source.transposed ? 0 : 1]);
    packQuantizedWeights(shape, source, destination.data());
    return llvm::Error::success();
  }

  WeightOp getWeight(ParameterOp parameter) {
    return SymbolTable::lookupNearestSymbolFrom<WeightOp>(section, parameter.getWeightAttr());
  }

  llvm::Expected<HostTensor> evaluate(Value value) {
    InterpretOptions options;
    options.readWeight = [&](WeightOp weight) { return weights.read(weight); };
    return interpretRecipe(value, options);
  }

  SectionOp section;
  const WeightFiles &weights;
};

//===----------------------------------------------------------------------===//
// The program
//===----------------------------------------------------------------------===//

class Describer {
public:
  Describer(ModuleOp module, const WeightFiles &weights) : module(module), weights(weights) {}

  BundleDescription run() {
    main = *module.getOps<func::FuncOp>().begin();
    describeValues();
    describeSymbols();
    for (CodeOp kernel : module.getOps<CodeOp>()) {
      if (std::optional<unsigned> own = getRuntimeKernel(kernel.getKind())) {
        kernelNumbers[kernel.getSymName()] = *own;
        continue;
      }
      kernelNumbers[kernel.getSymName()] = bundle.kernels.size();
      bundle.kernels.push_back({kernel.getSymName().str(), {}});
    }
    for (SectionOp section : module.getOps<SectionOp>()) {
      auto fill = [section, &weights = weights](llvm::MutableArrayRef<char> destination) {
        return SectionEvaluator(section, weights).fill(destination);
      };
      sectionNumbers[section.getSymName()] = bundle.addSection(section.getSymName().str(), section.getBytes(), fill);
    }
    for (LaunchOp launch : main.getOps<LaunchOp>())
      describe(launch);
    bundle.arenaBytes = cast<DimsAttr>(module->getAttr("cpu.arena")).getSizes()[0];
    return std::move(bundle);
  }

private:
  static std::string getName(DictionaryAttr attributes, StringRef fallback) {
    auto name = attributes ? attributes.getAs<StringAttr>("sinter.name") : StringAttr();
    return name ? name.str() : fallback.str();
  }

  void describeValues() {
    auto describeValue = [](std::string name, Type type) {
      BundleValue value;
      value.name = std::move(name);
      value.type = getRuntimeType(cast<RankedTensorType>(type).getElementType());
      Sizes sizes = getSizes(type);
      value.dims.assign(sizes.begin(), sizes.end());
      return value;
    };
    for (BlockArgument argument : main.getArguments()) {
      unsigned number = argument.getArgNumber();
      std::string name = getName(main.getArgAttrDict(number), "input" + std::to_string(number));
      inputNumbers[name] = number;
      bundle.inputs.push_back(describeValue(name, argument.getType()));
      bundle.inputs.back().anyShape = static_cast<bool>(main.getArgAttr(number, "sinter.any_shape"));
    }
    for (auto [i, type] : llvm::enumerate(main.getResultTypes()))
      bundle.outputs.push_back(describeValue(getName(main.getResultAttrDict(i), "output" + std::to_string(i)), type));
  }

  std::array<SymbolSource::Operand, 3> describeRange(ArrayAttr range) {
    std::array<SymbolSource::Operand, 3> operands;
    for (auto [described, operand] : llvm::zip_equal(operands, range)) {
      if (auto number = dyn_cast<FloatAttr>(operand))
        described.number = number.getValueAsDouble();
      else
        described.input = inputNumbers.lookup(cast<StringAttr>(operand).getValue());
    }
    return operands;
  }

  void describeSymbols() {
    for (SymbolOp symbol : module.getOps<SymbolOp>()) {
      BundleSymbol described;
      described.name = symbol.getSymName().str();
      unsigned input = inputNumbers.lookup(symbol.getInput());
      described.source = symbol.getElement() ? SymbolSource::element(input, symbol.getPosition())
                                             : SymbolSource::axis(input, symbol.getPosition());
      if (ArrayAttr range = symbol.getRangeAttr())
        described.source = SymbolSource::range(input, describeRange(range));
      described.lowest = symbol.getLow();
      if (symbol.getHigh())
        described.highest = *symbol.getHigh();
      if (symbol.getTypical())
        described.typical = *symbol.getTypical();
      bundle.symbols.push_back(std::move(described));
    }
    for (CheckOp check : module.getOps<CheckOp>())
      bundle.checks.push_back(BundleCheck::size(inputNumbers.lookup(check.getInput()), check.getAxis(),
                                                check.getSize().getSizes()[0], check.getDeclared().str()));
  }

  BundleArgument describe(Value value, const SizeExpr &byteOffset) {
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      BundleArgument described = BundleArgument::input(argument.getArgNumber());
      described.value = byteOffset;
      return described;
    }
    if (auto section = value.getDefiningOp<WeightsOp>()) {
      BundleArgument described = BundleArgument::weights(sectionNumbers.lookup(section.getSection()));
      described.value = byteOffset;
      return described;
    }
    auto launch = cast<LaunchOp>(value.getDefiningOp());
    SizeExpr offset = launch.getOffsets()->getSizes()[cast<OpResult>(value).getResultNumber()];
    if (std::optional<int64_t> number = offset.constant(); number && *number < 0) {
      BundleArgument described = BundleArgument::output(-1 - *number);
      described.value = byteOffset;
      return described;
    }
    return BundleArgument::arena(offset + byteOffset);
  }

  void describe(LaunchOp launch) {
    BundleStep step;
    step.name = getNodeName(launch);
    step.kernel = kernelNumbers.lookup(launch.getKernel());
    if (step.kernel == SINTER_PARSE_NUMBERS)
      if (auto argument = dyn_cast<BlockArgument>(launch.getInputs()[0]))
        step.indexInput = argument.getArgNumber();
    for (auto word : launch.getWords().getAsRange<WordAttr>()) {
      switch (word.getKind()) {
      case WordKind::operand:
        step.arguments.push_back(describe(launch.getInputs()[word.getIndex()], word.getExpression()));
        break;
      case WordKind::result:
        step.arguments.push_back(describe(launch.getResults()[word.getIndex()], word.getExpression()));
        break;
      case WordKind::size:
        step.arguments.push_back(BundleArgument::integer(word.getExpression()));
        break;
      }
    }
    step.tasks = launch.getTasks().getSizes()[0];
    step.scratchBytes = launch.getScratch().getSizes()[0];
    bundle.steps.push_back(std::move(step));
  }

  ModuleOp module;
  const WeightFiles &weights;
  func::FuncOp main;
  BundleDescription bundle;
  llvm::StringMap<unsigned> kernelNumbers, sectionNumbers, inputNumbers;
};

} // namespace

llvm::Expected<BundleDescription> cpu::describeProgram(ModuleOp module, const WeightFiles &weights) {
  return Describer(module, weights).run();
}
