//===- OnnxExternalDataTest.cpp - Tests of data files beside a model ------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Support/Failure.h"
#include "python-free-frontends/onnx/ExternalData.h"
#include "python-free-frontends/onnx/Model.h"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx-ml.pb.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace sinter;
using namespace sinter::onnx;
using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

namespace {

/// A folder with model/m.onnx, model/w.bin of 64 bytes, and secret.bin beside the model's folder.
class OnnxExternalData : public testing::Test {
protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "onnx-external-data-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root = pattern;
    folder = root / "model";
    fs::create_directory(folder);
    write(folder / "w.bin", 64);
    write(root / "secret.bin", 64);
  }
  void TearDown() override { fs::remove_all(root); }

  static void write(const fs::path &path, size_t size) {
    std::string bytes;
    for (size_t i = 0; i < size; ++i)
      bytes += static_cast<char>(i);
    std::ofstream(path, std::ios::binary) << bytes;
  }

  using Entries = std::vector<std::pair<std::string, std::string>>;
  /// A tensor of 2 floats, unless told otherwise.
  void addTensor(const Entries &entries, std::vector<int64_t> dims = {2}) {
    auto *tensor = proto.mutable_graph()->add_initializer();
    tensor->set_name("w" + std::to_string(proto.graph().initializer_size()));
    tensor->set_data_type(::onnx::TensorProto::FLOAT);
    for (int64_t size : dims)
      tensor->add_dims(size);
    tensor->set_data_location(::onnx::TensorProto::EXTERNAL);
    for (const auto &[key, value] : entries) {
      auto *entry = tensor->add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    }
  }

  llvm::Expected<Model> read(const ReadOptions &options = {}) {
    proto.set_ir_version(8);
    if (!proto.opset_import_size())
      proto.add_opset_import()->set_version(17);
    if (!proto.graph().node_size())
      proto.mutable_graph()->add_node()->set_op_type("Identity");
    std::ofstream(folder / "m.onnx", std::ios::binary) << proto.SerializeAsString();
    return readModel((folder / "m.onnx").string(), options);
  }

  std::string refusal(const ReadOptions &options = {}) {
    llvm::Expected<Model> model = read(options);
    proto.Clear();
    if (model)
      return "(it was read)";
    Failure failure = takeFailure(model.takeError());
    EXPECT_EQ(failure.status, ExitStatus::Unusable);
    return failure.message;
  }

  fs::path root, folder;
  ::onnx::ModelProto proto;
};

// Tests that tensors lie in the mapped data file, which is mapped once under all its spellings.
TEST_F(OnnxExternalData, inPlace) {
  fs::create_directory(folder / "sub");
  write(folder / "sub" / "v.bin", 8);
  addTensor({{"location", "w.bin"}});
  addTensor({{"location", "./w.bin"}, {"offset", "16"}, {"length", "8"}, {"checksum", "ignored"}, {"x", "y"}});
  addTensor({{"location", ".//sub/./v.bin"}});
  addTensor({{"location", "w.bin"}, {"offset", "56"}});
  llvm::Expected<Model> model = read();
  ASSERT_TRUE(bool(model)) << llvm::toString(model.takeError());
  ASSERT_EQ(model->files.size(), 3u);
  const std::vector<Tensor> &tensors = model->graph.initializers;
  EXPECT_EQ(tensors[0].file, tensors[1].file);
  EXPECT_EQ(tensors[0].file, model->files[1]);
  EXPECT_EQ(tensors[1].offset, 16u);
  EXPECT_EQ(tensors[1].length, 8u);
  EXPECT_EQ((*tensors[1].bytes())[0], 16);
  EXPECT_EQ((*tensors[2].bytes())[7], 7);
  EXPECT_EQ((*tensors[3].bytes())[7], 63);
  EXPECT_EQ(tensors[2].file->getPath(), (folder / "sub/v.bin").string());
  EXPECT_TRUE(model->files[1]->isUnchanged());
  write(folder / "w.bin", 63);
  EXPECT_FALSE(model->files[1]->isUnchanged());
}

// Tests that a data file that is missing is named, and only a warning where that is asked for.
TEST_F(OnnxExternalData, missing) {
  addTensor({{"location", "gone.bin"}, {"offset", "4096"}});
  addTensor({{"location", "gone.bin"}});
  ReadOptions options;
  options.allowAbsentData = true;
  llvm::Expected<Model> model = read(options);
  ASSERT_TRUE(bool(model)) << llvm::toString(model.takeError());
  EXPECT_THAT(model->warnings, ElementsAre(HasSubstr("'gone.bin' is not in the model's folder")));
  const Tensor &tensor = model->graph.initializers[0];
  EXPECT_EQ(tensor.storage, Tensor::Storage::Absent);
  EXPECT_EQ(tensor.offset, 4096u);
  EXPECT_FALSE(tensor.bytes());
  EXPECT_EQ(takeFailure(tensor.toHostTensor().takeError()).status, ExitStatus::Unusable);
  EXPECT_THAT(refusal(), HasSubstr("tensor 'w1': the data file 'gone.bin' is not in the model's folder"));
}

