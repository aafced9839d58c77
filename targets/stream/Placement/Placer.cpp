//===- Placer.cpp - Gives the work of a streaming chip its time and place --===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Placement/Placer.h"

#include "lib/Support/Failure.h"
#include "targets/stream/Placement/TaskOrder.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <limits>

using namespace sinter;
using namespace sinter::stream;
using schedule::Cycles;

namespace {

/// How far behind all that is placed a task looks for its cycle: there nothing but itself is in its way.
constexpr int64_t farthestSearch = 4096;

/// How many arrays of weights lie in the same slices at most: a bank has room for many more.
constexpr unsigned numGrouped = 32;

/// How often a program is placed at most, with a plan of slices by what was seen the time before.
constexpr unsigned numRounds = 4;

/// All superlanes of a chip.
uint32_t allSuperlanes(const TargetModel &model) { return (uint64_t(1) << model.superlanes) - 1; }

/// What a burst takes of its queue: nothing else can be issued between its repetitions.
Cycles spanOf(const Cycles &cycles) { return {cycles.first, cycles.last() - cycles.first + 1, 1}; }

/// Slots of the timetable besides the queues, of which those of slices are the ports to read by: when an ALU ends an
/// operation, the slices' ports to write by, and their banks.
unsigned endSlot(const TargetModel &model, unsigned alu) { return model.numQueues() + alu; }
unsigned writeSlot(const TargetModel &model, unsigned queue) { return model.numQueues() + model.alus + queue; }
unsigned bankSlot(const TargetModel &model, unsigned queue, unsigned bank) {
  return model.numQueues() + model.alus + 2 * model.slicesPerHemisphere + queue * model.banksPerSlice + bank;
}
unsigned countSlots(const TargetModel &model) { return bankSlot(model, 2 * model.slicesPerHemisphere, 0); }

} // namespace

Placer::Placer(const TargetModel &model, std::optional<SlicePlan> plan)
    : model(model), plan(std::move(plan)),
      table(countSlots(model), model.streamsPerDirection, model.streamsPerDirection, model.reach()), chipMemory(model),
      planes(2 * model.planesPerHemisphere) {}

llvm::Expected<std::unique_ptr<Placer>> Placer::place(const StreamProgram &program, const TargetModel &model) {
  Placer draft(model, std::nullopt);
  if (llvm::Error error = draft.placeAll(program, orderTasks(program, std::vector<int64_t>(program.tasks.size(), 0))))
    return std::move(error);
  std::unique_ptr<Placer> best;
  for (unsigned round = 0; round < numRounds; ++round) {
    const Placer &last = best ? *best : draft;
    SlicePlan plan(model, last.chipTensors, last.accesses, last.partners);
    std::unique_ptr<Placer> placer(new Placer(model, std::move(plan)));
    if (llvm::Error error = placer->placeAll(program, orderTasks(program, last.begins)))
      return std::move(error);
    if (best && placer->cycles() >= best->cycles())
      break;
    best = std::move(placer);
  }
  return std::move(best);
}

llvm::Error Placer::placeAll(const StreamProgram &program, llvm::ArrayRef<size_t> order) {
  for (const StreamTensor &tensor : program.tensors) {
    ChipTensor placed;
    placed.name = tensor.name;
    placed.shape = tensor.shape;
    placed.side = tensor.side;
    placed.isConstant = tensor.kind == StreamTensor::Constant;
    placed.isState = tensor.kind == StreamTensor::State;
    placed.isPadded = tensor.isPadded;
    placed.isOutermost = tensor.isOutermost;
    // Only the VXM reads what the host writes or reads in f32, and there may be much of it.
    placed.alternates = tensor.shape.type == Element::Float32 &&
                        (tensor.kind == StreamTensor::Input || tensor.kind == StreamTensor::Output);
    // So that its first rows can be read while its last ones are written, and by several at once: what is of few bytes
    // takes as many slices as what is of four.
    unsigned strips = 4 / getBytes(tensor.shape.type);
    if (tensor.kind == StreamTensor::Temporary && tensor.shape.interleave == 1 &&
        tensor.shape.rows >= strips * model.lanesPerSuperlane) {
      placed.shape.interleave = strips;
      placed.shape.run = std::min<int64_t>(llvm::divideCeil(tensor.shape.rows, strips), model.accumulatorRows);
    }
    placed.strips.resize(placed.shape.numStrips());
    placed.ready.resize(tensor.shape.numVectors() * tensor.shape.rows, 0);
    placed.givenFrom.resize(tensor.shape.numVectors(), 0);
    chipTensors.push_back(std::move(placed));
  }
  unsigned numStrips = 0;
  for (const ChipTensor &tensor : chipTensors) {
    firstStrips.push_back(numStrips);
    numStrips += tensor.strips.size();
  }
  if (!plan)
    table.addSlots(numStrips);
  laneMaps = program.laneMaps;
  for (const Task &task : program.tasks)
    for (auto &[input, lookup] : task.lookups)
      chipTensors[task.inputs[input].tensor].isTable = true;
  if (llvm::Error error = placeStates(program))
    return error;
  findPartners(program);
  for (const Task &task : program.tasks)
    for (auto [i, tile] : llvm::enumerate(task.tiles))
      if (tile.loads.empty() && !chipTensors[tile.weights].group)
        chipTensors[tile.weights].group = task.tiles[i / numGrouped * numGrouped].weights;
  for (auto [i, tensor] : llvm::enumerate(program.tensors))
    if (tensor.kind == StreamTensor::Input || tensor.kind == StreamTensor::Constant)
      if (llvm::Error error = placeConstant(i))
        return error;
  // After its last user, what a tensor has is given back; inputs, too, since they are written anew before each run. Who
  // writes it is a user: there are tensors of which nobody reads a part.
  std::vector<size_t> lastUser(program.tensors.size(), 0);
  for (size_t i : order)
    forEachAccess(program, program.tasks[i], [&](const RowsOf &rows, int64_t, bool) { lastUser[rows.tensor] = i; });
  std::vector<std::vector<unsigned>> releases(program.tasks.size());
  for (auto [tensor, last] : llvm::enumerate(lastUser))
    if (StreamTensor::Kind kind = program.tensors[tensor].kind;
        kind == StreamTensor::Temporary || kind == StreamTensor::Input)
      releases[last].push_back(tensor);
  taskSpans.resize(program.tasks.size(), {std::numeric_limits<int64_t>::max(), 0});
  begins.resize(program.tasks.size(), std::numeric_limits<int64_t>::max());
  for (size_t i : order) {
    size_t numPlaced = placed.size();
    if (llvm::Error error = placeTask(program.tasks[i]))
      return error;
    for (Issue &issue : llvm::MutableArrayRef(placed).drop_front(numPlaced)) {
      issue.task = i;
      taskSpans[i].first = std::min(taskSpans[i].first, issue.cycles.first);
      taskSpans[i].last = std::max(taskSpans[i].last, issue.cycles.last());
      // Arrays may be loaded long before.
      if (program.tasks[i].tiles.empty() || std::holds_alternative<MultiplyInstruction>(issue.instruction))
        begins[i] = std::min(begins[i], issue.cycles.first);
    }
    for (unsigned tensor : releases[i]) {
      const ChipTensor &used = chipTensors[tensor];
      int64_t until = used.ready.empty() ? 0 : *llvm::max_element(used.ready);
      for (const WordRange &strip : used.strips)
        if (strip.words)
          giveBack(strip, std::max(used.lastRead + 1, until));
    }
  }
  return llvm::Error::success();
}

