//===- ModelReader.cpp - From ONNX's wire format to the view of a model ---===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The numbers of fields are those of onnx/onnx-ml.proto, IR version 14.
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/onnx/ModelReader.h"

#include "lib/Support/Failure.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/Path.h"

using namespace sinter;
using namespace sinter::onnx;

namespace {

constexpr int64_t newestKnownIrVersion = 14;

bool isUtf8(llvm::StringRef text) {
  const auto *begin = reinterpret_cast<const llvm::UTF8 *>(text.begin());
  return llvm::isLegalUTF8String(&begin, reinterpret_cast<const llvm::UTF8 *>(text.end()));
}

} // namespace

//===----------------------------------------------------------------------===//
// Problems, limits, single fields
//===----------------------------------------------------------------------===//

bool ModelReader::fail(const llvm::Twine &text) {
  if (problem.empty())
    problem = ("'" + file->getPath() + "': " + text).str();
  return false;
}

bool ModelReader::failAt(uint64_t offset, const llvm::Twine &text) {
  return fail(text + " (byte " + llvm::Twine(offset) + " of " + llvm::Twine(file->size()) + ")");
}

llvm::Error ModelReader::takeProblem() { return unusable(problem); }

bool ModelReader::walk(Span message, const char *what, llvm::function_ref<bool(const WireField &)> visit) {
  if (depth >= limits::nesting)
    return failAt(message.offset, "messages are nested deeper than " + llvm::Twine(limits::nesting));
  ++depth;
  llvm::scope_exit leave([&] { --depth; });
  WireReader reader(message.bytes, message.offset);
  WireField field;
  while (reader.next(field))
    if (!visit(field))
      return false;
  if (!reader.problem().empty())
    return failAt(reader.problemOffset(), llvm::Twine("damaged or cut off within ") + what + ": " + reader.problem());
  return true;
}

bool ModelReader::charge(uint64_t numBytes) {
  if (numBytes > options.structureBytes - numBytesCharged)
    return fail("the graph's structures need more than " + llvm::Twine(options.structureBytes >> 20) +
                " MB, which is the limit");
  numBytesCharged += numBytes;
  return true;
}

bool ModelReader::readInt(const WireField &field, const char *what, int64_t &value) {
  if (field.type != WireType::Varint)
    return failAt(field.offset, llvm::Twine(what) + " is not stored as an integer");
  value = static_cast<int64_t>(field.value);
  return true;
}

bool ModelReader::readFloat(const WireField &field, const char *what, float &value) {
  if (field.type != WireType::Fixed32)
    return failAt(field.offset, llvm::Twine(what) + " is not stored as a float");
  auto bits = static_cast<uint32_t>(field.value);
  static_assert(sizeof(bits) == sizeof(value));
  std::memcpy(&value, &bits, sizeof(value));
  return true;
}

bool ModelReader::isMessage(const WireField &field, const char *what) {
  if (field.type != WireType::Bytes)
    return failAt(field.offset, llvm::Twine(what) + " is not stored as a message or bytes");
  return true;
}

bool ModelReader::readBytes(const WireField &field, const char *what, std::string &value) {
  if (!isMessage(field, what) || !charge(field.bytes.size()))
    return false;
  value = field.text().str();
  return true;
}

bool ModelReader::readText(const WireField &field, const char *what, std::string &value) {
  if (!readBytes(field, what, value))
    return false;
  if (!isUtf8(value))
    return failAt(field.offset, llvm::Twine(what) + " is not UTF-8 text");
  return true;
}

bool ModelReader::readDomain(const WireField &field, std::string &value) {
  if (!readText(field, "an operator's domain", value))
    return false;
  if (value == "ai.onnx")
    value.clear();
  return true;
}

bool ModelReader::appendText(const WireField &field, const char *what, std::vector<std::string> &list) {
  std::string *text = append(list);
  return text && readText(field, what, *text);
}

