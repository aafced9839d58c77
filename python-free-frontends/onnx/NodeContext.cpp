//===- NodeContext.cpp - What an importer sees of its node ----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/onnx/GraphImporter.h"

#include "mlir/IR/Verifier.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::onnx;

NodeContext::NodeContext(GraphImporter &importer, const Node &node, int64_t version, Location loc)
    : importer(importer), node(node), version(version), loc(loc), attributeUsed(node.attributes.size(), false) {}

Value NodeContext::operand(unsigned i) const {
  Value value = i < operandValues.size() ? operandValues[i] : Value();
  importer.readValues.insert(value);
  return value;
}

mlir::Type NodeContext::operandElementType(unsigned i) const {
  return i < operandValues.size() && operandValues[i] ? getElementType(operandValues[i]) : mlir::Type();
}

SmallVector<Value> NodeContext::operands() const {
  SmallVector<Value> present;
  for (Value value : operandValues)
    if (value) {
      importer.readValues.insert(value);
      present.push_back(value);
    }
  return present;
}

LogicalResult NodeContext::setResult(unsigned i, Value value) {
  if (hasFailedAlready || !value)
    return failure();
  if (i < resultValues.size())
    resultValues[i] = value;
  return success();
}

OpBuilder &NodeContext::getBuilder() { return importer.builder; }
MLIRContext *NodeContext::getContext() { return &importer.context; }

//===----------------------------------------------------------------------===//
// Failures
//===----------------------------------------------------------------------===//

LogicalResult NodeContext::fail(const Twine &reason, const Twine &hint) {
  if (!hasFailedAlready)
    importer.addUnsupported(node, version, reason, hint);
  hasFailedAlready = true;
  return failure();
}

