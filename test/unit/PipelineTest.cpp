//===- PipelineTest.cpp - The phases, with a target of the test's own -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/sinter/IR/Sinter.h"
#include "include/sinter/Compiler.h"
#include "lib/Pipeline/PhaseDriver.h"
#include "lib/Support/Failure.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace sinter;
using testing::HasSubstr;

namespace {

enum class Behaviour { Works, Refuses, Fails, Breaks, Crashes };
Behaviour behaviour = Behaviour::Works;

/// What the target's pass for phase fused does is what the test wants.
struct FusePass : mlir::PassWrapper<FusePass, mlir::OperationPass<mlir::ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FusePass)
  llvm::StringRef getArgument() const override { return "test-fuse"; }
  llvm::StringRef getDescription() const override { return "what the test wants"; }
  /// The op becomes a kernel, as phase fused wants it.
  static void wrap(ElementwiseOp op) {
    mlir::OpBuilder builder(op);
    auto kernel =
        KernelOp::create(builder, op.getLoc(), op->getResultTypes(), builder.getStringAttr("op"), op->getOperands());
    mlir::Block *body = builder.createBlock(&kernel.getBody());
    for (mlir::Value operand : op->getOperands())
      body->addArgument(operand.getType(), operand.getLoc());
    op->replaceAllUsesWith(kernel.getResults());
    op->moveBefore(body, body->end());
    op->setOperands(body->getArguments());
    builder.setInsertionPointToEnd(body);
    YieldOp::create(builder, op.getLoc(), op->getResults());
  }
  void runOnOperation() override {
    getOperation().walk([&](ElementwiseOp op) {
      switch (behaviour) {
      case Behaviour::Works:
        return wrap(op);
      case Behaviour::Refuses:
        op.emitOpError("unsupported: no chip of the test has it");
        return signalPassFailure();
      case Behaviour::Fails:
        op.emitOpError("is the wrong way round");
        return signalPassFailure();
      case Behaviour::Breaks:
        op->removeAttr("kind");
        return;
      case Behaviour::Crashes:
        std::abort();
      }
    });
  }
};

class TestTarget : public Target {
public:
  llvm::StringRef getName() const override { return "test"; }
  llvm::StringRef getDescription() const override { return "A target of a test."; }
  std::vector<std::string> getChips() const override { return {"one", "two"}; }
  bool runsHere(std::string &) const override { return true; }
  void registerDialects(mlir::DialectRegistry &) const override {}
  void addPasses(Phase phase, const TargetSpec &, mlir::OpPassManager &passes) const override {
    if (phase == Phase::Fused)
      passes.addPass(std::make_unique<FusePass>());
  }
  void addVerifyingPasses(Phase phase, mlir::OpPassManager &) const override { verified.push_back(phase); }
  llvm::Expected<EmitResult> emit(mlir::ModuleOp module, mlir::ModuleOp reference,
                                  const EmitRequest &request) const override {
    lastRequest = request;
    modulePhase = getPhase(module);
    referencePhase = getPhase(reference);
    return EmitResult{"hash", 1, 2, "3 * seq", 4};
  }
  bool needsFixedSizes() const override { return true; }
  llvm::Expected<EmitResult> emitEntries(mlir::ModuleOp program, llvm::ArrayRef<ProgramEntry> given,
                                         const EmitRequest &) const override {
    modulePhase = getPhase(program);
    for (const ProgramEntry &entry : given) {
      mlir::ModuleOp placed = entry.module;
      auto main = placed.lookupSymbol<mlir::func::FuncOp>("main");
      entries.push_back({entry.name, mlir::cast<mlir::RankedTensorType>(main.getArgumentTypes()[0]).getDimSize(0)});
      EXPECT_EQ(getPhase(entry.module), Phase::Placed);
      EXPECT_EQ(getPhase(entry.reference), Phase::Sparse);
      EXPECT_EQ(entry.sizes, (std::vector<std::pair<std::string, int64_t>>{{"seq", entries.back().second}}));
    }
    return EmitResult{"entries", 1, 2, "3", 3};
  }
  mutable EmitRequest lastRequest;
  /// Of the last artifact with entries: their names, and the sizes of the input.
  mutable std::vector<std::pair<std::string, int64_t>> entries;
  mutable std::optional<Phase> modulePhase, referencePhase;
  /// The phases whose verifying passes it was asked for.
  mutable std::vector<Phase> verified;
};

