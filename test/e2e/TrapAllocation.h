//===- TrapAllocation.h - Ends the process at the next allocation ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TEST_E2E_TRAPALLOCATION_H
#define SINTER_TEST_E2E_TRAPALLOCATION_H

namespace sinter::e2e {

/// While this is true, malloc and its relatives, in any thread, abort the process. Without effect under
/// AddressSanitizer, which has an allocator of its own.
extern volatile bool trapAllocation;

} // namespace sinter::e2e

#endif // SINTER_TEST_E2E_TRAPALLOCATION_H
