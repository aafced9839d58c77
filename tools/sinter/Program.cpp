//===- Program.cpp - Compiled programs, by the runtime's C interface --===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/sinter/Program.h"
#include "runtime/include/sinter-rt/sim.h"
#include "tools/sinter/Console.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ErrorHandling.h"

#include <cstddef>
#include <cstring>

using namespace sinter;
using namespace sinter::tool;

ElementType tool::elementTypeOf(sinter_type type) {
  if (std::optional<ElementType> found = parseElementType(sinter_type_name(type)))
    return *found;
  llvm_unreachable("the runtime checks types");
}

sinter_type tool::runtimeTypeOf(ElementType type) {
  llvm::StringRef name = elementTypeName(type);
  for (uint32_t number = SINTER_F32; sinter_type_size(number) != 0; ++number)
    if (name == sinter_type_name(number))
      return sinter_type(number);
  llvm_unreachable("every element type is one of the runtime's");
}

// The runtime reads and writes the elements of tensors in place.
static_assert(sizeof(StringElement) == sizeof(sinter_string) &&
              offsetof(StringElement, data) == offsetof(sinter_string, data) &&
              offsetof(StringElement, size) == offsetof(sinter_string, size));

namespace {

Stop stopFor(sinter_status status, const char *message) {
  switch (status) {
  case SINTER_UNUSABLE:
  case SINTER_TOO_LARGE:
    return Stop{Failure(ExitStatus::Unusable, message)};
  case SINTER_UNSUPPORTED:
    return Stop{Failure(ExitStatus::Unsupported, message)};
  case SINTER_IO:
    return Stop{Failure(ExitStatus::Io, message)};
  case SINTER_NO_MEMORY:
    return Stop{Failure(ExitStatus::DoesNotFit, message)};
  case SINTER_OK:
  case SINTER_WRONG_CALL:
    break;
  }
  return Stop{Failure(ExitStatus::Internal, std::string("the tool used the runtime wrongly: ") + message)};
}

ProgramValue describe(const sinter_value_info &info) {
  ProgramValue value{info.name, elementTypeOf(info.type), {}, {}, info.any_shape != 0};
  for (uint32_t axis = 0; axis < info.rank; ++axis) {
    value.dims.push_back(info.dims[axis]);
    value.dimNames.push_back(info.dim_names[axis] ? info.dim_names[axis] : "");
  }
  return value;
}

unsigned findValue(const std::vector<ProgramValue> &values, llvm::StringRef name, const char *what) {
  std::string names;
  for (unsigned i = 0; i < values.size(); ++i) {
    if (values[i].name == name)
      return i;
    names += (i ? ", " : "") + values[i].name;
  }
  throw Stop{
      Failure(ExitStatus::Unusable, "there is no " + std::string(what) + " '" + name.str() + "'; there are: " + names)};
}

} // namespace

Program::Program(const std::string &folder, const std::string &variant) {
  sinter_program_options options = {};
  options.struct_bytes = sizeof options;
  options.variant = variant.empty() ? nullptr : variant.c_str();
  static const sinter_device *const devices[] = {sinter_simulator_device()};
  options.devices = devices;
  options.device_count = 1;
  sinter_error error;
  if (sinter_status status = sinter_program_open(folder.c_str(), &options, &program, &error))
    throw stopFor(status, error.message);
  sinter_program_get_info(program, &information);
  sinter_value_info value;
  for (uint32_t i = 0; i < information.input_count; ++i) {
    sinter_program_get_input(program, i, &value);
    inputValues.push_back(describe(value));
  }
  for (uint32_t i = 0; i < information.output_count; ++i) {
    sinter_program_get_output(program, i, &value);
    outputValues.push_back(describe(value));
  }
  for (uint32_t i = 0; i < information.symbol_count; ++i) {
    sinter_symbol_info symbol;
    sinter_program_get_symbol(program, i, &symbol);
    bool ofSession = symbol.source == SINTER_FROM_SESSION;
    ProgramSymbol entry{symbol.name,
                        symbol.source != SINTER_FROM_AXIS && !ofSession,
                        ofSession,
                        symbol.input,
                        symbol.position,
                        symbol.lowest,
                        std::nullopt,
                        std::nullopt,
                        {}};
    if (symbol.source == SINTER_FROM_RANGE)
      for (unsigned j = 0; j < 3; ++j)
        entry.range.push_back(symbol.range_inputs[j] == SINTER_NO_INDEX
                                  ? ProgramSymbol::RangeOperand{std::nullopt, symbol.range_numbers[j]}
                                  : ProgramSymbol::RangeOperand{symbol.range_inputs[j], 0});
    if (symbol.highest != SINTER_UNBOUNDED)
      entry.highest = symbol.highest;
    if (symbol.typical != SINTER_NO_TYPICAL)
      entry.typical = symbol.typical;
    programSymbols.push_back(entry);
  }
  for (uint32_t i = 0; i < information.schedule_count; ++i) {
    sinter_schedule_info schedule;
    sinter_program_get_schedule(program, i, &schedule);
    ProgramSchedule entry{schedule.device,
                          schedule.chip,
                          schedule.file,
                          schedule.cycles,
                          std::nullopt,
                          double(schedule.clock_hz) / 1e9,
                          {static_cast<const uint8_t *>(schedule.weights), schedule.weights_bytes},
                          std::nullopt};
    if (schedule.limit_cycles)
      entry.limitCycles = schedule.limit_cycles;
    if (schedule.entry != SINTER_NO_INDEX)
      entry.entry = schedule.entry;
    programSchedules.push_back(entry);
  }
  for (uint32_t i = 0; i < information.entry_count; ++i) {
    sinter_entry_info info;
    sinter_program_get_entry(program, i, &info);
    EntryInfo entry{info.name, {}};
    for (uint32_t j = 0; j < info.limit_count; ++j) {
      sinter_size limit;
      sinter_program_get_limit(program, i, j, &limit);
      entry.limits[limit.symbol] = limit.value;
    }
    programEntries.push_back(std::move(entry));
  }
  for (uint32_t i = 0; i < information.state_count; ++i) {
    sinter_state_info info;
    sinter_program_get_state(program, i, &info);
    StateInfo state{info.name, elementTypeOf(info.type), {}, info.axis};
    for (uint32_t axis = 0; axis < info.rank; ++axis)
      state.dims.push_back(info.dims[axis]);
    programStates.push_back(std::move(state));
  }
  stateAdvance = SizeExpr::parse(information.advance_formula).value_or(0);
}

