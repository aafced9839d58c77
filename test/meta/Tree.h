//===- Tree.h - The repository's files, as the house rules see them -------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TEST_META_TREE_H
#define SINTER_TEST_META_TREE_H

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace sinter::meta {

/// The text of every file by its path from the repository's root, with folders known by their paths. Built from the
/// disk, or from literals by the tests of the rules themselves.
class Tree {
public:
  Tree(std::initializer_list<std::pair<const std::string, std::string>> files);
  /// All files below `root` but version control, build folders, caches and files of test data.
  static Tree read(const std::string &root);

  const std::map<std::string, std::string> &files() const { return texts; }
  /// Whether a file or a folder has this path; a `/` at the end is ignored.
  bool has(std::string_view path) const;
  /// The text of a file, empty where there is none.
  std::string_view text(const std::string &path) const;

private:
  Tree() = default;
  void add(const std::string &path, std::string text);

  std::map<std::string, std::string> texts;
  std::set<std::string> paths;
};

/// What a rule found: one sentence each, which begins with the path.
using Violations = std::vector<std::string>;

std::vector<std::string_view> splitLines(std::string_view text);
std::string_view fileName(std::string_view path);
/// The folder of a path, without the `/` at its end; empty at the root.
std::string_view folderOf(std::string_view path);
/// The file's name up to its last dot.
std::string_view stemOf(std::string_view path);
bool startsWith(std::string_view text, std::string_view prefix);
bool endsWith(std::string_view text, std::string_view suffix);
bool contains(std::string_view text, std::string_view part);
bool isCOrCxx(std::string_view path);

} // namespace sinter::meta

#endif // SINTER_TEST_META_TREE_H
