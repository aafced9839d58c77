//===- RulesTest.cpp - Each house rule can be kept and broken -------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/meta/Rules.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

using namespace sinter::meta;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace {

TEST(IncludeOrder, GoesDownward) {
  Tree kept{{"targets/cpu/Target.cpp",
             "#include \"include/sinter/Target.h\"\n#include \"dialects/sinter/IR/Sinter.h\"\n"
             "#include \"llvm/ADT/ArrayRef.h\"\n#include <vector>\n"},
            {"include/sinter/Target.h", "#include \"lib/Support/SizeExpr.h\"\n"},
            {"lib/Bundle/Write.cpp", "#include \"runtime/format/program.h\"\n"},
            {"tools/sinter/Run.cpp", "#include \"sinter-rt/sinter.h\"\n#include \"targets/cpu/Target.h\"\n"},
            {"runtime/include/sinter-rt/sinter.h", ""},
            {"runtime/core/run.c", "#include \"sinter-rt/sinter.h\"\n#include \"runtime/format/program.h\"\n"}};
  EXPECT_THAT(checkIncludeOrder(kept), IsEmpty());
  Tree upward{{"lib/Support/A.h", "#include \"dialects/sinter/IR/Sinter.h\"\n"}};
  EXPECT_THAT(checkIncludeOrder(upward), ElementsAre(HasSubstr("lib/Support may not include dialects/sinter")));
  Tree tableGen{{"dialects/interfaces/A.td", "include \"dialects/sinter/IR/SinterBase.td\"\n"}};
  EXPECT_THAT(checkIncludeOrder(tableGen), ElementsAre(HasSubstr("dialects/interfaces may not include")));
}

TEST(IncludeOrder, TargetsAndFrontendsDoNotKnowEachOther) {
  Tree tree{{"targets/cpu/A.cpp", "#include \"targets/cuda/B.h\"\n#include \"python-free-frontends/onnx/Model.h\"\n"},
            {"python-free-frontends/onnx/C.cpp", "#include \"targets/cpu/A.h\"\n"}};
  EXPECT_EQ(checkIncludeOrder(tree).size(), 3u);
}

TEST(IncludeOrder, DialectsOfTargetsStandOnTheGraph) {
  Tree kept{{"dialects/cpu/IR/Cpu.h", "#include \"dialects/sinter/IR/Sinter.h\"\n"},
            {"dialects/wafer/IR/Wafer.h", "#include \"dialects/sched/IR/Sched.h\"\n"}};
  EXPECT_THAT(checkIncludeOrder(kept), IsEmpty());
  Tree broken{{"dialects/cpu/IR/Cpu.h", "#include \"dialects/wafer/IR/Wafer.h\"\n"},
              {"dialects/sinter/IR/Sinter.h", "#include \"dialects/cpu/IR/Cpu.h\"\n"}};
  EXPECT_EQ(checkIncludeOrder(broken).size(), 2u);
}

TEST(IncludeOrder, TheRuntimeStandsApart) {
  Tree tree{{"runtime/core/a.c", "#include \"lib/Support/SizeExpr.h\"\n"},
            {"runtime/core/b.c", "#include \"runtime/cpu/variant.h\"\n"},
            {"runtime/format/program.h", "#include \"sinter-rt/sinter.h\"\n"},
            {"runtime/include/sinter-rt/sinter.h", ""},
            {"lib/Bundle/A.cpp", "#include \"runtime/core/program.h\"\n"}};
  EXPECT_EQ(checkIncludeOrder(tree).size(), 4u);
}

TEST(IncludeOrder, TheInterpreterSharesNothingWithPasses) {
  Tree tree{{"lib/Interpreter/A.cpp", "#include \"dialects/sinter/Transforms/Passes.h\"\n"},
            {"lib/Interpreter/B.cpp", "#include \"lib/Conversion/AToB/AToB.h\"\n"},
            {"lib/Interpreter/C.cpp", "#include \"targets/cpu/Kernels/Isa.h\"\n"}};
  EXPECT_EQ(checkIncludeOrder(tree).size(), 3u);
}

TEST(IncludeOrder, ANewFolderNeedsALayer) {
  Tree tree{{"lib/Elsewhere/A.cpp", "#include \"lib/Support/SizeExpr.h\"\n"}};
  EXPECT_THAT(checkIncludeOrder(tree), ElementsAre(HasSubstr("no layer")));
}

TEST(RuntimeDependencies, NeitherLlvmNorParsers) {
  Tree tree{{"runtime/core/a.c", "#include \"llvm-c/Core.h\"\n#include <google/protobuf/message.h>\n"},
            {"runtime/sim/b.cpp", "#include <google/protobuf/message.h>\n"}};
  EXPECT_EQ(checkRuntimeDependencies(tree).size(), 2u);
}

TEST(FileSizes, CountsLines) {
  Tree tree{{"a.cpp", "1\n2\n3\n"}, {"b.cpp", "1\n2\n"}, {"test/data/c", "1\n2\n3\n"}};
  EXPECT_THAT(checkFileSizes(tree, 2), ElementsAre(HasSubstr("a.cpp has 3 lines")));
}

TEST(Names, SayWhatIsInside) {
  Tree tree{{"lib/Utils/A.h", ""}, {"lib/Support/Helpers.cpp", ""}, {"lib/Support/Commonplace.h", ""}};
  EXPECT_EQ(checkNames(tree).size(), 2u);
}

const std::string license = "// Part of Sinter\n// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception\n";

TEST(Headers, LicenseAndGuard) {
  std::string guard = "#ifndef SINTER_SUPPORT_GOOD_H\n#define SINTER_SUPPORT_GOOD_H\n#endif // SINTER_SUPPORT_GOOD_H\n";
  EXPECT_THAT(checkHeaders(Tree{{"lib/Support/Good.h", "// Good.h\n" + license + guard}}), IsEmpty());
  EXPECT_EQ(checkHeaders(Tree{{"lib/Support/Other.h", "// Other.h\n" + license + guard}}).size(), 1u);
  EXPECT_EQ(checkHeaders(Tree{{"lib/Support/None.cpp", "int x;\n"}}).size(), 1u);
  EXPECT_EQ(checkHeaders(Tree{{"lib/Support/Moved.cpp", "// Old.cpp\n" + license}}).size(), 1u);
}

TEST(DocumentedPaths, Exist) {
  Tree tree{{"README.md",
             "Run `tools/check --long`, see [how](docs/build.md#top) and `lib/{Support,Gone}/A.h`; `cpu/x86` is\n"
             "no path of ours, nor is `targets/<T>`.\n```\ntools/absent -o out\n```\n"},
            {"docs/build.md", "[back](../README.md) and [lost](lost.md)\n"},
            {"lib/Support/A.h", ""},
            {"tools/check", ""}};
  EXPECT_THAT(checkDocumentedPaths(tree), ElementsAre(HasSubstr("names lib/Gone/A.h"), HasSubstr("names tools/absent"),
                                                      HasSubstr("links to lost.md")));
}

TEST(ShownExamples, AreFiles) {
  Tree tree{{"README.md", "```c\nint x;\n```\n"}, {"docs/a.md", "```c\nint y;\n```\n"}, {"examples/x.c", "int x;\n"}};
  EXPECT_THAT(checkShownExamples(tree), ElementsAre(HasSubstr("docs/a.md")));
}

TEST(MachinePaths, AreNowhere) {
  std::string folder = std::string("/hom") + "e/someone/x", host = std::string("https://pypi") + ".org/simple";
  EXPECT_EQ(checkNoMachinePaths(Tree{{"a.md", "see " + folder}, {"b", "get " + host}, {"c", "src" + folder}}).size(),
            2u);
}

TEST(Options, AreInTools) {
  Tree tree{{"lib/Support/A.cpp", "static llvm::cl::opt<bool> x(\"x\");\n"},
            {"tools/sinter-opt/B.cpp", "static llvm::cl::opt<bool> x(\"x\");\n"},
            {"lib/Support/C.cpp", "acl::options x;\n"}};
  EXPECT_THAT(checkOptionsInTools(tree), ElementsAre(HasSubstr("lib/Support/A.cpp")));
}

TEST(Exceptions, AreInToolsAndTests) {
  Tree tree{{"lib/Support/A.cpp", "  throw 1;\n"},
            {"lib/Support/B.cpp", "// never throw\nint retry; const char *x = \"catch (\";\n"},
            {"lib/Support/C.cpp", "  try {\n  } catch (...) {\n"},
            {"tools/sinter/D.cpp", "throw 1;\n"}};
  EXPECT_EQ(checkNoExceptions(tree).size(), 3u);
}

TEST(Sources, AreBuilt) {
  Tree tree{{"lib/CMakeLists.txt", "Support/A.cpp"},
            {"lib/Support/CMakeLists.txt", "B.cpp and Of${what}Test.cpp"},
            {"lib/Support/OfSomethingTest.cpp", ""},
            {"lib/Support/A.cpp", ""},
            {"lib/Support/B.cpp", ""},
            {"lib/Support/Forgotten.cpp", ""}};
  EXPECT_THAT(checkSourcesAreBuilt(tree), ElementsAre(HasSubstr("Forgotten.cpp")));
}

TEST(Python, HasItsPlaces) {
  Tree tree{
      {"tools/gen.py", ""}, {"benchmarks/a.py", ""}, {"test/lit.cfg.py", ""}, {"tools/x", "#!/usr/bin/env python3\n"}};
  EXPECT_EQ(checkPython(tree).size(), 2u);
}

TEST(LitTests, SayWhatTheyTest) {
  std::string good = "// RUN: sinter-opt %s | FileCheck %s\n\n// Tests that addition adds.\n";
  EXPECT_THAT(checkLitTests(Tree{{"test/dialects/sinter/ops.mlir", good}}), IsEmpty());
  EXPECT_EQ(checkLitTests(Tree{{"test/dialects/sinter/invalid.mlir", good}}).size(), 1u);
  std::string refused =
      "// RUN: not sinter-opt %s -split-input-file 2>&1 | FileCheck %s\n// Tests that it is refused.\n";
  EXPECT_EQ(checkLitTests(Tree{{"test/dialects/sinter/invalid.mlir", refused}}).size(), 1u);
  std::string left = "// RUN: sinter-opt %s -split-input-file -p | FileCheck %s\n// Tests that it stays as it is.\n";
  EXPECT_THAT(checkLitTests(Tree{{"test/dialects/sinter/p-invalid.mlir", left}}), IsEmpty());
  EXPECT_EQ(checkLitTests(Tree{{"test/tools/a.test", "RUN: sinter\n"}}).size(), 1u);
  EXPECT_EQ(checkLitTests(Tree{{"test/tools/a.test", "Tests that nothing runs.\n"}}).size(), 1u);
}

const std::string goodOp = R"(def Sinter_RmsNormOp : Sinter_Op<"rms_norm"> {
  let summary = "Root mean square normalization.";
  let description = [{
    Constraints:
    - C1: an axis.
    - C2: a scale.

    ```mlir
    %0 = sinter.rms_norm %x
    ```
  }];
}
)";

