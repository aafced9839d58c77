//===- Importer.cpp - From an ONNX model to the transformer graph ---------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/onnx/GraphImporter.h"

#include "llvm/Support/Path.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::onnx;

/// The inputs that a run gives: those without an initializer.
static llvm::Error declareInputs(const Model &model, Symbols &symbols, std::vector<UnsupportedNode> &refused) {
  llvm::StringSet<> initialized;
  for (const Tensor &tensor : model.graph.initializers)
    initialized.insert(tensor.name);
  for (const ValueInfo &info : model.graph.inputs) {
    if (initialized.contains(info.name))
      continue;
    std::string reason;
    if (info.type.kind == onnx::Type::Kind::Missing)
      return unusable("input '" + info.name + "' has no type");
    if (info.type.kind != onnx::Type::Kind::Tensor)
      reason = "type " + info.type.str();
    else if (!hostElementType(info.type.elementType))
      reason = "element type " + dataTypeName(info.type.elementType);
    else if (!info.type.shape)
      reason = "an input of unknown rank";
    if (reason.empty())
      symbols.addInput(info);
    else
      refused.push_back(
          {info.name, "input", "", 0, 1, reason, info.type.shape ? "" : "export the model with the input's shape"});
  }
  return llvm::Error::success();
}

llvm::Expected<OwningOpRef<ModuleOp>> sinter::onnx::importModel(const Model &model, StringRef fileName,
                                                                StringRef folder, const ImportOptions &options,
                                                                MLIRContext &context,
                                                                std::vector<std::string> &warnings) {
  context.loadDialect<SinterDialect, func::FuncDialect>();
  std::optional<int64_t> version = model.opsetVersion("");
  if (version && (*version < oldestOpset || *version > newestOpset))
    return Failure::make(ExitStatus::Unsupported, "the model uses ONNX's operators of version " + Twine(*version))
        .actual(Twine(*version))
        .required(Twine(oldestOpset) + " to " + Twine(newestOpset))
        .hint("convert the model with ONNX's version converter");
  Symbols symbols;
  std::vector<UnsupportedNode> refused;
  if (llvm::Error error = declareInputs(model, symbols, refused))
    return std::move(error);
  if (!refused.empty())
    return unsupported(std::move(refused));
  symbols.readExpressions();
  if (llvm::Error error = symbols.applyOptions(options.dims))
    return std::move(error);
  for (;;) {
    GraphImporter importer(model, fileName, folder, options, context, symbols);
    llvm::Expected<std::optional<OwningOpRef<ModuleOp>>> module = importer.run();
    if (!module)
      return module.takeError();
    if (*module)
      return std::move(**module);
  }
}

llvm::Expected<ImportedModel> sinter::onnx::importOnnx(StringRef path, const ImportOptions &options,
                                                       MLIRContext &context) {
  ReadOptions readOptions;
  readOptions.allowAbsentData = options.checkOnly;
  llvm::Expected<Model> model = readModel(path, readOptions);
  if (!model)
    return model.takeError();
  ImportedModel result;
  result.folder = llvm::sys::path::parent_path(path).str();
  if (result.folder.empty())
    result.folder = ".";
  result.warnings = model->warnings;
  llvm::Expected<OwningOpRef<ModuleOp>> module =
      importModel(*model, llvm::sys::path::filename(path), result.folder, options, context, result.warnings);
  if (!module)
    return module.takeError();
  result.module = std::move(*module);
  return std::move(result);
}
