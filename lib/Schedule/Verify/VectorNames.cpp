//===- VectorNames.cpp - Names of vectors, by what they are made of -------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Schedule/Verify/VectorNames.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/bit.h"

#include <algorithm>
#include <utility>

namespace sinter::verify {

using format::Alu;

namespace {

/// Kinds of formulas, so that none has the hash of another.
enum Kind : uint64_t {
  Weights = 1,
  Word,
  Operand,
  Constant,
  AluResult,
  Part,
  Transposition,
  Lanes,
  Column,
  Array,
  Block,
  Product,
  Sum,
  Table,
  Gathered,
  Scattered,
  Mixture
};

/// 64 bits, mixed as splitmix64 does after each number.
class Hash {
public:
  explicit Hash(Kind kind) { add(kind); }
  Hash &add(uint64_t number) {
    state = scramble(state + 0x9e3779b97f4a7c15) ^ scramble(number + 0xd1b54a32d192ed03);
    state *= 0x2545f4914f6cdd1d;
    return *this;
  }
  Hash &add(llvm::ArrayRef<Name> names) {
    add(names.size());
    for (Name name : names)
      add(name);
    return *this;
  }
  Hash &add(llvm::StringRef text) {
    add(text.size());
    for (unsigned char c : text)
      add(uint64_t(c));
    return *this;
  }
  /// Never 0, nor what DenseMap keeps for itself.
  Name name() const {
    uint64_t result = scramble(state);
    return result == 0 || result >= ~uint64_t(1) ? 1 : result;
  }

private:
  static uint64_t scramble(uint64_t x) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
  }
  uint64_t state = 0;
};

bool isCommutative(Alu::Operation operation) {
  switch (operation) {
  case Alu::ADD:
  case Alu::MUL:
  case Alu::MAX:
  case Alu::MIN:
  case Alu::EQUAL:
  case Alu::AND:
  case Alu::OR:
  case Alu::XOR:
    return true;
  default:
    return false;
  }
}

bool areZeros(llvm::ArrayRef<Name> names) {
  return llvm::all_of(names, [](Name name) { return name == zeros; });
}

} // namespace

unsigned widthOf(format::ElementType type) {
  static const unsigned widths[] = {1, 2, 4, 2, 4};
  return format::ElementType_IsValid(type) ? widths[type] : 0;
}

unsigned arityOf(Alu::Operation operation) {
  switch (operation) {
  case Alu::SELECT:
    return 3;
  case Alu::COPY:
  case Alu::CONVERT:
  case Alu::RELU:
  case Alu::EXP:
  case Alu::TANH:
  case Alu::RSQRT:
    return 1;
  default:
    return 2;
  }
}

unsigned resultWidth(Alu::Operation operation, format::ElementType type, format::ElementType to) {
  return widthOf(operation == Alu::CONVERT ? to : type);
}

//===----------------------------------------------------------------------===//
// Mixtures
//===----------------------------------------------------------------------===//

llvm::SmallVector<VectorNames::Piece, 2> VectorNames::piecesOf(Name vector) const {
  auto found = mixtures.find(vector);
  if (found == mixtures.end())
    return {Piece{vector, all}};
  return found->second;
}

VectorNames::Piece VectorNames::pieceAt(Name vector, unsigned superlane) const {
  auto found = mixtures.find(vector);
  if (found != mixtures.end())
    for (const Piece &piece : found->second)
      if (piece.superlanes >> superlane & 1)
        return piece;
  return {vector, all};
}

Name VectorNames::mixtureOf(llvm::ArrayRef<Piece> pieces) {
  llvm::SmallVector<Piece, 2> merged;
  for (const Piece &piece : pieces) {
    auto same = llvm::find_if(merged, [&](const Piece &other) { return other.vector == piece.vector; });
    if (same == merged.end())
      merged.push_back(piece);
    else
      same->superlanes |= piece.superlanes;
  }
  if (merged.size() == 1)
    return merged.front().vector;
  llvm::sort(merged, [](const Piece &a, const Piece &b) {
    return llvm::countr_zero(a.superlanes) < llvm::countr_zero(b.superlanes);
  });
  Hash hash(Mixture);
  for (const Piece &piece : merged)
    hash.add(piece.vector).add(uint64_t(piece.superlanes));
  mixtures.try_emplace(hash.name(), std::move(merged));
  return hash.name();
}

