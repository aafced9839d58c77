//===- BundleBuilder.cpp - What a bundle for a streaming chip says ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Emit/BundleBuilder.h"

#include "dialects/sinter/IR/OpKind.h"
#include "lib/Interpreter/Interpreter.h"
#include "lib/Pipeline/PhaseDriver.h"
#include "lib/Support/Failure.h"
#include "targets/stream/Emit/EncodeSchedule.h"
#include "targets/stream/Emit/KnownWords.h"
#include "targets/stream/Lowering/LowerGraph.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/MathExtras.h"

#include <cstring>

using namespace mlir;
using namespace sinter;
using namespace sinter::stream;

static func::FuncOp mainOf(ModuleOp module) { return module.lookupSymbol<func::FuncOp>("main"); }

static sinter_type getRuntimeType(Value value) {
  StringRef name = elementTypeName(toElementType(getElementType(value)));
  uint32_t type = SINTER_F32;
  while (name != sinter_type_name(type))
    ++type;
  return sinter_type(type);
}

static int64_t getNumBytes(Value value) {
  return cast<RankedTensorType>(value.getType()).getNumElements() * sinter_type_size(getRuntimeType(value));
}

//===----------------------------------------------------------------------===//
// Limits
//===----------------------------------------------------------------------===//

uint64_t sinter::stream::countLimitCycles(func::FuncOp chip, const TargetModel &model) {
  // Of fp16, the two planes of a hemisphere are one unit of half the depth.
  auto limitOf = [&](uint64_t rows, uint64_t inner, uint64_t columns, bool isFloat = true) {
    uint64_t units = isFloat ? model.planesPerHemisphere : 2 * model.planesPerHemisphere;
    uint64_t depth = isFloat ? model.halfLanes() : model.lanes(), width = model.planeColumns;
    auto loads = [&](uint64_t stationary) {
      uint64_t arrays = llvm::divideCeil(inner, depth) * llvm::divideCeil(stationary, width);
      return llvm::divideCeil(arrays, units) * model.planeLoadCycles;
    };
    return std::max(llvm::divideCeil(rows * inner * columns, units * depth * width),
                    std::min(loads(columns), loads(rows)));
  };
  auto shape = [](Value value) { return cast<RankedTensorType>(value.getType()).getShape(); };
  uint64_t limit = 0;
  chip.walk([&](Operation *op) {
    if (auto matmul = dyn_cast<MatmulOp>(op)) {
      ArrayRef<int64_t> lhs = shape(matmul.getLhs()), rhs = shape(matmul.getRhs()), result = shape(matmul.getResult());
      uint64_t inner = lhs.back(), columns = rhs.size() == 1 ? 1 : rhs.back(), elements = 1;
      for (int64_t size : result)
        elements *= size;
      uint64_t batches = 1;
      for (int64_t size : rhs.drop_back(std::min<size_t>(rhs.size(), 2)))
        batches *= size;
      uint64_t rows = columns && batches ? elements / columns / batches : 0;
      limit += batches * limitOf(rows, inner, columns);
    } else if (auto matmul = dyn_cast<QuantizedMatmulOp>(op)) {
      ArrayRef<int64_t> lhs = shape(matmul.getLhs()), rhs = shape(matmul.getRhs());
      uint64_t rows = 1;
      for (int64_t size : lhs.drop_back())
        rows *= size;
      limit += limitOf(rows, lhs.back(), rhs.back(), /*isFloat=*/false);
    } else if (auto attention = dyn_cast<AttentionOp>(op)) {
      // [batch, length, heads, size] each.
      ArrayRef<int64_t> query = shape(attention.getQuery()), key = shape(attention.getKey());
      uint64_t heads = uint64_t(query[0]) * query[2];
      limit += heads * (limitOf(query[1], query[3], key[1]) + limitOf(query[1], key[1], query[3]));
    }
  });
  return limit;
}

//===----------------------------------------------------------------------===//
// Bundles
//===----------------------------------------------------------------------===//

