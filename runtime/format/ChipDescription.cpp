//===- ChipDescription.cpp - Descriptions of chips, read and checked ------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/format/ChipDescription.h"

#include <charconv>
#include <cmath>
#include <google/protobuf/util/json_util.h>
#include <vector>

namespace sinter::format {
namespace {

constexpr size_t greatestFile = 1 << 20;
constexpr uint64_t greatestMemory = uint64_t(4) << 30;

std::string spell(double value) {
  char text[64];
  std::to_chars_result end = std::to_chars(text, text + sizeof(text), value);
  return std::string(text, end.ptr);
}

/// SHA-256 as FIPS 180-4 defines it.
class Sha256 {
public:
  static std::string hex(const std::string &text) {
    Sha256 hash;
    std::string padded = text + '\x80';
    while (padded.size() % 64 != 56)
      padded += '\0';
    for (int shift = 56; shift >= 0; shift -= 8)
      padded += static_cast<char>(uint64_t(text.size()) * 8 >> shift);
    for (size_t i = 0; i < padded.size(); i += 64)
      hash.addBlock(reinterpret_cast<const unsigned char *>(padded.data()) + i);
    std::string digits;
    for (uint32_t word : hash.state)
      for (int shift = 28; shift >= 0; shift -= 4)
        digits += "0123456789abcdef"[word >> shift & 15];
    return digits;
  }

private:
  static uint32_t rotate(uint32_t value, int bits) { return value >> bits | value << (32 - bits); }

  void addBlock(const unsigned char *bytes) {
    static const uint32_t constants[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
    uint32_t w[64];
    for (int i = 0; i < 16; ++i)
      w[i] = uint32_t(bytes[4 * i]) << 24 | uint32_t(bytes[4 * i + 1]) << 16 | uint32_t(bytes[4 * i + 2]) << 8 |
             uint32_t(bytes[4 * i + 3]);
    for (int i = 16; i < 64; ++i)
      w[i] = w[i - 16] + (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7] +
             (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10);
    uint32_t v[8];
    std::copy(state, state + 8, v);
    for (int i = 0; i < 64; ++i) {
      uint32_t first = v[7] + (rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)) +
                       ((v[4] & v[5]) ^ (~v[4] & v[6])) + constants[i] + w[i];
      uint32_t second =
          (rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)) + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
      std::copy_backward(v, v + 7, v + 8);
      v[4] += first;
      v[0] = first + second;
    }
    for (int i = 0; i < 8; ++i)
      state[i] += v[i];
  }

  uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
};

/// The constants of a description, in the schema's order, with their names.
std::vector<std::pair<std::string, const Constant *>> constantsOf(const StreamChip &chip) {
  std::vector<std::pair<std::string, const Constant *>> all;
  const google::protobuf::Descriptor *type = chip.GetDescriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    const google::protobuf::FieldDescriptor *field = type->field(i);
    bool present = chip.GetReflection()->HasField(chip, field);
    all.emplace_back(field->name(),
                     present ? static_cast<const Constant *>(&chip.GetReflection()->GetMessage(chip, field)) : nullptr);
  }
  return all;
}

/// Takes numbers by name and keeps the first thing that is wrong.
class Numbers {
public:
  Numbers(const Chip &chip, std::string &error) : name(chip.name()), all(constantsOf(chip.stream())), error(error) {
    for (const auto &[what, constant] : all) {
      if (!constant)
        refuse(what + " is missing");
      else if (!std::isfinite(constant->value()))
        refuse(what + " is no number");
    }
  }

  double real(const std::string &what, double low, double high) {
    for (const auto &[field, constant] : all)
      if (field == what && constant) {
        double value = constant->value();
        if (!(value >= low && value <= high))
          refuse(what + " is " + spell(value) + ", and must be from " + spell(low) + " to " + spell(high));
        return value;
      }
    return low;
  }
  uint32_t whole(const std::string &what, uint32_t low, uint32_t high) {
    double value = real(what, low, high);
    if (value != std::floor(value))
      refuse(what + " is " + spell(value) + ", and must be a whole number");
    return good() ? static_cast<uint32_t>(value) : low;
  }
  void require(bool condition, const std::string &sentence) {
    if (!condition)
      refuse(sentence);
  }
  bool good() const { return !bad; }

private:
  void refuse(const std::string &sentence) {
    if (!bad)
      error = "chip '" + name + "': " + sentence;
    bad = true;
  }

  std::string name;
  std::vector<std::pair<std::string, const Constant *>> all;
  std::string &error;
  bool bad = false;
};

} // namespace

