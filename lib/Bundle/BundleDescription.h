//===- BundleDescription.h - What a bundle says ---------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A program in the form in which a target's emitter builds it: the same as
// runtime/format/program.h (read its header comment first: what a run does, and
// the kernels' convention), with texts, vectors and SizeExpr in the place of
// offsets. WriteBundle.h turns it into a folder, or into the bytes that are
// linked into an application.
//
//   BundleDescription bundle;
//   bundle.name = "minilm";
//   bundle.symbols = {{"seq", SymbolSource::axis(0, 1), 1, 512}};
//   bundle.inputs = {{"ids", SINTER_I64, {1, SizeExpr::symbol("seq")}}};
//   unsigned table = bundle.addSection("embeddings", bytes, fill);
//   bundle.steps.push_back({"/embed", kernel, {Argument::input(0), Argument::weights(table),
//                           Argument::arena(0), Argument::integer(seq)}, seq, 0, /*indexInput=*/0});
//
// Every symbol of an expression must be one of `symbols`, which are found by
// name; the order of symbols, kernels, sections and steps is kept.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_BUNDLE_BUNDLEDESCRIPTION_H
#define SINTER_BUNDLE_BUNDLEDESCRIPTION_H

#include "lib/Support/MappedFile.h"
#include "lib/Support/SizeExpr.h"
#include "runtime/format/program.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sinter {

/// Where a run takes a symbol's value from.
struct SymbolSource {
  enum Kind {
    Axis = SINTER_FROM_AXIS,
    Element = SINTER_FROM_ELEMENT,
    Range = SINTER_FROM_RANGE,
    Session = SINTER_FROM_SESSION
  };
  /// The first element of an input, or a number.
  struct Operand {
    std::optional<unsigned> input;
    double number = 0;
  };
  Kind kind = Axis;
  unsigned input = 0;
  uint64_t position = 0;
  std::array<Operand, 3> operands = {}; // Range: start, limit and delta

  static SymbolSource axis(unsigned input, unsigned axis) { return {Axis, input, axis}; }
  /// Element `index`, in row-major order, of an input; of a float without its fraction.
  static SymbolSource element(unsigned input, uint64_t index) { return {Element, input, index}; }
  /// The length of a range of floats, of which `input` is one.
  static SymbolSource range(unsigned input, std::array<Operand, 3> operands) { return {Range, input, 0, operands}; }
  /// How many positions the states hold before the run.
  static SymbolSource session() { return {Session}; }
};

struct BundleSymbol {
  std::string name;
  SymbolSource source;
  int64_t lowest = 1;
  std::optional<int64_t> highest; // none: unbounded
  std::optional<int64_t> typical;
};

/// What must hold for a run, else it is refused with both numbers. The sizes of
/// inputs need no check: they must equal BundleValue::dims in any case.
struct BundleCheck {
  enum Kind { Size = SINTER_CHECK_SIZE, Equal = SINTER_CHECK_EQUAL, AtLeast = SINTER_CHECK_AT_LEAST };
  Kind kind = Equal;
  unsigned input = 0; // Size only
  unsigned axis = 0;  // Size only
  SizeExpr left;      // Equal and AtLeast
  SizeExpr right;
  std::string text; // the declared dimension's name, or what wants it: "node '/Reshape': elements"

  static BundleCheck size(unsigned input, unsigned axis, SizeExpr required, std::string text = {}) {
    return {Size, input, axis, {}, std::move(required), std::move(text)};
  }
  static BundleCheck equal(SizeExpr left, SizeExpr right, std::string text) {
    return {Equal, 0, 0, std::move(left), std::move(right), std::move(text)};
  }
  static BundleCheck atLeast(SizeExpr left, SizeExpr right, std::string text) {
    return {AtLeast, 0, 0, std::move(left), std::move(right), std::move(text)};
  }
};

/// An input or output.
struct BundleValue {
  std::string name;
  sinter_type type = SINTER_F32;
  std::vector<SizeExpr> dims;
  std::vector<std::string> dimNames; // as declared in the model; empty, or one per dimension
  bool anyShape = false;             // an input that nothing reads; then without dims
};

/// The code for one instruction set. Best first: the runtime takes the first that
/// the machine can run.
struct BundleVariant {
  std::string name; // x86-64-v4; also names the file
  uint32_t architecture = SINTER_X86_64;
  uint64_t features = 0; // sinter_feature, all needed
  std::string code;      // bytes of the shared object; empty where linked in
};

struct BundleKernel {
  std::string name;
  std::vector<std::string> symbols; // per variant; empty: `name` in each
};

