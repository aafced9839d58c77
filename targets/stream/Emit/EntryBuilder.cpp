//===- EntryBuilder.cpp - The steps for one of a program's sizes -----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Emit/EntryBuilder.h"

#include "dialects/sinter/IR/OpKind.h"
#include "dialects/sinter/Transforms/WeightMatmuls.h"
#include "lib/Interpreter/Interpreter.h"
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

sinter_type sinter::stream::getRuntimeType(Type elementType) {
  StringRef name = elementTypeName(toElementType(elementType));
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
  // Either operand's columns are arrays, which are loaded whole, and the other's rows pass them, where nothing is
  // rounded up that a cut could share out. Of fp16, the two planes of a hemisphere are one unit of half the depth.
  auto limitOf = [&](uint64_t rows, uint64_t inner, uint64_t columns, bool isFloat = true) {
    uint64_t units = isFloat ? model.planesPerHemisphere : 2 * model.planesPerHemisphere;
    uint64_t depth = isFloat ? model.halfLanes() : model.lanes(), width = model.planeColumns;
    auto cyclesOf = [&](uint64_t stationary, uint64_t moving) {
      uint64_t arrays = llvm::divideCeil(inner, depth) * llvm::divideCeil(stationary, width);
      return std::max(llvm::divideCeil(arrays, units) * model.planeLoadCycles,
                      llvm::divideCeil(inner * std::max(stationary, width) * moving, depth * width * units));
    };
    return std::min(cyclesOf(columns, rows), cyclesOf(rows, columns));
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
// The parts
//===----------------------------------------------------------------------===//

llvm::Error EntryBuilder::prepare(const EmitRequest &request) {
  chip = extractChip(module);
  host = extractHost(module);
  if (llvm::Error error = checkResults())
    return error;
  llvm::Expected<WeightFiles> files = WeightFiles::open(*chip.module, request.folder, request.calibration);
  if (!files)
    return files.takeError();
  weights = std::make_unique<WeightFiles>(std::move(*files));
  return llvm::Error::success();
}

/// Outputs are what the parts compute.
llvm::Error EntryBuilder::checkResults() {
  for (auto [i, value] : llvm::enumerate(mainOf(module).getBody().front().getTerminator()->getOperands()))
    if (!value.getDefiningOp<KernelOp>())
      return unsupported("target stream gives out what a run computes, and output '" +
                         mainOf(module).getResultAttrOfType<StringAttr>(i, "sinter.name").getValue() +
                         "' is an input or follows from constants alone");
  return llvm::Error::success();
}

llvm::Error EntryBuilder::describe(const BundleDescription *described, SectionPool &sections, SectionPool &constants) {
  if (described)
    arenaBytes = *described->arenaBytes.constant();
  padInputs();
  if (described)
    if (llvm::Error error = describeHost(*described, sections))
      return error;
  return describeChip(sections, constants);
}

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

BundleArgument EntryBuilder::giveArena(int64_t bytes) {
  int64_t offset = llvm::alignTo(arenaBytes, SINTER_ALIGNMENT);
  arenaBytes = offset + bytes;
  return BundleArgument::arena(offset);
}

BundleArgument EntryBuilder::placeOf(Value value) const {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return arguments[argument.getArgNumber()];
  return places.lookup(value);
}

BundleStep EntryBuilder::resize(StringRef name, sinter_type type, BundleArgument from, BundleArgument to,
                                ArrayRef<SizeExpr> given, ArrayRef<SizeExpr> wanted) {
  BundleStep step;
  step.name = name.str();
  step.kernel = SINTER_RESIZE;
  step.arguments = {std::move(from), std::move(to), BundleArgument::integer(sinter_type_size(type)),
                    BundleArgument::integer(given.size())};
  for (ArrayRef<SizeExpr> sizes : {given, wanted})
    for (const SizeExpr &size : sizes)
      step.arguments.push_back(BundleArgument::integer(size));
  for (const SizeExpr &size : wanted.empty() ? wanted : wanted.drop_back())
    step.tasks = step.tasks * size;
  return step;
}

void EntryBuilder::padInputs() {
  func::FuncOp main = mainOf(module);
  for (BlockArgument argument : main.getArguments()) {
    std::optional<unsigned> number = inputs[argument.getArgNumber()];
    if (!number) {
      // The session's, as a number that kernels read.
      StringRef known = main.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "sinter.session").getValue();
      StringRef symbol = known.consume_front("size:") ? known : StringRef(past);
      arguments.push_back(giveArena(sizeof(int64_t)));
      BundleStep store;
      store.name = "session";
      store.kernel = SINTER_STORE;
      store.arguments = {arguments.back(), BundleArgument::integer(SizeExpr::symbol(symbol))};
      steps.push_back(std::move(store));
      continue;
    }
    const BundleValue &input = program.inputs[*number];
    Sizes sizes = sinter::getSizes(argument);
    bool isAsGiven = input.anyShape || argument.use_empty() || llvm::equal(sizes, input.dims);
    arguments.push_back(isAsGiven ? BundleArgument::input(*number) : giveArena(getNumBytes(argument)));
    if (!isAsGiven)
      steps.push_back(
          resize(input.name, input.type, BundleArgument::input(*number), arguments.back(), input.dims, sizes));
  }
}

BundleArgument EntryBuilder::giveOutput(unsigned number, Value value) {
  const BundleValue &output = program.outputs[number];
  Sizes sizes = sinter::getSizes(value);
  if (llvm::equal(sizes, output.dims))
    return BundleArgument::output(number);
  BundleArgument place = giveArena(getNumBytes(value));
  cuts.push_back(resize(output.name, output.type, place, BundleArgument::output(number), sizes, output.dims));
  return place;
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

llvm::Error EntryBuilder::describeHost(const BundleDescription &described, SectionPool &sections) {
  std::vector<unsigned> numbers;
  for (const BundleSection &section : described.sections) {
    llvm::Expected<unsigned> number = sections.add(section.name, section.bytes, section.fill);
    if (!number)
      return number.takeError();
    numbers.push_back(*number);
  }
  // Its outputs are the model's, or lie in the arena.
  llvm::SmallVector<BundleArgument> results;
  for (const HostPart::Result &result : host->results) {
    results.push_back(result.result ? giveOutput(*result.result, result.value) : giveArena(getNumBytes(result.value)));
    if (!result.result)
      places[result.value] = results.back();
  }
  for (const BundleStep &step : described.steps) {
    steps.push_back(step);
    if (step.indexInput)
      steps.back().indexInput = inputs[*step.indexInput];
    for (BundleArgument &argument : steps.back().arguments) {
      SizeExpr offset = argument.value;
      if (argument.kind == BundleArgument::Weights) {
        argument.index = numbers[argument.index];
        continue;
      }
      if (argument.kind == BundleArgument::Output)
        argument = results[argument.index];
      else if (argument.kind == BundleArgument::Input)
        argument = arguments[argument.index];
      else
        continue;
      argument.value = argument.value + offset;
    }
  }
  return llvm::Error::success();
}

BundleStep EntryBuilder::checkIndices(KernelOp kernel, int64_t copies) {
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
    step.indexInput = inputs[argument.getArgNumber()];
  return step;
}

llvm::Expected<BundleStep> EntryBuilder::arrange(Value value, const StreamTensor &tensor, SectionPool &sections) {
  const std::vector<int32_t> &chosen = tensor.host.chosen;
  int64_t elementBytes = sinter_type_size(getRuntimeType(value));
  llvm::Expected<unsigned> table = sections.add(tensor.name + ".order", chosen.size() * sizeof(int32_t),
                                                [&chosen](llvm::MutableArrayRef<char> destination) {
                                                  std::memcpy(destination.data(), chosen.data(), destination.size());
                                                  return llvm::Error::success();
                                                });
  if (!table)
    return table.takeError();
  BundleStep step;
  step.name = tensor.name;
  step.kernel = SINTER_ARRANGE;
  step.tasks = chosen.size();
  step.arguments = {placeOf(value), giveArena(chosen.size() * elementBytes), BundleArgument::weights(*table),
                    BundleArgument::integer(elementBytes),
                    BundleArgument::integer(cast<RankedTensorType>(value.getType()).getNumElements())};
  return step;
}

llvm::Expected<BundleSchedule::Tensor> EntryBuilder::makeInput(const StreamTensor &tensor, SectionPool &sections) {
  Value value = chip.arguments[tensor.host.argument];
  int64_t columns = tensor.shape.numColumns();
  uint64_t bytes = uint64_t(tensor.shape.rows) * columns * getBytes(tensor.shape.type);
  switch (tensor.host.form) {
  case StreamTensor::Elements:
    return BundleSchedule::Tensor{placeOf(value), bytes};
  case StreamTensor::Indices: {
    // Both hemispheres have the same.
    auto [found, isNew] = checked.try_emplace(value);
    if (isNew) {
      steps.push_back(checkIndices(value.getDefiningOp<KernelOp>(), columns));
      found->second = steps.back().arguments[1];
    }
    return BundleSchedule::Tensor{found->second, bytes};
  }
  case StreamTensor::Chosen: {
    llvm::Expected<BundleStep> step = arrange(value, tensor, sections);
    if (!step)
      return step.takeError();
    steps.push_back(std::move(*step));
    return BundleSchedule::Tensor{steps.back().arguments[1], bytes};
  }
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
  chip.walk([&](Operation *op) {
    if (!llvm::all_of(op->getResults(), [](Value result) { return isFromWeights(result); }))
      ops.try_emplace(getNodeName(op), op);
  });
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

llvm::Error EntryBuilder::describeChip(SectionPool &sections, SectionPool &constants) {
  func::FuncOp main = mainOf(*chip.module);
  auto read = [this](Value value) {
    InterpretOptions options;
    options.readWeight = [this](WeightOp weight) { return weights->read(weight); };
    return interpretRecipe(value, options);
  };
  llvm::Expected<StreamProgram> lowered = lowerGraph(main, model, read);
  if (!lowered)
    return lowered.takeError();
  tasks = std::move(*lowered);
  llvm::Expected<std::unique_ptr<Placer>> placer = Placer::place(tasks, model);
  if (!placer)
    return placer.takeError();
  std::vector<uint64_t> offsets(tasks.tensors.size());
  for (auto [i, tensor] : llvm::enumerate(tasks.tensors)) {
    if (tensor.kind != StreamTensor::Constant)
      continue;
    uint64_t bytes = uint64_t(tensor.shape.numStrips()) * tensor.shape.wordsPerStrip() * model.lanes();
    llvm::Expected<unsigned> section =
        constants.add(tensor.name, bytes, [&tensor = tensor](llvm::MutableArrayRef<char> destination) {
          return tensor.fill(
              llvm::MutableArrayRef<uint8_t>(reinterpret_cast<uint8_t *>(destination.data()), destination.size()));
        });
    if (!section)
      return section.takeError();
    offsets[i] = constants.getOffset(*section);
  }
  llvm::Expected<format::StreamSchedule> encoded = encodeSchedule(tasks, **placer, model, offsets);
  if (!encoded)
    return encoded.takeError();
  if (llvm::Error error = encodeKnownWords(tasks, model, offsets, *encoded->mutable_flow()))
    return error;
  describeSpans(main, tasks, *encoded);

  schedule.chip = model.name;
  schedule.cycles = encoded->cycles();
  schedule.limitCycles = countLimitCycles(main, model);
  schedule.clockHz = static_cast<uint64_t>(model.clockGhz * 1e9 + 0.5);

  // The schedule's order is its own.
  llvm::StringMap<unsigned> numbers, results;
  for (auto [i, tensor] : llvm::enumerate(tasks.tensors))
    if (tensor.kind == StreamTensor::Input)
      numbers[tensor.name] = i;
  for (unsigned i = 0; i < main.getNumResults(); ++i)
    results[main.getResultAttrOfType<StringAttr>(i, "sinter.name")] = i;
  for (const format::Placement &placement : encoded->inputs()) {
    llvm::Expected<BundleSchedule::Tensor> input = makeInput(tasks.tensors[numbers.lookup(placement.name())], sections);
    if (!input)
      return input.takeError();
    schedule.inputs.push_back(std::move(*input));
  }
  for (const format::Placement &placement : encoded->outputs()) {
    unsigned number = chip.results[results.lookup(placement.name())];
    Value value = mainOf(module).getBody().front().getTerminator()->getOperand(number);
    schedule.outputs.push_back({giveOutput(number, value), static_cast<uint64_t>(getNumBytes(value))});
  }
  scheduleBytes = encoded->SerializeAsString();
  return llvm::Error::success();
}

std::vector<BundleStep> EntryBuilder::takeSteps(unsigned file, std::optional<unsigned> chipFile,
                                                std::optional<unsigned> firstSection, uint64_t weightsBytes) {
  schedule.file = file;
  schedule.chipFile = chipFile;
  schedule.firstSection = firstSection;
  schedule.weightsBytes = weightsBytes;
  std::vector<BundleStep> all = std::move(steps);
  all.push_back(schedule.step());
  llvm::append_range(all, cuts);
  return all;
}
