//===- TargetModel.cpp - The numbers of a streaming chip -------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/TargetModel.h"

#include "lib/Support/Failure.h"
#include "lib/Support/MappedFile.h"
#include "runtime/format/InstalledChips.h"

#include "llvm/ADT/StringExtras.h"

using namespace sinter;
using namespace sinter::stream;

std::vector<std::string> TargetModel::getNames() {
  std::vector<std::string> names;
  std::string error;
  for (std::string_view name : format::installedChips())
    if (std::optional<format::Chip> chip = format::readChip(format::installedChip(name), error))
      if (format::readStreamMachine(*chip, error))
        names.emplace_back(name);
  return names;
}

llvm::StringRef TargetModel::getDescription(llvm::StringRef name) {
  return format::installedChip(std::string_view(name.data(), name.size()));
}

llvm::Expected<TargetModel> TargetModel::find(llvm::StringRef chip) {
  if (llvm::StringRef known = getDescription(chip); !known.empty())
    return parse(known);
  if (!chip.ends_with(".json"))
    return usage("target stream has no chip '" + chip + "'; it has " + llvm::join(getNames(), ", ") +
                 ", and takes a description in a file, NAME.json");
  llvm::Expected<std::shared_ptr<const MappedFile>> file = MappedFile::open(chip.str());
  if (!file)
    return file.takeError();
  return parse(llvm::StringRef((*file)->bytes().data(), (*file)->size()));
}

llvm::Expected<TargetModel> TargetModel::parse(llvm::StringRef json) {
  std::string error;
  std::optional<format::Chip> chip = format::readChip(std::string_view(json.data(), json.size()), error);
  std::optional<format::StreamMachine> machine = chip ? format::readStreamMachine(*chip, error) : std::nullopt;
  if (!machine)
    return unusable(error);
  TargetModel model;
  model.name = chip->name();
  model.clockGhz = machine->clockGhz;
  model.superlanes = machine->superlanes;
  model.lanesPerSuperlane = machine->lanesPerSuperlane;
  model.streamsPerDirection = machine->streamsPerDirection;
  model.slicesPerHemisphere = machine->slicesPerHemisphere;
  model.slicesPerPosition = machine->slicesPerPosition;
  model.wordsPerSlice = machine->wordsPerSlice;
  model.banksPerSlice = machine->banksPerSlice;
  model.sxmPosition = machine->sxmPosition;
  model.mxmPosition = machine->mxmPosition;
  model.planesPerHemisphere = machine->planesPerHemisphere;
  model.planeColumns = machine->planeColumns;
  model.accumulatorRows = machine->accumulatorRows;
  model.planeLoadCycles = machine->planeLoadCycles;
  model.alus = machine->alus;
  model.instructionMemory = machine->instructionMemory;
  model.readLatency = machine->readLatency;
  model.writeLatency = machine->writeLatency;
  model.gatherLatency = machine->gatherLatency;
  model.aluLatency = machine->aluLatency;
  model.transcendentalLatency = machine->transcendentalLatency;
  model.sxmLatency = machine->sxmLatency;
  model.sxmFarLatency = machine->sxmFarLatency;
  model.mxmLatency = machine->mxmLatency;
  model.description = std::move(*chip);
  // A value that is needed later than it is there is passed on by copies: all distances must be made of them.
  if (model.transcendentalLatency % model.aluLatency)
    return unusable("chip '" + model.name + "': transcendentalLatency " + std::to_string(model.transcendentalLatency) +
                    " is no multiple of aluLatency " + std::to_string(model.aluLatency) +
                    ", so that chains of functions cannot be laid out in time");
  if (model.reach() > 31)
    return unusable("chip '" + model.name + "': units up to position " + std::to_string(model.reach()) +
                    "; the compiler plans with positions up to 31");
  return model;
}
