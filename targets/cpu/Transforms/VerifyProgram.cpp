//===- VerifyProgram.cpp - Checks a program of launches -------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Places are found by proofs over all sizes (PlaceBuffers.cpp). They are checked
// here by other means, so that a wrong proof is found: at a number of sizes within
// the bounds, every buffer that lives at a time is compared with every other.
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Transforms/Passes.h"

#include "targets/cpu/Emit/KernelTemplates.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringMap.h"

namespace sinter::cpu {
#define GEN_PASS_DEF_VERIFYPROGRAMPASS
#include "targets/cpu/Transforms/Passes.h.inc"
} // namespace sinter::cpu

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;

namespace {

/// Stands for a size that nothing bounds; products of a few such sizes fit into 64 bits.
constexpr int64_t unboundedSize = 1 << 12;

class ProgramVerifier {
public:
  explicit ProgramVerifier(ModuleOp module) : module(module), main(module.lookupSymbol<func::FuncOp>("main")) {}

  LogicalResult verifyLowered() {
    if (!main || main.isExternal())
      return module.emitOpError("L1: has no function main with a body");
    for (SymbolOp symbol : module.getOps<SymbolOp>())
      symbols.try_emplace(symbol.getSymName(), symbol);
    for (Operation &op : main.getBody().front()) {
      if (auto launch = dyn_cast<LaunchOp>(op)) {
        if (failed(verifyLaunch(launch)))
          return failure();
      } else if (auto weights = dyn_cast<WeightsOp>(op)) {
        auto section = module.lookupSymbol<SectionOp>(weights.getSection());
        if (!section || !llvm::is_contained(section.getYielded().getTypes(), weights.getType()))
          return weights.emitOpError("L3: there is no section of that name and type");
      } else if (!isa<ConstantOp, func::ReturnOp>(op)) {
        return op.emitOpError("L1: is neither a launch nor weights");
      }
    }
    return success();
  }

  LogicalResult verifyPlaced() {
    auto arena = module->getAttrOfType<DimsAttr>("cpu.arena");
    if (!arena || arena.getTexts().size() != 1)
      return module.emitOpError("A1: has no cpu.arena");
    SmallVector<Buffer> buffers;
    if (failed(collectBuffers(buffers)))
      return failure();
    SizeExpr arenaBytes = arena.getSizes().front();
    for (unsigned sample = 0; sample < numSamples; ++sample)
      if (failed(verifySample(sample, buffers, arenaBytes)))
        return failure();
    return success();
  }

private:
  /// A result that lies in the arena from its launch to the last one that reads it.
  struct Buffer {
    LaunchOp launch;
    unsigned result;
    SizeExpr offset, bytes;
    unsigned from, until;
  };

  LogicalResult verifyLaunch(LaunchOp launch) {
    auto code = module.lookupSymbol<CodeOp>(launch.getKernel());
    if (!code)
      return launch.emitOpError("L2: there is no cpu.code of that name");
    Block &body = code.getBody().front();
    auto yield = dyn_cast<YieldOp>(body.back());
    unsigned numTexts = code.getKind() == formatKind;
    if (body.getNumArguments() != launch.getInputs().size() || !yield ||
        yield.getValues().size() + numTexts != launch.getNumResults())
      return launch.emitOpError("L2: its code has other numbers of operands or results");
    for (auto [argument, input] : llvm::zip(body.getArguments(), launch.getInputs()))
      if (sinter::getElementType(argument) != sinter::getElementType(input))
        return launch.emitOpError("L2: its code reads other element types");
    SmallVector<SizeExpr> expressions = {launch.getTasks().getSizes().front(), launch.getScratch().getSizes().front()};
    for (auto word : launch.getWords().getAsRange<WordAttr>())
      expressions.push_back(word.getExpression());
    for (const SizeExpr &expression : expressions) {
      std::string unknown;
      expression.forEachSymbol([&](StringRef name) {
        if (!symbols.count(name))
          unknown = name.str();
      });
      if (!unknown.empty())
        return launch.emitOpError("L4: symbol '") << unknown << "' is not declared";
    }
    return success();
  }

