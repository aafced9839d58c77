//===- ModelTensor.cpp - Tensors of ONNX: where they lie, their values ----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A TensorProto holds its values in one of seven ways, which become two:
//
//   raw_data, external data             bytes in place
//   float_data, double_data             bytes in place where they are one packed
//                                       run, which protobuf stores little-endian
//   int32_data, int64_data, uint64_data, string_data, and floats in pieces
//                                       decoded when they are read
//
// int32_data holds every type of 32 bits and below; of 4 and 2 bits each entry
// holds a byte of packed elements, of 6 bits one element.
//
//===----------------------------------------------------------------------===//

#include "lib/Support/Failure.h"
#include "lib/Support/NarrowElements.h"
#include "python-free-frontends/onnx/ModelReader.h"

#include "llvm/Support/Endian.h"
#include "llvm/Support/FormatVariadic.h"

#include <cstring>
#include <limits>

using namespace sinter;
using namespace sinter::onnx;

namespace {

// Numbers of TensorProto's fields.
enum Field : uint32_t {
  dimsField = 1,
  dataTypeField = 2,
  segmentField = 3,
  floatDataField = 4,
  int32DataField = 5,
  stringDataField = 6,
  int64DataField = 7,
  nameField = 8,
  rawDataField = 9,
  doubleDataField = 10,
  uint64DataField = 11,
  externalDataField = 13,
  dataLocationField = 14,
};

const char *fieldName(uint32_t field) {
  switch (field) {
  case floatDataField:
    return "float_data";
  case int32DataField:
    return "int32_data";
  case stringDataField:
    return "string_data";
  case int64DataField:
    return "int64_data";
  case rawDataField:
    return "raw_data";
  case doubleDataField:
    return "double_data";
  case uint64DataField:
    return "uint64_data";
  default:
    return "external data";
  }
}

/// The repeated field that holds a type's values where raw_data does not.
std::optional<uint32_t> typedField(DataType type) {
  switch (type) {
  case DataType::Undefined:
    return std::nullopt;
  case DataType::Float:
  case DataType::Complex64:
    return floatDataField;
  case DataType::Double:
  case DataType::Complex128:
    return doubleDataField;
  case DataType::Int64:
    return int64DataField;
  case DataType::Uint32:
  case DataType::Uint64:
    return uint64DataField;
  case DataType::String:
    return stringDataField;
  default:
    if (dataTypeBits(type))
      return int32DataField;
    return std::nullopt;
  }
}

/// How many entries of its typed field a tensor takes.
uint64_t numFieldEntries(const Tensor &tensor) {
  switch (tensor.elementType) {
  case DataType::Complex64:
  case DataType::Complex128:
    return 2 * tensor.numElements();
  case DataType::Uint4:
  case DataType::Int4:
  case DataType::Float4E2M1:
  case DataType::Uint2:
  case DataType::Int2:
    return tensor.numBytes();
  default:
    return tensor.numElements();
  }
}

/// None where the bytes do not fit 64 bits.
std::optional<uint64_t> countBytes(uint64_t numElements, DataType type) {
  uint64_t bits;
  if (__builtin_mul_overflow(numElements, static_cast<uint64_t>(dataTypeBits(type)), &bits) || bits > UINT64_MAX - 7)
    return std::nullopt;
  return (bits + 7) / 8;
}

bool isSignedInteger(DataType type) {
  return type == DataType::Int8 || type == DataType::Int16 || type == DataType::Int32;
}

} // namespace

//===----------------------------------------------------------------------===//
// Where the values lie
//===----------------------------------------------------------------------===//

struct ModelReader::TensorFields {
  bool hasDataType = false;
  int64_t dataLocation = 0;
  // Of the values' fields: how many entries, in how many pieces, and the first piece.
  uint64_t numEntries[uint64DataField + 1] = {};
  uint64_t numPieces[uint64DataField + 1] = {};
  Span piece[uint64DataField + 1] = {};
  // External data's entries.
  std::string location;
  std::optional<std::string> offset;
  std::optional<std::string> length;
};

