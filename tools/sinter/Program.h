//===- Program.h - Compiled programs, by the runtime's C interface ----===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TOOLS_SINTER_PROGRAM_H
#define SINTER_TOOLS_SINTER_PROGRAM_H

#include "lib/Support/HostTensor.h"
#include "lib/Support/SizeExpr.h"
#include "runtime/include/sinter-rt/sinter.h"

#include "llvm/ADT/ArrayRef.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sinter::tool {

ElementType elementTypeOf(sinter_type type);
sinter_type runtimeTypeOf(ElementType type);

struct ProgramValue {
  std::string name;
  ElementType type;
  std::vector<std::string> dims;     // formulas
  std::vector<std::string> dimNames; // as declared; may be empty
  bool anyShape = false;             // an input that nothing reads
};

struct ProgramSymbol {
  std::string name;
  bool fromElement;
  bool ofSession; // how many positions the states hold
  unsigned input;
  uint64_t position;
  int64_t lowest;
  std::optional<int64_t> highest, typical;
  /// The length of a range of floats: start, limit and delta, each of an input or a number.
  struct RangeOperand {
    std::optional<unsigned> input;
    double number;
  };
  std::vector<RangeOperand> range;
};

/// A step that a device carries out, as the compiler planned it.
struct ProgramSchedule {
  std::string device, chip, file;
  uint64_t cycles;
  std::optional<uint64_t> limitCycles;
  double clockGhz;
  llvm::ArrayRef<uint8_t> weights; // as long as the program is open
  std::optional<unsigned> entry;   // whose it is, where the program has entries
};

/// Greatest values of symbols, by name.
using SymbolSizes = std::map<std::string, int64_t>;

/// One of the sizes that a program was compiled for.
struct EntryInfo {
  std::string name;
  SymbolSizes limits;
};

/// What a session keeps from run to run.
struct StateInfo {
  std::string name;
  ElementType type;
  std::vector<std::string> dims;
  unsigned axis;
};

/// A bundle that was opened. Schedules are simulated. Throws Stop for what cannot be used or run.
class Program {
public:
  explicit Program(const std::string &folder, const std::string &variant = "");
  Program(const Program &) = delete;
  ~Program();

  sinter_program *get() const { return program; }
  const sinter_program_info &info() const { return information; }
  const std::vector<ProgramValue> &inputs() const { return inputValues; }
  const std::vector<ProgramValue> &outputs() const { return outputValues; }
  const std::vector<ProgramSymbol> &symbols() const { return programSymbols; }
  /// Empty for a target whose programs run as they are.
  const std::vector<ProgramSchedule> &schedules() const { return programSchedules; }
  /// Those of one entry; all where the program has none.
  std::vector<ProgramSchedule> schedulesOf(std::optional<unsigned> entry) const;
  /// Smaller ones first; empty where the program has one size, or works for all.
  const std::vector<EntryInfo> &entries() const { return programEntries; }
  /// The position of an entry; throws Stop that lists what there is.
  unsigned findEntry(llvm::StringRef name) const;
  /// The entry that a run with these sizes takes; none where the program has none. Throws Stop where none is for them.
  std::optional<unsigned> entryFor(const SymbolSizes &sizes) const;
  const std::vector<StateInfo> &states() const { return programStates; }
  /// The positions that a run adds to the states, as a formula.
  const SizeExpr &advance() const { return stateAdvance; }
  /// The value of a size for these values of symbols, where `past` positions are in the states; none where a symbol is
  /// missing.
  std::optional<int64_t> evaluate(llvm::StringRef formula, const SymbolSizes &sizes, int64_t past = 0) const;
  /// What runs it: the chip of its schedules, else the variant that was loaded.
  std::string chip() const;
  /// Throws Stop where `device`, of --device, is not how this program is executed. Empty: as is usual.
  void checkDevice(llvm::StringRef device) const;
  /// The position of an input or output; throws Stop that lists what there is.
  unsigned findInput(llvm::StringRef name) const;
  unsigned findOutput(llvm::StringRef name) const;
  /// What these inputs give the symbols. Where an input does not fit, the symbol is left out, and the run says so.
  SymbolSizes sizesOf(const std::vector<HostTensor> &given) const;
  /// The symbol that `name` means: its own, or INPUT.AXIS.
  const ProgramSymbol &findSymbol(llvm::StringRef name) const;

private:
  sinter_program *program = nullptr;
  sinter_program_info information = {};
  std::vector<ProgramValue> inputValues, outputValues;
  std::vector<ProgramSymbol> programSymbols;
  std::vector<ProgramSchedule> programSchedules;
  std::vector<EntryInfo> programEntries;
  std::vector<StateInfo> programStates;
  SizeExpr stateAdvance;
};

/// A session of a program.
class Session {
public:
  Session(const Program &program, const SymbolSizes &sizes, unsigned numThreads);
  Session(const Session &) = delete;
  ~Session();

  sinter_session *get() const { return session; }
  /// The tensors must live until the last run.
  void setInputs(const std::vector<HostTensor> &inputs);
  /// Which entry the next runs take; none: the first that their sizes fit into.
  void setEntry(std::optional<unsigned> entry);
  void run();
  /// The entry of the last run.
  std::optional<unsigned> entry() const;
  /// How many positions the states hold.
  int64_t past() const { return sinter_session_past(session); }
  /// Empties the states.
  void reset() { sinter_session_reset(session); }
  std::vector<HostTensor> outputs() const;
  /// Of the last run, by the device that executed the program's schedules.
  uint64_t cycles() const { return sinter_session_cycles(session); }

private:
  void check(sinter_status status) const;

  const Program &program;
  sinter_session *session = nullptr;
};

/// Opens nothing anew: one run, with a session that is as large as the inputs.
std::vector<HostTensor> runOnce(const Program &program, const std::vector<HostTensor> &inputs, unsigned numThreads);

} // namespace sinter::tool

#endif // SINTER_TOOLS_SINTER_PROGRAM_H