bool ModelReader::appendInts(const WireField &field, const char *what, std::vector<int64_t> &list) {
  if (field.type == WireType::Varint) {
    int64_t *value = append(list);
    return value && readInt(field, what, *value);
  }
  if (!isMessage(field, what))
    return false;
  std::optional<uint64_t> count = countVarints(field.bytes);
  if (!count)
    return failAt(field.offset, llvm::Twine(what) + " end within a number");
  if (!charge(*count * sizeof(int64_t)))
    return false;
  llvm::ArrayRef<char> rest = field.bytes;
  while (!rest.empty())
    list.push_back(static_cast<int64_t>(*takeVarint(rest)));
  return true;
}

bool ModelReader::appendFloats(const WireField &field, const char *what, std::vector<float> &list) {
  if (field.type == WireType::Fixed32) {
    float *value = append(list);
    return value && readFloat(field, what, *value);
  }
  if (!isMessage(field, what))
    return false;
  if (field.bytes.size() % sizeof(float))
    return failAt(field.offset, llvm::Twine(what) + " take " + llvm::Twine(field.bytes.size()) +
                                    " bytes, which is not a multiple of 4");
  if (!charge(field.bytes.size()))
    return false;
  size_t before = list.size();
  list.resize(before + field.bytes.size() / sizeof(float));
  if (!field.bytes.empty())
    std::memcpy(list.data() + before, field.bytes.data(), field.bytes.size());
  return true;
}

//===----------------------------------------------------------------------===//
// Messages
//===----------------------------------------------------------------------===//

bool ModelReader::readModelProto(Span message, Model &model) {
  return walk(message, "the model", [&](const WireField &field) {
    switch (field.number) {
    case 1:
      return readInt(field, "the IR version", model.irVersion);
    case 2:
      return readText(field, "the producer's name", model.producerName);
    case 3:
      return readText(field, "the producer's version", model.producerVersion);
    case 4:
      return readText(field, "the model's domain", model.domain);
    case 5:
      return readInt(field, "the model's version", model.modelVersion);
    case 7:
      return isMessage(field, "the graph") && readGraph(spanOf(field), model.graph);
    case 8: {
      OpsetImport *import = append(model.opsetImports);
      return import && isMessage(field, "an operator set") && readOpsetImport(spanOf(field), *import);
    }
    case 14: {
      MetadataEntry *entry = append(model.metadata);
      return entry && isMessage(field, "an entry of the metadata") && readMetadata(spanOf(field), *entry);
    }
    case 20:
      if (warnings.empty())
        warnings.push_back("'" + file->getPath().str() + "': the model's training information is not used");
      return true;
    case 25: {
      Function *function = append(model.functions);
      return function && isMessage(field, "a function") && readFunction(spanOf(field), *function);
    }
    default:
      return true;
    }
  });
}

bool ModelReader::readOpsetImport(Span message, OpsetImport &import) {
  return walk(message, "an operator set", [&](const WireField &field) {
    switch (field.number) {
    case 1:
      return readDomain(field, import.domain);
    case 2:
      return readInt(field, "an operator set's version", import.version);
    default:
      return true;
    }
  });
}

bool ModelReader::readMetadata(Span message, MetadataEntry &entry) {
  return walk(message, "an entry of the metadata", [&](const WireField &field) {
    switch (field.number) {
    case 1:
      return readText(field, "a key of the metadata", entry.key);
    case 2:
      return readText(field, "a value of the metadata", entry.value);
    default:
      return true;
    }
  });
}

bool ModelReader::readGraph(Span message, Graph &graph) {
  return walk(message, "a graph", [&](const WireField &field) {
    auto value = [&](std::vector<ValueInfo> &list) {
      ValueInfo *info = append(list);
      return info && isMessage(field, "a value's type") && readValueInfo(spanOf(field), *info);
    };
    switch (field.number) {
    case 1:
      return appendNode(field, graph.nodes);
    case 2:
      return readText(field, "a graph's name", graph.name);
    case 5: {
      Tensor *tensor = append(graph.initializers);
      return tensor && isMessage(field, "an initializer") && readTensor(spanOf(field), *tensor);
    }
    case 11:
      return value(graph.inputs);
    case 12:
      return value(graph.outputs);
    case 13:
      return value(graph.valueInfos);
    case 15:
      return isMessage(field, "a sparse initializer") && readSparseInitializer(spanOf(field));
    default:
      return true;
    }
  });
}

