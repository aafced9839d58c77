//===- WeightFiles.cpp - The files that a module's weights lie in ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Weights/WeightFiles.h"

#include "lib/Quantization/Calibration.h"
#include "lib/Support/Failure.h"
#include "lib/Support/NarrowElements.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"

#include <cstring>

using namespace mlir;
using namespace sinter;

/// The path of a file of the module, where it is one that may be opened.
static llvm::Expected<std::string> resolve(llvm::StringRef folder, llvm::StringRef name, bool mayBeLink) {
  namespace path = llvm::sys::path;
  bool leaves = name.empty() || path::is_absolute(name);
  for (llvm::StringRef part : llvm::make_range(path::begin(name), path::end(name)))
    leaves = leaves || part == "..";
  if (leaves || name.contains('\0'))
    return unusable("weights file '" + name + "' is not a path inside the model's folder");
  llvm::SmallString<128> joined(folder.empty() ? "." : folder);
  path::append(joined, name);
  if (mayBeLink)
    return joined.str().str();

  llvm::SmallString<128> realFolder, realFile;
  if (std::error_code error = llvm::sys::fs::real_path(folder.empty() ? "." : folder, realFolder))
    return unusable("folder '" + folder + "' of the model: " + error.message());
  if (std::error_code error = llvm::sys::fs::real_path(joined, realFile))
    return unusable("weights file '" + joined + "': " + error.message());
  llvm::StringRef rest = realFile;
  if (!rest.consume_front(realFolder) || !(realFolder.ends_with("/") || rest.starts_with("/")))
    return unusable("weights file '" + joined + "' is a link that leaves the model's folder");
  return realFile.str().str();
}

static std::string getArraysPath(llvm::StringRef calibration) {
  llvm::SmallString<128> path(llvm::sys::path::parent_path(calibration));
  llvm::sys::path::append(path, Calibration::arraysName);
  return path.str().str();
}

llvm::Expected<WeightFiles> WeightFiles::open(ModuleOp module, llvm::StringRef folder, llvm::StringRef calibration) {
  auto names = module->getAttrOfType<ArrayAttr>("sinter.files");
  size_t count = names ? names.size() : 0;
  WeightFiles result;
  result.files.resize(count);
  for (WeightOp weight : module.getOps<WeightOp>()) {
    int64_t file = weight.getFile();
    if (file < 0 || file >= static_cast<int64_t>(count))
      return unusable("weight '" + weight.getSymName() + "' is in file " + llvm::Twine(file) + " of " +
                      llvm::Twine(count));
    if (result.files[file])
      continue;
    auto name = dyn_cast<StringAttr>(names[file]);
    if (!name)
      return unusable("the module's 'sinter.files' are not all names");
    bool isCalibration = name.getValue() == Calibration::moduleFileName;
    if (isCalibration && calibration.empty())
      return unusable("weight '" + weight.getSymName() + "' is an array of a calibration, and none was given");
    llvm::Expected<std::string> path =
        isCalibration ? getArraysPath(calibration) : resolve(folder, name.getValue(), /*mayBeLink=*/file == 0);
    if (!path)
      return path.takeError();
    llvm::Expected<std::shared_ptr<const MappedFile>> mapped = MappedFile::open(*path);
    if (!mapped)
      return mapped.takeError();
    result.files[file] = std::move(*mapped);
  }
  return result;
}

int64_t WeightFiles::sizeInBytes(WeightOp weight) {
  auto type = cast<RankedTensorType>(weight.getType());
  return type.getNumElements() * static_cast<int64_t>(elementSize(toElementType(type.getElementType())));
}

llvm::Expected<llvm::ArrayRef<char>> WeightFiles::locate(WeightOp weight) const {
  int64_t file = weight.getFile(), offset = weight.getOffset(), length = weight.getLength();
  if (file < 0 || file >= static_cast<int64_t>(files.size()) || !files[file])
    return unusable("weight '" + weight.getSymName() + "' is in file " + llvm::Twine(file) + ", which is not open");
  if (offset < 0 || length < 0 || !files[file]->contains(offset, length))
    return unusable("weight '" + weight.getSymName() + "' has " + llvm::Twine(length) + " bytes at " +
                    llvm::Twine(offset) + " of file '" + files[file]->getPath() + "', which has " +
                    llvm::Twine(files[file]->size()));
  return files[file]->bytes(offset, length);
}

