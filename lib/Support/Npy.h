//===- Npy.h - NumPy's files of arrays ------------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Grammar of .npy (numpy.lib.format, versions 1.0, 2.0 and 3.0):
//
//   file   := "\x93NUMPY" major minor length header data
//   length := 2 bytes (version 1) or 4 bytes, little-endian: of the header
//   header := "{" { entry "," } [ entry ] "}" { " " } [ "\n" ]
//   entry  := "'descr'" ":" string | "'fortran_order'" ":" ("True" | "False")
//           | "'shape'" ":" "(" [ integer { "," integer } [ "," ] ] ")"
//   descr  := order kind size   order: < little, > big, | one byte, = as written
//                               kind: f, i, u, b (bool), V (bytes), U and S (text)
//   data   := the elements, in C order or Fortran order, and nothing after them
//
// bfloat16 has no letter in NumPy. It is written as "<V2", two opaque bytes, as
// the package ml_dtypes does, whose users read it by `.view(bfloat16)`, and "V2"
// is read back as bf16. Floats of 8 bits and fewer are written as "|V1", their bits,
// and "V1", like the "f1" that ml_dtypes gives one of them, is read as u8; integers
// of fewer bits are written as those of 8. Strings are read from "<U5", 5 UTF-32
// characters, and "|S5", 5 bytes, both filled up with zeros; they are written as U,
// as S where they are not UTF-8. Big-endian, complex, structured and object arrays are
// refused. Fortran order is turned into C order.
//
// Grammar of .npz (a ZIP archive, PKWARE's APPNOTE, of .npy files):
//
//   file    := { local header, data } { central entry } [ zip64 end ] end
//   data    := stored (method 0) or deflated (method 8)
//
// Sizes and places are those of the central directory. Each is checked against
// the file; what inflates to more than it says is refused, and so is a file
// whose members overlap, so that a small file cannot ask for much memory (a
// deflated member is at most 1,032 times its size). Checksums are checked.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_SUPPORT_NPY_H
#define SINTER_SUPPORT_NPY_H

#include "lib/Support/HostTensor.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace sinter {

/// Failures are sinter::Failure with the exit status 3 and name the file.
llvm::Expected<HostTensor> readNpy(llvm::StringRef path);
/// The same for bytes in memory; `name` stands for the path in messages.
llvm::Expected<HostTensor> parseNpy(llvm::ArrayRef<char> bytes, llvm::StringRef name);

/// The bytes of a .npy file, version 1.0, C order; the data begin at a multiple
/// of 64. Equal tensors give equal bytes.
std::string formatNpy(const HostTensor &tensor);
/// Failures have the exit status 6. A path of "-" is standard output.
llvm::Error writeNpy(llvm::StringRef path, const HostTensor &tensor);

struct NamedTensor {
  std::string name; // without ".npy"
  HostTensor tensor;
};

/// All arrays of an archive, in its order; names are different.
llvm::Expected<std::vector<NamedTensor>> readNpz(llvm::StringRef path);
llvm::Expected<std::vector<NamedTensor>> parseNpz(llvm::ArrayRef<char> bytes, llvm::StringRef name);

} // namespace sinter

#endif // SINTER_SUPPORT_NPY_H
