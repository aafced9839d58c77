//===- HostTensor.h - A tensor's values in the compiler's own memory ------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What tools and the interpreter hand to each other: an element type, sizes, and
// dense values in C order (the last axis varies fastest), little-endian, a bool
// as one byte that is 0 or 1. A type of fewer than 8 bits has one element to a
// byte, in the low bits; the others copy the sign of a signed integer and are 0
// else. Weights are never held so; they stay in their mapped file. An element of
// strings is a StringElement, which points into text that the tensor shares with
// those that its elements came from; so elements of every type are moved as plain
// bytes.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_SUPPORT_HOSTTENSOR_H
#define SINTER_SUPPORT_HOSTTENSOR_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

namespace sinter {

/// The element types that values outside the IR have. Their names, on the
/// command line and in JSON: f16 bf16 f32 f64 i8 i16 i32 i64 u8 u16 u32 u64 bool
/// string, and the narrow ones f8e4m3fn f8e4m3fnuz f8e5m2 f8e5m2fnuz f8e8m0 f4e2m1 i4 u4 i2
/// u2, which are only moved and converted (NarrowElements.h).
// clang-format off
enum class ElementType : uint8_t {
  F16, BF16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64, Bool, String,
  F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F8E8M0, F4E2M1, I4, U4, I2, U2,
};
// clang-format on

llvm::StringRef elementTypeName(ElementType type);
/// None where `name` is no element type's name.
std::optional<ElementType> parseElementType(llvm::StringRef name);
/// In bytes.
size_t elementSize(ElementType type);
/// How many bits of it count: 4 and 2 for f4e2m1, i4, u4, i2 and u2.
unsigned elementBits(ElementType type);
/// Whether it is a float, a narrow one too.
bool isFloatType(ElementType type);
/// Whether it is a signed integer; bool is neither signed nor unsigned.
bool isSignedType(ElementType type);
bool isUnsignedType(ElementType type);
/// Whether it is a float of 8 bits or fewer.
bool isNarrowFloat(ElementType type);

/// An element of strings, as the runtime has them: UTF-8, without a zero behind it.
struct StringElement {
  const char *data = nullptr;
  uint64_t size = 0;
  llvm::StringRef str() const { return {data, static_cast<size_t>(size)}; }
};
using Texts = std::shared_ptr<const std::vector<std::string>>;

/// Conversions between 16-bit floats' bits (IEEE 754 binary16; bfloat16, the
/// upper half of binary32) and float. To 16 bits they round to nearest, ties to
/// even, from the argument at once; NaN stays a quiet NaN, overflow is infinity.
float halfToFloat(uint16_t bits);
uint16_t floatToHalf(float value);
uint16_t doubleToHalf(double value);
float bfloat16ToFloat(uint16_t bits);
uint16_t floatToBfloat16(float value);
uint16_t doubleToBfloat16(double value);

/// The number of elements; none where a size is negative or the product does not
/// fit 63 bits. A size of 0 makes the product 0 whatever the others are.
std::optional<int64_t> countElements(llvm::ArrayRef<int64_t> dims);
/// "2x7x384"; a scalar is "scalar".
std::string formatDims(llvm::ArrayRef<int64_t> dims);

/// Storage aligned to cache lines, so that vector loads and the runtime's
/// requirements on alignment hold for it.
template <typename T> struct CacheAlignedAllocator {
  using value_type = T;
  static constexpr std::align_val_t alignment{64};
  CacheAlignedAllocator() = default;
  template <typename U> CacheAlignedAllocator(const CacheAlignedAllocator<U> &) {}
  T *allocate(size_t count) { return static_cast<T *>(::operator new(count * sizeof(T), alignment)); }
  void deallocate(T *pointer, size_t) { ::operator delete(pointer, alignment); }
  template <typename U> bool operator==(const CacheAlignedAllocator<U> &) const { return true; }
  template <typename U> bool operator!=(const CacheAlignedAllocator<U> &) const { return false; }
};

struct HostTensor {
  ElementType type = ElementType::F32;
  std::vector<int64_t> dims;
  std::vector<char, CacheAlignedAllocator<char>> data;
  /// What elements of strings point into.
  std::vector<Texts> texts;

  HostTensor() = default;
  /// Zeros. The product of `dims` must have been checked with countElements.
  HostTensor(ElementType type, std::vector<int64_t> dims);
  /// As many strings as `dims` says.
  static HostTensor ofStrings(std::vector<std::string> strings, std::vector<int64_t> dims);
  /// Keeps the text alive that elements copied from `other` point into.
  void shareTexts(const HostTensor &other);

  int64_t numElements() const { return *countElements(dims); }
  /// T must be the type that stores an element: float, int64_t, uint16_t for f16
  /// and bf16, uint8_t for bool and narrow floats, int8_t for i4, and so on.
  template <typename T> llvm::MutableArrayRef<T> as() {
    return {reinterpret_cast<T *>(data.data()), data.size() / sizeof(T)};
  }
  template <typename T> llvm::ArrayRef<T> as() const {
    return {reinterpret_cast<const T *>(data.data()), data.size() / sizeof(T)};
  }
  /// Element `index` of any type, as a double (64-bit integers beyond 2^53 are
  /// rounded), or as an integer (floats are truncated, NaN is 0, out of range
  /// saturates).
  /// No strings.
  double getDouble(size_t index) const;
  int64_t getInt(size_t index) const;
  llvm::StringRef getString(size_t index) const { return as<StringElement>()[index].str(); }
};

/// The number of elements of ONNX's Range on floats of that type,
/// max(ceil((limit - start) / delta), 0), with the difference rounded to the type
/// and the quotient to f64 for f64, else to f32. None where it is not finite.
std::optional<int64_t> rangeLength(ElementType type, double start, double limit, double delta);

/// How far two tensors are from each other, and whether that is far enough to
/// call them different.
struct Comparison {
  bool matches = false;
  /// Why not, where `matches` is false: the type, the shape, or the first bad
  /// element with both values.
  std::string reason;
  /// Over all elements that are finite in both.
  double maxAbsolute = 0;
  /// |actual - expected| / |expected|, where expected is not 0.
  double maxRelative = 0;
  /// The first element that is out of tolerance, and how many are.
  std::optional<int64_t> firstBad;
  int64_t numBad = 0;
};

/// Like numpy.allclose(actual, expected, rtol, atol, equal_nan=True): an element
/// is good where |actual - expected| <= atol + rtol * |expected|, where both are
/// NaN, or both the same infinity. Integers, bools and strings must be equal. Different
/// types or shapes never match.
Comparison compare(const HostTensor &actual, const HostTensor &expected, double rtol, double atol);

} // namespace sinter

#endif // SINTER_SUPPORT_HOSTTENSOR_H
