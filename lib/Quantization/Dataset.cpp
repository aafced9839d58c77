//===- Dataset.cpp - Samples of a model's inputs -------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Quantization/Dataset.h"
#include "lib/Support/Failure.h"
#include "lib/Support/Npy.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace sinter;

/// "input_ids (i64 batch x sequence), attention_mask (...)".
static std::string describe(const std::vector<DatasetInput> &inputs) {
  return llvm::join(llvm::map_range(inputs,
                                    [](const DatasetInput &input) {
                                      std::string text = input.name + " (" + elementTypeName(input.type).str();
                                      if (input.anyShape)
                                        text += " of any shape";
                                      else if (input.dims.empty())
                                        text += " scalar";
                                      else
                                        text += " " + llvm::join(input.dimNames, " x ");
                                      return text + ")";
                                    }),
                    ", ");
}

/// The arrays of one .npz in the order of the inputs;
static llvm::Expected<std::vector<HostTensor>> readArrays(const std::string &file,
                                                          const std::vector<DatasetInput> &inputs) {
  llvm::Expected<std::vector<NamedTensor>> arrays = readNpz(file);
  if (!arrays)
    return arrays.takeError();
  std::string expected = "; expected are one array for each input: " + describe(inputs);
  std::vector<std::optional<HostTensor>> found(inputs.size());
  for (NamedTensor &array : *arrays) {
    auto input = llvm::find_if(inputs, [&](const DatasetInput &candidate) { return candidate.name == array.name; });
    if (input == inputs.end())
      return unusable("'" + file + "' has an array '" + array.name + "', which is no input of the model" + expected);
    found[input - inputs.begin()] = std::move(array.tensor);
  }
  std::vector<HostTensor> result;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!found[i])
      return unusable("'" + file + "' has no array '" + inputs[i].name + "'" + expected);
    result.push_back(std::move(*found[i]));
  }
  return result;
}

static bool hasNan(const HostTensor &tensor) {
  if (!isFloatType(tensor.type))
    return false;
  for (int64_t i = 0; i < tensor.numElements(); ++i)
    if (std::isnan(tensor.getDouble(i)))
      return true;
  return false;
}

llvm::Error Dataset::check(const HostTensor &tensor, const DatasetInput &input, llvm::StringRef where) const {
  auto wrong = [&](const llvm::Twine &text) {
    return unusable(where + ": input '" + input.name + "' " + text + ", expected " + describe({input}));
  };
  if (tensor.type != input.type)
    return wrong("is " + elementTypeName(tensor.type));
  if (!input.anyShape) {
    bool fits = tensor.dims.size() == input.dims.size();
    for (size_t i = 0; fits && i < input.dims.size(); ++i)
      fits = tensor.dims[i] > 0 && (!input.dims[i] || *input.dims[i] == tensor.dims[i]);
    if (!fits)
      return wrong("has the shape " + formatDims(tensor.dims));
  }
  if (hasNan(tensor))
    return wrong("has NaN among its values");
  return llvm::Error::success();
}

llvm::Expected<Dataset> Dataset::open(llvm::StringRef path, std::vector<DatasetInput> inputs) {
  Dataset data;
  data.path = path.str();
  data.inputs = std::move(inputs);
  if (!llvm::sys::fs::exists(path))
    return unusable("there is no data '" + path + "'; it is a folder with one .npz for each sample, or one .npz");
  if (llvm::sys::fs::is_directory(path)) {
    std::error_code failure;
    for (llvm::sys::fs::directory_iterator it(path, failure), end; it != end && !failure; it.increment(failure))
      if (llvm::StringRef(it->path()).ends_with(".npz"))
        data.files.push_back(it->path());
    if (failure)
      return unusable("'" + path + "' cannot be read: " + failure.message());
    llvm::sort(data.files);
    data.numSamples = data.files.size();
    if (data.files.empty())
      return unusable("'" + path + "' is empty: it holds no .npz; expected is one for each sample, with " +
                      describe(data.inputs));
    return data;
  }

  llvm::Expected<std::vector<HostTensor>> arrays = readArrays(data.path, data.inputs);
  if (!arrays)
    return arrays.takeError();
  for (size_t i = 0; i < arrays->size(); ++i) {
    const HostTensor &array = (*arrays)[i];
    const DatasetInput &input = data.inputs[i];
    auto wrong = [&](const llvm::Twine &text) {
      return unusable("'" + path + "': array '" + input.name + "' " + text +
                      "; expected are the samples along the "
                      "first axis, and behind it " +
                      describe({input}));
    };
    if (array.dims.empty() || (!input.anyShape && array.dims.size() != input.dims.size() + 1))
      return wrong("has the shape " + formatDims(array.dims));
    if (array.dims[0] == 0)
      return wrong("is empty: it has the shape " + formatDims(array.dims));
    if (i == 0)
      data.numSamples = array.dims[0];
    else if (size_t(array.dims[0]) != data.numSamples)
      return unusable("'" + path + "': array '" + input.name + "' has " + llvm::Twine(array.dims[0]) +
                      " samples, and '" + data.inputs[0].name + "' has " + llvm::Twine(data.numSamples));
  }
  data.together = std::move(*arrays);
  return data;
}

std::string Dataset::name(size_t sample) const {
  if (!files.empty())
    return llvm::sys::path::filename(files[sample]).str();
  return "sample " + std::to_string(sample) + " of " + llvm::sys::path::filename(path).str();
}

llvm::Expected<std::vector<HostTensor>> Dataset::read(size_t sample) const {
  std::vector<HostTensor> tensors;
  if (!files.empty()) {
    llvm::Expected<std::vector<HostTensor>> arrays = readArrays(files[sample], inputs);
    if (!arrays)
      return arrays.takeError();
    tensors = std::move(*arrays);
  } else {
    for (const HostTensor &array : together) {
      HostTensor slice(array.type, std::vector<int64_t>(array.dims.begin() + 1, array.dims.end()));
      slice.shareTexts(array);
      if (!slice.data.empty())
        std::memcpy(slice.data.data(), array.data.data() + sample * slice.data.size(), slice.data.size());
      tensors.push_back(std::move(slice));
    }
  }
  for (size_t i = 0; i < inputs.size(); ++i)
    if (llvm::Error error = check(tensors[i], inputs[i], "'" + name(sample) + "'"))
      return error;
  return tensors;
}
