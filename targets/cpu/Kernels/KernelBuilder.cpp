//===- KernelBuilder.cpp - A thin layer that writes kernels ---------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Kernels/KernelBuilder.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace sinter::cpu;
using Values = KernelBuilder::Values;

KernelBuilder::KernelBuilder(ModuleOp module, const Isa &isa)
    : module(module), machine(isa), b(module.getContext()), location(UnknownLoc::get(module.getContext())) {}

void KernelBuilder::loadDialects(MLIRContext &context) {
  context.loadDialect<arith::ArithDialect, func::FuncDialect, LLVM::LLVMDialect, math::MathDialect, scf::SCFDialect,
                      vector::VectorDialect>();
}

void KernelBuilder::beginKernel(StringRef name) {
  Type pointer = pointerType(), i64 = b.getI64Type();
  auto type = b.getFunctionType({pointer, i64, i64, pointer}, {i64});
  b.setInsertionPointToEnd(module.getBody());
  function = func::FuncOp::create(b, location, name, type);
  // Nothing else that a kernel reads or writes is in its scratch memory.
  function.setArgAttr(3, LLVM::LLVMDialect::getNoAliasAttrName(), b.getUnitAttr());
  b.setInsertionPointToStart(function.addEntryBlock());
  constants.clear();
}

func::FuncOp KernelBuilder::endKernel(Int result) {
  func::ReturnOp::create(b, location, materialize(result));
  return function;
}

Value KernelBuilder::pointerWord(unsigned word) { return loadScalar(function.getArgument(0), word, pointerType()); }
Int KernelBuilder::integerWord(unsigned word) { return loadScalar(function.getArgument(0), word, b.getI64Type()); }

Type KernelBuilder::pointerType() { return LLVM::LLVMPointerType::get(b.getContext()); }

Value KernelBuilder::constant(TypedAttr attribute) {
  Value &value = constants[attribute];
  if (!value) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&function.getBody().front());
    value = arith::ConstantOp::create(b, location, attribute);
  }
  return value;
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

Value KernelBuilder::materialize(Int x) {
  return x.getValue() ? x.getValue() : constant(b.getI64IntegerAttr(*x.constant()));
}

Int KernelBuilder::add(Int x, Int y) {
  if (x.constant() && y.constant())
    return *x.constant() + *y.constant();
  if (x.is(0))
    return y;
  if (y.is(0))
    return x;
  return arith::AddIOp::create(b, location, materialize(x), materialize(y)).getResult();
}
Int KernelBuilder::sub(Int x, Int y) {
  if (x.constant() && y.constant())
    return *x.constant() - *y.constant();
  if (y.is(0))
    return x;
  return arith::SubIOp::create(b, location, materialize(x), materialize(y)).getResult();
}
Int KernelBuilder::mul(Int x, Int y) {
  if (x.constant() && y.constant())
    return *x.constant() * *y.constant();
  if (x.is(0) || y.is(0))
    return 0;
  if (x.is(1))
    return y;
  if (y.is(1))
    return x;
  return arith::MulIOp::create(b, location, materialize(x), materialize(y)).getResult();
}
Int KernelBuilder::div(Int x, Int y) {
  if (x.constant() && y.constant())
    return *x.constant() / *y.constant();
  if (y.is(1))
    return x;
  return arith::DivUIOp::create(b, location, materialize(x), materialize(y)).getResult();
}
Int KernelBuilder::rem(Int x, Int y) {
  if (x.constant() && y.constant())
    return *x.constant() % *y.constant();
  if (y.is(1))
    return 0;
  return arith::RemUIOp::create(b, location, materialize(x), materialize(y)).getResult();
}
Int KernelBuilder::ceilDiv(Int x, Int y) { return div(add(x, sub(y, 1)), y); }
Int KernelBuilder::min(Int x, Int y) {
  if (x.constant() && y.constant())
    return std::min(*x.constant(), *y.constant());
  return arith::MinSIOp::create(b, location, materialize(x), materialize(y)).getResult();
}
Int KernelBuilder::max(Int x, Int y) {
  if (x.constant() && y.constant())
    return std::max(*x.constant(), *y.constant());
  return arith::MaxSIOp::create(b, location, materialize(x), materialize(y)).getResult();
}
Value KernelBuilder::compare(arith::CmpIPredicate predicate, Int x, Int y) {
  return arith::CmpIOp::create(b, location, predicate, materialize(x), materialize(y));
}
Int KernelBuilder::select(Value condition, Int x, Int y) {
  return arith::SelectOp::create(b, location, condition, materialize(x), materialize(y)).getResult();
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value KernelBuilder::offset(Value pointer, Int index, Type element) {
  if (index.is(0))
    return pointer;
  auto flags = LLVM::GEPNoWrapFlags::inbounds;
  // A GEPArg that is a constant has 32 bits.
  if (auto number = index.constant(); number && *number == static_cast<int32_t>(*number))
    return LLVM::GEPOp::create(b, location, pointerType(), element, pointer,
                               ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(*number)}, flags);
  return LLVM::GEPOp::create(b, location, pointerType(), element, pointer, ValueRange{materialize(index)}, flags);
}

