//===- BundleTest.cpp - Tests that bundles are written and read whole -----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/RuntimeTestProgram.h"

#include "lib/Support/Failure.h"
#include "runtime/format/hash.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"

#include <cstring>
#include <gmock/gmock.h>
#include <random>

using namespace sinter;
using namespace sinter::test;
using testing::HasSubstr;
namespace fs = std::filesystem;

namespace {

std::map<std::string, std::string> readFolder(const fs::path &folder) {
  std::map<std::string, std::string> files;
  for (const fs::directory_entry &entry : fs::directory_iterator(folder))
    files[entry.path().filename()] = readFile(entry.path());
  return files;
}

/// The status and message of writing a bundle.
std::pair<int, std::string> failureOf(llvm::Error error) {
  if (!error)
    return {0, ""};
  Failure failure = takeFailure(std::move(error));
  return {static_cast<int>(failure.status), failure.message};
}

// Tests the hash against values that its author publishes, and that pieces of any length give the same.
TEST(HashTest, IsXxh64) {
  auto hash = [](const std::string &text) { return sinter_hash_bytes(text.data(), text.size()); };
  EXPECT_EQ(hash(""), 0xef46db3751d8e999u);
  EXPECT_EQ(hash("a"), 0xd24ec4f1a98c6e5bu);
  EXPECT_EQ(hash("abc"), 0x44bc2cf5ad770999u);
  EXPECT_EQ(hash("Nobody inspects the spammish repetition"), 0xfbcea83c8a378bf1u);
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::string text(random() % 300, 0);
    for (char &c : text)
      c = random();
    sinter_hash_state state;
    sinter_hash_begin(&state);
    for (size_t at = 0; at < text.size();) {
      size_t count = std::min<size_t>(random() % 70, text.size() - at);
      sinter_hash_add(&state, text.data() + at, count);
      at += count;
    }
    ASSERT_EQ(sinter_hash_end(&state), hash(text));
  }
}

// Tests that the same description gives the same bytes, in another folder and with other numbers of threads.
TEST(BundleTest, IsDeterministic) {
  TestFolder folder;
  fs::create_directory(folder / "deeper");
  BundleDescription bundle = testProgram();
  for (int i = 0; i < 20; ++i)
    bundle.addSection("filler" + std::to_string(i), 1000 + i * 77, floats(std::vector<float>(250, i)));
  writeTestBundle(folder / "a", bundle);
  WriteOptions options;
  options.threads = 4;
  uint64_t last = 0, all = 0;
  options.progress = [&](uint64_t done, uint64_t total) {
    EXPECT_GE(done, last);
    last = done;
    all = total;
  };
  BundleSummary summary;
  expectSuccess(writeBundle(bundle, (folder / "deeper/b").string(), options, &summary));
  EXPECT_EQ(last, all);
  EXPECT_EQ(readFolder(folder / "a"), readFolder(folder / "deeper/b"));
  EXPECT_EQ(summary.sha256.size(), 64u);
  uint64_t bytes = 0;
  for (auto &[name, contents] : readFolder(folder / "a"))
    bytes += contents.size();
  EXPECT_EQ(summary.totalBytes, bytes);
}

