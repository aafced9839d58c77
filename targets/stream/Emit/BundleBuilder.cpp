//===- BundleBuilder.cpp - What a bundle for a streaming chip says ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Emit/BundleBuilder.h"

#include "lib/Interpreter/Interpreter.h"
#include "lib/Pipeline/PhaseDriver.h"
#include "lib/Support/Failure.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::stream;

llvm::Expected<BundleDescription> BundleBuilder::build(llvm::ArrayRef<ProgramEntry> entries) {
  bundle.target = "stream";
  bundle.precision = "f16";
  describeStates();
  describeValues();
  for (const ProgramEntry &entry : entries) {
    builders.push_back(std::make_unique<EntryBuilder>(entry.module, bundle, inputs, past, model));
    if (llvm::Error error = builders.back()->prepare(request))
      return std::move(error);
  }
  llvm::Expected<std::vector<std::optional<BundleDescription>>> hosts = describeHosts();
  if (!hosts)
    return hosts.takeError();

  SectionPool sections(entries.size() > 1), constants(entries.size() > 1);
  int64_t arenaBytes = 0;
  for (auto [builder, host] : llvm::zip_equal(builders, *hosts)) {
    if (llvm::Error error = builder->describe(host ? &*host : nullptr, sections, constants))
      return std::move(error);
    arenaBytes = std::max(arenaBytes, builder->getArenaBytes());
  }
  bundle.arenaBytes = arenaBytes;

  std::optional<unsigned> firstConstant, chipNumber;
  if (constants.size())
    firstConstant = sections.size();
  uint64_t constantBytes = constants.getBytes();
  bundle.sections = sections.take();
  llvm::append_range(bundle.sections, constants.take());
  if (!chipFile.empty())
    chipNumber = entries.size(); // behind the schedules
  for (auto [i, entry] : llvm::enumerate(entries)) {
    bundle.files.push_back(
        {entry.name.empty() ? "schedule.pb" : "schedule-" + entry.name + ".pb", builders[i]->takeSchedule()});
    std::vector<BundleStep> steps = builders[i]->takeSteps(i, chipNumber, firstConstant, constantBytes);
    if (!entry.name.empty())
      bundle.entries.push_back(
          {entry.name, static_cast<unsigned>(bundle.steps.size()), static_cast<unsigned>(steps.size()), entry.sizes});
    llvm::append_range(bundle.steps, std::move(steps));
  }
  if (!chipFile.empty())
    bundle.files.push_back({"chip.json", chipFile});
  return std::move(bundle);
}

void BundleBuilder::describeStates() {
  for (StateOp state : program.getOps<StateOp>()) {
    auto type = cast<RankedTensorType>(state.getType());
    BundleState described{state.getSymName().str(), SINTER_F32, type.getShape().vec(),
                          static_cast<unsigned>(state.getAxis())};
    described.type = getRuntimeType(type.getElementType());
    bundle.states.push_back(std::move(described));
  }
  program.walk([&](UpdateStateOp update) { bundle.advance = getSize(update.getPositions(), 0); });
  if (bundle.states.empty())
    return;
  // Where a declared size names the length, its symbol; else one of no one else's.
  past = "past";
  while (program.lookupSymbol<SymbolOp>(past))
    past += "_";
  auto main = program.lookupSymbol<func::FuncOp>("main");
  for (unsigned i = 0; i < main.getNumArguments(); ++i)
    if (auto declared = main.getArgAttrOfType<DimsAttr>(i, "sinter.sizes"))
      for (const SizeExpr &size : declared.getSizes())
        size.forEachSymbol([&](StringRef name) {
          if (!program.lookupSymbol<SymbolOp>(name))
            past = name.str();
        });
  bundle.symbols.push_back(
      {past, SymbolSource::session(), 0, bundle.states.front().dims[bundle.states.front().axis], std::nullopt});
}

