//===- TileEmulator.cpp - AMX's instructions in plain C++, for tests ------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileEmulator.h"
#include "CpuKernelRunner.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringSwitch.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <ucontext.h>

using namespace sinter::cpu;

namespace {

constexpr unsigned numTiles = 8, mostRows = 16, mostRowBytes = 64; // of palette 1

struct Tile {
  unsigned rows = 0, rowBytes = 0;
  unsigned char data[mostRows][mostRowBytes] = {};
  bool isValid() const { return rows != 0; }
};

struct State {
  bool isConfigured = false;
  Tile tiles[numTiles];
  std::string wrong;
  TileInstructionCounts counts;

  void fail(std::string message) {
    if (wrong.empty())
      wrong = std::move(message);
  }
  Tile *find(const char *what, int64_t number) {
    if (number < 0 || number >= int64_t(numTiles) || !isConfigured || !tiles[number].isValid()) {
      fail(std::string(what) + ": tile " + std::to_string(number) + " is not configured");
      return nullptr;
    }
    return &tiles[number];
  }
};
thread_local State state;

} // namespace

TileInstructionCounts &sinter::cpu::tileInstructionCounts() { return state.counts; }

void sinter::cpu::emulateConfigure(const void *configuration) {
  ++state.counts.configurations;
  unsigned char bytes[64];
  if (!isAllocated(configuration, sizeof bytes))
    return state.fail("ldtilecfg: reads beyond what was allocated");
  std::memcpy(bytes, configuration, sizeof bytes);
  state.isConfigured = false;
  std::fill(std::begin(state.tiles), std::end(state.tiles), Tile());
  if (bytes[0] == 0)
    return; // the initial state
  if (bytes[0] != 1)
    return state.fail("ldtilecfg: there is no palette " + std::to_string(bytes[0]));
  auto isZero = [&](unsigned from, unsigned to) {
    return std::all_of(bytes + from, bytes + to, [](int x) { return !x; });
  };
  // A start row is legal, but no kernel means to begin within a tile.
  if (!isZero(1, 16) || !isZero(16 + 2 * numTiles, 48) || !isZero(48 + numTiles, 64))
    return state.fail("ldtilecfg: what is reserved is not zero");
  for (unsigned i = 0; i < numTiles; ++i) {
    Tile &tile = state.tiles[i];
    tile.rowBytes = bytes[16 + 2 * i] | bytes[17 + 2 * i] << 8;
    tile.rows = bytes[48 + i];
    if (tile.rowBytes > mostRowBytes || tile.rows > mostRows || (tile.rows == 0) != (tile.rowBytes == 0))
      return state.fail("ldtilecfg: tile " + std::to_string(i) + " has " + std::to_string(tile.rows) + " rows of " +
                        std::to_string(tile.rowBytes) + " bytes");
  }
  state.isConfigured = true;
}

void sinter::cpu::emulateRelease() {
  state.isConfigured = false;
  std::fill(std::begin(state.tiles), std::end(state.tiles), Tile());
}

void sinter::cpu::emulateLoad(int64_t number, const char *memory, int64_t stride) {
  Tile *tile = state.find("tileloadd", number);
  if (!tile)
    return;
  // Rows that are not configured, and bytes behind those of a row, become zero.
  std::memset(tile->data, 0, sizeof tile->data);
  for (unsigned row = 0; row < tile->rows; ++row) {
    const char *from = memory + row * stride;
    if (!isAllocated(from, tile->rowBytes))
      return state.fail("tileloadd: row " + std::to_string(row) + " lies beyond what was allocated");
    std::memcpy(tile->data[row], from, tile->rowBytes);
  }
}

void sinter::cpu::emulateStore(int64_t number, char *memory, int64_t stride) {
  Tile *tile = state.find("tilestored", number);
  if (!tile)
    return;
  for (unsigned row = 0; row < tile->rows; ++row) {
    char *to = memory + row * stride;
    if (!isAllocated(to, tile->rowBytes))
      return state.fail("tilestored: row " + std::to_string(row) + " lies beyond what was allocated");
    std::memcpy(to, tile->data[row], tile->rowBytes);
  }
}