// Tests that manifest.json says the same as program.bin, as the runtime reads it.
TEST(BundleTest, ManifestEqualsProgram) {
  TestFolder folder;
  BundleDescription bundle = testProgram();
  bundle.symbols[1].highest = std::nullopt; // null in the manifest
  bundle.inputs.push_back({"unused", SINTER_I8, {}, {}, /*anyShape=*/true});
  bundle.inputs.push_back({"limit", SINTER_F32, {}, {}});
  bundle.symbols.push_back({"r[]", SymbolSource::range(4, {{{std::nullopt, 0.5}, {4, 0}, {std::nullopt, -2}}}), 0,
                            std::nullopt, std::nullopt});
  writeTestBundle(folder / "tiny", bundle);
  llvm::Expected<llvm::json::Value> parsed = llvm::json::parse(readFile(folder / "tiny/manifest.json"));
  ASSERT_TRUE(static_cast<bool>(parsed));
  const llvm::json::Object &manifest = *parsed->getAsObject();
  OpenProgram opened(folder / "tiny");
  ASSERT_EQ(opened.status, SINTER_OK) << opened.error.message;
  const sinter_program *program = opened.program;
  sinter_program_info info;
  sinter_program_get_info(program, &info);

  auto text = [](const llvm::json::Value &value) {
    if (std::optional<int64_t> number = value.getAsInteger())
      return std::to_string(*number);
    return value.getAsString().value_or("?").str();
  };
  auto array = [&](const char *name) -> const llvm::json::Array & { return *manifest.getArray(name); };
  auto hashText = [](uint64_t hash) { return llvm::utohexstr(hash, true, 16); };
  EXPECT_EQ(manifest.getString("name"), info.name);
  EXPECT_EQ(manifest.getString("sinter"), info.compiler);
  EXPECT_EQ(manifest.getString("precision"), info.precision);
  EXPECT_EQ(manifest.getObject("source")->getString("file"), info.source_file);
  EXPECT_EQ(manifest.getObject("source")->getString("sha256"), info.source_sha256);
  EXPECT_EQ(text(*manifest.getObject("memory")->get("arena_bytes")), info.arena_formula);
  EXPECT_EQ(manifest.getObject("memory")->getInteger("weights_bytes"), static_cast<int64_t>(info.weights_bytes));

  auto compareValues = [&](const llvm::json::Array &values, uint32_t count, auto get) {
    ASSERT_EQ(values.size(), count);
    for (uint32_t i = 0; i < count; ++i) {
      sinter_value_info value;
      ASSERT_EQ(get(program, i, &value), SINTER_OK);
      const llvm::json::Object &object = *values[i].getAsObject();
      EXPECT_EQ(object.getString("name"), value.name);
      EXPECT_EQ(object.getString("type"), sinter_type_name(value.type));
      ASSERT_EQ(object.getArray("shape")->size(), value.rank);
      EXPECT_EQ(object.getBoolean("any_shape").value_or(false), value.any_shape != 0);
      const llvm::json::Array *names = object.getArray("dim_names");
      for (uint32_t axis = 0; axis < value.rank; ++axis) {
        EXPECT_EQ(text((*object.getArray("shape"))[axis]), value.dims[axis]);
        EXPECT_EQ(names ? text((*names)[axis]) : "", value.dim_names[axis]);
      }
    }
  };
  compareValues(array("inputs"), info.input_count, sinter_program_get_input);
  compareValues(array("outputs"), info.output_count, sinter_program_get_output);

  ASSERT_EQ(array("dims").size(), info.symbol_count);
  for (uint32_t i = 0; i < info.symbol_count; ++i) {
    sinter_symbol_info symbol;
    sinter_program_get_symbol(program, i, &symbol);
    const llvm::json::Object &object = *array("dims")[i].getAsObject();
    EXPECT_EQ(object.getString("name"), symbol.name);
    EXPECT_EQ(object.getInteger("lowest"), symbol.lowest);
    EXPECT_EQ(object.getInteger("highest").value_or(SINTER_UNBOUNDED), symbol.highest);
    EXPECT_EQ(object.getInteger("typical").value_or(SINTER_NO_TYPICAL), symbol.typical);
    const llvm::json::Object &from = *object.getObject("from");
    EXPECT_EQ(from.getString("input"), bundle.inputs[symbol.input].name);
    if (symbol.source == SINTER_FROM_RANGE) {
      const llvm::json::Array &range = *from.getArray("range");
      ASSERT_EQ(range.size(), 3u);
      for (uint32_t j = 0; j < 3; ++j)
        if (symbol.range_inputs[j] == SINTER_NO_INDEX)
          EXPECT_EQ(range[j].getAsNumber(), symbol.range_numbers[j]);
        else
          EXPECT_EQ(range[j].getAsString(), bundle.inputs[symbol.range_inputs[j]].name);
      continue;
    }
    EXPECT_EQ(from.getInteger(symbol.source == SINTER_FROM_AXIS ? "axis" : "element"),
              static_cast<int64_t>(symbol.position));
  }

  ASSERT_EQ(array("checks").size(), info.check_count);
  for (uint32_t i = 0; i < info.check_count; ++i) {
    sinter_check_info check;
    sinter_program_get_check(program, i, &check);
    const llvm::json::Object &object = *array("checks")[i].getAsObject();
    const char *kinds[] = {"", "size", "equal", "at-least"};
    EXPECT_EQ(object.getString("kind"), kinds[check.kind]);
    EXPECT_EQ(text(*object.get("right")), check.right);
    EXPECT_EQ(object.getString("text"), check.text);
    if (check.kind == SINTER_CHECK_SIZE) {
      EXPECT_EQ(object.getString("input"), bundle.inputs[check.input].name);
      EXPECT_EQ(object.getInteger("axis"), check.axis);
    } else {
      EXPECT_EQ(text(*object.get("left")), check.left);
    }
  }

  ASSERT_EQ(array("kernels").size(), info.kernel_count);
  for (uint32_t i = 0; i < info.kernel_count; ++i)
    EXPECT_EQ(array("kernels")[i].getAsString(), sinter_program_kernel_name(program, i));
  ASSERT_EQ(array("steps").size(), info.step_count);
  for (uint32_t i = 0; i < info.step_count; ++i) {
    sinter_step_info step;
    sinter_program_get_step(program, i, &step);
    const llvm::json::Object &object = *array("steps")[i].getAsObject();
    EXPECT_EQ(object.getString("name"), step.name);
    EXPECT_EQ(object.getString("kernel"), step.kernel);
    EXPECT_EQ(text(*object.get("tasks")), step.tasks);
    EXPECT_EQ(text(*object.get("scratch_bytes")), step.scratch_bytes);
  }
  ASSERT_EQ(array("code").size(), info.variant_count);
  for (uint32_t i = 0; i < info.variant_count; ++i) {
    sinter_variant_info variant;
    sinter_program_get_variant(program, i, &variant);
    const llvm::json::Object &object = *array("code")[i].getAsObject();
    EXPECT_EQ(object.getString("name"), variant.name);
    EXPECT_EQ(object.getString("file"), variant.file);
    EXPECT_EQ(object.getInteger("bytes"), static_cast<int64_t>(variant.bytes));
    EXPECT_EQ(object.getString("xxh64"), hashText(variant.hash));
  }
  const llvm::json::Array &sections = *manifest.getObject("weights")->getArray("sections");
  ASSERT_EQ(sections.size(), info.section_count);
  for (uint32_t i = 0; i < info.section_count; ++i) {
    sinter_section_info section;
    sinter_program_get_section(program, i, &section);
    const llvm::json::Object &object = *sections[i].getAsObject();
    EXPECT_EQ(object.getString("name"), section.name);
    EXPECT_EQ(object.getInteger("offset"), static_cast<int64_t>(section.offset));
    EXPECT_EQ(object.getInteger("bytes"), static_cast<int64_t>(section.bytes));
    EXPECT_EQ(object.getString("xxh64"), hashText(section.hash));
  }
  ASSERT_EQ(array("files").size(), info.file_count);
  for (uint32_t i = 0; i < info.file_count; ++i) {
    sinter_section_info file;
    sinter_program_get_file(program, i, &file);
    EXPECT_EQ(array("files")[i].getAsObject()->getString("file"), file.name);
    EXPECT_EQ(array("files")[i].getAsObject()->getString("xxh64"), hashText(file.hash));
  }
}