llvm::Expected<BundleDescription> BundleBuilder::build() {
  chip = extractChip(module);
  host = extractHost(module);
  if (llvm::Error error = checkResults())
    return std::move(error);
  llvm::Expected<WeightFiles> files = WeightFiles::open(*chip.module, request.folder, request.calibration);
  if (!files)
    return files.takeError();
  weights = std::make_unique<WeightFiles>(std::move(*files));
  if (llvm::Error error = describeHost())
    return std::move(error);
  if (llvm::Error error = describeValues())
    return std::move(error);
  if (llvm::Error error = describeChip())
    return std::move(error);
  bundle.target = "stream";
  return std::move(bundle);
}

/// Outputs are what the parts compute.
llvm::Error BundleBuilder::checkResults() {
  for (auto [i, value] : llvm::enumerate(mainOf(module).getBody().front().getTerminator()->getOperands()))
    if (!value.getDefiningOp<KernelOp>())
      return unsupported("target stream gives out what a run computes, and output '" +
                         mainOf(module).getResultAttrOfType<StringAttr>(i, "sinter.name").getValue() +
                         "' is an input or follows from constants alone");
  return llvm::Error::success();
}

llvm::Error BundleBuilder::describeValues() {
  func::FuncOp main = mainOf(module);
  auto describe = [](Value value, StringAttr name) {
    BundleValue described{name.str(), getRuntimeType(value), {}, {}};
    for (int64_t size : cast<RankedTensorType>(value.getType()).getShape())
      described.dims.push_back(size);
    return described;
  };
  llvm::StringMap<unsigned> inputs;
  bundle.inputs.clear();
  bundle.outputs.clear();
  for (BlockArgument argument : main.getArguments()) {
    auto name = main.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "sinter.name");
    inputs[name] = argument.getArgNumber();
    bundle.inputs.push_back(describe(argument, name));
    bundle.inputs.back().anyShape = static_cast<bool>(main.getArgAttr(argument.getArgNumber(), "sinter.any_shape"));
  }
  for (auto [i, value] : llvm::enumerate(main.getBody().front().getTerminator()->getOperands()))
    bundle.outputs.push_back(describe(value, main.getResultAttrOfType<StringAttr>(i, "sinter.name")));
  bundle.checks.clear();
  for (CheckOp check : module.getOps<CheckOp>())
    bundle.checks.push_back(BundleCheck::size(inputs.lookup(check.getInput()), check.getAxis(),
                                              check.getSize().getSizes()[0], check.getDeclared().str()));
  return llvm::Error::success();
}

BundleArgument BundleBuilder::giveArena(int64_t bytes) {
  int64_t offset = llvm::alignTo(*bundle.arenaBytes.constant(), SINTER_ALIGNMENT);
  bundle.arenaBytes = offset + bytes;
  return BundleArgument::arena(offset);
}

BundleArgument BundleBuilder::placeOf(Value value) const {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return BundleArgument::input(argument.getArgNumber());
  return places.lookup(value);
}

llvm::Error BundleBuilder::describeHost() {
  if (!host)
    return llvm::Error::success();
  auto cpu = llvm::find_if(getTargets(), [](const auto &target) { return target->getName() == "cpu"; });
  if (cpu == getTargets().end()) {
    Operation *first = &findKernels(module, "host").front().getBody().front().front();
    return unsupported("node '" + getNodeName(first) +
                       "' is of the host's part of the model, which target cpu compiles, and this build is without it");
  }
  EmitRequest own = request;
  own.spec = {"cpu", {(*cpu)->getChips().front()}};
  own.progress = {};
  own.dumpFolder = "";
  PhaseDriver driver(cpu->get(), own.spec, "");
  if (llvm::Error error = driver.run(*host->module, Phase::Placed, ""))
    return error;
  llvm::Expected<BundleDescription> described = (*cpu)->describe(*host->module, own);
  if (!described)
    return described.takeError();
  bundle = std::move(*described);
  if (!bundle.arenaBytes.constant())
    return internalError("the arena of the host's part has no fixed size");

  // Its outputs are the model's, or lie in the arena.
  llvm::SmallVector<BundleArgument> results;
  for (const HostPart::Result &result : host->results) {
    results.push_back(result.result ? BundleArgument::output(*result.result) : giveArena(getNumBytes(result.value)));
    if (!result.result)
      places[result.value] = results.back();
  }
  for (BundleStep &step : bundle.steps)
    for (BundleArgument &argument : step.arguments)
      if (argument.kind == BundleArgument::Output) {
        SizeExpr offset = argument.value;
        argument = results[argument.index];
        argument.value = argument.value + offset;
      }
  return llvm::Error::success();
}

