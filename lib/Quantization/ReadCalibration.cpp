//===- ReadCalibration.cpp - Reads calibration.json and calibration.npz --===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Quantization/Calibration.h"
#include "lib/Support/Failure.h"
#include "lib/Support/MappedFile.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"

#include <cmath>

using namespace sinter;

namespace {

constexpr uint64_t largestJson = 64u << 20;
constexpr unsigned deepestNesting = 16;
constexpr size_t mostTensors = 100'000;
constexpr int64_t mostChannels = int64_t(1) << 31;

/// Where the archive is and what its hash has to be.
struct ArchiveReference {
  std::string file, sha256;
};

class Reader {
public:
  explicit Reader(llvm::StringRef jsonName) : jsonName(jsonName) {}

  /// Everything but the arrays' values.
  llvm::Error readJson(llvm::StringRef text, ArchiveReference &reference);
  /// Views the arrays.
  llvm::Error readArrays(llvm::ArrayRef<char> archive, llvm::StringRef arraysName);

  Calibration calibration;

private:
  struct Place {
    size_t tensor;
    CalibrationArray ObservedTensor::*array;
    const char *name;
    int64_t offset, count;
  };

  llvm::Error damaged(const llvm::Twine &text) const { return unusable("'" + jsonName + "' is damaged: " + text); }
  llvm::Error wrong(const llvm::Twine &where, llvm::StringRef required) const {
    return damaged(where + " is missing or wrong, required " + required);
  }
  llvm::Error checkNesting(llvm::StringRef text) const;
  llvm::Error readTensor(const llvm::json::Value &value, size_t number);
  llvm::Error readRange(const llvm::json::Object &object, llvm::StringRef name, const std::string &where,
                        StaticRange &range) const;
  llvm::Error readPlace(const llvm::json::Object &object, const char *name, const std::string &where,
                        CalibrationArray ObservedTensor::*array, int64_t count, bool isOptional);

  std::optional<int64_t> positive(const llvm::json::Object &object, llvm::StringRef name, int64_t largest) const {
    std::optional<int64_t> value = object.getInteger(name);
    return value && *value >= 1 && *value <= largest ? value : std::nullopt;
  }
  static bool isHash(llvm::StringRef text) {
    return text.size() == 64 && llvm::all_of(text, [](char c) { return llvm::isHexDigit(c) && !llvm::isUpper(c); });
  }

