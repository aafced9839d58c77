//===- Sinter.cpp - The transformer graph: dialect, attributes, sizes ----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/IR/Sinter.h"
#include "dialects/sinter/IR/PlainNumbers.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace sinter;

/// `<` string (`,` string)* `>`, or `<>`.
static ParseResult parseSizeTexts(AsmParser &parser, SmallVector<StringAttr> &texts) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater, [&]() -> ParseResult {
    std::string text;
    if (parser.parseString(&text))
      return failure();
    texts.push_back(parser.getBuilder().getStringAttr(text));
    return success();
  });
}

static void printSizeTexts(AsmPrinter &printer, ArrayRef<StringAttr> texts) {
  printer << '<';
  llvm::interleaveComma(texts, printer, [&](StringAttr text) { printer << text; });
  printer << '>';
}

#include "dialects/sinter/IR/SinterDialect.cpp.inc"
#include "dialects/sinter/IR/SinterEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/sinter/IR/SinterAttributes.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/sinter/IR/SinterTypes.cpp.inc"

void SinterDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/sinter/IR/SinterAttributes.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/sinter/IR/SinterTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/sinter/IR/SinterOps.cpp.inc"
      >();
}

Operation *SinterDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type, Location loc) {
  auto elements = dyn_cast<ElementsAttr>(value);
  if (!elements || elements.getType() != type)
    return nullptr;
  return ConstantOp::create(builder, loc, elements);
}

//===----------------------------------------------------------------------===//
// #sinter.dims
//===----------------------------------------------------------------------===//

DimsAttr DimsAttr::get(MLIRContext *context, ArrayRef<SizeExpr> sizes) {
  SmallVector<StringAttr> texts;
  for (const SizeExpr &size : sizes)
    texts.push_back(StringAttr::get(context, size.str()));
  return get(context, texts);
}

SmallVector<SizeExpr> DimsAttr::getSizes() const {
  SmallVector<SizeExpr> sizes;
  for (StringAttr text : getTexts())
    sizes.push_back(*SizeExpr::parse(text.getValue()));
  return sizes;
}

LogicalResult DimsAttr::verify(function_ref<InFlightDiagnostic()> emitError, ArrayRef<StringAttr> texts) {
  for (StringAttr text : texts) {
    std::optional<SizeExpr> size = SizeExpr::parse(text.getValue());
    if (!size)
      return emitError() << "'" << text.getValue() << "' is not an expression of sizes";
    if (size->str() != text.getValue())
      return emitError() << "'" << text.getValue() << "' is not in canonical form, which is '" << size->str() << "'";
  }
  return success();
}

