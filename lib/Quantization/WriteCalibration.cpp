//===- WriteCalibration.cpp - Writes calibration.json and calibration.npz -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Quantization/Calibration.h"
#include "lib/Support/AtomicOutput.h"
#include "lib/Support/Failure.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

using namespace sinter;

namespace {

constexpr uint64_t alignment = 64;
constexpr uint64_t largestMember = 0xfffffffe, largestOffset = 0xfffffffe, mostMembers = 0xfffe;

/// Little-endian numbers in the order of a ZIP archive's records (APPNOTE 4.3).
class Record {
public:
  Record &u16(uint64_t value) { return append(value, 2); }
  Record &u32(uint64_t value) { return append(value, 4); }
  Record &u64(uint64_t value) { return append(value, 8); }
  Record &text(llvm::StringRef value) {
    bytes += value;
    return *this;
  }
  std::string bytes;

private:
  Record &append(uint64_t value, int size) {
    for (int i = 0; i < size; ++i)
      bytes += static_cast<char>(value >> 8 * i & 0xff);
    return *this;
  }
};

/// An archive of stored arrays of f32. Members have the date 1980-01-01, so that equal arrays give equal bytes.
class ArchiveWriter {
public:
  ArchiveWriter(int descriptor, llvm::StringRef shown) : descriptor(descriptor), shown(shown) {}

  /// Returns where the elements begin.
  llvm::Expected<uint64_t> add(llvm::StringRef name, llvm::ArrayRef<int64_t> dims, llvm::ArrayRef<float> values) {
    std::string file = (name + ".npy").str(), header = arrayHeader(dims);
    llvm::StringRef data(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(float));
    uint64_t length = header.size() + data.size();
    if (length > largestMember)
      return unsupported("calibration: an array of " + llvm::Twine(length) + " bytes does not fit an archive's member");
    uLong checksum = crc32_z(0, reinterpret_cast<const Bytef *>(header.data()), header.size());
    checksum = crc32_z(checksum, reinterpret_cast<const Bytef *>(data.data()), data.size());

    // An extra field that nobody reads fills up to where the array has to begin.
    uint64_t offset = position, begin = offset + 30 + file.size() + 4;
    uint64_t padding = (alignment - begin % alignment) % alignment;
    Record common;
    common.u16(20).u16(0).u16(0).u16(0).u16(0x21).u32(checksum).u32(length).u32(length).u16(file.size());
    Record local;
    local.u32(0x04034b50).text(common.bytes).u16(4 + padding).text(file);
    local.u16(0xd935).u16(padding).text(std::string(padding, '\0'));
    bool isFar = offset > largestOffset;
    directory.u32(0x02014b50).u16(isFar ? 45 : 20).text(common.bytes).u16(isFar ? 12 : 0).u16(0).u16(0).u16(0).u32(0);
    directory.u32(isFar ? 0xffffffff : offset).text(file);
    if (isFar)
      directory.u16(1).u16(8).u64(offset);
    ++numMembers;
    for (llvm::StringRef part : {llvm::StringRef(local.bytes), llvm::StringRef(header), data})
      if (llvm::Error error = write(part))
        return error;
    return position - data.size();
  }

  /// Writes the directory; returns the archive's hash.
  llvm::Expected<std::string> finish() {
    uint64_t offset = position, length = directory.bytes.size();
    Record end;
    bool isFar = offset > largestOffset || numMembers > mostMembers;
    if (isFar) {
      end.u32(0x06064b50).u64(44).u16(45).u16(45).u32(0).u32(0).u64(numMembers).u64(numMembers).u64(length).u64(offset);
      end.u32(0x07064b50).u32(0).u64(offset + length).u32(1);
    }
    uint64_t count = isFar ? 0xffff : numMembers;
    end.u32(0x06054b50).u16(0).u16(0).u16(count).u16(count).u32(length).u32(isFar ? 0xffffffff : offset).u16(0);
    for (llvm::StringRef part : {llvm::StringRef(directory.bytes), llvm::StringRef(end.bytes)})
      if (llvm::Error error = write(part))
        return error;
    return llvm::toHex(hash.final(), /*LowerCase=*/true);
  }

private:
  /// Of a .npy file, version 1.0; a multiple of 64 bytes long.
  static std::string arrayHeader(llvm::ArrayRef<int64_t> dims) {
    std::string text = "{'descr': '<f4', 'fortran_order': False, 'shape': (";
    for (size_t i = 0; i < dims.size(); ++i)
      text += (i ? ", " : "") + std::to_string(dims[i]);
    text += dims.size() == 1 ? ",), }" : "), }";
    size_t before = 10, total = (before + text.size() + 1 + alignment - 1) / alignment * alignment;
    text.append(total - before - text.size() - 1, ' ');
    Record header;
    header.text("\x93NUMPY").u16(1).u16(text.size() + 1).text(text).text("\n");
    return header.bytes;
  }

  llvm::Error write(llvm::StringRef bytes) {
    hash.update(bytes);
    position += bytes.size();
    return writeAll(descriptor, bytes, shown);
  }