template <typename Formula> Name VectorNames::each(llvm::ArrayRef<Name> vectors, Formula formula) {
  if (llvm::none_of(vectors, [&](Name name) { return mixtures.contains(name); }))
    return formula(vectors);
  llvm::SmallVector<Piece, 4> results;
  llvm::SmallVector<Name, 16> of(vectors.size());
  for (uint32_t left = all; left;) {
    unsigned superlane = llvm::countr_zero(left);
    uint32_t alike = left;
    for (auto [i, name] : llvm::enumerate(vectors)) {
      Piece piece = pieceAt(name, superlane);
      of[i] = piece.vector;
      alike &= piece.superlanes;
    }
    results.push_back({formula(llvm::ArrayRef<Name>(of)), alike});
    left &= ~alike;
  }
  return mixtureOf(results);
}

bool VectorNames::areEqual(Name a, Name b, uint32_t mask) const {
  for (const Piece &piece : piecesOf(a))
    for (const Piece &other : piecesOf(b))
      if ((piece.superlanes & other.superlanes & mask) && piece.vector != other.vector)
        return false;
  return true;
}

uint32_t VectorNames::nonzeroSuperlanes(Name vector) const {
  uint32_t nonzero = 0;
  for (const Piece &piece : piecesOf(vector))
    if (piece.vector != zeros)
      nonzero |= piece.superlanes;
  return nonzero;
}

uint32_t VectorNames::superlanesOf(uint32_t first, uint32_t count) const {
  uint32_t mask = 0;
  for (unsigned s = 0; s < superlanes; ++s)
    if (first < (s + 1) * side && s * side < first + count)
      mask |= uint32_t(1) << s;
  return mask;
}

Name VectorNames::mix(Name vector, Name other, uint32_t mask) {
  mask &= all;
  if (mask == all || vector == other)
    return vector;
  if (mask == 0)
    return other;
  llvm::SmallVector<Piece, 4> pieces;
  for (const Piece &piece : piecesOf(vector))
    if (piece.superlanes & mask)
      pieces.push_back({piece.vector, piece.superlanes & mask});
  for (const Piece &piece : piecesOf(other))
    if (piece.superlanes & ~mask)
      pieces.push_back({piece.vector, piece.superlanes & ~mask});
  return mixtureOf(pieces);
}

//===----------------------------------------------------------------------===//
// Constants and words
//===----------------------------------------------------------------------===//

const format::KnownWords *VectorNames::findKnown(uint64_t offset, uint32_t bytes) const {
  auto after = llvm::upper_bound(
      known, offset, [](uint64_t offset, const format::KnownWords *words) { return offset < words->offset(); });
  if (after == known.begin())
    return nullptr;
  const format::KnownWords *words = *std::prev(after);
  uint64_t ahead = offset - words->offset();
  bool isOne = words->bytes() == bytes && ahead % bytes == 0 && ahead / bytes < words->count();
  return isOne ? words : nullptr;
}

Name VectorNames::weights(uint64_t offset, uint32_t bytes) {
  if (bytes == 0)
    return zeros;
  uint32_t nonzero = superlanesOf(0, bytes);
  const format::KnownWords *words = findKnown(offset, bytes);
  if (words) {
    nonzero &= words->superlanes();
    if (words->has_like())
      offset = words->like() + (offset - words->offset()) / bytes * words->like_stride();
  }
  Name name = mix(Hash(Weights).add(offset).add(uint64_t(bytes)).name(), zeros, nonzero);
  if (words && words->halves_alike())
    halvesAlike.insert(name);
  return name;
}

Name VectorNames::word(llvm::ArrayRef<StripRow> rows) {
  Hash hash(Word);
  uint32_t nonzero = 0;
  for (const StripRow &row : rows) {
    hash.add(row.tensor).add(row.column).add(row.columns).add(row.firstLane).add(row.byte).add(row.row);
    nonzero |= superlanesOf(row.firstLane, row.columns);
  }
  return mix(hash.name(), zeros, nonzero);
}

Parts VectorNames::constant(uint32_t bits, unsigned width) {
  uint64_t kept = width >= 4 ? bits : bits & ((uint64_t(1) << 8 * width) - 1);
  if (kept == 0)
    return Parts(width, zeros);
  Name whole = Hash(Constant).add(kept).add(uint64_t(width)).name();
  Parts bytes;
  for (unsigned i = 0; i < width; ++i)
    bytes.push_back(part(whole, i));
  numbers.try_emplace(bytes.front(), static_cast<uint32_t>(kept), bytes);
  return bytes;
}

std::optional<uint32_t> VectorNames::numberOf(llvm::ArrayRef<Name> operand) const {
  if (areZeros(operand))
    return 0;
  auto found = numbers.find(operand.front());
  if (found == numbers.end() || llvm::ArrayRef<Name>(found->second.second) != operand)
    return std::nullopt;
  return found->second.first;
}