void Placer::findPartners(const StreamProgram &program) {
  for (const Task &task : program.tasks) {
    std::set<VectorKey> used;
    // Tiles come one after the other; the rows of the last one arrive together with what the ALUs take and make.
    if (!task.tiles.empty())
      used.insert({task.tiles.back().activations.tensor, task.tiles.back().activations.vector});
    for (const ProductTile &tile : task.tiles)
      // The streams of a LOAD, which finds a time of its own.
      for (unsigned i = 0; tile.loads.empty() && i < model.loadStreams(); ++i)
        for (unsigned k = 0; k < model.loadStreams(); ++k)
          partners[{tile.weights, i}].insert({tile.weights, k});
    for (const RowsOf &rows : llvm::drop_begin(task.inputs, task.tiles.empty() ? 0 : 1))
      used.insert({rows.tensor, rows.vector});
    for (const RowsOf &rows : task.results)
      used.insert({rows.tensor, rows.vector});
    for (auto &[input, lookup] : task.lookups)
      used.insert({lookup.indices.tensor, lookup.indices.vector});
    for (auto &[result, numbers] : task.scatters)
      used.insert({numbers.tensor, numbers.vector});
    for (const VectorKey &key : used)
      partners[key].insert(used.begin(), used.end());
  }
}

std::optional<WordRange> Placer::findSlice(unsigned index, unsigned strip, int64_t cycle,
                                           llvm::function_ref<bool(const WordRange &)> isFree) {
  const ChipTensor &tensor = chipTensors[index];
  VectorKey key = {index, strip / (getBytes(tensor.shape.type) * tensor.shape.interleave)};
  Hemisphere side = tensor.sideOf(key.second);
  if (!plan) {
    unsigned slice = tensor.isOutermost ? model.slicesPerHemisphere - 1 : model.slicesPerHemisphere / 2;
    return WordRange{side, slice, 0, tensor.wordsOfStrip()};
  }
  std::vector<bool> isTaken(model.slicesPerHemisphere, false);
  auto take = [&](VectorKey other) {
    const ChipTensor &with = chipTensors[other.first];
    unsigned perVector = getBytes(with.shape.type) * with.shape.interleave;
    for (unsigned i = 0; i < perVector; ++i)
      if (const WordRange &words = with.strips[other.second * perVector + i]; words.words && words.side == side)
        isTaken[words.slice] = true;
  };
  take(key);
  for (const VectorKey &other : partners[key])
    take(other);
  std::optional<SlicePlan::Place> planned = plan->find(index, strip);
  bool isFresh = cycle == 0 || tensor.isPadded;
  // The next in turn where several are alike.
  unsigned &next = nextSlice[static_cast<unsigned>(side)];
  std::optional<WordRange> best;
  int64_t leastBusy = std::numeric_limits<int64_t>::max();
  for (unsigned tried = 0; tried < model.slicesPerHemisphere; ++tried) {
    unsigned slice = (next + tried) % model.slicesPerHemisphere, queue = model.sliceQueue(side, slice);
    if (isTaken[slice] || !tensor.mayLieIn(slice, model))
      continue;
    int64_t first = isFresh ? 0 : cycle + std::abs(model.slicePosition(side, slice));
    WordRange words = {side, slice, 0, tensor.wordsOfStrip()};
    for (unsigned bank = 0; bank < model.banksPerSlice; ++bank) {
      bool isPlanned = planned && planned->slice == slice && planned->bank == bank;
      int64_t busy =
          isPlanned ? -1 : table.countTaken(queue, cycle) + table.countTaken(bankSlot(model, queue, bank), cycle);
      if (busy < leastBusy && chipMemory.find(side, slice, bank, words.words, first, words.address) && isFree(words)) {
        best = words;
        leastBusy = busy;
      }
    }
  }
  if (best && leastBusy >= 0)
    next = (best->slice + 1) % model.slicesPerHemisphere;
  return best;
}

void Placer::take(const WordRange &range) {
  if (plan)
    chipMemory.take(range);
}

void Placer::giveBack(const WordRange &range, int64_t cycle) {
  if (plan)
    chipMemory.release(range, cycle);
}