// Tests that a tensor that does not fit its file is refused with both numbers, whatever the numbers are.
TEST_F(OnnxExternalData, sizes) {
  const std::pair<Entries, const char *> table[] = {
      {{{"location", "w.bin"}, {"offset", "60"}}, "has 64 bytes; the tensor is bytes 60 to 68"},
      {{{"location", "w.bin"}, {"offset", "18446744073709551615"}}, "whose end does not fit 64 bits"},
      {{{"location", "w.bin"}, {"offset", "18446744073709551607"}}, "has 64 bytes"},
      {{{"location", "w.bin"}, {"offset", "18446744073709551616"}}, "which is not a number of bytes"},
      {{{"location", "w.bin"}, {"offset", "-1"}}, "which is not a number of bytes"},
      {{{"location", "w.bin"}, {"offset", " 1"}}, "which is not a number of bytes"},
      {{{"location", "w.bin"}, {"offset", "0x10"}}, "which is not a number of bytes"},
      {{{"location", "w.bin"}, {"offset", ""}}, "which is not a number of bytes"},
      {{{"location", "w.bin"}, {"length", "7"}}, "has 7 bytes of external data; float of shape 2 needs 8"},
      {{{"location", "w.bin"}, {"length", "64"}}, "has 64 bytes of external data; float of shape 2 needs 8"},
      {{{"location", "w.bin"}, {"length", "eight"}}, "which is not a number of bytes"},
      {{{"offset", "0"}}, "has external data without a location"},
  };
  for (const auto &[entries, reason] : table) {
    addTensor(entries);
    EXPECT_THAT(refusal(), HasSubstr(reason));
  }
  addTensor({{"location", "w.bin"}}, {1 << 20, 1 << 20});
  EXPECT_THAT(refusal(), HasSubstr("has 64 bytes; the tensor is bytes 0 to 4398046511104"));
}

// Tests that no location leads out of the model's folder, and that only regular files are read.
TEST_F(OnnxExternalData, contained) {
  fs::create_directory(folder / "sub");
  fs::create_symlink(root / "secret.bin", folder / "absolute-link");
  fs::create_symlink("../secret.bin", folder / "relative-link");
  fs::create_symlink(root, folder / "folder-link");
  fs::create_symlink("/proc/self/exe", folder / "magic-link");
  fs::create_symlink("loop", folder / "loop");
  fs::create_symlink("../missing.bin", folder / "dangling-link");
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  const std::pair<std::string, const char *> table[] = {
      {"../secret.bin", "has '..' in its path"},
      {"sub/../../secret.bin", "has '..' in its path"},
      {"sub/..", "has '..' in its path"},
      {"sub/../w.bin", "has '..' in its path"},
      {(root / "secret.bin").string(), "has an absolute path"},
      {"/dev/zero", "has an absolute path"},
      {"//w.bin", "has an absolute path"},
      {"absolute-link", "is a link that leaves the model's folder"},
      {"relative-link", "is a link that leaves the model's folder"},
      {"folder-link/secret.bin", "is a link that leaves the model's folder"},
      {"magic-link", "is a link that leaves the model's folder"},
      {"dangling-link", "is a link that leaves the model's folder"},
      {"loop", "is a link that leaves the model's folder"},
      {"sub", "is a directory"},
      {"w.bin/", "is a directory"},
      {".", "is a directory"},
      {"pipe", "is not a regular file"},
      {std::string("w.bin\0.txt", 10), "contains a NUL byte"},
      {"w.bin/x", "cannot be opened"},
      {std::string(5000, 'x'), "cannot be opened"},
  };
  for (const auto &[location, reason] : table) {
    addTensor({{"location", location}});
    EXPECT_THAT(refusal(), HasSubstr(reason)) << location;
    ReadOptions options;
    options.allowAbsentData = true;
    addTensor({{"location", location}});
    EXPECT_THAT(refusal(options), HasSubstr(reason)) << location;
  }
}

// Tests that a link that stays in the model's folder is followed.
TEST_F(OnnxExternalData, linksInside) {
  fs::create_directory(folder / "sub");
  fs::create_symlink("../w.bin", folder / "sub" / "link.bin");
  addTensor({{"location", "sub/link.bin"}});
  llvm::Expected<Model> model = read();
  ASSERT_TRUE(bool(model)) << llvm::toString(model.takeError());
  EXPECT_EQ(model->files[1]->size(), 64u);
}

// Tests that a model that did not come from a folder can have no data files.
TEST_F(OnnxExternalData, withoutFolder) {
  addTensor({{"location", "w.bin"}});
  ASSERT_TRUE(bool(read()));
  std::string bytes = proto.SerializeAsString();
  llvm::Expected<Model> model = readModel(MappedFile::fromMemory({bytes.data(), bytes.size()}, "-"), "");
  ASSERT_FALSE(bool(model));
  EXPECT_THAT(llvm::toString(model.takeError()), HasSubstr("this model is not in a folder"));
}

// Tests that a model is found by a path without a folder, and that what is no file is refused by name.
TEST_F(OnnxExternalData, paths) {
  addTensor({{"location", "w.bin"}});
  ASSERT_TRUE(bool(read()));
  fs::path before = fs::current_path();
  fs::current_path(folder);
  llvm::Expected<Model> model = readModel("m.onnx");
  fs::current_path(before);
  EXPECT_TRUE(bool(model)) << llvm::toString(model.takeError());
  EXPECT_THAT(llvm::toString(readModel((folder / "none.onnx").string()).takeError()), HasSubstr("none.onnx"));
  EXPECT_THAT(llvm::toString(readModel(folder.string()).takeError()), HasSubstr("is a directory"));
  EXPECT_THAT(llvm::toString(readModel("/dev/zero").takeError()), HasSubstr("is not a regular file"));
}

} // namespace
