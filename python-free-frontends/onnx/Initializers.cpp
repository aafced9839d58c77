//===- Initializers.cpp - Tensors of the model as constants and weights ---===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/onnx/GraphImporter.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/LEB128.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::onnx;

/// Larger tensors are weights: their elements stay in the file.
static constexpr uint64_t maxConstantElements = 1024;

mlir::Type sinter::onnx::convertType(DataType type, MLIRContext *context) {
  std::optional<ElementType> host = hostElementType(type);
  return host ? fromElementType(context, *host) : mlir::Type();
}

/// A constant's elements from the bytes of a host tensor.
static DenseElementsAttr makeElements(RankedTensorType type, const HostTensor &tensor) {
  mlir::Type elementType = type.getElementType();
  if (elementType.isInteger(1)) {
    SmallVector<bool> bools(tensor.data.begin(), tensor.data.end());
    return DenseElementsAttr::get(type, bools);
  }
  if (elementBits(tensor.type) >= 8)
    return DenseElementsAttr::getFromRawBuffer(type, ArrayRef<char>(tensor.data));
  // Only the bits that count.
  auto floatType = dyn_cast<FloatType>(elementType);
  SmallVector<APInt> integers;
  SmallVector<APFloat> floats;
  for (char byte : tensor.data) {
    APInt bits(8, static_cast<uint8_t>(byte));
    integers.push_back(bits.trunc(elementBits(tensor.type)));
    if (floatType)
      floats.push_back(APFloat(floatType.getFloatSemantics(), integers.back()));
  }
  return floatType ? DenseElementsAttr::get(type, floats) : DenseElementsAttr::get(type, integers);
}

Value GraphImporter::importTensor(const Tensor &tensor, Location loc, std::string &reason) {
  if (Value value = parameters.lookup(&tensor))
    return value;
  mlir::Type elementType = convertType(tensor.elementType, &context);
  if (!elementType || tensor.elementType == DataType::String) // a bundle holds no text
    return reason = "element type " + dataTypeName(tensor.elementType), Value();
  auto type = RankedTensorType::get(tensor.dims, elementType);
  Value value;
  if (tensor.numElements() > maxConstantElements || tensor.storage == Tensor::Storage::Absent) {
    value = importWeight(tensor, type, loc, reason);
  } else {
    llvm::Expected<HostTensor> host = tensor.toHostTensor();
    if (!host) {
      if (!failure)
        failure = takeFailure(host.takeError());
      else
        llvm::consumeError(host.takeError());
      return {};
    }
    value = ConstantOp::create(builder, loc, makeElements(type, *host));
  }
  if (value)
    parameters[&tensor] = value;
  return value;
}

int64_t GraphImporter::fileNumber(StringRef name) {
  for (auto [i, file] : llvm::enumerate(files))
    if (file == name)
      return i;
  files.push_back(name.str());
  return files.size() - 1;
}

std::string GraphImporter::relativeName(StringRef path) const {
  StringRef result = path;
  if (!folder.empty() && result.consume_front(folder))
    return result.ltrim('/').str();
  return path.str();
}

/// The bytes of packed integers in field `field` of the TensorProto at
/// [offset, offset + length), where they are in one piece. The reader has checked
/// the message.
static std::optional<std::pair<uint64_t, uint64_t>> findPackedField(const MappedFile &file, uint64_t offset,
                                                                    uint64_t length, uint32_t field) {
  auto bytes = file.bytes(offset, length);
  const auto *begin = reinterpret_cast<const uint8_t *>(bytes.data()), *end = begin + bytes.size(), *at = begin;
  std::optional<std::pair<uint64_t, uint64_t>> found;
  auto readVarint = [&]() -> std::optional<uint64_t> {
    unsigned size = 0;
    const char *error = nullptr;
    uint64_t value = llvm::decodeULEB128(at, &size, end, &error);
    if (error)
      return std::nullopt;
    at += size;
    return value;
  };
  while (at != end) {
    std::optional<uint64_t> tag = readVarint();
    if (!tag)
      return std::nullopt;
    bool isWanted = *tag >> 3 == field;
    uint64_t skip = 0;
    switch (*tag & 7) {
    case 0:
      if (isWanted || !readVarint())
        return std::nullopt;
      break;
    case 1:
      skip = 8;
      break;
    case 5:
      skip = 4;
      break;
    case 2: {
      std::optional<uint64_t> size = readVarint();
      if (!size || (isWanted && found))
        return std::nullopt;
      if (isWanted)
        found = {offset + (at - begin), *size};
      skip = *size;
      break;
    }
    default:
      return std::nullopt;
    }
    if (skip > static_cast<uint64_t>(end - at))
      return std::nullopt;
    at += skip;
  }
  return found;
}

Value GraphImporter::importWeight(const Tensor &tensor, RankedTensorType type, Location loc, std::string &reason) {
  WeightEncoding encoding = dataTypeBits(tensor.elementType) < 8 ? WeightEncoding::packed : WeightEncoding::raw;
  uint64_t offset = tensor.offset, length = tensor.length;
  std::string file = fileName;
  switch (tensor.storage) {
  case Tensor::Storage::Empty:
    llvm_unreachable("a large tensor has elements");
  case Tensor::Storage::Absent:
    file = tensor.location;
    length = tensor.numBytes();
    break;
  case Tensor::Storage::Field: {
    auto place = findPackedField(*tensor.file, tensor.offset, tensor.length, tensor.field);
    if (!place)
      return reason = "its elements are not in one piece in the file", Value();
    encoding = WeightEncoding::varint;
    std::tie(offset, length) = *place;
    break;
  }
  case Tensor::Storage::Raw:
    break;
  }
  if (tensor.file && tensor.file != model.files.front())
    file = relativeName(tensor.file->getPath());

  std::string base;
  for (char c : tensor.name)
    base += llvm::isAlnum(c) || StringRef("_.$").contains(c) ? c : '_';
  if (base.empty() || llvm::isDigit(base[0]))
    base = "weight_" + base;
  std::string name = base;
  for (unsigned i = 2; !symbolNames.insert(name).second; ++i)
    name = base + "_" + std::to_string(i);

  OpBuilder atModule(main);
  WeightOp::create(atModule, loc, name, encoding, fileNumber(file), static_cast<int64_t>(offset),
                   static_cast<int64_t>(length), type);
  return ParameterOp::create(builder, loc, type, name);
}
