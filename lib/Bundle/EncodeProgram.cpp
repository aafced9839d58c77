//===- EncodeProgram.cpp - Writes program.bin's tables --------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Bundle/Encoding.h"

#include "lib/Support/Failure.h"
#include "runtime/format/hash.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"

#include <type_traits>

using namespace sinter;
using llvm::StringRef;

static_assert(llvm::endianness::native == llvm::endianness::little, "records are written as they lie in memory");

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

static bool isFileName(StringRef name) {
  return !name.empty() && name.front() != '.' && name.size() < 256 && !name.contains('/') && !name.contains('\0');
}

std::string sinter::codeFileName(const BundleVariant &variant) { return "code-" + variant.name + ".so"; }

static llvm::Error checkValues(llvm::ArrayRef<BundleValue> values, StringRef what) {
  llvm::StringSet<> names;
  for (const BundleValue &value : values) {
    if (!names.insert(value.name).second)
      return unusable("two " + what + "s are called '" + value.name + "'");
    if (value.dims.size() > SINTER_MAX_RANK)
      return unsupported(what + " '" + value.name + "' has " + llvm::Twine(value.dims.size()) +
                         " dimensions; at most " + llvm::Twine(SINTER_MAX_RANK) + " are supported");
    if (!value.dimNames.empty() && value.dimNames.size() != value.dims.size())
      return internalError(what + " '" + value.name + "' has names for another number of dimensions");
    if (value.anyShape && !value.dims.empty())
      return internalError(what + " '" + value.name + "' has any shape and dimensions");
    if (sinter_type_size(value.type) == 0)
      return internalError(what + " '" + value.name + "' has no type");
  }
  return llvm::Error::success();
}

uint32_t sinter::programVersion(const BundleDescription &bundle) {
  auto isOfFourth = [](const BundleStep &step) { return step.kernel == SINTER_RESIZE || step.kernel == SINTER_STORE; };
  auto isOfSession = [](const BundleSymbol &symbol) { return symbol.source.kind == SymbolSource::Session; };
  if (!bundle.entries.empty() || !bundle.states.empty() || llvm::any_of(bundle.steps, isOfFourth) ||
      llvm::any_of(bundle.symbols, isOfSession))
    return 4;
  auto needsThird = [](const BundleStep &step) {
    return step.kernel == SINTER_EXECUTE_SCHEDULE || step.kernel == SINTER_CHECK_INDICES ||
           step.kernel == SINTER_ARRANGE;
  };
  if (bundle.variants.empty() || llvm::any_of(bundle.steps, needsThird))
    return 3;
  bool needsSecond = llvm::any_of(bundle.inputs, [](const BundleValue &value) { return value.anyShape; }) ||
                     llvm::any_of(bundle.symbols,
                                  [](const BundleSymbol &symbol) { return symbol.source.kind == SymbolSource::Range; });
  return needsSecond ? 2 : 1;
}

/// Whether a step has what BundleSchedule::step gives it, as far as the manifest says it, too.
static bool isSchedule(const BundleDescription &bundle, const BundleStep &step) {
  if (step.arguments.size() < SINTER_SCHEDULE_WORDS)
    return false;
  for (unsigned i = 0; i < SINTER_SCHEDULE_WORDS; ++i)
    if (i != SINTER_SCHEDULE_WEIGHTS &&
        (step.arguments[i].kind != BundleArgument::Integer || !step.arguments[i].value.constant()))
      return false;
  auto word = [&](sinter_schedule_word index) { return *step.arguments[index].value.constant(); };
  int64_t numFiles = bundle.files.size();
  return sinter_device_kind_name(word(SINTER_SCHEDULE_DEVICE)) && word(SINTER_SCHEDULE_FILE) >= 0 &&
         word(SINTER_SCHEDULE_FILE) < numFiles && word(SINTER_SCHEDULE_CHIP) >= -1 &&
         word(SINTER_SCHEDULE_CHIP) < numFiles;
}

