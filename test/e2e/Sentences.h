//===- Sentences.h - The sentences of test/data as samples of MiniLM's inputs -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TEST_E2E_SENTENCES_H
#define SINTER_TEST_E2E_SENTENCES_H

#include "test/e2e/RunTool.h"
#include "test/unit/StoredNpz.h"

#include <algorithm>
#include <sstream>

namespace sinter::e2e {

template <typename T> HostTensor tensor(ElementType type, std::vector<int64_t> dims, const std::vector<T> &values) {
  HostTensor result(type, std::move(dims));
  std::copy(values.begin(), values.end(), result.as<T>().begin());
  return result;
}

/// Writes a sample for each sentence of test/data/sentences/NAME.ids into the folder; returns the number of tokens.
inline int64_t writeSentences(const std::string &name, const std::string &folder) {
  std::istringstream lines(readFile(std::string(SINTER_SOURCE_ROOT) + "/test/data/sentences/" + name + ".ids"));
  std::string line;
  int64_t numTokens = 0;
  for (int number = 0; std::getline(lines, line); ++number) {
    std::istringstream words(line);
    std::vector<int64_t> ids;
    for (int64_t id; words >> id;)
      ids.push_back(id);
    int64_t length = int64_t(ids.size());
    numTokens += length;
    char file[16];
    std::snprintf(file, sizeof file, "/%03d.npz", number);
    test::writeNpz(folder + file,
                   {{"input_ids", tensor(ElementType::I64, {1, length}, ids)},
                    {"attention_mask", tensor(ElementType::I64, {1, length}, std::vector<int64_t>(length, 1))},
                    {"token_type_ids", tensor(ElementType::I64, {1, length}, std::vector<int64_t>(length, 0))}});
  }
  return numTokens;
}

} // namespace sinter::e2e

#endif // SINTER_TEST_E2E_SENTENCES_H
