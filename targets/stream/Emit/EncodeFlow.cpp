//===- EncodeFlow.cpp - What a schedule says that it computes --------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Emit/EncodeFlow.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cassert>
#include <map>
#include <optional>
#include <utility>

using namespace sinter;
using namespace sinter::stream;

format::ElementType sinter::stream::encodeElement(Element type) {
  switch (type) {
  case Element::Int8:
    return format::INT8;
  case Element::Int16:
    return format::INT16;
  case Element::Int32:
    return format::INT32;
  case Element::Float16:
    return format::FLOAT16;
  case Element::Float32:
    return format::FLOAT32;
  }
  llvm_unreachable("an element");
}

namespace {

class FlowEncoder {
public:
  FlowEncoder(const StreamProgram &program, llvm::ArrayRef<uint64_t> constants, const TargetModel &model)
      : program(program), constants(constants), model(model), made(program.tensors.size()) {}

  format::Flow encode() {
    for (const std::vector<uint16_t> &map : program.laneMaps)
      flow.add_lane_maps()->mutable_source()->Add(map.begin(), map.end());
    for (const Task &task : program.tasks)
      encodeTask(task);
    for (unsigned i = 0; i < program.tensors.size(); ++i)
      if (program.tensors[i].kind == StreamTensor::Output || program.tensors[i].kind == StreamTensor::State)
        encodeResults(i);
    return std::move(flow);
  }

private:
  /// Rows first, first + step, ... of a vector are the vectors of a sequence; or of several, one for each byte.
  struct Rows {
    int64_t first, step, count;
    llvm::SmallVector<uint32_t, 4> sequences;

    /// Which vector of the sequence is `row`, if any.
    std::optional<int64_t> find(int64_t row) const {
      int64_t ahead = row - first;
      if (step == 0)
        return ahead == 0 ? std::optional<int64_t>(count - 1) : std::nullopt;
      if (ahead % step != 0 || ahead / step < 0 || ahead / step >= count)
        return std::nullopt;
      return ahead / step;
    }
  };

  format::Sequence &add(int64_t count) {
    format::Sequence &sequence = *flow.add_sequences();
    sequence.set_count(static_cast<uint32_t>(count));
    return sequence;
  }
  uint32_t allSuperlanes() const { return static_cast<uint32_t>((uint64_t(1) << model.superlanes) - 1); }
  uint32_t last() const { return static_cast<uint32_t>(flow.sequences_size()) - 1; }

  /// What is there before anything is computed.
  Rows givenRows(unsigned index, unsigned vector) {
    const StreamTensor &tensor = program.tensors[index];
    const TensorShape &shape = tensor.shape;
    Rows rows = {0, 1, shape.rows, {}};
    unsigned bytes = getBytes(shape.type);
    for (unsigned byte = 0; byte < bytes; ++byte) {
      format::Sequence &sequence = add(shape.rows);
      if (tensor.kind == StreamTensor::Constant) {
        format::FlowWords &words = *sequence.mutable_words();
        uint64_t stripBytes = uint64_t(shape.wordsPerStrip()) * model.lanes();
        words.set_offset(constants[index] + (uint64_t(vector) * bytes + byte) * shape.interleave * stripBytes);
        words.set_stride(model.lanes());
        words.set_bytes(model.lanes());
        words.set_interleave(shape.interleave);
        words.set_residue_stride(stripBytes);
      } else {
        assert((tensor.kind == StreamTensor::Input || tensor.kind == StreamTensor::State) &&
               "rows are read that nothing has made");
        for (const LanePart &part : shape.parts)
          if (part.vector == vector)
            encodeStrip(tensor, part, byte, *sequence.mutable_rows()->add_strips());
      }
      rows.sequences.push_back(last());
    }
    return rows;
  }

  void encodeStrip(const StreamTensor &tensor, const LanePart &part, unsigned byte, format::FlowStrip &strip) {
    strip.set_name(tensor.name);
    strip.set_column(part.column);
    strip.set_columns(part.columns);
    strip.set_first_lane(part.lane);
    strip.set_byte(byte);
  }

  /// Who makes the rows of a vector, the latest last.
  std::vector<Rows> &makersOf(unsigned tensor, unsigned vector) {
    std::vector<Rows> &makers = made[tensor][vector];
    if (makers.empty())
      makers.push_back(givenRows(tensor, vector));
    return makers;
  }