bool ModelReader::readSparseInitializer(Span message) {
  // The name of a sparse tensor is that of its values.
  std::string name;
  bool read = walk(message, "a sparse initializer", [&](const WireField &field) {
    if (field.number != 1)
      return true;
    return isMessage(field, "a sparse tensor's values") &&
           walk(spanOf(field), "a sparse tensor's values",
                [&](const WireField &inner) { return inner.number != 8 || readText(inner, "a tensor's name", name); });
  });
  if (!read || !charge(sizeof(UnsupportedPart) + name.size() + 128))
    return false;
  unsupportedParts.push_back({"sparse initializer '" + name + "'", "sparse tensors are not supported",
                              "export the model with this weight as a dense tensor"});
  return true;
}

bool ModelReader::appendNode(const WireField &field, std::vector<Node> &nodes) {
  if (++numNodes > limits::numNodes)
    return failAt(field.offset, "the model has more than " + llvm::Twine(limits::numNodes) + " nodes");
  Node *node = append(nodes);
  if (!node || !isMessage(field, "a node"))
    return false;
  node->index = static_cast<uint32_t>(nodes.size() - 1);
  if (!readNode(spanOf(field), *node))
    return false;
  if (node->opType.empty())
    return failAt(field.offset, "node '" + node->label() + "' names no operator");
  return true;
}

bool ModelReader::readNode(Span message, Node &node) {
  return walk(message, "a node", [&](const WireField &field) {
    switch (field.number) {
    case 1:
      return appendText(field, "a node's input", node.inputs);
    case 2:
      return appendText(field, "a node's output", node.outputs);
    case 3:
      return readText(field, "a node's name", node.name);
    case 4:
      return readText(field, "a node's operator", node.opType);
    case 5: {
      Attribute *attribute = append(node.attributes);
      return attribute && isMessage(field, "an attribute") && readAttribute(spanOf(field), *attribute);
    }
    case 7:
      return readDomain(field, node.domain);
    case 8:
      return readText(field, "a node's overload", node.overload);
    default:
      return true;
    }
  });
}