llvm::Error Placer::placeConstant(unsigned index) {
  ChipTensor &tensor = chipTensors[index];
  for (auto [i, strip] : llvm::enumerate(tensor.strips)) {
    std::optional<WordRange> words = findSlice(index, i, 0, [](const WordRange &) { return true; });
    if (!words)
      return doesNotFit("tensor '" + tensor.name + "' does not fit the memory of chip " + model.name);
    strip = *words;
    take(strip);
  }
  return llvm::Error::success();
}

llvm::Error Placer::placeStates(const StreamProgram &program) {
  struct Turn {
    unsigned next = 0;                       // of strips
    std::vector<std::vector<unsigned>> used; // words, by bank and slice
  };
  Turn turns[2];
  for (Turn &turn : turns)
    turn.used.resize(model.banksPerSlice, std::vector<unsigned>(model.slicesPerHemisphere, 0));
  for (auto [tensor, placed] : llvm::zip_equal(program.tensors, chipTensors)) {
    if (tensor.kind != StreamTensor::State)
      continue;
    Turn &turn = turns[static_cast<unsigned>(placed.side)];
    for (WordRange &strip : placed.strips) {
      // Strips of one vector take neighbouring turns, and so lie in different slices.
      unsigned slice = turn.next++ % model.slicesPerHemisphere;
      auto used = llvm::find_if(turn.used, [&](const std::vector<unsigned> &words) {
        return words[slice] + placed.wordsOfStrip() <= model.wordsPerBank();
      });
      if (used == turn.used.end())
        return doesNotFit("state '" + placed.name + "' does not fit the memory of chip " + model.name);
      unsigned bank = used - turn.used.begin();
      strip = {placed.side, slice, bank * model.wordsPerBank() + (*used)[slice], placed.wordsOfStrip()};
      (*used)[slice] += placed.wordsOfStrip();
      take(strip);
    }
  }
  return llvm::Error::success();
}

llvm::Error Placer::placeTask(const Task &task) {
  std::optional<VectorTiming> timing = layOut(*task.program, model);
  if (!timing)
    return doesNotFit("a chain of functions takes more than the " + std::to_string(model.alus) + " ALUs of chip " +
                      model.name);
  return task.tiles.empty() ? placeVectors(task, *timing) : placeProduct(task, *timing);
}

llvm::Error Placer::placeVectors(const Task &task, const VectorTiming &timing) {
  int64_t earliest = earliestScatters(task, timing);
  for (auto [i, input] : llvm::enumerate(task.inputs)) {
    auto lookup = task.lookups.find(i);
    auto move = task.moves.find(i);
    int64_t arrival;
    if (lookup != task.lookups.end()) {
      arrival = earliestArrival(lookup->second.indices, task.rows, 0) + model.gatherLatency;
    } else if (move != task.moves.end()) {
      int exchange = model.exchangePosition(chipTensors[input.tensor].sideOf(input.vector));
      arrival = earliestArrival(input, task.rows, exchange) + getMoveLatency(move->second) + std::abs(exchange);
    } else {
      arrival = earliestArrival(input, task.rows, 0);
    }
    earliest = std::max(earliest, arrival - timing.arrivals[i]);
  }
  llvm::Expected<int64_t> at =
      search(earliest, [&](int64_t start) { return compute(task, timing, start, std::nullopt); });
  return at ? llvm::Error::success() : at.takeError();
}

llvm::Error Placer::placeProduct(const Task &task, const VectorTiming &timing) {
  // Packed weights say which hemisphere it is; else the one that is free first.
  auto freeFrom = [&](Hemisphere side, unsigned plane) { return planeState(side, plane).lastRow; };
  Hemisphere side = Hemisphere::East;
  if (task.tiles.front().loads.empty())
    side = chipTensors[task.tiles.front().weights].side;
  else
    side = chipTensors[task.tiles.front().activations.tensor].side;
  unsigned plane = 0;
  if (!task.isFloat16)
    for (unsigned other = 1; other < model.planesPerHemisphere; ++other)
      if (freeFrom(side, other) < freeFrom(side, plane))
        plane = other;

  int position = model.planePosition(side, plane);
  for (unsigned i = 0; i < task.tiles.size(); ++i) {
    const ProductTile &tile = task.tiles[i];
    Plane &state = planeState(side, plane);
    // In one cycle the swap comes before the LOAD. Where there are few rows, LOADs of all planes would follow each
    // other without a cycle in which a stream is free for the rows.
    int64_t loadFrom = std::max<int64_t>(state.lastSwap, 0) + (2 * task.rows < int64_t(model.planeLoadCycles));
    // An array of another type is in the way until its last row. One of fp16 is in all planes, whose last row is the
    // same.
    if (state.isFloat16 != task.isFloat16)
      for (unsigned other = 0; other < model.planesPerHemisphere; ++other)
        if (other == plane || task.isFloat16)
          loadFrom = std::max(loadFrom, planeState(side, other).lastRow + 1);
    int64_t loaded = loadFrom; // by when all columns are
    if (tile.loads.empty()) {
      loadFrom = std::max(loadFrom, earliestArrival({tile.weights, 0, 0, 1}, 1, position));
      llvm::Expected<int64_t> at =
          search(loadFrom, [&](int64_t at) { return loadPacked(tile.weights, task.isFloat16, side, plane, at); });
      if (!at)
        return at.takeError();
      loaded = *at + chipTensors[tile.weights].shape.rows;
    }
    // In their order: the last cycle of one may touch the columns of the next.
    for (const ColumnLoad &load : tile.loads) {
      unsigned perCycle = model.rowsPerLoad(task.isFloat16);
      // The last cycle takes as many rows as the others.
      int64_t behind = chipTensors[load.rows.tensor].shape.rows - load.rows.row;
      int64_t rows = std::min<int64_t>(llvm::alignTo(load.columns, perCycle), behind);
      int64_t earliest = std::max(loaded, earliestArrival(load.rows, rows, position, /*isLoad=*/true));
      llvm::Expected<int64_t> at =
          search(earliest, [&](int64_t at) { return loadColumns(load, task.isFloat16, side, plane, at); });
      if (!at)
        return at.takeError();
      loaded = *at + (load.columns + perCycle - 1) / perCycle;
    }

    int64_t earliest = std::max({loaded, state.lastRow + 1, earliestArrival(tile.activations, task.rows, position)});
    bool isLast = i + 1 == task.tiles.size();
    if (isLast) {
      int64_t atVxm = earliestScatters(task, timing);
      for (size_t input = 1; input < task.inputs.size(); ++input)
        atVxm = std::max(atVxm, earliestArrival(task.inputs[input], task.rows, 0) - timing.arrivals[input]);
      earliest = std::max(earliest, atVxm - model.mxmLatency - std::abs(position));
    }
    llvm::Expected<int64_t> first =
        search(earliest, [&](int64_t at) { return multiply(task, i, side, plane, timing, at); });
    if (!first)
      return first.takeError();
    for (unsigned other = 0; other < model.planesPerHemisphere; ++other) {
      if (other != plane && !task.isFloat16)
        continue;
      planeState(side, other) = {*first, *first + task.rows - 1, task.isFloat16};
    }
  }
  return llvm::Error::success();
}