  const Rows &makerOf(unsigned tensor, unsigned vector, int64_t row, int64_t &at) {
    for (const Rows &rows : llvm::reverse(makersOf(tensor, vector)))
      if (std::optional<int64_t> found = rows.find(row)) {
        at = *found;
        return rows;
      }
    llvm_unreachable("a row is read that nothing has made");
  }

  static format::Use useOf(uint32_t sequence, int64_t first, int64_t step) {
    format::Use use;
    use.set_sequence(sequence);
    use.set_first(static_cast<uint32_t>(first));
    use.set_step(static_cast<int32_t>(step));
    return use;
  }

  /// `count` rows as uses: one of a sequence with all bytes, or one for each byte.
  llvm::SmallVector<format::Use, 4> usesOf(const RowsOf &rows, int64_t count) {
    llvm::SmallVector<format::Use, 4> uses;
    // Runs of rows with one maker, which lie evenly in its sequence.
    struct Run {
      const Rows *maker;
      int64_t first, step, count;
    };
    std::vector<Run> runs;
    for (int64_t i = 0; i < count; ++i) {
      int64_t at;
      const Rows &maker = makerOf(rows.tensor, rows.vector, rows.row + i * rows.step, at);
      Run *run = runs.empty() ? nullptr : &runs.back();
      if (run && run->maker == &maker && run->count == 1) {
        run->step = at - run->first;
        ++run->count;
      } else if (run && run->maker == &maker && at == run->first + run->step * run->count) {
        ++run->count;
      } else {
        runs.push_back({&maker, at, 0, 1});
      }
    }
    if (runs.size() == 1) {
      for (uint32_t sequence : runs[0].maker->sequences)
        uses.push_back(useOf(sequence, runs[0].first, runs[0].step));
      return uses;
    }
    // Makers of one tensor give their bytes alike: all in one sequence, but for what was given.
    size_t numSequences = runs[0].maker->sequences.size();
    for (size_t k = 0; k < numSequences; ++k) {
      format::FlowJoin join;
      for (const Run &run : runs) {
        assert(run.maker->sequences.size() == numSequences && "rows that are given and rows that are made");
        format::Segment &segment = *join.add_segments();
        *segment.mutable_use() = useOf(run.maker->sequences[k], run.first, run.step);
        segment.set_count(static_cast<uint32_t>(run.count));
      }
      *add(count).mutable_join() = std::move(join);
      uses.push_back(useOf(last(), 0, 1));
    }
    return uses;
  }

  format::FlowOperand operandOf(const RowsOf &rows, int64_t count) {
    format::FlowOperand operand;
    for (format::Use &use : usesOf(rows, count))
      *operand.add_uses() = std::move(use);
    return operand;
  }

  uint32_t tileOf(const ProductTile &tile, bool isFloat16) {
    format::Tile made;
    made.set_float16(isFloat16);
    auto addColumns = [&](unsigned first, unsigned step, int64_t count) -> format::Tile::Columns & {
      format::Tile::Columns &columns = *made.add_columns();
      columns.set_first(first);
      columns.set_step(step);
      columns.set_count(static_cast<uint32_t>(count));
      return columns;
    };
    if (tile.loads.empty()) {
      // LOAD l takes word l of each stream: with fp16 a pair of streams has two columns.
      unsigned streams = model.loadStreams(), step = model.columnsPerLoad();
      int64_t loads = program.tensors[tile.weights].shape.rows;
      for (unsigned stream = 0; stream < streams; ++stream) {
        RowsOf words = {tile.weights, stream, 0, 1};
        if (!isFloat16) {
          *addColumns(stream, step, loads).mutable_column() = operandOf(words, loads);
          continue;
        }
        format::FlowOperand halves = operandOf(words, loads);
        RowsOf highBytes = {tile.weights, ++stream, 0, 1};
        halves.MergeFrom(operandOf(highBytes, loads));
        for (format::Half half : {format::LOW, format::HIGH}) {
          format::Tile::Columns &columns = addColumns(stream - 1 + half, step, loads);
          *columns.mutable_column() = halves;
          columns.set_half(half);
        }
      }
    }
    for (const ColumnLoad &load : tile.loads) {
      // The last LOAD takes as many rows as the others. Behind the tensor's there are zeros, and they need no name.
      int64_t behind = program.tensors[load.rows.tensor].shape.rows - load.rows.row;
      int64_t count = std::min<int64_t>(behind, llvm::alignTo(load.columns, model.rowsPerLoad(isFloat16)));
      const TensorShape &shape = program.tensors[load.rows.tensor].shape;
      // Whole runs of one strip are columns as far apart as there are strips.
      int64_t run = shape.run == 1 ? count : shape.run;
      for (int64_t first = 0; first < count; first += run) {
        unsigned column = load.column + shape.interleave * shape.wordOf(first) + shape.stripOf(first);
        RowsOf rows = {load.rows.tensor, load.rows.vector, load.rows.row + first, 1};
        format::Tile::Columns &columns =
            shape.run == 1 ? addColumns(load.column, 1, count) : addColumns(column, shape.interleave, run);
        *columns.mutable_column() = maskedOf(rows, run, load.superlanes);
        if (isFloat16)
          columns.set_half(load.half == Half::High ? format::HIGH : format::LOW);
      }
    }
    std::string key = made.SerializeAsString();
    auto [known, isNew] = tiles.try_emplace(std::move(key), static_cast<uint32_t>(flow.tiles_size()));
    if (isNew)
      *flow.add_tiles() = std::move(made);
    return known->second;
  }

