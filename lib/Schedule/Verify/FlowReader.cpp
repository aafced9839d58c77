//===- FlowReader.cpp - The vectors that a schedule says it computes ------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Schedule/Verify/FlowReader.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>

namespace sinter::verify {

using namespace format;

bool FlowReader::fail(const std::string &sentence) {
  if (problem.empty())
    problem = "sequence " + std::to_string(sequences.size()) + " " + sentence;
  return false;
}

bool FlowReader::spend(uint64_t steps) {
  work += steps;
  return (work <= greatestWork && names.size() <= greatestSize / 8) || fail("makes Flow larger than any schedule's");
}

bool FlowReader::take(const Use &use, uint64_t i, Parts &parts) {
  if (use.sequence() >= sequences.size())
    return fail("uses sequence " + std::to_string(use.sequence()) + ", which does not come before it");
  const Vectors &from = sequences[use.sequence()];
  int64_t at = int64_t(use.first()) + int64_t(use.step()) * static_cast<int64_t>(i);
  if (at < 0 || at >= from.count)
    return fail("uses vector " + std::to_string(at) + " of sequence " + std::to_string(use.sequence()) +
                ", which has " + std::to_string(from.count));
  const Name *first = from.all.data() + static_cast<uint64_t>(at) * from.parts;
  if (!use.has_part()) {
    parts.append(first, first + from.parts);
    return true;
  }
  if (use.part() >= from.parts)
    return fail("uses part " + std::to_string(use.part()) + " of " + std::to_string(from.parts));
  parts.push_back(first[use.part()]);
  return true;
}

bool FlowReader::takeOne(const Use &use, uint64_t i, Name &name) {
  Parts parts;
  if (!take(use, i, parts))
    return false;
  if (parts.size() != 1)
    return fail("uses " + std::to_string(parts.size()) + " parts where one is needed");
  name = parts.front();
  return true;
}

bool FlowReader::takeOperand(const FlowOperand &operand, uint64_t i, unsigned width, Parts &bytes) {
  if (operand.uses_size() > 4)
    return fail("has an operand of more than 4 uses");
  for (const Use &use : operand.uses())
    if (!take(use, i, bytes))
      return false;
  if (bytes.size() != width)
    return fail("has an operand of " + std::to_string(bytes.size()) + " bytes, which has " + std::to_string(width));
  return true;
}

bool FlowReader::takeSegments(const google::protobuf::RepeatedPtrField<Segment> &segments, std::vector<Name> &words) {
  for (const Segment &segment : segments) {
    if (!spend(segment.count()) || words.size() + segment.count() > greatestSize / 16)
      return fail("takes a table larger than any schedule's");
    for (uint64_t i = 0; i < segment.count(); ++i) {
      Name name;
      if (!takeOne(segment.use(), i, name))
        return false;
      words.push_back(name);
    }
  }
  return true;
}

bool FlowReader::readRows(const FlowRows &rows, Vectors &to) {
  if (rows.strips_size() == 0 || (rows.first_size() != 0 && rows.first_size() != rows.strips_size()))
    return fail("names no strips, or not as many first rows");
  if (!spend(uint64_t(to.count) * rows.strips_size()))
    return false;
  for (uint32_t i = 0; i < to.count; ++i) {
    llvm::SmallVector<VectorNames::StripRow, 2> all;
    for (int k = 0; k < rows.strips_size(); ++k) {
      const FlowStrip &strip = rows.strips(k);
      all.push_back({strip.name(), strip.column(), strip.columns(), strip.first_lane(), strip.byte(),
                     (rows.first_size() ? rows.first(k) : 0) + i});
    }
    to.all.push_back(names.word(all));
  }
  return true;
}

bool FlowReader::readAlu(const FlowAlu &alu, Vectors &to) {
  unsigned width = widthOf(alu.type()), arity = arityOf(alu.operation());
  to.parts = resultWidth(alu.operation(), alu.type(), alu.to());
  if (width == 0 || to.parts == 0 || !Alu::Operation_IsValid(alu.operation()))
    return fail("is of an operation or a type that there is not");
  if (!spend(uint64_t(to.count) * arity))
    return false;
  const FlowOperand *operands[] = {&alu.a(), &alu.b(), &alu.c()};
  for (uint32_t i = 0; i < to.count; ++i) {
    llvm::SmallVector<Parts, 3> all(arity);
    for (unsigned k = 0; k < arity; ++k) {
      if (operands[k]->has_constant())
        all[k] = names.constant(operands[k]->constant(), width);
      else if (!takeOperand(*operands[k], i, width, all[k]))
        return false;
    }
    if (alu.operation() == Alu::COPY) {
      to.all.insert(to.all.end(), all[0].begin(), all[0].end());
      continue;
    }
    Name whole = names.alu(alu.operation(), alu.type(), alu.to(), all);
    compute(whole);
    for (unsigned part = 0; part < to.parts; ++part)
      to.all.push_back(names.part(whole, part));
  }
  return true;
}

bool FlowReader::readTranspose(const FlowTranspose &transpose, Vectors &to) {
  to.parts = machine.lanesPerSuperlane;
  if (static_cast<uint32_t>(transpose.streams_size()) != to.parts)
    return fail("transposes " + std::to_string(transpose.streams_size()) + " streams");
  if (!spend(uint64_t(to.count) * to.parts))
    return false;
  for (uint32_t i = 0; i < to.count; ++i) {
    llvm::SmallVector<Name, 16> streams;
    for (const Use &use : transpose.streams())
      if (!takeOne(use, i, streams.emplace_back()))
        return false;
    Name whole = names.transposition(streams);
    compute(whole);
    for (unsigned part = 0; part < to.parts; ++part)
      to.all.push_back(names.part(whole, part));
  }
  return true;
}

bool FlowReader::readLanes(const FlowLanes &lanes, Vectors &to) {
  std::vector<uint32_t> sources;
  uint32_t count = machine.lanes();
  if (lanes.movement_case() == FlowLanes::kLaneMap) {
    if (lanes.lane_map() >= static_cast<uint32_t>(flow.lane_maps_size()))
      return fail("names a table that there is not");
    const LaneMap &map = flow.lane_maps(static_cast<int>(lanes.lane_map()));
    sources.assign(map.source().begin(), map.source().end());
  } else {
    for (int64_t lane = 0; lane < count; ++lane) {
      int64_t source = lane - lanes.shift();
      sources.push_back(source >= 0 && source < count ? static_cast<uint32_t>(source) : count);
    }
  }
  if (sources.size() != count || llvm::any_of(sources, [&](uint32_t source) { return source > count; }))
    return fail("names a table that is none of all lanes");
  if (!spend(uint64_t(to.count) * machine.superlanes))
    return false;
  for (uint32_t i = 0; i < to.count; ++i) {
    Name from;
    if (!takeOne(lanes.from(), i, from))
      return false;
    to.all.push_back(names.lanes(from, sources));
    compute(to.all.back());
  }
  return true;
}

bool FlowReader::readMix(const FlowMix &mix, Vectors &to) {
  if (!spend(uint64_t(to.count) * mix.pieces_size()))
    return false;
  for (uint32_t i = 0; i < to.count; ++i) {
    Name whole = zeros;
    for (const FlowMix::Piece &piece : mix.pieces()) {
      Name name;
      if (!takeOne(piece.use(), i, name))
        return false;
      whole = names.mix(name, whole, piece.superlanes());
    }
    to.all.push_back(whole);
  }
  return true;
}

bool FlowReader::readGather(const FlowGather &gather, Vectors &to) {
  std::vector<Name> words;
  if (!takeSegments(gather.table(), words))
    return false;
  Name table = names.table(words);
  for (uint32_t i = 0; i < to.count; ++i) {
    Parts values;
    if (!takeOperand(gather.values(), i, 2, values))
      return false;
    to.all.push_back(names.mix(names.gathered(table, values, gather.first()), zeros, gather.superlanes()));
    compute(to.all.back());
  }
  return true;
}

bool FlowReader::readScatter(const FlowScatter &scatter, Vectors &to) {
  if (!takeSegments(scatter.table(), to.all))
    return false;
  if (to.all.size() != to.count)
    return fail("scatters into " + std::to_string(to.all.size()) + " words");
  if (!spend(uint64_t(to.count) * scatter.updates()))
    return false;
  for (uint32_t u = 0; u < scatter.updates(); ++u) {
    Parts values;
    Name data;
    if (!takeOperand(scatter.values(), u, 2, values) || !takeOne(scatter.data(), u, data))
      return false;
    for (uint32_t i = 0; i < to.count; ++i)
      to.all[i] =
          names.mix(names.scattered(to.all[i], scatter.first() + i, values, data), to.all[i], scatter.superlanes());
  }
  return true;
}

bool FlowReader::readTile(uint32_t index, Name &name) {
  if (index >= tiles.size())
    return fail("names a tile that there is not");
  if (tiles[index]) {
    name = *tiles[index];
    return true;
  }
  const Tile &tile = flow.tiles(static_cast<int>(index));
  std::vector<Name> columns(machine.planeColumns, zeros);
  if (!spend(uint64_t(columns.size()) * (1 + tile.columns_size())))
    return false;
  for (const Tile::Columns &some : tile.columns()) {
    uint64_t step = std::max(some.step(), 1u);
    if (some.count() == 0 || some.count() > columns.size() ||
        some.first() + (some.count() - 1) * step >= columns.size() || (!tile.float16() && some.half() != LOW) ||
        (some.half() != LOW && some.half() != HIGH))
      return fail("uses a tile with columns or halves that there are not");
    for (uint32_t i = 0; i < some.count(); ++i) {
      Parts bytes;
      if (!takeOperand(some.column(), i, tile.float16() ? 2 : 1, bytes))
        return false;
      columns[some.first() + i * step] = names.column(tile.float16(), bytes, some.half());
    }
  }
  name = names.array(tile.float16(), columns);
  tiles[index] = name;
  return true;
}

bool FlowReader::readSums(const FlowSums &sums, Vectors &to) {
  to.parts = 4;
  if (sums.terms_size() == 0)
    return fail("sums nothing");
  if (!spend(uint64_t(to.count) * sums.terms_size()))
    return false;
  std::vector<Name> arrays(sums.terms_size());
  bool float16 = false;
  for (int k = 0; k < sums.terms_size(); ++k) {
    const FlowSums::Term &term = sums.terms(k);
    if (!readTile(term.tile(), arrays[k]))
      return false;
    bool is = flow.tiles(static_cast<int>(term.tile())).float16();
    if ((k > 0 && is != float16) || (!is && term.half() != LOW) || (term.half() != LOW && term.half() != HIGH))
      return fail("sums products of two types, or of halves that there are not");
    float16 = is;
  }
  for (uint32_t i = 0; i < to.count; ++i) {
    Name held = zeros;
    for (int k = 0; k < sums.terms_size(); ++k) {
      const FlowSums::Term &term = sums.terms(k);
      Parts row;
      if (!takeOperand(term.row(), i, float16 ? 2 : 1, row))
        return false;
      Name product = names.product(float16, arrays[k], row, term.half());
      held = k == 0 ? product : names.sum(float16, held, product);
      compute(held);
    }
    for (unsigned part = 0; part < 4; ++part)
      to.all.push_back(names.part(held, part));
  }
  return true;
}

bool FlowReader::readSequence(const Sequence &sequence, Vectors &to) {
  switch (sequence.formula_case()) {
  case Sequence::kWords: {
    const FlowWords &words = sequence.words();
    uint64_t interleave = std::max(words.interleave(), 1u);
    if (words.bytes() > machine.lanes())
      return fail("has words of more bytes than there are lanes");
    for (uint64_t i = 0; i < to.count; ++i)
      to.all.push_back(names.weights(
          words.offset() + i % interleave * words.residue_stride() + i / interleave * words.stride(), words.bytes()));
    return true;
  }
  case Sequence::kRows:
    return readRows(sequence.rows(), to);
  case Sequence::kZeros:
    to.all.assign(to.count, zeros);
    return true;
  case Sequence::kAlu:
    return readAlu(sequence.alu(), to);
  case Sequence::kTranspose:
    return readTranspose(sequence.transpose(), to);
  case Sequence::kLanes:
    return readLanes(sequence.lanes(), to);
  case Sequence::kMix:
    return readMix(sequence.mix(), to);
  case Sequence::kGather:
    return readGather(sequence.gather(), to);
  case Sequence::kScatter:
    return readScatter(sequence.scatter(), to);
  case Sequence::kSums:
    return readSums(sequence.sums(), to);
  case Sequence::kJoin:
    // Of vectors of one or several parts.
    for (const Segment &segment : sequence.join().segments()) {
      const Use &use = segment.use();
      if (!spend(segment.count()) || to.all.size() + segment.count() > uint64_t(to.count) * 16)
        return fail("joins more vectors than it has");
      for (uint64_t i = 0; i < segment.count(); ++i) {
        Parts parts;
        if (!take(use, i, parts))
          return false;
        if (to.all.empty())
          to.parts = static_cast<uint32_t>(parts.size());
        if (parts.size() != to.parts)
          return fail("joins vectors of different numbers of parts");
        to.all.insert(to.all.end(), parts.begin(), parts.end());
      }
    }
    return to.all.size() == uint64_t(to.count) * to.parts || fail("joins another number of vectors than it has");
  default:
    return fail("has no formula");
  }
}

bool FlowReader::readKnown(std::string &error) {
  std::vector<const KnownWords *> all;
  uint64_t end = 0;
  for (const KnownWords &words : flow.known()) {
    // Each ends before the next begins, and no sum of offsets overflows.
    constexpr uint64_t greatestOffset = uint64_t(1) << 48, greatestCount = uint64_t(1) << 24;
    bool isGood = words.bytes() != 0 && words.bytes() <= machine.lanes() && words.count() <= greatestCount &&
                  words.offset() >= end && words.offset() <= greatestOffset && words.like() <= greatestOffset &&
                  words.like_stride() <= machine.lanes() && (!words.halves_alike() || words.bytes() == machine.lanes());
    if (!isGood) {
      error =
          "what is known of the constants at " + std::to_string(words.offset()) + " is of no words, or meets others";
      return false;
    }
    end = words.offset() + uint64_t(words.count()) * words.bytes();
    all.push_back(&words);
  }
  names.know(all);
  return true;
}

bool FlowReader::read(std::string &error) {
  if (!readKnown(error))
    return false;
  tiles.resize(flow.tiles_size());
  for (const Sequence &sequence : flow.sequences()) {
    Vectors vectors;
    vectors.count = sequence.count();
    // No vector has more than 16 parts.
    bool good = size + uint64_t(vectors.count) * 16 <= greatestSize ? spend(vectors.count)
                                                                    : fail("makes Flow larger than any schedule's");
    if (!good || !readSequence(sequence, vectors)) {
      error = problem;
      return false;
    }
    size += vectors.all.size();
    sequences.push_back(std::move(vectors));
  }
  // Results are looked up by resultOf; here only that they can be.
  for (const FlowResult &result : flow.results())
    if (result.use().sequence() >= sequences.size()) {
      error = "the result for '" + result.strip().name() + "' uses a sequence that there is not";
      return false;
    }
  return true;
}

std::optional<std::vector<Name>> FlowReader::resultOf(const Placement &placement, const Strip &strip) const {
  for (const FlowResult &result : flow.results()) {
    const FlowStrip &which = result.strip();
    if (which.name() != placement.name() || which.column() != strip.column() || which.columns() != strip.columns() ||
        which.first_lane() != strip.first_lane() || which.byte() != strip.byte() || result.rows() != placement.rows())
      continue;
    const Use &use = result.use();
    const Vectors &from = sequences[use.sequence()];
    unsigned part = use.has_part() ? use.part() : 0;
    if (part >= from.parts || (!use.has_part() && from.parts != 1))
      return std::nullopt;
    uint64_t interleave = std::max(placement.interleave(), 1u);
    std::vector<Name> words;
    for (uint64_t row = strip.residue(); row < placement.rows(); row += interleave) {
      int64_t at = int64_t(use.first()) + int64_t(use.step()) * static_cast<int64_t>(row);
      if (at < 0 || at >= from.count)
        return std::nullopt;
      words.push_back(from.all[static_cast<uint64_t>(at) * from.parts + part]);
    }
    return words;
  }
  return std::nullopt;
}

} // namespace sinter::verify