bool ModelReader::readAttribute(Span message, Attribute &attribute) {
  std::optional<int64_t> kind;
  unsigned numFields[24] = {}; // how often each field came
  std::vector<Tensor> single;
  std::vector<Graph> singleGraph;
  std::vector<Type> singleType;
  bool read = walk(message, "an attribute", [&](const WireField &field) {
    if (field.number < std::size(numFields))
      ++numFields[field.number];
    auto tensor = [&](std::vector<Tensor> &list) {
      Tensor *entry = append(list);
      return entry && isMessage(field, "an attribute's tensor") && readTensor(spanOf(field), *entry);
    };
    auto graph = [&](std::vector<Graph> &list) {
      Graph *entry = append(list);
      return entry && isMessage(field, "an attribute's graph") && readGraph(spanOf(field), *entry);
    };
    auto type = [&](std::vector<Type> &list) {
      Type *entry = append(list);
      return entry && isMessage(field, "an attribute's type") && readType(spanOf(field), *entry);
    };
    switch (field.number) {
    case 1:
      return readText(field, "an attribute's name", attribute.name);
    case 2:
      return readFloat(field, "an attribute's float", attribute.floatValue);
    case 3:
      return readInt(field, "an attribute's integer", attribute.intValue);
    case 4:
      return readBytes(field, "an attribute's string", attribute.stringValue);
    case 5:
      return tensor(single);
    case 6:
      return graph(singleGraph);
    case 7:
      return appendFloats(field, "an attribute's floats", attribute.floats);
    case 8:
      return appendInts(field, "an attribute's integers", attribute.ints);
    case 9: {
      std::string *text = append(attribute.strings);
      return text && readBytes(field, "an attribute's string", *text);
    }
    case 10:
      return tensor(attribute.tensors);
    case 11:
      return graph(attribute.graphs);
    case 14:
      return type(singleType);
    case 15:
      return type(attribute.types);
    case 20: {
      int64_t number = 0;
      if (!readInt(field, "an attribute's type", number))
        return false;
      kind = number;
      return true;
    }
    case 21:
      return readText(field, "an attribute's reference", attribute.reference);
    default:
      return true;
    }
  });
  if (!read)
    return false;

  auto named = [&] { return "attribute '" + attribute.name + "'"; };
  // Merging two tensors as protobuf would makes one that nobody wrote.
  for (unsigned field : {5, 6, 14, 22})
    if (numFields[field] > 1)
      return failAt(message.offset, named() + " has a single value twice");

  if (kind) {
    if (*kind < 0 || *kind > static_cast<int64_t>(Attribute::Kind::TypeProtos))
      return failAt(message.offset, named() + " has type " + llvm::Twine(*kind) + ", which ONNX does not have");
    attribute.kind = static_cast<Attribute::Kind>(*kind);
  }
  if (attribute.kind == Attribute::Kind::Undefined && attribute.reference.empty()) {
    // Up to IR version 1 there was no type: it is that of the one field that is there.
    constexpr std::pair<unsigned, Attribute::Kind> kinds[] = {
        {2, Attribute::Kind::Float},         {3, Attribute::Kind::Int},
        {4, Attribute::Kind::String},        {5, Attribute::Kind::Tensor},
        {6, Attribute::Kind::Graph},         {7, Attribute::Kind::Floats},
        {8, Attribute::Kind::Ints},          {9, Attribute::Kind::Strings},
        {10, Attribute::Kind::Tensors},      {11, Attribute::Kind::Graphs},
        {14, Attribute::Kind::TypeProto},    {15, Attribute::Kind::TypeProtos},
        {22, Attribute::Kind::SparseTensor}, {23, Attribute::Kind::SparseTensors},
    };
    for (auto [field, candidate] : kinds) {
      if (!numFields[field])
        continue;
      if (attribute.kind != Attribute::Kind::Undefined)
        return failAt(message.offset, named() + " has no type and values of several types");
      attribute.kind = candidate;
    }
  }

  // The one value stands where the several would.
  switch (attribute.kind) {
  case Attribute::Kind::Tensor:
    attribute.tensors = std::move(single);
    break;
  case Attribute::Kind::Graph:
    attribute.graphs = std::move(singleGraph);
    break;
  case Attribute::Kind::TypeProto:
    attribute.types = std::move(singleType);
    break;
  default:
    break;
  }
  if (!attribute.reference.empty())
    return true;
  if ((attribute.kind == Attribute::Kind::Tensor && attribute.tensors.empty()) ||
      (attribute.kind == Attribute::Kind::Graph && attribute.graphs.empty()) ||
      (attribute.kind == Attribute::Kind::TypeProto && attribute.types.empty()))
    return failAt(message.offset, named() + " has type " + attributeKindName(attribute.kind) + " and no value");
  return true;
}

