//===- RuntimeTestEntries.h - A program for two sizes ---------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TEST_UNIT_RUNTIMETESTENTRIES_H
#define SINTER_TEST_UNIT_RUNTIMETESTENTRIES_H

#include "test/unit/RuntimeTestOpen.h"

namespace sinter::test {

/// The steps by which the first two axes of a tensor of bytes become others.
inline BundleStep resize(BundleArgument from, BundleArgument to, std::vector<SizeExpr> given,
                         std::vector<SizeExpr> wanted) {
  BundleStep step;
  step.name = "resize";
  step.kernel = SINTER_RESIZE;
  step.arguments = {from, to, BundleArgument::integer(1), BundleArgument::integer(given.size())};
  for (const std::vector<SizeExpr> *sizes : {&given, &wanted})
    for (const SizeExpr &size : *sizes)
      step.arguments.push_back(BundleArgument::integer(size));
  step.tasks = 1;
  for (size_t axis = 0; axis + 1 < wanted.size(); ++axis)
    step.tasks = step.tasks * wanted[axis];
  return step;
}

/// Entries for 4 and 8 rows of a table x[seq, 2]: y is x + 100 and `padded` is x as the entry has it, with 3 columns
/// and 8 rows; `past` is how many rows the state `cache` had, which has room for 10.
inline BundleDescription entriesProgram() {
  SizeExpr seq = SizeExpr::symbol("seq");
  BundleDescription bundle;
  bundle.name = "sized";
  bundle.target = "stream";
  bundle.inputs = {{"x", SINTER_U8, {seq, 2}, {}}};
  bundle.outputs = {{"y", SINTER_U8, {seq, 2}, {}}, {"padded", SINTER_U8, {8, 3}, {}}, {"past", SINTER_I64, {}, {}}};
  bundle.symbols = {{"seq", SymbolSource::axis(0, 0), 1, 8, std::nullopt},
                    {"past", SymbolSource::session(), 0, 10, std::nullopt}};
  bundle.states = {{"cache", SINTER_F32, {2, 10}, 1}};
  bundle.advance = seq;
  bundle.arenaBytes = 128;
  unsigned weights = bundle.addSection("constants", 1, [](llvm::MutableArrayRef<char> destination) {
    destination[0] = 100;
    return llvm::Error::success();
  });
  for (int64_t rows : {4, 8}) {
    unsigned first = bundle.steps.size();
    bundle.steps.push_back(resize(BundleArgument::input(0), BundleArgument::arena(0), {seq, 2}, {rows, 2}));
    BundleSchedule schedule;
    schedule.chip = "toy";
    schedule.file = bundle.files.size();
    schedule.cycles = rows;
    schedule.firstSection = weights;
    schedule.weightsBytes = 1;
    schedule.inputs = {{BundleArgument::arena(0), uint64_t(rows) * 2}};
    schedule.outputs = {{BundleArgument::arena(64), uint64_t(rows) * 2}};
    bundle.files.push_back({"schedule-" + std::to_string(rows), "sum " + std::to_string(rows) + '\0'});
    bundle.steps.push_back(schedule.step());
    bundle.steps.push_back(resize(BundleArgument::arena(64), BundleArgument::output(0), {rows, 2}, {seq, 2}));
    bundle.steps.push_back(resize(BundleArgument::arena(0), BundleArgument::output(1), {rows, 2}, {8, 3}));
    BundleStep store;
    store.name = "past";
    store.kernel = SINTER_STORE;
    store.arguments = {BundleArgument::output(2), BundleArgument::integer(SizeExpr::symbol("past"))};
    bundle.steps.push_back(store);
    bundle.entries.push_back(
        {"seq=" + std::to_string(rows), first, unsigned(bundle.steps.size()) - first, {{"seq", rows}}});
  }
  return bundle;
}

} // namespace sinter::test

#endif // SINTER_TEST_UNIT_RUNTIMETESTENTRIES_H