  llvm::StringRef jsonName;
  std::vector<Place> places;
  llvm::StringSet<> readers;
};

/// The parser calls itself for each level.
llvm::Error Reader::checkNesting(llvm::StringRef text) const {
  unsigned depth = 0;
  bool isString = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (isString && text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      isString = !isString;
    else if (!isString && (text[i] == '[' || text[i] == '{') && ++depth > deepestNesting)
      return damaged("it is nested deeper than " + llvm::Twine(deepestNesting) + " levels");
    else if (!isString && (text[i] == ']' || text[i] == '}') && depth > 0)
      --depth;
  }
  return llvm::Error::success();
}

llvm::Error Reader::readJson(llvm::StringRef text, ArchiveReference &reference) {
  if (text.size() > largestJson)
    return damaged("it has " + llvm::Twine(text.size()) + " bytes, and at most " + llvm::Twine(largestJson) +
                   " can be read");
  if (llvm::Error error = checkNesting(text))
    return error;
  llvm::Expected<llvm::json::Value> value = llvm::json::parse(text);
  if (!value)
    return damaged(llvm::toString(value.takeError()));
  const llvm::json::Object *object = value->getAsObject();
  if (!object || object->getString("format") != llvm::StringRef("sinter-calibration"))
    return unusable("'" + jsonName + "' is no calibration of Sinter's (\"format\": \"sinter-calibration\"); " +
                    "--calibrate=DATA makes one");
  std::optional<int64_t> version = object->getInteger("version");
  if (!version)
    return wrong("version", "a number");
  if (*version != Calibration::version)
    return unusable("'" + jsonName + "' has version " + llvm::Twine(*version) + ", and this Sinter reads version " +
                    llvm::Twine(Calibration::version) + ": calibrate again");
  std::optional<llvm::StringRef> hash = object->getString("model_sha256");
  if (!hash || (!hash->empty() && !isHash(*hash)))
    return wrong("model_sha256", "64 hexadecimal digits or nothing");
  calibration.modelSha256 = hash->str();
  std::optional<int64_t> samples = positive(*object, "samples", INT64_MAX);
  if (!samples)
    return wrong("samples", "a positive number");
  calibration.numSamples = *samples;

  const llvm::json::Object *arrays = object->getObject("arrays");
  std::optional<llvm::StringRef> file = arrays ? arrays->getString("file") : std::nullopt;
  if (!file || file->empty() || *file == "." || *file == ".." || file->contains('/') || file->contains('\0'))
    return wrong("arrays.file", "the name of a file beside it");
  std::optional<llvm::StringRef> archiveHash = arrays->getString("sha256");
  if (!archiveHash || !isHash(*archiveHash))
    return wrong("arrays.sha256", "64 hexadecimal digits");
  reference = {file->str(), archiveHash->str()};

  const llvm::json::Array *tensors = object->getArray("tensors");
  if (!tensors || tensors->empty() || tensors->size() > mostTensors)
    return wrong("tensors", ("a list of 1 to " + llvm::Twine(mostTensors)).str());
  for (size_t i = 0; i < tensors->size(); ++i)
    if (llvm::Error error = readTensor((*tensors)[i], i))
      return error;
  return llvm::Error::success();
}

llvm::Error Reader::readRange(const llvm::json::Object &object, llvm::StringRef name, const std::string &where,
                              StaticRange &range) const {
  const llvm::json::Object *given = object.getObject(name);
  std::optional<double> low = given ? given->getNumber("low") : std::nullopt;
  std::optional<double> high = given ? given->getNumber("high") : std::nullopt;
  std::optional<double> error = given ? given->getNumber("error") : std::nullopt;
  auto isFloat = [](double value) { return std::isfinite(static_cast<float>(value)); };
  if (!low || !high || !error || !isFloat(*low) || !isFloat(*high) || *low > *high || !std::isfinite(*error) ||
      *error < 0)
    return wrong(where + "." + name, "low, high and error: numbers, low not above high, and error not below 0");
  range = {static_cast<float>(*low), static_cast<float>(*high), *error};
  return llvm::Error::success();
}

llvm::Error Reader::readPlace(const llvm::json::Object &object, const char *name, const std::string &where,
                              CalibrationArray ObservedTensor::*array, int64_t count, bool isOptional) {
  const llvm::json::Object *given = object.getObject(name);
  if (!given && isOptional && !object.get(name))
    return llvm::Error::success();
  std::optional<int64_t> offset = given ? given->getInteger("offset") : std::nullopt;
  std::optional<int64_t> length = given ? given->getInteger("length") : std::nullopt;
  int64_t expected = count * int64_t(sizeof(float));
  if (!offset || *offset < 1 || *offset % 64 != 0 || length != expected)
    return wrong(where + "." + name,
                 ("an offset that is a multiple of 64, and the length " + llvm::Twine(expected)).str());
  places.push_back({calibration.tensors.size(), array, name, *offset, count});
  return llvm::Error::success();
}

llvm::Error Reader::readTensor(const llvm::json::Value &value, size_t number) {
  std::string where = "tensors[" + std::to_string(number) + "]";
  const llvm::json::Object *object = value.getAsObject();
  if (!object)
    return wrong(where, "an object");
  ObservedTensor tensor;
  const llvm::json::Array *names = object->getArray("readers");
  for (const llvm::json::Value &name : names ? *names : llvm::json::Array()) {
    std::optional<llvm::StringRef> text = name.getAsString();
    if (!text || text->empty())
      return wrong(where + ".readers", "names of nodes");
    if (!readers.insert(*text).second)
      return damaged("node '" + *text + "' is in it twice");
    tensor.readers.push_back(text->str());
  }
  if (tensor.readers.empty())
    return wrong(where + ".readers", "names of nodes");
  std::optional<int64_t> rows = positive(*object, "rows", INT64_MAX);
  if (!rows)
    return wrong(where + ".rows", "a positive number");
  std::optional<int64_t> channels = positive(*object, "channels", mostChannels);
  if (!channels)
    return wrong(where + ".channels", ("a number from 1 to " + llvm::Twine(mostChannels)).str());
  tensor.numRows = *rows;
  tensor.numChannels = *channels;
  for (auto [name, number] : {std::pair("mean_square", &tensor.meanSquare), {"dynamic_error", &tensor.dynamicError}}) {
    std::optional<double> given = object->getNumber(name);
    if (!given || !std::isfinite(*given) || *given < 0)
      return wrong(where + "." + name, "a number that is not below 0");
    *number = *given;
  }
  for (auto [name, range] : {std::pair("min_max", &tensor.minMax),
                             {"percentile", &tensor.percentile},
                             {"least_squares", &tensor.leastSquares}})
    if (llvm::Error error = readRange(*object, name, where, *range))
      return error;
  if (llvm::Error error =
          readPlace(*object, "channel_maximum", where, &ObservedTensor::channelMaximum, *channels, false))
    return error;
  if (llvm::Error error =
          readPlace(*object, "channel_mean_square", where, &ObservedTensor::channelMeanSquare, *channels, false))
    return error;
  if (llvm::Error error = readPlace(*object, "sampled_rows", where, &ObservedTensor::sampledRows,
                                    tensor.getNumSampledRows() * *channels, false))
    return error;
  // No file has 2^60 bytes, so what is too large for its size fails where it is looked for.
  int64_t square = *channels < (int64_t(1) << 29) ? *channels * *channels : int64_t(1) << 58;
  if (llvm::Error error = readPlace(*object, "second_moments", where, &ObservedTensor::secondMoments, square, true))
    return error;
  calibration.tensors.push_back(std::move(tensor));
  return llvm::Error::success();
}

llvm::Error Reader::readArrays(llvm::ArrayRef<char> archive, llvm::StringRef arraysName) {
  for (const Place &place : places) {
    ObservedTensor &tensor = calibration.tensors[place.tensor];
    uint64_t offset = place.offset, length = uint64_t(place.count) * sizeof(float);
    if (offset > archive.size() || length > archive.size() - offset)
      return damaged("'" + tensor.readers.front() + "': " + place.name + " is bytes " + llvm::Twine(offset) + " and " +
                     llvm::Twine(length) + " more of '" + arraysName + "', which has " + llvm::Twine(archive.size()));
    llvm::ArrayRef<float> values(reinterpret_cast<const float *>(archive.data() + offset), place.count);
    // Second moments are checked where they are used, which reads all of them.
    bool isSquare = place.array == &ObservedTensor::secondMoments,
         isSigned = place.array == &ObservedTensor::sampledRows;
    if (!isSquare &&
        !llvm::all_of(values, [&](float value) { return std::isfinite(value) && (isSigned || value >= 0); }))
      return unusable("'" + arraysName + "' is damaged: " + place.name + " of '" + tensor.readers.front() +
                      "' has a number that is " + (isSigned ? "" : "negative, ") + "infinite or none");
    tensor.*place.array = {values, offset};
  }
  return llvm::Error::success();
}

} // namespace

