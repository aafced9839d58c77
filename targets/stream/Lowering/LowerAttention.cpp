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
#include <map>
#include <numeric>

using namespace mlir;
using namespace sinter;
using namespace sinter::stream;

unsigned sinter::stream::countHeadsPerHalf(unsigned heads, unsigned size, const TargetModel &model) {
  unsigned most = model.superlanes % 2 ? 0 : model.halfLanes() / llvm::alignTo(size, model.lanesPerSuperlane);
  return most == 0 ? 0 : llvm::divideCeil(heads, llvm::divideCeil(heads, most));
}

/// So many of `count` go together that none is more than half a vector: as many as in the others, if that is possible,
/// and a multiple of `multiple`.
static int64_t shareOut(int64_t count, int64_t multiple, const TargetModel &model) {
  return llvm::alignTo(llvm::divideCeil(count, llvm::divideCeil(count, model.halfLanes())), multiple);
}

int64_t sinter::stream::getKeyTile(int64_t keys, int64_t size, const TargetModel &model) {
  int64_t rowsPerLoad = model.rowsPerLoad(/*isFloat16=*/true);
  if (keys <= model.halfLanes())
    return model.halfLanes();
  return std::max(shareOut(keys, rowsPerLoad, model), static_cast<int64_t>(llvm::alignTo(size, rowsPerLoad)));
}

AttentionRuns::AttentionRuns(const AttentionSizes &sizes, const TargetModel &model) {
  int64_t strips = model.rowsPerLoad(/*isFloat16=*/true);
  chunk = shareOut(sizes.queries, strips, model);
  keyTile = getKeyTile(sizes.keys, sizes.size, model);
  auto longest = [&](int64_t a, int64_t b) {
    int64_t both = std::gcd(a, b);
    return both % strips ? 1u : static_cast<unsigned>(both / strips);
  };
  queries = longest(sizes.queries, chunk);
  if (!sizes.hasState)
    keys = longest(sizes.keys, sizes.keys <= keyTile ? sizes.keys : keyTile);
  // Heads lie one after the other without gaps, or else each in lanes of its own.
  elements = sizes.valueSize % model.lanesPerSuperlane ? 1 : longest(sizes.valueSize, sizes.valueSize);
}

