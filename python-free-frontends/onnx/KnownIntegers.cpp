//===- KnownIntegers.cpp - Tensors whose elements are sizes ---------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/onnx/GraphImporter.h"

#include "lib/Support/HostTensor.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::onnx;

bool sinter::onnx::hasValueSymbol(const SizeExpr &size) {
  bool found = false;
  size.forEachSymbol([&](StringRef name) { found |= SizeExpr::isValueSymbol(name); });
  return found;
}

/// a / b toward zero, as integers divide in tensors. By 0 they give 0 there; a
/// size has no value then, and a run in which an input makes it so is refused.
static std::optional<SizeExpr> truncatingDiv(const SizeExpr &a, const SizeExpr &b) {
  if (std::optional<int64_t> divisor = b.constant(); divisor && *divisor == 0)
    return std::nullopt;
  if (a.isAtLeast(0) && b.isAtLeast(1))
    return SizeExpr::floorDiv(a, b);
  if (!b.isAtLeast(1) && !hasValueSymbol(b) && !b.constant())
    return std::nullopt;
  return SizeExpr::select(SizeExpr::eq(SizeExpr::lt(a, 0), SizeExpr::lt(b, 0)), SizeExpr::floorDiv(a, b),
                          SizeExpr::ceilDiv(a, b));
}

std::optional<SizeExpr> sinter::onnx::evaluateElement(ElementwiseKind kind, ArrayRef<SizeExpr> v) {
  switch (kind) {
  case ElementwiseKind::abs:
    return SizeExpr::max(v[0], SizeExpr(0) - v[0]);
  case ElementwiseKind::neg:
    return SizeExpr(0) - v[0];
  case ElementwiseKind::relu:
    return SizeExpr::max(v[0], 0);
  case ElementwiseKind::logical_not:
    return SizeExpr(1) - v[0];
  case ElementwiseKind::add:
    return v[0] + v[1];
  case ElementwiseKind::sub:
    return v[0] - v[1];
  case ElementwiseKind::mul:
  case ElementwiseKind::logical_and: // of 0 and 1
    return v[0] * v[1];
  case ElementwiseKind::div:
    return truncatingDiv(v[0], v[1]);
  case ElementwiseKind::mod:
    if (v[1].isAtLeast(1) || hasValueSymbol(v[1]) || v[1].constant().value_or(0) != 0)
      return SizeExpr::mod(v[0], v[1]);
    return std::nullopt;
  case ElementwiseKind::fmod:
    if (v[0].isAtLeast(0) && v[1].isAtLeast(1))
      return SizeExpr::mod(v[0], v[1]);
    if (std::optional<SizeExpr> quotient = truncatingDiv(v[0], v[1]))
      return v[0] - v[1] * *quotient;
    return std::nullopt;
  case ElementwiseKind::min:
    return SizeExpr::min(v[0], v[1]);
  case ElementwiseKind::max:
  case ElementwiseKind::logical_or:
    return SizeExpr::max(v[0], v[1]);
  case ElementwiseKind::logical_xor:
    return SizeExpr(1) - SizeExpr::eq(v[0], v[1]);
  case ElementwiseKind::equal:
    return SizeExpr::eq(v[0], v[1]);
  case ElementwiseKind::less:
    return SizeExpr::lt(v[0], v[1]);
  case ElementwiseKind::less_equal:
    return SizeExpr(1) - SizeExpr::lt(v[1], v[0]);
  case ElementwiseKind::greater:
    return SizeExpr::lt(v[1], v[0]);
  case ElementwiseKind::greater_equal:
    return SizeExpr(1) - SizeExpr::lt(v[0], v[1]);
  case ElementwiseKind::select:
    return SizeExpr::select(v[0], v[1], v[2]);
  default:
    return std::nullopt;
  }
}

/// Types whose arithmetic on sizes is that of expressions: no size reaches the
/// range of i32, and narrower ones wrap.
static bool holdsSizes(mlir::Type elementType) {
  return elementType.isSignlessInteger(64) || elementType.isSignlessInteger(32) || elementType.isInteger(1);
}

std::optional<KnownIntegers> NodeContext::getKnownIntegers(Value value) {
  // Constants and inputs are what they are in every type.
  if (!value || !isa<IntegerType>(getElementType(value)))
    return std::nullopt;
  auto it = importer.known.find(value);
  if (it != importer.known.end())
    return it->second;
  if (auto constant = value.getDefiningOp<ConstantOp>()) {
    auto elements = dyn_cast<DenseElementsAttr>(constant.getValue());
    if (!elements || elements.getNumElements() > 1024)
      return std::nullopt;
    KnownIntegers integers;
    mlir::Type type = getElementType(value);
    bool isUnsigned = type.isInteger(1) || type.isUnsignedInteger();
    for (const APInt &element : elements.getValues<APInt>()) {
      if (isUnsigned && element.getActiveBits() > 63)
        return std::nullopt;
      integers.push_back(isUnsigned ? static_cast<int64_t>(element.getZExtValue()) : element.getSExtValue());
    }
    return integers;
  }
  if (getElementType(value).isInteger(1))
    return std::nullopt;
  return importer.getInputElements(value);
}

std::optional<KnownIntegers> NodeContext::getKnownTruncated(Value value) {
  if (!value || !isa<FloatType>(getElementType(value)) || isNarrow(getElementType(value)))
    return getKnownIntegers(value);
  if (auto cast = value.getDefiningOp<CastOp>())
    return getKnownIntegers(cast.getInput());
  auto constant = value.getDefiningOp<ConstantOp>();
  auto elements = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
  if (!elements)
    return importer.getInputElements(value);
  KnownIntegers integers;
  for (const APFloat &element : elements.getValues<APFloat>()) {
    APSInt number(64, /*isUnsigned=*/false);
    bool isExact;
    if (element.convertToInteger(number, APFloat::rmTowardZero, &isExact) == APFloat::opInvalidOp)
      return std::nullopt;
    integers.push_back(number.getExtValue());
  }
  return integers;
}

