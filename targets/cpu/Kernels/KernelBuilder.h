//===- KernelBuilder.h - A thin layer that writes kernels -----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels are built directly: loops of `scf`, arithmetic of `arith`, `math` and
// `vector` at the machine's native width, addresses as `llvm.getelementptr`. What
// stands in a template is what runs; no pass below it decides anything.
//
// A kernel is
//
//   func.func @name(%args: !llvm.ptr, %begin: i64, %end: i64,
//                   %scratch: !llvm.ptr) -> i64
//
// `args` is an array of 64-bit words (pointers and integers, in the order that
// each template documents); it runs tasks [begin, end) and returns 0, or 1 + the
// position of an index that is out of range. Example, out[i] = 2 * in[i] for
// words {in, out, count} and tasks of 1,024 elements:
//
//   KernelBuilder k(module, isa);
//   k.beginKernel("f32_double");
//   Value in = k.pointerWord(0), out = k.pointerWord(1);
//   Int first = k.mul(k.begin(), 1024);
//   Int last = k.min(k.mul(k.end(), 1024), k.integerWord(2));
//   k.forVectors(first, last, [&](Int i, Int count) {
//     k.storePartial(k.mulf(k.loadPartial(in, i, count), k.splat(2.0)), out, i, count);
//   });
//   k.endKernel();
//
// An `Int` is a 64-bit integer that is known while building or a Value; known
// ones fold. Vectors are of `isa.lanes` 32-bit elements unless a type says
// otherwise.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_CPU_KERNELS_KERNELBUILDER_H
#define SINTER_TARGETS_CPU_KERNELS_KERNELBUILDER_H

#include "targets/cpu/Kernels/Isa.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

#include <array>
#include <functional>
#include <optional>
#include <type_traits>

namespace sinter::cpu {

/// A 64-bit integer: known while the kernel is built, or a Value of type i64.
class Int {
public:
  template <typename T, typename = std::enable_if_t<std::is_integral_v<T>>>
  Int(T number) : number(static_cast<int64_t>(number)) {}
  Int(mlir::Value value) : value(value) {}

  std::optional<int64_t> constant() const { return value ? std::nullopt : std::optional<int64_t>(number); }
  bool is(int64_t wanted) const { return !value && number == wanted; }
  mlir::Value getValue() const { return value; }

private:
  mlir::Value value;
  int64_t number = 0;
};

class KernelBuilder {
public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<mlir::Value>;
  using ValueSpan = llvm::ArrayRef<mlir::Value>;

  /// Kernels are added to `module`, whose context must have the dialects
  /// of `loadDialects`.
  KernelBuilder(mlir::ModuleOp module, const Isa &isa);
  static void loadDialects(mlir::MLIRContext &context);

  void beginKernel(llvm::StringRef name);
  /// Ends the kernel: it returns `result`.
  mlir::func::FuncOp endKernel(Int result = 0);

  const Isa &getIsa() const { return machine; }
  unsigned lanes() const { return machine.lanes; }
  mlir::OpBuilder &builder() { return b; }
  mlir::Location loc() const { return location; }

  // The kernel's arguments.
  Int begin() { return function.getArgument(1); }
  Int end() { return function.getArgument(2); }
  Value scratch() { return function.getArgument(3); }
  Value pointerWord(unsigned word);
  Int integerWord(unsigned word);

  // Types.
  mlir::Type f32() { return b.getF32Type(); }
  mlir::Type pointerType();
  mlir::VectorType vectorOf(mlir::Type element) const { return mlir::VectorType::get({machine.lanes}, element); }
  mlir::VectorType vectorType() { return vectorOf(b.getF32Type()); }

  // Integers. Division is of numbers that are not negative.
  Value materialize(Int x);
  Int add(Int x, Int y);
  Int sub(Int x, Int y);
  Int mul(Int x, Int y);
  Int div(Int x, Int y);
  Int rem(Int x, Int y);
  Int ceilDiv(Int x, Int y);
  Int min(Int x, Int y);
  Int max(Int x, Int y);
  Value compare(mlir::arith::CmpIPredicate predicate, Int x, Int y);
  Value less(Int x, Int y) { return compare(mlir::arith::CmpIPredicate::slt, x, y); }
  Value equal(Int x, Int y) { return compare(mlir::arith::CmpIPredicate::eq, x, y); }
  Int select(Value condition, Int x, Int y);