llvm::Expected<int64_t> Placer::search(int64_t earliest, llvm::function_ref<int64_t(int64_t)> attempt) {
  int64_t last = std::max(earliest, end) + farthestSearch;
  for (int64_t at = earliest; at < last;) {
    schedule::Timetable::Mark mark = table.mark();
    size_t numPlaced = placed.size(), numAccesses = accesses.size();
    int64_t oldEnd = end;
    unsigned oldSlices[2] = {nextSlice[0], nextSlice[1]};
    given.clear();
    int64_t delay = attempt(at);
    if (delay == 0)
      return at;
    table.rollback(mark);
    placed.resize(numPlaced);
    accesses.resize(numAccesses);
    end = oldEnd;
    std::copy(oldSlices, oldSlices + 2, nextSlice);
    for (const Given &words : given) {
      WordRange &strip = chipTensors[words.tensor].strips[words.strip];
      giveBack(strip, words.from);
      strip = {};
    }
    at += delay;
  }
  return doesNotFit("no cycle was found at which all that a task needs is free on chip " + model.name + ": " +
                    obstacle + " were in the way last");
}

int64_t Placer::loadPacked(unsigned tensor, bool isFloat16, Hemisphere side, unsigned plane, int64_t at) {
  std::vector<LoadSource> sources;
  for (unsigned stream = 0; stream < model.loadStreams(); ++stream)
    sources.push_back({stream, stream, 0});
  LoadInstruction instruction = {isFloat16, 0, 0, Half::Both};
  Cycles loads = {at, chipTensors[tensor].shape.rows, 1};
  return load(tensor, sources, instruction, model.columnsPerLoad(), allSuperlanes(model), side, plane, loads);
}

int64_t Placer::loadColumns(const ColumnLoad &columns, bool isFloat16, Hemisphere side, unsigned plane, int64_t at) {
  ChipTensor &tensor = chipTensors[columns.rows.tensor];
  unsigned rows = model.rowsPerLoad(isFloat16), bytes = getBytes(tensor.shape.type);
  assert(tensor.shape.interleave == rows && "rows that become columns are dealt out to as many strips");
  std::vector<LoadSource> sources;
  for (unsigned i = 0; i < rows; ++i)
    for (unsigned byte = 0; byte < bytes; ++byte) {
      int64_t row = columns.rows.row + i * tensor.shape.run;
      sources.push_back({i * bytes + byte, tensor.stripNumber(columns.rows.vector, byte, tensor.shape.stripOf(row)),
                         tensor.shape.wordOf(row)});
    }
  LoadInstruction instruction = {isFloat16, 0, columns.column, columns.half};
  Cycles loads = {at, (columns.columns + rows - 1) / rows, 1};
  return load(columns.rows.tensor, sources, instruction, rows, columns.superlanes & allSuperlanes(model), side, plane,
              loads);
}

llvm::SmallVector<unsigned, 4> Placer::slotsOf(const SliceAccess &access) const {
  if (!plan) // each strip has a slice of its own
    return {countSlots(model) + firstStrips[access.tensor] + access.strip};
  unsigned queue = model.sliceQueue(access.words.side, access.words.slice);
  llvm::SmallVector<unsigned, 4> slots;
  if (access.isAlone() || !access.isWrite)
    slots.push_back(queue);
  if (access.isAlone() || access.isWrite)
    slots.push_back(writeSlot(model, queue));
  unsigned own = access.words.address / model.wordsPerBank();
  for (unsigned bank = 0; bank < model.banksPerSlice; ++bank)
    if (bank == own || access.isIndirect)
      slots.push_back(bankSlot(model, queue, bank));
  return slots;
}

int64_t Placer::delayUntilFree(const SliceAccess &access) const {
  int64_t delay = 0;
  for (unsigned slot : slotsOf(access))
    delay = std::max(delay, table.delayUntilFree(slot, spanOf(access.cycles)));
  return delay;
}

void Placer::claim(const SliceAccess &access) {
  accesses.push_back({access.tensor, access.strip, access.cycles.first, access.cycles.last(),
                      access.isAlone() || !access.isWrite, access.isAlone() || access.isWrite, access.isIndirect});
  for (unsigned slot : slotsOf(access))
    table.claimSlot(slot, spanOf(access.cycles));
}