LogicalResult NodeContext::malformed(const Twine &reason) {
  if (!hasFailedAlready)
    (void)importer.setMalformed(Twine(node.opType) + ": " + reason, node.label());
  hasFailedAlready = true;
  return failure();
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

const onnx::Attribute *NodeContext::findAttribute(StringRef name, Attribute::Kind kind) {
  const onnx::Attribute *found = nullptr;
  for (auto [i, attribute] : llvm::enumerate(node.attributes))
    if (attribute.name == name) {
      attributeUsed[i] = true;
      found = &attribute;
    }
  if (!found || kind == Attribute::Kind::Undefined || found->kind == kind)
    return found;
  (void)malformed("attribute '" + name + "' is of kind " + attributeKindName(found->kind) + ", required " +
                  attributeKindName(kind));
  return nullptr;
}

bool NodeContext::hasAttribute(StringRef name) { return findAttribute(name, Attribute::Kind::Undefined); }

int64_t NodeContext::getInt(StringRef name, int64_t defaultValue) {
  const onnx::Attribute *attribute = findAttribute(name, Attribute::Kind::Int);
  return attribute ? attribute->intValue : defaultValue;
}

double NodeContext::getFloat(StringRef name, double defaultValue) {
  const onnx::Attribute *attribute = findAttribute(name, Attribute::Kind::Float);
  return attribute ? attribute->floatValue : defaultValue;
}

std::string NodeContext::getString(StringRef name, StringRef defaultValue) {
  const onnx::Attribute *attribute = findAttribute(name, Attribute::Kind::String);
  return attribute ? attribute->stringValue : defaultValue.str();
}

std::optional<SmallVector<int64_t>> NodeContext::getInts(StringRef name) {
  const onnx::Attribute *attribute = findAttribute(name, Attribute::Kind::Ints);
  if (!attribute)
    return std::nullopt;
  return SmallVector<int64_t>(attribute->ints.begin(), attribute->ints.end());
}

std::optional<SmallVector<double>> NodeContext::getFloats(StringRef name) {
  const onnx::Attribute *attribute = findAttribute(name, Attribute::Kind::Floats);
  if (!attribute)
    return std::nullopt;
  return SmallVector<double>(attribute->floats.begin(), attribute->floats.end());
}

const Tensor *NodeContext::getTensor(StringRef name) {
  const onnx::Attribute *attribute = findAttribute(name, Attribute::Kind::Tensor);
  return attribute ? &attribute->tensors.front() : nullptr;
}

const Graph *NodeContext::getGraph(StringRef name) {
  const onnx::Attribute *attribute = findAttribute(name, Attribute::Kind::Graph);
  return attribute ? &attribute->graphs.front() : nullptr;
}

mlir::Type NodeContext::getElementTypeAttribute(StringRef name, DataType defaultType) {
  return elementType(static_cast<DataType>(getInt(name, static_cast<int64_t>(defaultType))));
}

void NodeContext::ignoreAttribute(StringRef name) { findAttribute(name, Attribute::Kind::Undefined); }

LogicalResult NodeContext::checkAttributesUsed() {
  for (auto [i, attribute] : llvm::enumerate(node.attributes))
    if (!attributeUsed[i])
      return fail("attribute '" + Twine(attribute.name) + "' is not known");
  return success();
}

mlir::Type NodeContext::elementType(DataType type) {
  mlir::Type converted = convertType(type, getContext());
  if (!converted)
    (void)fail("element type " + dataTypeName(type));
  return converted;
}

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

LogicalResult NodeContext::unify(const SizeExpr &a, const SizeExpr &b, const Twine &what) {
  if (hasFailedAlready)
    return failure();
  switch (importer.symbols.equate(a, b)) {
  case Symbols::Solution::Equal:
    return success();
  case Symbols::Solution::Replaced:
    importer.restart = true;
    hasFailedAlready = true;
    return failure();
  case Symbols::Solution::Contradiction:
    return malformed(what + ": sizes " + a.str() + " and " + b.str() + " differ");
  case Symbols::Solution::Unsolved:
    return fail(what + ": sizes " + a.str() + " and " + b.str() + " must be equal, and no symbol can be found for it",
                "fix the sizes with --dim");
  }
  llvm_unreachable("solutions");
}

LogicalResult NodeContext::unify(ArrayRef<SizeExpr> a, ArrayRef<SizeExpr> b, const Twine &what) {
  if (a.size() != b.size())
    return malformed(what + ": ranks " + Twine(a.size()) + " and " + Twine(b.size()) + " differ");
  for (auto [left, right] : llvm::zip_equal(a, b))
    if (failed(unify(left, right, what)))
      return failure();
  return success();
}

FailureOr<Sizes> NodeContext::broadcast(ArrayRef<SizeExpr> a, ArrayRef<SizeExpr> b) {
  if (a.size() < b.size())
    std::swap(a, b);
  Sizes result(a.begin(), a.end());
  for (size_t i = 0; i < b.size(); ++i) {
    SizeExpr &size = result[a.size() - b.size() + i];
    if (size == b[i] || b[i].isConstant(1))
      continue;
    if (size.isConstant(1)) {
      size = b[i];
      continue;
    }
    if (failed(unify(size, b[i], "broadcasting " + printSizes(a) + " and " + printSizes(b))))
      return failure();
  }
  return result;
}

FailureOr<Sizes> NodeContext::broadcast(ValueRange values) {
  Sizes sizes;
  for (Value value : values) {
    if (hasFailedAlready || !value)
      return failure();
    FailureOr<Sizes> both = broadcast(sizes, getSizes(value));
    if (failed(both))
      return failure();
    sizes = *both;
  }
  return sizes;
}

bool NodeContext::bound(const SizeExpr &size, int64_t high) { return importer.symbols.bound(size, high); }

bool NodeContext::boundBelow(const SizeExpr &size, int64_t low) { return importer.symbols.boundBelow(size, low); }

SizeExpr NodeContext::makeSize(const SizeExpr &size) const { return importer.symbols.makeSize(size); }

FailureOr<int64_t> NodeContext::normalizeAxis(int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank)
    return malformed("axis " + Twine(axis) + " of a tensor of rank " + Twine(rank));
  return axis < 0 ? axis + rank : axis;
}