static unsigned alignmentOf(Type element) {
  if (isa<LLVM::LLVMPointerType>(element))
    return 8;
  return std::clamp(element.getIntOrFloatBitWidth() / 8, 1u, 8u); // 128 bits are a pair of words
}

Value KernelBuilder::loadScalar(Value pointer, Int index, Type element) {
  return LLVM::LoadOp::create(b, location, element, offset(pointer, index, element), alignmentOf(element));
}
void KernelBuilder::storeScalar(Value value, Value pointer, Int index) {
  Type element = value.getType();
  LLVM::StoreOp::create(b, location, value, offset(pointer, index, element), alignmentOf(element));
}

Value KernelBuilder::load(Value pointer, Int index, Type storage) {
  Value raw =
      LLVM::LoadOp::create(b, location, vectorOf(storage), offset(pointer, index, storage), alignmentOf(storage));
  if (storage.isF32() || storage.isInteger(32))
    return raw;
  if (isa<FloatType>(storage))
    return arith::ExtFOp::create(b, location, vectorType(), raw);
  return arith::SIToFPOp::create(b, location, vectorType(), raw);
}
void KernelBuilder::store(Value vector, Value pointer, Int index) {
  Type element = cast<VectorType>(vector.getType()).getElementType();
  LLVM::StoreOp::create(b, location, vector, offset(pointer, index, element), alignmentOf(element));
}

Value KernelBuilder::loadPartial(Value pointer, Int index, Int count, double fill) {
  if (count.constant() && *count.constant() >= static_cast<int64_t>(lanes()))
    return load(pointer, index);
  return LLVM::MaskedLoadOp::create(b, location, vectorType(), offset(pointer, index), laneMask(count), splat(fill),
                                    /*alignment=*/4);
}
void KernelBuilder::storePartial(Value vector, Value pointer, Int index, Int count) {
  if (count.constant() && *count.constant() >= static_cast<int64_t>(lanes()))
    return store(vector, pointer, index);
  LLVM::MaskedStoreOp::create(b, location, vector, offset(pointer, index), laneMask(count), /*alignment=*/4);
}
void KernelBuilder::storeBytesPartial(Value bytes, Value pointer, Int index, Int count) {
  if (count.constant() && *count.constant() >= static_cast<int64_t>(lanes()))
    return store(bytes, pointer, index);
  // LLVM 22 makes a store of four bytes of a truncated vector under a constant mask of one lane.
  if (count.is(1))
    return storeScalar(extract(bytes, 0), pointer, index);
  LLVM::MaskedStoreOp::create(b, location, bytes, offset(pointer, index, b.getI8Type()), laneMask(count),
                              /*alignment=*/1);
}
Value KernelBuilder::loadIntsPartial(Value pointer, Int index, Int count) {
  Type i32 = b.getI32Type();
  if (count.constant() && *count.constant() >= static_cast<int64_t>(lanes()))
    return load(pointer, index, i32);
  return LLVM::MaskedLoadOp::create(b, location, vectorOf(i32), offset(pointer, index, i32), laneMask(count),
                                    splatInt(0),
                                    /*alignment=*/4);
}
Value KernelBuilder::loadBytesAsInts(Value pointer, Int index, bool isSigned) {
  Type i8 = b.getI8Type(), i32 = b.getI32Type();
  Value raw = LLVM::LoadOp::create(b, location, vectorOf(i8), offset(pointer, index, i8), 1);
  if (isSigned)
    return arith::ExtSIOp::create(b, location, vectorOf(i32), raw);
  return arith::ExtUIOp::create(b, location, vectorOf(i32), raw);
}
Value KernelBuilder::loadByteAsInts(Value pointer) {
  Value byte = loadScalar(pointer, 0, b.getI8Type());
  return broadcast(arith::ExtUIOp::create(b, location, b.getI32Type(), byte));
}
void KernelBuilder::prefetch(Value pointer, Int byteOffset, unsigned locality) {
  // Ahead of the end of an array is no error here, so the address is not `inbounds`.
  Value address = LLVM::GEPOp::create(b, location, pointerType(), b.getI8Type(), pointer,
                                      ValueRange{materialize(byteOffset)}, LLVM::GEPNoWrapFlags::none);
  LLVM::Prefetch::create(b, location, address, /*rw=*/0u, locality, /*cache=*/1u);
}

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