llvm::Expected<llvm::ArrayRef<char>> WeightFiles::view(WeightOp weight) const {
  if (weight.getEncoding() != WeightEncoding::raw)
    return unusable("weight '" + weight.getSymName() + "' is not stored as plain elements");
  return locate(weight);
}

/// Protobuf's packed variable-length integers; of each, the low `size` bytes are
/// the element.
static llvm::Error decodeVarints(WeightOp weight, llvm::ArrayRef<char> bytes, size_t size, bool isBool,
                                 llvm::MutableArrayRef<char> destination) {
  size_t position = 0;
  for (size_t done = 0; done < destination.size(); done += size) {
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      if (position == bytes.size() || shift > 63)
        return unusable("weight '" + weight.getSymName() +
                        "': " + (shift > 63 ? "an integer of more than 10 bytes" : "the data ends early"));
      auto byte = static_cast<uint8_t>(bytes[position++]);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (!(byte & 0x80))
        break;
    }
    if (isBool)
      value = value != 0;
    std::memcpy(&destination[done], &value, size); // both are little-endian
  }
  if (position != bytes.size())
    return unusable("weight '" + weight.getSymName() + "': the data has more elements than its type");
  return llvm::Error::success();
}

/// Elements of fewer than 8 bits.
static llvm::Error readPacked(WeightOp weight, llvm::ArrayRef<char> bytes, ElementType type,
                              llvm::MutableArrayRef<char> destination) {
  std::vector<char> decoded;
  size_t required = llvm::divideCeil(destination.size(), 8 / elementBits(type));
  if (weight.getEncoding() == WeightEncoding::varint) {
    decoded.resize(required);
    if (llvm::Error error = decodeVarints(weight, bytes, 1, /*isBool=*/false, decoded))
      return error;
    bytes = decoded;
  }
  if (bytes.size() != required)
    return unusable("weight '" + weight.getSymName() + "' has " + llvm::Twine(bytes.size()) + " bytes, required " +
                    llvm::Twine(required));
  unpackElements(bytes, type, destination);
  return llvm::Error::success();
}

llvm::Error WeightFiles::read(WeightOp weight, llvm::MutableArrayRef<char> destination) const {
  llvm::Expected<llvm::ArrayRef<char>> bytes = locate(weight);
  if (!bytes)
    return bytes.takeError();
  auto size = static_cast<size_t>(sizeInBytes(weight));
  if (destination.size() != size)
    return internalError("weight '" + weight.getSymName() + "' is read into " + llvm::Twine(destination.size()) +
                         " bytes, required " + llvm::Twine(size));
  ElementType type = toElementType(cast<RankedTensorType>(weight.getType()).getElementType());
  if (elementBits(type) < 8)
    return readPacked(weight, *bytes, type, destination);
  if (weight.getEncoding() == WeightEncoding::varint)
    return decodeVarints(weight, *bytes, elementSize(type), type == ElementType::Bool, destination);
  if (bytes->size() != size)
    return unusable("weight '" + weight.getSymName() + "' has " + llvm::Twine(bytes->size()) + " bytes, required " +
                    llvm::Twine(size));
  if (size)
    std::memcpy(destination.data(), bytes->data(), size);
  return llvm::Error::success();
}

llvm::Expected<HostTensor> WeightFiles::read(WeightOp weight) const {
  auto type = cast<RankedTensorType>(weight.getType());
  std::vector<int64_t> dims = type.getShape().vec();
  if (!countElements(dims))
    return unusable("weight '" + weight.getSymName() + "' has more elements than 63 bits count");
  HostTensor tensor(toElementType(type.getElementType()), std::move(dims));
  if (llvm::Error error = read(weight, llvm::MutableArrayRef<char>(tensor.data)))
    return std::move(error);
  return tensor;
}