  /// Rows of which only some superlanes are read, byte by byte.
  format::FlowOperand maskedOf(const RowsOf &rows, int64_t count, uint32_t superlanes) {
    uint32_t all = allSuperlanes();
    format::FlowOperand whole = operandOf(rows, count);
    if ((superlanes & all) == all)
      return whole;
    format::FlowOperand masked;
    unsigned bytes = getBytes(program.tensors[rows.tensor].shape.type);
    for (unsigned byte = 0; byte < bytes; ++byte) {
      format::FlowMix mix;
      format::FlowMix::Piece &piece = *mix.add_pieces();
      if (whole.uses_size() == 1) {
        *piece.mutable_use() = whole.uses(0);
        piece.mutable_use()->set_part(byte);
      } else {
        *piece.mutable_use() = whole.uses(static_cast<int>(byte));
      }
      piece.set_superlanes(superlanes & all);
      *add(count).mutable_mix() = std::move(mix);
      *masked.add_uses() = useOf(last(), 0, 1);
    }
    return masked;
  }

  /// Rows of a table by numbers, byte by byte.
  format::FlowOperand lookUp(const RowsOf &table, const Lookup &lookup, int64_t count) {
    const TensorShape &shape = program.tensors[table.tensor].shape;
    format::FlowOperand rows = operandOf({table.tensor, table.vector, 0, 1}, shape.rows), found;
    format::FlowOperand values = operandOf(lookup.indices, count);
    for (unsigned byte = 0; byte < getBytes(shape.type); ++byte) {
      format::FlowGather gather;
      format::Segment &segment = *gather.add_table();
      *segment.mutable_use() = rows.uses(rows.uses_size() == 1 ? 0 : static_cast<int>(byte));
      segment.set_count(static_cast<uint32_t>(shape.rows));
      *gather.mutable_values() = values;
      gather.set_first(lookup.first);
      gather.set_superlanes(allSuperlanes());
      *add(count).mutable_gather() = std::move(gather);
      *found.add_uses() = useOf(last(), 0, 1);
    }
    return found;
  }

  /// Rows whose lanes are moved, byte by byte.
  format::FlowOperand move(const RowsOf &rows, int64_t count, unsigned laneMap) {
    format::FlowOperand from = operandOf(rows, count), moved;
    for (unsigned byte = 0; byte < getBytes(program.tensors[rows.tensor].shape.type); ++byte) {
      format::FlowLanes lanes;
      *lanes.mutable_from() = from.uses(from.uses_size() == 1 ? 0 : static_cast<int>(byte));
      if (from.uses_size() == 1)
        lanes.mutable_from()->set_part(byte);
      lanes.set_lane_map(laneMap);
      *add(count).mutable_lanes() = std::move(lanes);
      *moved.add_uses() = useOf(last(), 0, 1);
    }
    return moved;
  }

