//===- TensorArguments.cpp - Inputs and outputs as the command line gives them --------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/sinter/TensorArguments.h"
#include "lib/Support/NarrowElements.h"
#include "lib/Support/Npy.h"
#include "python-free-frontends/onnx/Model.h"
#include "tools/sinter/Console.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"

#include <algorithm>
#include <cstring>

using namespace sinter;
using namespace sinter::tool;

HostTensor tool::readTensor(const std::string &path) {
  if (path == "-") {
    auto bytes = llvm::MemoryBuffer::getSTDIN();
    if (!bytes)
      throw Stop{Failure(ExitStatus::Io, "cannot read standard input: " + bytes.getError().message())};
    llvm::StringRef text = (*bytes)->getBuffer();
    return orStop(parseNpy(llvm::ArrayRef<char>(text.data(), text.size()), "standard input"));
  }
  if (llvm::StringRef(path).ends_with(".pb"))
    return orStop(onnx::readTensorProto(path));
  return orStop(readNpy(path));
}

namespace {

template <typename T> void store(HostTensor &tensor, size_t index, T value) {
  std::memcpy(tensor.data.data() + index * sizeof(T), &value, sizeof(T));
}

template <typename T> bool storeInteger(HostTensor &tensor, size_t index, llvm::StringRef text) {
  T value;
  if (text.getAsInteger(10, value))
    return false;
  store(tensor, index, value);
  return true;
}

/// Writes the value that `text` says to element `index`; false where it is no such value.
bool storeText(HostTensor &tensor, size_t index, llvm::StringRef text) {
  double number = 0;
  if (isFloatType(tensor.type) && text.getAsDouble(number))
    return false;
  if (isNarrowFloat(tensor.type)) {
    store(tensor, index, doubleToNarrow(number, tensor.type));
    return true;
  }
  if (elementBits(tensor.type) < 8) {
    int64_t integer;
    if (text.getAsInteger(10, integer))
      return false;
    uint8_t bits = wrapToNarrow(integer, tensor.type);
    store(tensor, index, bits);
    return tensor.getInt(index) == integer;
  }
  switch (tensor.type) {
  case ElementType::F16:
    store(tensor, index, doubleToHalf(number));
    return true;
  case ElementType::BF16:
    store(tensor, index, doubleToBfloat16(number));
    return true;
  case ElementType::F32:
    store(tensor, index, float(number));
    return true;
  case ElementType::F64:
    store(tensor, index, number);
    return true;
  case ElementType::I8:
    return storeInteger<int8_t>(tensor, index, text);
  case ElementType::I16:
    return storeInteger<int16_t>(tensor, index, text);
  case ElementType::I32:
    return storeInteger<int32_t>(tensor, index, text);
  case ElementType::I64:
    return storeInteger<int64_t>(tensor, index, text);
  case ElementType::U8:
    return storeInteger<uint8_t>(tensor, index, text);
  case ElementType::U16:
    return storeInteger<uint16_t>(tensor, index, text);
  case ElementType::U32:
    return storeInteger<uint32_t>(tensor, index, text);
  case ElementType::U64:
    return storeInteger<uint64_t>(tensor, index, text);
  case ElementType::Bool:
    if (text != "0" && text != "1" && text != "true" && text != "false")
      return false;
    store(tensor, index, uint8_t(text == "1" || text == "true"));
    return true;
  default: // parseTensor has strings
    return false;
  }
}

} // namespace

HostTensor tool::parseTensor(llvm::StringRef text) {
  auto wrong = [&](const std::string &why) {
    return Stop{Failure(ExitStatus::Usage, "'" + text.str() + "': " + why +
                                               "; a tensor is written as 2x7xi64=1, or f32=0.5 for a single value")};
  };
  auto [shape, values] = text.split('=');
  llvm::SmallVector<llvm::StringRef> parts;
  shape.split(parts, 'x');
  std::optional<ElementType> type = parseElementType(parts.pop_back_val());
  if (!type)
    throw wrong("the element type is missing or unknown");
  std::vector<int64_t> dims;
  for (llvm::StringRef part : parts) {
    int64_t size;
    if (part.getAsInteger(10, size) || size < 0)
      throw wrong("'" + part.str() + "' is no size");
    dims.push_back(size);
  }
  std::optional<int64_t> count = countElements(dims);
  if (!count || *count > (int64_t(1) << 36))
    throw wrong("the tensor is too large");
  HostTensor tensor(*type, dims);
  llvm::SmallVector<llvm::StringRef> list;
  values.split(list, ',');
  if (list.size() != 1 && int64_t(list.size()) != *count)
    throw wrong(std::to_string(list.size()) + " values for " + std::to_string(*count) + " elements");
  if (*type == ElementType::String) {
    std::vector<std::string> texts;
    for (size_t i = 0; i < size_t(*count); ++i)
      texts.push_back(list[list.size() == 1 ? 0 : i].str());
    return HostTensor::ofStrings(std::move(texts), std::move(dims));
  }
  size_t bytes = elementSize(*type);
  for (size_t i = 0; i < size_t(*count); ++i) {
    // One value for all is converted once.
    if (i > 0 && list.size() == 1)
      std::memcpy(tensor.data.data() + i * bytes, tensor.data.data(), bytes);
    else if (!storeText(tensor, i, list[i].trim()))
      throw wrong("'" + list[i].str() + "' is no " + elementTypeName(*type).str());
  }
  return tensor;
}