int64_t Placer::load(unsigned tensor, llvm::ArrayRef<LoadSource> sources, LoadInstruction instruction, unsigned step,
                     uint32_t superlanes, Hemisphere side, unsigned plane, const Cycles &loads) {
  int position = model.planePosition(side, plane);
  std::vector<Way> ways;
  for (const LoadSource &source : sources) {
    const WordRange &strip = chipTensors[tensor].strips[source.strip];
    int from = model.slicePosition(strip.side, strip.slice);
    Cycles reads = loads + (-std::abs(position - from) - model.readLatency);
    SliceAccess access = {tensor, source.strip, strip, false, reads};
    if (int64_t delay = delayUntilFree(access))
      return inTheWay("slices of columns", delay);
    claim(access);
    ways.push_back({source.stream, reads + model.readLatency, from, position});
  }
  if (int64_t delay = claimStreams(side, model.loadStreams(), ways, instruction.firstStream))
    return delay;
  if (!table.claimSlot(model.loadQueue(side, plane), loads))
    return inTheWay("a plane's loads", 1);
  for (auto [source, way] : llvm::zip_equal(sources, ways)) {
    Cycles reads = way.cycles + (-model.readLatency);
    const WordRange &strip = chipTensors[tensor].strips[source.strip];
    issue(model.sliceQueue(strip.side, strip.slice), reads, 1,
          ReadInstruction{strip.address + source.word, {side, instruction.firstStream + source.stream}, superlanes},
          model.readLatency);
    chipTensors[tensor].lastRead = std::max(chipTensors[tensor].lastRead, reads.last());
  }
  issue(model.loadQueue(side, plane), loads, step, instruction, 1);
  return 0;
}

int64_t Placer::multiply(const Task &task, unsigned index, Hemisphere side, unsigned plane, const VectorTiming &timing,
                         int64_t at) {
  const ProductTile &tile = task.tiles[index];
  int position = model.planePosition(side, plane);
  Cycles rows = {at, task.rows, 1};
  unsigned queue = model.multiplyQueue(side, plane);
  if (int64_t delay = table.delayUntilFree(queue, rows))
    return inTheWay("a plane", delay);
  table.claimSlot(queue, rows);
  StreamGroup activations;
  if (int64_t delay = read(tile.activations, task.rows, at, position, activations))
    return delay;
  MultiplyInstruction instruction = {task.isFloat16, activations.first, tile.half, 0, index > 0, true, std::nullopt};
  if (index + 1 == task.tiles.size()) {
    Cycles sums = rows + model.mxmLatency;
    std::vector<Way> ways;
    for (unsigned byte = 0; byte < 4; ++byte)
      ways.push_back({byte, sums, position, 0});
    StreamGroup product = {opposite(side), 0};
    if (int64_t delay = claimStreams(product.direction, 4, ways, product.first))
      return delay;
    instruction.out = product;
    if (int64_t delay = compute(task, timing, sums.first + std::abs(position), product))
      return delay;
  }
  issue(queue, rows, 1, instruction, model.mxmLatency);
  return 0;
}

int64_t Placer::compute(const Task &task, const VectorTiming &timing, int64_t at, std::optional<StreamGroup> product) {
  std::vector<StreamGroup> inputs(task.inputs.size());
  std::map<std::pair<unsigned, int64_t>, StreamGroup> indices;
  for (unsigned i = 0; i < task.inputs.size(); ++i) {
    auto lookup = task.lookups.find(i);
    if (i == 0 && product)
      inputs[0] = *product;
    else if (lookup != task.lookups.end()) {
      if (int64_t delay =
              lookUp(task.inputs[i], lookup->second, task.rows, at + timing.arrivals[i], inputs[i], indices))
        return delay;
    } else if (auto move = task.moves.find(i); move != task.moves.end()) {
      if (int64_t delay = readMoved(task.inputs[i], task.rows, at + timing.arrivals[i], move->second, inputs[i]))
        return delay;
    } else if (int64_t delay = read(task.inputs[i], task.rows, at + timing.arrivals[i], 0, inputs[i])) {
      return delay;
    }
  }
  // An ALU for each step: the first that is free for all of it.
  std::vector<unsigned> alus;
  for (const VectorTiming::Step &step : timing.steps) {
    Cycles cycles = {at + step.start, task.rows, 1};
    int64_t least = farthestSearch;
    unsigned alu = 0;
    int latency = getLatency(step.operation.op, model);
    for (; alu < model.alus; ++alu) {
      // An ALU starts one operation in a cycle, and ends one, which may have begun later than another.
      int64_t delay = std::max(table.delayUntilFree(model.aluQueue(alu), cycles),
                               table.delayUntilFree(endSlot(model, alu), cycles + latency));
      if (delay == 0)
        break;
      least = std::min(least, delay);
    }
    if (alu == model.alus)
      return inTheWay("ALUs", least);
    table.claimSlot(model.aluQueue(alu), cycles);
    table.claimSlot(endSlot(model, alu), cycles + latency);
    alus.push_back(alu);
  }
  std::vector<std::optional<StreamGroup>> outs(timing.steps.size());
  int64_t chains = std::min<int64_t>(getChains(model), task.rows);
  for (auto [i, result, step] : llvm::enumerate(task.results, timing.results)) {
    assert(!outs[step] && "a result is written once");
    StreamGroup group;
    const VectorOperation &operation = timing.steps[step].operation;
    int64_t start = at + timing.steps[step].start + getLatency(operation.op, model);
    int64_t skipped = operation.isRunning ? task.rows - chains : 0;
    auto numbers = task.scatters.find(i);
    if (int64_t delay = numbers != task.scatters.end() ? scatter(result, numbers->second, task.rows, start, group)
                                                       : write(result, task.rows - skipped, start + skipped, group))
      return delay;
    outs[step] = group;
  }
  for (size_t i = 0; i < timing.steps.size(); ++i) {
    const VectorTiming::Step &step = timing.steps[i];
    AluInstruction instruction = {step.operation.op, step.operation.type, step.operation.to, {}, outs[i]};
    for (unsigned k = 0; k < 3; ++k) {
      const VectorOperand &operand = step.operation.operands[k];
      switch (operand.kind) {
      case VectorOperand::None:
        break;
      case VectorOperand::Input:
        instruction.operands[k] = {AluOperand::Stream, inputs[operand.index], 0, 0};
        break;
      case VectorOperand::Operation:
        instruction.operands[k] = {AluOperand::Alu, {}, 0, alus[operand.index]};
        break;
      case VectorOperand::Constant:
        instruction.operands[k] = {AluOperand::Constant, {}, operand.bits, 0};
        break;
      }
    }
    auto issueRows = [&](int64_t begin, int64_t end) {
      if (begin < end)
        issue(model.aluQueue(alus[i]), {at + step.start + begin, end - begin, 1}, 0, instruction,
              getLatency(step.operation.op, model));
    };
    if (!step.operation.isRunning) {
      issueRows(0, task.rows);
      continue;
    }
    // The first vector of each chain is passed on, the others meet what their chain has so far; the last ones go out.
    int64_t middle[] = {std::min(chains, task.rows - chains), std::max(chains, task.rows - chains)};
    instruction.out = std::nullopt;
    instruction.op = AluOp::Copy;
    issueRows(0, middle[0]);
    if (chains > task.rows - chains) { // both first and last
      instruction.out = outs[i];
      issueRows(middle[0], middle[1]);
    }
    instruction.op = step.operation.op;
    instruction.operands[1] = {AluOperand::Alu, {}, 0, alus[i]};
    if (chains <= task.rows - chains)
      issueRows(middle[0], middle[1]);
    instruction.out = outs[i];
    issueRows(middle[1], task.rows);
  }
  return 0;
}

