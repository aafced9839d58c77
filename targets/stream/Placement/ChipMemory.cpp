//===- ChipMemory.cpp - Tensors in the slices of a streaming chip ----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Placement/ChipMemory.h"

#include <algorithm>
#include <cassert>

using namespace sinter::stream;

std::vector<LanePart> TensorShape::denseParts(unsigned columns, const TargetModel &model) {
  std::vector<LanePart> parts;
  for (unsigned column = 0; column < columns; column += model.lanes())
    parts.push_back({column, std::min(columns - column, model.lanes()), column / model.lanes(), 0});
  return parts;
}

TensorShape TensorShape::dense(Element type, int64_t rows, unsigned columns, const TargetModel &model) {
  return {type, rows, denseParts(columns, model), 1};
}

ChipMemory::ChipMemory(const TargetModel &model)
    : slicesPerHemisphere(model.slicesPerHemisphere), wordsPerBank(model.wordsPerBank()),
      free(2 * model.slicesPerHemisphere) {
  for (std::vector<Free> &regions : free)
    for (unsigned bank = 0; bank < model.banksPerSlice; ++bank)
      regions.push_back({bank * model.wordsPerBank(), (bank + 1) * model.wordsPerBank(), 0});
}

bool ChipMemory::find(Hemisphere side, unsigned slice, unsigned bank, unsigned words, int64_t cycle,
                      unsigned &address) const {
  unsigned begin = 0, end = 0; // of neighbours that are all free by then
  for (const Free &region : free[static_cast<unsigned>(side) * slicesPerHemisphere + slice]) {
    if (region.from > cycle || region.begin / wordsPerBank != bank)
      continue;
    if (region.begin != end || region.begin % wordsPerBank == 0)
      begin = region.begin;
    end = region.end;
    if (end - begin >= words)
      return address = begin, true;
  }
  return false;
}

void ChipMemory::take(const WordRange &range) {
  std::vector<Free> rest;
  unsigned end = range.address + range.words;
  [[maybe_unused]] unsigned taken = 0;
  for (const Free &region : slice(range.side, range.slice)) {
    unsigned from = std::clamp(range.address, region.begin, region.end), to = std::clamp(end, region.begin, region.end);
    taken += to - from;
    if (region.begin < from)
      rest.push_back({region.begin, from, region.from});
    if (to < region.end && to > from)
      rest.push_back({to, region.end, region.from});
    else if (to == from && region.begin >= from)
      rest.push_back(region);
  }
  assert(taken == range.words && "the words are not free");
  slice(range.side, range.slice) = std::move(rest);
}

void ChipMemory::release(const WordRange &range, int64_t cycle) {
  std::vector<Free> &regions = slice(range.side, range.slice);
  auto behind = std::find_if(regions.begin(), regions.end(), [&](const Free &r) { return r.begin > range.address; });
  regions.insert(behind, {range.address, range.address + range.words, cycle});
}
