//===- EncodeManifest.cpp - Writes manifest.json --------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// program.bin holds the manifest's hash, so the manifest cannot hold the hash of
// all of program.bin: it has the SHA-256 of the tables behind the header.
//
//===----------------------------------------------------------------------===//

#include "lib/Bundle/Encoding.h"

#include "lib/Support/Hash.h"
#include "runtime/format/hash.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace sinter;
namespace json = llvm::json;

/// A number, or a formula as text.
static json::Value sizeValue(const SizeExpr &size) {
  if (std::optional<int64_t> constant = size.constant())
    return *constant;
  return size.str();
}

static std::string hashText(uint64_t hash) { return llvm::utohexstr(hash, /*LowerCase=*/true, /*Width=*/16); }

/// Names in models are any bytes; JSON's are UTF-8.
static std::string nameText(llvm::StringRef name) { return json::isUTF8(name) ? name.str() : json::fixUTF8(name); }

static json::Array valueArray(llvm::ArrayRef<BundleValue> values) {
  json::Array result;
  for (const BundleValue &value : values) {
    json::Array shape, names;
    for (const SizeExpr &size : value.dims)
      shape.push_back(sizeValue(size));
    for (const std::string &name : value.dimNames)
      names.push_back(nameText(name));
    json::Object object{
        {"name", nameText(value.name)}, {"type", sinter_type_name(value.type)}, {"shape", std::move(shape)}};
    if (!names.empty())
      object["dim_names"] = std::move(names);
    if (value.anyShape)
      object["any_shape"] = true;
    result.push_back(std::move(object));
  }
  return result;
}

static json::Array symbolArray(const BundleDescription &bundle) {
  json::Array result;
  for (const BundleSymbol &symbol : bundle.symbols) {
    json::Object from;
    if (symbol.source.kind == SymbolSource::Session)
      from["session"] = "past";
    else
      from["input"] = nameText(bundle.inputs[symbol.source.input].name);
    if (symbol.source.kind == SymbolSource::Range) {
      json::Array range;
      for (const SymbolSource::Operand &operand : symbol.source.operands)
        range.push_back(operand.input ? json::Value(nameText(bundle.inputs[*operand.input].name))
                                      : json::Value(operand.number));
      from["range"] = std::move(range);
    } else if (symbol.source.kind != SymbolSource::Session)
      from[symbol.source.kind == SymbolSource::Axis ? "axis" : "element"] =
          static_cast<int64_t>(symbol.source.position);
    result.push_back(json::Object{{"name", nameText(symbol.name)},
                                  {"from", std::move(from)},
                                  {"lowest", symbol.lowest},
                                  {"highest", symbol.highest ? json::Value(*symbol.highest) : json::Value(nullptr)},
                                  {"typical", symbol.typical ? json::Value(*symbol.typical) : json::Value(nullptr)}});
  }
  return result;
}

static json::Array checkArray(const BundleDescription &bundle) {
  json::Array result;
  for (const BundleCheck &check : bundle.checks) {
    json::Object object{{"right", sizeValue(check.right)}, {"text", nameText(check.text)}};
    switch (check.kind) {
    case BundleCheck::Size:
      object["kind"] = "size";
      object["input"] = nameText(bundle.inputs[check.input].name);
      object["axis"] = static_cast<int64_t>(check.axis);
      break;
    case BundleCheck::Equal:
      object["kind"] = "equal";
      object["left"] = sizeValue(check.left);
      break;
    case BundleCheck::AtLeast:
      object["kind"] = "at-least";
      object["left"] = sizeValue(check.left);
      break;
    }
    result.push_back(std::move(object));
  }
  return result;
}

static json::Array entryArray(const BundleDescription &bundle) {
  json::Array result;
  for (const BundleEntry &entry : bundle.entries) {
    json::Object limits;
    for (const auto &[symbol, greatest] : entry.limits)
      limits[nameText(symbol)] = greatest;
    result.push_back(json::Object{{"name", nameText(entry.name)},
                                  {"dims", std::move(limits)},
                                  {"first_step", static_cast<int64_t>(entry.firstStep)},
                                  {"steps", static_cast<int64_t>(entry.numSteps)}});
  }
  return result;
}

static json::Array stateArray(const BundleDescription &bundle) {
  json::Array result;
  for (const BundleState &state : bundle.states)
    result.push_back(json::Object{{"name", nameText(state.name)},
                                  {"type", sinter_type_name(state.type)},
                                  {"shape", json::Array(state.dims)},
                                  {"axis", static_cast<int64_t>(state.axis)}});
  return result;
}

static json::Object fileObject(llvm::StringRef name, llvm::StringRef bytes) {
  return json::Object{{"file", name.str()},
                      {"bytes", static_cast<int64_t>(bytes.size())},
                      {"xxh64", hashText(sinter_hash_bytes(bytes.data(), bytes.size()))},
                      {"sha256", sha256Hex(bytes)}};
}