FailureOr<SmallVector<int64_t>> NodeContext::normalizeAxes(ArrayRef<int64_t> axes, int64_t rank) {
  SmallVector<int64_t> result;
  for (int64_t axis : axes) {
    FailureOr<int64_t> normal = normalizeAxis(axis, rank);
    if (failed(normal))
      return failure();
    if (llvm::is_contained(result, *normal))
      return malformed("axis " + Twine(axis) + " is given twice");
    result.push_back(*normal);
  }
  llvm::sort(result);
  return result;
}

//===----------------------------------------------------------------------===//
// Making ops
//===----------------------------------------------------------------------===//

bool NodeContext::inferTypes(OperationState &state, InferFunction infer) {
  for (Value operand : state.operands)
    if (!operand)
      return (void)malformed("an input is missing"), false;
  SmallVector<mlir::Type> types;
  importer.diagnostic.clear();
  if (failed(infer(getContext(), loc, state.operands, state.attributes.getDictionary(getContext()),
                   state.getRawProperties(), state.regions, types)))
    return (void)malformed(importer.takeDiagnostic()), false;
  state.types.assign(types.begin(), types.end());
  return true;
}

LogicalResult NodeContext::checkSizes(ArrayRef<SizeExpr> sizes) {
  for (const SizeExpr &size : sizes)
    if (size.constant().value_or(0) < 0)
      return malformed("a size of " + size.str());
  return success();
}

Value NodeContext::createChecked(OperationState &state) {
  for (Value operand : state.operands)
    if (!operand)
      return (void)malformed("an input is missing"), Value();
  // What MLIR's types only assert.
  for (mlir::Type type : state.types) {
    auto tensor = mlir::cast<RankedTensorType>(type);
    SmallVector<int64_t> numbers;
    for (int64_t size : tensor.getShape())
      numbers.push_back(ShapedType::isDynamic(size) ? 1 : size);
    if (!countElements(numbers))
      return (void)malformed("sizes " + printSizes(getSizes(type))), Value();
  }
  Operation *op = getBuilder().create(state);
  importer.diagnostic.clear();
  if (failed(verify(op, /*verifyRecursively=*/false))) {
    op->erase();
    return (void)malformed(importer.takeDiagnostic()), Value();
  }
  return op->getResult(0);
}

Value NodeContext::elementwise(ElementwiseKind kind, ValueRange operands, std::optional<double> alpha) {
  FailureOr<Sizes> sizes = broadcast(operands);
  if (failed(sizes))
    return {};
  FloatAttr alphaAttr = alpha ? getBuilder().getF64FloatAttr(*alpha) : FloatAttr();
  bool isSelect = kind == ElementwiseKind::select;
  for (Value operand : operands.drop_front(isSelect ? 1 : 0))
    if (getElementType(operand) != getElementType(operands[isSelect ? 1 : 0]))
      return (void)malformed("element types " + describeType(getElementType(operands[isSelect ? 1 : 0])) + " and " +
                             describeType(getElementType(operand)) + " differ"),
             Value();
  Value result = create<ElementwiseOp>(kind, operands, alphaAttr);
  if (!result)
    return {};
  if (!isa<IntegerType>(getElementType(result)))
    return result;
  std::vector<KnownIntegers> elements;
  for (Value operand : operands) {
    std::optional<KnownIntegers> integers = getKnownIntegers(operand);
    if (!integers)
      return result;
    elements.push_back(std::move(*integers));
  }
  // The operand's element for each of the result's, in row-major order.
  auto type = mlir::cast<RankedTensorType>(result.getType());
  if (!type.hasStaticShape() || type.getNumElements() > 1024)
    return result;
  KnownIntegers computed;
  for (int64_t linear = 0; linear < type.getNumElements(); ++linear) {
    SmallVector<SizeExpr> args;
    for (auto [operand, integers] : llvm::zip_equal(operands, elements)) {
      ArrayRef<int64_t> shape = mlir::cast<RankedTensorType>(operand.getType()).getShape();
      int64_t rest = linear, position = 0, stride = 1;
      for (int64_t axis = type.getRank() - 1, own = static_cast<int64_t>(shape.size()) - 1; axis >= 0; --axis, --own) {
        int64_t index = rest % type.getDimSize(axis);
        rest /= type.getDimSize(axis);
        if (own < 0)
          continue;
        position += (shape[own] == 1 ? 0 : index) * stride;
        stride *= shape[own];
      }
      args.push_back(integers[position]);
    }
    std::optional<SizeExpr> element = evaluateElement(kind, args);
    if (!element)
      return result;
    computed.push_back(*element);
  }
  return setKnownIntegers(result, computed);
}

