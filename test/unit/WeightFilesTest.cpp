//===- WeightFilesTest.cpp - Weights in files -------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Weights/WeightFiles.h"
#include "test/unit/InterpreterHarness.h"

#include <filesystem>
#include <fstream>

using namespace sinter;
using namespace sinter::testing;
namespace fs = std::filesystem;

namespace {

class WeightFilesTest : public ::testing::Test {
protected:
  void SetUp() override {
    folder = fs::absolute(::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder);
    fs::create_directories(folder / "model");
  }
  void TearDown() override { fs::remove_all(folder); }

  void write(const std::string &name, const std::string &bytes) {
    std::ofstream(folder / name, std::ios::binary) << bytes;
  }
  llvm::Expected<WeightFiles> open(mlir::ModuleOp module) {
    return WeightFiles::open(module, (folder / "model").string());
  }
  /// The message for weights in the files with these names.
  std::string openWith(const std::string &files, const std::string &weight) {
    mlir::OwningOpRef<mlir::ModuleOp> module =
        parse("module attributes {sinter.files = [" + files + "]} {\nsinter.weight " + weight + "\n}");
    return messageOf(open(*module));
  }

  fs::path folder;
};

WeightOp getWeight(mlir::ModuleOp module, llvm::StringRef name) { return module.lookupSymbol<WeightOp>(name); }

TEST_F(WeightFilesTest, ReadsRawElementsInPlace) {
  write("model/a", std::string("xx\x01\x00\xff\xff", 6));
  mlir::OwningOpRef<mlir::ModuleOp> module = parse(R"mlir(
    module attributes {sinter.files = ["missing", "a"]} {
      sinter.weight @w raw 1 at 2 length 4 : tensor<2xi16>
    })mlir");
  llvm::Expected<WeightFiles> files = open(*module); // a file that no weight lies in need not be there
  ASSERT_TRUE(bool(files)) << llvm::toString(files.takeError());
  WeightOp weight = getWeight(*module, "w");
  EXPECT_EQ(WeightFiles::sizeInBytes(weight), 4);
  std::vector<int16_t> elements(2);
  EXPECT_EQ(messageOf(files->read(weight, {reinterpret_cast<char *>(elements.data()), 4})), "no error");
  EXPECT_EQ(elements, (std::vector<int16_t>{1, -1}));
  EXPECT_EQ(llvm::cantFail(files->view(weight)).vec(), (std::vector<char>{1, 0, '\xff', '\xff'}));
  expectElements<int16_t>(llvm::cantFail(files->read(weight)), {1, -1});
}

TEST_F(WeightFilesTest, DecodesVariableLengthIntegers) {
  // 1; 300 = ac 02; -1 as ten bytes; and 200 of ui8.
  write("model/a", std::string("\x01\xac\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\xc8\x01", 15));
  mlir::OwningOpRef<mlir::ModuleOp> module = parse(R"mlir(
    module attributes {sinter.files = ["a"]} {
      sinter.weight @wide varint 0 at 0 length 13 : tensor<3xi32>
      sinter.weight @byte varint 0 at 13 length 2 : tensor<1xui8>
      sinter.weight @bool varint 0 at 1 length 2 : tensor<1xi1>
      sinter.weight @early varint 0 at 0 length 12 : tensor<3xi32>
      sinter.weight @more varint 0 at 0 length 13 : tensor<2xi32>
      sinter.weight @fewer varint 0 at 0 length 3 : tensor<3xi32>
    })mlir");
  WeightFiles files = llvm::cantFail(open(*module));
  expectElements<int32_t>(llvm::cantFail(files.read(getWeight(*module, "wide"))), {1, 300, -1});
  expectElements<uint8_t>(llvm::cantFail(files.read(getWeight(*module, "byte"))), {200});
  expectElements<uint8_t>(llvm::cantFail(files.read(getWeight(*module, "bool"))), {1});
  EXPECT_EQ(messageOf(files.read(getWeight(*module, "early"))), "weight 'early': the data ends early");
  EXPECT_EQ(messageOf(files.read(getWeight(*module, "fewer"))), "weight 'fewer': the data ends early");
  EXPECT_EQ(messageOf(files.read(getWeight(*module, "more"))),
            "weight 'more': the data has more elements than its type");
  EXPECT_EQ(messageOf(files.view(getWeight(*module, "wide"))), "weight 'wide' is not stored as plain elements");
}

TEST_F(WeightFilesTest, UnpacksElementsOfFewerThanEightBits) {
  write("model/a", std::string("\x21\xff\x1b\x9f\xe1\x03\x07", 7));
  mlir::OwningOpRef<mlir::ModuleOp> module = parse(R"mlir(
    module attributes {sinter.files = ["a"]} {
      sinter.weight @fours packed 0 at 0 length 2 : tensor<3xi4>
      sinter.weight @twos packed 0 at 2 length 1 : tensor<4xui2>
      sinter.weight @floats packed 0 at 3 length 1 : tensor<2xf4E2M1FN>
      sinter.weight @varint varint 0 at 4 length 3 : tensor<3xi4>
      sinter.weight @fewer varint 0 at 4 length 2 : tensor<3xi4>
    })mlir");
  WeightFiles files = llvm::cantFail(open(*module));
  EXPECT_EQ(WeightFiles::sizeInBytes(getWeight(*module, "fours")), 3);
  expectElements<int8_t>(llvm::cantFail(files.read(getWeight(*module, "fours"))), {1, 2, -1});
  expectElements<uint8_t>(llvm::cantFail(files.read(getWeight(*module, "twos"))), {3, 2, 1, 0});
  expectElements<uint8_t>(llvm::cantFail(files.read(getWeight(*module, "floats"))), {15, 9});
  // e1 03 is 0x1e1, of which the low byte holds two elements.
  expectElements<int8_t>(llvm::cantFail(files.read(getWeight(*module, "varint"))), {1, -2, 7});
  EXPECT_EQ(messageOf(files.read(getWeight(*module, "fewer"))), "weight 'fewer': the data ends early");
  EXPECT_EQ(messageOf(files.view(getWeight(*module, "fours"))), "weight 'fours' is not stored as plain elements");
}

TEST_F(WeightFilesTest, RefusesWhatGoesBeyondTheFile) {
  write("model/a", "12345678");
  mlir::OwningOpRef<mlir::ModuleOp> module = parse(R"mlir(
    module attributes {sinter.files = ["a"]} {
      sinter.weight @w raw 0 at 4 length 8 : tensor<2xf32>
      sinter.weight @far raw 0 at 9223372036854775807 length 4 : tensor<f32>
    })mlir");
  WeightFiles files = llvm::cantFail(open(*module));
  std::string path = (folder / "model" / "a").string();
  EXPECT_EQ(messageOf(files.read(getWeight(*module, "w"))),
            "weight 'w' has 8 bytes at 4 of file '" + path + "', which has 8");
  EXPECT_EQ(messageOf(files.view(getWeight(*module, "far"))),
            "weight 'far' has 4 bytes at 9223372036854775807 of file '" + path + "', which has 8");
}

TEST_F(WeightFilesTest, OpensNothingOutsideTheFolder) {
  write("secret", "1234");
  fs::create_symlink(folder / "secret", folder / "model" / "link");
  fs::create_symlink("../secret", folder / "model" / "relative");
  fs::create_directory(folder / "model-other");
  write("model-other/x", "1234");
  fs::create_symlink("../model-other/x", folder / "model" / "neighbour");
  const std::string weight = "@w raw 1 at 0 length 4 : tensor<f32>";
  EXPECT_EQ(openWith("\"m\", \"../secret\"", weight),
            "weights file '../secret' is not a path inside the model's folder");
  EXPECT_EQ(openWith("\"m\", \"x/../../secret\"", weight),
            "weights file 'x/../../secret' is not a path inside the model's folder");
  EXPECT_EQ(openWith("\"m\", \"/etc/passwd\"", weight),
            "weights file '/etc/passwd' is not a path inside the model's folder");
  EXPECT_EQ(openWith("\"m\", \"\"", weight), "weights file '' is not a path inside the model's folder");
  for (const char *link : {"link", "relative", "neighbour"})
    EXPECT_EQ(openWith(std::string("\"m\", \"") + link + "\"", weight),
              "weights file '" + (folder / "model" / link).string() + "' is a link that leaves the model's folder");
  // The model itself may be a link: the user named it.
  EXPECT_EQ(openWith("\"link\"", "@w raw 0 at 0 length 4 : tensor<f32>"), "no error");
  // So may a file whose link stays inside.
  write("model/real", "1234");
  fs::create_symlink("real", folder / "model" / "inside");
  EXPECT_EQ(openWith("\"m\", \"inside\"", weight), "no error");
}

TEST_F(WeightFilesTest, NamesWhatIsMissing) {
  EXPECT_EQ(openWith("\"m\"", "@w raw 3 at 0 length 4 : tensor<f32>"), "weight 'w' is in file 3 of 1");
  EXPECT_EQ(openWith("\"m\", \"gone\"", "@w raw 1 at 0 length 4 : tensor<f32>"),
            "weights file '" + (folder / "model" / "gone").string() + "': No such file or directory");
}

} // namespace
