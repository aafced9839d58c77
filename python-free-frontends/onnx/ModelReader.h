//===- ModelReader.h - From ONNX's wire format to the view of a model -----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Internal to this folder: readModel and readTensorFile are what others call.
//
// The reader walks each message once, in the file's order, and writes what it
// finds into the structures of Model.h. As protobuf does, it skips fields that
// it does not know, lets the last one win where a single value comes twice,
// merges a single message that comes twice, and takes packed and unpacked
// numbers alike. Three things bound it: the nesting of messages, the number of
// nodes, and the memory that structures take, which is charged before it is
// used: two bytes of a file are an empty node of 300.
//
// The first problem ends it. Functions return false then, and `problem` says
// what and where.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_PYTHON_FREE_FRONTENDS_ONNX_MODELREADER_H
#define SINTER_PYTHON_FREE_FRONTENDS_ONNX_MODELREADER_H

#include "python-free-frontends/onnx/ExternalData.h"
#include "python-free-frontends/onnx/Model.h"
#include "python-free-frontends/reader/WireReader.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/Twine.h"

namespace sinter::onnx {

class ModelReader {
public:
  ModelReader(std::shared_ptr<const MappedFile> file, llvm::StringRef folder, const ReadOptions &options)
      : file(std::move(file)), options(options), externalData(folder, limits::numDataFiles) {}

  llvm::Expected<Model> readModelFile();
  llvm::Expected<Tensor> readTensorFile();

private:
  /// A message's bytes and where they are in the file.
  struct Span {
    llvm::ArrayRef<char> bytes;
    uint64_t offset;
  };
  static Span spanOf(const WireField &field) { return {field.bytes, field.offset}; }
  Span wholeFile() const { return {file->bytes(), 0}; }

  bool fail(const llvm::Twine &text);
  bool failAt(uint64_t offset, const llvm::Twine &text);
  llvm::Error takeProblem();

  /// Calls `visit` with each field of a message, one level deeper; `what` names
  /// the message.
  bool walk(Span message, const char *what, llvm::function_ref<bool(const WireField &)> visit);
  /// Counts memory that is about to be used.
  bool charge(uint64_t numBytes);
  template <typename T> T *append(std::vector<T> &list) {
    if (!charge(sizeof(T)))
      return nullptr;
    return &list.emplace_back();
  }

  // Fields of each kind; `what` names the field. The wire type is checked.
  bool readInt(const WireField &field, const char *what, int64_t &value);
  bool readFloat(const WireField &field, const char *what, float &value);
  bool readBytes(const WireField &field, const char *what, std::string &value);
  /// Like readBytes, for what the schema calls a string: UTF-8.
  bool readText(const WireField &field, const char *what, std::string &value);
  bool readDomain(const WireField &field, std::string &value);
  bool appendText(const WireField &field, const char *what, std::vector<std::string> &list);
  bool appendInts(const WireField &field, const char *what, std::vector<int64_t> &list);
  bool appendFloats(const WireField &field, const char *what, std::vector<float> &list);
  bool isMessage(const WireField &field, const char *what);

  // Messages.
  bool readModelProto(Span message, Model &model);
  bool readGraph(Span message, Graph &graph);
  bool readNode(Span message, Node &node);
  bool readAttribute(Span message, Attribute &attribute);
  bool readFunction(Span message, Function &function);
  bool readOpsetImport(Span message, OpsetImport &import);
  bool readMetadata(Span message, MetadataEntry &entry);
  bool readValueInfo(Span message, ValueInfo &info);
  bool readType(Span message, Type &type);
  bool readTensorType(Span message, Type &type);
  bool readShape(Span message, std::vector<Dimension> &shape);
  bool readDimension(Span message, Dimension &dimension);
  bool readSparseInitializer(Span message);
  /// Whether a file that is no tensor is one of ONNX's other test values.
  bool looksLikeContainer() const;
  bool appendNode(const WireField &field, std::vector<Node> &nodes);

  // ModelTensor.cpp
  /// What a TensorProto has beside its name, type and sizes.
  struct TensorFields;
  bool readTensor(Span message, Tensor &tensor);
  bool scanTensor(Span message, Tensor &tensor, TensorFields &fields);
  bool placeTensor(Span message, Tensor &tensor, const TensorFields &fields);
  bool placeExternalTensor(Span message, Tensor &tensor, const TensorFields &fields);

  std::shared_ptr<const MappedFile> file;
  ReadOptions options;
  ExternalData externalData;
  unsigned depth = 0;
  uint64_t numNodes = 0;
  uint64_t numBytesCharged = 0;
  std::vector<UnsupportedPart> unsupportedParts;
  std::vector<std::string> warnings;
  std::string problem;
};

} // namespace sinter::onnx

#endif // SINTER_PYTHON_FREE_FRONTENDS_ONNX_MODELREADER_H
