//===- ObserveActivations.cpp - Make results of what products by weights read -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/Transforms/Passes.h"
#include "dialects/sinter/Transforms/WeightMatmuls.h"

#include "llvm/ADT/MapVector.h"

namespace sinter {
#define GEN_PASS_DEF_OBSERVEACTIVATIONSPASS
#include "dialects/sinter/Transforms/Passes.h.inc"
} // namespace sinter

using namespace mlir;
using namespace sinter;

namespace {

struct ObserveActivations : sinter::impl::ObserveActivationsPassBase<ObserveActivations> {
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    llvm::MapVector<Value, SmallVector<Attribute>> readers;
    Builder b(&getContext());
    if (main)
      for (WeightMatmul &product : findWeightMatmuls(main))
        readers[product.matmul.getLhs()].push_back(b.getStringAttr(product.name));
    if (readers.empty()) {
      getOperation()->setAttr("sinter.observed", b.getArrayAttr({}));
      return;
    }

    Operation *end = main.getBody().front().getTerminator();
    SmallVector<Value> results(end->getOperands());
    SmallVector<Type> types(main.getResultTypes());
    SmallVector<Attribute> attributes, observed;
    for (unsigned i = 0; i < main.getNumResults(); ++i) {
      DictionaryAttr own = main.getResultAttrDict(i);
      attributes.push_back(own ? own : b.getDictionaryAttr({}));
    }
    for (auto &[value, names] : readers) {
      std::string name = "observed/" + std::to_string(observed.size());
      results.push_back(value);
      types.push_back(value.getType());
      attributes.push_back(b.getDictionaryAttr(b.getNamedAttr("sinter.name", b.getStringAttr(name))));
      observed.push_back(b.getArrayAttr(names));
    }
    end->setOperands(results);
    main.setType(b.getFunctionType(main.getArgumentTypes(), types));
    main.setResAttrsAttr(b.getArrayAttr(attributes));
    getOperation()->setAttr("sinter.observed", b.getArrayAttr(observed));
    numObserved += observed.size();
  }
};

} // namespace