BundleStep BundleBuilder::checkIndices(KernelOp kernel, int64_t copies) {
  Value indices = kernel.getInputs()[0];
  int64_t count = cast<RankedTensorType>(indices.getType()).getNumElements();
  BundleStep step;
  step.name = getNodeName(kernel);
  step.kernel = SINTER_CHECK_INDICES;
  step.tasks = count;
  step.arguments = {
      placeOf(indices), giveArena(count * copies * sizeof(uint16_t)), BundleArgument::integer(getRuntimeType(indices)),
      BundleArgument::integer(kernel->getAttrOfType<IntegerAttr>("rows").getInt()), BundleArgument::integer(copies)};
  if (auto argument = dyn_cast<BlockArgument>(indices))
    step.indexInput = argument.getArgNumber();
  return step;
}

BundleStep BundleBuilder::arrange(Value value, const StreamTensor &tensor) {
  const std::vector<int32_t> &chosen = tensor.host.chosen;
  int64_t elementBytes = sinter_type_size(getRuntimeType(value));
  unsigned table = bundle.addSection(tensor.name + ".order", chosen.size() * sizeof(int32_t),
                                     [&chosen](llvm::MutableArrayRef<char> destination) {
                                       std::memcpy(destination.data(), chosen.data(), destination.size());
                                       return llvm::Error::success();
                                     });
  BundleStep step;
  step.name = tensor.name;
  step.kernel = SINTER_ARRANGE;
  step.tasks = chosen.size();
  step.arguments = {placeOf(value), giveArena(chosen.size() * elementBytes), BundleArgument::weights(table),
                    BundleArgument::integer(elementBytes),
                    BundleArgument::integer(cast<RankedTensorType>(value.getType()).getNumElements())};
  return step;
}

BundleSchedule::Tensor BundleBuilder::makeInput(const StreamTensor &tensor) {
  Value value = chip.arguments[tensor.host.argument];
  int64_t columns = tensor.shape.numColumns();
  uint64_t bytes = uint64_t(tensor.shape.rows) * columns * getBytes(tensor.shape.type);
  switch (tensor.host.form) {
  case StreamTensor::Elements:
    return {placeOf(value), bytes};
  case StreamTensor::Indices: {
    // Both hemispheres have the same.
    auto [found, isNew] = checked.try_emplace(value);
    if (isNew) {
      bundle.steps.push_back(checkIndices(value.getDefiningOp<KernelOp>(), columns));
      found->second = bundle.steps.back().arguments[1];
    }
    return {found->second, bytes};
  }
  case StreamTensor::Chosen:
    bundle.steps.push_back(arrange(value, tensor));
    return {bundle.steps.back().arguments[1], bytes};
  }
  llvm_unreachable("a form");
}

/// The names in a location, those of all nodes of the source model that an op was made of.
static void collectNodes(Location location, llvm::SetVector<StringRef> &nodes) {
  if (auto name = dyn_cast<NameLoc>(location))
    nodes.insert(name.getName());
  else if (auto fused = dyn_cast<FusedLoc>(location))
    for (Location part : fused.getLocations())
      collectNodes(part, nodes);
}

