//===- LowerAttention.cpp - Attention as tasks of a streaming chip ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Lowering/LowerAttention.h"

#include "llvm/ADT/Hashing.h"
#include "llvm/Support/MathExtras.h"

#include <array>
#include <limits>

using namespace mlir;
using namespace sinter;
using namespace sinter::stream;

std::optional<std::vector<LanePart>> sinter::stream::layOutHeads(unsigned heads, unsigned size, unsigned repeats,
                                                                 const TargetModel &model) {
  unsigned room = llvm::alignTo(size, model.lanesPerSuperlane), perHalf = model.halfLanes() / room;
  if (perHalf == 0 || model.superlanes % 2)
    return std::nullopt;
  unsigned numVectors = llvm::divideCeil(heads / repeats, 2 * perHalf);
  std::vector<LanePart> parts;
  for (unsigned head = 0; head < heads; ++head) {
    unsigned place = head / repeats, half = place / perHalf;
    LanePart part = {head * size, size, head % repeats * numVectors + half / 2,
                     half % 2 * model.halfLanes() + place % perHalf * room};
    // Neighbours are one part.
    if (!parts.empty() && parts.back().vector == part.vector && parts.back().lane + parts.back().columns == part.lane)
      parts.back().columns += size;
    else
      parts.push_back(part);
  }
  return parts;
}

namespace {

/// A place of a head: which vector, which half of it, from which lane of the half on.
struct HeadPlace {
  unsigned vector, half, lane;
};

class AttentionLowering {
public:
  AttentionLowering(StreamProgram &program, ConstantTensors &constants, const TargetModel &model,
                    const AttentionSizes &sizes, const AttentionTensors &tensors, Value bias, StringRef biasName,
                    const std::string &node)
      : program(program), constants(constants), model(model), sizes(sizes), tensors(tensors), bias(bias),
        biasName(biasName), node(node) {}

  void run(llvm::function_ref<void(unsigned, int64_t, int64_t, std::vector<ProductTile>)> finish) {
    // Each hemisphere has some of the queries, of all heads.
    int64_t perSide = sizes.queries >= 2 * rowsPerLoad ? 2 : 1;
    int64_t chunks = perSide * llvm::divideCeil(llvm::divideCeil(sizes.queries, perSide), model.halfLanes());
    int64_t chunk = llvm::alignTo(llvm::divideCeil(sizes.queries, chunks), rowsPerLoad);
    std::vector<Part> parts;
    for (int64_t batch = 0; batch < sizes.batches; ++batch) {
      std::array<std::vector<unsigned>, 2> values = turnValues(batch);
      for (int64_t begin = 0, i = 0; begin < sizes.queries; begin += chunk, ++i) {
        Hemisphere side = i % 2 ? Hemisphere::West : Hemisphere::East;
        parts.push_back({batch, begin, std::min(chunk, sizes.queries - begin), side, values[i % 2], {}});
        addScores(parts.back());
      }
    }
    // All that waits for nothing else first: a plane does its tasks in this order.
    for (std::vector<Task> &stage : stages)
      llvm::move(stage, std::back_inserter(program.tasks));
    for (const Part &part : parts)
      addResults(part, finish);
  }

private:
  /// Tasks of one stage do not wait for each other.
  enum Stage {
    ScoresStage,
    GreatestStage,
    ValuesStage,
    ExponentialStage,
    SumStage,
    ScaleStage,
    WeightsStage,
    numStages
  };

  /// Some heads' scores, which one array gives: keys as rows, in the lanes the queries of each head.
  struct Scores {
    std::vector<unsigned> heads;
    /// Weights, keys in the lanes: by half of the scores' vector; rows are the lanes of that half.
    unsigned weights[2] = {0, 0};
  };

  /// Some of the queries.
  struct Part {
    int64_t batch, begin, count;
    Hemisphere side;
    std::vector<unsigned> values; // with the keys in the lanes
    std::vector<Scores> scores;
  };

  HeadPlace placeOf(unsigned place, unsigned size) const {
    unsigned room = llvm::alignTo(size, model.lanesPerSuperlane), perHalf = model.halfLanes() / room;
    return {place / perHalf / 2, place / perHalf % 2, place % perHalf * room};
  }
  unsigned repeats() const { return sizes.heads / sizes.groups; }

