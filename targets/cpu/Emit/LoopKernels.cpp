//===- LoopKernels.cpp - Kernels that are loops over elements ------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Emit/LoopKernels.h"

#include "targets/cpu/Emit/RegionEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

#include <set>

using namespace mlir;
using namespace sinter;
using namespace sinter::cpu;
using Coordinates = RegionEmitter::Coordinates;

/// What is computed for each element: the yielded value before it is regrouped, since elements keep their order.
static Value getComputed(Block &body) {
  Value value = cast<YieldOp>(body.back()).getValues()[0];
  while (auto reshape = value.getDefiningOp<ReshapeOp>())
    value = reshape.getInput();
  return value;
}

/// All symbols in the region's sizes, sorted.
static std::vector<std::string> getSymbols(Block &body) {
  std::set<std::string> symbols;
  auto addSizes = [&](ArrayRef<SizeExpr> sizes) {
    for (const SizeExpr &size : sizes)
      size.forEachSymbol([&](StringRef name) { symbols.insert(name.str()); });
  };
  for (BlockArgument argument : body.getArguments())
    addSizes(getSizes(argument));
  for (Operation &op : body) {
    for (Value result : op.getResults())
      addSizes(getSizes(result));
    for (NamedAttribute attribute : op.getAttrDictionary())
      if (auto dims = dyn_cast<DimsAttr>(attribute.getValue()))
        addSizes(dims.getSizes());
  }
  return {symbols.begin(), symbols.end()};
}

/// The arguments that indices of the region are computed from, in order.
static SmallVector<unsigned> getIndexArguments(Block &body) {
  SmallVector<unsigned> arguments;
  for (Operation &op : body) {
    if (!isa<GatherOp, GatherElementsOp, GatherNdOp, ScatterElementsOp, ScatterNdOp>(op))
      continue;
    std::optional<unsigned> argument = RegionEmitter::findIndexArgument(op.getOperand(1));
    if (argument && !llvm::is_contained(arguments, *argument))
      arguments.push_back(*argument);
  }
  return arguments;
}

namespace {

/// How the elements of a result are cut into tasks: rows of the last dimension, `rowsPerTask` together where they are
/// short, in pieces of `columnsPerTask` where they are long.
struct LoopShape {
  Sizes leading;
  SizeExpr rows, columns, rowsPerTask, columnPieces;
  int64_t columnsPerTask;

  LoopShape(ArrayRef<SizeExpr> sizes, bool isExpensive) : columnsPerTask(isExpensive ? 64 : 4096) {
    columns = sizes.empty() ? SizeExpr(1) : sizes.back();
    leading.assign(sizes.begin(), sizes.end() - (sizes.empty() ? 0 : 1));
    rows = SizeExpr::product(leading);
    rowsPerTask = SizeExpr::max(1, SizeExpr::floorDiv(columnsPerTask, SizeExpr::max(1, columns)));
    columnPieces = SizeExpr::ceilDiv(columns, columnsPerTask);
  }
  SizeExpr numTasks() const { return SizeExpr::ceilDiv(rows, rowsPerTask) * columnPieces; }
};

} // namespace

/// Whether an element takes a loop.
static bool isExpensive(Block &body) {
  return llvm::any_of(body, [](Operation &op) { return isa<ReduceOp, ArgReduceOp, MatmulOp, ConvOp>(op); });
}

FailureOr<LaunchPlan> cpu::planLoopKernel(StringRef kind, Block &body) {
  Value computed = getComputed(body);
  MLIRContext *context = computed.getContext();
  LaunchPlan plan;
  for (BlockArgument argument : body.getArguments())
    plan.words.push_back(WordAttr::getOperand(context, argument.getArgNumber()));
  plan.words.push_back(WordAttr::getResult(context, 0));
  for (const std::string &symbol : getSymbols(body))
    plan.words.push_back(WordAttr::getInteger(context, SizeExpr::symbol(symbol)));
  for (unsigned argument : getIndexArguments(body)) {
    plan.indexWords.push_back({static_cast<unsigned>(plan.words.size()), argument});
    plan.words.push_back(WordAttr::getInteger(context, 0));
  }
  plan.scratchBytes = 64; // the note of an index out of range
  if (kind == "scatter") {
    plan.tasks = 1; // updates of one element come in order
  } else if (auto sum = computed.getDefiningOp<CumulativeSumOp>()) {
    Sizes sizes = getSizes(computed);
    sizes.erase(sizes.begin() + sum.getAxis());
    plan.tasks = SizeExpr::product(sizes);
  } else {
    plan.tasks = LoopShape(getSizes(computed), isExpensive(body)).numTasks();
  }
  return plan;
}