Tree opTree(const std::string &op, const std::string &verifier = "// rms_norm C1\n// rms_norm C2\n",
            const std::string &negative = "// rms_norm C1\nsinter.rms_norm\n// rms_norm C2\n",
            const std::string &positive = "sinter.rms_norm %x") {
  return Tree{{"dialects/sinter/IR/Ops.td", op},
              {"dialects/sinter/IR/Ops.cpp", verifier},
              {"test/dialects/sinter/ops.mlir", positive},
              {"test/dialects/sinter/invalid.mlir", negative}};
}

std::string without(std::string text, const std::string &part) {
  size_t at = text.find(part);
  EXPECT_NE(at, std::string::npos) << part;
  return at == std::string::npos ? text : text.erase(at, part.size());
}

TEST(Ops, AreDescribedAndTested) {
  EXPECT_THAT(checkOps(opTree(goodOp)), IsEmpty());
  EXPECT_THAT(checkOps(opTree(without(goodOp, "let summary = \"Root mean square normalization.\";"))),
              ElementsAre(HasSubstr("no summary")));
  EXPECT_THAT(checkOps(opTree(without(goodOp, "```mlir"))), ElementsAre(HasSubstr("no example")));
  EXPECT_THAT(checkOps(opTree(without(goodOp, "Norm"))), ElementsAre(HasSubstr("not named after")));
  EXPECT_THAT(checkOps(opTree(goodOp, "", "", "sinter.rms_norm_2")),
              ElementsAre(HasSubstr("no positive"), HasSubstr("no negative")));
}