Value KernelBuilder::splat(double number) {
  return constant(DenseElementsAttr::get(vectorType(), static_cast<float>(number)));
}
Value KernelBuilder::splatInt(int32_t number) {
  return constant(DenseElementsAttr::get(vectorOf(b.getI32Type()), number));
}
Value KernelBuilder::ints(ArrayRef<int32_t> numbers) {
  return constant(DenseElementsAttr::get(vectorOf(b.getI32Type()), numbers));
}
Value KernelBuilder::scalar(double number) { return constant(b.getF32FloatAttr(static_cast<float>(number))); }
Value KernelBuilder::broadcast(Value scalar) {
  return vector::BroadcastOp::create(b, location, vectorOf(scalar.getType()), scalar);
}
Value KernelBuilder::fma(Value x, Value y, Value z) { return math::FmaOp::create(b, location, x, y, z); }
Value KernelBuilder::addf(Value x, Value y) { return arith::AddFOp::create(b, location, x, y); }
Value KernelBuilder::subf(Value x, Value y) { return arith::SubFOp::create(b, location, x, y); }
Value KernelBuilder::mulf(Value x, Value y) { return arith::MulFOp::create(b, location, x, y); }
Value KernelBuilder::divf(Value x, Value y) { return arith::DivFOp::create(b, location, x, y); }
Value KernelBuilder::maxf(Value x, Value y) { return selectLanes(compare(arith::CmpFPredicate::OGT, x, y), x, y); }
Value KernelBuilder::minf(Value x, Value y) { return selectLanes(compare(arith::CmpFPredicate::OLT, x, y), x, y); }
Value KernelBuilder::maximum(Value x, Value y) {
  return selectLanes(compare(arith::CmpFPredicate::UNO, x, x), x, maxf(x, y));
}
Value KernelBuilder::minimum(Value x, Value y) {
  return selectLanes(compare(arith::CmpFPredicate::UNO, x, x), x, minf(x, y));
}
Value KernelBuilder::negf(Value x) { return arith::NegFOp::create(b, location, x); }
Value KernelBuilder::absf(Value x) { return math::AbsFOp::create(b, location, x); }
Value KernelBuilder::sqrt(Value x) { return math::SqrtOp::create(b, location, x); }
Value KernelBuilder::compare(arith::CmpFPredicate predicate, Value x, Value y) {
  return arith::CmpFOp::create(b, location, predicate, x, y);
}
Value KernelBuilder::selectLanes(Value condition, Value x, Value y) {
  return arith::SelectOp::create(b, location, condition, x, y);
}
Value KernelBuilder::copySign(Value magnitude, Value sign) {
  return math::CopySignOp::create(b, location, magnitude, sign);
}
Value KernelBuilder::bitcast(Value x, Type element) {
  return arith::BitcastOp::create(b, location, vectorOf(element), x);
}
Value KernelBuilder::addInts(Value x, Value y) { return arith::AddIOp::create(b, location, x, y); }
Value KernelBuilder::subInts(Value x, Value y) { return arith::SubIOp::create(b, location, x, y); }
Value KernelBuilder::mulInts(Value x, Value y) { return arith::MulIOp::create(b, location, x, y); }
Value KernelBuilder::andInts(Value x, Value y) { return arith::AndIOp::create(b, location, x, y); }
Value KernelBuilder::xorInts(Value x, Value y) { return arith::XOrIOp::create(b, location, x, y); }
Value KernelBuilder::shiftLeft(Value x, unsigned bits) { return arith::ShLIOp::create(b, location, x, splatInt(bits)); }
Value KernelBuilder::shiftRightSigned(Value x, unsigned bits) {
  return arith::ShRSIOp::create(b, location, x, splatInt(bits));
}
Value KernelBuilder::shiftRightUnsigned(Value x, unsigned bits) {
  return arith::ShRUIOp::create(b, location, x, splatInt(bits));
}
Value KernelBuilder::intsToFloats(Value x) { return arith::SIToFPOp::create(b, location, vectorType(), x); }
Value KernelBuilder::truncateToBytes(Value x) {
  return arith::TruncIOp::create(b, location, vectorOf(b.getI8Type()), x);
}