std::vector<ProgramSchedule> Program::schedulesOf(std::optional<unsigned> entry) const {
  std::vector<ProgramSchedule> found;
  for (const ProgramSchedule &schedule : programSchedules)
    if (!entry || schedule.entry == entry)
      found.push_back(schedule);
  return found;
}

unsigned Program::findEntry(llvm::StringRef name) const {
  std::string names;
  for (unsigned i = 0; i < programEntries.size(); ++i) {
    if (programEntries[i].name == name)
      return i;
    names += (i ? ", " : "") + programEntries[i].name;
  }
  throw Stop{
      Failure(ExitStatus::Usage, "--entry=" + name.str() + ": " +
                                     (names.empty() ? "the program has no entries" : "the program has " + names))};
}

std::optional<unsigned> Program::entryFor(const SymbolSizes &sizes) const {
  if (programEntries.empty())
    return std::nullopt;
  for (unsigned i = 0; i < programEntries.size(); ++i)
    if (llvm::all_of(programEntries[i].limits, [&](const auto &limit) {
          auto found = sizes.find(limit.first);
          return found == sizes.end() || found->second <= limit.second;
        }))
      return i;
  std::string text, names;
  for (const auto &[name, value] : sizes)
    text += (text.empty() ? "" : " ") + name + "=" + std::to_string(value);
  for (const EntryInfo &entry : programEntries)
    names += (names.empty() ? "" : "; ") + entry.name;
  throw Stop{Failure(ExitStatus::Unusable, "no entry of the program is for " + text + "; it has " + names)};
}

std::optional<int64_t> Program::evaluate(llvm::StringRef formula, const SymbolSizes &sizes, int64_t past) const {
  std::optional<SizeExpr> expression = SizeExpr::parse(formula);
  if (!expression)
    return std::nullopt;
  return expression->evaluate([&](llvm::StringRef name) -> std::optional<int64_t> {
    for (const ProgramSymbol &symbol : programSymbols)
      if (symbol.ofSession && symbol.name == name)
        return past;
    auto found = sizes.find(name.str());
    return found == sizes.end() ? std::nullopt : std::optional<int64_t>(found->second);
  });
}

std::string Program::chip() const {
  return programSchedules.empty() ? information.variant : programSchedules.front().chip;
}

void Program::checkDevice(llvm::StringRef device) const {
  llvm::StringRef usual = programSchedules.empty() ? "hw" : "sim";
  if (device.empty() || device == usual)
    return;
  if (device != "hw" && device != "sim" && device != "emulator")
    throw Stop{Failure(ExitStatus::Usage, "--device=" + device.str() + ": it is hw, emulator or sim")};
  throw Stop{Failure(ExitStatus::Usage, "--device=" + device.str() + ": target " + information.target + " runs as " +
                                            usual.str() + " only")};
}

Program::~Program() { sinter_program_close(program); }

unsigned Program::findInput(llvm::StringRef name) const { return findValue(inputValues, name, "input"); }
unsigned Program::findOutput(llvm::StringRef name) const { return findValue(outputValues, name, "output"); }

