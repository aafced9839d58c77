//===- TableGenRules.cpp - Rules about ops and passes ---------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/meta/Rules.h"

#include <regex>

namespace sinter::meta {
namespace {

/// A record that a .td file defines: `def Sinter_RmsNormOp : Sinter_Op<"rms_norm", ...> { ... }`.
struct Record {
  std::string file;
  std::string name;     // Sinter_RmsNormOp
  std::string argument; // rms_norm: the first text between quotes
  std::string text;     // from `def` to the brace that closes it
};

/// Records at the left margin whose names end in `suffix`. A record ends with a line that begins with `}` or ends its
/// head with `;`.
std::vector<Record> findRecords(const Tree &tree, const std::string &suffix) {
  std::vector<Record> records;
  const std::regex head("^def\\s+(\\w*" + suffix + ")\\s*(:.*)?$");
  for (const auto &[path, text] : tree.files()) {
    if (!endsWith(path, ".td"))
      continue;
    std::vector<std::string_view> lines = splitLines(text);
    for (size_t i = 0; i < lines.size(); ++i) {
      std::string line(lines[i]);
      std::smatch match;
      if (!std::regex_match(line, match, head))
        continue;
      Record record{path, match[1], "", ""};
      for (; i < lines.size(); ++i) {
        record.text += std::string(lines[i]) + "\n";
        if (startsWith(lines[i], "}") || (endsWith(lines[i], ";") && !contains(record.text, "{")))
          break;
      }
      static const std::regex quoted("\"([^\"]*)\"");
      if (std::regex_search(record.text, match, quoted))
        record.argument = match[1];
      records.push_back(std::move(record));
    }
  }
  return records;
}

bool hasSummary(const Record &record) {
  static const std::regex summary(R"(let\s+summary\s*=\s*(\[\{|")\s*[^"\s])");
  return std::regex_search(record.text, summary);
}

/// Between `[{` and `}]` after `let description`.
std::string descriptionOf(const Record &record) {
  size_t at = record.text.find("let description");
  if (at == std::string::npos)
    return "";
  size_t begin = record.text.find("[{", at), end = record.text.find("}]", at);
  return begin == std::string::npos || end == std::string::npos || end < begin
             ? ""
             : record.text.substr(begin + 2, end - begin - 2);
}

/// rms_norm, rms-norm: RmsNorm.
std::string camelCase(std::string_view words) {
  std::string result;
  bool initial = true;
  for (char c : words) {
    if (c == '_' || c == '-' || c == '.') {
      initial = true;
    } else {
      result += initial ? char(std::toupper(static_cast<unsigned char>(c))) : c;
      initial = false;
    }
  }
  return result;
}

/// FuseAttention: fuse-attention.
std::string kebabCase(std::string_view name) {
  std::string result;
  for (char c : name) {
    if (std::isupper(static_cast<unsigned char>(c)) && !result.empty())
      result += '-';
    result += char(std::tolower(static_cast<unsigned char>(c)));
  }
  return result;
}

/// The folder of a dialect's or a target's tests: dialects/sinter/IR/SinterOps.td has test/dialects/sinter.
std::string testFolderOf(std::string_view path) {
  size_t end = path.find('/', path.find('/') + 1);
  return "test/" + std::string(path.substr(0, end));
}

std::string sourceFolderOf(std::string_view path) {
  return std::string(path.substr(0, path.find('/', path.find('/') + 1)));
}

/// The texts of the files of a folder, one after the other, for which `select` holds.
template <typename Select> std::string textsIn(const Tree &tree, const std::string &folder, Select select) {
  std::string all;
  for (const auto &[path, text] : tree.files())
    if (startsWith(path, folder + "/") && select(path))
      all += text + "\n";
  return all;
}

bool isNegative(std::string_view path) { return endsWith(path, ".mlir") && endsWith(stemOf(path), "invalid"); }

std::string negativesOf(const Tree &tree, const Record &record) {
  return textsIn(tree, testFolderOf(record.file), isNegative);
}

bool usesWord(const std::string &text, const std::string &word) {
  auto isName = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    bool left = at == 0 || !isName(text[at - 1]);
    bool right = at + word.size() >= text.size() || !isName(text[at + word.size()]);
    if (left && right)
      return true;
  }
  return false;
}

/// The numbers of `rms_norm C2` or `rms_norm C1, C2` in a text.
std::set<int> mentioned(const std::string &text, const std::string &mnemonic) {
  std::set<int> numbers;
  const std::regex mention("(^|[^A-Za-z0-9_])" + mnemonic + " (C[0-9]+(, C[0-9]+| and C[0-9]+)*)");
  for (std::sregex_iterator match(text.begin(), text.end(), mention), end; match != end; ++match) {
    std::string list = (*match)[2];
    static const std::regex number("C([0-9]+)");
    for (std::sregex_iterator one(list.begin(), list.end(), number); one != end; ++one)
      numbers.insert(std::stoi((*one)[1]));
  }
  return numbers;
}

} // namespace