  int descriptor;
  llvm::StringRef shown;
  llvm::SHA256 hash;
  uint64_t position = 0, numMembers = 0;
  Record directory;
};

/// The arrays of a tensor, with their names in both files and how many rows of channels they have.
struct NamedArray {
  enum class Rows { One, Sampled, Channels };
  const char *name;
  CalibrationArray ObservedTensor::*array;
  Rows rows;
};
const NamedArray namedArrays[] = {{"channel_maximum", &ObservedTensor::channelMaximum, NamedArray::Rows::One},
                                  {"channel_mean_square", &ObservedTensor::channelMeanSquare, NamedArray::Rows::One},
                                  {"sampled_rows", &ObservedTensor::sampledRows, NamedArray::Rows::Sampled},
                                  {"second_moments", &ObservedTensor::secondMoments, NamedArray::Rows::Channels}};

llvm::Expected<std::string> writeArchive(Calibration &calibration, const std::string &temporary,
                                         const std::string &shown) {
  int descriptor = open(temporary.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC);
  if (descriptor < 0)
    return ioFailure("'" + shown + "' cannot be written", errno);
  ArchiveWriter archive(descriptor, shown);
  llvm::Error error = llvm::Error::success();
  for (size_t i = 0; i < calibration.tensors.size() && !error; ++i)
    for (const NamedArray &entry : namedArrays) {
      ObservedTensor &tensor = calibration.tensors[i];
      CalibrationArray &array = tensor.*entry.array;
      if (array.empty() || error)
        continue;
      llvm::SmallVector<int64_t, 2> dims(entry.rows == NamedArray::Rows::One ? 1 : 2, tensor.numChannels);
      if (entry.rows == NamedArray::Rows::Sampled)
        dims[0] = tensor.getNumSampledRows();
      llvm::Expected<uint64_t> offset = archive.add(std::to_string(i) + "/" + entry.name, dims, array.values);
      if (offset)
        array.offset = *offset;
      else
        error = offset.takeError();
    }
  std::string hash;
  if (!error) {
    llvm::Expected<std::string> result = archive.finish();
    if (result)
      hash = std::move(*result);
    else
      error = result.takeError();
  }
  if (close(descriptor) != 0 && !error)
    error = ioFailure("'" + shown + "' cannot be written", errno);
  if (error)
    return error;
  return hash;
}

void writeRange(llvm::json::OStream &json, llvm::StringRef name, const StaticRange &range) {
  json.attributeObject(name, [&] {
    json.attribute("low", range.low);
    json.attribute("high", range.high);
    json.attribute("error", range.error);
  });
}

void writeTensor(llvm::json::OStream &json, const ObservedTensor &tensor, size_t number) {
  json.object([&] {
    json.attributeArray("readers", [&] {
      for (const std::string &reader : tensor.readers)
        json.value(reader);
    });
    json.attribute("rows", tensor.numRows);
    json.attribute("channels", tensor.numChannels);
    json.attribute("mean_square", tensor.meanSquare);
    writeRange(json, "min_max", tensor.minMax);
    writeRange(json, "percentile", tensor.percentile);
    writeRange(json, "least_squares", tensor.leastSquares);
    json.attribute("dynamic_error", tensor.dynamicError);
    for (const NamedArray &entry : namedArrays) {
      const CalibrationArray &array = tensor.*entry.array;
      if (!array.empty())
        json.attributeObject(entry.name, [&] {
          json.attribute("name", std::to_string(number) + "/" + entry.name);
          json.attribute("offset", static_cast<int64_t>(array.offset));
          json.attribute("length", static_cast<int64_t>(array.length()));
        });
    }
  });
}

} // namespace

llvm::Error sinter::writeCalibration(Calibration &calibration, llvm::StringRef jsonPath) {
  llvm::SmallString<128> arraysPath(jsonPath);
  llvm::sys::path::replace_extension(arraysPath, "npz");
  calibration.arraysPath = arraysPath.str().str();

  llvm::Expected<AtomicOutput> archive = AtomicOutput::file(calibration.arraysPath);
  if (!archive)
    return archive.takeError();
  llvm::Expected<std::string> hash = writeArchive(calibration, archive->path().str(), calibration.arraysPath);
  if (!hash)
    return hash.takeError();

  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::json::OStream json(stream, /*IndentSize=*/1);
  json.object([&] {
    json.attribute("format", "sinter-calibration");
    json.attribute("version", Calibration::version);
    json.attribute("model_sha256", calibration.modelSha256);
    json.attribute("samples", calibration.numSamples);
    json.attributeObject("arrays", [&] {
      json.attribute("file", llvm::sys::path::filename(calibration.arraysPath));
      json.attribute("sha256", *hash);
    });
    json.attributeArray("tensors", [&] {
      for (size_t i = 0; i < calibration.tensors.size(); ++i)
        writeTensor(json, calibration.tensors[i], i);
    });
  });
  stream << "\n";

  llvm::Expected<AtomicOutput> output = AtomicOutput::file(jsonPath);
  if (!output)
    return output.takeError();
  if (llvm::Error error = output->write("", text))
    return error;
  if (llvm::Error error = archive->commit())
    return error;
  return output->commit();
}