  void encodeTask(const Task &task) {
    std::optional<uint32_t> product;
    if (!task.tiles.empty()) {
      format::FlowSums sums;
      for (const ProductTile &tile : task.tiles) {
        format::FlowSums::Term &term = *sums.add_terms();
        term.set_tile(tileOf(tile, task.isFloat16));
        *term.mutable_row() = operandOf(tile.activations, task.rows);
        if (task.isFloat16)
          term.set_half(tile.half == Half::High ? format::HIGH : format::LOW);
      }
      *add(task.rows).mutable_sums() = std::move(sums);
      product = last();
    }
    std::vector<format::FlowOperand> inputs(task.inputs.size());
    for (unsigned i = 0; i < task.inputs.size(); ++i) {
      auto lookup = task.lookups.find(i);
      if (i == 0 && product)
        *inputs[0].add_uses() = useOf(*product, 0, 1);
      else if (lookup != task.lookups.end())
        inputs[i] = lookUp(task.inputs[i], lookup->second, task.rows);
      else if (auto move = task.moves.find(i); move != task.moves.end())
        inputs[i] = this->move(task.inputs[i], task.rows, move->second);
      else
        inputs[i] = operandOf(task.inputs[i], task.rows);
    }
    std::vector<uint32_t> operations;
    std::map<size_t, llvm::SmallVector<uint32_t, 4>> running;
    for (const VectorOperation &operation : task.program->operations) {
      if (operation.isRunning) {
        running[operations.size()] = encodeRunning(task, operation, inputs, operations);
        operations.push_back(0); // which no operation takes
        continue;
      }
      format::FlowAlu alu;
      alu.set_operation(static_cast<format::Alu::Operation>(operation.op));
      alu.set_type(encodeElement(operation.type));
      if (operation.op == AluOp::Convert)
        alu.set_to(encodeElement(operation.to));
      format::FlowOperand *operands[] = {alu.mutable_a(), alu.mutable_b(), alu.mutable_c()};
      for (unsigned k = 0; k < 3; ++k) {
        const VectorOperand &operand = operation.operands[k];
        if (operand.kind == VectorOperand::Input)
          *operands[k] = inputs[operand.index];
        else if (operand.kind == VectorOperand::Operation)
          *operands[k]->add_uses() = useOf(operations[operand.index], 0, 1);
        else if (operand.kind == VectorOperand::Constant)
          operands[k]->set_constant(operand.bits);
      }
      *add(task.rows).mutable_alu() = std::move(alu);
      operations.push_back(last());
    }
    for (auto [i, result, operation] : llvm::enumerate(task.results, task.program->results)) {
      auto last = running.find(operation);
      if (auto numbers = task.scatters.find(i); numbers != task.scatters.end())
        encodeScatter(result, operandOf(numbers->second, task.rows), operations[operation], task.rows);
      else if (last == running.end())
        made[result.tensor][result.vector].push_back({result.row, result.step, task.rows, {operations[operation]}});
      else
        made[result.tensor][result.vector].push_back(
            {result.row, result.step, std::min<int64_t>(getChains(model), task.rows), last->second});
    }
  }

  /// A state after some rows of it were written: strip by strip, and then all of its rows in order.
  void encodeScatter(const RowsOf &state, const format::FlowOperand &numbers, uint32_t data, int64_t count) {
    const TensorShape &shape = program.tensors[state.tensor].shape;
    Rows after = {0, 1, shape.rows, {}};
    llvm::SmallVector<format::Use, 4> before = usesOf({state.tensor, state.vector, 0, 1}, shape.rows);
    for (unsigned byte = 0; byte < getBytes(shape.type); ++byte) {
      std::vector<uint32_t> strips;
      for (unsigned residue = 0; residue < shape.interleave; ++residue) {
        format::FlowScatter scatter;
        format::Segment &table = *scatter.add_table();
        format::Use &use = *table.mutable_use();
        use = before[before.size() == 1 ? 0 : byte];
        if (before.size() == 1)
          use.set_part(byte);
        use.set_first(use.first() + residue * use.step());
        use.set_step(use.step() * static_cast<int32_t>(shape.interleave));
        table.set_count(shape.rowsInStrip(residue));
        *scatter.mutable_values() = numbers;
        *scatter.mutable_data() = useOf(data, 0, 1);
        scatter.mutable_data()->set_part(byte);
        scatter.set_updates(static_cast<uint32_t>(count));
        scatter.set_first(shape.firstNumber(residue));
        scatter.set_superlanes(allSuperlanes());
        *add(shape.rowsInStrip(residue)).mutable_scatter() = std::move(scatter);
        strips.push_back(last());
      }
      if (shape.interleave > 1) {
        format::FlowJoin join;
        for (int64_t row = 0; row < shape.rows; ++row) {
          format::Segment &segment = *join.add_segments();
          *segment.mutable_use() = useOf(strips[row % shape.interleave], row / shape.interleave, 0);
          segment.set_count(1);
        }
        *add(shape.rows).mutable_join() = std::move(join);
      }
      after.sequences.push_back(last());
    }
    made[state.tensor][state.vector].push_back(std::move(after));
  }