SymbolSizes Program::sizesOf(const std::vector<HostTensor> &given) const {
  SymbolSizes sizes;
  for (const ProgramSymbol &symbol : programSymbols) {
    if (symbol.ofSession || symbol.input >= given.size())
      continue;
    const HostTensor &input = given[symbol.input];
    if (!symbol.range.empty()) {
      double numbers[3];
      bool isGiven = true;
      for (unsigned i = 0; i < 3; ++i) {
        std::optional<unsigned> operand = symbol.range[i].input;
        isGiven &= !operand || (*operand < given.size() && given[*operand].numElements() > 0);
        numbers[i] = operand && isGiven ? given[*operand].getDouble(0) : symbol.range[i].number;
      }
      std::optional<int64_t> length = rangeLength(input.type, numbers[0], numbers[1], numbers[2]);
      // Of one that is not finite the run says so.
      if (isGiven)
        sizes[symbol.name] = length.value_or(0);
    } else if (symbol.fromElement) {
      if (symbol.position < uint64_t(input.numElements()))
        sizes[symbol.name] = input.getInt(symbol.position);
    } else if (symbol.position < input.dims.size()) {
      sizes[symbol.name] = input.dims[symbol.position];
    }
  }
  return sizes;
}

const ProgramSymbol &Program::findSymbol(llvm::StringRef name) const {
  for (const ProgramSymbol &symbol : programSymbols)
    if (symbol.name == name)
      return symbol;
  auto [input, axis] = name.rsplit('.');
  unsigned position;
  if (!axis.getAsInteger(10, position))
    for (const ProgramValue &value : inputValues)
      if (value.name == input && position < value.dims.size())
        for (const ProgramSymbol &symbol : programSymbols)
          if (symbol.name == value.dims[position])
            return symbol;
  std::string names;
  for (const ProgramSymbol &symbol : programSymbols)
    names += (names.empty() ? "" : ", ") + symbol.name;
  throw Stop{Failure(ExitStatus::Usage, "--dim: the program has no dimension '" + name.str() +
                                            "' that a run decides; " +
                                            (names.empty() ? "all are fixed" : "it has: " + names))};
}

Session::Session(const Program &program, const SymbolSizes &sizes, unsigned numThreads) : program(program) {
  std::vector<sinter_size> list;
  for (const auto &[name, value] : sizes)
    list.push_back({name.c_str(), value});
  sinter_session_options options = {};
  options.struct_bytes = sizeof options;
  options.threads = numThreads;
  options.sizes = list.data();
  options.size_count = uint32_t(list.size());
  sinter_error error;
  if (sinter_status status = sinter_session_create(program.get(), &options, &session, &error))
    throw stopFor(status, error.message);
}

Session::~Session() { sinter_session_destroy(session); }

void Session::check(sinter_status status) const {
  if (status)
    throw stopFor(status, sinter_session_message(session));
}

void Session::setInputs(const std::vector<HostTensor> &inputs) {
  for (unsigned i = 0; i < inputs.size(); ++i)
    check(sinter_session_set_input(session, i, inputs[i].data.data(), runtimeTypeOf(inputs[i].type),
                                   inputs[i].dims.data(), uint32_t(inputs[i].dims.size())));
}

void Session::setEntry(std::optional<unsigned> entry) {
  check(sinter_session_set_entry(session, entry.value_or(SINTER_NO_INDEX)));
}

void Session::run() { check(sinter_session_run(session)); }

std::optional<unsigned> Session::entry() const {
  uint32_t entry = sinter_session_entry(session);
  return entry == SINTER_NO_INDEX ? std::nullopt : std::optional<unsigned>(entry);
}

std::vector<HostTensor> Session::outputs() const {
  std::vector<HostTensor> result;
  for (uint32_t i = 0; i < program.info().output_count; ++i) {
    sinter_tensor tensor;
    check(sinter_session_get_output(session, i, &tensor));
    std::vector<int64_t> dims(tensor.dims, tensor.dims + tensor.rank);
    if (tensor.type == SINTER_STRING) {
      // The text may be gone after the next run.
      std::vector<std::string> texts;
      const auto *elements = static_cast<const sinter_string *>(tensor.data);
      for (uint64_t e = 0; e < tensor.bytes / sizeof(sinter_string); ++e)
        texts.emplace_back(elements[e].data ? elements[e].data : "", elements[e].size);
      result.push_back(HostTensor::ofStrings(std::move(texts), std::move(dims)));
      continue;
    }
    HostTensor copy(elementTypeOf(tensor.type), std::move(dims));
    if (tensor.bytes)
      std::memcpy(copy.data.data(), tensor.data, tensor.bytes);
    result.push_back(std::move(copy));
  }
  return result;
}

std::vector<HostTensor> tool::runOnce(const Program &program, const std::vector<HostTensor> &inputs,
                                      unsigned numThreads) {
  Session session(program, program.sizesOf(inputs), numThreads);
  session.setInputs(inputs);
  session.run();
  return session.outputs();
}
