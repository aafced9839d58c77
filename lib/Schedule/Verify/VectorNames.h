//===- VectorNames.h - Names of vectors, by what they are made of ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A vector of bytes is named by a hash of its formula. What moves a vector or leaves
// it as it is does not change its name; operations that may take their operands in
// either order have one name for both.
//
// Most of what a chip does to vectors it does superlane by superlane. A vector whose
// superlanes are of different vectors is a mixture, and named by them: operations on
// mixtures give mixtures, so that what is in superlanes that do not matter in the end
// does not change the names of those that do.
//
// Zeros have one name, whatever they come from: a word that nobody has written, the
// superlanes of a constant that Flow says are zeros, or an operation that makes zeros
// of zeros. A constant whose bytes Flow says are another's has that one's name.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_SCHEDULE_VERIFY_VECTORNAMES_H
#define SINTER_SCHEDULE_VERIFY_VECTORNAMES_H

#include "runtime/format/ChipDescription.h"
#include "runtime/format/schedule.pb.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace sinter::verify {

using Name = uint64_t;

/// A vector of zeros.
constexpr Name zeros = 0;

/// The vectors of an element's bytes, the lowest first.
using Parts = llvm::SmallVector<Name, 4>;

/// How many bytes an element has.
unsigned widthOf(format::ElementType type);
/// How many operands an operation has, and the number of bytes of its result.
unsigned arityOf(format::Alu::Operation operation);
unsigned resultWidth(format::Alu::Operation operation, format::ElementType type, format::ElementType to);

class VectorNames {
public:
  explicit VectorNames(const format::StreamMachine &machine)
      : superlanes(machine.superlanes), side(machine.lanesPerSuperlane),
        all(static_cast<uint32_t>((uint64_t(1) << superlanes) - 1)) {}

  /// What is known of constants; `known` are in the order of their offsets, and do not meet.
  void know(llvm::ArrayRef<const format::KnownWords *> known) { this->known = known.vec(); }

  // What there is before anything is computed.
  Name weights(uint64_t offset, uint32_t bytes);
  struct StripRow {
    llvm::StringRef tensor;
    uint32_t column, columns, firstLane, byte, row;
  };
  /// The word in which these rows lie, by their first lanes.
  Name word(llvm::ArrayRef<StripRow> rows);

  /// The bytes of a constant.
  Parts constant(uint32_t bits, unsigned width);

  /// A result as a whole; its bytes are `part`s. Not for COPY.
  Name alu(format::Alu::Operation operation, format::ElementType type, format::ElementType to,
           llvm::ArrayRef<Parts> operands);
  Name part(Name whole, unsigned index);

  Name transposition(llvm::ArrayRef<Name> streams);
  /// Lane i is lane sources[i], or zero where that is the number of lanes.
  Name lanes(Name vector, llvm::ArrayRef<uint32_t> sources);

  /// A column of weights.
  Name column(bool float16, llvm::ArrayRef<Name> bytes, unsigned half);
  /// The array that columns make: a mixture by the superlanes of its products, each of which is named by the first
  /// array that has the same columns there.
  Name array(bool float16, llvm::ArrayRef<Name> columns);
  Name product(bool float16, Name array, llvm::ArrayRef<Name> row, unsigned half);
  Name sum(bool float16, Name held, Name product);

  /// Words that are looked up, as one name.
  Name table(llvm::ArrayRef<Name> words);
  Name gathered(Name table, llvm::ArrayRef<Name> values, uint32_t first);
  /// The word that is addressed by `value` after a scatter.
  Name scattered(Name before, uint32_t value, llvm::ArrayRef<Name> values, Name data);

  /// `vector` where `mask` has a superlane, else `other`.
  Name mix(Name vector, Name other, uint32_t mask);

  /// Superlanes of one vector.
  struct Piece {
    Name vector;
    uint32_t superlanes;
  };
  /// The vectors of which a vector is a mixture, each once, or the vector itself.
  llvm::SmallVector<Piece, 2> piecesOf(Name vector) const;
  bool areEqual(Name a, Name b, uint32_t superlanes) const;
  /// How much is kept of vectors, about in hundreds of bytes.
  uint64_t size() const { return mixtures.size() + 4 * movements.size(); }
  /// The superlanes that lanes [first, first + count) are in.
  uint32_t superlanesOf(uint32_t first, uint32_t count) const;

private:
  Piece pieceAt(Name vector, unsigned superlane) const;
  Name mixtureOf(llvm::ArrayRef<Piece> pieces);
  uint32_t nonzeroSuperlanes(Name vector) const;
  const format::KnownWords *findKnown(uint64_t offset, uint32_t bytes) const;
  /// The number that an operand is in all lanes of a superlane, where that is known.
  std::optional<uint32_t> numberOf(llvm::ArrayRef<Name> operand) const;
  bool givesZeros(format::Alu::Operation operation, format::ElementType type,
                  llvm::ArrayRef<std::optional<uint32_t>> operands) const;
  /// formula(the names of each superlane of `vectors`), once for those with the same names.
  template <typename Formula> Name each(llvm::ArrayRef<Name> vectors, Formula formula);

  unsigned superlanes, side;
  uint32_t all;
  std::vector<const format::KnownWords *> known;
  /// Of each mixture, its pieces by their first superlanes; none is a mixture.
  llvm::DenseMap<Name, llvm::SmallVector<Piece, 2>> mixtures;
  /// Constants whose second half of lanes is the same as the first.
  llvm::DenseSet<Name> halvesAlike;
  /// By the name of their first byte: constants of operations, and all their bytes.
  llvm::DenseMap<Name, std::pair<uint32_t, Parts>> numbers;
  /// A lane of a vector, `away` superlanes from here.
  struct LaneSource {
    Name vector;
    int64_t away;
    unsigned lane;
  };
  /// Of each superlane whose lanes were moved, where they were before.
  llvm::DenseMap<Name, std::vector<LaneSource>> movements;
  /// By a hash of the columns that make one superlane of products: the first array that has them there.
  llvm::DenseMap<Name, Name> blocks;
  /// Of each array, for each superlane of its products: the superlanes in which any of its columns is not zeros.
  llvm::DenseMap<Name, std::vector<uint32_t>> liveSuperlanes;
  /// Of each column, the same.
  llvm::DenseMap<Name, uint32_t> columnSuperlanes;
};

} // namespace sinter::verify

#endif // SINTER_SCHEDULE_VERIFY_VECTORNAMES_H
