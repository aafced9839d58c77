//===- LowerKernels.cpp - Turn kernels into launches and weights into sections -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Transforms/Passes.h"

#include "dialects/sinter/Transforms/WeightMatmuls.h"
#include "targets/cpu/Emit/KernelTemplates.h"
#include "targets/cpu/Emit/RegionEmitter.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringMap.h"

namespace sinter::cpu {
#define GEN_PASS_DEF_LOWERKERNELSPASS
#include "targets/cpu/Transforms/Passes.h.inc"
} // namespace sinter::cpu

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;

namespace {

class Lowering {
public:
  explicit Lowering(ModuleOp module) : module(module), symbols(module) {}

  LogicalResult run() {
    for (auto function : module.getOps<func::FuncOp>())
      for (KernelOp kernel : llvm::make_early_inc_range(function.getOps<KernelOp>()))
        if (failed(lower(kernel)))
          return failure();
    for (auto function : module.getOps<func::FuncOp>())
      eraseConstants(function);
    return success();
  }

private:
  LogicalResult lower(KernelOp kernel) {
    Block &body = kernel.getBody().front();
    FailureOr<LaunchPlan> plan = planLaunch(kernel.getKind(), body);
    if (failed(plan))
      return kernel.emitOpError() << "is no region for template '" << kernel.getKind() << "'";
    OpBuilder b(kernel);
    SmallVector<Value> operands;
    for (Value operand : kernel.getInputs()) {
      unsigned i = operands.size();
      const auto *packed =
          llvm::find_if(plan->packedArguments, [i](const auto &p) { return p.argument == i || p.with == i; });
      if (!isFromWeights(operand))
        operands.push_back(operand);
      else if (packed == plan->packedArguments.end())
        operands.push_back(getSection(b, operand));
      else
        operands.push_back(getPackedSection(b, operand, kernel.getInputs(), *packed));
    }
    SmallVector<Attribute> words(plan->words.begin(), plan->words.end());
    MLIRContext *context = kernel.getContext();
    for (const LaunchPlan::IndexWord &index : plan->indexWords)
      if (std::optional<unsigned> input = RegionEmitter::findIndexArgument(kernel.getInputs()[index.argument]))
        words[index.word] = WordAttr::getInteger(context, *input + 1);
    SmallVector<Type> resultTypes(kernel.getResultTypes());
    if (plan->textType)
      resultTypes.push_back(plan->textType);
    auto launch = LaunchOp::create(b, kernel.getLoc(), resultTypes, getKernel(kernel, body), operands,
                                   b.getArrayAttr(words), DimsAttr::get(context, {plan->tasks}),
                                   DimsAttr::get(context, {plan->scratchBytes}), DimsAttr());
    kernel.replaceAllUsesWith(launch.getResults().take_front(kernel.getNumResults()));
    kernel.erase();
    return success();
  }

  /// A text that is the same for regions that are the same but for the names of values and where they came from.
  static std::string describe(StringRef kind, Block &body) {
    std::string text = kind.str();
    llvm::raw_string_ostream stream(text);
    DenseMap<Value, unsigned> numbers;
    for (BlockArgument argument : body.getArguments()) {
      numbers[argument] = numbers.size();
      stream << ';' << argument.getType();
    }
    for (Operation &op : body) {
      stream << ';' << op.getName() << op.getAttrDictionary();
      if (Attribute properties = op.getPropertiesAsAttribute())
        stream << properties;
      for (Value operand : op.getOperands())
        stream << " %" << numbers.lookup(operand);
      for (Value result : op.getResults()) {
        numbers[result] = numbers.size();
        stream << ' ' << result.getType();
      }
    }
    return text;
  }

  /// The kernel for a region: one for all regions of the same description.
  FlatSymbolRefAttr getKernel(KernelOp kernel, Block &body) {
    std::string text = describe(kernel.getKind(), body);
    auto [it, isNew] = kernels.try_emplace(text);
    if (isNew) {
      OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
      std::string name = (kernel.getKind() + "_" + llvm::Twine(numKernels[kernel.getKind()]++)).str();
      auto op = CodeOp::create(b, kernel.getLoc(), name, kernel.getKind());
      op.getBody().takeBody(kernel.getBody());
      it->second = FlatSymbolRefAttr::get(symbols.insert(op));
    }
    return it->second;
  }

