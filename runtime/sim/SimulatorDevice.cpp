//===- SimulatorDevice.cpp - Simulators as devices of the runtime ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A schedule for one of Sinter's own chips is held against the description that is
// installed, whatever the program says. Others come with the program; the schedule
// has their hash.
//
// Each schedule has a simulator, and so a memory, of its own. A state is one that all
// of them share: what the last schedule left in it is moved to where the next one has
// it, which takes none of the chip's cycles, as other copies to and from the chip.
//
//===----------------------------------------------------------------------===//

#include "sinter-rt/sim.h"

#include "runtime/format/ChipDescription.h"
#include "runtime/format/InstalledChips.h"
#include "runtime/format/ScheduleFile.h"
#include "runtime/sim/StreamSimulator.h"
#include "runtime/sim/StreamTensors.h"

#include <cstdio>
#include <cstring>
#include <map>

using namespace sinter;

namespace {

/// A schedule that is ready to be executed.
struct Ready {
  std::unique_ptr<sim::StreamSimulator> simulator;
  std::vector<std::string> inputs, outputs;
  std::vector<size_t> inputBytes, outputBytes;
  std::vector<format::Placement> states; // without strips
};

/// What a session holds.
struct Handle {
  std::vector<Ready> schedules;
  /// Which schedule has what a state holds; none: it is zero.
  std::map<std::string, uint32_t> owners;
};

sinter_status fail(sinter_error *error, sinter_status status, const std::string &message) {
  std::snprintf(error->message, sizeof error->message, "%s", message.c_str());
  error->status = status;
  return status;
}

std::optional<format::Chip> findChip(const sinter_schedule &given, const std::string &name, std::string &error) {
  if (std::string_view installed = format::installedChip(name); !installed.empty())
    return format::readChip(installed, error);
  if (given.chip)
    return format::readChip({static_cast<const char *>(given.chip), given.chip_size}, error);
  error = "the schedule is for chip '" + name + "', which this simulator does not know";
  return std::nullopt;
}

/// Whether the program's tensors are as many and as large as the schedule's, whose names are collected.
bool matchTensors(const char *what, const google::protobuf::RepeatedPtrField<format::Placement> &placements,
                  const uint64_t *bytes, uint32_t count, std::vector<std::string> &names, std::vector<size_t> &sizes,
                  std::string &error) {
  if (static_cast<uint32_t>(placements.size()) != count) {
    error = "the schedule has " + std::to_string(placements.size()) + " " + what + ", and the program gives it " +
            std::to_string(count);
    return false;
  }
  for (uint32_t i = 0; i < count; ++i) {
    const format::Placement &placement = placements[static_cast<int>(i)];
    if (!format::ElementType_IsValid(placement.type())) {
      error = "the schedule is damaged: tensor '" + placement.name() + "' is of a type that there is not";
      return false;
    }
    uint64_t required = sim::bytesOf(placement);
    if (bytes[i] != required) {
      error = "tensor '" + placement.name() + "' of the schedule has " + std::to_string(required) +
              " bytes, and the program gives it " + std::to_string(bytes[i]);
      return false;
    }
    names.push_back(placement.name());
    sizes.push_back(bytes[i]);
  }
  return true;
}

bool prepare(const sinter_schedule &given, Ready &ready, std::string &error) {
  std::optional<format::StreamSchedule> schedule =
      format::readSchedule({static_cast<const char *>(given.bytes), given.size}, error);
  if (!schedule)
    return false;
  std::optional<format::Chip> chip = findChip(given, schedule->chip(), error);
  if (!chip)
    return false;
  if (!matchTensors("inputs", schedule->inputs(), given.input_bytes, given.input_count, ready.inputs, ready.inputBytes,
                    error) ||
      !matchTensors("outputs", schedule->outputs(), given.output_bytes, given.output_count, ready.outputs,
                    ready.outputBytes, error))
    return false;
  for (const format::Placement &state : schedule->states()) {
    ready.states.push_back(state);
    ready.states.back().clear_strips();
  }
  ready.simulator = sim::StreamSimulator::create(*schedule, *chip, static_cast<const uint8_t *>(given.weights),
                                                 given.weights_bytes, error);
  return ready.simulator != nullptr;
}

/// Whether states of one name are of one type and size.
bool matchStates(const std::vector<Ready> &schedules, std::string &error) {
  std::map<std::string, const format::Placement *> known;
  for (const Ready &ready : schedules)
    for (const format::Placement &state : ready.states) {
      const format::Placement &first = *known.try_emplace(state.name(), &state).first->second;
      if (first.type() == state.type() && first.rows() == state.rows() && first.columns() == state.columns())
        continue;
      error = "two schedules of the program have a state '" + state.name() + "' of another type or size";
      return false;
    }
  return true;
}

/// Gives a schedule what another one left in its states.
bool moveStates(Handle &handle, uint32_t schedule, std::string &error) {
  Ready &ready = handle.schedules[schedule];
  for (const format::Placement &state : ready.states) {
    auto owner = handle.owners.find(state.name());
    if (owner == handle.owners.end() || owner->second == schedule)
      continue;
    std::optional<std::vector<uint8_t>> tensor = handle.schedules[owner->second].simulator->stateTensor(state.name());
    if (!tensor || !ready.simulator->setStateTensor(state.name(), *tensor)) {
      error = "state '" + state.name() + "' cannot be moved from one schedule to another";
      return false;
    }
  }
  return true;
}

sinter_status open(void *, const sinter_schedule *const *schedules, uint32_t count, void **result,
                   sinter_error *error) {
  *result = nullptr;
  auto handle = std::make_unique<Handle>();
  handle->schedules.resize(count);
  std::string message;
  for (uint32_t i = 0; i < count; ++i)
    if (!prepare(*schedules[i], handle->schedules[i], message))
      return fail(error, SINTER_UNUSABLE, message);
  if (!matchStates(handle->schedules, message))
    return fail(error, SINTER_UNUSABLE, message);
  *result = handle.release();
  return SINTER_OK;
}

sinter_status execute(void *opaque, uint32_t schedule, const void *const *inputs, void *const *outputs,
                      uint64_t *cycles, sinter_error *error) {
  Handle &handle = *static_cast<Handle *>(opaque);
  Ready &ready = handle.schedules[schedule];
  std::string message;
  if (!moveStates(handle, schedule, message))
    return fail(error, SINTER_UNUSABLE, message);
  for (size_t i = 0; i < ready.inputs.size(); ++i)
    if (!ready.simulator->setInput(ready.inputs[i], inputs[i], ready.inputBytes[i], message))
      return fail(error, SINTER_UNUSABLE, message);
  if (std::optional<sim::StreamStop> stop = ready.simulator->run())
    return fail(error, SINTER_UNUSABLE, "the simulated chip stopped: " + stop->text());
  for (const format::Placement &state : ready.states)
    handle.owners[state.name()] = schedule;
  for (size_t i = 0; i < ready.outputs.size(); ++i) {
    const std::vector<uint8_t> *bytes = ready.simulator->output(ready.outputs[i]);
    if (!bytes || bytes->size() != ready.outputBytes[i])
      return fail(error, SINTER_UNUSABLE, "the schedule did not give output '" + ready.outputs[i] + "'");
    std::memcpy(outputs[i], bytes->data(), bytes->size());
  }
  *cycles = ready.simulator->cycles();
  return SINTER_OK;
}

void close(void *opaque) { delete static_cast<Handle *>(opaque); }

void reset(void *opaque) {
  Handle &handle = *static_cast<Handle *>(opaque);
  for (Ready &ready : handle.schedules)
    ready.simulator->resetStates();
  handle.owners.clear();
}

} // namespace

const sinter_device *sinter_simulator_device(void) {
  static const sinter_device device = {
      sizeof(sinter_device), SINTER_DEVICE_STREAM, nullptr, open, execute, close, reset};
  return &device;
}
