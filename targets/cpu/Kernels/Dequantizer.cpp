//===- Dequantizer.cpp - Codes of weights become f32 in registers ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Kernels/Dequantizer.h"

using namespace mlir;
using namespace sinter::cpu;
using Values = KernelBuilder::Values;
using ValueSpan = KernelBuilder::ValueSpan;

static constexpr int32_t floatTwoTo23 = 0x4b000000;
/// How far ahead words are fetched.
static constexpr int64_t aheadWords = 16;

Dequantizer::Dequantizer(KernelBuilder &k, const PackedQuantizedShape &shape, const Pointers &whole,
                         const PanelTask &task)
    : k(k), shape(shape), storedColumns(task.storedColumns) {
  assert((shape.numGroups() == 1 || shape.rowsPerGroup() % shape.rowsPerWord() == 0) && "groups are whole words");
  Int perGroup = k.mul(task.panel, shape.perGroup().panelStart(1));
  pointers.panels = k.offset(whole.panels, k.mul(task.panel, shape.columns().panelStart(1)));
  pointers.scales = k.offset(whole.scales, perGroup);
  if (shape.hasZeroPoints)
    pointers.zeroPoints = k.offsetBytes(whole.zeroPoints, perGroup);
}

void Dequantizer::forRowsOfWord(Int word, Int first, ArrayRef<int64_t> valid, int64_t rows,
                                llvm::function_ref<void(int64_t, ValueSpan)> body) {
  bool isNibbles = shape.bits == 4;
  Type i32 = k.builder().getI32Type();
  // Stored signed, codes of 8 bits are 128 too small for what is in the lowest bits, once their first bit is flipped.
  int32_t base = isNibbles ? floatTwoTo23 : floatTwoTo23 + 128;
  Int group = shape.numGroups() == 1 ? Int(0) : k.div(word, shape.wordsPerGroup());
  Int inGroup = k.add(k.mul(group, storedColumns), first);
  Values words, scales, offsets;
  int64_t vectors = valid.size();
  for (int64_t v = 0; v < vectors; ++v) {
    Int place = k.add(inGroup, v * k.lanes());
    Value here = k.offset(pointers.panels, k.add(k.mul(word, storedColumns), k.add(first, v * k.lanes())));
    if (v * k.lanes() % 16 == 0)
      k.prefetch(here, aheadWords * storedColumns * PackedQuantizedShape::bytesPerWord, 3);
    words.push_back(k.load(here, 0, i32));
    scales.push_back(k.loadPartial(pointers.scales, place, valid[v]));
    Value zero = shape.hasZeroPoints ? k.loadBytesAsInts(pointers.zeroPoints, place, /*isSigned=*/!isNibbles)
                                     : k.splatInt(isNibbles ? 8 : 0);
    offsets.push_back(k.bitcast(k.addInts(zero, k.splatInt(base)), k.f32()));
  }
  for (int64_t row = 0; row < rows; ++row) {
    unsigned shift = isNibbles ? row % 4 * 8 + row / 4 * 4 : row * 8;
    Values columns;
    for (int64_t v = 0; v < vectors; ++v) {
      Value code = shift ? k.shiftRightUnsigned(words[v], shift) : words[v];
      Value bits = k.xorInts(k.andInts(code, k.splatInt(isNibbles ? 0xf : 0xff)), k.splatInt(base));
      columns.push_back(k.mulf(k.subf(k.bitcast(bits, k.f32()), offsets[v]), scales[v]));
    }
    body(row, columns);
  }
}