static void storeElement(KernelBuilder &k, RegionEmitter &region, Value element, Value result, Int index, Type type) {
  k.storeScalar(region.elements().toStorage(element, type), result, index);
}

static void buildElements(KernelBuilder &k, RegionEmitter &region, Block &body, Value result) {
  Value computed = getComputed(body);
  Type type = sinter::getElementType(computed), storage = getStorageType(type);
  Sizes sizes = getSizes(computed);
  LoopShape shape(sizes, isExpensive(body));
  int64_t lastAxis = static_cast<int64_t>(sizes.size()) - 1;
  bool vectorized = lastAxis >= 0 && RegionEmitter::canVectorize(computed, lastAxis);
  Int rows = region.size(shape.rows), columns = region.size(shape.columns);
  Int rowsPerTask = region.size(shape.rowsPerTask), pieces = region.size(shape.columnPieces);

  k.loop(k.begin(), k.end(), 1, [&](Int task) {
    Int firstRow = k.mul(k.div(task, pieces), rowsPerTask), lastRow = k.min(rows, k.add(firstRow, rowsPerTask));
    Int firstColumn = k.mul(k.rem(task, pieces), shape.columnsPerTask);
    Int lastColumn = k.min(columns, k.add(firstColumn, shape.columnsPerTask));
    k.loop(firstRow, lastRow, 1, [&](Int row) {
      region.scoped([&] {
        Coordinates leading = region.delinearize(row, shape.leading);
        Int rowStart = k.mul(row, columns);
        auto at = [&](Int column) {
          Coordinates coordinates(leading);
          if (lastAxis >= 0)
            coordinates.push_back(column);
          return coordinates;
        };
        Int scalarsFrom = firstColumn;
        if (vectorized) {
          int64_t lanes = k.lanes();
          scalarsFrom = k.add(firstColumn, k.mul(k.div(k.max(0, k.sub(lastColumn, firstColumn)), lanes), lanes));
          k.loop(firstColumn, scalarsFrom, lanes, [&](Int column) {
            region.scoped([&] {
              Value element = region.emit(computed, at(column), lastAxis);
              if (!isa<VectorType>(element.getType()))
                element = region.elements().splatLike(
                    element, LLVM::UndefOp::create(k.builder(), k.loc(), k.vectorOf(element.getType())));
              k.store(region.elements().toStorage(element, type), k.offset(result, k.add(rowStart, column), storage));
              return 0;
            });
          });
        }
        k.loop(scalarsFrom, lastColumn, 1, [&](Int column) {
          region.scoped([&] {
            Value element = region.emit(computed, at(column), RegionEmitter::noLanes);
            storeElement(k, region, element, result, k.add(rowStart, column), type);
            return 0;
          });
        });
        return 0;
      });
    });
  });
}

/// Calls `body` for each place of a tensor, in row-major order, on one thread.
static void forEachPlace(KernelBuilder &k, RegionEmitter &region, ArrayRef<SizeExpr> sizes,
                         llvm::function_ref<void(ArrayRef<Int>, Int)> body) {
  k.loop(0, region.size(SizeExpr::product(sizes)), 1, [&](Int index) {
    region.scoped([&] {
      body(region.delinearize(index, sizes), index);
      return 0;
    });
  });
}

