//===- VectorNames.cpp - Names of vectors, by what they are made of -------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Schedule/Verify/VectorNames.h"

#include "llvm/ADT/STLExtras.h"

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

llvm::ArrayRef<Name> VectorNames::componentsOf(const Name &vector) const {
  auto found = mixtures.find(vector);
  return found == mixtures.end() ? llvm::ArrayRef<Name>(vector) : llvm::ArrayRef<Name>(found->second);
}

Name VectorNames::component(Name vector, unsigned superlane) const {
  llvm::ArrayRef<Name> components = componentsOf(vector);
  return components.size() == 1 ? components.front() : components[superlane];
}

Name VectorNames::mixtureOf(std::vector<Name> components) {
  if (llvm::all_equal(components))
    return components.front();
  Name name = Hash(Mixture).add(components).name();
  mixtures.try_emplace(name, std::move(components));
  return name;
}

template <typename Formula> Name VectorNames::each(llvm::ArrayRef<Name> vectors, Formula formula) {
  if (llvm::none_of(vectors, [&](Name name) { return mixtures.contains(name); }))
    return formula(vectors);
  std::vector<Name> results, of(vectors.size());
  for (unsigned s = 0; s < superlanes; ++s) {
    for (auto [i, name] : llvm::enumerate(vectors))
      of[i] = component(name, s);
    results.push_back(formula(llvm::ArrayRef<Name>(of)));
  }
  return mixtureOf(std::move(results));
}

bool VectorNames::areEqual(Name a, Name b, uint32_t mask) const {
  if (a == b)
    return true;
  for (unsigned s = 0; s < superlanes; ++s)
    if ((mask >> s & 1) && component(a, s) != component(b, s))
      return false;
  return true;
}

uint32_t VectorNames::superlanesOf(uint32_t first, uint32_t count) const {
  uint32_t mask = 0;
  for (unsigned s = 0; s < superlanes; ++s)
    if (first < (s + 1) * side && s * side < first + count)
      mask |= uint32_t(1) << s;
  return mask;
}

Name VectorNames::mix(Name vector, Name other, uint32_t mask) {
  if ((mask & all) == all || vector == other)
    return vector;
  if ((mask & all) == 0)
    return other;
  std::vector<Name> components;
  for (unsigned s = 0; s < superlanes; ++s)
    components.push_back(component(mask >> s & 1 ? vector : other, s));
  return mixtureOf(std::move(components));
}

Name VectorNames::weights(uint64_t offset, uint32_t bytes) {
  if (bytes == 0)
    return zeros;
  return mix(Hash(Weights).add(offset).add(uint64_t(bytes)).name(), zeros, superlanesOf(0, bytes));
}

Name VectorNames::word(llvm::ArrayRef<StripRow> rows) {
  Hash hash(Word);
  for (const StripRow &row : rows)
    hash.add(row.tensor).add(row.column).add(row.columns).add(row.firstLane).add(row.byte).add(row.row);
  return hash.name();
}

Parts VectorNames::constant(uint32_t bits, unsigned width) {
  uint64_t kept = width >= 4 ? bits : bits & ((uint64_t(1) << 8 * width) - 1);
  Name whole = Hash(Constant).add(kept).add(uint64_t(width)).name();
  Parts bytes;
  for (unsigned i = 0; i < width; ++i)
    bytes.push_back(part(whole, i));
  return bytes;
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
    size_t at = 0;
    for (const Parts &operand : operands) {
      ordered.push_back(Hash(Operand).add(names.slice(at, operand.size())).name());
      at += operand.size();
    }
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
  std::vector<Name> results;
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
      LaneSource next{component(vector, source / side), away, source % side};
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
      results.push_back(from.front().vector);
      continue;
    }
    results.push_back(hash.name());
    movements.try_emplace(results.back(), std::move(from));
  }
  return mixtureOf(std::move(results));
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
  for (unsigned s = 0; s < superlanes; ++s)
    for (Name byte : used)
      if (component(byte, s) != zeros)
        mask |= uint32_t(1) << s;
  columnSuperlanes[name] = mask;
  return name;
}

Name VectorNames::array(bool float16, llvm::ArrayRef<Name> columns) {
  Name name = Hash(Array).add(uint64_t(float16)).add(columns).name();
  uint32_t mask = 0;
  for (Name column : columns)
    mask |= columnSuperlanes.lookup(column);
  liveSuperlanes[name] = mask;
  return name;
}

Name VectorNames::product(bool float16, Name array, llvm::ArrayRef<Name> row, unsigned half) {
  // Whole numbers times zeros are zeros, whatever they are. Of floats only the lanes of the half are sampled.
  uint32_t count = superlanes * side;
  uint32_t mask = float16 ? superlanesOf(half == 0 ? 0 : count / 2, count / 2) : liveSuperlanes.lookup(array);
  llvm::SmallVector<Name, 2> used;
  for (Name byte : row)
    used.push_back(mix(byte, zeros, mask));
  return Hash(Product).add(uint64_t(float16)).add(array).add(llvm::ArrayRef<Name>(used)).add(uint64_t(half)).name();
}

Name VectorNames::sum(bool float16, Name held, Name product) {
  return Hash(Sum).add(uint64_t(float16)).add(held).add(product).name();
}

Name VectorNames::table(llvm::ArrayRef<Name> words) {
  return each(words, [](llvm::ArrayRef<Name> names) { return Hash(Table).add(names).name(); });
}

Name VectorNames::gathered(Name table, llvm::ArrayRef<Name> values, uint32_t first) {
  llvm::SmallVector<Name, 3> from = {table};
  from.append(values.begin(), values.end());
  return each(from, [&](llvm::ArrayRef<Name> names) { return Hash(Gathered).add(names).add(uint64_t(first)).name(); });
}

Name VectorNames::scattered(Name before, uint32_t value, llvm::ArrayRef<Name> values, Name data) {
  llvm::SmallVector<Name, 4> from = {before, data};
  from.append(values.begin(), values.end());
  return each(from, [&](llvm::ArrayRef<Name> names) { return Hash(Scattered).add(names).add(uint64_t(value)).name(); });
}

} // namespace sinter::verify
