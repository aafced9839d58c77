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
  using Readers = llvm::MapVector<Value, SmallVector<Attribute>>;

  /// Of products of codes the codes of their activations, as plain integers.
  static void observeCodes(func::FuncOp main, Readers &readers) {
    OpBuilder b(main.getBody().front().getTerminator());
    DenseMap<Value, Value> plainOf;
    for (auto product : main.getOps<QuantizedMatmulOp>()) {
      Value codes = product.getLhs();
      Value &plain = plainOf[codes];
      if (!plain) {
        Type storage = cast<QuantizedType>(getElementType(codes)).getStorage();
        plain = StorageCastOp::create(b, codes.getLoc(), getTensorType(getSizes(codes), storage), codes);
      }
      auto location = product.getLoc()->findInstanceOf<NameLoc>();
      readers[plain].push_back(location ? Attribute(location.getName()) : b.getStringAttr("quantized_matmul"));
    }
  }

  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    Readers readers;
    Builder b(&getContext());
    if (main)
      for (WeightMatmul &product : findWeightMatmuls(main))
        readers[product.matmul.getLhs()].push_back(b.getStringAttr(product.name));
    if (main)
      observeCodes(main, readers);
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