  LogicalResult collectBuffers(SmallVectorImpl<Buffer> &buffers) {
    Operation *end = main.getBody().front().getTerminator();
    DenseMap<Operation *, unsigned> times;
    for (Operation &op : main.getBody().front())
      times[&op] = times.size();
    for (LaunchOp launch : main.getOps<LaunchOp>()) {
      if (!launch.getOffsets() || launch.getOffsets()->getTexts().size() != launch.getNumResults())
        return launch.emitOpError("A1: has no place for each result");
      SmallVector<SizeExpr> offsets(launch.getOffsets()->getSizes());
      for (OpResult result : launch->getResults()) {
        const SizeExpr &offset = offsets[result.getResultNumber()];
        bool returned = llvm::is_contained(end->getOperands(), result);
        std::optional<int64_t> fixed = offset.constant();
        if (returned) {
          if (!fixed || *fixed >= 0 || -1 - *fixed >= int64_t(end->getNumOperands()) ||
              end->getOperand(-1 - *fixed) != result)
            return launch.emitOpError("A2: result #") << result.getResultNumber() << " does not lie in its output";
          continue;
        }
        unsigned from = times[launch], until = from;
        for (Operation *user : result.getUsers())
          until = std::max(until, times[user]);
        // Text that strings point into, which may be outputs.
        if (result.getResultNumber() > 0 && isa<StringType>(sinter::getElementType(launch.getResult(0))))
          until = times[end];
        int64_t elementBytes = elementSize(toElementType(sinter::getElementType(result)));
        SizeExpr bytes = getNumElements(result.getType()) * SizeExpr(elementBytes);
        buffers.push_back({launch, result.getResultNumber(), offset, bytes, from, until});
      }
    }
    return success();
  }

  /// A value of each symbol: in the first samples all least, all greatest, then mixtures that differ from symbol to
  /// symbol.
  std::optional<int64_t> getSampleSize(unsigned sample, StringRef name) const {
    auto found = symbols.find(name);
    if (found == symbols.end())
      return std::nullopt;
    SymbolOp symbol = found->second;
    int64_t low = symbol.getLow();
    if (symbol.getElement())
      low = std::max<int64_t>(low, 0);
    int64_t high = std::max(low, int64_t(symbol.getHigh().value_or(unboundedSize)));
    unsigned position = std::distance(symbols.begin(), found);
    switch (sample == 0 ? 0 : sample == 1 ? 3 : (position * 7 + sample * 5) % 4) {
    case 0:
      return low;
    case 1:
      return low + (high - low) / 3;
    case 2:
      return low + std::min<int64_t>(high - low, 36);
    default:
      return high;
    }
  }

  LogicalResult verifySample(unsigned sample, ArrayRef<Buffer> buffers, const SizeExpr &arenaBytes) {
    auto lookup = [&](StringRef name) { return getSampleSize(sample, name); };
    std::optional<int64_t> arena = arenaBytes.evaluate(lookup);
    if (!arena)
      return success(); // no run has these sizes, or they need more than 64 bits: the runtime refuses them
    struct Interval {
      int64_t begin, end;
    };
    SmallVector<Interval> places;
    for (const Buffer &buffer : buffers) {
      std::optional<int64_t> offset = buffer.offset.evaluate(lookup), bytes = buffer.bytes.evaluate(lookup);
      if (!offset || !bytes || *bytes < 0)
        return success();
      LaunchOp launch = buffer.launch;
      if (*offset < 0 || *offset % 64 || *offset > *arena || *bytes > *arena - *offset)
        return launch.emitOpError("A3: result #")
               << buffer.result << " lies at " << *offset << " with " << *bytes << " bytes in an arena of " << *arena;
      places.push_back({*offset, *offset + *bytes});
    }
    for (size_t i = 0; i < buffers.size(); ++i)
      for (size_t j = i + 1; j < buffers.size(); ++j) {
        const Buffer &a = buffers[i], &b = buffers[j];
        bool bothLive = a.from <= b.until && b.from <= a.until;
        bool overlap = places[i].begin < places[j].end && places[j].begin < places[i].end;
        LaunchOp launch = b.launch;
        if (bothLive && overlap)
          return launch.emitOpError("A4: result #")
                 << b.result << " lies on the result of another launch that is still read";
      }
    return success();
  }

  static constexpr unsigned numSamples = 8;

  ModuleOp module;
  func::FuncOp main;
  llvm::StringMap<SymbolOp> symbols;
};

struct VerifyProgram : cpu::impl::VerifyProgramPassBase<VerifyProgram> {
  using VerifyProgramPassBase::VerifyProgramPassBase;

  void runOnOperation() override {
    ProgramVerifier verifier(getOperation());
    if (failed(verifier.verifyLowered()) || (placed && failed(verifier.verifyPlaced())))
      return signalPassFailure();
    markAllAnalysesPreserved();
  }
};

} // namespace