bool ModelReader::scanTensor(Span message, Tensor &tensor, TensorFields &fields) {
  return walk(message, "a tensor", [&](const WireField &field) {
    auto piece = [&](std::optional<uint64_t> count) {
      if (!count)
        return failAt(field.offset, llvm::Twine("a tensor's ") + fieldName(field.number) + " ends within a number");
      fields.numEntries[field.number] += *count;
      if (*count && fields.numPieces[field.number]++ == 0)
        fields.piece[field.number] = {field.bytes, field.offset};
      return true;
    };
    auto fixed = [&](WireType type, size_t size) {
      if (field.type == type) {
        // Its bytes are between keys, so they are never contiguous with others: two pieces or one element.
        return piece(1);
      }
      return isMessage(field, fieldName(field.number)) &&
             piece(field.bytes.size() % size ? std::nullopt : std::optional<uint64_t>(field.bytes.size() / size));
    };
    switch (field.number) {
    case dimsField:
      if (!appendInts(field, "a tensor's sizes", tensor.dims))
        return false;
      return tensor.dims.size() <= limits::rank ||
             failAt(field.offset,
                    "a tensor has more than " + llvm::Twine(limits::rank) + " dimensions (or this is not a tensor)");
    case dataTypeField: {
      int64_t number = 0;
      if (!readInt(field, "a tensor's element type", number))
        return false;
      fields.hasDataType = true;
      tensor.elementType = static_cast<DataType>(static_cast<int32_t>(number));
      return true;
    }
    case segmentField:
      return failAt(field.offset,
                    "a tensor is stored in segments, which is not supported (or this is a sequence or an optional)");
    case floatDataField:
      return fixed(WireType::Fixed32, sizeof(float));
    case doubleDataField:
      return fixed(WireType::Fixed64, sizeof(double));
    case int32DataField:
    case int64DataField:
    case uint64DataField:
      if (field.type == WireType::Varint)
        return piece(1);
      return isMessage(field, fieldName(field.number)) && piece(countVarints(field.bytes));
    case stringDataField:
      return isMessage(field, "a tensor's string") && piece(1);
    case nameField:
      return readText(field, "a tensor's name", tensor.name);
    case rawDataField:
      if (!isMessage(field, "a tensor's raw data"))
        return false;
      // Not repeated: the last one holds.
      fields.numEntries[rawDataField] = fields.numPieces[rawDataField] = 0;
      return piece(field.bytes.size());
    case externalDataField: {
      MetadataEntry entry;
      if (!isMessage(field, "external data") || !readMetadata(spanOf(field), entry))
        return false;
      if (entry.key == "location")
        fields.location = std::move(entry.value);
      else if (entry.key == "offset")
        fields.offset = std::move(entry.value);
      else if (entry.key == "length")
        fields.length = std::move(entry.value);
      return true;
    }
    case dataLocationField:
      return readInt(field, "a tensor's data location", fields.dataLocation);
    default:
      return true;
    }
  });
}

bool ModelReader::readTensor(Span message, Tensor &tensor) {
  TensorFields fields;
  if (!scanTensor(message, tensor, fields))
    return false;

  if (!fields.hasDataType || tensor.elementType == DataType::Undefined)
    return failAt(message.offset, tensor.describe() + " has no element type");
  if (!typedField(tensor.elementType))
    return failAt(message.offset, tensor.describe() + " has element type " +
                                      llvm::Twine(static_cast<int32_t>(tensor.elementType)) +
                                      ", which is not known here");
  for (int64_t size : tensor.dims)
    if (size < 0)
      return failAt(message.offset,
                    tensor.describe() + " has the size " + llvm::Twine(size) + "; sizes are not negative");
  std::optional<int64_t> count = countElements(tensor.dims);
  if (!count || !countBytes(static_cast<uint64_t>(*count), tensor.elementType))
    return failAt(message.offset, tensor.describe() + " has the shape " + formatDims(tensor.dims) +
                                      ", whose number of elements or bytes does not fit 64 bits");
  if (fields.dataLocation != 0 && fields.dataLocation != 1)
    return failAt(message.offset, tensor.describe() + " has data location " + llvm::Twine(fields.dataLocation) +
                                      "; it must be 0 (inside) or 1 (external)");
  return placeTensor(message, tensor, fields);
}

