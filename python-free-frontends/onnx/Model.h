//===- Model.h - An ONNX model as its file says it ------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The view of a model that importers use: plain structures, in the file's order,
// with nothing interpreted. What a tensor holds is not copied: a Tensor says
// where its values lie, in the mapped model or in a mapped data file beside it,
// so that a model of any size costs memory for its graph only.
//
// Structures are filled by readModel, which accepts hostile files: everything
// that a structure holds has been checked (sizes not negative, products without
// overflow, exactly as many bytes as the elements need, files inside the model's
// folder). What the reader cannot represent (sparse initializers) is listed in
// Model::unsupported; everything else is the importer's to accept or refuse.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_PYTHON_FREE_FRONTENDS_ONNX_MODEL_H
#define SINTER_PYTHON_FREE_FRONTENDS_ONNX_MODEL_H

#include "lib/Support/HostTensor.h"
#include "lib/Support/MappedFile.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sinter::onnx {

/// TensorProto.DataType with its numbers. A number that the schema does not have
/// is kept as it is; its dataTypeName is "type 77".
enum class DataType : int32_t {
  Undefined = 0,
  Float = 1,
  Uint8 = 2,
  Int8 = 3,
  Uint16 = 4,
  Int16 = 5,
  Int32 = 6,
  Int64 = 7,
  String = 8,
  Bool = 9,
  Float16 = 10,
  Double = 11,
  Uint32 = 12,
  Uint64 = 13,
  Complex64 = 14,
  Complex128 = 15,
  Bfloat16 = 16,
  Float8E4M3FN = 17,
  Float8E4M3FNUZ = 18,
  Float8E5M2 = 19,
  Float8E5M2FNUZ = 20,
  Uint4 = 21,
  Int4 = 22,
  Float4E2M1 = 23,
  Float8E8M0 = 24,
  Uint2 = 25,
  Int2 = 26,
  Float6E2M3 = 27,
  Float6E3M2 = 28,
};

/// ONNX's own spelling, as in tensor(float): float, int64, float8e4m3fn, ...
std::string dataTypeName(DataType type);
/// Bits of one element as it is stored; 0 for strings and unknown types.
unsigned dataTypeBits(DataType type);
/// The element type outside the IR that has the same values; none for complex
/// numbers, floats of 8 bits and below, integers of 4 and 2 bits.
std::optional<ElementType> hostElementType(DataType type);

/// A tensor and where its values are.
struct Tensor {
  enum class Storage {
    /// There are no elements, so there is no data.
    Empty,
    /// Bytes [offset, offset + length) of `file` are the values, little-endian,
    /// C order, without padding: raw_data, external data, and the packed floats
    /// and doubles of protobuf, which are the same thing. Elements narrower than
    /// a byte are packed, the first in the lowest bits.
    Raw,
    /// The values are in the repeated field number `field` of the TensorProto at
    /// [offset, offset + length): integers of variable length, strings, or floats
    /// that are not contiguous. Only `read` and `readStrings` get at them.
    Field,
    /// The data file does not exist, which ReadOptions::allowAbsentData permits.
    Absent,
  };

  std::string name;
  DataType elementType = DataType::Undefined;
  std::vector<int64_t> dims;

  Storage storage = Storage::Empty;
  std::shared_ptr<const MappedFile> file; // none for Empty and Absent
  uint64_t offset = 0;                    // in bytes; Absent: as the model says
  uint64_t length = 0;
  uint32_t field = 0;
  /// External data's location as the model says it, else empty.
  std::string location;

  uint64_t numElements() const;
  /// The bytes that the values take as Raw; 0 for strings.
  uint64_t numBytes() const;
  /// The values in place; none unless storage is Raw or Empty. Only as aligned
  /// as the file has them. A bool that is true may be any number but 0.
  std::optional<llvm::ArrayRef<char>> bytes() const;
  /// Copies or decodes all values into `destination`, whose size must be
  /// numBytes(). Bools become 0 or 1. Fails for strings, for absent data and for
  /// stored integers that the type cannot hold.
  llvm::Error read(llvm::MutableArrayRef<char> destination) const;
  /// For DataType::String.
  llvm::Expected<std::vector<std::string>> readStrings() const;
  /// All values in the compiler's memory; fails like `read`, and for types
  /// that hostElementType does not have.
  llvm::Expected<HostTensor> toHostTensor() const;
  /// "tensor 'h.0.ln_1.weight'" or "an unnamed tensor", for messages.
  std::string describe() const;
};

/// One size of a value's shape.
struct Dimension {
  enum class Kind { Unknown, Value, Symbol };
  Kind kind = Kind::Unknown;
  int64_t value = 0;  // Value; not negative
  std::string symbol; // Symbol; not empty
};

/// TypeProto.
struct Type {
  enum class Kind { Missing, Tensor, SparseTensor, Sequence, Map, Optional, Opaque };
  Kind kind = Kind::Missing;
  /// Tensor and SparseTensor: of the elements. Map: of the keys.
  DataType elementType = DataType::Undefined;
  /// Tensor and SparseTensor. None: not even the rank is known.
  std::optional<std::vector<Dimension>> shape;
  /// Sequence, Optional and Map: the type of what is in it (one, or none where
  /// the file has none).
  std::vector<Type> element;

  /// As in ONNX's documentation: tensor(float), seq(tensor(int64)), ...
  std::string str() const;
};

struct ValueInfo {
  std::string name;
  Type type;
};

struct Graph;