  /// The operand's vectors from `first` on.
  static format::FlowOperand advance(format::FlowOperand operand, int64_t first) {
    for (format::Use &use : *operand.mutable_uses())
      use.set_first(static_cast<uint32_t>(use.first() + first * use.step()));
    return operand;
  }

  /// One round of the chains after the other; then the last value of each chain, in the order in which they are
  /// finished. As one sequence, or one for each byte.
  llvm::SmallVector<uint32_t, 4> encodeRunning(const Task &task, const VectorOperation &operation,
                                               llvm::ArrayRef<format::FlowOperand> inputs,
                                               llvm::ArrayRef<uint32_t> operations) {
    const VectorOperand &x = operation.operands[0];
    format::FlowOperand operand;
    if (x.kind == VectorOperand::Input)
      operand = inputs[x.index];
    else
      *operand.add_uses() = useOf(operations[x.index], 0, 1);
    int64_t chains = std::min<int64_t>(getChains(model), task.rows), inLast = chains;
    format::FlowOperand round = operand, before; // the round's values, and those of the one before
    for (int64_t row = chains; row < task.rows; row += chains) {
      inLast = std::min(chains, task.rows - row);
      format::FlowAlu alu;
      alu.set_operation(static_cast<format::Alu::Operation>(operation.op));
      alu.set_type(encodeElement(operation.type));
      *alu.mutable_a() = advance(operand, row);
      *alu.mutable_b() = round;
      *add(inLast).mutable_alu() = std::move(alu);
      before = std::exchange(round, {});
      *round.add_uses() = useOf(last(), 0, 1);
    }
    if (inLast == chains && task.rows > chains)
      return {last()};
    llvm::SmallVector<uint32_t, 4> sequences;
    for (unsigned byte = 0; byte < getBytes(operation.to); ++byte) {
      format::FlowJoin join;
      auto addSegment = [&](const format::FlowOperand &values, int64_t first, int64_t count) {
        format::Segment &segment = *join.add_segments();
        *segment.mutable_use() = advance(values, first).uses(values.uses_size() == 1 ? 0 : static_cast<int>(byte));
        if (values.uses_size() == 1)
          segment.mutable_use()->set_part(byte);
        segment.set_count(static_cast<uint32_t>(count));
      };
      if (inLast < chains)
        addSegment(before, inLast, chains - inLast);
      addSegment(round, 0, inLast);
      *add(chains).mutable_join() = std::move(join);
      sequences.push_back(last());
    }
    return sequences;
  }

  void encodeResults(unsigned index) {
    const StreamTensor &tensor = program.tensors[index];
    for (const LanePart &part : tensor.shape.parts) {
      RowsOf rows = {index, part.vector, 0, 1};
      llvm::SmallVector<format::Use, 4> uses = usesOf(rows, tensor.shape.rows);
      for (unsigned byte = 0; byte < getBytes(tensor.shape.type); ++byte) {
        format::FlowResult &result = *flow.add_results();
        encodeStrip(tensor, part, byte, *result.mutable_strip());
        result.set_rows(static_cast<uint32_t>(tensor.shape.rows));
        *result.mutable_use() = uses[uses.size() == 1 ? 0 : byte];
        if (uses.size() == 1)
          result.mutable_use()->set_part(byte);
      }
    }
  }

  const StreamProgram &program;
  llvm::ArrayRef<uint64_t> constants;
  const TargetModel &model;
  /// By tensor and vector.
  std::vector<std::map<unsigned, std::vector<Rows>>> made;
  std::map<std::string, uint32_t> tiles;
  format::Flow flow;
};

} // namespace

format::Flow sinter::stream::encodeFlow(const StreamProgram &program, llvm::ArrayRef<uint64_t> constants,
                                        const TargetModel &model) {
  return FlowEncoder(program, constants, model).encode();
}
