//===- LinkedHeader.cpp - The header of a linked-in program ---------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Bundle/LinkedHeader.h"

#include "lib/Bundle/LinkedProgram.h"
#include "lib/Support/Failure.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace sinter;
using llvm::StringRef;

static std::string identifierFrom(StringRef text) {
  std::string result;
  for (char c : text)
    result += llvm::isAlnum(c) ? c : '_';
  if (result.empty() || llvm::isDigit(result[0]))
    result.insert(result.begin(), '_');
  return result;
}

std::string sinter::symbolNameFrom(StringRef file) {
  std::string result = identifierFrom(llvm::sys::path::stem(file));
  // A leading underscore is the compiler's, and sinter_ the runtime's.
  if (result[0] == '_' || StringRef(result).starts_with("sinter_"))
    result = "model_" + StringRef(result).ltrim('_').str();
  return result;
}

llvm::Error sinter::checkSymbolName(StringRef name) {
  bool isIdentifier = !name.empty() && !llvm::isDigit(name[0]) && name[0] != '_' &&
                      llvm::all_of(name, [](char c) { return llvm::isAlnum(c) || c == '_'; });
  if (!isIdentifier)
    return usage("'" + name + "' cannot begin symbols: letters, digits and underscores are required, a letter first");
  if (name.starts_with("sinter_"))
    return usage("'" + name + "' cannot begin symbols: names that begin with sinter_ are the runtime's");
  return llvm::Error::success();
}

/// A text from a model as part of a comment of one line.
static std::string commentText(StringRef text) {
  std::string result;
  for (char c : text)
    result += llvm::isPrint(c) ? c : '?';
  for (size_t at; (at = result.find("*/")) != std::string::npos;)
    result[at + 1] = '?';
  return result;
}

static void writeValues(llvm::raw_ostream &os, StringRef name, StringRef what, llvm::ArrayRef<BundleValue> values) {
  if (values.empty())
    return;
  llvm::StringSet<> taken;
  os << "\n/* Indices of " << what << "s. */\nenum {\n";
  for (auto [i, value] : llvm::enumerate(values)) {
    std::string constant =
        StringRef(name).upper() + "_" + what.upper() + "_" + StringRef(identifierFrom(value.name)).upper();
    if (!taken.insert(constant).second) {
      constant += "_" + std::to_string(i);
      taken.insert(constant);
    }
    os << "  " << constant << " = " << i << (i + 1 < values.size() ? "," : "") << " /* "
       << sinter_type_name(value.type);
    if (value.anyShape) {
      os << " of any shape, not used */\n";
      continue;
    }
    os << " [";
    for (auto [axis, size] : llvm::enumerate(value.dims))
      os << (axis ? ", " : "") << commentText(size.str());
    os << "] */\n";
  }
  os << "};\n";
}

std::string sinter::encodeLinkedHeader(const BundleDescription &bundle, StringRef name) {
  std::string text;
  llvm::raw_string_ostream os(text);
  std::string guard = "SINTER_MODEL_" + name.upper() + "_H";
  os << "/* " << linkedHeaderMark << (bundle.compiler.empty() ? "" : " ") << commentText(bundle.compiler) << " from "
     << commentText(bundle.sourceFile) << ". Do not edit. */\n\n#ifndef " << guard << "\n#define " << guard
     << "\n\n#include \"sinter-rt/sinter.h\"\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n";
  os << "/* The program, for sinter_program_open_model: give SINTER_MODEL_VERSION. NULL where it needs a later "
        "runtime. */\n"
     << "const sinter_model *" << name << "_query(uint32_t max_version);\n";
  writeValues(os, name, "input", bundle.inputs);
  writeValues(os, name, "output", bundle.outputs);
  bool hasSizes = false;
  for (const BundleSymbol &symbol : bundle.symbols) {
    if (symbol.source.kind != SymbolSource::Axis)
      continue;
    os << (hasSizes ? "" : "\n/* Sizes, for sinter_session_options:\n") << "     \"" << commentText(symbol.name)
       << "\": " << symbol.lowest << " to ";
    if (symbol.highest)
      os << *symbol.highest << "\n";
    else
      os << "any\n";
    hasSizes = true;
  }
  if (hasSizes)
    os << "*/\n";
  os << "\n#ifdef __cplusplus\n}\n#endif\n\n#endif /* " << guard << " */\n";
  return text;
}