void sinter::cpu::emulateDot(int64_t sumsNumber, int64_t rowsNumber, int64_t columnsNumber) {
  ++state.counts.products;
  Tile *sums = state.find("tdpbusd", sumsNumber), *rows = state.find("tdpbusd", rowsNumber),
       *columns = state.find("tdpbusd", columnsNumber);
  if (!sums || !rows || !columns)
    return;
  if (sums == rows || sums == columns || rows == columns)
    return state.fail("tdpbusd: its tiles are not three");
  if (sums->rowBytes % 4 || rows->rowBytes % 4 || columns->rowBytes % 4 || sums->rows != rows->rows ||
      rows->rowBytes / 4 != columns->rows || sums->rowBytes != columns->rowBytes)
    return state.fail("tdpbusd: the tiles do not fit together");
  for (unsigned m = 0; m < sums->rows; ++m) {
    uint32_t totals[mostRowBytes / 4] = {}; // unsigned, since they wrap
    std::memcpy(totals, sums->data[m], sums->rowBytes);
    for (unsigned k = 0; k < rows->rowBytes / 4; ++k)
      for (unsigned n = 0; n < sums->rowBytes / 4; ++n)
        for (unsigned i = 0; i < 4; ++i)
          totals[n] += uint32_t(int32_t(rows->data[m][4 * k + i]) * int8_t(columns->data[k][4 * n + i]));
    // Bytes behind those of a row become zero; so do rows that are not configured, which were before.
    std::memset(sums->data[m], 0, mostRowBytes);
    std::memcpy(sums->data[m], totals, sums->rowBytes);
  }
}

void sinter::cpu::checkTileEmulator() {
  if (state.wrong.empty() && state.isConfigured)
    state.wrong = "the tiles are not released";
  std::string wrong = std::exchange(state.wrong, "");
  emulateRelease();
  if (!wrong.empty())
    throw std::runtime_error(wrong);
}

//===----------------------------------------------------------------------===//
// Instructions that trap
//===----------------------------------------------------------------------===//

#if defined(__x86_64__)

namespace {

/// An instruction of the VEX map 0F38 with three bytes of prefix, and its operands (Intel's manual, volume 2, chapter
/// 2).
struct Instruction {
  unsigned prefix = 0; // 0: none, 1: 66, 2: F3, 3: F2
  unsigned opcode = 0, reg = 0, rm = 0, vvvv = 0;
  bool isMemory = false;
  int64_t base = 0, index = 0; // of memory: base plus displacement, and index times scale
  unsigned length = 0;