Value NodeContext::elementwise(ElementwiseKind kind, Value operand, double number) {
  if (hasFailedAlready || !operand)
    return {};
  return elementwise(kind, {operand, scalar(number, getElementType(operand))});
}

Value NodeContext::cast(Value value, mlir::Type elementType, bool saturate, RoundMode roundMode) {
  if (hasFailedAlready || !value || !elementType || getElementType(value) == elementType)
    return hasFailedAlready ? Value() : value;
  Value result = createSized<CastOp>(getTensorType(getSizes(value), elementType), value, !saturate, roundMode);
  // What becomes narrow, or was, may have been changed.
  if (!result || !isa<IntegerType>(elementType) || isNarrow(elementType) || isNarrow(getElementType(value)))
    return result;
  if (std::optional<SizeExpr> limit = getElementLimit(value); limit && !elementType.isInteger(1))
    setElementLimit(result, *limit);
  std::optional<KnownIntegers> integers = getKnownIntegers(value);
  // A size that went through a float and comes back: exporters do so for scales.
  if (auto first = value.getDefiningOp<CastOp>(); first && !integers && !elementType.isInteger(1))
    integers = getKnownIntegers(first.getInput());
  if (!integers)
    return result;
  for (SizeExpr &element : *integers)
    if (elementType.isInteger(1))
      element = SizeExpr(1) - SizeExpr::eq(element, 0);
  return setKnownIntegers(result, *integers);
}

Value NodeContext::reshape(Value value, ArrayRef<SizeExpr> sizes) {
  if (hasFailedAlready || !value || failed(checkSizes(sizes)))
    return {};
  SizeExpr from = getNumElements(value.getType()), to = SizeExpr::product(sizes);
  // What depends on an input's elements is decided by each run.
  bool dependsOnValues = hasValueSymbol(from) || hasValueSymbol(to);
  std::string what = "reshape of " + printSizes(getSizes(value)) + " to " + printSizes(sizes);
  if (dependsOnValues && SizeExpr::provedDifferent(from, to))
    return (void)malformed(what), Value();
  if (!dependsOnValues && failed(unify(from, to, what)))
    return {};
  mlir::Type type = getTensorType(sizes, getElementType(value));
  if (type == value.getType())
    return value;
  Value result = createSized<ReshapeOp>(type, value);
  if (!result)
    return {};
  if (std::optional<SizeExpr> limit = getElementLimit(value))
    setElementLimit(result, *limit);
  if (std::optional<KnownIntegers> integers = getKnownIntegers(value))
    return setKnownIntegers(result, *integers);
  return result;
}