bool ModelReader::readFunction(Span message, Function &function) {
  return walk(message, "a function", [&](const WireField &field) {
    switch (field.number) {
    case 1:
      return readText(field, "a function's name", function.name);
    case 4:
      return appendText(field, "a function's input", function.inputs);
    case 5:
      return appendText(field, "a function's output", function.outputs);
    case 6:
      return appendText(field, "a function's attribute", function.attributes);
    case 7:
      return appendNode(field, function.nodes);
    case 9: {
      OpsetImport *import = append(function.opsetImports);
      return import && isMessage(field, "an operator set") && readOpsetImport(spanOf(field), *import);
    }
    case 10:
      return readDomain(field, function.domain);
    case 11: {
      Attribute *attribute = append(function.attributeDefaults);
      return attribute && isMessage(field, "an attribute") && readAttribute(spanOf(field), *attribute);
    }
    case 12: {
      ValueInfo *info = append(function.valueInfos);
      return info && isMessage(field, "a value's type") && readValueInfo(spanOf(field), *info);
    }
    case 13:
      return readText(field, "a function's overload", function.overload);
    default:
      return true;
    }
  });
}

bool ModelReader::readValueInfo(Span message, ValueInfo &info) {
  return walk(message, "a value's type", [&](const WireField &field) {
    switch (field.number) {
    case 1:
      return readText(field, "a value's name", info.name);
    case 2:
      return isMessage(field, "a value's type") && readType(spanOf(field), info.type);
    default:
      return true;
    }
  });
}

bool ModelReader::readType(Span message, Type &type) {
  return walk(message, "a type", [&](const WireField &field) {
    // One of these fields holds; a second of another kind replaces the first, of the same kind is merged into it.
    auto become = [&](Type::Kind kind) {
      if (type.kind != kind)
        type = Type();
      type.kind = kind;
      return isMessage(field, "a type");
    };
    auto inner = [&](uint32_t number) {
      return walk(spanOf(field), "a type", [&](const WireField &part) {
        if (part.number == 1 && number == 2) { // a map's keys
          int64_t key = 0;
          if (!readInt(part, "the type of a map's keys", key))
            return false;
          type.elementType = static_cast<DataType>(static_cast<int32_t>(key));
          return true;
        }
        if (part.number != number)
          return true;
        if (type.element.empty() && !append(type.element))
          return false;
        return isMessage(part, "a type") && readType(spanOf(part), type.element.front());
      });
    };
    switch (field.number) {
    case 1:
      return become(Type::Kind::Tensor) && readTensorType(spanOf(field), type);
    case 4:
      return become(Type::Kind::Sequence) && inner(1);
    case 5:
      return become(Type::Kind::Map) && inner(2);
    case 7:
      return become(Type::Kind::Opaque);
    case 8:
      return become(Type::Kind::SparseTensor) && readTensorType(spanOf(field), type);
    case 9:
      return become(Type::Kind::Optional) && inner(1);
    default:
      return true;
    }
  });
}

bool ModelReader::readTensorType(Span message, Type &type) {
  return walk(message, "a tensor's type", [&](const WireField &field) {
    switch (field.number) {
    case 1: {
      int64_t number = 0;
      if (!readInt(field, "an element type", number))
        return false;
      type.elementType = static_cast<DataType>(static_cast<int32_t>(number));
      return true;
    }
    case 2:
      if (!type.shape)
        type.shape.emplace();
      return isMessage(field, "a shape") && readShape(spanOf(field), *type.shape);
    default:
      return true;
    }
  });
}

bool ModelReader::readShape(Span message, std::vector<Dimension> &shape) {
  return walk(message, "a shape", [&](const WireField &field) {
    if (field.number != 1)
      return true;
    if (shape.size() >= limits::rank)
      return failAt(field.offset, "a shape has more than " + llvm::Twine(limits::rank) + " dimensions");
    Dimension *dimension = append(shape);
    return dimension && isMessage(field, "a dimension") && readDimension(spanOf(field), *dimension);
  });
}