std::optional<std::vector<LanePart>> sinter::stream::layOutHeads(unsigned heads, unsigned size, unsigned repeats,
                                                                 const TargetModel &model) {
  unsigned room = llvm::alignTo(size, model.lanesPerSuperlane),
           perHalf = countHeadsPerHalf(heads / repeats, size, model);
  if (perHalf == 0)
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
        biasName(biasName), node(node), runs(sizes, model) {}

  void run(llvm::function_ref<void(unsigned, int64_t, int64_t, std::vector<ProductTile>)> finish) {
    std::vector<Part> parts;
    for (int64_t batch = 0; batch < sizes.batches; ++batch) {
      TurnedValues values = turnValues(batch);
      for (int64_t begin = 0; begin < sizes.queries; begin += runs.chunk) {
        Part part = {batch, begin, std::min(runs.chunk, sizes.queries - begin), {}};
        gatherHeads(part);
        for (Scores &scores : part.scores)
          makeResults(part, scores, values);
        parts.push_back(std::move(part));
      }
    }
    // All that waits for nothing else first: a plane does its tasks in this order.
    for (std::vector<Task> &stage : stages)
      llvm::move(stage, std::back_inserter(program.tasks));
    for (const Part &part : parts)
      turnResults(part, finish);
  }

private:
  /// Tasks of one stage do not wait for each other.
  enum Stage {
    ScoresStage,
    GreatestStage,
    ValuesStage,
    ExponentialStage,
    SumStage,
    WeightsStage,
    SumsStage,
    numStages
  };

  /// Some heads' scores, which one array gives: keys as rows, in the lanes the queries of each head. Head i is in half
  /// i / perHalf, from lane i % perHalf * room of it on.
  struct Scores {
    Hemisphere side;
    std::vector<unsigned> heads;
    /// By group, the results before they are turned around: the values' elements as rows, in the lanes the queries.
    std::map<unsigned, unsigned> results = {};
  };

  /// Some of the queries.
  struct Part {
    int64_t batch, begin, count;
    std::vector<Scores> scores;
  };

  /// By hemisphere and vector of the values: rows are the lanes of both its halves, vector i has the keys of tile i, in
  /// the lower lanes for the lower half and in the upper ones for the other.
  using TurnedValues = std::array<std::vector<unsigned>, 2>;

  HeadPlace placeOf(unsigned place, unsigned count, unsigned size) const {
    unsigned room = llvm::alignTo(size, model.lanesPerSuperlane), perHalf = countHeadsPerHalf(count, size, model);
    return {place / perHalf / 2, place / perHalf % 2, place % perHalf * room};
  }
  HeadPlace placeOfKey(unsigned group) const { return placeOf(group, sizes.groups, sizes.size); }
  HeadPlace placeOfValue(unsigned group) const { return placeOf(group, sizes.groups, sizes.valueSize); }
  HeadPlace placeOfResult(unsigned head) const { return placeOf(head, sizes.heads, sizes.valueSize); }
  unsigned groupOf(unsigned head) const { return head / (sizes.heads / sizes.groups); }

  int64_t roomOf(const Part &part) const { return llvm::alignTo(part.count, rowsPerLoad); }
  unsigned perHalfOf(const Part &part) const { return model.halfLanes() / roomOf(part); }
  int64_t keyTiles() const { return llvm::divideCeil(sizes.keys, runs.keyTile); }

  unsigned addTensor(Element type, int64_t rows, unsigned columns, Hemisphere side) {
    StreamTensor tensor;
    tensor.name = node;
    tensor.side = side;
    tensor.shape = TensorShape::dense(type, rows, columns, model);
    return program.add(std::move(tensor));
  }
  /// What becomes columns of an array.
  unsigned addColumns(int64_t rows, unsigned vectors, unsigned run, Hemisphere side) {
    unsigned tensor = addTensor(Element::Float16, rows, vectors * model.lanes(), side);
    program.tensors[tensor].shape.interleave = rowsPerLoad;
    program.tensors[tensor].shape.run = run;
    program.tensors[tensor].isPadded = run == 1; // longer ones are whole
    return tensor;
  }
  unsigned addLanes(int64_t rows, Hemisphere side) { return addTensor(Element::Float32, rows, model.lanes(), side); }

  void addTask(Stage stage, std::vector<ProductTile> tiles, int64_t rows, VectorProgram function,
               std::vector<RowsOf> inputs, std::vector<RowsOf> results) {
    stages[stage].push_back({!tiles.empty(), std::move(tiles), rows,
                             std::make_shared<VectorProgram>(std::move(function)), std::move(inputs),
                             std::move(results), node});
  }

  /// Rows become columns and columns rows: of a vector of `from`, a row for each key from `from.row` on. Each tensor of
  /// `turned` gets a row for each of `lanes` lanes of a half, and a vector for each tile of keys, whose lower lanes are
  /// of the lower half and whose upper lanes are, if it `hasHigh`, of the other. Lanes become rows in such an order
  /// that LOADs of these rows in runs of `run` give columns in the order of the lanes.
  void turn(Stage stage, RowsOf from, bool hasHigh, unsigned lanes, unsigned run, Hemisphere side,
            ArrayRef<unsigned> turned) {
    for (unsigned keyTile = 0; keyTile < keyTiles(); ++keyTile) {
      int64_t begin = keyTile * runs.keyTile;
      unsigned count = std::min<int64_t>(sizes.keys - begin, runs.keyTile);
      ProductTile tile;
      tile.activations = {constants.addIdentity(side, run), 0, 0, 1};
      for (unsigned half = 0; half < 1u + hasHigh; ++half)
        tile.loads.push_back({{from.tensor, from.vector, from.row + begin, 1},
                              half ? Half::High : Half::Low,
                              half * model.halfLanes(),
                              count});
      VectorProgram round;
      round.takesProduct = true;
      VectorOperand x = VectorOperand::input(round.addInput(Element::Float32));
      std::vector<RowsOf> results;
      for (unsigned tensor : turned) {
        round.results.push_back(round.convert(Element::Float32, Element::Float16, x).index);
        results.push_back({tensor, keyTile, 0, 1});
      }
      addTask(stage, {tile}, lanes, round, {{}}, results);
    }
  }

  /// The values with keys in the lanes, in both hemispheres, which share the work.
  TurnedValues turnValues(int64_t batch) {
    TurnedValues turned;
    HeadPlace last = placeOfValue(sizes.groups - 1);
    for (unsigned vector = 0; vector <= last.vector; ++vector) {
      unsigned lanes = 0; // of a half, that heads lie in
      bool hasHigh = false;
      for (unsigned group = 0; group < sizes.groups; ++group)
        if (HeadPlace place = placeOfValue(group); place.vector == vector) {
          lanes = std::max<unsigned>(lanes, place.lane + llvm::alignTo(sizes.valueSize, model.lanesPerSuperlane));
          hasHigh |= place.half;
        }
      for (Hemisphere side : {Hemisphere::East, Hemisphere::West})
        turned[static_cast<unsigned>(side)].push_back(
            addTensor(Element::Float16, lanes, keyTiles() * model.lanes(), side));
      turn(ValuesStage, {tensors.value[vector % 2], vector, batch * sizes.keys, 1}, hasHigh, lanes, runs.elements,
           vector % 2 ? Hemisphere::West : Hemisphere::East, {turned[0].back(), turned[1].back()});
    }
    return turned;
  }

  /// Heads whose keys lie in one half of a vector go together, as many as there is room for; hemispheres take turns.
  void gatherHeads(Part &part) {
    HeadPlace last = placeOfKey(sizes.groups - 1);
    auto add = [&](std::vector<unsigned> heads) {
      if (!heads.empty())
        part.scores.push_back({part.scores.size() % 2 ? Hemisphere::West : Hemisphere::East, std::move(heads)});
    };
    for (unsigned i = 0; i <= last.vector * 2 + last.half; ++i) {
      std::vector<unsigned> heads;
      for (unsigned head = 0; head < sizes.heads; ++head) {
        HeadPlace place = placeOfKey(groupOf(head));
        if (place.vector * 2 + place.half != i)
          continue;
        heads.push_back(head);
        if (heads.size() == 2 * perHalfOf(part))
          add(std::exchange(heads, {}));
      }
      add(std::move(heads));
    }
  }

  /// Scores, softmax over their rows, and their products by the values.
  void makeResults(const Part &part, Scores &scores, const TurnedValues &values) {
    Hemisphere side = scores.side;
    int64_t chains = std::min<int64_t>(getChains(model), sizes.keys);
    unsigned raw = addLanes(sizes.keys, side), most = addLanes(1, side);
    addScores(part, scores, chains, raw, most);

    // Weights that are not divided by their sum yet: that is left to the results, of which there are less.
    unsigned sums = addLanes(chains, side), factor = addLanes(1, side),
             weights = addColumns(sizes.keys, 1, runs.keys, side);
    VectorProgram exponential;
    VectorOperand s = VectorOperand::input(exponential.addInput(Element::Float32));
    VectorOperand m = VectorOperand::input(exponential.addInput(Element::Float32));
    VectorOperand e =
        exponential.add(AluOp::Exp, Element::Float32, exponential.add(AluOp::Sub, Element::Float32, s, m));
    exponential.results = {exponential.convert(Element::Float32, Element::Float16, e).index,
                           exponential.addRunning(AluOp::Add, Element::Float32, e).index};
    addTask(ExponentialStage, {}, sizes.keys, exponential, {{raw, 0, 0, 1}, {most, 0, 0, 0}},
            {{weights, 0, 0, 1}, {sums, 0, 0, 1}});
    addTree(SumStage, AluOp::Add, sums, (sizes.keys - chains) % chains, factor, /*inverts=*/true);

    unsigned perHalf = perHalfOf(part), room = roomOf(part);
    unsigned lanes = std::min<unsigned>(scores.heads.size(), perHalf) * room;
    unsigned turned = addColumns(lanes, keyTiles(), runs.queries, side);
    turn(WeightsStage, {weights, 0, 0, 1}, scores.heads.size() > perHalf, lanes, runs.queries, side, turned);
    addSums(part, scores, values, turned, factor);
  }

  void addScores(const Part &part, const Scores &scores, int64_t chains, unsigned raw, unsigned most) {
    unsigned half = static_cast<unsigned>(scores.side), perHalf = perHalfOf(part);
    int64_t room = roomOf(part);
    HeadPlace keyPlace = placeOfKey(groupOf(scores.heads.front()));
    ProductTile tile;
    tile.activations = {tensors.key[half], keyPlace.vector, part.batch * sizes.keys, 1};
    tile.half = keyPlace.half ? Half::High : Half::Low;
    unsigned repeats = sizes.heads / sizes.groups, numVectors = placeOfKey(sizes.groups - 1).vector + 1;
    for (auto [i, head] : llvm::enumerate(scores.heads)) {
      HeadPlace place = placeOfKey(groupOf(head));
      unsigned lane = place.half * model.halfLanes() + place.lane,
               width = llvm::divideCeil(sizes.size, model.lanesPerSuperlane);
      ColumnLoad load;
      load.rows = {tensors.query[half], head % repeats * numVectors + place.vector,
                   part.batch * sizes.queries + part.begin, 1};
      load.half = tile.half;
      load.column = i / perHalf * model.halfLanes() + i % perHalf * room;
      load.columns = part.count;
      load.superlanes = ((1u << width) - 1) << (lane / model.lanesPerSuperlane);
      tile.loads.push_back(load);
    }
    std::optional<unsigned> biasRows;
    if (bias)
      biasRows = addBias(scores, part.batch, part.begin, room, perHalf);
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
      greatest.push_back(addLanes(std::min(count, chains), scores.side));
      function.results = {s.index, function.addRunning(AluOp::Max, Element::Float32, x).index};
      ProductTile rows = tile;
      rows.activations.row += row;
      addTask(ScoresStage, {rows}, count, function, inputs, {{raw, 0, row, 1}, {greatest.back(), 0, 0, 1}});
    }
    // Of each burst; then of them.
    for (unsigned &rows : greatest) {
      unsigned one = greatest.size() == 1 ? most : addLanes(1, scores.side);
      addTree(GreatestStage, AluOp::Max, rows, 0, one, /*inverts=*/false);
      rows = one;
    }
    for (size_t i = 1; i < greatest.size(); ++i) {
      VectorProgram function;
      VectorOperand a = VectorOperand::input(function.addInput(Element::Float32)),
                    b = VectorOperand::input(function.addInput(Element::Float32));
      function.results = {function.add(AluOp::Max, Element::Float32, a, b).index};
      unsigned one = i + 1 == greatest.size() ? most : addLanes(1, scores.side);
      addTask(GreatestStage, {}, 1, function, {{greatest[i - 1], 0, 0, 0}, {greatest[i], 0, 0, 0}}, {{one, 0, 0, 1}});
      greatest[i] = one;
    }
  }

  /// Products of the values' elements as rows by arrays of the weights' rows, those of a group in one array, times the
  /// reciprocals of the weights' sums, which have the same lanes.
  void addSums(const Part &part, Scores &scores, const TurnedValues &values, unsigned weights, unsigned factor) {
    int64_t room = roomOf(part);
    unsigned perHalf = perHalfOf(part);
    for (unsigned head : scores.heads)
      scores.results.try_emplace(groupOf(head));
    for (auto &[group, results] : scores.results) {
      results = addColumns(sizes.valueSize, 1, runs.elements, scores.side);
      HeadPlace place = placeOfValue(group);
      std::vector<ProductTile> tiles;
      for (unsigned keyTile = 0; keyTile < keyTiles(); ++keyTile) {
        ProductTile tile;
        tile.activations = {values[static_cast<unsigned>(scores.side)][place.vector], keyTile, place.lane, 1};
        tile.half = place.half ? Half::High : Half::Low;
        for (auto [i, head] : llvm::enumerate(scores.heads)) {
          if (groupOf(head) != group)
            continue;
          unsigned lane = i % perHalf * room;
          tile.loads.push_back({{weights, keyTile, lane, 1},
                                i < perHalf ? Half::Low : Half::High,
                                static_cast<unsigned>(i / perHalf * model.halfLanes() + lane),
                                static_cast<unsigned>(room)});
        }
        tiles.push_back(std::move(tile));
      }
      VectorProgram divide;
      divide.takesProduct = true;
      VectorOperand x = VectorOperand::input(divide.addInput(Element::Float32));
      VectorOperand f = VectorOperand::input(divide.addInput(Element::Float32));
      divide.results = {
          divide.convert(Element::Float32, Element::Float16, divide.add(AluOp::Mul, Element::Float32, x, f)).index};
      addTask(SumsStage, std::move(tiles), sizes.valueSize, divide, {{}, {factor, 0, 0, 0}}, {{results, 0, 0, 1}});
    }
  }

  /// The results with the values' elements in the lanes: products of the identity's rows, those at which a head's
  /// queries lie in its half of the lanes.
  void turnResults(const Part &part,
                   llvm::function_ref<void(unsigned, int64_t, int64_t, std::vector<ProductTile>)> finish) {
    int64_t room = roomOf(part);
    unsigned perHalf = perHalfOf(part);
    for (unsigned vector = 0; vector <= placeOfResult(sizes.heads - 1).vector; ++vector) {
      Hemisphere side = vector % 2 ? Hemisphere::West : Hemisphere::East;
      std::map<int64_t, ProductTile> tiles; // by the lane from which on the queries lie
      for (const Scores &scores : part.scores)
        for (auto [i, head] : llvm::enumerate(scores.heads)) {
          HeadPlace to = placeOfResult(head);
          if (to.vector != vector)
            continue;
          int64_t lane = i % perHalf * room;
          ProductTile &tile = tiles[lane];
          tile.activations = {constants.addIdentity(side, runs.queries), 0, lane, 1};
          tile.loads.push_back({{scores.results.at(groupOf(head)), 0, 0, 1},
                                i < perHalf ? Half::Low : Half::High,
                                to.half * model.halfLanes() + to.lane,
                                sizes.valueSize});
        }
      std::vector<ProductTile> all;
      for (auto &[lane, tile] : tiles)
        all.push_back(std::move(tile));
      finish(vector, part.batch * sizes.queries + part.begin, part.count, std::move(all));
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
  unsigned addBias(const Scores &scores, int64_t batch, int64_t begin, int64_t room, unsigned perHalf) {
    Hemisphere side = scores.side;
    SmallVector<int64_t> dims(cast<RankedTensorType>(bias.getType()).getShape());
    bool isAlike = dims[1] == 1 && dims[2] == 1; // for all heads and queries
    std::vector<int64_t> queryOf(room);          // by column
    for (unsigned query = 0; query < room; ++query)
      queryOf[getColumn(query, rowsPerLoad, runs.queries)] = begin + query;
    auto chosen = [=, heads = scores.heads, sizes = sizes, half = model.halfLanes()](int64_t row, unsigned lane) {
      unsigned i = lane / half * perHalf + lane % half / room;
      int64_t query = queryOf[lane % half % room];
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
  AttentionRuns runs;
  std::vector<Task> stages[numStages];
};

} // namespace

void sinter::stream::lowerAttention(
    StreamProgram &program, ConstantTensors &constants, const TargetModel &model, const AttentionSizes &sizes,
    const AttentionTensors &tensors, Value bias, StringRef biasName, const std::string &node,
    llvm::function_ref<void(unsigned, int64_t, int64_t, std::vector<ProductTile>)> finish) {
  AttentionLowering(program, constants, model, sizes, tensors, bias, biasName, node).run(finish);
}
