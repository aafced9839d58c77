//===- SlicePlan.cpp - Which slice each strip should lie in ---------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Placement/SlicePlan.h"

#include "llvm/ADT/STLExtras.h"

#include <limits>

using namespace sinter;
using namespace sinter::stream;

namespace {

/// How many accesses a port or bank has, by stretches of cycles: times shift a little when places change.
class Occupancy {
public:
  static constexpr int64_t stretch = 8;

  uint64_t count(int64_t first, int64_t last) const {
    uint64_t sum = 0;
    for (size_t i = first / stretch; i <= static_cast<size_t>(last / stretch) && i < counts.size(); ++i)
      sum += counts[i];
    return sum;
  }
  void add(int64_t first, int64_t last) {
    if (static_cast<size_t>(last / stretch) >= counts.size())
      counts.resize(last / stretch + 1, 0);
    for (size_t i = first / stretch; i <= static_cast<size_t>(last / stretch); ++i)
      ++counts[i];
  }

private:
  std::vector<uint16_t> counts;
};

struct Slice {
  Occupancy reads, writes;
  std::vector<Occupancy> banks;
  std::vector<uint64_t> constantWords; // by bank
};

} // namespace

SlicePlan::SlicePlan(const TargetModel &model, llvm::ArrayRef<ChipTensor> tensors, llvm::ArrayRef<StripAccess> accesses,
                     const std::map<VectorKey, std::set<VectorKey>> &partners) {
  std::map<std::pair<unsigned, unsigned>, std::vector<StripAccess>> byStrip;
  std::map<unsigned, unsigned> wordsOf; // of a strip of each group
  for (auto [i, tensor] : llvm::enumerate(tensors)) {
    groups.push_back(tensor.group.value_or(i));
    wordsOf[groups.back()] += tensor.wordsOfStrip();
  }
  for (const StripAccess &access : accesses)
    byStrip[{groups[access.tensor], access.strip}].push_back(access);
  std::vector<std::tuple<int, int64_t, std::pair<unsigned, unsigned>>> order;
  for (auto &[key, list] : byStrip) {
    int64_t first = std::numeric_limits<int64_t>::max();
    for (const StripAccess &access : list)
      first = std::min(first, access.first);
    // States, whose places are given, and constants that take most of a bank first, so that it is known what they leave
    // for others.
    const ChipTensor &tensor = tensors[key.first];
    bool isLarge = tensor.isConstant && 4 * tensor.wordsOfStrip() >= model.wordsPerBank();
    order.push_back({tensor.isState ? 0 : isLarge ? 1 : 2, first, key});
  }
  llvm::sort(order);

  std::vector<Slice> slices(2 * model.slicesPerHemisphere);
  for (Slice &slice : slices) {
    slice.banks.resize(model.banksPerSlice);
    slice.constantWords.resize(model.banksPerSlice, 0);
  }
  std::map<VectorKey, std::set<unsigned>> slicesOf; // that strips of a vector have
  unsigned next[2] = {0, 0};
  for (auto &[rank, first, key] : order) {
    const ChipTensor &tensor = tensors[key.first];
    VectorKey vector = {key.first, key.second / (getBytes(tensor.shape.type) * tensor.shape.interleave)};
    unsigned side = static_cast<unsigned>(tensor.sideOf(vector.second));
    std::set<unsigned> taken = slicesOf[vector];
    if (auto others = partners.find(vector); others != partners.end())
      for (const VectorKey &other : others->second)
        if (tensors[other.first].sideOf(other.second) == tensor.sideOf(vector.second))
          if (auto found = slicesOf.find(other); found != slicesOf.end())
            taken.insert(found->second.begin(), found->second.end());
    unsigned words = wordsOf[key.first];
    std::optional<Place> best;
    uint64_t leastMet = std::numeric_limits<uint64_t>::max();
    if (const WordRange &given = tensor.strips[key.second]; tensor.isState)
      best = Place{given.slice, given.address / model.wordsPerBank()};
    // The next slice in turn where several are alike.
    for (unsigned tried = 0; tried < model.slicesPerHemisphere && !tensor.isState; ++tried) {
      unsigned number = (next[side] + tried) % model.slicesPerHemisphere;
      if (taken.count(number) || !tensor.mayLieIn(number, model))
        continue;
      const Slice &slice = slices[side * model.slicesPerHemisphere + number];
      uint64_t met = 0;
      for (const StripAccess &access : byStrip[key]) {
        met += access.reads ? slice.reads.count(access.first, access.last) : 0;
        met += access.writes ? slice.writes.count(access.first, access.last) : 0;
      }
      for (unsigned bank = 0; bank < model.banksPerSlice; ++bank) {
        if (slice.constantWords[bank] + words > model.wordsPerBank())
          continue;
        uint64_t metInBank = met;
        for (const StripAccess &access : byStrip[key])
          for (unsigned other = 0; other < model.banksPerSlice; ++other)
            if (other == bank || access.isIndirect)
              metInBank += slice.banks[other].count(access.first, access.last);
        if (metInBank < leastMet) {
          best = Place{number, bank};
          leastMet = metInBank;
        }
      }
    }
    if (!best)
      continue;
    places[key] = *best;
    slicesOf[vector].insert(best->slice);
    next[side] = (best->slice + 1) % model.slicesPerHemisphere;
    Slice &slice = slices[side * model.slicesPerHemisphere + best->slice];
    if (tensor.isConstant || tensor.isState)
      slice.constantWords[best->bank] += words;
    for (const StripAccess &access : byStrip[key]) {
      if (access.reads)
        slice.reads.add(access.first, access.last);
      if (access.writes)
        slice.writes.add(access.first, access.last);
      for (unsigned bank = 0; bank < model.banksPerSlice; ++bank)
        if (bank == best->bank || access.isIndirect)
          slice.banks[bank].add(access.first, access.last);
    }
  }
}