  unsigned addTensor(Element type, int64_t rows, unsigned columns, Hemisphere side, unsigned interleave = 1,
                     bool isPadded = false) {
    StreamTensor tensor;
    tensor.name = node;
    tensor.side = side;
    tensor.shape = TensorShape::dense(type, rows, columns, model);
    tensor.shape.interleave = interleave;
    tensor.isPadded = isPadded;
    return program.add(std::move(tensor));
  }

  void addTask(Stage stage, std::vector<ProductTile> tiles, int64_t rows, VectorProgram function,
               std::vector<RowsOf> inputs, std::vector<RowsOf> results) {
    stages[stage].push_back({!tiles.empty(), std::move(tiles), rows,
                             std::make_shared<VectorProgram>(std::move(function)), std::move(inputs),
                             std::move(results), node});
  }

  /// Rows become columns and columns rows: of one half of a vector of `from`, `rows` rows from `row` on. `turned`, of
  /// which there is one for each hemisphere that wants it, has a row for each of `lanes` lanes.
  void turn(Stage stage, RowsOf from, int64_t rows, Half half, unsigned lanes, Hemisphere side,
            ArrayRef<unsigned> turned) {
    for (int64_t begin = 0; begin < rows; begin += model.planeColumns) {
      ProductTile tile;
      tile.activations = {constants.addIdentity(side), 0, 0, 1};
      unsigned count = std::min<int64_t>(rows - begin, model.planeColumns);
      tile.loads.push_back({{from.tensor, from.vector, from.row + begin, 1}, half, 0, count});
      VectorProgram round;
      round.takesProduct = true;
      VectorOperand x = VectorOperand::input(round.addInput(Element::Float32));
      std::vector<RowsOf> results;
      for (unsigned tensor : turned) {
        round.results.push_back(round.convert(Element::Float32, Element::Float16, x).index);
        results.push_back({tensor, static_cast<unsigned>(begin / model.planeColumns), 0, 1});
      }
      addTask(stage, {tile}, lanes, round, {{}}, results);
    }
  }

  /// The values with keys in the lanes: a tensor for each half of each vector, in each hemisphere. The hemispheres
  /// share the work.
  std::array<std::vector<unsigned>, 2> turnValues(int64_t batch) {
    std::array<std::vector<unsigned>, 2> turned;
    HeadPlace last = placeOf(sizes.groups - 1, sizes.valueSize);
    for (unsigned i = 0; i <= last.vector * 2 + last.half; ++i) {
      unsigned lanes = 0; // that heads lie in
      for (unsigned group = 0; group < sizes.groups; ++group)
        if (HeadPlace place = placeOf(group, sizes.valueSize); place.vector * 2 + place.half == i)
          lanes = place.lane + llvm::alignTo(sizes.valueSize, model.lanesPerSuperlane);
      for (Hemisphere side : {Hemisphere::East, Hemisphere::West})
        turned[static_cast<unsigned>(side)].push_back(
            addTensor(Element::Float16, lanes, sizes.keys, side, rowsPerLoad, /*isPadded=*/true));
      turn(ValuesStage, {tensors.value[i % 2], i / 2, batch * sizes.keys, 1}, sizes.keys,
           i % 2 ? Half::High : Half::Low, lanes, i % 2 ? Hemisphere::West : Hemisphere::East,
           {turned[0].back(), turned[1].back()});
    }
    return turned;
  }

  void addScores(Part &part) {
    int64_t room = llvm::alignTo(part.count, rowsPerLoad);
    unsigned perHalf = model.halfLanes() / room;
    std::vector<Scores> &all = part.scores;
    // Heads whose keys lie in one half of a vector go together, as many as there is room for.
    HeadPlace last = placeOf(sizes.groups - 1, sizes.size);
    for (unsigned i = 0; i <= last.vector * 2 + last.half; ++i) {
      Scores scores;
      for (unsigned head = 0; head < sizes.heads; ++head) {
        HeadPlace place = placeOf(head / repeats(), sizes.size);
        if (place.vector * 2 + place.half != i)
          continue;
        scores.heads.push_back(head);
        if (scores.heads.size() == 2 * perHalf)
          all.push_back(std::exchange(scores, {}));
      }
      if (!scores.heads.empty())
        all.push_back(std::move(scores));
    }
    for (Scores &scores : all)
      makeWeights(scores, part.batch, part.begin, room, perHalf, part.side);
  }