LogicalResult DimsAttr::verifyEncoding(ArrayRef<int64_t> shape, Type elementType,
                                       function_ref<InFlightDiagnostic()> emitError) const {
  if (shape.size() != getTexts().size())
    return emitError() << "#sinter.dims has " << getTexts().size() << " sizes for a tensor of rank " << shape.size();
  if (!ShapedType::isDynamicShape(shape))
    return emitError() << "a tensor whose sizes are all numbers has no #sinter.dims";
  for (auto [number, size] : llvm::zip_equal(shape, getSizes())) {
    std::optional<int64_t> constant = size.constant();
    if (ShapedType::isDynamic(number) ? constant.has_value() : constant != number)
      return emitError() << "size '" << size.str() << "' in #sinter.dims contradicts the tensor's shape";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// #sinter.numerics
//===----------------------------------------------------------------------===//

LogicalResult NumericsAttr::verify(function_ref<InFlightDiagnostic()> emitError, Type operands, int64_t tile,
                                   int64_t chains) {
  auto type = dyn_cast<FloatType>(operands);
  if (!type || type.getWidth() > 32) // numerics C1
    return emitError() << "the operands of products are floats of at most 32 bits, not " << operands;
  if (tile < 1 || chains < 1) // numerics C1
    return emitError() << "a tile has at least one element, and a sum at least one chain";
  return success();
}

//===----------------------------------------------------------------------===//
// !sinter.quantized
//===----------------------------------------------------------------------===//

/// `<` storage `:` expressed (`,` `blocks` `[` integers `]`)? (`,` `zero_points`)? `>`
Type QuantizedType::parse(AsmParser &parser) {
  Type storage, expressed;
  SmallVector<int64_t> blocks;
  bool hasZeroPoints = false;
  if (parser.parseLess() || parser.parseType(storage) || parser.parseColonType(expressed))
    return {};
  while (succeeded(parser.parseOptionalComma())) {
    if (blocks.empty() && !hasZeroPoints && succeeded(parser.parseOptionalKeyword("blocks"))) {
      if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square,
                                         [&] { return parser.parseInteger(blocks.emplace_back()); }))
        return {};
      continue;
    }
    if (hasZeroPoints || parser.parseKeyword("zero_points"))
      return {};
    hasZeroPoints = true;
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<QuantizedType>(parser.getContext(), storage, expressed, blocks, hasZeroPoints);
}

void QuantizedType::print(AsmPrinter &printer) const {
  printer << '<' << getStorage() << ':' << getExpressed();
  if (!getBlocks().empty()) {
    printer << ", blocks [";
    llvm::interleaveComma(getBlocks(), printer);
    printer << ']';
  }
  printer << (getZeroPoints() ? ", zero_points>" : ">");
}

LogicalResult QuantizedType::verify(function_ref<InFlightDiagnostic()> emitError, Type storage, Type expressed,
                                    ArrayRef<int64_t> blocks, bool) {
  bool isInteger = storage.isInteger(16) || storage.isInteger(8) || storage.isInteger(4) || storage.isInteger(2);
  if (!isInteger && !(isNarrow(storage) && isa<FloatType>(storage)))
    return emitError() << "codes are integers of 16, 8, 4 or 2 bits or floats of at most 8, not " << storage;
  if (!expressed.isF32() && !expressed.isF16() && !expressed.isBF16())
    return emitError() << "codes stand for f32, f16 or bf16, not " << expressed;
  if (llvm::any_of(blocks, [](int64_t length) { return length < 0; }))
    return emitError() << "the length of a block is not negative";
  return success();
}

std::optional<Sizes> QuantizedType::getScaleSizes(ArrayRef<SizeExpr> sizes) const {
  Sizes result;
  if (getBlocks().empty())
    return result;
  if (getBlocks().size() != sizes.size())
    return std::nullopt;
  for (auto [size, length] : llvm::zip_equal(sizes, getBlocks()))
    result.push_back(length == 0 ? SizeExpr(1) : SizeExpr::ceilDiv(size, length));
  return result;
}

bool QuantizedType::hasRowBlocks() const {
  ArrayRef<int64_t> blocks = getBlocks();
  return !blocks.empty() && blocks.back() == 0 &&
         llvm::all_of(blocks.drop_back(), [](int64_t length) { return length == 1; });
}

bool QuantizedType::hasColumnBlocks() const { return getBlocks().size() == 2 && getBlocks()[1] == 1; }

int64_t QuantizedType::getRowsPerBlock(int64_t numRows) const {
  return getBlocks().empty() || getBlocks()[0] == 0 ? numRows : getBlocks()[0];
}

std::pair<int64_t, int64_t> QuantizedType::getRange() const {
  unsigned bits = getBits();
  if (getStorage().isUnsignedInteger())
    return {0, (int64_t(1) << bits) - 1};
  return {-(int64_t(1) << (bits - 1)), (int64_t(1) << (bits - 1)) - 1};
}

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

bool sinter::hasSizes(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return false;
  Attribute encoding = tensor.getEncoding();
  return tensor.hasStaticShape() ? !encoding || isa<SparseAttr>(encoding) : isa_and_nonnull<DimsAttr>(encoding);
}

Sizes sinter::getSizes(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  if (auto dims = dyn_cast_or_null<DimsAttr>(tensor.getEncoding()))
    return Sizes(dims.getSizes());
  Sizes sizes;
  // A dynamic size without a name is refused by every op's verifier; while such IR is parsed it needs some value.
  for (int64_t size : tensor.getShape())
    sizes.push_back(ShapedType::isDynamic(size) ? SizeExpr::symbol("unnamed") : SizeExpr(size));
  return sizes;
}

SizeExpr sinter::getSize(Value value, int64_t axis) { return getSizes(value)[axis]; }

RankedTensorType sinter::getTensorType(ArrayRef<SizeExpr> sizes, Type elementType) {
  SmallVector<int64_t> shape;
  for (const SizeExpr &size : sizes)
    shape.push_back(size.constant().value_or(ShapedType::kDynamic));
  Attribute encoding;
  if (ShapedType::isDynamicShape(shape))
    encoding = DimsAttr::get(elementType.getContext(), sizes);
  return RankedTensorType::get(shape, elementType, encoding);
}

Type sinter::getElementType(Value value) { return cast<RankedTensorType>(value.getType()).getElementType(); }

int64_t sinter::getRank(Value value) { return cast<RankedTensorType>(value.getType()).getRank(); }

ElementType sinter::toElementType(Type type) {
  using E = ElementType;
  if (auto quantized = dyn_cast<QuantizedType>(type))
    return toElementType(quantized.getStorage());
  if (isa<StringType>(type))
    return E::String;
  if (isa<FloatType>(type))
    return TypeSwitch<Type, E>(type)
        .Case([](Float16Type) { return E::F16; })
        .Case([](BFloat16Type) { return E::BF16; })
        .Case([](Float32Type) { return E::F32; })
        .Case([](Float64Type) { return E::F64; })
        .Case([](Float8E4M3FNType) { return E::F8E4M3FN; })
        .Case([](Float8E4M3FNUZType) { return E::F8E4M3FNUZ; })
        .Case([](Float8E5M2Type) { return E::F8E5M2; })
        .Case([](Float8E5M2FNUZType) { return E::F8E5M2FNUZ; })
        .Case([](Float8E8M0FNUType) { return E::F8E8M0; })
        .Case([](Float4E2M1FNType) { return E::F4E2M1; });
  bool isUnsigned = type.isUnsignedInteger();
  switch (type.getIntOrFloatBitWidth()) {
  case 1:
    return E::Bool;
  case 2:
    return isUnsigned ? E::U2 : E::I2;
  case 4:
    return isUnsigned ? E::U4 : E::I4;
  case 8:
    return isUnsigned ? E::U8 : E::I8;
  case 16:
    return isUnsigned ? E::U16 : E::I16;
  case 32:
    return isUnsigned ? E::U32 : E::I32;
  default:
    return isUnsigned ? E::U64 : E::I64;
  }
}

Type sinter::fromElementType(MLIRContext *context, ElementType type) {
  switch (type) {
  case ElementType::F16:
    return Float16Type::get(context);
  case ElementType::BF16:
    return BFloat16Type::get(context);
  case ElementType::F32:
    return Float32Type::get(context);
  case ElementType::F64:
    return Float64Type::get(context);
  case ElementType::F8E4M3FN:
    return Float8E4M3FNType::get(context);
  case ElementType::F8E4M3FNUZ:
    return Float8E4M3FNUZType::get(context);
  case ElementType::F8E5M2:
    return Float8E5M2Type::get(context);
  case ElementType::F8E5M2FNUZ:
    return Float8E5M2FNUZType::get(context);
  case ElementType::F8E8M0:
    return Float8E8M0FNUType::get(context);
  case ElementType::F4E2M1:
    return Float4E2M1FNType::get(context);
  case ElementType::String:
    return StringType::get(context);
  case ElementType::Bool:
    return IntegerType::get(context, 1);
  default:
    return IntegerType::get(context, elementBits(type),
                            isUnsignedType(type) ? IntegerType::Unsigned : IntegerType::Signless);
  }
}

bool sinter::isNarrow(Type type) {
  if (!type.isIntOrFloat() || type.isInteger(1))
    return false;
  unsigned width = type.getIntOrFloatBitWidth();
  return width < 8 || (width == 8 && isa<FloatType>(type));
}

SizeExpr sinter::getNumElements(Type type) { return SizeExpr::product(getSizes(type)); }

std::optional<Sizes> sinter::broadcastSizes(ArrayRef<SizeExpr> a, ArrayRef<SizeExpr> b) {
  if (a.size() < b.size())
    std::swap(a, b);
  Sizes result(a.begin(), a.end());
  for (size_t i = 0; i < b.size(); ++i) {
    SizeExpr &size = result[a.size() - b.size() + i];
    if (size == b[i] || b[i].isConstant(1))
      continue;
    if (!size.isConstant(1))
      return std::nullopt;
    size = b[i];
  }
  return result;
}

std::string sinter::printSizes(ArrayRef<SizeExpr> sizes) {
  std::string text = "[";
  for (auto [i, size] : llvm::enumerate(sizes))
    text += (i ? ", " : "") + size.str();
  return text + "]";
}

#define GET_OP_CLASSES
#include "dialects/sinter/IR/SinterOps.cpp.inc"
