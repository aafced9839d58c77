//===- Inspect.cpp - sinter inspect -----------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/IR/OpKind.h"
#include "dialects/sinter/IR/Sinter.h"
#include "include/sinter/Compiler.h"
#include "lib/Bundle/WriteBundle.h"
#include "tools/sinter/Assembly.h"
#include "tools/sinter/CompileOptions.h"
#include "tools/sinter/Console.h"
#include "tools/sinter/ModelFile.h"
#include "tools/sinter/Program.h"
#include "tools/sinter/Reference.h"
#include "tools/sinter/ScheduleText.h"
#include "tools/sinter/Verbs.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"

using namespace sinter;
using namespace sinter::tool;

namespace {

struct Options {
  CompileOptions compile;
  std::string what;
  bool assembly = false;
};

/// What is known of a bundle or model; what is null in JSON and left out in words is not known.
struct Description {
  std::string name;
  std::vector<ProgramValue> inputs, outputs;
  llvm::json::Object dims;
  std::string dimsText;
  std::vector<std::string> conditions;
  std::map<std::string, int64_t> ops;
  /// Kernels with the number of steps that run each, in the order of the first.
  std::optional<std::vector<std::pair<std::string, int64_t>>> kernels;
  llvm::json::Array targets, weights, entries, states;
  std::string targetsText;
  std::vector<std::string> entriesText, statesText;
  /// Constants of which several forms are stored, with the bytes of all.
  std::vector<std::pair<std::string, uint64_t>> repeated;
  uint64_t weightsBytes = 0;
  std::optional<uint64_t> codeBytes;
  std::string arenaFormula;
  std::optional<uint64_t> arenaBytes;
  std::string sizesText; // of --dim
  std::string source;
};

std::string typeName(mlir::Type type) {
  if (mlir::isa<StringType>(type))
    return "string";
  if (type.isInteger(1))
    return "bool";
  if (auto integer = mlir::dyn_cast<mlir::IntegerType>(type))
    return (integer.isUnsigned() ? "u" : "i") + std::to_string(integer.getWidth());
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

ProgramValue describeValue(llvm::StringRef name, mlir::Type type, bool anyShape = false) {
  ProgramValue value{name.str(), ElementType::F32, {}, {}, anyShape};
  if (auto tensor = mlir::dyn_cast<mlir::RankedTensorType>(type)) {
    value.type = toElementType(tensor.getElementType());
    for (const SizeExpr &size : getSizes(type))
      value.dims.push_back(size.str());
  }
  return value;
}

/// The graph: inputs, outputs, dimensions, ops, weights.
void describeModule(mlir::ModuleOp module, Description &description) {
  auto main = module.lookupSymbol<mlir::func::FuncOp>("main");
  if (!main)
    return;
  if (description.inputs.empty() && description.outputs.empty()) {
    auto name = [](mlir::DictionaryAttr attributes) {
      auto text = attributes ? attributes.getAs<mlir::StringAttr>("sinter.name") : mlir::StringAttr();
      return text ? text.getValue() : llvm::StringRef();
    };
    for (unsigned i = 0; i < main.getNumArguments(); ++i)
      description.inputs.push_back(describeValue(name(main.getArgAttrDict(i)), main.getArgument(i).getType(),
                                                 static_cast<bool>(main.getArgAttr(i, "sinter.any_shape"))));
    for (unsigned i = 0; i < main.getNumResults(); ++i)
      description.outputs.push_back(describeValue(name(main.getResultAttrDict(i)), main.getResultTypes()[i]));
  }
  description.dims = describeDims(module);
  description.dimsText = dimsInWords(module);
  main.walk([&](mlir::Operation *op) {
    if (!mlir::isa<mlir::func::FuncOp, mlir::func::ReturnOp, ParameterOp, ConstantOp>(op))
      ++description.ops[getOpKind(op)];
  });
  for (auto check : module.getOps<CheckOp>())
    description.conditions.push_back(check.getInput().str() + ", axis " + std::to_string(int64_t(check.getAxis())) +
                                     " (" + check.getDeclared().str() +
                                     "): " + check.getSize().getSizes().front().str());
}

void describeWeightsOfModule(mlir::ModuleOp module, Description &description) {
  for (auto weight : module.getOps<WeightOp>()) {
    auto type = mlir::cast<mlir::RankedTensorType>(weight.getType());
    uint64_t bytes = uint64_t(type.getNumElements()) * std::max(1u, type.getElementTypeBitWidth() / 8);
    description.weightsBytes += bytes;
    description.weights.push_back(llvm::json::Object{{"name", weight.getSymName().str()},
                                                     {"shape", llvm::json::Array(type.getShape())},
                                                     {"type", typeName(type.getElementType())},
                                                     {"bytes", bytes}});
  }
}

void describeEntries(const Program &program, Description &description) {
  for (unsigned i = 0; i < program.entries().size(); ++i) {
    const EntryInfo &entry = program.entries()[i];
    llvm::json::Object dims;
    for (const auto &[name, limit] : entry.limits)
      dims[name] = limit;
    uint64_t cycles = 0;
    for (const ProgramSchedule &schedule : program.schedulesOf(i))
      cycles += schedule.cycles;
    description.entries.push_back(llvm::json::Object{
        {"name", entry.name}, {"dims", std::move(dims)}, {"cycles", cycles ? llvm::json::Value(cycles) : nullptr}});
    description.entriesText.push_back(entry.name + (cycles ? " (" + std::to_string(cycles) + " cycles)" : ""));
  }
  for (const StateInfo &state : program.states()) {
    llvm::json::Array shape;
    for (const std::string &size : state.dims)
      shape.push_back(std::stoll(size)); // of states they are numbers
    description.states.push_back(llvm::json::Object{{"name", state.name},
                                                    {"type", elementTypeName(state.type)},
                                                    {"shape", std::move(shape)},
                                                    {"axis", int64_t(state.axis)}});
    description.statesText.push_back(state.name + ": " + elementTypeName(state.type).str() + " [" +
                                     llvm::join(state.dims, ", ") + "], positions along axis " +
                                     std::to_string(state.axis));
  }
}

void describeBundle(const std::string &folder, const CompileOptions &options, Description &description) {
  Program program(folder);
  const sinter_program_info &info = program.info();
  description.name = info.name;
  description.source = info.source_file;
  description.inputs = program.inputs();
  description.outputs = program.outputs();
  for (uint32_t i = 0; i < info.step_count; ++i) {
    sinter_step_info step;
    sinter_program_get_step(program.get(), i, &step);
    if (!description.kernels)
      description.kernels.emplace();
    auto &kernels = *description.kernels;
    auto found = llvm::find_if(kernels, [&](const auto &entry) { return entry.first == step.kernel; });
    if (found == kernels.end())
      kernels.push_back({step.kernel, 1});
    else
      ++found->second;
  }
  if (!description.kernels)
    description.kernels.emplace();
  llvm::json::Array variants;
  for (uint32_t i = 0; i < info.variant_count; ++i) {
    sinter_variant_info variant;
    sinter_program_get_variant(program.get(), i, &variant);
    variants.push_back(llvm::json::Object{{"chip", std::string(variant.name)},
                                          {"file", std::string(variant.file)},
                                          {"code_bytes", variant.bytes},
                                          {"runs_here", variant.runs_here != 0}});
    description.targetsText += (i ? ", " : std::string(info.target) + ": ") + variant.name +
                               (variant.runs_here ? "" : " (not on this machine)");
  }
  llvm::json::Object target{{"target", std::string(info.target)},
                            {"precision", std::string(info.precision)},
                            {"variants", std::move(variants)}};
  if (!program.schedules().empty()) {
    // Variants are of the host's part, if there is one.
    std::string host = std::move(description.targetsText);
    description.targetsText = std::string(info.target) + ":";
    llvm::json::Array schedules;
    for (const ProgramSchedule &schedule : program.schedules()) {
      schedules.push_back(
          llvm::json::Object{{"chip", schedule.chip},
                             {"file", schedule.file},
                             {"cycles", schedule.cycles},
                             {"limit_cycles", schedule.limitCycles ? llvm::json::Value(*schedule.limitCycles)
                                                                   : llvm::json::Value(nullptr)},
                             {"clock_ghz", schedule.clockGhz}});
      description.targetsText +=
          " " + schedule.chip + " (" + schedule.file + ", " + std::to_string(schedule.cycles) + " cycles)";
    }
    if (!host.empty())
      description.targetsText += "; for the host " + llvm::StringRef(host).split(": ").second.str();
    target["schedules"] = std::move(schedules);
  }
  description.targets.push_back(std::move(target));
  std::map<std::string, std::pair<unsigned, uint64_t>> sections;
  for (uint32_t i = 0; i < info.section_count; ++i) {
    sinter_section_info section;
    sinter_program_get_section(program.get(), i, &section);
    description.weights.push_back(llvm::json::Object{{"name", std::string(section.name)}, {"bytes", section.bytes}});
    auto &[count, bytes] = sections[section.name];
    ++count;
    bytes += section.bytes;
  }
  for (const auto &[name, found] : sections)
    if (found.first > 1 && !program.entries().empty())
      description.repeated.push_back({name, found.second});
  describeEntries(program, description);
  description.weightsBytes = info.weights_bytes;
  description.codeBytes = info.code_bytes;
  description.arenaFormula = info.arena_formula;
  // --dim says what the largest sizes are, where the program has no bound or another one is of interest.
  std::vector<std::pair<std::string, int64_t>> given = options.fixedDims();
  std::vector<sinter_size> sizes;
  for (const auto &[name, value] : given) {
    sizes.push_back({program.findSymbol(name).name.c_str(), value});
    description.sizesText += (description.sizesText.empty() ? "" : " ") + name + "=" + std::to_string(value);
  }
  sinter_memory memory;
  if (!sinter_program_get_memory(program.get(), sizes.data(), uint32_t(sizes.size()), &memory, nullptr))
    description.arenaBytes = memory.arena_bytes;
  Reference reference(folder);
  describeModule(reference.module(), description);
}

/// A model as far as it can be taken: the graph of phase canonical, and the kernels of the target where it has the
/// model.
void describeModel(const std::string &model, const CompileOptions &options, Description &description) {
  CompileRequest request = options.request(model);
  request.import.checkOnly = true;
  request.compileTo = Phase::Canonical;
  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  mlir::MLIRContext context(registry);
  CompileResult result = orStop(compile(request, context));
  for (const std::string &warning : result.warnings)
    console().warn(warning);
  description.name = description.source = model;
  describeModule(*result.module, description);
  describeWeightsOfModule(*result.module, description);
  // Dumps may be past the phase in which there are kernels.
  request.compileTo = Phase::Fused;
  llvm::Expected<CompileResult> fused = compile(request, context);
  if (!fused) {
    console().note("kernels are not known: " + failureText(takeFailure(fused.takeError())));
    return;
  }
  description.kernels.emplace();
  std::map<std::string, int64_t> kinds;
  fused->module->walk([&](KernelOp kernel) { ++kinds[kernel.getKind().str()]; });
  for (auto &[kind, count] : kinds)
    description.kernels->push_back({kind, count});
}

llvm::json::Array describeValues(const std::vector<ProgramValue> &values) {
  llvm::json::Array array;
  for (const ProgramValue &value : values)
    // Of any shape: an input that nothing reads.
    array.push_back(llvm::json::Object{
        {"name", value.name},
        {"type", elementTypeName(value.type)},
        {"shape", value.anyShape ? llvm::json::Value(nullptr) : llvm::json::Value(llvm::json::Array(value.dims))}});
  return array;
}

llvm::json::Object toJson(Description &description) {
  llvm::json::Object ops;
  for (auto &[name, count] : description.ops)
    ops[name] = count;
  llvm::json::Value kernels = nullptr, arena = nullptr;
  if (description.kernels) {
    llvm::json::Array list;
    for (auto &[name, count] : *description.kernels)
      list.push_back(llvm::json::Object{{"name", name}, {"count", count}});
    kernels = std::move(list);
  }
  llvm::json::Array repeated;
  for (const auto &[name, bytes] : description.repeated)
    repeated.push_back(llvm::json::Object{{"name", name}, {"bytes", bytes}});
  auto orNull = [](const std::optional<uint64_t> &value) {
    return value ? llvm::json::Value(*value) : llvm::json::Value(nullptr);
  };
  if (!description.arenaFormula.empty())
    arena = llvm::json::Object{{"formula", description.arenaFormula}, {"at_largest", orNull(description.arenaBytes)}};
  llvm::json::Object result{{"name", description.name},
                            {"inputs", describeValues(description.inputs)},
                            {"outputs", describeValues(description.outputs)},
                            {"dims", std::move(description.dims)},
                            {"conditions", llvm::json::Array(description.conditions)},
                            {"states", std::move(description.states)},
                            {"ops", std::move(ops)},
                            {"kernels", std::move(kernels)},
                            {"weights", std::move(description.weights)},
                            {"memory", llvm::json::Object{{"weights_bytes", description.weightsBytes},
                                                          {"arena_bytes", std::move(arena)},
                                                          {"code_bytes", orNull(description.codeBytes)}}},
                            {"targets", std::move(description.targets)}};
  if (!description.entries.empty()) {
    result["entries"] = std::move(description.entries);
    result["repeated_weights"] = std::move(repeated);
  }
  return result;
}

std::string inWords(const Description &description) {
  std::string text = description.name + "\n";
  auto values = [&](const char *title, const std::vector<ProgramValue> &list) {
    text += std::string(title) + ":\n";
    for (const ProgramValue &value : list)
      text += "  " + value.name + ": " + elementTypeName(value.type).str() +
              (value.anyShape ? " of any shape, not used" : " [" + llvm::join(value.dims, ", ") + "]") + "\n";
  };
  values("inputs", description.inputs);
  values("outputs", description.outputs);
  if (!description.statesText.empty())
    text += "states:\n";
  for (const std::string &state : description.statesText)
    text += "  " + state + "\n";
  if (!description.entriesText.empty())
    text += "entries: " + llvm::join(description.entriesText, ", ") + "\n";
  if (!description.dimsText.empty())
    text += "dimensions: " + description.dimsText + "\n";
  for (const std::string &condition : description.conditions)
    text += "  fixed by the graph: " + condition + "\n";
  text += "ops:\n";
  for (auto &[name, count] : description.ops)
    text += "  " + std::to_string(count) + " " + name + "\n";
  if (description.kernels) {
    int64_t steps = 0;
    for (auto &[name, count] : *description.kernels)
      steps += count;
    text +=
        "kernels: " + std::to_string(description.kernels->size()) + ", run in " + std::to_string(steps) + " steps\n";
    for (auto &[name, count] : *description.kernels)
      text += "  " + std::to_string(count) + " " + name + "\n";
  }
  text +=
      "weights: " + std::to_string(description.weights.size()) + ", " + formatBytes(description.weightsBytes) + "\n";
  for (const auto &[name, bytes] : description.repeated)
    text += "  in several forms, for different sizes or places on the chip: " + name + ", " + formatBytes(bytes) +
            " in all\n";
  if (!description.arenaFormula.empty()) {
    text += "memory of a run: " + description.arenaFormula + " bytes";
    if (description.arenaBytes)
      text += ", at " + (description.sizesText.empty() ? "the largest sizes" : description.sizesText) + " " +
              formatBytes(*description.arenaBytes);
    text += "\n";
  }
  if (description.codeBytes)
    text += "code: " + formatBytes(*description.codeBytes) + "\n";
  if (!description.targetsText.empty())
    text += "targets: " + description.targetsText + "\n";
  return text;
}

/// The code of the variant that this machine runs, or the schedules; of a model, as it is in the cache.
int printAssembly(const Options &options) {
  ModelFile model(options.what);
  Bundle bundle = findBundle(model.path(), options.compile, /*dimsAreSizes=*/false);
  Program program(bundle.folder);
  for (const ProgramSchedule &schedule : program.schedules()) {
    std::string text = writeScheduleText(bundle.folder + "/" + schedule.file);
    if (console().json)
      console().printJson(llvm::json::Object{{"chip", schedule.chip}, {"assembly", text}});
    else
      console().print(text);
  }
  for (uint32_t i = 0; i < program.info().variant_count; ++i) {
    sinter_variant_info variant;
    sinter_program_get_variant(program.get(), i, &variant);
    if (llvm::StringRef(variant.name) != program.info().variant)
      continue;
    std::string code = disassemble(bundle.folder + "/" + variant.file);
    if (console().json)
      console().printJson(llvm::json::Object{{"chip", std::string(variant.name)}, {"assembly", code}});
    else
      console().print(code);
  }
  return 0;
}

int run(const Options &options) {
  if (options.assembly)
    return printAssembly(options);
  Description description;
  if (isBundle(options.what)) {
    describeBundle(options.what, options.compile, description);
  } else {
    ModelFile model(options.what);
    describeModel(model.path(), options.compile, description);
  }
  if (console().json)
    console().printJson(toJson(description));
  else
    console().print(inWords(description));
  return 0;
}

} // namespace

Verb tool::declareInspect(CLI::App &app) {
  CLI::App *verb = addVerb(app, "inspect", "Shows what a bundle or a model holds", "sinter inspect model.onnx");
  auto options = std::make_shared<Options>();
  verb->add_option("OUT|MODEL", options->what, "a bundle, or a model")->required();
  verb->add_flag("--assembly", options->assembly, "the kernels' code, or the programs of a schedule, as text");
  options->compile.declare(*verb);
  return {verb, [options]() { return run(*options); }};
}
