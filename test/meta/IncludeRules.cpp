//===- IncludeRules.cpp - Who may include whom ----------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/meta/Rules.h"

#include <optional>
#include <regex>

namespace sinter::meta {
namespace {

/// A part of the tree that may include itself and what lies in lower layers. A name that ends in `*` stands for each
/// folder in that place, which are parts of their own.
struct Layer {
  const char *name;
  int height;
};

// The compiler. What stands in the same layer does not know each other.
const Layer compilerLayers[] = {
    {"lib/Support", 10},
    {"dialects/interfaces", 20},
    {"lib/Analysis", 30},
    {"lib/Bundle", 30},
    {"lib/Quantization", 30},
    {"lib/Schedule/Verify", 30},
    {"lib/Schedule/Profile", 31}, // names queues as the verifier does
    {"lib/Schedule", 30},
    // The graph, then what the dataflow targets share, then what only one target has.
    {"dialects/sinter", 40},
    {"dialects/sched", 41},
    {"dialects/*", 42},
    {"lib/Weights", 45},
    {"lib/Interpreter", 50},
    {"lib/Conversion", 50},
    {"lib/Sparsity", 55}, // reads weights and computes with them
    {"include/sinter", 60},
    {"lib/Pipeline", 70},
    {"python-free-frontends/reader", 80},
    {"python-free-frontends/*", 90},
    {"targets/*", 90},
    {"include/sinter-c", 100},
    {"lib/CAPI", 110},
    {"tools/*", 120},
};

// The runtime, which stands beside the compiler.
const Layer runtimeLayers[] = {
    {"runtime/format", 10}, {"runtime/include", 10}, {"runtime/core", 20}, {"runtime/cpu", 30},
    {"runtime/cuda", 30},   {"runtime/sim", 30},     {"runtime/llm", 40},
};

struct Part {
  std::string name;
  int height = 0;
  bool runtime = false;
};

std::optional<Part> partOf(std::string_view path) {
  auto search = [&](const auto &layers, bool runtime) -> std::optional<Part> {
    for (const Layer &layer : layers) {
      std::string prefix = layer.name;
      if (endsWith(prefix, "*")) {
        prefix.pop_back();
        if (!startsWith(path, prefix))
          continue;
        size_t end = path.find('/', prefix.size());
        if (end != std::string_view::npos)
          return Part{std::string(path.substr(0, end)), layer.height, runtime};
      } else if (startsWith(path, prefix + "/")) {
        return Part{layer.name, layer.height, runtime};
      }
    }
    return std::nullopt;
  };
  if (startsWith(path, "runtime/"))
    return search(runtimeLayers, true);
  return search(compilerLayers, false);
}

bool isOurs(std::string_view path) {
  for (const char *folder :
       {"lib/", "dialects/", "targets/", "tools/", "runtime/", "include/", "python-free-frontends/"})
    if (startsWith(path, folder))
      return true;
  return false;
}

/// The path from the root of what `include` names in the file `from`; none where it is not ours.
std::optional<std::string> resolve(const Tree &tree, std::string_view from, const std::string &include) {
  if (tree.has(include) || isOurs(include))
    return include;
  for (const std::string &folder :
       {std::string(folderOf(from)), std::string("runtime/include"), std::string("include")})
    if (tree.has(folder + "/" + include))
      return folder + "/" + include;
  return std::nullopt;
}

/// Why `from` may not include `to`, or nothing.
std::optional<std::string> refusal(std::string_view from, std::string_view to) {
  std::optional<Part> user = partOf(from), used = partOf(to);
  if (!user)
    return "its folder has no layer: give it one in test/meta/IncludeRules.cpp and in the documentation";
  if (!used)
    return "that folder has no layer";
  if (user->name == used->name)
    return std::nullopt;
  if (used->name == "runtime/format")
    return std::nullopt;
  if (user->name == "runtime/format")
    return "runtime/format includes nothing";
  if (user->runtime != used->runtime) {
    if (startsWith(from, "tools/") && used->name == "runtime/include")
      return std::nullopt;
    return user->runtime ? "the runtime includes nothing of the compiler"
                         : "of the runtime, the compiler includes runtime/format only, and tools sinter.h";
  }
  if (user->name == "lib/Interpreter" && contains(to, "/Transforms/"))
    return "the interpreter is the oracle and shares nothing with passes";
  if (used->height < user->height)
    return std::nullopt;
  return user->name + " may not include " + used->name + ": includes go to lower layers only";
}

template <typename Visit> void forEachInclude(const Tree &tree, Visit visit) {
  static const std::regex line(R"(^\s*#?\s*include\s*["<]([^">]+)[">].*)");
  for (const auto &[path, text] : tree.files()) {
    if (!isOurs(path) || !(isCOrCxx(path) || endsWith(path, ".td") || endsWith(path, ".inc")))
      continue;
    for (std::string_view current : splitLines(text)) {
      if (!contains(current, "include"))
        continue;
      std::match_results<std::string_view::const_iterator> match;
      if (std::regex_match(current.begin(), current.end(), match, line))
        visit(path, match[1].str());
    }
  }
}

} // namespace

Violations checkIncludeOrder(const Tree &tree) {
  Violations violations;
  forEachInclude(tree, [&](const std::string &path, const std::string &include) {
    if (std::optional<std::string> to = resolve(tree, path, include))
      if (std::optional<std::string> reason = refusal(path, *to))
        violations.push_back(path + " includes " + include + ": " + *reason);
  });
  return violations;
}

Violations checkRuntimeDependencies(const Tree &tree) {
  Violations violations;
  forEachInclude(tree, [&](const std::string &path, const std::string &include) {
    if (!startsWith(path, "runtime/"))
      return;
    for (const char *compiler : {"llvm/", "llvm-c/", "mlir/", "mlir-c/", "lld/", "clang/"})
      if (startsWith(include, compiler))
        violations.push_back(path + " includes " + include + ": the runtime needs no LLVM");
    // Schedules and chip descriptions are messages; the C headers beside them are runtime/core's.
    bool mayParse = startsWith(path, "runtime/sim/") || startsWith(path, "runtime/llm/") ||
                    (startsWith(path, "runtime/format/") && !endsWith(path, "/program.h") && !endsWith(path, "/hash.h"));
    if (!mayParse && (startsWith(include, "google/protobuf") || contains(include, "json")))
      violations.push_back(path + " includes " + include +
                           ": this part of the runtime parses neither JSON nor protobuf");
  });
  return violations;
}

} // namespace sinter::meta
