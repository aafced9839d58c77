//===- TileProduct.cpp - Sums of products of bytes in AMX's tiles ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Kernels/TileProduct.h"

using namespace mlir;
using namespace sinter::cpu;

static constexpr unsigned firstRows = 4, firstColumns = 6;

void sinter::cpu::configureTilesOfProducts(KernelBuilder &k, Int rows, Value memory) {
  // As Intel's manual (volume 1, 18.2) says: byte 0 the palette; from 16 on the bytes of a row of each tile, in 16
  // bits; from 48 on how many rows each has, a byte.
  SmallVector<int32_t> fixed(16, 0), ofRows(16, 0);
  fixed[0] = 1;
  for (int64_t pair = 0; pair < 4; ++pair)
    fixed[4 + pair] = TileProduct::rowBytes * 0x10001;
  ofRows[12] = 0x01010101;
  ofRows[13] = 0x00000101;
  fixed[13] = TileProduct::words * 0x01010000;
  assert(k.lanes() == 16 && "the configuration is a vector");
  Value narrow = arith::TruncIOp::create(k.builder(), k.loc(), k.builder().getI32Type(), k.materialize(rows));
  k.store(k.addInts(k.ints(fixed), k.mulInts(k.broadcast(narrow), k.ints(ofRows))), memory);
  k.configureTiles(memory);
}

void sinter::cpu::buildTileProduct(KernelBuilder &k, const TileProduct &product) {
  using P = TileProduct;
  assert(product.rowTiles * product.strips <= firstRows && (product.rowTiles == 1 || product.strips <= 2));
  auto forSums = [&](llvm::function_ref<void(unsigned tile, int64_t row, int64_t strip)> body) {
    for (int64_t row = 0; row < product.rowTiles; ++row)
      for (int64_t strip = 0; strip < product.strips; ++strip)
        body(row * product.strips + strip, row, strip);
  };
  auto step = [&](Value a, int64_t aRowBytes, Value b, int64_t bRowBytes) {
    forSums([&](unsigned sums, int64_t row, int64_t strip) {
      unsigned rows = firstRows + row % 2, columns = firstColumns + strip % 2;
      if (strip == 0)
        k.loadTile(rows, k.offsetBytes(a, row * P::tileRows * aRowBytes), aRowBytes);
      if (row == 0)
        k.loadTile(columns, k.offsetBytes(b, strip * P::rowBytes), bRowBytes);
      k.dotTiles(sums, rows, columns);
    });
  };
  forSums([&](unsigned sums, int64_t, int64_t strip) {
    k.loadTile(sums, k.offsetBytes(product.starts, strip * P::rowBytes), 0);
  });
  int64_t whole = product.depth / P::words;
  k.loop(0, whole, 1, [&](Int index) {
    if (product.fetch)
      for (int64_t line = 0; line < product.fetchLines; ++line)
        k.prefetch(product.fetch, k.add(k.mul(index, product.fetchLines * 64), line * 64), 2);
    step(k.offsetBytes(product.a, k.mul(index, P::rowBytes)), product.aRowBytes,
         k.offsetBytes(product.b, k.mul(index, P::words * product.bRowBytes)), product.bRowBytes);
  });
  if (product.depth % P::words)
    step(product.aTail, P::rowBytes, product.bTail, product.bTailRowBytes);
  forSums([&](unsigned sums, int64_t row, int64_t strip) {
    k.storeTile(sums, k.offsetBytes(product.sums, row * P::tileRows * product.sumsRowBytes + strip * P::rowBytes),
                product.sumsRowBytes);
  });
}
