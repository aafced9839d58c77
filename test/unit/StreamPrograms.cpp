//===- StreamPrograms.cpp - Small schedules with what they compute --------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/StreamPrograms.h"

#include "runtime/sim/StreamSimulator.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <random>
#include <stdexcept>

namespace sinter::test {

using namespace format;

namespace {

constexpr uint32_t lanes = 320;

uint32_t floatBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}

int positionOf(Direction hemisphere, uint32_t slice) {
  int x = 1 + static_cast<int>(slice / 4);
  return hemisphere == WEST ? -x : x;
}

Use use(uint32_t sequence, std::optional<uint32_t> part = {}, uint32_t first = 0, int32_t step = 1) {
  Use use;
  use.set_sequence(sequence);
  use.set_first(first);
  use.set_step(step);
  if (part)
    use.set_part(*part);
  return use;
}

FlowOperand flowConstant(uint32_t bits) {
  FlowOperand operand;
  operand.set_constant(bits);
  return operand;
}

FlowOperand of(const std::vector<Use> &uses) {
  FlowOperand operand;
  for (const Use &use : uses)
    *operand.add_uses() = use;
  return operand;
}

FlowOperand all(uint32_t sequence) { return of({use(sequence)}); }

/// A schedule under construction and its Flow.
class Program : public StreamScheduleBuilder {
public:
  /// Words that are at x of their unit at `arrival`, and then in the next cycles.
  void bring(uint64_t arrival, int x, Direction hemisphere, uint32_t slice, uint32_t address, Direction direction,
             uint32_t stream, Times times = {}, uint32_t superlanes = allSuperlanes) {
    int distance = std::abs(x - positionOf(hemisphere, slice));
    memory(arrival - 6 - static_cast<uint64_t>(distance), hemisphere, slice,
           read(address, direction, stream, superlanes), times);
  }
  /// What is driven at x at `driven` is written.
  void keep(uint64_t driven, int x, Direction hemisphere, uint32_t slice, uint32_t address, Direction direction,
            uint32_t stream, Times times = {}, uint32_t superlanes = allSuperlanes) {
    int distance = std::abs(x - positionOf(hemisphere, slice));
    memory(driven + static_cast<uint64_t>(distance), hemisphere, slice, write(address, direction, stream, superlanes),
           times);
  }
  /// Constants as words of a slice.
  void image(uint64_t offset, Direction hemisphere, uint32_t slice, uint32_t words, uint32_t bytes = lanes) {
    Image &image = *schedule().add_images();
    image.set_offset(offset);
    image.set_hemisphere(hemisphere);
    image.set_slice(slice);
    image.set_words(words);
    image.set_word_bytes(bytes);
  }

  Flow &flow() { return *schedule().mutable_flow(); }
  Sequence &add(uint32_t count) {
    Sequence &sequence = *flow().add_sequences();
    sequence.set_count(count);
    return sequence;
  }
  uint32_t last() { return static_cast<uint32_t>(flow().sequences_size()) - 1; }