Value NodeContext::broadcastTo(Value value, ArrayRef<SizeExpr> sizes) {
  if (hasFailedAlready || !value || failed(checkSizes(sizes)))
    return {};
  Sizes from = getSizes(value);
  if (from.size() > sizes.size())
    return (void)malformed("sizes " + printSizes(from) + " cannot become " + printSizes(sizes)), Value();
  for (size_t i = 0; i < from.size(); ++i)
    if (!from[i].isConstant(1) && failed(unify(from[i], sizes[sizes.size() - from.size() + i],
                                               "broadcasting " + printSizes(from) + " to " + printSizes(sizes))))
      return {};
  mlir::Type type = getTensorType(sizes, getElementType(value));
  if (type == value.getType())
    return value;
  Value result = createSized<BroadcastOp>(type, value);
  if (!result)
    return {};
  if (std::optional<SizeExpr> limit = getElementLimit(value))
    setElementLimit(result, *limit);
  auto tensorType = mlir::cast<RankedTensorType>(type);
  if (std::optional<KnownIntegers> integers = getKnownIntegers(value);
      integers && integers->size() == 1 && tensorType.hasStaticShape() && tensorType.getNumElements() <= 64)
    return setKnownIntegers(result, KnownIntegers(tensorType.getNumElements(), integers->front()));
  return result;
}

Value NodeContext::transpose(Value value, ArrayRef<int64_t> permutation) {
  if (hasFailedAlready || !value)
    return {};
  if (llvm::equal(permutation, llvm::seq<int64_t>(0, permutation.size())) &&
      static_cast<int64_t>(permutation.size()) == getRank(value))
    return value;
  Value result = create<TransposeOp>(value, permutation);
  if (!result)
    return {};
  if (std::optional<SizeExpr> limit = getElementLimit(value))
    setElementLimit(result, *limit);
  std::optional<KnownIntegers> integers = getKnownIntegers(value);
  if (!integers)
    return result;
  ArrayRef<int64_t> from = mlir::cast<RankedTensorType>(value.getType()).getShape();
  KnownIntegers elements(integers->size());
  for (size_t linear = 0; linear < integers->size(); ++linear) {
    SmallVector<int64_t> index(from.size());
    for (int64_t axis = static_cast<int64_t>(from.size()) - 1, rest = linear; axis >= 0; --axis) {
      index[axis] = rest % from[axis];
      rest /= from[axis];
    }
    int64_t position = 0;
    for (int64_t axis : permutation)
      position = position * from[axis] + index[axis];
    elements[position] = (*integers)[linear];
  }
  return setKnownIntegers(result, elements);
}

Value NodeContext::concat(ValueRange values, int64_t axis) {
  if (hasFailedAlready || llvm::is_contained(values, Value()))
    return {};
  Sizes first = getSizes(values[0]);
  for (Value value : values.drop_front()) {
    Sizes sizes = getSizes(value);
    if (sizes.size() != first.size())
      return (void)malformed("ranks " + Twine(first.size()) + " and " + Twine(sizes.size()) + " differ"), Value();
    for (size_t i = 0; i < sizes.size(); ++i)
      if (static_cast<int64_t>(i) != axis && failed(unify(first[i], sizes[i], "joining along axis " + Twine(axis))))
        return {};
  }
  if (values.size() == 1)
    return values[0];
  Value result = create<ConcatOp>(axis, values);
  if (!result || !isa<IntegerType>(getElementType(result)))
    return result;
  // Joined along the last axis in columns, each has its own limit: the positions of a GatherND.
  if (axis == static_cast<int64_t>(first.size()) - 1) {
    SmallVector<std::optional<SizeExpr>> columns;
    for (Value value : values)
      if (getSize(value, axis).isConstant(1))
        columns.push_back(getElementLimit(value));
    if (columns.size() == values.size())
      importer.limits[result] = columns;
  }
  std::vector<KnownIntegers> parts;
  for (Value value : values) {
    std::optional<KnownIntegers> integers = getKnownIntegers(value);
    if (!integers)
      return result;
    parts.push_back(std::move(*integers));
  }
  int64_t outer = 1;
  for (int64_t i = 0; i < axis; ++i)
    outer *= *first[i].constant();
  KnownIntegers elements;
  for (int64_t row = 0; row < outer; ++row)
    for (const KnownIntegers &part : parts) {
      size_t length = part.size() / outer;
      elements.append(part.begin() + row * length, part.begin() + (row + 1) * length);
    }
  return setKnownIntegers(result, elements);
}

