//===- ModelFile.cpp - Models, bundles and outputs as the command line names them -----------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/sinter/ModelFile.h"
#include "dialects/sinter/IR/Sinter.h"
#include "include/sinter/Compiler.h"
#include "lib/Bundle/WriteBundle.h"
#include "lib/Support/Hash.h"
#include "lib/Support/MappedFile.h"
#include "python-free-frontends/onnx/Model.h"
#include "tools/sinter/Calibrate.h"
#include "tools/sinter/Console.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"

#include <sys/stat.h>
#include <unistd.h>

using namespace sinter;
using namespace sinter::tool;
namespace fs = llvm::sys::fs;
namespace path = llvm::sys::path;

std::string tool::absolutePath(llvm::StringRef name) {
  llvm::SmallString<128> result(name);
  fs::make_absolute(result);
  return result.str().str();
}

std::string tool::sha256OfFile(const std::string &path) {
  std::shared_ptr<const MappedFile> file = orStop(MappedFile::open(path));
  llvm::ArrayRef<char> bytes = file->bytes();
  return sha256Hex(llvm::StringRef(bytes.data(), bytes.size()));
}

ModelFile::ModelFile(const std::string &name) : file(name) {
  if (name != "-")
    return;
  auto bytes = llvm::MemoryBuffer::getSTDIN();
  if (!bytes)
    throw Stop{Failure(ExitStatus::Io, "cannot read standard input: " + bytes.getError().message())};
  llvm::SmallString<128> temporary;
  int descriptor;
  // Modules of Sinter are text, and begin so.
  bool isModule = (*bytes)->getBuffer().ltrim().starts_with("module") || (*bytes)->getBuffer().starts_with("#");
  if (std::error_code error =
          fs::createTemporaryFile("sinter-model", isModule ? "mlir" : "onnx", descriptor, temporary))
    throw Stop{Failure(ExitStatus::Io, "cannot make a temporary file: " + error.message())};
  file = temporary.str().str();
  isTemporary = true;
  llvm::raw_fd_ostream stream(descriptor, /*shouldClose=*/true);
  stream << (*bytes)->getBuffer();
  stream.close();
  if (std::error_code error = stream.error()) {
    stream.clear_error();
    fs::remove(file);
    throw Stop{Failure(ExitStatus::Io, "cannot write a temporary file: " + error.message())};
  }
}

ModelFile::~ModelFile() {
  if (isTemporary)
    fs::remove(file);
}

void tool::checkOutput(llvm::StringRef out, EmitKind kind, bool force) {
  llvm::SmallString<128> parent(out);
  while (!parent.empty() && path::is_separator(parent.back()))
    parent.pop_back();
  path::remove_filename(parent);
  if (!parent.empty() && !fs::is_directory(parent))
    throw Stop{
        Failure(ExitStatus::Io, "cannot write '" + out.str() + "': there is no folder '" + parent.str().str() + "'")};
  // Other artifacts are recognized by what writes them.
  if (kind == EmitKind::Bundle && !force && fs::exists(out) && !isBundle(out))
    throw Stop{Failure(ExitStatus::Usage,
                       "'" + out.str() + "' exists and is no bundle of Sinter's; --force replaces it all the same")};
}