struct Attribute {
  /// AttributeProto.AttributeType with its numbers. Where a file (of IR version
  /// 1) does not say which, it is the kind of the one field that is there.
  enum class Kind {
    Undefined = 0,
    Float = 1,
    Int = 2,
    String = 3,
    Tensor = 4,
    Graph = 5,
    Floats = 6,
    Ints = 7,
    Strings = 8,
    Tensors = 9,
    Graphs = 10,
    SparseTensor = 11,
    SparseTensors = 12,
    TypeProto = 13,
    TypeProtos = 14,
  };

  std::string name;
  Kind kind = Kind::Undefined;
  /// In a function's body: the attribute of the function's caller that gives the
  /// value. Then there is no value here.
  std::string reference;

  float floatValue = 0;
  int64_t intValue = 0;
  std::string stringValue;
  std::vector<float> floats;
  std::vector<int64_t> ints;
  std::vector<std::string> strings;
  std::vector<Tensor> tensors; // Tensor: exactly one; Tensors: any number
  std::vector<Graph> graphs;   // Graph: exactly one; Graphs: any number
  std::vector<Type> types;     // TypeProto: exactly one; TypeProtos: any number
};

/// As in messages: "float", "ints", "sparse tensor", ...
llvm::StringRef attributeKindName(Attribute::Kind kind);

struct Node {
  std::string name; // may be empty
  std::string opType;
  std::string domain; // ONNX's own, "ai.onnx", is empty
  std::string overload;
  std::vector<std::string> inputs; // an empty name: left out
  std::vector<std::string> outputs;
  std::vector<Attribute> attributes;
  /// Position in its graph or function, from 0.
  uint32_t index = 0;

  /// None where there is no attribute of that name.
  const Attribute *attribute(llvm::StringRef attributeName) const;
  /// What messages call it: its name, else that of its first named output, else
  /// "Add#12".
  std::string label() const;
};

struct Graph {
  std::string name;
  std::vector<Node> nodes; // in the file's order, which need not be sorted
  std::vector<Tensor> initializers;
  std::vector<ValueInfo> inputs; // up to IR version 3 also the initializers
  std::vector<ValueInfo> outputs;
  std::vector<ValueInfo> valueInfos; // of some of the values between
};

struct OpsetImport {
  std::string domain; // ONNX's own, "ai.onnx", is empty
  int64_t version = 0;
};

/// FunctionProto: a function local to the model, which nodes call by domain,
/// name and overload.
struct Function {
  std::string name;
  std::string domain;
  std::string overload;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<std::string> attributes;      // without a default
  std::vector<Attribute> attributeDefaults; // with one
  std::vector<Node> nodes;
  std::vector<ValueInfo> valueInfos;
  std::vector<OpsetImport> opsetImports;
};

struct MetadataEntry {
  std::string key;
  std::string value;
};

/// Something in the file that cannot be represented here, for the importer's
/// list of all that is unsupported.
struct UnsupportedPart {
  std::string what; // "sparse initializer 'w'"
  std::string reason;
  std::string hint;
};

struct Model {
  int64_t irVersion = 0;
  std::string producerName;
  std::string producerVersion;
  std::string domain;
  int64_t modelVersion = 0;
  std::vector<OpsetImport> opsetImports;
  std::vector<MetadataEntry> metadata;
  std::vector<Function> functions;
  Graph graph;

  std::vector<UnsupportedPart> unsupported;
  /// One sentence each, for the user: absent data files, and the like.
  std::vector<std::string> warnings;
  /// The model's own file first, then its data files, each mapped once.
  std::vector<std::shared_ptr<const MappedFile>> files;

  /// The imported version of a domain's operators ("" or "ai.onnx": ONNX's own).
  std::optional<int64_t> opsetVersion(llvm::StringRef opDomain) const;
  /// None where there is no such function.
  const Function *findFunction(llvm::StringRef functionDomain, llvm::StringRef functionName,
                               llvm::StringRef overload) const;
};

/// What no model may exceed, whatever its size. Real models stay far below.
namespace limits {
inline constexpr unsigned nesting = 100;               // messages within messages
inline constexpr unsigned rank = 32;                   // sizes of one tensor
inline constexpr uint64_t numNodes = 10'000'000;       // of all graphs together
inline constexpr uint64_t structureBytes = 2ull << 30; // memory for the structures of this header
inline constexpr uint64_t numDataFiles = 10'000;
} // namespace limits

struct ReadOptions {
  /// Data files that do not exist are a warning (`--check`), else a failure.
  bool allowAbsentData = false;
  /// How much memory the structures may take; a hostile file asks for much more
  /// than its own size.
  uint64_t structureBytes = limits::structureBytes;
};

/// Reads the model at `path`. External data is looked for in its folder. Fails
/// with exit status 3 and one sentence that says what is wrong and where.
llvm::Expected<Model> readModel(llvm::StringRef path, const ReadOptions &options = {});
/// The same for a file that is mapped already. External data is looked for in
/// `folder`; where that is empty there can be none.
llvm::Expected<Model> readModel(std::shared_ptr<const MappedFile> file, llvm::StringRef folder,
                                const ReadOptions &options = {});

/// Reads a TensorProto that is a file of its own (.pb), as ONNX's test data are.
/// SequenceProto and OptionalProto, which such files hold too, are refused as
/// unsupported. Nothing in a file says which message it is, so the caller should
/// compare with the type that the model declares.
llvm::Expected<Tensor> readTensorFile(llvm::StringRef path);
llvm::Expected<Tensor> readTensorFile(std::shared_ptr<const MappedFile> file);
/// readTensorFile, then its values.
llvm::Expected<HostTensor> readTensorProto(llvm::StringRef path);

} // namespace sinter::onnx

#endif // SINTER_PYTHON_FREE_FRONTENDS_ONNX_MODEL_H
