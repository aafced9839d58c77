//===- KnownWords.cpp - Whether constants are what Flow says of them -------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Schedule/Verify/StreamVerifier.h"
#include "runtime/format/ChipDescription.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>

namespace sinter::verify {

using namespace format;

namespace {

/// What is wrong with what is said of word i, if anything is. Bytes behind the weights' end are nobody's.
std::string faultOf(const KnownWords &known, uint64_t i, const StreamMachine &machine,
                    llvm::ArrayRef<uint8_t> weights) {
  uint64_t offset = known.offset() + i * known.bytes(), like = known.like() + i * known.like_stride();
  auto areThere = [&](uint64_t from) { return from <= weights.size() && known.bytes() <= weights.size() - from; };
  if (!areThere(offset) || (known.has_like() && !areThere(like)))
    return "the weights end before it";
  llvm::ArrayRef<uint8_t> word = weights.slice(offset, known.bytes());
  for (uint32_t lane = 0; lane < known.bytes(); ++lane)
    if (uint32_t superlane = lane / machine.lanesPerSuperlane; word[lane] && !(known.superlanes() >> superlane & 1))
      return "superlane " + std::to_string(superlane) + " is not zeros";
  if (known.has_like() && word != weights.slice(like, known.bytes()))
    return "it is not the same as the word at " + std::to_string(like);
  if (known.halves_alike() && word.take_front(word.size() / 2) != word.drop_front(word.size() / 2))
    return "its halves are not the same";
  return "";
}

} // namespace

std::optional<Rejection> verifyKnownWords(const StreamSchedule &schedule, const Chip &chip,
                                          llvm::ArrayRef<uint8_t> weights) {
  std::string error;
  std::optional<StreamMachine> machine = readStreamMachine(chip, error);
  if (!machine)
    return Rejection{Fault::Header, {}, "", error};
  for (const KnownWords &known : schedule.flow().known())
    for (uint64_t i = 0; i < known.count(); ++i)
      if (std::string fault = faultOf(known, i, *machine, weights); !fault.empty())
        return Rejection{Fault::KnownWords, 0, "weights, offset " + std::to_string(known.offset() + i * known.bytes()),
                         fault};
  return std::nullopt;
}

} // namespace sinter::verify
