//===- Entries.cpp - One program for several sizes --------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Pipeline/Entries.h"

#include "dialects/sinter/IR/Sinter.h"
#include "lib/Support/Failure.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/STLExtras.h"

using namespace sinter;

std::vector<ListedDim> sinter::takeListedDims(std::vector<DimOption> &dims) {
  std::vector<ListedDim> listed;
  for (DimOption &dim : dims) {
    if (dim.sizes.empty())
      continue;
    llvm::sort(dim.sizes);
    dim.sizes.erase(llvm::unique(dim.sizes), dim.sizes.end());
    dim.high = dim.sizes.back();
    dim.low = dim.sizes.size() == 1 ? *dim.high : 1;
    if (dim.sizes.size() > 1 && dim.sizes.front() >= 1)
      listed.push_back({dim.name, dim.sizes});
    dim.sizes.clear();
  }
  return listed;
}

/// The symbol that a dimension, by its own name or as INPUT.AXIS, has in the module.
static llvm::Expected<std::string> findSymbol(mlir::ModuleOp module, const ListedDim &dim) {
  if (module.lookupSymbol<SymbolOp>(dim.name))
    return dim.name;
  auto main = module.lookupSymbol<mlir::func::FuncOp>("main");
  auto [input, text] = llvm::StringRef(dim.name).rsplit('.');
  unsigned axis;
  if (!text.getAsInteger(10, axis))
    for (mlir::BlockArgument argument : main.getArguments()) {
      auto name = main.getArgAttrOfType<mlir::StringAttr>(argument.getArgNumber(), "sinter.name");
      if (name.getValue() == input && axis < static_cast<unsigned>(getRank(argument)))
        if (auto symbol = getSize(argument, axis).asSymbol())
          return symbol->str();
    }
  return usage("--dim " + dim.name +
               ": the graph ties this dimension to another one, or to a number; several sizes "
               "are for one that it leaves open");
}

/// Every combination of the dimensions' sizes, by the number of elements.
static std::vector<std::vector<int64_t>> combine(llvm::ArrayRef<ListedDim> dims) {
  std::vector<std::vector<int64_t>> all = {{}};
  for (const ListedDim &dim : dims) {
    std::vector<std::vector<int64_t>> longer;
    for (const std::vector<int64_t> &sizes : all)
      for (int64_t size : dim.sizes) {
        longer.push_back(sizes);
        longer.back().push_back(size);
      }
    all = std::move(longer);
  }
  auto numElements = [](const std::vector<int64_t> &sizes) {
    double product = 1;
    for (int64_t size : sizes)
      product *= static_cast<double>(size);
    return product;
  };
  llvm::stable_sort(all, [&](const auto &a, const auto &b) { return numElements(a) < numElements(b); });
  return all;
}

llvm::Expected<std::vector<CompiledEntry>>
sinter::makeEntries(mlir::ModuleOp program, llvm::ArrayRef<ListedDim> dims, Phase last, llvm::StringRef folder,
                    llvm::function_ref<PhaseDriver(llvm::StringRef)> makeDriver) {
  std::vector<std::string> symbols;
  for (const ListedDim &dim : dims) {
    llvm::Expected<std::string> symbol = findSymbol(program, dim);
    if (!symbol)
      return symbol.takeError();
    symbols.push_back(std::move(*symbol));
  }
  auto mask = [&](mlir::OpPassManager &passes) {
    MaskPaddingPassOptions options;
    options.dims.assign(symbols.begin(), symbols.end());
    passes.addPass(createMaskPaddingPass(options));
    passes.addPass(createVerifyGraphPass({stringifyPhase(Phase::Quantized).str()}));
  };
  if (llvm::Error error = makeDriver("").transform(program, mask, "masking of padding"))
    return std::move(error);

  std::vector<CompiledEntry> entries;
  for (const std::vector<int64_t> &sizes : combine(dims)) {
    CompiledEntry entry;
    FixSizesPassOptions options;
    for (auto [dim, symbol, size] : llvm::zip_equal(dims, symbols, sizes)) {
      entry.name += (entry.name.empty() ? "" : ",") + dim.name + "=" + std::to_string(size);
      entry.sizes.push_back({symbol, size});
      options.sizes.push_back(symbol + "=" + std::to_string(size));
    }
    entry.module = mlir::OwningOpRef<mlir::ModuleOp>(program.clone());
    // What is known now that sizes are numbers: constants instead of ranges, shapes that vanish.
    auto fix = [&](mlir::OpPassManager &passes) {
      passes.addPass(createFixSizesPass(options));
      auto clean = [&] {
        passes.addPass(mlir::createCanonicalizerPass());
        passes.addPass(mlir::createCSEPass());
      };
      clean();
      passes.addPass(createSimplifyIndicesPass());
      passes.addPass(createSimplifyArithmeticPass());
      passes.addPass(createSimplifyShapesPass());
      clean();
      passes.addPass(createVerifyGraphPass({stringifyPhase(Phase::Quantized).str()}));
    };
    PhaseDriver driver = makeDriver(entry.name);
    if (llvm::Error error = driver.transform(*entry.module, fix, "entry " + entry.name))
      return std::move(error);
    if (llvm::Error error = driver.dump(*entry.module, folder))
      return std::move(error);
    if (llvm::Error error = driver.run(*entry.module, last, folder))
      return std::move(error);
    entry.reference = driver.takeReference();
    entries.push_back(std::move(entry));
  }
  return entries;
}