// Tests that a bundle with one wrong byte in its tables, manifest or any variant's code is refused, and a shorter,
// longer or missing file too.
TEST(BundleTest, DamageIsRefused) {
  TestFolder folder;
  writeTestBundle(folder / "tiny", testProgram());
  auto open = [&] { return OpenProgram(folder / "tiny").status; };
  for (auto &[name, bytes] : readFolder(folder / "tiny")) {
    if (name == "weights.bin" || name == "module.mlir")
      continue;
    fs::path path = folder / "tiny" / name;
    // Every byte of the small files, a sample of the code's.
    size_t stride = bytes.size() < 20000 ? 7 : 131;
    for (size_t at = 0; at < bytes.size(); at += at < 400 ? 1 : stride) {
      std::string damaged = bytes;
      damaged[at] ^= 1 << at % 8;
      writeFile(path, damaged);
      ASSERT_NE(open(), SINTER_OK) << name << " byte " << at;
    }
    for (size_t size : {size_t(0), size_t(7), bytes.size() / 2, bytes.size() - 1}) {
      writeFile(path, bytes.substr(0, size));
      ASSERT_NE(open(), SINTER_OK) << name << " of " << size << " bytes";
    }
    writeFile(path, bytes + "x");
    ASSERT_NE(open(), SINTER_OK) << name;
    fs::remove(path);
    OpenProgram missing(folder / "tiny");
    ASSERT_EQ(missing.status, SINTER_UNUSABLE);
    EXPECT_THAT(missing.error.message, HasSubstr(name));
    writeFile(path, bytes);
    ASSERT_EQ(open(), SINTER_OK);
  }
}