bool ModelReader::placeTensor(Span message, Tensor &tensor, const TensorFields &fields) {
  // At most one field may hold values, and it must be one for the type.
  std::optional<uint32_t> used;
  for (uint32_t field = floatDataField; field <= uint64DataField; ++field) {
    if (!fields.numEntries[field])
      continue;
    if (used)
      return failAt(message.offset,
                    tensor.describe() + " has values in " + fieldName(*used) + " and in " + fieldName(field));
    used = field;
  }
  if (fields.dataLocation == 1) {
    if (used)
      return failAt(message.offset, tensor.describe() + " has external data and values in " + fieldName(*used));
    return placeExternalTensor(message, tensor, fields);
  }

  uint64_t numElements = tensor.numElements();
  if (!used) {
    if (numElements)
      return failAt(message.offset, tensor.describe() + " has the shape " + formatDims(tensor.dims) + " and no values");
    tensor.storage = Tensor::Storage::Empty;
    return true;
  }

  bool isString = tensor.elementType == DataType::String;
  if (*used == rawDataField ? isString : *used != *typedField(tensor.elementType))
    return failAt(message.offset, tensor.describe() + " of type " + dataTypeName(tensor.elementType) +
                                      " has its values in " + fieldName(*used));
  bool isRaw = *used == rawDataField;
  uint64_t actual = fields.numEntries[*used];
  uint64_t required = isRaw ? tensor.numBytes() : numFieldEntries(tensor);
  if (actual != required)
    return failAt(message.offset, tensor.describe() + " has " + llvm::Twine(actual) + " " +
                                      (isRaw ? "bytes of raw_data" : llvm::Twine("values in ") + fieldName(*used)) +
                                      "; " + dataTypeName(tensor.elementType) + " of shape " + formatDims(tensor.dims) +
                                      " needs " + llvm::Twine(required));
  tensor.file = file;
  bool isFixed = *used == floatDataField || *used == doubleDataField;
  if (isRaw || (isFixed && fields.numPieces[*used] == 1)) {
    tensor.storage = Tensor::Storage::Raw;
    tensor.offset = fields.piece[*used].offset;
    tensor.length = tensor.numBytes();
    return true;
  }
  tensor.storage = Tensor::Storage::Field;
  tensor.offset = message.offset;
  tensor.length = message.bytes.size();
  tensor.field = *used;
  return true;
}