TEST(Constraints, AreVerifiedAndTested) {
  EXPECT_THAT(checkConstraints(opTree(goodOp)), IsEmpty());
  EXPECT_THAT(checkConstraints(opTree(goodOp, "// rms_norm C1, C2\n")), IsEmpty());
  EXPECT_THAT(checkConstraints(opTree(goodOp, "// rms_norm C1\n// layer_rms_norm C2\n")),
              ElementsAre(HasSubstr("no verifier")));
  EXPECT_THAT(checkConstraints(opTree(goodOp, "// rms_norm C1, C2 and C3\n")),
              ElementsAre(HasSubstr("does not state")));
  EXPECT_THAT(checkConstraints(opTree(goodOp, "// rms_norm C1, C2\n", "// rms_norm C2\n")),
              ElementsAre(HasSubstr("no *invalid.mlir")));
  EXPECT_THAT(checkConstraints(opTree(without(goodOp, "- C1: an axis."))),
              testing::Contains(HasSubstr("out of order")));
}

TEST(Interpreter, IsComplete) {
  Tree tree{{"dialects/sinter/IR/Ops.td", "def Sinter_ReduceOp : Sinter_InferredOp<\"reduce\"> {\n}\n"
                                          "def Sinter_ArgReduceOp : Sinter_InferredOp<\"arg_reduce\"> {\n}\n"
                                          "def Sinter_WeightOp : Sinter_Op<\"weight\", [Symbol]> {\n}\n"},
            {"lib/Interpreter/A.cpp", "HostTensor runArgReduce(ArgReduceOp op, const Frame &frame) {"}};
  EXPECT_THAT(checkInterpreterIsComplete(tree), ElementsAre(HasSubstr("Sinter_ReduceOp")));
}

