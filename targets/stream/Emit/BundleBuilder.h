//===- BundleBuilder.h - What a bundle for a streaming chip says -----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A program has inputs, outputs, states, and for each of its sizes steps
// (EntryBuilder.h). Entries share sections that are the same, and the code of the
// host's part.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TARGETS_STREAM_EMIT_BUNDLEBUILDER_H
#define SINTER_TARGETS_STREAM_EMIT_BUNDLEBUILDER_H

#include "targets/stream/Emit/EntryBuilder.h"

#include <memory>

namespace sinter::stream {

/// Must live until the bundle is written.
class BundleBuilder {
public:
  /// `program` says what runs are given and give, with the sizes that entries fix as symbols. `chipFile` is the
  /// description that the bundle keeps; empty for a chip that devices know.
  BundleBuilder(mlir::ModuleOp program, const TargetModel &model, std::string chipFile, const EmitRequest &request)
      : program(program), model(model), chipFile(std::move(chipFile)), request(request) {}

  /// An entry without a name is the only one, and takes all runs.
  llvm::Expected<BundleDescription> build(llvm::ArrayRef<ProgramEntry> entries);

private:
  void describeValues();
  void describeStates();
  /// The host's parts of all entries, in their order; those without one have none.
  llvm::Expected<std::vector<std::optional<BundleDescription>>> describeHosts();

  mlir::ModuleOp program;
  const TargetModel &model;
  std::string chipFile;
  const EmitRequest &request;

  BundleDescription bundle;
  std::vector<std::optional<unsigned>> inputs; // for each argument of @main, the bundle's input
  std::string past;                            // the symbol of the positions that states hold
  std::vector<std::unique_ptr<EntryBuilder>> builders;
};

} // namespace sinter::stream

#endif // SINTER_TARGETS_STREAM_EMIT_BUNDLEBUILDER_H