TestTarget *testTarget = nullptr;

const std::string folder = testing::TempDir() + "sinter-pipeline-test-" + std::to_string(getpid());
const std::string modelPath = folder + "/pipeline-test.mlir", dumps = folder + "/dumps";

const char program[] = R"mlir(
module attributes {sinter.phase = "imported"} {
  sinter.symbol @seq axis "ids" 0 {low = 1 : i64, high = 512 : i64}
  func.func @main(%ids: tensor<?xf32, #sinter.dims<"seq">> {sinter.name = "ids"})
      -> (tensor<?xf32, #sinter.dims<"seq">> {sinter.name = "out"}) {
    %0 = sinter.elementwise exp(%ids) : (tensor<?xf32, #sinter.dims<"seq">>) -> tensor<?xf32, #sinter.dims<"seq">> loc("/layer.0/Exp")
    return %0 : tensor<?xf32, #sinter.dims<"seq">>
  }
}
)mlir";

class Pipeline : public testing::Test {
protected:
  void SetUp() override {
    behaviour = Behaviour::Works;
    mlir::DialectRegistry registry;
    registerAllDialects(registry);
    context = std::make_unique<mlir::MLIRContext>(registry);
    ASSERT_FALSE(llvm::sys::fs::create_directories(folder));
    std::error_code error;
    llvm::raw_fd_ostream file(modelPath, error);
    ASSERT_FALSE(error);
    file << program;
    request.model = modelPath;
    request.targets = {{"test", {}}};
    request.out = "out";
  }

  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  Failure failureOf(const CompileRequest &wanted) {
    llvm::Expected<CompileResult> result = compile(wanted, *context);
    if (result) {
      ADD_FAILURE() << "compiled, but should not have";
      return Failure(ExitStatus::Done, "");
    }
    return takeFailure(result.takeError());
  }

