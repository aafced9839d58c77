//===- Refusals.cpp - What was not applied, and why ----------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/Transforms/Refusals.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

static constexpr llvm::StringLiteral attributeName = "sinter.refused";

void sinter::addRefusal(ModuleOp module, StringRef what, StringRef reason) {
  Builder b(module.getContext());
  SmallVector<Attribute> all;
  if (auto earlier = module->getAttrOfType<ArrayAttr>(attributeName))
    llvm::append_range(all, earlier);
  all.push_back(b.getStrArrayAttr({what, reason}));
  module->setAttr(attributeName, b.getArrayAttr(all));
}

std::vector<std::pair<std::string, std::string>> sinter::getRefusals(ModuleOp module) {
  std::vector<std::pair<std::string, std::string>> refusals;
  if (auto all = module->getAttrOfType<ArrayAttr>(attributeName))
    for (Attribute entry : all)
      if (auto pair = dyn_cast<ArrayAttr>(entry); pair && pair.size() == 2)
        if (auto what = dyn_cast<StringAttr>(pair[0]), reason = dyn_cast<StringAttr>(pair[1]); what && reason)
          refusals.emplace_back(what.str(), reason.str());
  return refusals;
}