// Tests that the integrity check finds each damaged byte of weights and other files, and names where.
TEST(BundleTest, IntegrityFindsDamagedWeights) {
  TestFolder folder;
  writeTestBundle(folder / "tiny", testProgram());
  auto check = [&](std::string &message) {
    OpenProgram opened(folder / "tiny");
    EXPECT_EQ(opened.status, SINTER_OK) << opened.error.message;
    sinter_error error = {};
    sinter_status status = sinter_program_check_integrity(opened.program, &error);
    message = error.message;
    return status;
  };
  std::string message;
  EXPECT_EQ(check(message), SINTER_OK) << message;
  std::string bytes = readFile(folder / "tiny/weights.bin");
  for (size_t at = 0; at < bytes.size(); at += 3) {
    std::string damaged = bytes;
    damaged[at] ^= 0x10;
    writeFile(folder / "tiny/weights.bin", damaged);
    ASSERT_EQ(check(message), SINTER_UNUSABLE) << at;
    ASSERT_THAT(message, HasSubstr(at < 800 ? "section 'table'" : at < 832 ? "between sections" : "section 'bias'"));
  }
  writeFile(folder / "tiny/weights.bin", bytes);
  writeFile(folder / "tiny/module.mlir", "module }\n");
  EXPECT_EQ(check(message), SINTER_UNUSABLE);
  EXPECT_THAT(message, HasSubstr("module.mlir"));
  writeFile(folder / "tiny/weights.bin", bytes + "x");
  OpenProgram longer(folder / "tiny");
  EXPECT_EQ(longer.status, SINTER_UNUSABLE);
}

/// Makes the checksum of a program.bin right.
static void setChecksum(std::string &bytes) {
  char *field = bytes.data() + offsetof(sinter_program_header, checksum);
  std::memset(field, 0, 8);
  uint64_t checksum = sinter_hash_bytes(bytes.data(), bytes.size());
  std::memcpy(field, &checksum, 8);
}

// Tests that tables that are wrong although their checksum is right are refused, or are right after all, and that
// nothing outside them is read (under the sanitizers).
TEST(BundleTest, MalformedTables) {
  TestFolder folder;
  writeTestBundle(folder / "tiny", testProgram());
  const std::string bytes = readFile(folder / "tiny/program.bin");
  std::mt19937 random(7);
  int opened = 0, refused = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string damaged = bytes;
    for (int i = 0, count = 1 + random() % 3; i < count; ++i) {
      size_t at = random() % damaged.size();
      if (random() % 3 == 0)
        at = random() % sizeof(sinter_program_header);
      const char values[] = {0, 1, -1, 127, static_cast<char>(random())};
      damaged[at] = values[random() % 5];
    }
    setChecksum(damaged);
    writeFile(folder / "tiny/program.bin", damaged);
    OpenProgram program(folder / "tiny");
    (program.status ? refused : opened)++;
    if (program.status) {
      EXPECT_STRNE(program.error.message, "");
      continue;
    }
    // What was accepted can be asked about, and sessions are made or refused.
    sinter_program_info info;
    sinter_program_get_info(program.program, &info);
    for (uint32_t i = 0; i < info.input_count; ++i) {
      sinter_value_info value;
      sinter_program_get_input(program.program, i, &value);
      for (uint32_t axis = 0; axis < value.rank; ++axis)
        EXPECT_GE(std::strlen(value.dims[axis]) + std::strlen(value.dim_names[axis]), 0u);
    }
    sinter_memory memory;
    sinter_program_get_memory(program.program, nullptr, 0, &memory, nullptr);
  }
  EXPECT_GT(opened, 100); // a changed name, a changed step
  EXPECT_GT(refused, 1000);
}