Value KernelBuilder::laneNumbers() {
  SmallVector<int32_t> numbers(lanes());
  for (unsigned i = 0; i < lanes(); ++i)
    numbers[i] = i;
  return ints(numbers);
}
Value KernelBuilder::laneMask(Int count) {
  if (auto number = count.constant()) {
    SmallVector<bool> mask(lanes());
    for (unsigned i = 0; i < lanes(); ++i)
      mask[i] = static_cast<int64_t>(i) < *number;
    return constant(DenseElementsAttr::get(vectorOf(b.getI1Type()), ArrayRef<bool>(mask)));
  }
  Value narrow = arith::TruncIOp::create(b, location, b.getI32Type(), count.getValue());
  return arith::CmpIOp::create(b, location, arith::CmpIPredicate::slt, laneNumbers(), broadcast(narrow));
}
Value KernelBuilder::shuffle(Value x, Value y, ArrayRef<int64_t> lanes) {
  return vector::ShuffleOp::create(b, location, x, y, lanes);
}
Value KernelBuilder::extract(Value vector, unsigned lane) {
  return vector::ExtractOp::create(b, location, vector, static_cast<int64_t>(lane));
}

Values KernelBuilder::transpose(ValueSpan rows) {
  // Exchanges the off-diagonal blocks of size 1, then 2, 4, ...: log2(lanes) rounds of lanes() shuffles.
  Values r(rows);
  int64_t width = lanes();
  assert(static_cast<int64_t>(r.size()) == width && "a square of lanes");
  for (int64_t d = 1; d < width; d *= 2)
    for (int64_t i = 0; i < width; ++i) {
      if (i & d)
        continue;
      SmallVector<int64_t> low(width), high(width);
      for (int64_t j = 0; j < width; ++j) {
        low[j] = j & d ? width + j - d : j;
        high[j] = j & d ? width + j : j + d;
      }
      Value x = r[i], y = r[i + d];
      r[i] = shuffle(x, y, low);
      r[i + d] = shuffle(x, y, high);
    }
  return r;
}

Value KernelBuilder::butterfly(Value x, llvm::function_ref<Value(Value, Value)> combine) {
  for (unsigned d = lanes() / 2; d; d /= 2) {
    SmallVector<int64_t> partner(lanes());
    for (unsigned i = 0; i < lanes(); ++i)
      partner[i] = i ^ d;
    x = combine(x, shuffle(x, x, partner));
  }
  return x;
}
Value KernelBuilder::horizontalSum(Value x) {
  return butterfly(x, [&](Value x, Value y) { return addf(x, y); });
}
Value KernelBuilder::horizontalProduct(Value x) {
  return butterfly(x, [&](Value x, Value y) { return mulf(x, y); });
}
Value KernelBuilder::horizontalMax(Value x) {
  return butterfly(x, [&](Value x, Value y) { return maximum(x, y); });
}
Value KernelBuilder::horizontalMin(Value x) {
  return butterfly(x, [&](Value x, Value y) { return minimum(x, y); });
}
Value KernelBuilder::reduceTree(ValueSpan values, llvm::function_ref<Value(Value, Value)> combine) {
  Values level(values);
  while (level.size() > 1) {
    Values next;
    for (size_t i = 0; i < level.size(); i += 2)
      next.push_back(i + 1 < level.size() ? combine(level[i], level[i + 1]) : level[i]);
    level = next;
  }
  return level.front();
}