std::optional<Chip> readChip(std::string_view json, std::string &error) {
  if (json.size() > greatestFile) {
    error = "the chip's description has " + std::to_string(json.size()) + " bytes, and may have 1 MiB";
    return std::nullopt;
  }
  Chip chip;
  google::protobuf::util::Status status =
      google::protobuf::util::JsonStringToMessage(google::protobuf::StringPiece(json.data(), json.size()), &chip);
  if (!status.ok()) {
    error = "the chip's description cannot be read: " + status.message().as_string();
    return std::nullopt;
  }
  if (chip.name().empty() || chip.name().size() > 100) {
    error = "the chip's description has no name, or one of more than 100 bytes";
    return std::nullopt;
  }
  return chip;
}

std::optional<StreamMachine> readStreamMachine(const Chip &chip, std::string &error) {
  if (chip.kind_case() != Chip::kStream) {
    error = "chip '" + chip.name() + "' is no streaming chip";
    return std::nullopt;
  }
  Numbers numbers(chip, error);
  StreamMachine m;
  m.clockGhz = numbers.real("clock_ghz", 1e-6, 1e3);
  m.superlanes = numbers.whole("superlanes", 1, 32);
  m.lanesPerSuperlane = numbers.whole("lanes_per_superlane", 16, 16);
  m.streamsPerDirection = numbers.whole("streams_per_direction", 16, 32);
  m.slicesPerHemisphere = numbers.whole("slices_per_hemisphere", 1, 256);
  m.slicesPerPosition = numbers.whole("slices_per_position", 1, 256);
  m.wordsPerSlice = numbers.whole("words_per_slice", 2, 1 << 20);
  m.banksPerSlice = numbers.whole("banks_per_slice", 1, 16);
  m.sxmPosition = numbers.whole("sxm_position", 2, 300);
  m.mxmPosition = numbers.whole("mxm_position", 3, 301);
  m.planesPerHemisphere = numbers.whole("planes_per_hemisphere", 2, 2);
  m.planeColumns = numbers.whole("plane_columns", 16, 512);
  m.accumulatorRows = numbers.whole("accumulator_rows", 1, 8192);
  m.planeLoadCycles = numbers.whole("plane_load_cycles", 1, 512);
  m.alus = numbers.whole("alus", 1, 64);
  m.instructionMemory = numbers.whole("instruction_memory", 1, 1 << 20);
  m.readLatency = numbers.whole("read_latency", 1, 1000);
  m.writeLatency = numbers.whole("write_latency", 1, 1000);
  m.gatherLatency = numbers.whole("gather_latency", 1, 1000);
  m.aluLatency = numbers.whole("alu_latency", 1, 1000);
  m.transcendentalLatency = numbers.whole("transcendental_latency", 1, 1000);
  m.sxmLatency = numbers.whole("sxm_latency", 1, 1000);
  m.sxmFarLatency = numbers.whole("sxm_far_latency", 1, 1000);
  m.mxmLatency = numbers.whole("mxm_latency", 1, 1000);
  if (!numbers.good())
    return std::nullopt;

  numbers.require(m.streamsPerDirection % 4 == 0, "streams_per_direction must be a multiple of 4");
  numbers.require(m.wordsPerSlice % m.banksPerSlice == 0, "words_per_slice must be a multiple of banks_per_slice");
  numbers.require(uint64_t(2) * m.slicesPerHemisphere * m.wordsPerSlice * m.lanes() <= greatestMemory,
                  "slices_per_hemisphere and words_per_slice make more than 4 GiB of memory");
  uint32_t outermost = 1 + (m.slicesPerHemisphere - 1) / m.slicesPerPosition;
  numbers.require(m.sxmPosition > outermost,
                  "sxm_position must be beyond the outermost slice, at " + std::to_string(outermost));
  numbers.require(m.mxmPosition > m.sxmPosition, "mxm_position must be beyond sxm_position");
  numbers.require(m.planeColumns == m.lanes(),
                  "plane_columns must be the number of lanes, " + std::to_string(m.lanes()));
  numbers.require(m.planeColumns % m.planeLoadCycles == 0, "plane_columns must be a multiple of plane_load_cycles");
  if (!numbers.good())
    return std::nullopt;
  numbers.require(m.loadStreams() % 2 == 0 && m.streamsPerDirection % m.loadStreams() == 0,
                  "plane_load_cycles must make plane_columns / plane_load_cycles, the streams of a LOAD, an even "
                  "number that divides streams_per_direction");
  numbers.require(m.lanes() % 2 == 0, "superlanes must make an even number of lanes");
  if (!numbers.good())
    return std::nullopt;
  return m;
}

std::string chipHash(const Chip &chip) {
  if (chip.kind_case() != Chip::kStream)
    return "";
  std::string lines;
  for (const auto &[name, constant] : constantsOf(chip.stream()))
    lines += name + "=" + spell(constant ? constant->value() : 0) + "\n";
  return Sha256::hex(lines);
}

} // namespace sinter::format