// Tests that a program has the least version that says all of it, and that later versions are refused by name.
TEST(BundleTest, LaterVersionsAreRefused) {
  TestFolder folder;
  writeTestBundle(folder / "tiny", testProgram());
  std::string bytes = readFile(folder / "tiny/program.bin");
  EXPECT_EQ(bytes[offsetof(sinter_program_header, version)], 1);
  bytes[offsetof(sinter_program_header, version)] = 5;
  writeFile(folder / "tiny/program.bin", bytes);
  {
    OpenProgram damaged(folder / "tiny");
    EXPECT_EQ(damaged.status, SINTER_UNUSABLE);
    EXPECT_THAT(damaged.error.message, HasSubstr("its checksum is wrong"));
  }
  setChecksum(bytes);
  writeFile(folder / "tiny/program.bin", bytes);
  OpenProgram opened(folder / "tiny");
  EXPECT_EQ(opened.status, SINTER_UNSUPPORTED);
  EXPECT_THAT(opened.error.message, HasSubstr("has version 5 of the format; this runtime ("));
  BundleDescription second = testProgram();
  second.inputs.push_back({"unused", SINTER_I8, {}, {}, /*anyShape=*/true});
  writeTestBundle(folder / "second", second);
  EXPECT_EQ(readFile(folder / "second/program.bin")[offsetof(sinter_program_header, version)], 2);
}

// Tests that what is not a bundle of ours, or holds somebody's file, is not replaced, except by force.
TEST(BundleTest, ReplacesOnlyBundles) {
  TestFolder folder;
  BundleDescription bundle = testProgram();
  std::string out = (folder / "out").string();

  writeFile(out, "a file\n");
  EXPECT_EQ(failureOf(writeBundle(bundle, out)).first, 2);
  EXPECT_EQ(readFile(out), "a file\n");
  fs::remove(out);

  fs::create_directory(out);
  writeFile(out + "/notes.txt", "mine\n");
  EXPECT_EQ(failureOf(writeBundle(bundle, out)).first, 2);
  EXPECT_EQ(readFile(out + "/notes.txt"), "mine\n");
  fs::remove(out + "/notes.txt");
  EXPECT_EQ(failureOf(writeBundle(bundle, out)).first, 0); // an empty folder

  bundle.variants.pop_back();
  bundle.kernels[4].symbols.clear();
  EXPECT_EQ(failureOf(writeBundle(bundle, out)).first, 0);
  EXPECT_FALSE(fs::exists(out + "/code-basic.so"));
  writeFile(out + "/notes.txt", "mine\n");
  auto [status, message] = failureOf(writeBundle(bundle, out + "/"));
  EXPECT_EQ(status, 2);
  EXPECT_THAT(message, HasSubstr("'notes.txt', which is not part of the bundle"));
  EXPECT_EQ(readFile(out + "/notes.txt"), "mine\n");
  WriteOptions force;
  force.force = true;
  EXPECT_EQ(failureOf(writeBundle(bundle, out, force)).first, 0);
  EXPECT_FALSE(fs::exists(out + "/notes.txt"));
  EXPECT_TRUE(isBundle(out));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.root), fs::directory_iterator()), 1); // no temporaries
}

// Tests that a section that cannot be made leaves the old bundle and nothing else, whatever the threads.
TEST(BundleTest, FailureKeepsTheOldBundle) {
  TestFolder folder;
  std::string out = (folder / "out").string();
  writeTestBundle(out, testProgram());
  auto before = readFolder(out);
  BundleDescription bundle = testProgram();
  for (int i = 0; i < 8; ++i)
    bundle.addSection("w" + std::to_string(i), 4096, [i](llvm::MutableArrayRef<char>) -> llvm::Error {
      return i == 3 || i == 5 ? unusable("weight " + llvm::Twine(i) + " is missing") : llvm::Error::success();
    });
  for (unsigned threads : {1u, 3u}) {
    WriteOptions options;
    options.threads = threads;
    auto [status, message] = failureOf(writeBundle(bundle, out, options));
    EXPECT_EQ(status, 3);
    EXPECT_EQ(message, "weight 3 is missing");
    EXPECT_EQ(readFolder(out), before);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder.root), fs::directory_iterator()), 1);
  }
  auto [status, message] = failureOf(writeBundle(testProgram(), (folder / "no/such/out").string()));
  EXPECT_EQ(status, 6);
}

