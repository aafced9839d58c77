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
// Sizes
//===----------------------------------------------------------------------===//

bool sinter::hasSizes(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && (tensor.hasStaticShape() ? !tensor.getEncoding() : isa_and_nonnull<DimsAttr>(tensor.getEncoding()));
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
  if (isa<StringType>(type))
    return ElementType::String;
  if (type.isF16())
    return ElementType::F16;
  if (type.isBF16())
    return ElementType::BF16;
  if (type.isF32())
    return ElementType::F32;
  if (type.isF64())
    return ElementType::F64;
  unsigned width = type.getIntOrFloatBitWidth();
  if (width == 1)
    return ElementType::Bool;
  if (type.isUnsignedInteger())
    return width == 8    ? ElementType::U8
           : width == 16 ? ElementType::U16
           : width == 32 ? ElementType::U32
                         : ElementType::U64;
  return width == 8    ? ElementType::I8
         : width == 16 ? ElementType::I16
         : width == 32 ? ElementType::I32
                       : ElementType::I64;
}

Type sinter::fromElementType(MLIRContext *context, ElementType type) {
  if (isFloatType(type))
    return type == ElementType::F16    ? Type(Float16Type::get(context))
           : type == ElementType::BF16 ? Type(BFloat16Type::get(context))
           : type == ElementType::F32  ? Type(Float32Type::get(context))
                                       : Type(Float64Type::get(context));
  if (type == ElementType::String)
    return StringType::get(context);
  if (type == ElementType::Bool)
    return IntegerType::get(context, 1);
  return IntegerType::get(context, 8 * elementSize(type),
                          isUnsignedType(type) ? IntegerType::Unsigned : IntegerType::Signless);
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