void BundleBuilder::describeValues() {
  auto main = program.lookupSymbol<func::FuncOp>("main");
  llvm::StringMap<unsigned> numbers;
  for (BlockArgument argument : main.getArguments()) {
    unsigned position = argument.getArgNumber();
    if (main.getArgAttr(position, "sinter.session")) {
      inputs.push_back(std::nullopt);
      continue;
    }
    auto name = main.getArgAttrOfType<StringAttr>(position, "sinter.name");
    numbers[name] = bundle.inputs.size();
    inputs.push_back(bundle.inputs.size());
    BundleValue input{name.str(), getRuntimeType(argument), {}, {}};
    Sizes sizes = sinter::getSizes(argument);
    // What is given, where the module has room for more.
    if (auto declared = main.getArgAttrOfType<DimsAttr>(position, "sinter.sizes"))
      sizes = Sizes(declared.getSizes());
    input.dims.assign(sizes.begin(), sizes.end());
    input.anyShape = static_cast<bool>(main.getArgAttr(position, "sinter.any_shape"));
    bundle.inputs.push_back(std::move(input));
  }
  for (auto [i, value] : llvm::enumerate(main.getBody().front().getTerminator()->getOperands())) {
    BundleValue output{main.getResultAttrOfType<StringAttr>(i, "sinter.name").str(), getRuntimeType(value), {}, {}};
    Sizes sizes = sinter::getSizes(value);
    output.dims.assign(sizes.begin(), sizes.end());
    bundle.outputs.push_back(std::move(output));
  }
  for (SymbolOp symbol : program.getOps<SymbolOp>()) {
    BundleSymbol described{symbol.getSymName().str(),
                           SymbolSource::axis(numbers.lookup(symbol.getInput()), symbol.getPosition()),
                           static_cast<int64_t>(symbol.getLow()), std::nullopt, std::nullopt};
    if (symbol.getHigh())
      described.highest = *symbol.getHigh();
    if (symbol.getTypical())
      described.typical = *symbol.getTypical();
    bundle.symbols.push_back(std::move(described));
  }
  for (CheckOp check : program.getOps<CheckOp>())
    bundle.checks.push_back(BundleCheck::size(numbers.lookup(check.getInput()), check.getAxis(),
                                              check.getSize().getSizes()[0], check.getDeclared().str()));
}

llvm::Expected<std::vector<std::optional<BundleDescription>>> BundleBuilder::describeHosts() {
  std::vector<std::optional<BundleDescription>> result(builders.size());
  std::vector<ModuleOp> modules;
  for (const auto &builder : builders)
    if (ModuleOp host = builder->getHost())
      modules.push_back(host);
  if (modules.empty())
    return result;
  auto cpu = llvm::find_if(getTargets(), [](const auto &target) { return target->getName() == "cpu"; });
  if (cpu == getTargets().end()) {
    auto main = modules.front().lookupSymbol<func::FuncOp>("main");
    return unsupported("node '" + getNodeName(&main.getBody().front().front()) +
                       "' is of the host's part of the model, which target cpu compiles, and this build is without it");
  }
  EmitRequest own = request;
  own.spec = {"cpu", {(*cpu)->getChips().front()}};
  own.progress = {};
  own.dumpFolder = "";
  for (ModuleOp module : modules) {
    PhaseDriver driver(cpu->get(), own.spec, "");
    if (llvm::Error error = driver.run(module, Phase::Placed, ""))
      return std::move(error);
  }
  llvm::Expected<std::vector<BundleDescription>> described = (*cpu)->describe(modules, own);
  if (!described)
    return described.takeError();
  bundle.kernels = std::move(described->front().kernels);
  bundle.variants = std::move(described->front().variants);
  auto next = described->begin();
  for (auto [builder, host] : llvm::zip_equal(builders, result)) {
    if (!builder->getHost())
      continue;
    if (!next->arenaBytes.constant())
      return internalError("the arena of the host's part has no fixed size");
    host = std::move(*next++);
  }
  return result;
}