llvm::Expected<Calibration> sinter::parseCalibration(llvm::StringRef json, llvm::ArrayRef<char> archive,
                                                     llvm::StringRef jsonName, llvm::StringRef arraysName) {
  Reader reader(jsonName);
  ArchiveReference reference;
  if (llvm::Error error = reader.readJson(json, reference))
    return error;
  if (llvm::Error error = reader.readArrays(archive, arraysName))
    return error;
  return std::move(reader.calibration);
}

llvm::Expected<Calibration> sinter::readCalibration(llvm::StringRef jsonPath) {
  llvm::Expected<std::shared_ptr<const MappedFile>> json = MappedFile::open(jsonPath);
  if (!json)
    return json.takeError();
  llvm::SmallString<128> arraysPath(jsonPath);
  llvm::sys::path::remove_filename(arraysPath);

  llvm::ArrayRef<char> text = (*json)->bytes();
  ArchiveReference reference;
  Reader reader(jsonPath);
  if (llvm::Error error = reader.readJson({text.data(), text.size()}, reference))
    return error;
  llvm::sys::path::append(arraysPath, reference.file);
  std::string shown = arraysPath.str().str();
  llvm::Expected<std::shared_ptr<const MappedFile>> archive = MappedFile::open(shown);
  if (!archive)
    return archive.takeError();
  llvm::SHA256 hash;
  llvm::ArrayRef<char> bytes = (*archive)->bytes();
  hash.update(llvm::StringRef(bytes.data(), bytes.size()));
  if (llvm::toHex(hash.final(), /*LowerCase=*/true) != reference.sha256)
    return unusable("'" + shown + "' is not the archive that '" + jsonPath + "' was written with, or is damaged: its " +
                    "SHA-256 is another");
  if (llvm::Error error = reader.readArrays(bytes, shown))
    return error;
  reader.calibration.arraysPath = shown;
  reader.calibration.storage.push_back(*archive);
  return std::move(reader.calibration);
}
