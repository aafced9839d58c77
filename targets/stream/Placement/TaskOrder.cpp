//===- TaskOrder.cpp - In which order tasks get their cycles --------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/stream/Placement/TaskOrder.h"

#include <algorithm>
#include <cassert>
#include <queue>

using namespace sinter::stream;

namespace {

struct Access {
  size_t task;
  int64_t first, last; // rows
  bool isWrite;
};

} // namespace

std::vector<size_t> sinter::stream::orderTasks(const StreamProgram &program, llvm::ArrayRef<int64_t> keys) {
  std::map<std::pair<unsigned, unsigned>, std::vector<Access>> accesses; // by tensor and vector, in the tasks' order
  std::vector<std::vector<size_t>> users(program.tasks.size());
  std::vector<size_t> numBefore(program.tasks.size(), 0);
  for (size_t task = 0; task < program.tasks.size(); ++task)
    forEachAccess(program, program.tasks[task], [&](const RowsOf &rows, int64_t count, bool isWrite) {
      StreamTensor::Kind kind = program.tensors[rows.tensor].kind;
      if (kind == StreamTensor::Constant || kind == StreamTensor::Input)
        return;
      int64_t end = rows.row + (count - 1) * rows.step; // steps may go back
      Access access = {task, std::min(rows.row, end), std::max(rows.row, end), isWrite};
      if (kind == StreamTensor::State) // which rows are written, a run decides
        access.first = 0, access.last = program.tensors[rows.tensor].shape.rows;
      std::vector<Access> &earlier = accesses[{rows.tensor, rows.vector}];
      for (const Access &other : earlier)
        if (other.task != task && (other.isWrite || isWrite) && other.first <= access.last &&
            access.first <= other.last) {
          users[other.task].push_back(task);
          ++numBefore[task];
        }
      earlier.push_back(access);
    });

  using Entry = std::pair<int64_t, size_t>; // the least key first; of equal ones the first task
  std::priority_queue<Entry, std::vector<Entry>, std::greater<Entry>> ready;
  for (size_t task = 0; task < program.tasks.size(); ++task)
    if (numBefore[task] == 0)
      ready.push({keys[task], task});
  std::vector<size_t> order;
  while (!ready.empty()) {
    size_t task = ready.top().second;
    ready.pop();
    order.push_back(task);
    for (size_t user : users[task])
      if (--numBefore[user] == 0)
        ready.push({keys[user], user});
  }
  assert(order.size() == program.tasks.size() && "tasks follow each other in their order");
  return order;
}