/// Says of spans, those of the program's tasks, which have an op's name, what kind of op it is and of which nodes it
/// was made.
static void describeSpans(func::FuncOp chip, const StreamProgram &program, format::StreamSchedule &schedule) {
  llvm::StringMap<Operation *> ops;
  chip.walk([&](Operation *op) { ops.try_emplace(getNodeName(op), op); });
  for (auto [task, span] : llvm::zip_equal(program.tasks, *schedule.mutable_spans())) {
    Operation *op = ops.lookup(span.name());
    if (!op)
      continue; // a copy to an output
    // A function has the name of its last op, also where it begins with products.
    bool hasProduct = !task.tiles.empty() && isa<ElementwiseOp>(op);
    span.set_op((hasProduct ? "matmul, " : "") + getOpKind(op));
    llvm::SetVector<StringRef> nodes;
    collectNodes(op->getLoc(), nodes);
    for (StringRef node : nodes)
      span.add_nodes(node.str());
  }
}

llvm::Error BundleBuilder::describeChip() {
  func::FuncOp main = mainOf(*chip.module);
  auto read = [this](Value value) {
    InterpretOptions options;
    options.readWeight = [this](WeightOp weight) { return weights->read(weight); };
    return interpretRecipe(value, options);
  };
  llvm::Expected<StreamProgram> lowered = lowerGraph(main, model, read);
  if (!lowered)
    return lowered.takeError();
  program = std::move(*lowered);
  llvm::Expected<std::unique_ptr<Placer>> placer = Placer::place(program, model);
  if (!placer)
    return placer.takeError();
  llvm::Expected<format::StreamSchedule> schedule = encodeSchedule(program, **placer, model);
  if (!schedule)
    return schedule.takeError();
  if (llvm::Error error = encodeKnownWords(program, model, *schedule->mutable_flow()))
    return error;
  describeSpans(main, program, *schedule);

  BundleSchedule described;
  described.chip = model.name;
  described.cycles = schedule->cycles();
  described.limitCycles = countLimitCycles(main, model);
  described.clockHz = static_cast<uint64_t>(model.clockGhz * 1e9 + 0.5);

  // The schedule's order is its own.
  llvm::StringMap<unsigned> inputs, results;
  for (auto [i, tensor] : llvm::enumerate(program.tensors))
    if (tensor.kind == StreamTensor::Input)
      inputs[tensor.name] = i;
  for (unsigned i = 0; i < main.getNumResults(); ++i)
    results[main.getResultAttrOfType<StringAttr>(i, "sinter.name")] = i;
  for (const format::Placement &placement : schedule->inputs())
    described.inputs.push_back(makeInput(program.tensors[inputs.lookup(placement.name())]));
  for (const format::Placement &placement : schedule->outputs()) {
    unsigned number = chip.results[results.lookup(placement.name())];
    Value value = mainOf(module).getBody().front().getTerminator()->getOperand(number);
    described.outputs.push_back({BundleArgument::output(number), static_cast<uint64_t>(getNumBytes(value))});
  }

  std::vector<uint64_t> offsets = layOutConstants(program, model);
  for (auto [i, tensor] : llvm::enumerate(program.tensors)) {
    if (tensor.kind != StreamTensor::Constant)
      continue;
    uint64_t bytes = uint64_t(tensor.shape.numStrips()) * tensor.shape.wordsPerStrip() * model.lanes();
    unsigned section =
        bundle.addSection(tensor.name, bytes, [&tensor = tensor](llvm::MutableArrayRef<char> destination) {
          return tensor.fill(
              llvm::MutableArrayRef<uint8_t>(reinterpret_cast<uint8_t *>(destination.data()), destination.size()));
        });
    if (!described.firstSection)
      described.firstSection = section;
    described.weightsBytes = offsets[i] + bytes;
  }

  described.file = bundle.files.size();
  bundle.files.push_back({"schedule.pb", schedule->SerializeAsString()});
  if (!chipFile.empty()) {
    described.chipFile = bundle.files.size();
    bundle.files.push_back({"chip.json", chipFile});
  }
  bundle.steps.push_back(described.step());
  return llvm::Error::success();
}