const std::string goodPass = R"(def FuseAttentionPass : Pass<"sinter-fuse-attention"> {
  let summary = "One op for attention.";
  let description = [{
    ```mlir
    before, after
    ```
  }];
}
)";

Tree passTree(const std::string &pass, const std::string &file = "FuseAttention.cpp") {
  return Tree{{"dialects/sinter/Transforms/Passes.td", pass},
              {"dialects/sinter/Transforms/" + file, ""},
              {"test/dialects/sinter/fuse-attention.mlir", ""},
              {"test/dialects/sinter/fuse-attention-invalid.mlir", ""}};
}

TEST(Passes, HaveOneStemEverywhere) {
  EXPECT_THAT(checkPasses(passTree(goodPass)), IsEmpty());
  EXPECT_THAT(checkPasses(passTree(goodPass, "Attention.cpp")), ElementsAre(HasSubstr("FuseAttention.cpp")));
  EXPECT_THAT(checkPasses(passTree(without(goodPass, "-attention"))),
              ElementsAre(HasSubstr("--sinter-fuse-attention")));
  EXPECT_THAT(checkPasses(passTree(without(goodPass, "```mlir"))), ElementsAre(HasSubstr("no example")));
  std::string targets = goodPass;
  targets.replace(targets.find("sinter-fuse"), 6, "sinter-cpu");
  Tree ofTarget{{"targets/cpu/Transforms/Passes.td", targets},
                {"targets/cpu/Transforms/FuseAttention.cpp", ""},
                {"test/targets/cpu/fuse-attention.mlir", ""},
                {"test/targets/cpu/fuse-attention-invalid.mlir", ""}};
  EXPECT_THAT(checkPasses(ofTarget), IsEmpty());
  EXPECT_THAT(checkPasses(passTree(targets)), ElementsAre(HasSubstr("--sinter-fuse-attention")));
  Tree untested{{"targets/cpu/Passes.td", targets}, {"targets/cpu/Transforms/FuseAttention.cpp", ""}};
  EXPECT_THAT(checkPasses(untested), ElementsAre(HasSubstr("test/targets/cpu/fuse-attention.mlir"),
                                                 HasSubstr("test/targets/cpu/fuse-attention-invalid.mlir")));
}

} // namespace