static void buildScatter(KernelBuilder &k, RegionEmitter &region, Block &body, Value result) {
  Operation *op = getComputed(body).getDefiningOp();
  Value data = op->getOperand(0), indices = op->getOperand(1), updates = op->getOperand(2);
  auto elements = dyn_cast<ScatterElementsOp>(op);
  ScatterKind kind = elements ? elements.getKind() : cast<ScatterNdOp>(op).getKind();
  Type type = sinter::getElementType(data), storage = getStorageType(type);
  Sizes dataSizes = getSizes(data);
  forEachPlace(k, region, dataSizes, [&](ArrayRef<Int> at, Int index) {
    storeElement(k, region, region.emit(data, at, RegionEmitter::noLanes), result, index, type);
  });
  forEachPlace(k, region, getSizes(updates), [&](ArrayRef<Int> at, Int) {
    Coordinates target;
    if (elements) {
      target.assign(at.begin(), at.end());
      target[elements.getAxis()] = region.position(indices, at, dataSizes[elements.getAxis()]);
    } else {
      int64_t leading = sinter::getRank(indices) - 1, length = *getSizes(indices).back().constant();
      for (int64_t j = 0; j < length; ++j) {
        Coordinates place(at.begin(), at.begin() + leading);
        place.push_back(j);
        target.push_back(region.position(indices, place, dataSizes[j]));
      }
      target.append(at.begin() + leading, at.end());
    }
    Int index = region.linearize(target, dataSizes);
    Value update = region.emit(updates, at, RegionEmitter::noLanes);
    if (kind != ScatterKind::replace) {
      Value old = region.elements().fromStorage(k.loadScalar(result, index, storage), type);
      ElementwiseEmitter &emitter = region.elements();
      update = kind == ScatterKind::add   ? emitter.add(old, update, type)
               : kind == ScatterKind::mul ? emitter.multiply(old, update, type)
                                          : emitter.minimumOrMaximum(kind == ScatterKind::max, old, update, type);
    }
    storeElement(k, region, update, result, index, type);
  });
}

static void buildCumulativeSum(KernelBuilder &k, RegionEmitter &region, Block &body, Value result) {
  auto op = getComputed(body).getDefiningOp<CumulativeSumOp>();
  Type type = sinter::getElementType(op.getInput());
  int64_t axis = op.getAxis();
  Sizes sizes = getSizes(op.getInput()), others = sizes;
  others.erase(others.begin() + axis);
  Int length = region.size(sizes[axis]);
  // Sums of floats in f64, each rounded once.
  Type sumType = isa<FloatType>(type) ? Type(k.builder().getF64Type()) : type;
  k.loop(k.begin(), k.end(), 1, [&](Int line) {
    region.scoped([&] {
      Coordinates at = region.delinearize(line, others);
      at.insert(at.begin() + axis, 0);
      Value start = region.elements().constant(0.0, sumType);
      k.loop(0, length, 1, {start}, [&](Int i, ArrayRef<Value> carried) {
        return region.scoped([&] {
          at[axis] = op.getReverse() ? k.sub(k.sub(length, 1), i) : i;
          Value x = region.emit(op.getInput(), at, RegionEmitter::noLanes);
          Value sum = region.elements().add(carried[0], region.elements().convert(x, type, sumType), sumType);
          Value shown = op.getExclusive() ? carried[0] : sum;
          storeElement(k, region, region.elements().convert(shown, sumType, type), result, region.linearize(at, sizes),
                       type);
          return KernelBuilder::Values{sum};
        });
      });
      return 0;
    });
  });
}

void cpu::buildLoopKernel(KernelBuilder &k, StringRef name, StringRef kind, Block &body) {
  k.beginKernel(name);
  unsigned numArguments = body.getNumArguments();
  Value result = k.pointerWord(numArguments);
  RegionEmitter region(k, body, getSymbols(body), numArguments + 1, getIndexArguments(body));
  if (kind == "scatter")
    buildScatter(k, region, body, result);
  else if (kind == "cumulative_sum")
    buildCumulativeSum(k, region, body, result);
  else
    buildElements(k, region, body, result);
  k.endKernel(region.result());
}
