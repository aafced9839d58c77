//===- Model.cpp - An ONNX model as its file says it ----------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/onnx/Model.h"

using namespace sinter;
using namespace sinter::onnx;

namespace {

struct DataTypeRow {
  llvm::StringLiteral name;
  unsigned bits;
  std::optional<ElementType> host;
};

// In the order of TensorProto.DataType.
constexpr DataTypeRow dataTypeRows[] = {
    {"undefined", 0, std::nullopt},
    {"float", 32, ElementType::F32},
    {"uint8", 8, ElementType::U8},
    {"int8", 8, ElementType::I8},
    {"uint16", 16, ElementType::U16},
    {"int16", 16, ElementType::I16},
    {"int32", 32, ElementType::I32},
    {"int64", 64, ElementType::I64},
    {"string", 0, ElementType::String},
    {"bool", 8, ElementType::Bool},
    {"float16", 16, ElementType::F16},
    {"double", 64, ElementType::F64},
    {"uint32", 32, ElementType::U32},
    {"uint64", 64, ElementType::U64},
    {"complex64", 64, std::nullopt},
    {"complex128", 128, std::nullopt},
    {"bfloat16", 16, ElementType::BF16},
    {"float8e4m3fn", 8, ElementType::F8E4M3FN},
    {"float8e4m3fnuz", 8, ElementType::F8E4M3FNUZ},
    {"float8e5m2", 8, ElementType::F8E5M2},
    {"float8e5m2fnuz", 8, ElementType::F8E5M2FNUZ},
    {"uint4", 4, ElementType::U4},
    {"int4", 4, ElementType::I4},
    {"float4e2m1", 4, ElementType::F4E2M1},
    {"float8e8m0", 8, ElementType::F8E8M0},
    {"uint2", 2, ElementType::U2},
    {"int2", 2, ElementType::I2},
    {"float6e2m3", 6, std::nullopt},
    {"float6e3m2", 6, std::nullopt},
};

const DataTypeRow *rowOf(DataType type) {
  auto number = static_cast<int64_t>(type);
  if (number < 0 || number >= static_cast<int64_t>(std::size(dataTypeRows)))
    return nullptr;
  return &dataTypeRows[number];
}

llvm::StringRef ownDomain(llvm::StringRef domain) { return domain == "ai.onnx" ? "" : domain; }

} // namespace

std::string onnx::dataTypeName(DataType type) {
  if (const DataTypeRow *row = rowOf(type))
    return row->name.str();
  return "type " + std::to_string(static_cast<int32_t>(type));
}

unsigned onnx::dataTypeBits(DataType type) {
  const DataTypeRow *row = rowOf(type);
  return row ? row->bits : 0;
}

std::optional<ElementType> onnx::hostElementType(DataType type) {
  const DataTypeRow *row = rowOf(type);
  return row ? row->host : std::nullopt;
}

llvm::StringRef onnx::attributeKindName(Attribute::Kind kind) {
  switch (kind) {
  case Attribute::Kind::Undefined:
    return "undefined";
  case Attribute::Kind::Float:
    return "float";
  case Attribute::Kind::Int:
    return "int";
  case Attribute::Kind::String:
    return "string";
  case Attribute::Kind::Tensor:
    return "tensor";
  case Attribute::Kind::Graph:
    return "graph";
  case Attribute::Kind::Floats:
    return "floats";
  case Attribute::Kind::Ints:
    return "ints";
  case Attribute::Kind::Strings:
    return "strings";
  case Attribute::Kind::Tensors:
    return "tensors";
  case Attribute::Kind::Graphs:
    return "graphs";
  case Attribute::Kind::SparseTensor:
    return "sparse tensor";
  case Attribute::Kind::SparseTensors:
    return "sparse tensors";
  case Attribute::Kind::TypeProto:
    return "type";
  case Attribute::Kind::TypeProtos:
    return "types";
  }
  return "unknown";
}

std::string Type::str() const {
  std::string inner = element.empty() ? "?" : element.front().str();
  switch (kind) {
  case Kind::Missing:
    return "?";
  case Kind::Tensor:
    return "tensor(" + dataTypeName(elementType) + ")";
  case Kind::SparseTensor:
    return "sparse_tensor(" + dataTypeName(elementType) + ")";
  case Kind::Sequence:
    return "seq(" + inner + ")";
  case Kind::Map:
    return "map(" + dataTypeName(elementType) + "," + inner + ")";
  case Kind::Optional:
    return "optional(" + inner + ")";
  case Kind::Opaque:
    return "opaque";
  }
  return "?";
}

const Attribute *Node::attribute(llvm::StringRef attributeName) const {
  for (const Attribute &candidate : attributes)
    if (candidate.name == attributeName)
      return &candidate;
  return nullptr;
}

std::string Node::label() const {
  if (!name.empty())
    return name;
  for (const std::string &output : outputs)
    if (!output.empty())
      return output;
  return opType + "#" + std::to_string(index);
}

std::optional<int64_t> Model::opsetVersion(llvm::StringRef opDomain) const {
  for (const OpsetImport &import : opsetImports)
    if (import.domain == ownDomain(opDomain))
      return import.version;
  return std::nullopt;
}

const Function *Model::findFunction(llvm::StringRef functionDomain, llvm::StringRef functionName,
                                    llvm::StringRef overload) const {
  for (const Function &function : functions)
    if (function.domain == ownDomain(functionDomain) && function.name == functionName && function.overload == overload)
      return &function;
  return nullptr;
}
