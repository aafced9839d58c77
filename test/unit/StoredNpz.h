//===- StoredNpz.h - Archives of arrays, written for tests ---------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TEST_UNIT_STOREDNPZ_H
#define SINTER_TEST_UNIT_STOREDNPZ_H

#include "lib/Support/Npy.h"

#include <fstream>
#include <string>
#include <vector>
#include <zlib.h>

namespace sinter::test {

/// An archive of stored members, by the records of PKWARE's APPNOTE.
inline void writeNpz(const std::string &path, const std::vector<NamedTensor> &arrays) {
  auto number = [](std::string &text, uint64_t value, int size) {
    for (int i = 0; i < size; ++i)
      text += i < 8 ? static_cast<char>(value >> 8 * i & 0xff) : 0;
  };
  std::string file, directory;
  for (const NamedTensor &array : arrays) {
    std::string name = array.name + ".npy", data = formatNpy(array.tensor), record;
    number(record, 20, 2);
    number(record, 0, 2);
    number(record, 0, 2);
    number(record, 0, 4);
    number(record, crc32_z(0, reinterpret_cast<const Bytef *>(data.data()), data.size()), 4);
    number(record, data.size(), 4);
    number(record, data.size(), 4);
    number(record, name.size(), 2);
    number(record, 0, 2);
    directory += std::string("PK\1\2\x14\0", 6) + record;
    number(directory, 0, 10);
    number(directory, file.size(), 4);
    directory += name;
    file += "PK\3\4" + record + name + data;
  }
  std::string end = "PK\5\6";
  number(end, 0, 4);
  number(end, arrays.size(), 2);
  number(end, arrays.size(), 2);
  number(end, directory.size(), 4);
  number(end, file.size(), 4);
  number(end, 0, 2);
  std::ofstream(path) << file << directory << end;
}

} // namespace sinter::test

#endif // SINTER_TEST_UNIT_STOREDNPZ_H