bool ModelReader::readDimension(Span message, Dimension &dimension) {
  return walk(message, "a dimension", [&](const WireField &field) {
    switch (field.number) {
    case 1: {
      int64_t value = 0;
      if (!readInt(field, "a dimension", value))
        return false;
      dimension = Dimension();
      // Some exporters write -1 for a size that they do not know.
      if (value >= 0) {
        dimension.kind = Dimension::Kind::Value;
        dimension.value = value;
      }
      return true;
    }
    case 2: {
      dimension = Dimension();
      if (!readText(field, "a dimension's name", dimension.symbol))
        return false;
      if (!dimension.symbol.empty())
        dimension.kind = Dimension::Kind::Symbol;
      return true;
    }
    default:
      return true;
    }
  });
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

llvm::Expected<Model> ModelReader::readModelFile() {
  if (file->size() == 0)
    return unusable("'" + file->getPath() + "' is empty, so it is not an ONNX model");
  Model model;
  if (!readModelProto(wholeFile(), model))
    return takeProblem();

  if (model.irVersion < 1)
    return unusable("'" + file->getPath() + "' is not an ONNX model: it has no IR version");
  if (model.graph.nodes.empty() && model.graph.outputs.empty())
    return unusable("'" + file->getPath() + "' has no graph, or one without nodes and outputs");
  // Operator sets came with IR version 3; before it there was only the first.
  if (model.opsetImports.empty()) {
    if (model.irVersion >= 3)
      return unusable("'" + file->getPath() + "' does not say which operator set it uses");
    model.opsetImports.push_back({"", 1});
  }
  if (model.irVersion > newestKnownIrVersion)
    warnings.push_back("'" + file->getPath().str() + "': IR version " + std::to_string(model.irVersion) +
                       " is newer than " + std::to_string(newestKnownIrVersion) + ", the newest that is known here");

  model.files.push_back(file);
  model.files.insert(model.files.end(), externalData.files().begin(), externalData.files().end());
  model.unsupported = std::move(unsupportedParts);
  model.warnings = std::move(warnings);
  return model;
}

llvm::Expected<Tensor> ModelReader::readTensorFile() {
  if (file->size() == 0)
    return unusable("'" + file->getPath() + "' is empty, so it is not a tensor");
  Tensor tensor;
  if (readTensor(wholeFile(), tensor))
    return tensor;
  if (looksLikeContainer())
    return unsupported("'" + file->getPath() +
                       "' holds a sequence, an optional or a map and not a tensor, which is not supported");
  return takeProblem();
}

bool ModelReader::looksLikeContainer() const {
  // SequenceProto and OptionalProto: a name, the kind of the elements, then messages.
  bool hasKind = false;
  WireReader reader(file->bytes(), 0);
  WireField field;
  while (reader.next(field)) {
    bool isKind = field.number == 2 && field.type == WireType::Varint && field.value <= 5;
    bool isText = field.number == 1 && field.type == WireType::Bytes && isUtf8(field.text());
    bool isElement = field.number >= 3 && field.number <= 8 && field.type == WireType::Bytes;
    if (!isKind && !isText && !isElement)
      return false;
    hasKind |= isKind;
  }
  return hasKind && reader.problem().empty();
}

llvm::Expected<Model> onnx::readModel(llvm::StringRef path, const ReadOptions &options) {
  llvm::Expected<std::shared_ptr<const MappedFile>> file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  llvm::StringRef folder = llvm::sys::path::parent_path(path);
  return readModel(*file, folder.empty() ? "." : folder, options);
}

llvm::Expected<Model> onnx::readModel(std::shared_ptr<const MappedFile> file, llvm::StringRef folder,
                                      const ReadOptions &options) {
  return ModelReader(std::move(file), folder, options).readModelFile();
}

llvm::Expected<Tensor> onnx::readTensorFile(llvm::StringRef path) {
  llvm::Expected<std::shared_ptr<const MappedFile>> file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  return readTensorFile(*file);
}

llvm::Expected<Tensor> onnx::readTensorFile(std::shared_ptr<const MappedFile> file) {
  return ModelReader(std::move(file), "", {}).readTensorFile();
}

llvm::Expected<HostTensor> onnx::readTensorProto(llvm::StringRef path) {
  llvm::Expected<Tensor> tensor = readTensorFile(path);
  if (!tensor)
    return tensor.takeError();
  return tensor->toHostTensor();
}