int64_t Placer::read(const RowsOf &rows, int64_t count, int64_t arrival, int position, StreamGroup &group) {
  return read(rows, count, arrival, position, position, group);
}

int64_t Placer::read(const RowsOf &rows, int64_t count, int64_t arrival, int position, int until, StreamGroup &group) {
  ChipTensor &tensor = chipTensors[rows.tensor];
  unsigned bytes = getBytes(tensor.shape.type);
  std::vector<StripRows> cuts = cutIntoStrips(rows, count);
  std::vector<Way> ways;
  for (unsigned byte = 0; byte < bytes; ++byte)
    for (const StripRows &cut : cuts) {
      unsigned number = tensor.stripNumber(rows.vector, byte, cut.residue);
      const WordRange &strip = tensor.strips[number];
      assert(strip.words && "read before it is written");
      int from = model.slicePosition(strip.side, strip.slice);
      Cycles reads = cut.offsets + (arrival - std::abs(position - from) - model.readLatency);
      SliceAccess access = {rows.tensor, number, strip, false, reads, cut.step};
      if (int64_t delay = delayUntilFree(access))
        return inTheWay("slices to read", delay);
      claim(access);
      ways.push_back({byte, reads + model.readLatency, from, until});
    }
  const WordRange &any = tensor.strips[tensor.stripNumber(rows.vector, 0, cuts.front().residue)];
  group.direction = directionTo(any.side, any.slice, position);
  if (int64_t delay = claimStreams(group.direction, bytes, ways, group.first))
    return delay;
  auto way = ways.begin();
  for (unsigned byte = 0; byte < bytes; ++byte)
    for (const StripRows &cut : cuts) {
      const WordRange &strip = tensor.strips[tensor.stripNumber(rows.vector, byte, cut.residue)];
      Cycles reads = (way++)->cycles + (-model.readLatency);
      issue(model.sliceQueue(strip.side, strip.slice), reads, cut.step,
            ReadInstruction{strip.address + cut.word, {group.direction, group.first + byte}, allSuperlanes(model)},
            model.readLatency);
      tensor.lastRead = std::max(tensor.lastRead, reads.last());
    }
  return 0;
}

int64_t Placer::lookUp(const RowsOf &table, const Lookup &lookup, int64_t count, int64_t arrival, StreamGroup &group,
                       std::map<std::pair<unsigned, int64_t>, StreamGroup> &underWay) {
  ChipTensor &tensor = chipTensors[table.tensor];
  unsigned bytes = getBytes(tensor.shape.type);
  // Numbers of rows move inward and pass the slices of all tables, and VXM, where they are wanted no more.
  auto [known, isNew] = underWay.try_emplace({lookup.indices.tensor, arrival});
  if (isNew)
    if (int64_t delay = read(lookup.indices, count, arrival - model.gatherLatency, 0, known->second))
      return delay;
  std::vector<Way> ways;
  Cycles rows = {arrival, count, 1};
  for (unsigned byte = 0; byte < bytes; ++byte) {
    unsigned number = tensor.stripNumber(table.vector, byte, 0);
    const WordRange &strip = tensor.strips[number];
    int from = model.slicePosition(strip.side, strip.slice);
    Cycles results = rows + -std::abs(from);
    SliceAccess access = {table.tensor, number, strip, false, results + -model.gatherLatency, 0, true};
    if (int64_t delay = delayUntilFree(access))
      return inTheWay("slices of a table", delay);
    claim(access);
    ways.push_back({byte, results, from, 0});
  }
  group.direction = opposite(tensor.side);
  if (int64_t delay = claimStreams(group.direction, bytes, ways, group.first))
    return delay;
  for (const Way &way : ways) {
    const WordRange &strip = tensor.strips[tensor.stripNumber(table.vector, way.byte, 0)];
    ReadInstruction gather = {strip.address, {group.direction, group.first + way.byte}, allSuperlanes(model)};
    gather.indirect = {known->second, lookup.first, static_cast<unsigned>(tensor.shape.rows)};
    issue(model.sliceQueue(strip.side, strip.slice), way.cycles + -model.gatherLatency, 0, gather, model.gatherLatency);
  }
  return 0;
}