  // Memory. Indices count elements of the type accessed; nothing is assumed to be aligned beyond its element.
  Value offset(Value pointer, Int index, mlir::Type element);
  Value offset(Value pointer, Int index) { return offset(pointer, index, b.getF32Type()); }
  Value offsetBytes(Value pointer, Int bytes) { return offset(pointer, bytes, b.getI8Type()); }
  Value loadScalar(Value pointer, Int index, mlir::Type element);
  Value loadScalar(Value pointer, Int index = 0) { return loadScalar(pointer, index, b.getF32Type()); }
  void storeScalar(Value value, Value pointer, Int index = 0);
  /// A vector of `storage` elements, converted to f32: bf16 and f16 are widened,
  /// signless integers taken as signed.
  Value load(Value pointer, Int index, mlir::Type storage);
  Value load(Value pointer, Int index = 0) { return load(pointer, index, b.getF32Type()); }
  void store(Value vector, Value pointer, Int index = 0);
  /// The first `count` lanes, the others `fill`; nothing beyond is accessed. A
  /// count known to be at least `lanes()` is a plain access.
  Value loadPartial(Value pointer, Int index, Int count, double fill = 0.0);
  void storePartial(Value vector, Value pointer, Int index, Int count);
  /// The first `count` lanes of lanes() bytes.
  void storeBytesPartial(Value bytes, Value pointer, Int index, Int count);
  /// lanes() bytes, as i32.
  Value loadBytesAsInts(Value pointer, Int index, bool isSigned);
  /// Of i32, the lanes from `count` on 0.
  Value loadIntsPartial(Value pointer, Int index, Int count);
  /// The unsigned byte at `pointer` in all lanes of i32.
  Value loadByteAsInts(Value pointer);
  /// Into all caches (locality 3) or from the second level on (2).
  void prefetch(Value pointer, Int byteOffset, unsigned locality);

  // Vectors of f32 (or scalars, where both operands are).
  Value splat(double number);
  Value splatInt(int32_t number);
  /// One for each lane.
  Value ints(llvm::ArrayRef<int32_t> numbers);
  Value scalar(double number);
  Value broadcast(Value scalar);
  Value fma(Value x, Value y, Value z);
  Value addf(Value x, Value y);
  Value subf(Value x, Value y);
  Value mulf(Value x, Value y);
  Value divf(Value x, Value y);
  /// One instruction. A NaN in `y` is kept, one in `x` is dropped.
  Value maxf(Value x, Value y);
  Value minf(Value x, Value y);
  /// NaN if either is.
  Value maximum(Value x, Value y);
  Value minimum(Value x, Value y);
  Value negf(Value x);
  Value absf(Value x);
  Value sqrt(Value x);
  Value compare(mlir::arith::CmpFPredicate predicate, Value x, Value y);
  Value selectLanes(Value condition, Value x, Value y);
  /// The sign of `sign` on the magnitude of `magnitude`.
  Value copySign(Value magnitude, Value sign);
  Value bitcast(Value x, mlir::Type element);
  // On vectors of i32.
  Value addInts(Value x, Value y);
  Value subInts(Value x, Value y);
  Value mulInts(Value x, Value y);
  Value andInts(Value x, Value y);
  Value xorInts(Value x, Value y);
  Value shiftLeft(Value x, unsigned bits);
  Value shiftRightSigned(Value x, unsigned bits);
  Value shiftRightUnsigned(Value x, unsigned bits);
  Value intsToFloats(Value x);
  /// The lowest eight bits of each lane.
  Value truncateToBytes(Value x);

  // Sums of products of bytes: each lane's sum takes four unsigned bytes of a row times four signed ones of the lane's
  // column, which are a word each. The instruction set decides how many operands a word becomes: itself, or in 16 bits
  // first its even bytes and then its odd ones.
  unsigned numDotOperands() const { return machine.dotProduct == DotProduct::Vnni ? 1 : 2; }
  Values dotOperands(Value words, bool isSigned);
  /// `sums`, of i32, plus what operands of the same number give.
  Value dotBytes(Value sums, Value row, Value columns);
  /// Words that were an operand when they were stored, and what to store.
  Value asDotOperand(Value words);
  Value operandAsWords(Value operand);

