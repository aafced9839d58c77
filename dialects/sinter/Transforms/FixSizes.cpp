//===- FixSizes.cpp - Numbers in the place of symbols ----------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/IR/Sinter.h"
#include "dialects/sinter/Transforms/PassFailure.h"
#include "dialects/sinter/Transforms/Passes.h"

#include "mlir/IR/AttrTypeSubElements.h"
#include "llvm/ADT/StringMap.h"

namespace sinter {
#define GEN_PASS_DEF_FIXSIZESPASS
#include "dialects/sinter/Transforms/Passes.h.inc"
} // namespace sinter

using namespace mlir;
using namespace sinter;

namespace {

class FixSizesPass : public sinter::impl::FixSizesPassBase<FixSizesPass> {
public:
  using FixSizesPassBase::FixSizesPassBase;

private:
  void runOnOperation() override {
    ModuleOp module = getOperation();
    llvm::StringMap<int64_t> numbers;
    for (const std::string &text : sizes) {
      auto [name, number] = StringRef(text).split('=');
      auto symbol = module.lookupSymbol<SymbolOp>(name);
      if (!symbol || number.getAsInteger(10, numbers[name])) {
        module.emitError() << unusablePrefix << "there is no size '" << text << "' to fix";
        return signalPassFailure();
      }
      symbol.erase();
    }
    auto fix = [&](ArrayRef<SizeExpr> all) {
      return llvm::map_to_vector<6>(all, [&](const SizeExpr &size) {
        return size.substitute([&](StringRef name) -> std::optional<SizeExpr> {
          auto found = numbers.find(name);
          return found == numbers.end() ? std::nullopt : std::optional<SizeExpr>(found->second);
        });
      });
    };
    AttrTypeReplacer replacer;
    replacer.addReplacement(
        [&](DimsAttr dims) -> std::optional<Attribute> { return DimsAttr::get(&getContext(), fix(dims.getSizes())); });
    // Before what it is made of: its encoding goes where all sizes are numbers.
    replacer.addReplacement([&](RankedTensorType type) -> std::optional<std::pair<Type, WalkResult>> {
      if (!hasSizes(type))
        return std::nullopt;
      return std::make_pair(Type(getTensorType(fix(sinter::getSizes(type)), type.getElementType())),
                            WalkResult::skip());
    });
    replacer.recursivelyReplaceElementsIn(module, /*replaceAttrs=*/true, /*replaceLocs=*/false,
                                          /*replaceTypes=*/true);
  }
};

} // namespace