/// What the words of a step that executes a schedule say.
static json::Object scheduleObject(const BundleDescription &bundle, const BundleStep &step) {
  auto word = [&](sinter_schedule_word index) { return *step.arguments[index].value.constant(); };
  auto fileName = [&](int64_t file) { return file < 0 ? json::Value(nullptr) : json::Value(bundle.files[file].name); };
  int64_t limit = word(SINTER_SCHEDULE_LIMIT);
  return json::Object{{"device", sinter_device_kind_name(word(SINTER_SCHEDULE_DEVICE))},
                      {"chip", step.name},
                      {"file", fileName(word(SINTER_SCHEDULE_FILE))},
                      {"chip_file", fileName(word(SINTER_SCHEDULE_CHIP))},
                      {"cycles", word(SINTER_SCHEDULE_CYCLES)},
                      {"limit_cycles", limit ? json::Value(limit) : json::Value(nullptr)},
                      {"clock_hz", word(SINTER_SCHEDULE_CLOCK)}};
}

std::string sinter::encodeManifest(const BundleDescription &bundle, const std::vector<PlacedSection> &sections,
                                   uint64_t weightsBytes, llvm::StringRef program) {
  json::Array variants, kernels, steps, sectionArray, files, chips;
  for (const BundleVariant &variant : bundle.variants) {
    json::Object object = fileObject(codeFileName(variant), variant.code);
    object["name"] = variant.name;
    variants.push_back(std::move(object));
    chips.push_back(variant.name);
  }
  for (const BundleKernel &kernel : bundle.kernels)
    kernels.push_back(nameText(kernel.name));
  bool hasSchedules =
      llvm::any_of(bundle.steps, [](const BundleStep &step) { return step.kernel == SINTER_EXECUTE_SCHEDULE; });
  if (hasSchedules)
    chips.clear(); // the code is for the host
  for (const BundleStep &step : bundle.steps) {
    const char *own = sinter_runtime_kernel_name(step.kernel);
    json::Object object{{"name", nameText(step.name)},
                        {"kernel", own ? own : nameText(bundle.kernels[step.kernel].name)},
                        {"tasks", sizeValue(step.tasks)},
                        {"scratch_bytes", sizeValue(step.scratchBytes)}};
    if (step.kernel == SINTER_EXECUTE_SCHEDULE) {
      object["schedule"] = scheduleObject(bundle, step);
      if (!llvm::is_contained(chips, json::Value(step.name)))
        chips.push_back(step.name);
    }
    steps.push_back(std::move(object));
  }
  for (auto [section, placed] : llvm::zip(bundle.sections, sections))
    sectionArray.push_back(json::Object{{"name", nameText(section.name)},
                                        {"offset", static_cast<int64_t>(placed.offset)},
                                        {"bytes", static_cast<int64_t>(section.bytes)},
                                        {"xxh64", hashText(placed.hash)}});
  for (const BundleFile &file : bundle.files)
    files.push_back(fileObject(file.name, file.contents()));

  json::Object manifest{
      {"format", "sinter-bundle"},
      {"version", static_cast<int64_t>(programVersion(bundle))},
      {"sinter", bundle.compiler},
      {"name", nameText(bundle.name)},
      {"source", json::Object{{"file", nameText(bundle.sourceFile)}, {"sha256", bundle.sourceSha256}}},
      {"targets", json::Array{json::Object{{"target", bundle.target}, {"chips", std::move(chips)}}}},
      {"precision", bundle.precision},
      {"inputs", valueArray(bundle.inputs)},
      {"outputs", valueArray(bundle.outputs)},
      {"dims", symbolArray(bundle)},
      {"checks", checkArray(bundle)},
      {"memory", json::Object{{"arena_bytes", sizeValue(bundle.arenaBytes)},
                              {"weights_bytes", static_cast<int64_t>(weightsBytes)}}},
      {"kernels", std::move(kernels)},
      {"steps", std::move(steps)},
      {"code", std::move(variants)},
      {"weights", json::Object{{"file", SINTER_WEIGHTS_FILE},
                               {"bytes", static_cast<int64_t>(weightsBytes)},
                               {"sections", std::move(sectionArray)}}},
      {"files", std::move(files)},
      {"program",
       json::Object{{"file", SINTER_PROGRAM_FILE},
                    {"tables_sha256", sha256Hex(program.drop_front(sinter_header_bytes(programVersion(bundle))))}}}};
  if (!bundle.entries.empty())
    manifest["entries"] = entryArray(bundle);
  if (!bundle.states.empty()) {
    manifest["states"] = stateArray(bundle);
    manifest["advance"] = sizeValue(bundle.advance);
  }
  std::string text;
  llvm::raw_string_ostream os(text);
  os << llvm::formatv("{0:2}", json::Value(std::move(manifest))) << "\n";
  return text;
}