int Placer::getMoveLatency(unsigned laneMap) const {
  for (auto [lane, source] : llvm::enumerate(laneMaps[laneMap]))
    if (source < model.lanes() && source / model.lanesPerSuperlane != lane / model.lanesPerSuperlane)
      return model.sxmFarLatency;
  return model.sxmLatency;
}

int64_t Placer::readMoved(const RowsOf &rows, int64_t count, int64_t arrival, unsigned laneMap, StreamGroup &group) {
  // Outward from memory to the SXM of its hemisphere, and inward from there.
  Hemisphere side = chipTensors[rows.tensor].sideOf(rows.vector);
  unsigned bytes = getBytes(chipTensors[rows.tensor].shape.type);
  int position = model.exchangePosition(side), latency = getMoveLatency(laneMap);
  Cycles cycles = {arrival - std::abs(position) - latency, count, 1};
  unsigned queue = model.permuteQueue(side);
  if (int64_t delay = table.delayUntilFree(queue, cycles))
    return inTheWay("an SXM", delay);
  table.claimSlot(queue, cycles);
  ExchangeInstruction exchange = {{}, {opposite(side), 0}, bytes, laneMap};
  if (int64_t delay = read(rows, count, cycles.first, position, exchange.from))
    return delay;
  std::vector<Way> ways;
  for (unsigned byte = 0; byte < bytes; ++byte)
    ways.push_back({byte, cycles + latency, position, 0});
  if (int64_t delay = claimStreams(exchange.to.direction, bytes, ways, exchange.to.first))
    return delay;
  group = exchange.to;
  issue(queue, cycles, 0, exchange, latency);
  return 0;
}

int64_t Placer::write(const RowsOf &rows, int64_t count, int64_t start, StreamGroup &group) {
  unsigned bytes = getBytes(chipTensors[rows.tensor].shape.type);
  std::vector<StripRows> cuts = cutIntoStrips(rows, count);
  if (int64_t delay = giveWords(rows.tensor, rows.vector, cuts, start))
    return delay;
  ChipTensor &tensor = chipTensors[rows.tensor];
  std::vector<Way> ways;
  group.direction = tensor.sideOf(rows.vector);
  for (unsigned byte = 0; byte < bytes; ++byte)
    for (const StripRows &cut : cuts) {
      unsigned number = tensor.stripNumber(rows.vector, byte, cut.residue);
      const WordRange &strip = tensor.strips[number];
      int to = model.slicePosition(strip.side, strip.slice);
      Cycles writes = cut.offsets + (start + std::abs(to));
      SliceAccess access = {rows.tensor, number, strip, true, writes, cut.step};
      if (int64_t delay = delayUntilFree(access))
        return inTheWay("slices to write", delay);
      claim(access);
      ways.push_back({byte, cut.offsets + start, 0, to});
    }
  if (int64_t delay = claimStreams(group.direction, bytes, ways, group.first))
    return delay;
  for (unsigned byte = 0; byte < bytes; ++byte)
    for (const StripRows &cut : cuts) {
      const WordRange &strip = tensor.strips[tensor.stripNumber(rows.vector, byte, cut.residue)];
      int distance = std::abs(model.slicePosition(strip.side, strip.slice));
      issue(model.sliceQueue(strip.side, strip.slice), cut.offsets + (start + distance), cut.step,
            WriteInstruction{strip.address + cut.word, {group.direction, group.first + byte}, allSuperlanes(model)},
            model.writeLatency);
      for (int64_t i = 0; i < cut.offsets.count; ++i) {
        int64_t &ready = tensor.readyAt(rows.vector, rows.row + cut.offsets[i] * rows.step);
        ready = std::max(ready, cut.offsets[i] + start + distance + model.writeLatency);
      }
    }
  return 0;
}

int64_t Placer::scatter(const RowsOf &state, const RowsOf &numbers, int64_t count, int64_t start, StreamGroup &group) {
  ChipTensor &tensor = chipTensors[state.tensor];
  const TensorShape &shape = tensor.shape;
  assert(tensor.side != chipTensors[numbers.tensor].side && "numbers come from the other hemisphere");
  assert(shape.run == 1 && "the rows of a state take turns");
  unsigned bytes = getBytes(shape.type), perByte = shape.interleave, first = tensor.stripNumber(state.vector, 0, 0);
  // Rows and their numbers pass the VXM together, and each strip takes all of them.
  Cycles rows = {start, count, 1};
  int farthest = 0;
  for (unsigned number = first; number < first + bytes * perByte; ++number) {
    const WordRange &strip = tensor.strips[number];
    int to = model.slicePosition(strip.side, strip.slice);
    SliceAccess access = {state.tensor, number, strip, true, rows + std::abs(to), 0, true};
    if (int64_t delay = delayUntilFree(access))
      return inTheWay("slices of a state", delay);
    claim(access);
    if (std::abs(to) > std::abs(farthest))
      farthest = to;
  }
  std::vector<Way> ways;
  for (unsigned byte = 0; byte < bytes; ++byte)
    ways.push_back({byte, rows, 0, farthest});
  group.direction = tensor.side;
  if (int64_t delay = claimStreams(group.direction, bytes, ways, group.first))
    return delay;
  StreamGroup values;
  if (int64_t delay = read(numbers, count, start, 0, farthest, values))
    return delay;
  for (unsigned number = first; number < first + bytes * perByte; ++number) {
    const WordRange &strip = tensor.strips[number];
    unsigned byte = (number - first) / perByte, residue = (number - first) % perByte;
    Cycles writes = rows + std::abs(model.slicePosition(strip.side, strip.slice));
    WriteInstruction write = {strip.address, {group.direction, group.first + byte}, allSuperlanes(model)};
    write.indirect = {values, shape.firstNumber(residue), shape.rowsInStrip(residue)};
    issue(model.sliceQueue(strip.side, strip.slice), writes, 0, write, model.writeLatency);
    // It may have been any row.
    for (int64_t row = residue; row < shape.rows; row += perByte) {
      int64_t &ready = tensor.readyAt(state.vector, row);
      ready = std::max(ready, writes.last() + model.writeLatency);
    }
  }
  return 0;
}