  FlowStrip stripOf(const Placement &placement, uint32_t byte) {
    FlowStrip strip;
    strip.set_name(placement.name());
    strip.set_columns(placement.columns());
    strip.set_byte(byte);
    return strip;
  }
  uint32_t rows(const Placement &placement, uint32_t byte = 0) {
    *add(placement.rows()).mutable_rows()->add_strips() = stripOf(placement, byte);
    return last();
  }
  /// All bytes of the rows, as an operand.
  FlowOperand elements(const Placement &placement) {
    std::vector<Use> uses;
    for (int byte = 0; byte < placement.strips_size(); ++byte)
      uses.push_back(use(rows(placement, static_cast<uint32_t>(byte))));
    return of(uses);
  }
  uint32_t words(uint64_t offset, uint32_t count, uint32_t bytes = lanes) {
    FlowWords &words = *add(count).mutable_words();
    words.set_offset(offset);
    words.set_stride(bytes);
    words.set_bytes(bytes);
    return last();
  }
  uint32_t operation(uint32_t count, Alu::Operation operation, ElementType type,
                     const std::vector<FlowOperand> &operands, ElementType to = INT8) {
    FlowAlu &alu = *add(count).mutable_alu();
    alu.set_operation(operation);
    alu.set_type(type);
    alu.set_to(to);
    *alu.mutable_a() = operands[0];
    if (operands.size() > 1)
      *alu.mutable_b() = operands[1];
    if (operands.size() > 2)
      *alu.mutable_c() = operands[2];
    return last();
  }
  void result(const Placement &placement, uint32_t byte, const Use &use) {
    FlowResult &result = *flow().add_results();
    *result.mutable_strip() = stripOf(placement, byte);
    result.set_rows(placement.rows());
    *result.mutable_use() = use;
  }
  /// An output whose bytes are the parts of a sequence.
  void resultParts(const Placement &placement, uint32_t sequence, uint32_t first = 0) {
    for (int byte = 0; byte < placement.strips_size(); ++byte)
      result(placement, static_cast<uint32_t>(byte), use(sequence, static_cast<uint32_t>(byte), first));
  }
};

Times rowsOf(uint32_t rows, int32_t step = 1) { return {rows - 1, 1, step}; }

/// Rows from one hemisphere to the other, in the opposite order.
void move(Program &p) {
  Placement a = p.input("a", INT8, 6, lanes, WEST, 13, 40), b = p.output("b", INT8, 6, 200, EAST, 30, 4090);
  p.bring(30, 8, WEST, 13, 45, EAST, 7, rowsOf(6, -1));
  p.keep(30, 8, EAST, 30, 4090, EAST, 7, rowsOf(6));
  p.result(b, 0, use(p.rows(a), {}, 5, -1));
}

/// y = relu(a b + 1), with ALUs that feed each other.
void chain(Program &p) {
  constexpr uint32_t n = 5;
  Placement a = p.input("a", FLOAT32, n, lanes, WEST, 0, 0), b = p.input("b", FLOAT32, n, lanes, WEST, 8, 100);
  Placement y = p.output("y", FLOAT32, n, lanes, EAST, 4, 9);
  for (uint32_t byte = 0; byte < 4; ++byte) {
    p.bring(20, 0, WEST, byte, 0, EAST, byte, rowsOf(n));
    p.bring(20, 0, WEST, 8 + byte, 100, EAST, 4 + byte, rowsOf(n));
    p.keep(32, 0, EAST, 4 + byte, 9, EAST, 12 + byte, rowsOf(n));
  }
  Times times = rowsOf(n, 0);
  p.vxm(20, 2, alu(Alu::MUL, FLOAT32, {onStream(EAST, 0), onStream(EAST, 4)}, {}), times);
  p.vxm(24, 5, alu(Alu::ADD, FLOAT32, {fromAlu(2), constant(floatBits(1))}, {}), times);
  p.vxm(28, 9, alu(Alu::RELU, FLOAT32, {fromAlu(5)}, group(EAST, 12)), times);
  uint32_t product = p.operation(n, Alu::MUL, FLOAT32, {p.elements(a), p.elements(b)});
  uint32_t sum = p.operation(n, Alu::ADD, FLOAT32, {flowConstant(floatBits(1)), all(product)});
  p.resultParts(y, p.operation(n, Alu::RELU, FLOAT32, {all(sum)}));
}

/// y = exp(a) rsqrt(b) in float16, whose operands wait for each other in copies.
void transcendental(Program &p) {
  constexpr uint32_t n = 3;
  Placement a = p.input("a", FLOAT32, n, lanes, EAST, 0, 7), b = p.input("b", FLOAT32, n, lanes, EAST, 4, 7);
  Placement y = p.output("y", FLOAT16, n, lanes, WEST, 10, 0);
  for (uint32_t byte = 0; byte < 4; ++byte) {
    p.bring(20, 0, EAST, byte, 7, WEST, byte, rowsOf(n));
    p.bring(24, 0, EAST, 4 + byte, 7, WEST, 4 + byte, rowsOf(n));
  }
  Times times = rowsOf(n, 0);
  p.vxm(20, 0, alu(Alu::EXP, FLOAT32, {onStream(WEST, 0)}, {}), times);
  p.vxm(24, 1, alu(Alu::RSQRT, FLOAT32, {onStream(WEST, 4)}, {}), times);
  p.vxm(28, 2, alu(Alu::COPY, FLOAT32, {fromAlu(0)}, {}), times);
  p.vxm(32, 3, alu(Alu::SUB, FLOAT32, {fromAlu(2), fromAlu(1)}, {}), times);
  p.vxm(36, 4, alu(Alu::CONVERT, FLOAT32, {fromAlu(3)}, group(WEST, 20), FLOAT16), times);
  for (uint32_t byte = 0; byte < 2; ++byte)
    p.keep(40, 0, WEST, 10 + byte, 0, WEST, 20 + byte, rowsOf(n));
  uint32_t left = p.operation(n, Alu::EXP, FLOAT32, {p.elements(a)});
  uint32_t right = p.operation(n, Alu::RSQRT, FLOAT32, {p.elements(b)});
  uint32_t difference = p.operation(n, Alu::SUB, FLOAT32, {all(left), all(right)});
  p.resultParts(y, p.operation(n, Alu::CONVERT, FLOAT32, {all(difference)}, FLOAT16));
}

/// Columns of a tile from 16 slices, 20 words each, whose words lie one slice after the other in the weights file.
uint32_t int8Tile(Program &p, uint64_t offset) {
  std::vector<uint32_t> slices;
  for (uint32_t slice = 0; slice < 16; ++slice)
    slices.push_back(p.words(offset + uint64_t(slice) * 20 * lanes, 20));
  Tile tile;
  for (uint32_t column = 0; column < 320; ++column) {
    Tile::Columns &columns = *tile.add_columns();
    columns.set_first(column);
    columns.set_count(1);
    *columns.mutable_column() = of({use(slices[column % 16], {}, column / 16)});
  }
  *p.flow().add_tiles() = tile;
  return static_cast<uint32_t>(p.flow().tiles_size()) - 1;
}

/// y = scale (x0 W0 + x1 W1), the second array loaded while the first is in use.
void matmulInt8(Program &p) {
  constexpr uint32_t n = 22;
  Placement x0 = p.input("x0", INT8, n, lanes, WEST, 20, 0), x1 = p.input("x1", INT8, n, lanes, WEST, 21, 500);
  Placement y = p.output("y", FLOAT32, n, lanes, WEST, 36, 0);
  for (uint32_t tile = 0; tile < 2; ++tile)
    for (uint32_t slice = 0; slice < 16; ++slice) {
      if (tile == 0)
        p.image(uint64_t(slice) * 20 * lanes, WEST, slice, 20);
      else {
        p.image(uint64_t(16 + slice) * 20 * lanes, WEST, slice, 20);
        p.schedule().mutable_images(p.schedule().images_size() - 1)->set_address(20);
      }
      p.bring(30 + 21 * tile, -13, WEST, slice, 20 * tile, WEST, slice, rowsOf(20));
    }
  p.at(30, LOAD, WEST, 0, loadWeights(0, 0), {19, 1, 16});
  p.at(51, LOAD, WEST, 0, loadWeights(0, 0), {19, 1, 16});
  p.bring(50, -13, WEST, 20, 0, WEST, 16, rowsOf(n));
  p.bring(72, -13, WEST, 21, 500, WEST, 16, rowsOf(n));
  p.at(50, MULTIPLY, WEST, 0, multiply(16, 5), rowsOf(n)).mutable_multiply()->set_swap(true);
  Multiply &second = *p.at(72, MULTIPLY, WEST, 0, multiply(16, 5), rowsOf(n)).mutable_multiply();
  second.set_swap(true);
  second.set_add(true);
  *second.mutable_out() = group(EAST, 20);
  Times times = rowsOf(n, 0);
  p.vxm(125, 0, alu(Alu::CONVERT, INT32, {onStream(EAST, 20)}, {}, FLOAT32), times);
  p.vxm(129, 1, alu(Alu::MUL, FLOAT32, {fromAlu(0), constant(floatBits(0.01f))}, group(WEST, 24)), times);
  for (uint32_t byte = 0; byte < 4; ++byte)
    p.keep(133, 0, WEST, 36 + byte, 0, WEST, 24 + byte, rowsOf(n));

  uint32_t tiles[] = {int8Tile(p, 0), int8Tile(p, 16 * 20 * lanes)};
  uint32_t rows[] = {p.rows(x0), p.rows(x1)};
  FlowSums &sums = *p.add(n).mutable_sums();
  for (int k = 0; k < 2; ++k) {
    FlowSums::Term &term = *sums.add_terms();
    term.set_tile(tiles[k]);
    *term.mutable_row() = all(rows[k]);
  }
  uint32_t converted = p.operation(n, Alu::CONVERT, INT32, {all(p.last())}, FLOAT32);
  p.resultParts(y, p.operation(n, Alu::MUL, FLOAT32, {all(converted), flowConstant(floatBits(0.01f))}));
}

/// float16 in the east: columns in both halves of words, rows in the second.
void matmulFloat16(Program &p) {
  constexpr uint32_t n = 4;
  Placement x = p.input("x", FLOAT16, n, lanes, EAST, 20, 0), y = p.output("y", FLOAT32, n, lanes, EAST, 24, 0);
  for (uint32_t slice = 0; slice < 16; ++slice) {
    p.image(uint64_t(slice) * 20 * lanes, EAST, slice, 20);
    p.bring(30, 13, EAST, slice, 0, EAST, 16 + slice, rowsOf(20));
  }
  p.at(30, LOAD, EAST, 0, loadWeights(16, 0, BOTH), {19, 1, 16});
  for (uint32_t byte = 0; byte < 2; ++byte)
    p.bring(50, 13, EAST, 20 + byte, 0, EAST, 2 + byte, rowsOf(n));
  Multiply &product = *p.at(50, MULTIPLY, EAST, 0, multiply(2, 100, HIGH), rowsOf(n)).mutable_multiply();
  product.set_swap(true);
  *product.mutable_out() = group(WEST, 8);
  for (uint32_t byte = 0; byte < 4; ++byte)
    p.keep(90, 13, EAST, 24 + byte, 0, WEST, 8 + byte, rowsOf(n));

  std::vector<uint32_t> slices;
  for (uint32_t slice = 0; slice < 16; ++slice)
    slices.push_back(p.words(uint64_t(slice) * 20 * lanes, 20));
  FlowOperand rows = p.elements(x);
  Tile &tile = *p.flow().add_tiles();
  tile.set_float16(true);
  for (uint32_t column = 0; column < 320; ++column) {
    Tile::Columns &columns = *tile.add_columns();
    columns.set_first(column);
    columns.set_count(1);
    uint32_t pair = column % 16 / 2;
    *columns.mutable_column() =
        of({use(slices[2 * pair], {}, column / 16), use(slices[2 * pair + 1], {}, column / 16)});
    columns.set_half(column % 2 == 0 ? LOW : HIGH);
  }
  FlowSums::Term &term = *p.add(n).mutable_sums()->add_terms();
  term.set_half(HIGH);
  *term.mutable_row() = rows;
  p.resultParts(y, p.last());
}

/// Rows as columns: a a^T of two halves of planes, as attention has it.
void gram(Program &p) {
  constexpr uint32_t n = 16;
  std::vector<Placement> columns;
  for (uint32_t i = 0; i < n; ++i) {
    columns.push_back(p.input("a" + std::to_string(i), INT8, 1, lanes, EAST, i, 3));
    p.bring(30, 14, EAST, i, 3, EAST, i);
  }
  Placement x = p.input("x", INT8, 3, lanes, EAST, 20, 0), y = p.output("y", INT32, 3, 16, EAST, 24, 0);
  p.at(30, LOAD, EAST, 1, loadWeights(0, 0));
  p.bring(31, 14, EAST, 20, 0, EAST, 16, rowsOf(3));
  Multiply &product = *p.at(31, MULTIPLY, EAST, 1, multiply(16, 0), rowsOf(3)).mutable_multiply();
  product.set_swap(true);
  *product.mutable_out() = group(WEST, 0);
  for (uint32_t byte = 0; byte < 4; ++byte)
    p.keep(71, 14, EAST, 24 + byte, 0, WEST, byte, rowsOf(3), 1);
  Tile tile;
  for (uint32_t i = 0; i < n; ++i) {
    Tile::Columns &column = *tile.add_columns();
    column.set_first(i);
    column.set_count(1);
    *column.mutable_column() = all(p.rows(columns[i]));
  }
  *p.flow().add_tiles() = tile;
  uint32_t rows = p.rows(x);
  *p.add(3).mutable_sums()->add_terms()->mutable_row() = all(rows);
  uint32_t sums = p.last();
  for (uint32_t byte = 0; byte < 4; ++byte) {
    FlowMix::Piece &piece = *p.add(3).mutable_mix()->add_pieces();
    *piece.mutable_use() = use(sums, byte);
    piece.set_superlanes(1);
    p.result(y, byte, use(p.last()));
  }
}

/// Rows of a table by number, plus positions.
void embedding(Program &p) {
  constexpr uint32_t n = 4, entries = 6;
  Placement ids = p.input("ids", INT16, n, lanes, WEST, 16, 0);
  Placement positions = p.input("positions", FLOAT32, n, lanes, WEST, 24, 0);
  Placement y = p.output("y", FLOAT32, n, lanes, EAST, 0, 0);
  for (uint32_t byte = 0; byte < 4; ++byte) {
    p.image(uint64_t(byte) * entries * lanes, WEST, 8 + byte, entries); // x = -3
    Instruction gather = read(0, EAST, 4 + byte);
    Indirect &indirect = *gather.mutable_memory()->mutable_read()->mutable_indirect();
    *indirect.mutable_values() = group(EAST, 0);
    indirect.set_first(254);
    indirect.set_count(entries);
    p.memory(20, WEST, 8 + byte, gather, rowsOf(n, 0)); // driven at 30, at the VXM at 33
    p.bring(33, 0, WEST, 24 + byte, 0, EAST, 8 + byte, rowsOf(n));
    p.keep(37, 0, EAST, byte, 0, EAST, 12 + byte, rowsOf(n));
  }
  for (uint32_t byte = 0; byte < 2; ++byte)
    p.bring(20, -3, WEST, 16 + byte, 0, EAST, byte, rowsOf(n));
  p.vxm(33, 7, alu(Alu::ADD, FLOAT32, {onStream(EAST, 4), onStream(EAST, 8)}, group(EAST, 12)), rowsOf(n, 0));

  FlowOperand numbers = p.elements(ids);
  std::vector<Use> bytes;
  for (uint32_t byte = 0; byte < 4; ++byte) {
    uint32_t table = p.words(uint64_t(byte) * entries * lanes, entries);
    FlowGather &gather = *p.add(n).mutable_gather();
    Segment &segment = *gather.add_table();
    *segment.mutable_use() = use(table);
    segment.set_count(entries);
    *gather.mutable_values() = numbers;
    gather.set_first(254);
    gather.set_superlanes(allSuperlanes);
    bytes.push_back(use(p.last()));
  }
  FlowOperand second = p.elements(positions);
  p.resultParts(y, p.operation(n, Alu::ADD, FLOAT32, {of(bytes), second}));
}

/// A cache that is written at given rows, and read again in the same run.
void cache(Program &p) {
  constexpr uint32_t n = 2, capacity = 6;
  Placement state = p.input("cache", INT8, capacity, lanes, EAST, 8, 70);
  *p.schedule().add_states() = state;
  p.schedule().mutable_inputs()->RemoveLast();
  Placement at = p.input("at", INT16, n, lanes, EAST, 0, 0), x = p.input("x", INT8, n, lanes, EAST, 2, 0);
  Placement y = p.output("y", INT8, capacity, lanes, EAST, 20, 0);
  Instruction scatter = write(70, EAST, 4);
  Indirect &indirect = *scatter.mutable_memory()->mutable_write()->mutable_indirect();
  *indirect.mutable_values() = group(EAST, 0);
  indirect.set_first(254);
  indirect.set_count(capacity);
  p.memory(20, EAST, 8, scatter, rowsOf(n, 0));
  for (uint32_t byte = 0; byte < 2; ++byte)
    p.bring(20, 3, EAST, byte, 0, EAST, byte, rowsOf(n));
  p.bring(20, 3, EAST, 2, 0, EAST, 4, rowsOf(n));
  p.memory(27, EAST, 8, read(70, EAST, 9), rowsOf(capacity)); // driven at 33
  p.keep(33, 3, EAST, 20, 0, EAST, 9, rowsOf(capacity));

  uint32_t before = p.rows(state);
  FlowOperand numbers = p.elements(at);
  uint32_t data = p.rows(x);
  FlowScatter &after = *p.add(capacity).mutable_scatter();
  Segment &segment = *after.add_table();
  *segment.mutable_use() = use(before);
  segment.set_count(capacity);
  *after.mutable_values() = numbers;
  *after.mutable_data() = use(data);
  after.set_updates(n);
  after.set_first(254);
  after.set_superlanes(allSuperlanes);
  p.result(state, 0, use(p.last()));
  p.result(y, 0, use(p.last()));
}

/// 16 x 16 blocks.
void transposed(Program &p) {
  std::vector<Use> streams;
  std::vector<Placement> outputs;
  for (uint32_t i = 0; i < 16; ++i) {
    Placement a = p.input("a" + std::to_string(i), INT8, 2, lanes, WEST, i, 0);
    outputs.push_back(p.output("b" + std::to_string(i), INT8, 2, lanes, WEST, 16 + i, 0));
    p.bring(30, -12, WEST, i, 0, WEST, i, rowsOf(2));
    p.keep(38, -12, WEST, 16 + i, 0, EAST, 8 + i, rowsOf(2));
    streams.push_back(use(p.rows(a)));
  }
  p.at(30, TRANSPOSE, WEST, 0, exchange(Exchange::TRANSPOSE, group(WEST, 0), group(EAST, 8), 16), rowsOf(2, 0));
  FlowTranspose &transpose = *p.add(2).mutable_transpose();
  for (const Use &stream : streams)
    *transpose.add_streams() = stream;
  for (uint32_t i = 0; i < 16; ++i)
    p.result(outputs[i], 0, use(p.last(), i));
}

/// A shift, a table of all lanes and one of a superlane's, one after the other.
void movedLanes(Program &p) {
  LaneMap map, spread, spreadAll;
  for (uint32_t lane = 0; lane < lanes; ++lane)
    map.add_source(lane * 7 % 320);
  for (uint32_t lane = 0; lane < 16; ++lane)
    spread.add_source(lane / 4);
  for (uint32_t lane = 0; lane < lanes; ++lane)
    spreadAll.add_source(lane - lane % 16 + lane % 16 / 4);
  *p.schedule().add_lane_maps() = map;
  *p.schedule().add_lane_maps() = spread;
  *p.flow().add_lane_maps() = map;
  *p.flow().add_lane_maps() = spreadAll;

  Placement a = p.input("a", INT8, 3, lanes, EAST, 40, 0), y = p.output("y", INT8, 3, lanes, EAST, 36, 0);
  p.bring(20, 12, EAST, 40, 0, EAST, 3, rowsOf(3));
  Instruction shift = exchange(Exchange::SHIFT, group(EAST, 3), group(WEST, 7), 1);
  shift.mutable_exchange()->set_shift(-33);
  p.at(20, PERMUTE, EAST, 0, shift, rowsOf(3, 0));
  p.keep(48, 12, EAST, 41, 5000, WEST, 7, rowsOf(3)); // x = 11
  p.bring(70, 12, EAST, 41, 5000, EAST, 3, rowsOf(3));
  p.at(70, PERMUTE, EAST, 0, exchange(Exchange::PERMUTE, group(EAST, 3), group(WEST, 8), 1), rowsOf(3, 0));
  p.keep(98, 12, EAST, 42, 6000, WEST, 8, rowsOf(3));
  p.bring(120, 12, EAST, 42, 6000, EAST, 4, rowsOf(3));
  Instruction distribute = exchange(Exchange::DISTRIBUTE, group(EAST, 4), group(WEST, 9), 1);
  distribute.mutable_exchange()->set_lane_map(1);
  p.at(120, TRANSPOSE, EAST, 0, distribute, rowsOf(3, 0));
  p.keep(128, 12, EAST, 36, 0, WEST, 9, rowsOf(3));

  uint32_t from = p.rows(a);
  for (int i = 0; i < 3; ++i) {
    FlowLanes &moved = *p.add(3).mutable_lanes();
    *moved.mutable_from() = use(from);
    if (i == 0)
      moved.set_shift(-33);
    else
      moved.set_lane_map(static_cast<uint32_t>(i - 1));
    from = p.last();
  }
  p.result(y, 0, use(from));
}

/// Words put together from superlanes of two others, and one read in part.
void masked(Program &p) {
  Placement a = p.input("a", INT8, 3, lanes, WEST, 0, 0), b = p.input("b", INT8, 3, lanes, WEST, 1, 0);
  Placement y = p.output("y", INT8, 3, lanes, EAST, 0, 0);
  p.bring(20, 1, WEST, 0, 0, EAST, 0, rowsOf(3));
  p.bring(30, 1, WEST, 1, 0, EAST, 0, rowsOf(3), 0xfff0f);
  p.memory(20, EAST, 0, write(0, EAST, 0, 0x003ff), rowsOf(3));
  p.memory(30, EAST, 0, write(0, EAST, 0, 0xfff00), rowsOf(3));
  uint32_t first = p.rows(a), second = p.rows(b);
  FlowMix &mix = *p.add(3).mutable_mix();
  FlowMix::Piece &low = *mix.add_pieces(), &high = *mix.add_pieces();
  *low.mutable_use() = use(first);
  low.set_superlanes(0x000ff);
  *high.mutable_use() = use(second);
  high.set_superlanes(0xfff00);
  p.result(y, 0, use(p.last()));
}

/// (a + b) c and (a - b) c, by way of the same words of a buffer.
void reusedBuffer(Program &p) {
  constexpr uint32_t n = 4;
  Placement a = p.input("a", INT32, n, lanes, WEST, 0, 0), b = p.input("b", INT32, n, lanes, WEST, 4, 0);
  Placement c = p.input("c", INT32, n, lanes, WEST, 8, 0);
  Placement outputs[] = {p.output("y0", INT32, n, lanes, EAST, 8, 0), p.output("y1", INT32, n, lanes, EAST, 12, 0)};
  for (uint64_t k = 0; k < 2; ++k) {
    uint64_t start = 20 + 40 * k;
    for (uint32_t byte = 0; byte < 4; ++byte) {
      p.bring(start, 0, WEST, byte, 0, EAST, byte, rowsOf(n));
      p.bring(start, 0, WEST, 4 + byte, 0, EAST, 4 + byte, rowsOf(n));
      p.keep(start + 4, 0, EAST, byte, 100, EAST, 8 + byte, rowsOf(n));
      p.bring(start + 20, 0, EAST, byte, 100, WEST, 12 + byte, rowsOf(n));
      p.bring(start + 20, 0, WEST, 8 + byte, 0, EAST, byte, rowsOf(n));
      p.keep(start + 24, 0, EAST, static_cast<uint32_t>(8 + 4 * k) + byte, 0, EAST, 16 + byte, rowsOf(n));
    }
    Alu::Operation operation = k == 0 ? Alu::ADD : Alu::SUB;
    p.vxm(start, 0, alu(operation, INT32, {onStream(EAST, 0), onStream(EAST, 4)}, group(EAST, 8)), rowsOf(n, 0));
    p.vxm(start + 20, 1, alu(Alu::MUL, INT32, {onStream(WEST, 12), onStream(EAST, 0)}, group(EAST, 16)), rowsOf(n, 0));
  }
  FlowOperand as = p.elements(a), bs = p.elements(b), cs = p.elements(c);
  for (int k = 0; k < 2; ++k) {
    uint32_t first = p.operation(n, k == 0 ? Alu::ADD : Alu::SUB, INT32, {as, bs});
    p.resultParts(outputs[k], p.operation(n, Alu::MUL, INT32, {all(first), cs}));
  }
}

} // namespace