/// Whether all bits of a result are zero, whatever is in the operands that are not known.
bool VectorNames::givesZeros(Alu::Operation operation, format::ElementType type,
                             llvm::ArrayRef<std::optional<uint32_t>> operands) const {
  auto isZero = [&](unsigned i) { return operands[i] == 0u; };
  // Of floats, times what is neither negative (-0) nor infinite or NaN (NaN).
  auto keepsZero = [&](unsigned i) { return type == format::INT32 || (operands[i] && *operands[i] < 0x7f800000); };
  switch (operation) {
  case Alu::ADD:
  case Alu::SUB:
  case Alu::MAX:
  case Alu::MIN:
  case Alu::OR:
  case Alu::XOR:
    return isZero(0) && isZero(1);
  case Alu::MUL:
    return (isZero(0) && keepsZero(1)) || (isZero(1) && keepsZero(0));
  case Alu::AND:
    return isZero(0) || isZero(1);
  case Alu::SHIFT_LEFT:
  case Alu::SHIFT_RIGHT:
  case Alu::CONVERT:
  case Alu::RELU:
  case Alu::TANH:
    return isZero(0);
  case Alu::SELECT:
    return isZero(0) && isZero(1);
  default:
    return false;
  }
}

Name VectorNames::alu(Alu::Operation operation, format::ElementType type, format::ElementType to,
                      llvm::ArrayRef<Parts> operands) {
  // Fields that an operation does not look at are no part of it.
  uint64_t of = operation == Alu::SELECT ? uint64_t(format::INT32) : uint64_t(type);
  uint64_t into = operation == Alu::CONVERT ? uint64_t(to) : 0;
  llvm::SmallVector<Name, 12> bytes;
  for (const Parts &operand : operands)
    bytes.append(operand.begin(), operand.end());
  return each(bytes, [&](llvm::ArrayRef<Name> names) {
    llvm::SmallVector<Name, 3> ordered;
    llvm::SmallVector<std::optional<uint32_t>, 3> numbers;
    size_t at = 0;
    for (const Parts &operand : operands) {
      llvm::ArrayRef<Name> own = names.slice(at, operand.size());
      ordered.push_back(Hash(Operand).add(own).name());
      numbers.push_back(numberOf(own));
      at += operand.size();
    }
    if (givesZeros(operation, type, numbers))
      return zeros;
    if (isCommutative(operation))
      llvm::sort(ordered);
    return Hash(AluResult).add(uint64_t(operation)).add(of).add(into).add(llvm::ArrayRef<Name>(ordered)).name();
  });
}

Name VectorNames::part(Name whole, unsigned index) {
  return each(whole, [&](llvm::ArrayRef<Name> names) {
    return names.front() == zeros ? zeros : Hash(Part).add(names.front()).add(uint64_t(index)).name();
  });
}

Name VectorNames::transposition(llvm::ArrayRef<Name> streams) {
  return each(streams, [](llvm::ArrayRef<Name> names) {
    return areZeros(names) ? zeros : Hash(Transposition).add(names).name();
  });
}

Name VectorNames::lanes(Name vector, llvm::ArrayRef<uint32_t> sources) {
  llvm::SmallVector<Piece, 4> results;
  for (unsigned s = 0; s < superlanes; ++s) {
    // Where the lanes of this superlane come from in the end: movements of movements are one movement, so that lanes
    // that are not taken any further do not matter.
    std::vector<LaneSource> from;
    for (unsigned lane = s * side; lane < (s + 1) * side; ++lane) {
      uint32_t source = sources[lane];
      if (source >= superlanes * side) {
        from.push_back({zeros, 0, 0});
        continue;
      }
      int64_t away = int64_t(source / side) - s;
      LaneSource next{pieceAt(vector, source / side).vector, away, source % side};
      if (auto found = movements.find(next.vector); found != movements.end()) {
        next = found->second[source % side];
        next.away += away;
      }
      from.push_back(next.vector == zeros ? LaneSource{zeros, 0, 0} : next);
    }
    // Told from this superlane, so that what is alike in all has one name.
    bool stays = true;
    Hash hash(Lanes);
    for (auto [lane, source] : llvm::enumerate(from)) {
      stays &=
          source.vector == from.front().vector && (source.vector == zeros || (source.away == 0 && source.lane == lane));
      hash.add(source.vector).add(uint64_t(source.away)).add(uint64_t(source.lane));
    }
    if (stays) {
      results.push_back({from.front().vector, uint32_t(1) << s});
      continue;
    }
    results.push_back({hash.name(), uint32_t(1) << s});
    movements.try_emplace(hash.name(), std::move(from));
  }
  return mixtureOf(results);
}