Value NodeContext::slice(Value value, int64_t axis, const SizeExpr &start, const SizeExpr &size, const SizeExpr &step) {
  if (hasFailedAlready || !value || failed(checkSizes(size)))
    return {};
  Sizes sizes = getSizes(value);
  if (start.isConstant(0) && step.isConstant(1) && size == sizes[axis])
    return value;
  SmallVector<SizeExpr> starts(sizes.size(), 0), steps(sizes.size(), 1);
  starts[axis] = start;
  steps[axis] = step;
  SizeExpr before = sizes[axis];
  sizes[axis] = size;
  Value result = createSized<SliceOp>(getTensorType(sizes, getElementType(value)), value,
                                      DimsAttr::get(getContext(), starts), DimsAttr::get(getContext(), steps));
  if (!result)
    return {};
  if (std::optional<SizeExpr> limit = getElementLimit(value))
    setElementLimit(result, *limit);
  std::optional<KnownIntegers> integers = getKnownIntegers(value);
  std::optional<int64_t> from = start.constant(), by = step.constant(), count = size.constant();
  if (!integers || !from || !by || !count)
    return result;
  int64_t length = *before.constant(), inner = 1;
  for (size_t i = axis + 1; i < sizes.size(); ++i)
    inner *= *sizes[i].constant();
  KnownIntegers elements;
  for (int64_t outer = 0; length && outer < static_cast<int64_t>(integers->size()) / (length * inner); ++outer)
    for (int64_t i = 0; i < *count; ++i)
      for (int64_t j = 0; j < inner; ++j)
        elements.push_back((*integers)[(outer * length + *from + i * *by) * inner + j]);
  return setKnownIntegers(result, elements);
}

Value NodeContext::reduce(ReduceKind kind, Value value, ArrayRef<int64_t> axes, bool keepDims) {
  if (hasFailedAlready || !value)
    return {};
  Value result = create<ReduceOp>(kind, value, axes, keepDims);
  if (!result)
    return {};
  std::optional<KnownIntegers> integers = getKnownIntegers(value);
  bool isWhole = static_cast<int64_t>(axes.size()) == getRank(value);
  if (!integers || integers->empty() || !isWhole)
    return result;
  SizeExpr total = integers->front();
  for (const SizeExpr &element : llvm::drop_begin(*integers)) {
    if (kind == ReduceKind::sum)
      total = total + element;
    else if (kind == ReduceKind::prod)
      total = total * element;
    else if (kind == ReduceKind::max)
      total = SizeExpr::max(total, element);
    else if (kind == ReduceKind::min)
      total = SizeExpr::min(total, element);
    else
      return result;
  }
  if (integers->size() == 1 && (kind == ReduceKind::sum_squares || kind == ReduceKind::sum_abs))
    return result;
  return setKnownIntegers(result, total);
}

Value NodeContext::scalar(double number, mlir::Type elementType) {
  if (hasFailedAlready)
    return {};
  auto type = RankedTensorType::get({}, elementType);
  if (auto floatType = dyn_cast<FloatType>(elementType))
    return createSized<ConstantOp>(type, DenseElementsAttr::get(type, FloatAttr::get(floatType, number)));
  return integerScalar(static_cast<int64_t>(number), elementType);
}

Value NodeContext::integerScalar(int64_t number, mlir::Type elementType) {
  return createIntegers(SizeExpr(number), {}, elementType);
}

Value NodeContext::tensor(const Tensor &tensor) {
  if (hasFailedAlready)
    return {};
  std::string reason;
  Value value = importer.importTensor(tensor, loc, reason);
  if (!value) {
    if (importer.failure)
      hasFailedAlready = true;
    else
      (void)fail(reason);
  }
  return value;
}

FailureOr<SmallVector<Value>> NodeContext::inlineGraph(const Graph &graph) {
  return importer.importInnerGraph(graph, *this);
}