std::optional<SizeExpr> NodeContext::getRangeLength(Value start, Value limit, Value delta) {
  std::array<Symbols::RangeOperand, 3> operands;
  bool hasInput = false;
  Value scalars[] = {start, limit, delta};
  for (auto [operand, value] : llvm::zip_equal(operands, scalars)) {
    while (auto reshape = value.getDefiningOp<ReshapeOp>())
      value = reshape.getInput();
    if (!isa<FloatType>(getElementType(value)) || !getNumElements(value.getType()).isConstant(1))
      return std::nullopt;
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      operand.input = argument.getArgNumber();
      hasInput = true;
      continue;
    }
    auto constant = value.getDefiningOp<ConstantOp>();
    auto elements = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
    if (!elements)
      return std::nullopt;
    APFloat number = *elements.getValues<APFloat>().begin();
    bool losesInfo;
    number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &losesInfo);
    operand.number = number.convertToDouble();
  }
  if (hasInput)
    return importer.symbols.getRangeLength(operands);
  std::optional<int64_t> length =
      rangeLength(toElementType(getElementType(start)), operands[0].number, operands[1].number, operands[2].number);
  if (!length)
    return (void)malformed("its length is not finite"), std::nullopt;
  return SizeExpr(*length);
}

std::optional<KnownIntegers> GraphImporter::getInputElements(Value value) const {
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument || getRank(value) > 1)
    return std::nullopt;
  const Symbols::Input &input = symbols.getInputs()[argument.getArgNumber()];
  if (getRank(value) == 0)
    return KnownIntegers{symbols.getElement(input, /*isScalar=*/true, 0)};
  std::optional<int64_t> length = getSize(value, 0).constant();
  if (!length || *length > 16)
    return std::nullopt;
  KnownIntegers integers;
  for (int64_t i = 0; i < *length; ++i)
    integers.push_back(symbols.getElement(input, /*isScalar=*/false, i));
  return integers;
}

std::optional<SmallVector<int64_t>> NodeContext::getConstantIntegers(Value value) {
  std::optional<KnownIntegers> integers = getKnownIntegers(value);
  if (!integers)
    return std::nullopt;
  SmallVector<int64_t> numbers;
  for (const SizeExpr &element : *integers) {
    std::optional<int64_t> number = element.constant();
    if (!number)
      return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}

Value NodeContext::createIntegers(ArrayRef<SizeExpr> elements, ArrayRef<int64_t> dims, mlir::Type elementType) {
  if (hasFailedAlready)
    return {};
  auto type = RankedTensorType::get(dims, elementType);
  Value result;
  if (llvm::all_of(elements, [](const SizeExpr &element) { return element.constant().has_value(); })) {
    SmallVector<APInt> numbers;
    unsigned width = elementType.getIntOrFloatBitWidth();
    for (const SizeExpr &element : elements)
      numbers.push_back(APInt(64, *element.constant(), /*isSigned=*/true).trunc(width));
    if (elementType.isInteger(1))
      for (auto [number, element] : llvm::zip_equal(numbers, elements))
        number = APInt(1, *element.constant() != 0);
    return createSized<ConstantOp>(type, DenseElementsAttr::get(type, numbers));
  }
  bool isScalar = elements.size() == 1 && dims.empty();
  result = create<SizesOp>(DimsAttr::get(getContext(), elements), isScalar);
  if (result && !isScalar && dims.size() != 1)
    result = createSized<ReshapeOp>(RankedTensorType::get(dims, getElementType(result)), result);
  if (result && getElementType(result) != elementType)
    result = createSized<CastOp>(type, result, /*unsaturated=*/false, RoundMode::up);
  if (result)
    importer.known[result] = KnownIntegers(elements);
  return result;
}

Value NodeContext::setKnownIntegers(Value value, ArrayRef<SizeExpr> elements) {
  if (hasFailedAlready || !value || !holdsSizes(getElementType(value)))
    return value;
  // As a tensor of sizes every element costs an expression; what is not small is computed. Value symbols must not
  // spread to tensors that are no sizes, as each symbol that occurs is asked for at run time.
  bool isNumbers = llvm::all_of(elements, [](const SizeExpr &element) { return element.constant().has_value(); });
  if (elements.size() > (isNumbers ? 1024 : 64))
    return value;
  // A hostile graph squares a size again and again; no size of a model is so long.
  for (const SizeExpr &element : elements)
    if (element.getTerms().size() > 64 || element.str().size() > 2048)
      return value;
  if (llvm::any_of(elements, hasValueSymbol)) {
    importer.known[value] = KnownIntegers(elements);
    return value;
  }
  return createIntegers(elements, mlir::cast<RankedTensorType>(value.getType()).getShape(), getElementType(value));
}

std::optional<SizeExpr> NodeContext::getElementLimit(Value value) {
  auto it = importer.limits.find(value);
  if (it == importer.limits.end() || it->second.size() != 1)
    return std::nullopt;
  return it->second.front();
}

std::optional<SizeExpr> NodeContext::getElementLimit(Value value, int64_t column) {
  auto it = importer.limits.find(value);
  if (it == importer.limits.end())
    return std::nullopt;
  return it->second.size() == 1 ? it->second.front() : it->second[column];
}

void NodeContext::setElementLimit(Value value, const SizeExpr &limit) {
  if (value)
    importer.limits[value] = {limit};
}