  std::unique_ptr<mlir::MLIRContext> context;
  CompileRequest request;
};

TEST_F(Pipeline, GivesTheTargetThePlacedModuleAndItsReference) {
  testTarget->verified.clear();
  llvm::Expected<CompileResult> result = compile(request, *context);
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  EXPECT_EQ(testTarget->modulePhase, Phase::Placed);
  EXPECT_EQ(testTarget->referencePhase, Phase::Sparse);
  EXPECT_EQ(testTarget->lastRequest.spec.chips, std::vector<std::string>{"one"});
  EXPECT_EQ(testTarget->lastRequest.name, "pipeline_test");
  EXPECT_EQ(testTarget->verified, (std::vector<Phase>{Phase::Lowered, Phase::Placed}));
  ASSERT_EQ(result->targets.size(), 1u);
  EXPECT_EQ(result->targets[0].result.sha256, "hash");
}

// Tests that several sizes of a dimension give the target a module for each, the smaller ones first.
TEST_F(Pipeline, MakesEntriesOfSeveralSizes) {
  request.import.dims = {{"seq", {64, 8, 64}, std::nullopt, std::nullopt, std::nullopt, std::nullopt}};
  llvm::Expected<CompileResult> result = compile(request, *context);
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  EXPECT_EQ(result->targets[0].result.sha256, "entries");
  EXPECT_EQ(testTarget->modulePhase, Phase::Quantized);
  EXPECT_EQ(testTarget->entries, (std::vector<std::pair<std::string, int64_t>>{{"seq=8", 8}, {"seq=64", 64}}));
  request.import.dims[0].name = "length";
  request.import.dims[0].sizes = {8, 64};
  EXPECT_THAT(failureOf(request).message, HasSubstr("--dim length: the graph ties this dimension"));
}

TEST_F(Pipeline, CompilesFromADumpToTheSameEnd) {
  request.dumpPhasesTo = dumps;
  ASSERT_TRUE(bool(compile(request, *context)));
  for (const char *dump : {"3-sparse.mlir", "5-lowered.mlir"}) {
    testTarget->modulePhase = testTarget->referencePhase = std::nullopt;
    CompileRequest again = request;
    again.dumpPhasesTo.clear();
    again.model = dumps + "/" + dump;
    llvm::Expected<CompileResult> result = compile(again, *context);
    ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
    EXPECT_EQ(testTarget->modulePhase, Phase::Placed) << dump;
    EXPECT_EQ(testTarget->referencePhase, Phase::Sparse) << dump;
  }
  // Without the dump of phase sparse there is nothing to check a bundle against.
  ASSERT_FALSE(llvm::sys::fs::remove(dumps + "/3-sparse.mlir"));
  CompileRequest again = request;
  again.dumpPhasesTo.clear();
  again.model = dumps + "/5-lowered.mlir";
  Failure failure = failureOf(again);
  EXPECT_EQ(failure.status, ExitStatus::Unusable);
  EXPECT_THAT(failure.message, HasSubstr("3-sparse.mlir"));
}

TEST_F(Pipeline, TurnsRefusalsOfPassesIntoOneOfTheModel) {
  behaviour = Behaviour::Refuses;
  Failure failure = failureOf(request);
  EXPECT_EQ(failure.status, ExitStatus::Unsupported);
  ASSERT_EQ(failure.unsupportedNodes.size(), 1u);
  EXPECT_EQ(failure.unsupportedNodes[0].node, "/layer.0/Exp");
  EXPECT_EQ(failure.unsupportedNodes[0].op, "sinter.elementwise");
  EXPECT_EQ(failure.unsupportedNodes[0].reason, "no chip of the test has it");
}

/// The file that the hint of an internal error names.
std::string reproducerOf(const Failure &failure) {
  llvm::StringRef hint = failure.hint;
  EXPECT_TRUE(hint.contains("--run-reproducer ")) << hint.str();
  return hint.rsplit(' ').second.str();
}

TEST_F(Pipeline, WritesAReproducerWhereAPassFails) {
  for (Behaviour wrong : {Behaviour::Fails, Behaviour::Crashes}) {
    behaviour = wrong;
    Failure failure = failureOf(request);
    EXPECT_EQ(failure.status, ExitStatus::Internal);
    EXPECT_THAT(failure.message, HasSubstr("phase fused failed"));
    if (wrong == Behaviour::Fails) {
      EXPECT_THAT(failure.message, HasSubstr("node '/layer.0/Exp': 'sinter.elementwise' op is the wrong way round"));
    }
    std::string path = reproducerOf(failure);
    auto file = llvm::MemoryBuffer::getFile(path);
    ASSERT_TRUE(bool(file)) << path;
    EXPECT_TRUE((*file)->getBuffer().contains("test-fuse"));
    EXPECT_TRUE((*file)->getBuffer().contains("sinter.elementwise exp"));
    llvm::sys::fs::remove(path);
  }
}

TEST_F(Pipeline, FindsWhatAPassBroke) {
  behaviour = Behaviour::Breaks;
  Failure failure = failureOf(request);
  EXPECT_EQ(failure.status, ExitStatus::Internal);
  EXPECT_THAT(failure.message, HasSubstr("phase fused failed"));
  llvm::sys::fs::remove(reproducerOf(failure));
}

TEST_F(Pipeline, RefusesNamesThatCannotBe) {
  for (const char *name : {"1st", "a-b", "sinter_model"}) {
    request.name = name;
    EXPECT_EQ(failureOf(request).status, ExitStatus::Usage) << name;
  }
}

} // namespace

namespace sinter {
const std::vector<std::unique_ptr<Target>> &getTargets() {
  static const std::vector<std::unique_ptr<Target>> targets = [] {
    std::vector<std::unique_ptr<Target>> all;
    all.push_back(std::make_unique<TestTarget>());
    testTarget = static_cast<TestTarget *>(all.back().get());
    return all;
  }();
  return targets;
}

const std::vector<std::unique_ptr<Frontend>> &getFrontends() {
  static const std::vector<std::unique_ptr<Frontend>> none;
  return none;
}
} // namespace sinter
