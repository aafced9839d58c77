//===- CpuKernelCodegenTest.cpp - Object code of kernels ------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "targets/cpu/Codegen/Codegen.h"
#include "targets/cpu/Kernels/Attention.h"
#include "targets/cpu/Kernels/Matmul.h"
#include "targets/cpu/Kernels/QuantizedMatmul.h"
#include "targets/cpu/Kernels/RowKernels.h"
#include "targets/cpu/Kernels/VectorMath.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/Object/ELFObjectFile.h"
#include "gtest/gtest.h"

#include <thread>

using namespace sinter;
using namespace sinter::cpu;

namespace {

mlir::OwningOpRef<mlir::ModuleOp> buildKernels(mlir::MLIRContext &context, const Isa &isa) {
  KernelBuilder::loadDialects(context);
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  KernelBuilder k(*module, isa);
  MatmulSpec matmul;
  matmul.n = 100;
  matmul.k = 500;
  matmul.hasBias = true;
  matmul.epilogue = [](KernelBuilder &k, mlir::Value x, llvm::ArrayRef<mlir::Value>) { return buildGeluErf(k, x); };
  buildMatmul(k, "matmul", matmul);
  BatchedMatmulSpec batched;
  batched.numBatchDims = 1;
  buildBatchedMatmul(k, "batched", batched);
  AttentionSpec attention;
  attention.numHeads = attention.numKvHeads = 2;
  attention.headSize = attention.valueHeadSize = 40;
  attention.causal = true;
  attention.bias = AttentionSpec::Bias::PerQuery;
  buildAttention(k, "attention", attention);
  buildNorm(k, "norm", NormSpec());
  buildSoftmax(k, "softmax", SoftmaxSpec());
  return module;
}

llvm::SmallVector<char, 0> compiled(const Isa &isa) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto module = buildKernels(context, isa);
  return llvm::cantFail(compileToObject(*module, isa));
}

// Tests that compiling again, and on two threads at once, gives the same bytes, for every variant.
TEST(CpuKernelCodegen, SameBytes) {
  std::vector<llvm::SmallVector<char, 0>> first, again(allIsas().size());
  for (const Isa &isa : allIsas())
    first.push_back(compiled(isa));
  std::vector<std::thread> threads;
  for (size_t i = 0; i < again.size(); ++i)
    threads.emplace_back([&, i] { again[i] = compiled(allIsas()[i]); });
  for (std::thread &thread : threads)
    thread.join();
  for (size_t i = 0; i < again.size(); ++i)
    EXPECT_TRUE(first[i] == again[i]) << allIsas()[i].name.str();
}

// Tests that a shared object exports what it is told to and nothing else, and needs nothing: no memset, no libm.
TEST(CpuKernelCodegen, SharedObjectIsClosed) {
  for (const Isa &isa : allIsas()) {
    llvm::SmallVector<char, 0> object = compiled(isa);
    std::vector<std::string> exported = {"matmul", "attention", "norm"};
    auto shared = linkSharedObject({object}, exported, isa);
    ASSERT_TRUE(bool(shared)) << llvm::toString(shared.takeError());
    auto again = llvm::cantFail(linkSharedObject({object}, exported, isa));
    EXPECT_TRUE(*shared == again);
    llvm::MemoryBufferRef buffer(llvm::StringRef(shared->data(), shared->size()), "shared");
    auto file = llvm::cantFail(llvm::object::ObjectFile::createELFObjectFile(buffer));
    std::vector<std::string> names;
    for (const auto &symbol : llvm::cast<llvm::object::ELFObjectFileBase>(*file).getDynamicSymbolIterators()) {
      EXPECT_FALSE(llvm::cantFail(symbol.getFlags()) & llvm::object::SymbolRef::SF_Undefined)
          << isa.name.str() << " needs " << llvm::cantFail(symbol.getName()).str();
      names.push_back(llvm::cantFail(symbol.getName()).str());
    }
    llvm::sort(names);
    EXPECT_EQ(names, (std::vector<std::string>{"attention", "matmul", "norm"})) << isa.name.str();
  }
}

// Tests that bytes that are no object are refused with the linker's reason.
TEST(CpuKernelCodegen, LinkRefusesWhatIsNotAnObject) {
  const Isa &isa = *findIsa("x86-64-v3");
  std::string text = "this is no object";
  auto shared = linkSharedObject({llvm::ArrayRef<char>(text.data(), text.size())}, {"kernel"}, isa);
  ASSERT_FALSE(bool(shared));
  EXPECT_NE(llvm::toString(shared.takeError()).find("cannot be linked"), std::string::npos);
}

// Tests that assembly names the widest registers of each variant.
TEST(CpuKernelCodegen, AssemblyUsesTheVariant) {
  const std::pair<const char *, const char *> registers[] = {
      {"x86-64-v4", "%zmm"}, {"x86-64-v3", "%ymm"}, {"aarch64", ".4s"}};
  for (auto [name, wide] : registers) {
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    const Isa &isa = *findIsa(name);
    auto module = buildKernels(context, isa);
    std::string text = llvm::cantFail(assemblyText(*module, isa));
    EXPECT_NE(text.find(wide), std::string::npos) << name;
    EXPECT_EQ(text.find("call"), std::string::npos) << name;
  }
}

// Tests that a product of bytes for AMX is made of its instructions on tiles and needs no call, in the object too; that
// no other variant has one of them; and that the tiles are configured and released once.
TEST(CpuKernelCodegen, TilesAreForAmxOnly) {
  for (const Isa &isa : allIsas()) {
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    KernelBuilder::loadDialects(context);
    mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
    KernelBuilder k(*module, isa);
    QuantizedMatmulSpec spec;
    spec.n = 400;
    spec.k = 390;
    buildQuantizedMatmul(k, "product", spec);
    mlir::OwningOpRef<mlir::ModuleOp> copy(module->clone());
    std::string assembly = llvm::cantFail(assemblyText(*copy, isa));
    llvm::StringRef text = assembly;
    EXPECT_EQ(text.find("call"), llvm::StringRef::npos) << isa.name.str();
    EXPECT_EQ(text.count("ldtilecfg"), isa.hasTiles ? 1u : 0u) << isa.name.str();
    EXPECT_EQ(text.count("tilerelease"), isa.hasTiles ? 1u : 0u) << isa.name.str();
    for (llvm::StringRef name : {"tileloadd", "tdpbusd", "tilestored"})
      EXPECT_EQ(text.contains(name), isa.hasTiles) << name.str() << " in " << isa.name.str();
    // TILERELEASE as Intel's manual encodes it, VEX.128.NP.0F38.W0 49 C0.
    auto object = llvm::cantFail(compileToObject(*module, isa));
    llvm::StringRef code(object.data(), object.size());
    EXPECT_EQ(code.count("\xc4\xe2\x78\x49\xc0"), isa.hasTiles ? 1u : 0u) << isa.name.str();
  }
}

} // namespace