//===----------------------------------------------------------------------===//
// Products of bytes
//===----------------------------------------------------------------------===//

Value KernelBuilder::intrinsic(StringRef name, Type result, ValueSpan operands) {
  return LLVM::CallIntrinsicOp::create(b, location, result, b.getStringAttr(name), operands).getResult(0);
}

std::array<Value, 2> KernelBuilder::loadNibbles(Value pointer, Int byteOffset, Value zeros) {
  Value words = load(offsetBytes(pointer, byteOffset), 0, b.getI32Type());
  auto part = [&](Value nibbles) -> Value {
    Value bytes = arith::SubIOp::create(b, location, intsAsBytes(andInts(nibbles, splatInt(0x0f0f0f0f))), zeros);
    return operandAsWords(bytes);
  };
  return {part(words), part(shiftRightUnsigned(words, 4))};
}

Value KernelBuilder::intsAsBytes(Value ints) {
  return vector::BitCastOp::create(b, location, VectorType::get({4 * lanes()}, b.getI8Type()), ints);
}
Value KernelBuilder::repeatBytes(Value ints) {
  return intsAsBytes(mulInts(andInts(ints, splatInt(0xff)), splatInt(0x01010101)));
}

Value KernelBuilder::dotBytes(Value sums, Value row, Value columns) {
  Type result = sums.getType();
  if (machine.dotProduct == DotProduct::Vnni)
    return intrinsic("llvm.x86.avx512.vpdpbusd.512", result, {sums, row, columns});
  if (machine.triple.starts_with("x86_64"))
    return addInts(sums, intrinsic(lanes() == 16 ? "llvm.x86.avx512.pmaddw.d.512" : "llvm.x86.avx2.pmadd.wd", result,
                                   {row, columns}));
  auto wide = VectorType::get({2 * lanes()}, b.getI32Type());
  Value products = arith::MulIOp::create(b, location, arith::ExtSIOp::create(b, location, wide, row),
                                         arith::ExtSIOp::create(b, location, wide, columns));
  SmallVector<int64_t> even, odd;
  for (unsigned i = 0; i < lanes(); ++i) {
    even.push_back(2 * i);
    odd.push_back(2 * i + 1);
  }
  return addInts(sums, addInts(shuffle(products, products, even), shuffle(products, products, odd)));
}

Values KernelBuilder::dotOperands(Value words, bool isSigned) {
  if (machine.dotProduct == DotProduct::Vnni)
    return {asDotOperand(words)};
  Value both = asDotOperand(words);
  Value eight = constant(DenseElementsAttr::get(cast<ShapedType>(both.getType()), b.getI16IntegerAttr(8)));
  if (isSigned)
    return {arith::ShRSIOp::create(b, location, arith::ShLIOp::create(b, location, both, eight), eight),
            arith::ShRSIOp::create(b, location, both, eight)};
  return {asDotOperand(andInts(words, splatInt(0x00ff00ff))), arith::ShRUIOp::create(b, location, both, eight)};
}

Value KernelBuilder::asDotOperand(Value words) {
  if (machine.dotProduct == DotProduct::Vnni)
    return intsAsBytes(words);
  return vector::BitCastOp::create(b, location, VectorType::get({2 * lanes()}, b.getI16Type()), words);
}