int64_t Placer::earliestScatters(const Task &task, const VectorTiming &timing) const {
  int64_t earliest = 0;
  for (auto &[result, numbers] : task.scatters) {
    const VectorTiming::Step &step = timing.steps[timing.results[result]];
    int64_t from = earliestArrival(numbers, task.rows, 0);
    // One after the other, as the program has them: they may write the same rows.
    const ChipTensor &state = chipTensors[task.results[result].tensor];
    for (int64_t ready : state.ready)
      from = std::max(from, ready);
    earliest = std::max(earliest, from - step.start - getLatency(step.operation.op, model));
  }
  return earliest;
}

int64_t Placer::giveWords(unsigned index, unsigned vector, const std::vector<StripRows> &cuts, int64_t start) {
  ChipTensor &tensor = chipTensors[index];
  unsigned bytes = getBytes(tensor.shape.type), interleave = tensor.shape.interleave;
  unsigned firstStrip = vector * bytes * interleave;
  // Who writes other rows of it may come before who wrote first, but not before the words were free.
  if (tensor.strips[firstStrip].words)
    return start < tensor.givenFrom[vector] ? inTheWay("words of memory", tensor.givenFrom[vector] - start) : 0;
  tensor.givenFrom[vector] = start;
  for (unsigned strip = firstStrip; strip < firstStrip + bytes * interleave; ++strip) {
    std::optional<WordRange> words = findSlice(index, strip, start, [&](const WordRange &range) {
      int64_t first = start + std::abs(model.slicePosition(range.side, range.slice));
      return llvm::all_of(cuts, [&](const StripRows &cut) {
        return cut.residue != strip % interleave ||
               delayUntilFree({index, strip, range, true, cut.offsets + first, cut.step}) == 0;
      });
    });
    if (!words)
      return inTheWay("words of memory", 1);
    tensor.strips[strip] = *words;
    take(*words);
    given.push_back({index, strip, start});
  }
  return 0;
}

int64_t Placer::claimStreams(Hemisphere direction, unsigned width, llvm::ArrayRef<Way> ways, unsigned &first) {
  // Weights take the lower half of the streams or the upper one: what is narrow begins at the top.
  unsigned numGroups = model.streamsPerDirection / width;
  unsigned offset = direction == Hemisphere::East ? 0 : model.streamsPerDirection;
  for (unsigned i = 0; i < numGroups; ++i) {
    first = width * (width > 4 ? i : numGroups - 1 - i);
    schedule::Timetable::Mark mark = table.mark();
    if (llvm::all_of(ways, [&](const Way &way) {
          return table.claimConveyor(offset + first + way.byte, way.cycles, way.from, way.to);
        }))
      return 0;
    table.rollback(mark);
  }
  return inTheWay("streams", 1);
}

std::vector<Placer::StripRows> Placer::cutIntoStrips(const RowsOf &rows, int64_t count) const {
  const TensorShape &shape = chipTensors[rows.tensor].shape;
  std::vector<StripRows> cuts;
  auto add = [&](Cycles offsets, int step) {
    int64_t row = rows.row + offsets.first * rows.step;
    cuts.push_back({shape.stripOf(row), offsets, shape.wordOf(row), step});
  };
  if (rows.step == 0)
    add({0, count, 1}, 0);
  else if (shape.interleave == 1)
    add({0, count, 1}, rows.step);
  else if (shape.run == 1 && rows.step == 1)
    for (int64_t i = 0; i < std::min<int64_t>(count, shape.interleave); ++i)
      add({i, (count - i + shape.interleave - 1) / shape.interleave, shape.interleave}, 1);
  else
    for (int64_t i = 0, length; i < count; i += length) {
      int64_t left = shape.run - (rows.row + i * rows.step) % shape.run;
      length = std::min<int64_t>(count - i, llvm::divideCeil(left, rows.step));
      add({i, length, 1}, rows.step);
    }
  return cuts;
}

int64_t Placer::earliestArrival(const RowsOf &rows, int64_t count, int position, bool isLoad) const {
  const ChipTensor &tensor = chipTensors[rows.tensor];
  int farthest = 0;
  for (const WordRange &strip : tensor.strips)
    if (strip.words)
      farthest = std::max(farthest, std::abs(position - model.slicePosition(strip.side, strip.slice)));
  int64_t earliest = 0;
  for (int64_t i = 0; i < (rows.step ? count : 1); ++i) {
    int64_t row = rows.row + i * rows.step;
    int64_t cycle = !isLoad                 ? i
                    : tensor.shape.run == 1 ? i / tensor.shape.interleave
                                            : tensor.shape.wordOf(row) - tensor.shape.wordOf(rows.row);
    earliest = std::max(earliest, tensor.ready[rows.vector * tensor.shape.rows + row] - cycle);
  }
  return earliest + farthest + model.readLatency;
}

Hemisphere Placer::directionTo(Hemisphere side, unsigned slice, int position) const {
  return model.slicePosition(side, slice) < position ? Hemisphere::East : Hemisphere::West;
}

void Placer::issue(unsigned queue, Cycles cycles, int step, decltype(Issue::instruction) instruction, int latency) {
  end = std::max(end, cycles.last() + latency);
  placed.push_back({queue, cycles, step, std::move(instruction)});
}