  void addResults(const Part &part,
                  llvm::function_ref<void(unsigned, int64_t, int64_t, std::vector<ProductTile>)> finish) {
    int64_t room = llvm::alignTo(part.count, rowsPerLoad);
    unsigned perHalf = model.halfLanes() / room;
    // Products by the values, the heads of a vector of the result in one row of accumulators.
    HeadPlace end = placeOf(sizes.heads - 1, sizes.valueSize);
    for (unsigned vector = 0; vector <= end.vector; ++vector) {
      std::vector<ProductTile> tiles;
      for (const Scores &scores : part.scores)
        for (auto [i, head] : llvm::enumerate(scores.heads)) {
          HeadPlace to = placeOf(head, sizes.valueSize), from = placeOf(head / repeats(), sizes.valueSize);
          if (to.vector != vector)
            continue;
          for (int64_t key = 0; key < sizes.keys; key += model.halfLanes()) {
            unsigned keyVector = key / model.lanes();
            Half half = key % model.lanes() ? Half::High : Half::Low;
            ProductTile tile;
            tile.activations = {scores.weights[i / perHalf], keyVector, static_cast<int64_t>(i % perHalf) * room, 1};
            tile.half = half;
            tile.loads.push_back({{part.values[from.vector * 2 + from.half], keyVector, from.lane, 1},
                                  half,
                                  to.half * model.halfLanes() + to.lane,
                                  sizes.valueSize});
            tiles.push_back(std::move(tile));
          }
        }
      finish(vector, part.batch * sizes.queries + part.begin, part.count, std::move(tiles));
    }
  }

