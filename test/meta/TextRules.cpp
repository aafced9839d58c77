//===- TextRules.cpp - Rules about files, names and documentation ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/meta/Rules.h"

#include <algorithm>
#include <cctype>
#include <functional>
#include <regex>

namespace sinter::meta {
namespace {

bool isSource(std::string_view path) { return isCOrCxx(path) || endsWith(path, ".td"); }

std::string upper(std::string_view text) {
  std::string result;
  for (char c : text)
    result += std::isalnum(static_cast<unsigned char>(c)) ? char(std::toupper(static_cast<unsigned char>(c))) : '_';
  return result;
}

bool isLitTest(std::string_view path) {
  if (!startsWith(path, "test/") || contains(path, "/Inputs/"))
    return false;
  for (const char *folder : {"test/data/", "test/unit/", "test/meta/", "test/fuzz/"})
    if (startsWith(path, folder))
      return false;
  return endsWith(path, ".mlir") || endsWith(path, ".test") || endsWith(path, ".txtpb");
}

/// `a/{b,c}/d` as `a/b/d` and `a/c/d`; `{,b}` has an empty part.
std::vector<std::string> expandBraces(const std::string &word) {
  size_t open = word.find('{'), close = word.find('}', open);
  if (open == std::string::npos || close == std::string::npos)
    return {word};
  std::vector<std::string> result;
  std::string inner = word.substr(open + 1, close - open - 1) + ",";
  for (size_t begin = 0, end; (end = inner.find(',', begin)) != std::string::npos; begin = end + 1)
    for (const std::string &rest :
         expandBraces(word.substr(0, open) + inner.substr(begin, end - begin) + word.substr(close + 1)))
      result.push_back(rest);
  return result;
}

/// The parts of a Markdown text that are code: spans in backticks and indented or fenced blocks.
void forEachCode(std::string_view text, const std::function<void(std::string_view)> &visit) {
  bool fenced = false;
  for (std::string_view line : splitLines(text)) {
    if (contains(line, "```")) {
      fenced = !fenced;
      continue;
    }
    if (fenced || startsWith(line, "    ")) {
      visit(line);
      continue;
    }
    while (true) {
      size_t open = line.find('`');
      if (open == std::string_view::npos)
        break;
      line.remove_prefix(open + 1);
      size_t close = line.find('`');
      if (close == std::string_view::npos)
        break;
      visit(line.substr(0, close));
      line.remove_prefix(close + 1);
    }
  }
}

} // namespace

Violations checkFileSizes(const Tree &tree, size_t limit) {
  Violations violations;
  for (const auto &[path, text] : tree.files()) {
    if (startsWith(path, "test/data/") || path == "LICENSE")
      continue;
    size_t lines = std::count(text.begin(), text.end(), '\n');
    if (lines > limit)
      violations.push_back(path + " has " + std::to_string(lines) + " lines; the limit is " + std::to_string(limit));
  }
  return violations;
}

Violations checkNames(const Tree &tree) {
  Violations violations;
  for (const auto &[path, text] : tree.files()) {
    std::string_view rest = path;
    for (bool isFile = true; !rest.empty(); rest = folderOf(rest), isFile = false) {
      std::string name = upper(isFile ? stemOf(rest) : fileName(rest));
      for (const char *vague : {"COMMON", "UTIL", "UTILS", "HELPER", "HELPERS", "MISC"})
        if (name == vague)
          violations.push_back(path + ": the name '" + std::string(fileName(rest)) + "' does not say what is in it");
    }
  }
  return violations;
}

Violations checkHeaders(const Tree &tree) {
  Violations violations;
  for (const auto &[path, text] : tree.files()) {
    if (!isSource(path) || startsWith(path, "test/data/"))
      continue;
    std::string_view top = std::string_view(text).substr(0, 1000);
    if (!contains(top, "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception") ||
        !contains(top, std::string(fileName(path))))
      violations.push_back(path + " does not begin with its name and the license, as lib/Support/SizeExpr.h does");
    if (!endsWith(path, ".h"))
      continue;
    // lib/ and the folders of public headers are not part of the guard; the nearest folder and the file are.
    std::string tail = upper(fileName(folderOf(path))) + "_" + upper(fileName(path));
    static const std::regex guard(R"(#ifndef (SINTER_\w+)\n#define (SINTER_\w+)\n)");
    std::smatch match;
    if (!std::regex_search(text, match, guard) || match[1] != match[2] || !endsWith(match[1].str(), tail) ||
        !(contains(text, "#endif // " + match[1].str()) || contains(text, "#endif /* " + match[1].str())))
      violations.push_back(path + " has no guard SINTER_..._" + tail + ", or its #endif does not name it");
  }
  return violations;
}

Violations checkDocumentedPaths(const Tree &tree) {
  Violations violations;
  static const char *const folders[] = {
      "include", "lib",        "dialects", "targets",  "runtime", "python-free-frontends", "tools", "cmake",
      "test",    "benchmarks", "docs",     "examples", ".ci"};
  static const std::regex link(R"(\]\(([^)#\s]+)(#[^)]*)?\))");
  for (const auto &[path, text] : tree.files()) {
    if (!endsWith(path, ".md"))
      continue;
    std::string source = path;
    forEachCode(text, [&](std::string_view code) {
      std::string words(code);
      static const std::regex separators(R"([\s"'(),;=:]+)");
      // Commas separate words, except within braces.
      std::string kept;
      int depth = 0;
      for (char c : words) {
        depth += c == '{' ? 1 : c == '}' ? -1 : 0;
        kept += depth > 0 && c == ',' ? '\1' : c;
      }
      for (std::sregex_token_iterator word(kept.begin(), kept.end(), separators, -1), end; word != end; ++word) {
        std::string candidate = word->str();
        std::replace(candidate.begin(), candidate.end(), '\1', ',');
        while (!candidate.empty() && (candidate.back() == '.' || candidate.back() == '/'))
          candidate.pop_back();
        if (startsWith(candidate, "./"))
          candidate.erase(0, 2);
        size_t slash = candidate.find('/');
        if (slash == std::string::npos || candidate.find_first_of("<>*$|") != std::string::npos)
          continue;
        std::string first = candidate.substr(0, slash);
        if (std::find(std::begin(folders), std::end(folders), first) == std::end(folders))
          continue;
        for (const std::string &expanded : expandBraces(candidate))
          if (!tree.has(expanded))
            violations.push_back(source + " names " + expanded + ", which is not there");
      }
    });
    for (std::sregex_iterator match(text.begin(), text.end(), link), end; match != end; ++match) {
      std::string target = (*match)[1];
      if (contains(target, "://") || startsWith(target, "mailto:"))
        continue;
      std::string folder(folderOf(path));
      while (startsWith(target, "../")) {
        target.erase(0, 3);
        folder = folderOf(folder);
      }
      if (startsWith(target, "./"))
        target.erase(0, 2);
      if (!tree.has(folder.empty() ? target : folder + "/" + target))
        violations.push_back(path + " links to " + (*match)[1].str() + ", which is not there");
    }
  }
  return violations;
}

Violations checkShownExamples(const Tree &tree) {
  Violations violations;
  for (const auto &[path, text] : tree.files()) {
    if (!endsWith(path, ".md"))
      continue;
    for (size_t at = text.find("```c\n"); at != std::string::npos; at = text.find("```c\n", at + 1)) {
      std::string block = text.substr(at + 5, text.find("```", at + 5) - at - 5);
      bool shown = false;
      for (const auto &[example, source] : tree.files())
        shown |= startsWith(example, "examples/") && source == block;
      if (!shown)
        violations.push_back(path + " shows C that is no file of examples, which are compiled and tested");
    }
  }
  return violations;
}

Violations checkNoMachinePaths(const Tree &tree) {
  // Spelled in two parts, so that this file does not break its own rule.
  static const std::string forbidden[] = {
      std::string("/wor") + "k/",
      std::string("/hom") + "e/",
      std::string("/roo") + "t/",
      std::string("pypi") + ".org",
      std::string("python") + "hosted",
      std::string("deb.debian") + ".org",
      std::string("debian.org") + "/debian",
      std::string("conda.ana") + "conda",
      std::string("registry.") + "npm",
      std::string("crates") + ".io",
      std::string("ghcr") + ".io",
      std::string("proxy.gol") + "ang",
  };
  Violations violations;
  for (const auto &[path, text] : tree.files())
    for (const std::string &part : forbidden) {
      // `a/work/b` is another folder's name, not the machine's.
      for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
        bool within = part.front() == '/' && at > 0 &&
                      (std::isalnum(static_cast<unsigned char>(text[at - 1])) ||
                       std::string_view("_-.})").find(text[at - 1]) != std::string_view::npos);
        if (within)
          continue;
        violations.push_back(path + ", line " + std::to_string(1 + std::count(text.begin(), text.begin() + at, '\n')) +
                             ", names " + part);
        break;
      }
    }
  return violations;
}

Violations checkOptionsInTools(const Tree &tree) {
  static const std::regex declared(R"(\bcl::(opt|list|bits|alias)\s*<?)");
  Violations violations;
  for (const auto &[path, text] : tree.files())
    if (isCOrCxx(path) && !startsWith(path, "tools/") && !startsWith(path, "test/") && contains(text, "cl::") &&
        std::regex_search(text, declared))
      violations.push_back(path + " declares a command line option outside tools/: options of passes are TableGen's");
  return violations;
}

Violations checkNoExceptions(const Tree &tree) {
  static const std::regex thrown(R"(^[^/"]*\b(throw\b|try\s*\{|catch\s*\())");
  Violations violations;
  for (const auto &[path, text] : tree.files()) {
    bool allowed = startsWith(path, "tools/") || startsWith(path, "test/") || startsWith(path, "benchmarks/");
    if (!isCOrCxx(path) || allowed)
      continue;
    for (std::string_view line : splitLines(text))
      if ((contains(line, "throw") || contains(line, "try") || contains(line, "catch")) &&
          std::regex_search(line.begin(), line.end(), thrown))
        violations.push_back(path + " throws or catches: '" + std::string(line) + "'; errors are values");
  }
  return violations;
}

/// Whether a list of sources has a word such as `Onnx${family}Test.cpp` that can be this file's name.
static bool isNamedByPattern(std::string_view list, std::string_view name) {
  static const std::regex pattern(R"(([\w/]*)\$\{\w+\}([\w]*\.\w+))");
  using Iterator = std::regex_iterator<std::string_view::const_iterator>;
  for (Iterator match(list.begin(), list.end(), pattern), end; match != end; ++match)
    if (startsWith(name, (*match)[1].str()) && endsWith(name, (*match)[2].str()))
      return true;
  return false;
}

Violations checkSourcesAreBuilt(const Tree &tree) {
  Violations violations;
  for (const auto &[path, text] : tree.files()) {
    bool source = endsWith(path, ".cpp") || endsWith(path, ".c") || endsWith(path, ".cc");
    if (!source || startsWith(path, "test/data/") || contains(path, "/Inputs/"))
      continue;
    bool named = false;
    for (std::string_view folder = folderOf(path);; folder = folderOf(folder)) {
      std::string list = folder.empty() ? "CMakeLists.txt" : std::string(folder) + "/CMakeLists.txt";
      std::string_view relative = std::string_view(path).substr(folder.empty() ? 0 : folder.size() + 1);
      named |= contains(tree.text(list), relative) || contains(tree.text(list), "file(GLOB") ||
               isNamedByPattern(tree.text(list), relative);
      if (folder.empty())
        break;
    }
    if (!named)
      violations.push_back(path + " is not in a CMakeLists.txt: nothing builds it");
  }
  return violations;
}

Violations checkPython(const Tree &tree) {
  Violations violations;
  for (const auto &[path, text] : tree.files()) {
    bool python = endsWith(path, ".py") || endsWith(path, ".pyi") || endsWith(path, ".ipynb") ||
                  (startsWith(text, "#!") && contains(splitLines(text).front(), "python"));
    bool allowed = startsWith(path, "benchmarks/") ||
                   (startsWith(path, "test/") && startsWith(fileName(path), "lit.") && endsWith(path, "cfg.py"));
    if (python && !allowed)
      violations.push_back(path + " is Python, which has its places in benchmarks/ and lit's configuration only");
  }
  return violations;
}

Violations checkLitTests(const Tree &tree) {
  Violations violations;
  for (const auto &[path, text] : tree.files()) {
    if (!isLitTest(path))
      continue;
    std::vector<std::string_view> lines = splitLines(text);
    lines.resize(std::min<size_t>(lines.size(), 12));
    auto says = [&](const char *words) {
      return std::any_of(lines.begin(), lines.end(), [&](std::string_view line) { return contains(line, words); });
    };
    if (!says("Tests that"))
      violations.push_back(path + " does not begin with a sentence 'Tests that ...'");
    if (!contains(text, "RUN:"))
      violations.push_back(path + " runs nothing");
    // A verifier's negatives are diagnostics; those of a rewriting pass show by FileCheck what it leaves alone.
    bool negative = endsWith(path, ".mlir") && endsWith(stemOf(path), "invalid");
    bool rewrites = contains(text, "| FileCheck") && !contains(text, "RUN: not ");
    if (negative && !((contains(text, "-verify-diagnostics") || rewrites) && contains(text, "-split-input-file")))
      violations.push_back(path + " is a negative test without -verify-diagnostics -split-input-file");
  }
  return violations;
}

} // namespace sinter::meta