namespace {

std::string cacheFolder() {
  auto fromEnvironment = [](const char *name) -> std::string {
    const char *value = std::getenv(name);
    return value ? value : "";
  };
  std::string folder = fromEnvironment("SINTER_CACHE_DIR");
  if (folder.empty()) {
    llvm::SmallString<128> user;
    if (!path::cache_directory(user))
      throw Stop{Failure(ExitStatus::Io, "there is no folder for caches: set SINTER_CACHE_DIR")};
    path::append(user, "sinter");
    folder = user.str().str();
  }
  if (std::error_code error = fs::create_directories(folder))
    throw Stop{Failure(ExitStatus::Io, "cannot make the cache's folder '" + folder + "': " + error.message())};
  return folder;
}

/// What tells a file's state: its place, size, and the time of the last change.
void addFile(llvm::SHA256 &hash, const std::string &file) {
  llvm::SmallString<128> real;
  fs::real_path(file, real);
  struct stat status = {};
  stat(file.c_str(), &status);
  hash.update(("file " + real + " " + llvm::Twine(status.st_size) + " " + llvm::Twine(status.st_mtim.tv_sec) + "." +
               llvm::Twine(status.st_mtim.tv_nsec) + "\n")
                  .str());
}

std::string cacheKey(const std::string &model, const CompileOptions &options, const CompileRequest &request) {
  llvm::SHA256 hash;
  // A build of Sinter that is not released changes without its version, so the tool's own file counts, too.
  hash.update(("sinter " + version() + "\n").str());
  addFile(hash, "/proc/self/exe");
  addFile(hash, model);
  if (!llvm::StringRef(model).ends_with(".mlir"))
    for (const std::shared_ptr<const MappedFile> &file : orStop(onnx::readModel(model)).files)
      addFile(hash, file->getPath().str());
  for (const TargetSpec &spec : request.targets)
    hash.update("target " + spec.target + ":" + llvm::join(spec.chips, ",") + "\n");
  hash.update(options.text());
  for (const std::string &file : options.calibrationFiles())
    addFile(hash, file);
  return llvm::toHex(hash.final(), /*LowerCase=*/true).substr(0, 40);
}

} // namespace

Bundle tool::findBundle(const std::string &name, const CompileOptions &options, bool dimsAreSizes) {
  if (isBundle(name))
    return {name, ""};
  if (fs::is_directory(name))
    throw Stop{Failure(ExitStatus::Unusable, "'" + name + "' is a folder without a bundle (program.bin is missing)")};
  if (!fs::exists(name))
    throw Stop{Failure(ExitStatus::Unusable, "there is no bundle or model '" + name + "'")};
  CompileRequest request = options.request(name);
  if (request.targets.empty())
    request.targets.push_back({"cpu", {"native"}});
  if (dimsAreSizes)
    llvm::erase_if(request.import.dims, [](const DimOption &dim) { return dim.low && dim.low == dim.high; });
  llvm::SmallString<128> folder(cacheFolder());
  path::append(folder, cacheKey(name, options, request));
  request.out = folder.str().str();
  if (isBundle(folder)) {
    console().note("using " + name + " as compiled before, in the cache: " + folder);
    return {request.out, name};
  }
  std::string target = request.targets.front().target + ":" + llvm::join(request.targets.front().chips, ",");
  console().note("compiling " + name + " for " + target + " into the cache: " + folder);
  std::optional<TemporaryFolder> calibration = prepareCalibration(request, options);
  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  mlir::MLIRContext context(registry);
  CompileResult result = orStop(compile(request, context));
  for (const std::string &warning : result.warnings)
    console().warn(warning);
  return {request.out, name};
}

llvm::json::Object tool::describeDims(mlir::ModuleOp module) {
  llvm::json::Object dims;
  for (auto symbol : module.getOps<SymbolOp>()) {
    llvm::json::Value high = nullptr;
    if (symbol.getHigh())
      high = int64_t(*symbol.getHigh());
    dims[symbol.getSymName().str()] = llvm::json::Array{int64_t(symbol.getLow()), std::move(high)};
  }
  return dims;
}

std::string tool::dimsInWords(mlir::ModuleOp module) {
  std::string text;
  for (auto symbol : module.getOps<SymbolOp>()) {
    text +=
        (text.empty() ? "" : ", ") + symbol.getSymName().str() + " " + std::to_string(int64_t(symbol.getLow())) + "..";
    if (symbol.getHigh())
      text += std::to_string(int64_t(*symbol.getHigh()));
  }
  return text;
}