Value KernelBuilder::operandAsWords(Value operand) {
  return vector::BitCastOp::create(b, location, vectorOf(b.getI32Type()), operand);
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

void KernelBuilder::tileInstruction(StringRef name, ArrayRef<unsigned> tiles, ValueSpan operands) {
  Values all;
  for (unsigned tile : tiles)
    all.push_back(constant(b.getI8IntegerAttr(tile)));
  llvm::append_range(all, operands);
  LLVM::CallIntrinsicOp::create(b, location, b.getStringAttr("llvm.x86." + name), all);
}
void KernelBuilder::configureTiles(Value configuration) { tileInstruction("ldtilecfg", {}, {configuration}); }
void KernelBuilder::releaseTiles() { tileInstruction("tilerelease", {}, {}); }
void KernelBuilder::loadTile(unsigned tile, Value pointer, Int rowBytes) {
  tileInstruction("tileloadd64", {tile}, {pointer, materialize(rowBytes)});
}
void KernelBuilder::storeTile(unsigned tile, Value pointer, Int rowBytes) {
  tileInstruction("tilestored64", {tile}, {pointer, materialize(rowBytes)});
}
void KernelBuilder::dotTiles(unsigned sums, unsigned rows, unsigned columns) {
  tileInstruction("tdpbusd", {sums, rows, columns}, {});
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

Values KernelBuilder::loop(Int from, Int to, Int step, ValueSpan carried,
                           llvm::function_ref<Values(Int, ValueSpan)> body) {
  auto op = scf::ForOp::create(b, location, materialize(from), materialize(to), materialize(step), carried);
  OpBuilder::InsertionGuard guard(b);
  Block *block = op.getBody();
  // Without carried values the builder has made the terminator already.
  if (carried.empty())
    block->getTerminator()->erase();
  b.setInsertionPointToEnd(block);
  Values inside(op.getRegionIterArgs().begin(), op.getRegionIterArgs().end());
  Values next = body(op.getInductionVar(), inside);
  assert(next.size() == carried.size() && "a loop gives back what it carries");
  scf::YieldOp::create(b, location, next);
  return Values(op.getResults().begin(), op.getResults().end());
}
void KernelBuilder::loop(Int from, Int to, Int step, llvm::function_ref<void(Int)> body) {
  loop(from, to, step, {}, [&](Int index, ValueSpan) {
    body(index);
    return Values();
  });
}
void KernelBuilder::forVectors(Int from, Int to, llvm::function_ref<void(Int, Int)> body) {
  int64_t width = lanes();
  if (from.constant() && to.constant()) {
    int64_t first = *from.constant(), last = *to.constant(), whole = first + (last - first) / width * width;
    if (whole > first)
      loop(first, whole, width, [&](Int i) { body(i, width); });
    if (whole < last)
      body(whole, last - whole);
    return;
  }
  Int count = max(sub(to, from), 0), whole = add(from, mul(div(count, width), width));
  loop(from, whole, width, [&](Int i) { body(i, width); });
  ifThen(less(whole, to), [&] { body(whole, sub(to, whole)); });
}

void KernelBuilder::switchOn(Int selector, ArrayRef<int64_t> cases, llvm::function_ref<void(int64_t)> body) {
  if (cases.size() == 1)
    return body(cases.front());
  Value index = arith::IndexCastOp::create(b, location, b.getIndexType(), materialize(selector));
  auto op = scf::IndexSwitchOp::create(b, location, TypeRange(), index, cases.drop_back(), cases.size() - 1);
  OpBuilder::InsertionGuard guard(b);
  auto fill = [&](Region &region, int64_t value) {
    b.setInsertionPointToStart(&region.emplaceBlock());
    body(value);
    scf::YieldOp::create(b, location);
  };
  for (size_t i = 0; i + 1 < cases.size(); ++i)
    fill(op.getCaseRegions()[i], cases[i]);
  fill(op.getDefaultRegion(), cases.back());
}

void KernelBuilder::ifThen(Value condition, llvm::function_ref<void()> body) {
  auto op = scf::IfOp::create(b, location, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(op.thenBlock()->getTerminator());
  body();
}
void KernelBuilder::ifThenElse(Value condition, llvm::function_ref<void()> thenBody,
                               llvm::function_ref<void()> elseBody) {
  ifThenElse(
      condition, TypeRange(),
      [&] {
        thenBody();
        return Values();
      },
      [&] {
        elseBody();
        return Values();
      });
}
Values KernelBuilder::ifThenElse(Value condition, TypeRange types, llvm::function_ref<Values()> thenBody,
                                 llvm::function_ref<Values()> elseBody) {
  auto op = scf::IfOp::create(b, location, types, condition, /*addThenBlock=*/true, /*addElseBlock=*/true);
  OpBuilder::InsertionGuard guard(b);
  auto fill = [&](Block *block, llvm::function_ref<Values()> body) {
    b.setInsertionPointToEnd(block);
    Values results = body();
    scf::YieldOp::create(b, location, results);
  };
  fill(op.thenBlock(), thenBody);
  fill(op.elseBlock(), elseBody);
  return Values(op.getResults().begin(), op.getResults().end());
}