llvm::Error sinter::checkDescription(const BundleDescription &bundle) {
  auto error = [](const llvm::Twine &message) { return internalError("the program to write is wrong: " + message); };
  if (llvm::Error wrong = checkValues(bundle.inputs, "input"))
    return wrong;
  if (llvm::Error wrong = checkValues(bundle.outputs, "output"))
    return wrong;

  llvm::StringSet<> names;
  for (const BundleSymbol &symbol : bundle.symbols) {
    if (!names.insert(symbol.name).second)
      return error("symbol '" + symbol.name + "' is there twice");
    if (symbol.source.kind == SymbolSource::Session && symbol.lowest < 0)
      return error("symbol '" + symbol.name + "' may be negative");
    if (symbol.source.kind != SymbolSource::Session && symbol.source.input >= bundle.inputs.size())
      return error("symbol '" + symbol.name + "' has no input");
    if (symbol.source.kind == SymbolSource::Axis &&
        symbol.source.position >= bundle.inputs[symbol.source.input].dims.size())
      return error("symbol '" + symbol.name + "' has no axis");
    for (const SymbolSource::Operand &operand : symbol.source.operands)
      if (operand.input && (symbol.source.kind != SymbolSource::Range || *operand.input >= bundle.inputs.size()))
        return error("symbol '" + symbol.name + "' has no range");
    if (symbol.source.kind == SymbolSource::Axis && symbol.lowest < 0)
      return error("symbol '" + symbol.name + "' may be negative");
    if (symbol.highest && *symbol.highest < symbol.lowest)
      return error("symbol '" + symbol.name + "' has empty bounds");
  }

  names.clear();
  for (const BundleVariant &variant : bundle.variants)
    if (!names.insert(codeFileName(variant)).second || !isFileName(codeFileName(variant)))
      return error("variant '" + variant.name + "' is there twice, or cannot name a file");
  for (const BundleFile &file : bundle.files)
    if (!names.insert(file.name).second || !isFileName(file.name) || file.name == SINTER_PROGRAM_FILE ||
        file.name == SINTER_MANIFEST_FILE || file.name == SINTER_WEIGHTS_FILE)
      return error("file '" + file.name + "' is there twice, or cannot be in a bundle");
  if (bundle.variants.empty() && !bundle.kernels.empty())
    return error("it has kernels and no variants");
  for (const BundleKernel &kernel : bundle.kernels)
    if (!kernel.symbols.empty() && kernel.symbols.size() != bundle.variants.size())
      return error("kernel '" + kernel.name + "' is not in every variant");

  for (const BundleCheck &check : bundle.checks)
    if (check.kind == BundleCheck::Size &&
        (check.input >= bundle.inputs.size() || check.axis >= bundle.inputs[check.input].dims.size()))
      return error("a check is of no input");
  for (const BundleStep &step : bundle.steps) {
    if (step.kernel >= bundle.kernels.size() && !sinter_runtime_kernel_name(step.kernel))
      return error("step '" + step.name + "' has no kernel");
    if (step.arguments.size() > SINTER_MAX_ARGUMENTS)
      return error("step '" + step.name + "' has " + llvm::Twine(step.arguments.size()) + " arguments");
    if (step.indexInput && *step.indexInput >= bundle.inputs.size())
      return error("step '" + step.name + "' takes its indices from no input");
    if (step.kernel == SINTER_EXECUTE_SCHEDULE && !isSchedule(bundle, step))
      return error("step '" + step.name + "' is no schedule's");
    for (const BundleArgument &argument : step.arguments) {
      bool right = true;
      if (argument.kind == BundleArgument::Input)
        right = argument.index < bundle.inputs.size();
      if (argument.kind == BundleArgument::Output)
        right = argument.index < bundle.outputs.size();
      if (argument.kind == BundleArgument::Weights) {
        std::optional<int64_t> offset = argument.value.constant();
        right = argument.index < bundle.sections.size() && offset && *offset >= 0 &&
                static_cast<uint64_t>(*offset) <= bundle.sections[argument.index].bytes;
      }
      if (!right)
        return error("an argument of step '" + step.name + "' points nowhere");
    }
  }
  names.clear();
  for (const BundleEntry &entry : bundle.entries)
    if (!names.insert(entry.name).second || uint64_t(entry.firstStep) + entry.numSteps > bundle.steps.size())
      return error("entry '" + entry.name + "' is there twice, or has steps that are not there");
  names.clear();
  for (const BundleState &state : bundle.states)
    if (!names.insert(state.name).second || state.axis >= state.dims.size() || state.dims.size() > SINTER_MAX_RANK)
      return error("state '" + state.name + "' is there twice, or has no such axis");
  return llvm::Error::success();
}