// Tests that descriptions that contradict themselves are not written.
TEST(BundleTest, ChecksDescriptions) {
  TestFolder folder;
  auto status = [&](void (*change)(BundleDescription &)) {
    BundleDescription bundle = testProgram();
    change(bundle);
    return failureOf(writeBundle(bundle, (folder / "out").string())).first;
  };
  EXPECT_EQ(status([](BundleDescription &) {}), 0);
  EXPECT_EQ(status([](BundleDescription &b) { b.steps[0].tasks = SizeExpr::symbol("unknown"); }), 70);
  EXPECT_EQ(status([](BundleDescription &b) { b.steps[0].kernel = 5; }), 70);
  EXPECT_EQ(status([](BundleDescription &b) { b.steps[0].arguments[0].index = 2; }), 70);
  EXPECT_EQ(status([](BundleDescription &b) { b.symbols[0].source.input = 3; }), 70);
  EXPECT_EQ(status([](BundleDescription &b) { b.symbols.push_back(b.symbols[0]); }), 70);
  EXPECT_EQ(status([](BundleDescription &b) { b.kernels[0].symbols = {"one"}; }), 70);
  EXPECT_EQ(status([](BundleDescription &b) { b.files[0].name = "../module.mlir"; }), 70);
  EXPECT_EQ(status([](BundleDescription &b) { b.inputs[1].name = "ids"; }), 3);
  EXPECT_EQ(status([](BundleDescription &b) { b.outputs[0].dims.assign(17, 1); }), 4);
}

// Tests that a program whose kernels are linked in runs from tables without a manifest, its weights in memory or a
// file.
extern "C" {
int64_t gather(const int64_t *args, int64_t begin, int64_t end, void *scratch);
int64_t scale_rows(const int64_t *args, int64_t begin, int64_t end, void *scratch);
int64_t sum(const int64_t *args, int64_t begin, int64_t end, void *scratch);
int64_t iota(const int64_t *args, int64_t begin, int64_t end, void *scratch);
int64_t variant(const int64_t *args, int64_t begin, int64_t end, void *scratch);
}

TEST(BundleTest, LinkedIn) {
  TestFolder folder;
  std::string weightsFile = (folder / "tiny.weights").string();
  llvm::Expected<std::string> encoded = encodeProgram(testProgram(), weightsFile);
  ASSERT_TRUE(static_cast<bool>(encoded));
  std::vector<uint64_t> tables((encoded->size() + 7) / 8);
  std::memcpy(tables.data(), encoded->data(), encoded->size());
  const sinter_kernel kernels[] = {gather, scale_rows, sum, iota, variant};
  const sinter_kernel *const variants[] = {kernels, kernels};
  sinter_model model = {SINTER_MODEL_VERSION, sizeof model, tables.data(), encoded->size(), nullptr, 0, variants, 2};

  sinter_program *program;
  sinter_error error = {};
  EXPECT_EQ(sinter_program_open_model(&model, nullptr, &program, &error), SINTER_WRONG_CALL);
  EXPECT_THAT(error.message, HasSubstr("give its path as weights_file"));
  EXPECT_EQ(sinter_program_open_model(nullptr, nullptr, &program, &error), SINTER_UNSUPPORTED);

  std::string bytes = readFile(weightsFile);
  char *memory = static_cast<char *>(std::aligned_alloc(64, (bytes.size() + 63) / 64 * 64));
  std::memcpy(memory, bytes.data(), bytes.size());
  for (int way = 0; way < 3; ++way) {
    sinter_program_options options = {};
    options.struct_bytes = sizeof options;
    options.copy_weights = way == 1;
    if (way < 2) {
      options.weights_file = weightsFile.c_str();
    } else {
      model.weights = memory;
      model.weights_bytes = bytes.size();
    }
    ASSERT_EQ(sinter_program_open_model(&model, &options, &program, &error), SINTER_OK) << error.message;
    EXPECT_EQ(sinter_program_check_integrity(program, &error), SINTER_OK) << error.message;
    {
      OpenSession session(program, {}, 2);
      int64_t ids[] = {4, 9}, count = 1, dims[] = {1, 2}, one[] = {1};
      float mask[] = {1, 2};
      sinter_session_set_input(session.session, 0, ids, SINTER_I64, dims, 2);
      sinter_session_set_input(session.session, 1, mask, SINTER_F32, dims, 2);
      sinter_session_set_input(session.session, 2, &count, SINTER_I64, one, 1);
      ASSERT_EQ(sinter_session_run(session.session), SINTER_OK) << session.message();
      sinter_tensor hidden;
      sinter_session_get_output(session.session, 0, &hidden);
      EXPECT_EQ(static_cast<float *>(hidden.data)[6], (90 + 2) * 2 + 2.5f);
    }
    sinter_program_close(program);
  }
  std::free(memory);
}

} // namespace