  // Tiles of AMX, which have numbers from 0 to 7: up to 16 rows of up to 64 bytes. How many each has says the
  // configuration, 64 bytes; what lies in them is lost by a new one.
  void configureTiles(Value configuration);
  void releaseTiles();
  /// From one row of a tile to the next there are `rowBytes`, which may be 0.
  void loadTile(unsigned tile, Value pointer, Int rowBytes);
  void storeTile(unsigned tile, Value pointer, Int rowBytes);
  /// `sums`, of i32, plus unsigned bytes of `rows` times signed ones of `columns`, four of a column in a word.
  void dotTiles(unsigned sums, unsigned rows, unsigned columns);

  /// lanes() words of 32 bits that hold eight unsigned numbers of four bits each: first the low four of each byte, then
  /// the high ones, minus `zeros` (4 * lanes() bytes), as words of four signed bytes.
  std::array<Value, 2> loadNibbles(Value pointer, Int byteOffset, Value zeros);
  /// The lowest byte of each lane four times.
  Value repeatBytes(Value ints);
  /// i32 lanes 0, 1, 2, ...
  Value laneNumbers();
  /// Lanes below `count`, as a vector of i1.
  Value laneMask(Int count);
  Value shuffle(Value x, Value y, llvm::ArrayRef<int64_t> lanes);
  Value extract(Value vector, unsigned lane);
  /// lanes() vectors of lanes() elements, transposed.
  Values transpose(ValueSpan rows);
  /// All lanes hold the sum (or the maximum, NaN kept) of all, in a fixed order.
  Value horizontalSum(Value x);
  Value horizontalProduct(Value x);
  Value horizontalMax(Value x);
  Value horizontalMin(Value x);
  /// Neighbours first: ((0 1) (2 3)) ((4 5) ...).
  Value reduceTree(ValueSpan values, llvm::function_ref<Value(Value, Value)> combine);

  // Control.
  Values loop(Int from, Int to, Int step, ValueSpan carried,
              llvm::function_ref<Values(Int index, ValueSpan carried)> body);
  void loop(Int from, Int to, Int step, llvm::function_ref<void(Int index)> body);
  /// Visits [from, to) by vectors: `count` is lanes() except for a last, partial one.
  void forVectors(Int from, Int to, llvm::function_ref<void(Int index, Int count)> body);
  /// Runs body(case) for the case that equals `selector`; the last is the default.
  void switchOn(Int selector, llvm::ArrayRef<int64_t> cases, llvm::function_ref<void(int64_t)> body);
  void ifThen(Value condition, llvm::function_ref<void()> body);
  void ifThenElse(Value condition, llvm::function_ref<void()> thenBody, llvm::function_ref<void()> elseBody);
  Values ifThenElse(Value condition, mlir::TypeRange types, llvm::function_ref<Values()> thenBody,
                    llvm::function_ref<Values()> elseBody);

private:
  Value constant(mlir::TypedAttr attribute);
  Value intsAsBytes(Value ints);
  Value intrinsic(llvm::StringRef name, mlir::Type result, ValueSpan operands);
  void tileInstruction(llvm::StringRef name, llvm::ArrayRef<unsigned> tiles, ValueSpan operands);
  Value butterfly(Value x, llvm::function_ref<Value(Value, Value)> combine);

  mlir::ModuleOp module;
  const Isa &machine;
  mlir::OpBuilder b;
  mlir::Location location;
  mlir::func::FuncOp function;
  /// Constants stand at the head of the kernel, each once.
  llvm::DenseMap<mlir::Attribute, Value> constants;
};

/// A function from vectors to a vector: what a fused region computes at one
/// place. `x` is the template's own value, `extras` the further operands there.
using Epilogue = std::function<mlir::Value(KernelBuilder &, mlir::Value x, llvm::ArrayRef<mlir::Value> extras)>;

} // namespace sinter::cpu

#endif // SINTER_TARGETS_CPU_KERNELS_KERNELBUILDER_H
