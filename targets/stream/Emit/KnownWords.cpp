//===- KnownWords.cpp - What a schedule says of its constants --------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Emit/KnownWords.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/xxhash.h"

#include <map>

using namespace sinter;
using namespace sinter::stream;

void KnownWordsWriter::addWord(uint64_t offset, llvm::ArrayRef<uint8_t> word) {
  uint32_t superlanes = 0;
  for (unsigned superlane = 0; superlane < model.superlanes; ++superlane)
    if (llvm::any_of(word.slice(superlane * model.lanesPerSuperlane, model.lanesPerSuperlane),
                     [](uint8_t byte) { return byte != 0; }))
      superlanes |= 1u << superlane;
  llvm::XXH128_hash_t hash = llvm::xxh3_128bits(word);
  auto [first, isFirst] = firsts.try_emplace({hash.low64, hash.high64}, offset);
  bool isLike = !isFirst && superlanes;
  bool hasHalvesAlike = word.take_front(word.size() / 2) == word.drop_front(word.size() / 2);
  if (!isLike && !hasHalvesAlike && superlanes == (uint64_t(1) << model.superlanes) - 1)
    return;
  // One more of those before, if it goes on as they do.
  if (format::KnownWords *last = flow.known_size() ? flow.mutable_known(flow.known_size() - 1) : nullptr;
      last && last->offset() + uint64_t(last->count()) * word.size() == offset && last->superlanes() == superlanes &&
      last->has_like() == isLike && last->halves_alike() == hasHalvesAlike) {
    uint64_t stride = last->like_stride();
    if (isLike && last->count() == 1 && first->second == last->like() + word.size())
      stride = word.size();
    if (!isLike || first->second == last->like() + last->count() * stride) {
      last->set_like_stride(stride);
      last->set_count(last->count() + 1);
      return;
    }
  }
  format::KnownWords &words = *flow.add_known();
  words.set_offset(offset);
  words.set_count(1);
  words.set_bytes(word.size());
  words.set_superlanes(superlanes);
  if (isLike)
    words.set_like(first->second);
  words.set_halves_alike(hasHalvesAlike);
}

void KnownWordsWriter::add(uint64_t offset, llvm::ArrayRef<uint8_t> words) {
  for (size_t at = 0; at < words.size(); at += model.lanes())
    addWord(offset + at, words.slice(at, model.lanes()));
}

llvm::Error sinter::stream::encodeKnownWords(const StreamProgram &program, const TargetModel &model,
                                             llvm::ArrayRef<uint64_t> constants, format::Flow &flow) {
  std::map<uint64_t, const StreamTensor *> inOrder;
  for (auto [i, tensor] : llvm::enumerate(program.tensors))
    if (tensor.kind == StreamTensor::Constant && tensor.fill)
      inOrder.try_emplace(constants[i], &tensor);
  KnownWordsWriter writer(model, flow);
  std::vector<uint8_t> words;
  for (const auto &[offset, constant] : inOrder) {
    const StreamTensor &tensor = *constant;
    words.assign(size_t(tensor.shape.numStrips()) * tensor.shape.wordsPerStrip() * model.lanes(), 0);
    if (llvm::Error error = tensor.fill(words))
      return error;
    writer.add(offset, words);
  }
  return llvm::Error::success();
}