bool ModelReader::placeExternalTensor(Span message, Tensor &tensor, const TensorFields &fields) {
  tensor.location = fields.location;
  if (tensor.elementType == DataType::String)
    return failAt(message.offset, tensor.describe() + " holds strings, which cannot be external data");
  if (tensor.location.empty())
    return failAt(message.offset, tensor.describe() + " has external data without a location");

  uint64_t numBytes = tensor.numBytes();
  uint64_t offset = 0;
  if (fields.offset) {
    std::optional<uint64_t> number = ExternalData::parseNumber(*fields.offset);
    if (!number)
      return failAt(message.offset, tensor.describe() + " has external data at offset '" + *fields.offset +
                                        "', which is not a number of bytes");
    offset = *number;
  }
  if (fields.length) {
    std::optional<uint64_t> length = ExternalData::parseNumber(*fields.length);
    if (!length)
      return failAt(message.offset, tensor.describe() + " has external data of length '" + *fields.length +
                                        "', which is not a number of bytes");
    if (*length != numBytes)
      return failAt(message.offset, tensor.describe() + " has " + llvm::Twine(*length) + " bytes of external data; " +
                                        dataTypeName(tensor.elementType) + " of shape " + formatDims(tensor.dims) +
                                        " needs " + llvm::Twine(numBytes));
  }
  if (offset > UINT64_MAX - numBytes)
    return failAt(message.offset, tensor.describe() + " has external data at offset " + llvm::Twine(offset) +
                                      ", whose end does not fit 64 bits");

  llvm::Expected<std::shared_ptr<const MappedFile>> data = externalData.open(tensor.location, options.allowAbsentData);
  if (!data)
    return fail(tensor.describe() + ": " + llvm::toString(data.takeError()));
  tensor.offset = offset;
  tensor.length = numBytes;
  if (!*data) {
    tensor.storage = Tensor::Storage::Absent;
    std::string warning =
        "'" + file->getPath().str() + "': the data file '" + tensor.location + "' is not in the model's folder";
    if (warnings.empty() || warnings.back() != warning) {
      if (!charge(sizeof(warning) + warning.size()))
        return false;
      warnings.push_back(std::move(warning));
    }
    return true;
  }
  if (!(*data)->contains(offset, numBytes))
    return fail(tensor.describe() + ": the data file '" + tensor.location + "' has " + llvm::Twine((*data)->size()) +
                " bytes; the tensor is bytes " + llvm::Twine(offset) + " to " + llvm::Twine(offset + numBytes));
  tensor.storage = numBytes ? Tensor::Storage::Raw : Tensor::Storage::Empty;
  tensor.file = *data;
  return true;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

uint64_t Tensor::numElements() const { return static_cast<uint64_t>(countElements(dims).value_or(0)); }

uint64_t Tensor::numBytes() const { return countBytes(numElements(), elementType).value_or(0); }

std::string Tensor::describe() const { return name.empty() ? "an unnamed tensor" : "tensor '" + name + "'"; }

std::optional<llvm::ArrayRef<char>> Tensor::bytes() const {
  if (storage == Storage::Empty)
    return llvm::ArrayRef<char>();
  if (storage != Storage::Raw)
    return std::nullopt;
  return file->bytes(offset, length);
}

namespace {

/// Writes the entries of a tensor's typed field, one after the other, and never
/// more than fit.
class EntryWriter {
public:
  EntryWriter(const Tensor &tensor, llvm::MutableArrayRef<char> destination)
      : tensor(tensor), destination(destination) {}

  llvm::Error putVarint(uint64_t value) {
    if (tensor.field == int64DataField || tensor.elementType == DataType::Uint64)
      return put(&value, sizeof(value));
    if (tensor.elementType == DataType::Uint32) {
      if (value > UINT32_MAX)
        return outOfRange(std::to_string(value));
      auto narrow = static_cast<uint32_t>(value);
      return put(&narrow, sizeof(narrow));
    }
    // int32_data: protobuf drops the upper half.
    auto entry = static_cast<int32_t>(value);
    if (tensor.elementType == DataType::Int32)
      return put(&entry, sizeof(entry));
    if (tensor.elementType == DataType::Bool) {
      char truth = entry != 0;
      return put(&truth, sizeof(truth));
    }
    unsigned bits = dataTypeBits(tensor.elementType);
    if (bits == 6)
      return putSixBits(entry);
    // What is narrower than a byte comes as bytes of packed elements.
    bits = std::max(bits, 8u);
    int32_t highest = isSignedInteger(tensor.elementType) ? (1 << (bits - 1)) - 1 : (1 << bits) - 1;
    // Bits of floats and packed elements may have been written from a signed type.
    int32_t lowest =
        tensor.elementType == DataType::Uint8 || tensor.elementType == DataType::Uint16 ? 0 : -(1 << (bits - 1));
    if (entry < lowest || entry > highest)
      return outOfRange(std::to_string(entry));
    auto narrow = static_cast<uint16_t>(entry);
    return put(&narrow, bits / 8); // little-endian: the low byte is the first
  }

  llvm::Error put(const void *data, size_t size) {
    if (size > destination.size() - position)
      return unusable(tensor.describe() + " changed while it was read: it has more values than before");
    std::memcpy(destination.data() + position, data, size);
    position += size;
    return llvm::Error::success();
  }

  llvm::Error finish() {
    if (tensor.elementType != DataType::Float6E2M3 && tensor.elementType != DataType::Float6E3M2 &&
        position != destination.size())
      return unusable(tensor.describe() + " changed while it was read: it has fewer values than before");
    return llvm::Error::success();
  }

private:
  llvm::Error outOfRange(const std::string &value) {
    return unusable(tensor.describe() + " holds the value " + value + ", which " + dataTypeName(tensor.elementType) +
                    " does not have");
  }

  /// Elements of 6 bits follow each other without gaps, the first in the lowest
  /// bits; `position` counts bits here.
  llvm::Error putSixBits(int32_t entry) {
    if (entry < 0 || entry > 0x3f)
      return outOfRange(std::to_string(entry));
    if (position + 6 > destination.size() * 8)
      return unusable(tensor.describe() + " changed while it was read: it has more values than before");
    if (position == 0)
      std::memset(destination.data(), 0, destination.size());
    for (unsigned bit = 0; bit < 6; ++bit, ++position)
      if (entry >> bit & 1)
        destination[position / 8] = static_cast<char>(destination[position / 8] | 1 << (position % 8));
    return llvm::Error::success();
  }

  const Tensor &tensor;
  llvm::MutableArrayRef<char> destination;
  size_t position = 0;
};

/// Calls `visit` with each occurrence of the tensor's typed field.
llvm::Error forEachPiece(const Tensor &tensor, llvm::function_ref<llvm::Error(const WireField &)> visit) {
  WireReader reader(tensor.file->bytes(tensor.offset, tensor.length), tensor.offset);
  WireField field;
  while (reader.next(field)) {
    if (field.number != tensor.field)
      continue;
    if (llvm::Error error = visit(field))
      return error;
  }
  if (!reader.problem().empty())
    return unusable(tensor.describe() + " changed while it was read: " + reader.problem());
  return llvm::Error::success();
}

} // namespace

llvm::Error Tensor::read(llvm::MutableArrayRef<char> destination) const {
  if (elementType == DataType::String)
    return unsupported(describe() + " holds strings, which are not supported");
  if (destination.size() != numBytes())
    return internalError(describe() + " has " + llvm::Twine(numBytes()) + " bytes and is read into " +
                         llvm::Twine(destination.size()));
  switch (storage) {
  case Storage::Empty:
    return llvm::Error::success();
  case Storage::Absent:
    return unusable(describe() + ": the data file '" + location + "' is not in the model's folder");
  case Storage::Raw:
    std::memcpy(destination.data(), file->bytes(offset, length).data(), destination.size());
    if (elementType == DataType::Bool)
      for (char &truth : destination)
        truth = truth != 0;
    return llvm::Error::success();
  case Storage::Field:
    break;
  }

  EntryWriter writer(*this, destination);
  bool isVarint = field == int32DataField || field == int64DataField || field == uint64DataField;
  llvm::Error error = forEachPiece(*this, [&](const WireField &piece) -> llvm::Error {
    if (!isVarint)
      return writer.put(piece.bytes.data(), piece.bytes.size());
    if (piece.type == WireType::Varint)
      return writer.putVarint(piece.value);
    llvm::ArrayRef<char> rest = piece.bytes;
    while (!rest.empty()) {
      std::optional<uint64_t> value = takeVarint(rest);
      if (!value)
        return unusable(describe() + " changed while it was read: it ends within a number");
      if (llvm::Error putError = writer.putVarint(*value))
        return putError;
    }
    return llvm::Error::success();
  });
  if (error)
    return error;
  return writer.finish();
}

llvm::Expected<std::vector<std::string>> Tensor::readStrings() const {
  if (elementType != DataType::String)
    return internalError(describe() + " does not hold strings but " + dataTypeName(elementType));
  std::vector<std::string> strings;
  if (storage != Storage::Field)
    return strings;
  llvm::Error error = forEachPiece(*this, [&](const WireField &piece) {
    strings.push_back(piece.text().str());
    return llvm::Error::success();
  });
  if (error)
    return error;
  return strings;
}

llvm::Expected<HostTensor> Tensor::toHostTensor() const {
  std::optional<ElementType> type = hostElementType(elementType);
  if (!type)
    return unsupported(describe() + " holds elements of type " + dataTypeName(elementType) +
                       ", which is not supported here");
  if (storage == Storage::Absent) // before memory is taken for it
    return unusable(describe() + ": the data file '" + location + "' is not in the model's folder");
  if (*type == ElementType::String) {
    llvm::Expected<std::vector<std::string>> strings = readStrings();
    if (!strings)
      return strings.takeError();
    if (strings->size() != numElements())
      return unusable(describe() + " changed while it was read: it has another number of strings than before");
    return HostTensor::ofStrings(std::move(*strings), dims);
  }
  HostTensor result(*type, dims);
  llvm::MutableArrayRef<char> elements(result.data.data(), result.data.size());
  if (dataTypeBits(elementType) >= 8) {
    if (llvm::Error error = read(elements))
      return error;
    return result;
  }
  std::vector<char> packed(numBytes());
  if (llvm::Error error = read(packed))
    return error;
  unpackElements(packed, *type, elements);
  return result;
}