  /// Scores, softmax over their rows, and the weights with the keys in the lanes.
  void makeWeights(Scores &scores, int64_t batch, int64_t begin, int64_t room, unsigned perHalf, Hemisphere side) {
    unsigned half = static_cast<unsigned>(side);
    int64_t chains = std::min<int64_t>(getChains(model), sizes.keys);
    HeadPlace keyPlace = placeOf(scores.heads.front() / repeats(), sizes.size);
    ProductTile tile;
    tile.activations = {tensors.key[half], keyPlace.vector, batch * sizes.keys, 1};
    tile.half = keyPlace.half ? Half::High : Half::Low;
    unsigned numVectors = placeOf(sizes.groups - 1, sizes.size).vector + 1;
    for (auto [i, head] : llvm::enumerate(scores.heads)) {
      HeadPlace place = placeOf(head / repeats(), sizes.size);
      unsigned lane = place.half * model.halfLanes() + place.lane,
               width = llvm::divideCeil(sizes.size, model.lanesPerSuperlane);
      ColumnLoad load;
      load.rows = {tensors.query[half], head % repeats() * numVectors + place.vector, batch * sizes.queries + begin, 1};
      load.half = tile.half;
      load.column = i / perHalf * model.halfLanes() + i % perHalf * room;
      load.columns = std::min<int64_t>(room, sizes.queries - begin);
      load.superlanes = ((1u << width) - 1) << (lane / model.lanesPerSuperlane);
      tile.loads.push_back(load);
    }
    auto laneTensor = [&](int64_t rows) { return addTensor(Element::Float32, rows, model.lanes(), side); };
    unsigned raw = laneTensor(sizes.keys);
    std::optional<unsigned> biasRows;
    if (bias)
      biasRows = addBias(scores, batch, begin, room, perHalf, side);
    std::vector<unsigned> greatest; // of each burst of rows, by chains
    for (int64_t row = 0; row < sizes.keys; row += model.accumulatorRows) {
      int64_t count = std::min<int64_t>(sizes.keys - row, model.accumulatorRows);
      VectorProgram function;
      function.takesProduct = true;
      std::vector<RowsOf> inputs = {{}};
      VectorOperand s = VectorOperand::input(function.addInput(Element::Float32)), x = s;
      if (biasRows) {
        VectorOperand b = VectorOperand::input(function.addInput(Element::Float32));
        inputs.push_back({*biasRows, 0, row, 1});
        x = s = function.add(AluOp::Add, Element::Float32, s, b);
      } else {
        s = function.add(AluOp::Copy, Element::Float32, s);
      }
      greatest.push_back(laneTensor(std::min(count, chains)));
      function.results = {s.index, function.addRunning(AluOp::Max, Element::Float32, x).index};
      ProductTile rows = tile;
      rows.activations.row += row;
      addTask(ScoresStage, {rows}, count, function, inputs, {{raw, 0, row, 1}, {greatest.back(), 0, 0, 1}});
    }
    unsigned most = laneTensor(1), sums = laneTensor(chains), factor = laneTensor(1);
    // Of each burst; then of them.
    for (auto [i, rows] : llvm::enumerate(greatest)) {
      unsigned one = i + 1 == greatest.size() && i == 0 ? most : laneTensor(1);
      addTree(GreatestStage, AluOp::Max, rows, 0, one, /*inverts=*/false);
      rows = one;
    }
    for (size_t i = 1; i < greatest.size(); ++i) {
      VectorProgram function;
      VectorOperand a = VectorOperand::input(function.addInput(Element::Float32)),
                    b = VectorOperand::input(function.addInput(Element::Float32));
      function.results = {function.add(AluOp::Max, Element::Float32, a, b).index};
      unsigned one = i + 1 == greatest.size() ? most : laneTensor(1);
      addTask(GreatestStage, {}, 1, function, {{greatest[i - 1], 0, 0, 0}, {greatest[i], 0, 0, 0}}, {{one, 0, 0, 1}});
      greatest[i] = one;
    }

    unsigned exponentials = laneTensor(sizes.keys);
    VectorProgram exponential;
    VectorOperand s = VectorOperand::input(exponential.addInput(Element::Float32));
    VectorOperand m = VectorOperand::input(exponential.addInput(Element::Float32));
    VectorOperand e =
        exponential.add(AluOp::Exp, Element::Float32, exponential.add(AluOp::Sub, Element::Float32, s, m));
    exponential.results = {e.index, exponential.addRunning(AluOp::Add, Element::Float32, e).index};
    addTask(ExponentialStage, {}, sizes.keys, exponential, {{raw, 0, 0, 1}, {most, 0, 0, 0}},
            {{exponentials, 0, 0, 1}, {sums, 0, 0, 1}});
    addTree(SumStage, AluOp::Add, sums, (sizes.keys - chains) % chains, factor, /*inverts=*/true);

    unsigned rounded = addTensor(Element::Float16, sizes.keys, model.lanes(), side, rowsPerLoad, /*isPadded=*/true);
    VectorProgram scale;
    e = VectorOperand::input(scale.addInput(Element::Float32));
    VectorOperand f = VectorOperand::input(scale.addInput(Element::Float32));
    scale.results = {
        scale.convert(Element::Float32, Element::Float16, scale.add(AluOp::Mul, Element::Float32, e, f)).index};
    addTask(ScaleStage, {}, sizes.keys, scale, {{exponentials, 0, 0, 1}, {factor, 0, 0, 0}}, {{rounded, 0, 0, 1}});
    for (unsigned i = 0; i * perHalf < scores.heads.size(); ++i) {
      unsigned lanes = std::min<unsigned>(scores.heads.size() - i * perHalf, perHalf) * room;
      scores.weights[i] = addTensor(Element::Float16, lanes, sizes.keys, side);
      turn(WeightsStage, {rounded, 0, 0, 1}, sizes.keys, i ? Half::High : Half::Low, lanes, side, scores.weights[i]);
    }
  }

