//===- Tree.cpp - The repository's files, as the house rules see them -----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/meta/Tree.h"

#include <filesystem>
#include <fstream>
#include <sstream>

namespace fs = std::filesystem;

namespace sinter::meta {

bool startsWith(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

bool endsWith(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::string_view folderOf(std::string_view path) {
  size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string_view fileName(std::string_view path) {
  size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string_view stemOf(std::string_view path) {
  std::string_view name = fileName(path);
  return name.substr(0, name.rfind('.'));
}

bool isCOrCxx(std::string_view path) {
  return endsWith(path, ".h") || endsWith(path, ".c") || endsWith(path, ".cpp") || endsWith(path, ".cc") ||
         endsWith(path, ".hpp");
}

std::vector<std::string_view> splitLines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

Tree::Tree(std::initializer_list<std::pair<const std::string, std::string>> files) {
  for (const auto &[path, text] : files)
    add(path, text);
}

void Tree::add(const std::string &path, std::string text) {
  texts[path] = std::move(text);
  for (std::string_view part = path; !part.empty(); part = folderOf(part))
    paths.insert(std::string(part));
}

bool Tree::has(std::string_view path) const {
  while (endsWith(path, "/"))
    path.remove_suffix(1);
  return paths.count(std::string(path)) != 0;
}

std::string_view Tree::text(const std::string &path) const {
  auto found = texts.find(path);
  return found == texts.end() ? std::string_view() : found->second;
}

Tree Tree::read(const std::string &root) {
  Tree tree;
  for (auto entry = fs::recursive_directory_iterator(root); entry != fs::recursive_directory_iterator(); ++entry) {
    std::string path = fs::relative(entry->path(), root).generic_string();
    bool skipped = path == ".git" || path == ".cache" || path == "build" || startsWith(path, "build-");
    if (skipped) {
      if (entry->is_directory())
        entry.disable_recursion_pending();
      continue;
    }
    if (!entry->is_regular_file())
      continue;
    std::string text;
    // Models and reference values are data: nothing is said about their text.
    if (!startsWith(path, "test/data/")) {
      std::ifstream file(entry->path(), std::ios::binary);
      std::ostringstream all;
      all << file.rdbuf();
      text = all.str();
    }
    tree.add(path, std::move(text));
  }
  return tree;
}

} // namespace sinter::meta