  /// The section of `value`, which lies as it is.
  Value getSection(OpBuilder &b, Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    int64_t bytes = type.getNumElements() * static_cast<int64_t>(elementSize(toElementType(type.getElementType())));
    return WeightsOp::create(b, value.getLoc(), type, getSymbol({value}, Layout::row_major, bytes));
  }

  /// `value` in its section as a kernel packs it.
  Value getPackedSection(OpBuilder &b, Value value, ValueRange operands, const LaunchPlan::PackedArgument &packed) {
    SmallVector<Value> parts = {operands[packed.argument]};
    Layout layout = packed.layout;
    if (layout == Layout::blocks)
      return WeightsOp::create(b, value.getLoc(), value.getType(), getSymbol(parts, layout, getBlocksBytes(value)));
    auto transpose = parts[0].getDefiningOp<TransposeOp>();
    if (layout == Layout::panels && transpose && sinter::getRank(transpose.getInput()) == 2) {
      parts[0] = transpose.getInput();
      layout = Layout::panels_transposed;
      value = parts[0];
    }
    if (packed.with)
      parts.push_back(operands[*packed.with]);
    return WeightsOp::create(b, value.getLoc(), value.getType(), getSymbol(parts, layout, packed.bytes));
  }

  /// How long the blocks of an encoded weight are in the file.
  static int64_t getBlocksBytes(Value value) {
    auto encode = cast<EncodeOp>(value.getDefiningOp());
    return getSparseShape(cast<RankedTensorType>(value.getType())).numBytes(encode.getStored());
  }

  FlatSymbolRefAttr getSymbol(ArrayRef<Value> parts, Layout layout, int64_t bytes) {
    FlatSymbolRefAttr &symbol = sections[{parts.front(), parts.size() > 1 ? parts[1] : Value(), layout}];
    if (!symbol) {
      OpBuilder outer = OpBuilder::atBlockEnd(module.getBody());
      Location loc = parts.front().getLoc();
      auto section = SectionOp::create(outer, loc, getSectionName(parts.front()), layout, bytes);
      OpBuilder inner = OpBuilder::atBlockEnd(&section.getBody().emplaceBlock());
      IRMapping mapping;
      SmallVector<Value> yielded;
      for (Value part : parts)
        yielded.push_back(cloneConstant(inner, part, mapping));
      YieldOp::create(inner, loc, yielded);
      symbol = FlatSymbolRefAttr::get(symbols.insert(section));
    }
    return symbol;
  }

  std::string getSectionName(Value value) {
    Operation *op = value.getDefiningOp();
    while (!isa<ParameterOp, ConstantOp>(op))
      op = op->getOperand(0).getDefiningOp();
    auto parameter = dyn_cast<ParameterOp>(op);
    return ((parameter ? parameter.getWeight() : StringRef("constant")) + "_section").str();
  }

  Value cloneConstant(OpBuilder &b, Value value, IRMapping &mapping) {
    if (Value done = mapping.lookupOrNull(value))
      return done;
    Operation *op = value.getDefiningOp();
    for (Value operand : op->getOperands())
      cloneConstant(b, operand, mapping);
    return b.clone(*op, mapping)->getResult(0);
  }

  void eraseConstants(func::FuncOp function) {
    SmallVector<Operation *> ops;
    for (Operation &op : function.getBody().front())
      ops.push_back(&op);
    for (Operation *op : llvm::reverse(ops))
      if (isOpTriviallyDead(op))
        op->erase();
  }

  ModuleOp module;
  SymbolTable symbols;
  llvm::StringMap<FlatSymbolRefAttr> kernels;
  llvm::StringMap<unsigned> numKernels;
  DenseMap<std::tuple<Value, Value, Layout>, FlatSymbolRefAttr> sections;
};

struct LowerKernels : cpu::impl::LowerKernelsPassBase<LowerKernels> {
  void runOnOperation() override {
    if (failed(Lowering(getOperation()).run()))
      signalPassFailure();
  }
};

} // namespace