void tool::takeBits(HostTensor &tensor, ElementType type) {
  bool isByte = tensor.type == ElementType::U8 || tensor.type == ElementType::I8;
  if (type == ElementType::BF16 && tensor.type == ElementType::U16)
    tensor.type = type;
  if (isByte && isNarrowFloat(type) && elementBits(type) == 8)
    tensor.type = type;
  if (!isByte || elementBits(type) == 8 || elementSize(type) != 1 || type == ElementType::Bool)
    return;
  auto mask = static_cast<uint8_t>((1 << elementBits(type)) - 1);
  auto narrow = [&](char byte) { return static_cast<char>(wrapToNarrow(byte, type)); };
  for (char byte : tensor.data)
    if (narrow(byte) != byte && (static_cast<uint8_t>(byte) & ~mask))
      return;
  tensor.type = type;
  std::transform(tensor.data.begin(), tensor.data.end(), tensor.data.begin(), narrow);
}

std::vector<std::optional<HostTensor>> tool::readInputs(const Program &program,
                                                        const std::vector<std::string> &arguments) {
  std::vector<std::optional<HostTensor>> inputs(program.inputs().size());
  auto give = [&](llvm::StringRef name, HostTensor tensor) {
    unsigned index = program.findInput(name);
    if (inputs[index])
      throw Stop{Failure(ExitStatus::Usage, "input '" + name.str() + "' is given twice")};
    const ProgramValue &value = program.inputs()[index];
    if (tensor.type != value.type)
      throw Stop{Failure(ExitStatus::Unusable, "input '" + name.str() + "' is of type " +
                                                   elementTypeName(tensor.type).str() + ", and the model wants " +
                                                   elementTypeName(value.type).str())};
    if (!value.anyShape && tensor.dims.size() != value.dims.size())
      throw Stop{Failure(ExitStatus::Unusable, "input '" + name.str() + "' has " + std::to_string(tensor.dims.size()) +
                                                   " axes, and the model wants " + std::to_string(value.dims.size()))};
    inputs[index] = std::move(tensor);
  };
  for (const std::string &argument : arguments) {
    llvm::StringRef text = argument;
    if (text.consume_front("@")) {
      if (!text.ends_with(".npz"))
        throw Stop{Failure(ExitStatus::Usage, "--input " + argument + ": without a name it is a .npz")};
      for (NamedTensor &entry : orStop(readNpz(text))) {
        takeBits(entry.tensor, program.inputs()[program.findInput(entry.name)].type);
        give(entry.name, std::move(entry.tensor));
      }
      continue;
    }
    // Names of inputs may hold '=' as little as those of files do at their begin: the first one ends the name.
    auto [name, value] = text.split('=');
    if (name.empty() || value.empty())
      throw Stop{Failure(ExitStatus::Usage,
                         "--input " + argument + ": it is NAME=@x.npy, NAME=@x.pb, @x.npz or NAME=2x7xi64=1")};
    program.findInput(name);
    if (!value.consume_front("@")) {
      give(name, parseTensor(value));
      continue;
    }
    HostTensor tensor = readTensor(value.str());
    takeBits(tensor, program.inputs()[program.findInput(name)].type);
    give(name, std::move(tensor));
  }
  return inputs;
}

std::vector<HostTensor> tool::readAllInputs(const Program &program, const std::vector<std::string> &arguments) {
  std::vector<std::optional<HostTensor>> given = readInputs(program, arguments);
  std::vector<HostTensor> inputs;
  std::string missing;
  for (unsigned i = 0; i < given.size(); ++i) {
    const ProgramValue &value = program.inputs()[i];
    if (given[i])
      inputs.push_back(std::move(*given[i]));
    else
      missing += (missing.empty() ? "" : ", ") + value.name + " (" + llvm::join(value.dims, "x") +
                 (value.dims.empty() ? "" : "x") + elementTypeName(value.type).str() + ")";
  }
  if (!missing.empty())
    throw Stop{Failure(ExitStatus::Usage, "inputs are missing: " + missing + "; give each by --input NAME=@FILE.npy")};
  return inputs;
}

std::string tool::summarize(const HostTensor &tensor) {
  std::string text = elementTypeName(tensor.type).str() + " " + formatDims(tensor.dims) + ":";
  size_t count = size_t(tensor.numElements());
  for (size_t i = 0; i < std::min<size_t>(count, 8); ++i)
    text += tensor.type == ElementType::String ? " \"" + tensor.getString(i).str() + '"'
            : isFloatType(tensor.type)         ? " " + formatNumber(tensor.getDouble(i))
                                               : " " + std::to_string(tensor.getInt(i));
  return text + (count > 8 ? " ..." : "");
}