std::vector<uint8_t> drawInput(const Placement &placement, uint32_t seed) {
  for (unsigned char c : placement.name())
    seed = seed * 31 + c;
  std::mt19937 random(seed);
  std::vector<uint8_t> bytes;
  for (uint32_t i = 0; i < placement.rows() * placement.columns(); ++i) {
    uint32_t element = random();
    switch (placement.type()) {
    case INT16:
      element = 254 + element % 6;
      break;
    case FLOAT16:
      element = (element & 0x87ff) | 0x3000;
      break;
    case FLOAT32:
      element = (element & 0x7ffffff) + floatBits(0x1p-8f); // up to 2^8
      break;
    default:
      break;
    }
    int width = placement.type() == INT8 ? 1 : placement.type() == INT16 || placement.type() == FLOAT16 ? 2 : 4;
    for (int byte = 0; byte < width; ++byte)
      bytes.push_back(static_cast<uint8_t>(element >> 8 * byte));
  }
  return bytes;
}

std::vector<StreamProgram> streamPrograms() {
  using Write = void (*)(Program &);
  const std::pair<const char *, Write> all[] = {
      {"move", move},
      {"chain", chain},
      {"transcendental", transcendental},
      {"matmulInt8", matmulInt8},
      {"matmulFloat16", matmulFloat16},
      {"gram", gram},
      {"embedding", embedding},
      {"cache", cache},
      {"transposed", transposed},
      {"movedLanes", movedLanes},
      {"masked", masked},
      {"reusedBuffer", reusedBuffer},
  };
  std::vector<uint8_t> weights(2 * 16 * 20 * lanes);
  std::mt19937 random(3);
  for (uint8_t &weight : weights)
    weight = static_cast<uint8_t>(random()) & 0xbb; // as float16 and float32 never infinite
  std::vector<StreamProgram> programs;
  for (const auto &[name, write] : all) {
    Program program;
    write(program);
    programs.push_back({name, program.build(), weights});
    StreamSchedule &schedule = programs.back().schedule;
    std::string error;
    auto simulator = sim::StreamSimulator::create(schedule, tsp1(), weights.data(), weights.size(), error);
    if (!simulator)
      throw std::runtime_error(std::string(name) + ": " + error);
    if (auto stop = simulator->run())
      throw std::runtime_error(std::string(name) + ": " + stop->text());
    schedule.set_cycles(simulator->cycles());
  }
  return programs;
}

} // namespace sinter::test