  static std::optional<Instruction> decode(const unsigned char *bytes, const greg_t *registers) {
    // By their numbers in instructions.
    static constexpr int places[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                     REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    Instruction result;
    // W0, 128 bits.
    if (bytes[0] != 0xc4 || (bytes[1] & 0x1f) != 2 || bytes[2] & 0x84)
      return std::nullopt;
    unsigned r = ~bytes[1] >> 7 & 1, x = ~bytes[1] >> 6 & 1, b = ~bytes[1] >> 5 & 1;
    result.prefix = bytes[2] & 3;
    result.vvvv = ~bytes[2] >> 3 & 15;
    result.opcode = bytes[3];
    unsigned mod = bytes[4] >> 6, rm = bytes[4] & 7;
    result.reg = r * 8 + (bytes[4] >> 3 & 7);
    result.rm = b * 8 + rm;
    result.length = 5;
    result.isMemory = mod != 3;
    if (!result.isMemory)
      return result;
    if (mod == 0 && rm == 5)
      return std::nullopt; // relative to the instruction: nothing that kernels need
    bool hasBase = true;
    unsigned base = result.rm;
    if (rm == 4) {
      unsigned sib = bytes[result.length++], index = x * 8 + (sib >> 3 & 7);
      base = b * 8 + (sib & 7);
      hasBase = (sib & 7) != 5 || mod != 0;
      if (index != 4)
        result.index = registers[places[index]] << (sib >> 6);
    }
    if (hasBase)
      result.base = registers[places[base]];
    if (mod == 1) {
      result.base += static_cast<signed char>(bytes[result.length++]);
    } else if (mod == 2 || !hasBase) {
      int32_t displacement;
      std::memcpy(&displacement, bytes + result.length, sizeof displacement);
      result.base += displacement;
      result.length += sizeof displacement;
    }
    return result;
  }

  bool emulate() const {
    auto *memory = reinterpret_cast<char *>(base);
    if (opcode == 0x49 && prefix == 0 && reg == 0 && isMemory)
      emulateConfigure(memory + index);
    else if (opcode == 0x49 && prefix == 0 && reg == 0 && rm == 0)
      emulateRelease();
    else if (opcode == 0x4b && prefix == 3 && isMemory)
      emulateLoad(reg, memory, index);
    else if (opcode == 0x4b && prefix == 2 && isMemory)
      emulateStore(reg, memory, index);
    else if (opcode == 0x5e && prefix == 1 && !isMemory)
      emulateDot(reg, rm, vvvv);
    else
      return false;
    return true;
  }
};

struct sigaction before;

void trapped(int, siginfo_t *, void *context) {
  greg_t *registers = static_cast<ucontext_t *>(context)->uc_mcontext.gregs;
  auto *bytes = reinterpret_cast<const unsigned char *>(registers[REG_RIP]);
  std::optional<Instruction> instruction = Instruction::decode(bytes, registers);
  if (instruction && instruction->emulate())
    registers[REG_RIP] += instruction->length;
  else
    sigaction(SIGILL, &before, nullptr); // and so it is raised again
}

} // namespace

TrappedTiles::TrappedTiles() {
  struct sigaction action = {};
  action.sa_sigaction = trapped;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGILL, &action, &before);
}
TrappedTiles::~TrappedTiles() { sigaction(SIGILL, &before, nullptr); }

#else

TrappedTiles::TrappedTiles() {}
TrappedTiles::~TrappedTiles() {}

#endif

void sinter::cpu::callTileEmulator(mlir::ModuleOp kernels) {
  using namespace mlir;
  auto address = [](auto *function) { return reinterpret_cast<int64_t>(function); };
  SmallVector<LLVM::CallIntrinsicOp> calls;
  kernels.walk([&](LLVM::CallIntrinsicOp call) { calls.push_back(call); });
  for (LLVM::CallIntrinsicOp call : calls) {
    int64_t function = llvm::StringSwitch<int64_t>(call.getIntrin())
                           .Case("llvm.x86.ldtilecfg", address(emulateConfigure))
                           .Case("llvm.x86.tilerelease", address(emulateRelease))
                           .Case("llvm.x86.tileloadd64", address(emulateLoad))
                           .Case("llvm.x86.tilestored64", address(emulateStore))
                           .Case("llvm.x86.tdpbusd", address(emulateDot))
                           .Default(0);
    if (!function)
      continue;
    OpBuilder b(call);
    Location loc = call.getLoc();
    auto number = [&](int64_t value) -> Value { return arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(value)); };
    auto pointer = LLVM::LLVMPointerType::get(b.getContext());
    SmallVector<Value> operands{LLVM::IntToPtrOp::create(b, loc, pointer, number(function))};
    SmallVector<Type> types;
    for (Value argument : call.getArgs()) {
      // A tile's number is part of the instruction, so it must be a constant.
      APInt tile;
      if (argument.getType().isInteger(8)) {
        if (!matchPattern(argument, m_ConstantInt(&tile)))
          throw std::runtime_error("the number of a tile is no constant");
        argument = number(tile.getZExtValue());
      }
      operands.push_back(argument);
      types.push_back(argument.getType());
    }
    auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), types);
    LLVM::CallOp::create(b, loc, type, operands);
    call.erase();
  }
}