Name VectorNames::column(bool float16, llvm::ArrayRef<Name> bytes, unsigned half) {
  llvm::SmallVector<Name, 2> used;
  uint32_t count = superlanes * side;
  for (Name byte : bytes)
    used.push_back(float16 ? mix(byte, zeros, superlanesOf(half == 0 ? 0 : count / 2, count / 2)) : byte);
  if (areZeros(used))
    return zeros;
  Name name = Hash(Column).add(llvm::ArrayRef<Name>(used)).add(uint64_t(half)).name();
  uint32_t mask = 0;
  for (Name byte : used)
    mask |= nonzeroSuperlanes(byte);
  columnSuperlanes[name] = mask;
  return name;
}

Name VectorNames::array(bool float16, llvm::ArrayRef<Name> columns) {
  Name whole = Hash(Array).add(uint64_t(float16)).add(columns).name();
  llvm::SmallVector<Piece, 4> pieces;
  std::vector<uint32_t> live(superlanes, 0);
  for (unsigned s = 0; s < superlanes; ++s) {
    llvm::ArrayRef<Name> block = columns.slice(std::min<size_t>(s * side, columns.size())).take_front(side);
    if (areZeros(block)) {
      pieces.push_back({zeros, uint32_t(1) << s});
      continue;
    }
    for (Name column : block)
      live[s] |= columnSuperlanes.lookup(column);
    Name key = Hash(Block).add(uint64_t(float16)).add(uint64_t(s)).add(block).name();
    pieces.push_back({blocks.try_emplace(key, whole).first->second, uint32_t(1) << s});
  }
  liveSuperlanes.try_emplace(whole, std::move(live));
  return mixtureOf(pieces);
}

Name VectorNames::product(bool float16, Name array, llvm::ArrayRef<Name> row, unsigned half) {
  uint32_t count = superlanes * side;
  if (float16 && llvm::all_of(row, [&](Name byte) { return byte == zeros || halvesAlike.contains(byte); }))
    half = 0;
  llvm::SmallVector<Piece, 4> results;
  for (const Piece &piece : piecesOf(array)) {
    if (piece.vector == zeros && !float16) {
      results.push_back(piece);
      continue;
    }
    auto found = liveSuperlanes.find(piece.vector);
    auto liveAt = [&](unsigned superlane) { return found == liveSuperlanes.end() ? 0 : found->second[superlane]; };
    for (uint32_t left = piece.superlanes; left;) {
      uint32_t live = liveAt(llvm::countr_zero(left)), alike = 0;
      for (unsigned s = 0; s < superlanes; ++s)
        if ((left >> s & 1) && liveAt(s) == live)
          alike |= uint32_t(1) << s;
      left &= ~alike;
      // Whole numbers times zeros are zeros, whatever they are. Of floats only the lanes of the half are sampled.
      uint32_t mask = float16 ? superlanesOf(half == 0 ? 0 : count / 2, count / 2) : live;
      llvm::SmallVector<Name, 2> used;
      for (Name byte : row)
        used.push_back(mix(byte, zeros, mask));
      Hash hash(Product);
      hash.add(uint64_t(float16)).add(piece.vector).add(llvm::ArrayRef<Name>(used)).add(uint64_t(half));
      results.push_back({hash.name(), alike});
    }
  }
  return mixtureOf(results);
}

Name VectorNames::sum(bool float16, Name held, Name product) {
  return each({held, product}, [&](llvm::ArrayRef<Name> names) {
    // Of floats it may be -0 to which +0 is added.
    if (!float16 && (names[0] == zeros || names[1] == zeros))
      return names[names[0] == zeros ? 1 : 0];
    return Hash(Sum).add(uint64_t(float16)).add(names).name();
  });
}

Name VectorNames::table(llvm::ArrayRef<Name> words) {
  return each(words,
              [](llvm::ArrayRef<Name> names) { return areZeros(names) ? zeros : Hash(Table).add(names).name(); });
}

Name VectorNames::gathered(Name table, llvm::ArrayRef<Name> values, uint32_t first) {
  llvm::SmallVector<Name, 3> from = {table};
  from.append(values.begin(), values.end());
  return each(from, [&](llvm::ArrayRef<Name> names) {
    return names.front() == zeros ? zeros : Hash(Gathered).add(names).add(uint64_t(first)).name();
  });
}

Name VectorNames::scattered(Name before, uint32_t value, llvm::ArrayRef<Name> values, Name data) {
  llvm::SmallVector<Name, 4> from = {before, data};
  from.append(values.begin(), values.end());
  return each(from, [&](llvm::ArrayRef<Name> names) {
    return names[0] == names[1] ? names[0] : Hash(Scattered).add(names).add(uint64_t(value)).name();
  });
}

} // namespace sinter::verify
