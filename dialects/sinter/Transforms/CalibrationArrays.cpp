//===- CalibrationArrays.cpp - Arrays of a calibration as weights --------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/Transforms/CalibrationArrays.h"

#include "lib/Support/Failure.h"

using namespace mlir;
using namespace sinter;

llvm::Expected<const ObservedTensor *> sinter::findInput(const Calibration &calibration, const WeightMatmul &product) {
  const ObservedTensor *input = calibration.find(product.name);
  MatmulOp matmul = product.matmul;
  SizeExpr rows = getSize(matmul.getRhs(), 0);
  if (input && !rows.isConstant(input->numChannels))
    return unusable("calibration has seen " + llvm::Twine(input->numChannels) + " channels in the input of node '" +
                    product.name + "', which has " + rows.str() +
                    ": calibrate again, with the same model and --sparsity");
  return input;
}

/// The number of the archive among the module's files.
static int64_t getArraysFile(ModuleOp module) {
  Builder b(module.getContext());
  SmallVector<Attribute> files;
  if (auto known = module->getAttrOfType<ArrayAttr>("sinter.files"))
    llvm::append_range(files, known);
  Attribute name = b.getStringAttr(Calibration::moduleFileName);
  auto known = llvm::find(files, name);
  if (known != files.end())
    return known - files.begin();
  files.push_back(name);
  module->setAttr("sinter.files", b.getArrayAttr(files));
  return static_cast<int64_t>(files.size()) - 1;
}

Value sinter::createCalibrationArray(OpBuilder &b, ModuleOp module, StringRef kind, const ObservedTensor &observed,
                                     const CalibrationArray &array, ArrayRef<int64_t> dims, Location loc) {
  auto type = RankedTensorType::get(dims, b.getF32Type());
  std::string name = (kind + "/" + observed.readers.front()).str();
  if (!module.lookupSymbol(name)) {
    OpBuilder outer = OpBuilder::atBlockBegin(module.getBody());
    WeightOp::create(outer, loc, name, WeightEncoding::raw, getArraysFile(module), array.offset, array.length(), type);
  }
  return ParameterOp::create(b, loc, type, name);
}