  /// One row of the rows of chains: neighbouring chains first. Chain i is row (i - shift) modulo the chains. Inverted,
  /// it is the square of the reciprocal root.
  void addTree(Stage stage, AluOp op, unsigned partial, int64_t shift, unsigned result, bool inverts) {
    VectorProgram function;
    std::vector<RowsOf> inputs;
    // The rows lie in one slice, so that each has its own cycle: what is there earlier is passed on by copies.
    struct Node {
      VectorOperand value;
      int rows, ready; // how many, and by when, in steps from the first row on
    };
    std::vector<Node> nodes;
    int64_t count = program.tensors[partial].shape.rows;
    for (int64_t chain = 0; chain < count; ++chain) {
      nodes.push_back({VectorOperand::input(function.addInput(Element::Float32)), 1, 0});
      inputs.push_back({partial, 0, (chain - shift + count) % count, 0});
    }
    while (nodes.size() > 1) {
      std::vector<Node> pairs;
      for (size_t i = 0; i + 1 < nodes.size(); i += 2) {
        Node left = nodes[i], right = nodes[i + 1];
        int both = left.rows + right.ready;
        for (; left.ready < both; ++left.ready)
          left.value = function.add(AluOp::Copy, Element::Float32, left.value);
        pairs.push_back(
            {function.add(op, Element::Float32, left.value, right.value), left.rows + right.rows, both + 1});
      }
      if (nodes.size() % 2)
        pairs.push_back(nodes.back());
      nodes = std::move(pairs);
    }
    VectorOperand x = nodes.front().value;
    if (inverts) {
      x = function.add(AluOp::Rsqrt, Element::Float32, x);
      x = function.add(AluOp::Mul, Element::Float32, x, x);
    } else if (x.kind == VectorOperand::Input) {
      x = function.add(AluOp::Copy, Element::Float32, x);
    }
    function.results = {x.index};
    addTask(stage, {}, 1, function, inputs, {{result, 0, 0, 1}});
  }

  /// The bias of some heads' scores: keys as rows, in the lanes the queries of each head.
  unsigned addBias(const Scores &scores, int64_t batch, int64_t begin, int64_t room, unsigned perHalf,
                   Hemisphere side) {
    SmallVector<int64_t> dims(cast<RankedTensorType>(bias.getType()).getShape());
    bool isAlike = dims[1] == 1 && dims[2] == 1; // for all heads and queries
    auto chosen = [=, heads = scores.heads, sizes = sizes, half = model.halfLanes()](int64_t row, unsigned lane) {
      unsigned i = lane / half * perHalf + lane % half / room;
      int64_t query = begin + lane % half % room;
      if (!isAlike && (lane % half / room >= perHalf || i >= heads.size() || query >= sizes.queries))
        return int64_t(-1);
      int64_t position[] = {batch, isAlike ? 0 : heads[i], isAlike ? 0 : query, row}, index = 0;
      for (auto [at, size] : llvm::zip_equal(position, dims))
        index = index * size + (size == 1 ? 0 : at);
      return index;
    };
    uint64_t key = llvm::hash_combine(dims[0] == 1 ? 0 : batch, sizes.keys, isAlike);
    if (!isAlike)
      key = llvm::hash_combine(key, begin, room, perHalf, llvm::hash_combine_range(scores.heads));
    if (auto argument = dyn_cast<BlockArgument>(bias))
      return constants.addChosen(argument, biasName, key, sizes.keys, side, chosen);
    return constants.addMade(bias, llvm::hash_combine(key, static_cast<unsigned>(side)), sizes.keys, 1, side,
                             [=](const HostTensor &tensor, unsigned, int64_t row, unsigned lane) {
                               int64_t index = chosen(row, lane);
                               return index < 0 ? 0.0f : tensor.as<float>()[index];
                             });
  }

  StreamProgram &program;
  ConstantTensors &constants;
  const TargetModel &model;
  int64_t rowsPerLoad = model.rowsPerLoad(/*isFloat16=*/true);
  AttentionSizes sizes;
  AttentionTensors tensors;
  Value bias;
  std::string biasName, node;
  std::vector<Task> stages[numStages];
};

} // namespace

void sinter::stream::lowerAttention(
    StreamProgram &program, ConstantTensors &constants, const TargetModel &model, const AttentionSizes &sizes,
    const AttentionTensors &tensors, Value bias, StringRef biasName, const std::string &node,
    llvm::function_ref<void(unsigned, int64_t, int64_t, std::vector<ProductTile>)> finish) {
  AttentionLowering(program, constants, model, sizes, tensors, bias, biasName, node).run(finish);
}
