//===- Lowering.cpp - Kernels to LLVM IR and object code ------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Codegen/Codegen.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVMPass.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MathToLibm/MathToLibm.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"

#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

#include <mutex>

using namespace sinter;
using namespace sinter::cpu;

static llvm::Error failure(llvm::Twine message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

static void initializeTargets() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
  });
}

/// To the dialect of LLVM, in place.
static llvm::Error lowerToLLVMDialect(mlir::ModuleOp kernels) {
  mlir::PassManager passes(kernels->getContext());
  // Loop-invariant address arithmetic is left to this pass, so that templates may write it where it is used.
  passes.addPass(mlir::createLoopInvariantCodeMotionPass());
  passes.addPass(mlir::createCSEPass());
  passes.addPass(mlir::createSCFToControlFlowPass());
  passes.addPass(mlir::createConvertVectorToLLVMPass());
  passes.addPass(mlir::createConvertMathToLLVMPass());
  // What neither a template nor LLVM has a form for is a call of the C library.
  passes.addPass(mlir::createConvertMathToLibmPass());
  passes.addPass(mlir::createArithToLLVMConversionPass());
  passes.addPass(mlir::createConvertFuncToLLVMPass());
  passes.addPass(mlir::createConvertControlFlowToLLVMPass());
  passes.addPass(mlir::createUBToLLVMConversionPass());
  passes.addPass(mlir::createReconcileUnrealizedCastsPass());
  if (mlir::failed(passes.run(kernels)))
    return failure("the kernels cannot be lowered to LLVM's dialect");
  return llvm::Error::success();
}

static llvm::Expected<std::unique_ptr<llvm::Module>> translate(mlir::ModuleOp kernels, const Isa &isa,
                                                               llvm::LLVMContext &context) {
  mlir::registerBuiltinDialectTranslation(*kernels->getContext());
  mlir::registerLLVMDialectTranslation(*kernels->getContext());
  if (llvm::Error error = lowerToLLVMDialect(kernels))
    return std::move(error);
  std::unique_ptr<llvm::Module> module = mlir::translateModuleToLLVMIR(kernels, context, "kernels");
  if (!module)
    return failure("the kernels cannot be translated to LLVM IR");
  for (llvm::Function &function : *module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", isa.cpu);
    if (!isa.features.empty())
      function.addFnAttr("target-features", isa.features);
    function.addFnAttr("prefer-vector-width", llvm::utostr(isa.vectorBits()));
    function.addFnAttr("min-legal-vector-width", llvm::utostr(isa.vectorBits()));
    function.addFnAttr("frame-pointer", "none");
    // Else a loop that writes zeros becomes a call of memset.
    function.addFnAttr("no-builtins");
    function.addFnAttr(llvm::Attribute::NoUnwind);
  }
  return module;
}

static llvm::Expected<llvm::SmallVector<char, 0>> generate(mlir::ModuleOp kernels, const Isa &isa,
                                                           llvm::CodeGenFileType kind) {
  initializeTargets();
  llvm::LLVMContext context;
  llvm::Expected<std::unique_ptr<llvm::Module>> module = translate(kernels, isa, context);
  if (!module)
    return module.takeError();

  llvm::Triple triple(isa.triple);
  std::string message;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, message);
  if (!target)
    return failure(message);
  std::unique_ptr<llvm::TargetMachine> machine(
      target->createTargetMachine(triple, isa.cpu, isa.features, llvm::TargetOptions(), llvm::Reloc::PIC_,
                                  llvm::CodeModel::Small, llvm::CodeGenOptLevel::Aggressive));
  (*module)->setTargetTriple(triple);
  (*module)->setDataLayout(machine->createDataLayout());

  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, stream, nullptr, kind, /*DisableVerify=*/true))
    return failure("LLVM cannot generate code for " + isa.triple);
  passes.run(**module);
  return bytes;
}

llvm::Expected<llvm::SmallVector<char, 0>> sinter::cpu::compileToObject(mlir::ModuleOp kernels, const Isa &isa) {
  return generate(kernels, isa, llvm::CodeGenFileType::ObjectFile);
}

llvm::Expected<std::string> sinter::cpu::assemblyText(mlir::ModuleOp kernels, const Isa &isa) {
  llvm::Expected<llvm::SmallVector<char, 0>> bytes = generate(kernels, isa, llvm::CodeGenFileType::AssemblyFile);
  if (!bytes)
    return bytes.takeError();
  return std::string(bytes->begin(), bytes->end());
}