struct BundleArgument {
  enum Kind {
    Arena = SINTER_ARGUMENT_ARENA,
    Weights = SINTER_ARGUMENT_WEIGHTS,
    Input = SINTER_ARGUMENT_INPUT,
    Output = SINTER_ARGUMENT_OUTPUT,
    Integer = SINTER_ARGUMENT_INTEGER,
  };
  Kind kind = Integer;
  unsigned index = 0; // input, output or section of weights
  SizeExpr value;     // Arena: bytes from its base; Integer; Weights: bytes from the section's (a constant)

  static BundleArgument arena(SizeExpr offset) { return {Arena, 0, std::move(offset)}; }
  static BundleArgument weights(unsigned section, int64_t offset = 0) { return {Weights, section, offset}; }
  static BundleArgument input(unsigned index) { return {Input, index, {}}; }
  static BundleArgument output(unsigned index) { return {Output, index, {}}; }
  static BundleArgument integer(SizeExpr value) { return {Integer, 0, std::move(value)}; }
};

struct BundleStep {
  std::string name;    // the model's node
  unsigned kernel = 0; // of the bundle's, or a sinter_runtime_kernel
  std::vector<BundleArgument> arguments;
  SizeExpr tasks = 1;
  SizeExpr scratchBytes = 0; // per thread
  std::optional<unsigned> indexInput;
};

/// A step that a device carries out.
struct BundleSchedule {
  sinter_device_kind device = SINTER_DEVICE_STREAM;
  std::string chip;
  unsigned file = 0;                // of the bundle's: the schedule
  std::optional<unsigned> chipFile; // the chip's description, where devices do not know the chip
  uint64_t cycles = 0, limitCycles = 0, clockHz = 0;
  std::optional<unsigned> firstSection; // of the schedule's weights, which are this one and those behind it
  uint64_t weightsBytes = 0;
  struct Tensor {
    BundleArgument place; // inputs: arena or input; outputs: arena or output
    uint64_t bytes = 0;
  };
  std::vector<Tensor> inputs, outputs;

  BundleStep step() const;
};

/// A run of steps, of which a run carries out one: the first that its sizes fit into.
struct BundleEntry {
  std::string name;
  unsigned firstStep = 0, numSteps = 0;
  /// The greatest values of symbols that it is for; others may have any.
  std::vector<std::pair<std::string, int64_t>> limits;
};

/// A tensor that devices keep in a session, which they know by its name.
struct BundleState {
  std::string name;
  sinter_type type = SINTER_F32;
  std::vector<int64_t> dims;
  unsigned axis = 0; // of positions
};

/// A section of weights.bin. `fill` writes all of `destination` (zeroed, `bytes`
/// long, aligned to 64) and is called once, from any thread; sections are written
/// by several threads at once when WriteOptions::threads allows.
struct BundleSection {
  using Fill = std::function<llvm::Error(llvm::MutableArrayRef<char> destination)>;
  std::string name;
  uint64_t bytes = 0;
  Fill fill;
};

/// A schedule, or a file that the runtime does not read, as the module that `verify` interprets.
struct BundleFile {
  std::string name;
  std::string bytes;
  /// A copy of this file, in the place of `bytes`.
  std::shared_ptr<const MappedFile> copied = nullptr;

  llvm::StringRef contents() const {
    return copied ? llvm::StringRef(copied->bytes().data(), copied->size()) : llvm::StringRef(bytes);
  }
};

struct BundleDescription {
  std::string name; // of the model
  std::string compiler;
  std::string target = "cpu";
  std::string precision = "f32";
  std::string sourceFile; // without folders
  std::string sourceSha256;

  std::vector<BundleSymbol> symbols;
  std::vector<BundleCheck> checks;
  std::vector<BundleValue> inputs;
  std::vector<BundleValue> outputs;
  std::vector<BundleVariant> variants;
  std::vector<BundleKernel> kernels;
  std::vector<BundleStep> steps;
  std::vector<BundleEntry> entries; // none: one, of all steps
  std::vector<BundleState> states;
  SizeExpr advance = 0; // the positions that a run adds to the states
  std::vector<BundleSection> sections;
  std::vector<BundleFile> files;
  SizeExpr arenaBytes = 0;

  unsigned addSection(std::string sectionName, uint64_t bytes, BundleSection::Fill fill) {
    sections.push_back({std::move(sectionName), bytes, std::move(fill)});
    return sections.size() - 1;
  }
};

} // namespace sinter

#endif // SINTER_BUNDLE_BUNDLEDESCRIPTION_H