Violations checkOps(const Tree &tree) {
  Violations violations;
  for (const Record &op : findRecords(tree, "Op")) {
    auto complain = [&](const std::string &what) { violations.push_back(op.file + ": " + op.name + " " + what); };
    std::string description = descriptionOf(op);
    if (!hasSummary(op))
      complain("has no summary");
    if (description.empty())
      complain("has no description");
    else if (!contains(description, "```mlir"))
      complain("has no example (a block ```mlir in its description)");
    if (!endsWith(op.name, "_" + camelCase(op.argument) + "Op"))
      complain("is not named after its mnemonic " + op.argument);
    std::string dialect(fileName(sourceFolderOf(op.file))), name = dialect + "." + op.argument;
    std::string folder = testFolderOf(op.file);
    std::string positives =
        textsIn(tree, folder, [](std::string_view path) { return endsWith(path, ".mlir") && !isNegative(path); });
    if (!usesWord(positives, name))
      complain("has no positive test: no .mlir in " + folder + " uses " + name);
    if (!usesWord(negativesOf(tree, op), name))
      complain("has no negative test: no *invalid.mlir in " + folder + " uses " + name);
  }
  return violations;
}

Violations checkConstraints(const Tree &tree) {
  Violations violations;
  for (const Record &op : findRecords(tree, "Op")) {
    auto complain = [&](const std::string &what) { violations.push_back(op.file + ": " + op.name + " " + what); };
    std::string description = descriptionOf(op);
    std::set<int> stated;
    static const std::regex constraint(R"(- C([0-9]+):)");
    for (std::sregex_iterator match(description.begin(), description.end(), constraint), end; match != end; ++match)
      if (int number = std::stoi((*match)[1]); !stated.insert(number).second || number != int(stated.size()))
        complain("states C" + std::to_string(number) + " out of order");
    std::string folder(folderOf(op.file));
    std::set<int> verified =
        mentioned(textsIn(tree, folder, [](std::string_view path) { return isCOrCxx(path); }), op.argument);
    std::set<int> tested = mentioned(negativesOf(tree, op), op.argument);
    for (int number : stated) {
      std::string text = op.argument + " C" + std::to_string(number);
      if (!verified.count(number))
        complain("states C" + std::to_string(number) + ", but no verifier in " + folder + " says '" + text + "'");
      if (!tested.count(number))
        complain("states C" + std::to_string(number) + ", but no *invalid.mlir in " + testFolderOf(op.file) +
                 " says '" + text + "'");
    }
    for (int number : verified)
      if (!stated.count(number))
        complain("is verified for a C" + std::to_string(number) + " that it does not state");
  }
  return violations;
}

Violations checkInterpreterIsComplete(const Tree &tree) {
  Violations violations;
  std::string interpreter = textsIn(tree, "lib/Interpreter", [](std::string_view path) { return isCOrCxx(path); });
  for (const Record &op : findRecords(tree, "Op")) {
    bool computes = contains(op.text, ": Sinter_InferredOp<") || contains(op.text, ": Sinter_SizedOp<");
    std::string name = camelCase(op.argument) + "Op";
    if (computes && !contains(interpreter, "(" + name + " ") && !contains(interpreter, "(" + name + ","))
      violations.push_back(op.file + ": " + op.name + " has no function in lib/Interpreter that takes a " + name);
  }
  return violations;
}

Violations checkPasses(const Tree &tree) {
  Violations violations;
  for (const Record &pass : findRecords(tree, "Pass")) {
    auto complain = [&](const std::string &what) { violations.push_back(pass.file + ": " + pass.name + " " + what); };
    std::string description = descriptionOf(pass);
    if (!hasSummary(pass))
      complain("has no summary");
    if (description.empty())
      complain("has no description");
    else if (!contains(description, "```mlir"))
      complain("has no example (a block ```mlir in its description)");
    if (contains(pass.text, "let constructor"))
      complain("has a constructor of its own; mlir-tblgen makes it");
    std::string stem = pass.name.substr(0, pass.name.size() - 4), kebab = kebabCase(stem);
    std::string sources = sourceFolderOf(pass.file);
    // The option of a target's pass says whose it is.
    std::string prefix = startsWith(sources, "targets/") ? "sinter-" + std::string(fileName(sources)) + "-" : "sinter-";
    if (pass.argument != prefix + kebab)
      complain("has the option --" + pass.argument + ", but its name asks for --" + prefix + kebab);
    bool implemented = false;
    for (const auto &[path, text] : tree.files())
      implemented |= startsWith(path, sources + "/") && fileName(path) == stem + ".cpp";
    if (!implemented)
      complain("is not in a file " + stem + ".cpp of " + sources);
    std::string folder = testFolderOf(pass.file);
    for (const std::string &test : {folder + "/" + kebab + ".mlir", folder + "/" + kebab + "-invalid.mlir"})
      if (!tree.has(test))
        complain("has no test " + test);
  }
  return violations;
}

} // namespace sinter::meta