std::vector<PlacedSection> sinter::placeSections(const BundleDescription &bundle, uint64_t &weightsBytes) {
  std::vector<PlacedSection> placed;
  uint64_t end = 0;
  for (const BundleSection &section : bundle.sections) {
    uint64_t offset = llvm::alignTo(end, SINTER_ALIGNMENT);
    placed.push_back({offset, 0});
    end = offset + section.bytes;
  }
  weightsBytes = end;
  return placed;
}

BundleStep BundleSchedule::step() const {
  BundleStep step;
  step.name = chip;
  step.kernel = SINTER_EXECUTE_SCHEDULE;
  auto add = [&](int64_t value) { step.arguments.push_back(BundleArgument::integer(value)); };
  add(device);
  add(file);
  add(chipFile ? int64_t(*chipFile) : -1);
  add(cycles);
  add(limitCycles);
  add(clockHz);
  if (firstSection)
    step.arguments.push_back(BundleArgument::weights(*firstSection));
  else
    add(0);
  add(weightsBytes);
  add(inputs.size());
  for (const std::vector<Tensor> *tensors : {&inputs, &outputs})
    for (const Tensor &tensor : *tensors) {
      step.arguments.push_back(tensor.place);
      add(tensor.bytes);
    }
  return step;
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

namespace {

/// Collects records. What refers to strings and expressions takes them from here,
/// so that equal ones are stored once.
class TableWriter {
public:
  explicit TableWriter(const BundleDescription &bundle) {
    for (auto [index, symbol] : llvm::enumerate(bundle.symbols))
      symbols[symbol.name] = index;
  }

  sinter_text text(StringRef value) {
    auto [it, isNew] = texts.try_emplace(value, sinter_text{});
    if (isNew) {
      it->second = {static_cast<uint32_t>(strings.size()), static_cast<uint32_t>(value.size())};
      strings.insert(strings.end(), value.begin(), value.end());
      strings.push_back(0);
    }
    return it->second;
  }

  uint32_t expression(const SizeExpr &value) {
    std::string formula = value.str();
    auto [it, isNew] = expressionIndices.try_emplace(formula, expressions.size());
    if (isNew) {
      uint32_t first = words.size();
      unsigned depth = 0, deepest = 0;
      push(value, depth, deepest);
      if (deepest > SINTER_MAX_EXPRESSION_DEPTH)
        fail("size '" + formula + "' is nested too deeply");
      sinter_text formulaText = text(formula);
      expressions.push_back({{first, static_cast<uint32_t>(words.size()) - first}, formulaText});
    }
    return it->second;
  }

  uint32_t symbol(StringRef name) {
    auto it = symbols.find(name);
    if (it != symbols.end())
      return it->second;
    fail("symbol '" + name + "' is used, but no run can give it a value");
    return 0;
  }

  void fail(const llvm::Twine &message) {
    if (failure.empty())
      failure = message.str();
  }

  std::vector<char> strings;
  std::vector<int64_t> words;
  std::vector<sinter_expression_record> expressions;
  std::string failure;

private:
  void emit(int64_t instruction) { words.push_back(instruction); }

  /// One value on the stack.
  void pushOperand(int64_t instruction, int64_t operand, unsigned &depth, unsigned &deepest) {
    emit(instruction);
    emit(operand);
    deepest = std::max(deepest, ++depth);
  }

  void pushAtom(const SizeExpr::Atom &atom, unsigned &depth, unsigned &deepest) {
    if (!atom.function) {
      return pushOperand(SINTER_PUSH_SYMBOL, symbol(atom.text), depth, deepest);
    }
    for (const SizeExpr &arg : atom.args)
      push(arg, depth, deepest);
    depth -= atom.args.size() - 1;
    switch (*atom.function) {
    case SizeExpr::Function::FloorDiv:
      return emit(SINTER_FLOOR_DIVIDE);
    case SizeExpr::Function::CeilDiv:
      return emit(SINTER_CEIL_DIVIDE);
    case SizeExpr::Function::Mod:
      return emit(SINTER_MODULO);
    case SizeExpr::Function::Min:
      return emit(SINTER_MINIMUM);
    case SizeExpr::Function::Max:
      return emit(SINTER_MAXIMUM);
    case SizeExpr::Function::Eq:
      return emit(SINTER_EQUAL);
    case SizeExpr::Function::Lt:
      return emit(SINTER_LESS);
    case SizeExpr::Function::Select:
      return emit(SINTER_SELECT);
    }
  }

  void push(const SizeExpr &value, unsigned &depth, unsigned &deepest) {
    bool isFirst = true;
    for (const auto &[monomial, coefficient] : value.getTerms()) {
      bool hasFactor = coefficient != 1 || monomial.empty();
      if (hasFactor)
        pushOperand(SINTER_PUSH_CONSTANT, coefficient, depth, deepest);
      for (const SizeExpr::Atom &atom : monomial) {
        pushAtom(atom, depth, deepest);
        if (hasFactor) {
          emit(SINTER_MULTIPLY);
          --depth;
        }
        hasFactor = true;
      }
      if (!isFirst) {
        emit(SINTER_ADD);
        --depth;
      }
      isFirst = false;
    }
    if (isFirst)
      pushOperand(SINTER_PUSH_CONSTANT, 0, depth, deepest);
  }

  llvm::StringMap<uint32_t> symbols;
  llvm::StringMap<sinter_text> texts;
  llvm::StringMap<uint32_t> expressionIndices;
};

/// Appends a table's records to the file.
template <typename T> sinter_table append(std::string &file, const std::vector<T> &records) {
  static_assert(std::is_trivially_copyable_v<T>);
  file.resize(llvm::alignTo(file.size(), 8));
  sinter_table table = {file.size(), records.size()};
  if (!records.empty())
    file.append(reinterpret_cast<const char *>(records.data()), records.size() * sizeof(T));
  return table;
}

std::vector<sinter_value_record> encodeValues(llvm::ArrayRef<BundleValue> values, TableWriter &writer,
                                              std::vector<sinter_dim_record> &dims) {
  std::vector<sinter_value_record> records;
  for (const BundleValue &value : values) {
    sinter_range range = {static_cast<uint32_t>(dims.size()), static_cast<uint32_t>(value.dims.size())};
    for (auto [axis, size] : llvm::enumerate(value.dims))
      dims.push_back({writer.expression(size), 0,
                      writer.text(value.dimNames.empty() ? StringRef() : StringRef(value.dimNames[axis]))});
    records.push_back({writer.text(value.name), static_cast<uint32_t>(value.type),
                       value.anyShape ? uint32_t(SINTER_VALUE_ANY_SHAPE) : 0, range});
  }
  return records;
}

sinter_argument_record encodeArgument(const BundleArgument &argument, TableWriter &writer,
                                      const std::vector<PlacedSection> &sections) {
  switch (argument.kind) {
  case BundleArgument::Arena:
    return {SINTER_ARGUMENT_ARENA, writer.expression(argument.value), 0};
  case BundleArgument::Weights:
    return {SINTER_ARGUMENT_WEIGHTS, SINTER_NO_INDEX,
            static_cast<int64_t>(sections[argument.index].offset) + *argument.value.constant()};
  case BundleArgument::Input:
    return {SINTER_ARGUMENT_INPUT, argument.index, 0};
  case BundleArgument::Output:
    return {SINTER_ARGUMENT_OUTPUT, argument.index, 0};
  case BundleArgument::Integer:
    if (std::optional<int64_t> constant = argument.value.constant())
      return {SINTER_ARGUMENT_CONSTANT, SINTER_NO_INDEX, *constant};
    return {SINTER_ARGUMENT_INTEGER, writer.expression(argument.value), 0};
  }
  llvm_unreachable("a kind of argument");
}

} // namespace

llvm::Expected<std::string> sinter::encodeTables(const BundleDescription &bundle,
                                                 const std::vector<PlacedSection> &sections, uint64_t weightsBytes,
                                                 bool linkedIn) {
  TableWriter writer(bundle);
  sinter_program_header header = {};
  std::memcpy(header.magic, SINTER_PROGRAM_MAGIC, sizeof header.magic);
  header.version = programVersion(bundle);
  header.header_bytes = sinter_header_bytes(header.version);
  header.weights_bytes = weightsBytes;
  header.name = writer.text(bundle.name);
  header.compiler = writer.text(bundle.compiler);
  header.target = writer.text(bundle.target);
  header.precision = writer.text(bundle.precision);
  header.source_file = writer.text(bundle.sourceFile);
  header.source_sha256 = writer.text(bundle.sourceSha256);
  header.arena_bytes = writer.expression(bundle.arenaBytes);
  header.advance = header.version < 4 ? 0 : bundle.states.empty() ? SINTER_NO_INDEX : writer.expression(bundle.advance);

  std::vector<sinter_symbol_record> symbols;
  for (const BundleSymbol &symbol : bundle.symbols) {
    uint64_t position = symbol.source.position;
    if (symbol.source.kind == SymbolSource::Range) {
      position = writer.words.size();
      for (const SymbolSource::Operand &operand : symbol.source.operands) {
        writer.words.push_back(operand.input ? int64_t(*operand.input) : -1);
        writer.words.push_back(operand.input ? 0 : llvm::bit_cast<int64_t>(operand.number));
      }
    }
    bool isOfSession = symbol.source.kind == SymbolSource::Session;
    symbols.push_back({writer.text(symbol.name), static_cast<uint32_t>(symbol.source.kind),
                       isOfSession ? SINTER_NO_INDEX : symbol.source.input, position, symbol.lowest,
                       symbol.highest.value_or(SINTER_UNBOUNDED), symbol.typical.value_or(SINTER_NO_TYPICAL)});
  }

  std::vector<sinter_dim_record> dims;
  std::vector<sinter_value_record> inputs = encodeValues(bundle.inputs, writer, dims);
  std::vector<sinter_value_record> outputs = encodeValues(bundle.outputs, writer, dims);

  std::vector<sinter_check_record> checks;
  for (const BundleCheck &check : bundle.checks) {
    bool ofSize = check.kind == BundleCheck::Size;
    checks.push_back({static_cast<uint32_t>(check.kind), ofSize ? check.input : SINTER_NO_INDEX,
                      ofSize ? check.axis : SINTER_NO_INDEX, ofSize ? SINTER_NO_INDEX : writer.expression(check.left),
                      writer.expression(check.right), 0, writer.text(check.text)});
  }

  std::vector<sinter_variant_record> variants;
  for (const BundleVariant &variant : bundle.variants)
    variants.push_back({writer.text(variant.name), writer.text(linkedIn ? "" : codeFileName(variant)),
                        variant.architecture, 0, variant.features, linkedIn ? 0 : variant.code.size(),
                        linkedIn ? 0 : sinter_hash_bytes(variant.code.data(), variant.code.size())});

  std::vector<sinter_text> kernelSymbols;
  std::vector<sinter_kernel_record> kernels;
  for (const BundleKernel &kernel : bundle.kernels) {
    sinter_range range = {static_cast<uint32_t>(kernelSymbols.size()), static_cast<uint32_t>(bundle.variants.size())};
    for (unsigned v = 0; v < bundle.variants.size(); ++v)
      kernelSymbols.push_back(writer.text(kernel.symbols.empty() ? kernel.name : kernel.symbols[v]));
    kernels.push_back({writer.text(kernel.name), range});
  }

  std::vector<sinter_argument_record> arguments;
  std::vector<sinter_step_record> steps;
  for (const BundleStep &step : bundle.steps) {
    sinter_range range = {static_cast<uint32_t>(arguments.size()), static_cast<uint32_t>(step.arguments.size())};
    for (const BundleArgument &argument : step.arguments)
      arguments.push_back(encodeArgument(argument, writer, sections));
    steps.push_back({writer.text(step.name), step.kernel, writer.expression(step.tasks),
                     writer.expression(step.scratchBytes), step.indexInput.value_or(SINTER_NO_INDEX), range});
  }

  std::vector<sinter_entry_record> entries;
  for (const BundleEntry &entry : bundle.entries) {
    sinter_range limits = {static_cast<uint32_t>(writer.words.size()), static_cast<uint32_t>(2 * entry.limits.size())};
    for (const auto &[symbol, greatest] : entry.limits) {
      writer.words.push_back(writer.symbol(symbol));
      writer.words.push_back(greatest);
    }
    entries.push_back({writer.text(entry.name), {entry.firstStep, entry.numSteps}, limits});
  }
  std::vector<sinter_state_record> states;
  for (const BundleState &state : bundle.states) {
    sinter_range range = {static_cast<uint32_t>(dims.size()), static_cast<uint32_t>(state.dims.size())};
    for (int64_t size : state.dims)
      dims.push_back({writer.expression(size), 0, writer.text("")});
    states.push_back({writer.text(state.name), static_cast<uint32_t>(state.type), state.axis, range});
  }

  std::vector<sinter_section_record> sectionRecords;
  for (auto [section, placed] : llvm::zip(bundle.sections, sections))
    sectionRecords.push_back({writer.text(section.name), placed.offset, section.bytes, placed.hash});
  std::vector<sinter_file_record> files;
  if (!linkedIn)
    for (const BundleFile &file : bundle.files)
      files.push_back({writer.text(file.name), file.contents().size(),
                       sinter_hash_bytes(file.contents().data(), file.contents().size())});

  if (!writer.failure.empty())
    return internalError("the program to write is wrong: " + writer.failure);

  std::string file(header.header_bytes, 0);
  header.words = append(file, writer.words);
  header.expressions = append(file, writer.expressions);
  header.symbols = append(file, symbols);
  header.checks = append(file, checks);
  header.dims = append(file, dims);
  header.inputs = append(file, inputs);
  header.outputs = append(file, outputs);
  header.variants = append(file, variants);
  header.kernel_symbols = append(file, kernelSymbols);
  header.kernels = append(file, kernels);
  header.arguments = append(file, arguments);
  header.steps = append(file, steps);
  header.sections = append(file, sectionRecords);
  header.files = append(file, files);
  if (header.version >= 4) {
    header.entries = append(file, entries);
    header.states = append(file, states);
  }
  header.strings = append(file, writer.strings);
  file.resize(llvm::alignTo(file.size(), 8));
  header.file_bytes = file.size();
  std::memcpy(file.data(), &header, header.header_bytes);
  return file;
}

void sinter::sealProgram(std::string &program, StringRef manifest) {
  // The fields that are entered here are in every version.
  sinter_program_header header = {};
  size_t size = std::min(sizeof header, program.size());
  std::memcpy(&header, program.data(), size);
  header.manifest_bytes = manifest.size();
  header.manifest_hash = manifest.empty() ? 0 : sinter_hash_bytes(manifest.data(), manifest.size());
  header.checksum = 0;
  std::memcpy(program.data(), &header, size);
  header.checksum = sinter_hash_bytes(program.data(), program.size());
  std::memcpy(program.data(), &header, size);
}
