//===- WriteBundle.cpp - Writes bundles -----------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Bundle/WriteBundle.h"

#include "lib/Bundle/Encoding.h"
#include "lib/Support/AtomicOutput.h"
#include "lib/Support/Failure.h"
#include "lib/Support/Hash.h"
#include "runtime/format/hash.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

#include <cerrno>
#include <condition_variable>
#include <fcntl.h>
#include <mutex>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

using namespace sinter;

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

namespace {

/// A section's bytes while it is filled: zeroed pages, which go back to the system
/// at once, so that the peak is what is in use.
class SectionMemory {
public:
  explicit SectionMemory(uint64_t bytes) : bytes(bytes) {
    data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  }
  ~SectionMemory() {
    if (data != MAP_FAILED)
      munmap(data, bytes);
  }
  SectionMemory(const SectionMemory &) = delete;
  bool hasMemory() const { return data != MAP_FAILED; }
  llvm::MutableArrayRef<char> contents() { return {static_cast<char *>(data), bytes}; }

private:
  void *data;
  size_t bytes;
};

/// Fills, hashes and writes the sections, by several threads that together hold at
/// most `budget` bytes.
class WeightsWriter {
public:
  WeightsWriter(const BundleDescription &bundle, std::vector<PlacedSection> &sections, const WriteOptions &options,
                int descriptor, std::string shown)
      : bundle(bundle), sections(sections), options(options), descriptor(descriptor), shown(std::move(shown)),
        errors(bundle.sections.size()) {
    for (const BundleSection &section : bundle.sections) {
      budget = std::max(budget, section.bytes);
      total += section.bytes;
    }
  }

  llvm::Error write() {
    unsigned count = std::max<size_t>(1, std::min<size_t>(options.threads, bundle.sections.size()));
    std::vector<std::thread> threads;
    for (unsigned i = 1; i < count; ++i)
      threads.emplace_back([this] { work(); });
    work();
    for (std::thread &thread : threads)
      thread.join();
    // The first in the order of sections, whichever thread was first in time.
    for (size_t i = 0; i < errors.size(); ++i) {
      if (!errors[i])
        continue;
      std::optional<llvm::Error> first = std::move(errors[i]);
      for (size_t j = i + 1; j < errors.size(); ++j)
        if (errors[j])
          llvm::consumeError(std::move(*errors[j]));
      return std::move(*first);
    }
    return llvm::Error::success();
  }

private:
  void work() {
    for (;;) {
      size_t index;
      {
        std::unique_lock<std::mutex> lock(mutex);
        if (failed || next == bundle.sections.size())
          return;
        index = next++;
        uint64_t need = bundle.sections[index].bytes;
        room.wait(lock, [&] { return used + need <= budget; });
        used += need;
      }
      llvm::Error error = writeSection(index);
      std::unique_lock<std::mutex> lock(mutex);
      used -= bundle.sections[index].bytes;
      done += bundle.sections[index].bytes;
      if (error) {
        failed = true;
        errors[index] = std::move(error);
      } else if (options.progress) {
        options.progress(done, total);
      }
      room.notify_all();
    }
  }

  llvm::Error writeSection(size_t index) {
    const BundleSection &section = bundle.sections[index];
    if (section.bytes == 0) {
      sections[index].hash = sinter_hash_bytes(nullptr, 0);
      return llvm::Error::success();
    }
    SectionMemory memory(section.bytes);
    if (!memory.hasMemory())
      return ioFailure("no memory for the " + llvm::Twine(section.bytes) + " bytes of weight '" + section.name + "'",
                       errno);
    llvm::MutableArrayRef<char> contents = memory.contents();
    if (llvm::Error error = section.fill(contents))
      return error;
    sections[index].hash = sinter_hash_bytes(contents.data(), contents.size());
    return writeAll(descriptor, {contents.data(), contents.size()}, shown, sections[index].offset);
  }

  const BundleDescription &bundle;
  std::vector<PlacedSection> &sections;
  const WriteOptions &options;
  int descriptor;
  std::string shown;

  std::mutex mutex;
  std::condition_variable room;
  size_t next = 0;
  uint64_t used = 0, done = 0, total = 0;
  uint64_t budget = 64u << 20;
  bool failed = false;
  std::vector<std::optional<llvm::Error>> errors;
};

} // namespace

/// Writes the weights to `path`, syncs them, and enters the sections' hashes.
static llvm::Error writeWeights(const BundleDescription &bundle, std::vector<PlacedSection> &sections,
                                uint64_t weightsBytes, const WriteOptions &options, const std::string &path,
                                const std::string &shown) {
  int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0)
    return ioFailure("'" + shown + "' cannot be written", errno);
  WeightsWriter writer(bundle, sections, options, descriptor, shown);
  llvm::Error error =
      ftruncate(descriptor, weightsBytes) == 0 ? writer.write() : ioFailure("'" + shown + "' cannot be written", errno);
  if (!error && fsync(descriptor) != 0)
    error = ioFailure("'" + shown + "' cannot be written", errno);
  if (close(descriptor) != 0 && !error)
    error = ioFailure("'" + shown + "' cannot be written", errno);
  return error;
}

//===----------------------------------------------------------------------===//
// What may be replaced
//===----------------------------------------------------------------------===//

static std::string pathIn(llvm::StringRef folder, llvm::StringRef name) {
  llvm::SmallString<256> path(folder);
  llvm::sys::path::append(path, name);
  return path.str().str();
}

/// The manifest of the bundle at `path`; none if there is no readable one.
static std::optional<llvm::json::Object> readManifest(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(pathIn(path, SINTER_MANIFEST_FILE));
  if (!buffer)
    return std::nullopt;
  llvm::Expected<llvm::json::Value> value = llvm::json::parse((*buffer)->getBuffer());
  if (!value) {
    llvm::consumeError(value.takeError());
    return std::nullopt;
  }
  llvm::json::Object *object = value->getAsObject();
  if (!object || object->getString("format") != llvm::StringRef("sinter-bundle"))
    return std::nullopt;
  return std::move(*object);
}

static bool beginsWithMagic(llvm::StringRef path) {
  llvm::Expected<llvm::sys::fs::file_t> file = llvm::sys::fs::openNativeFileForRead(path);
  if (!file) {
    llvm::consumeError(file.takeError());
    return false;
  }
  char magic[8];
  llvm::Expected<size_t> count = llvm::sys::fs::readNativeFile(*file, llvm::MutableArrayRef<char>(magic));
  llvm::sys::fs::closeFile(*file);
  if (!count) {
    llvm::consumeError(count.takeError());
    return false;
  }
  return *count == 8 && std::memcmp(magic, SINTER_PROGRAM_MAGIC, 8) == 0;
}

bool sinter::isBundle(llvm::StringRef path) {
  return llvm::sys::fs::is_directory(path) &&
         (beginsWithMagic(pathIn(path, SINTER_PROGRAM_FILE)) || readManifest(path).has_value());
}

/// Nothing that somebody else put there may be lost.
static llvm::Error checkReplaceable(llvm::StringRef out) {
  if (!llvm::sys::fs::exists(out))
    return llvm::Error::success();
  if (!llvm::sys::fs::is_directory(out))
    return usage("'" + out +
                 "' exists and is not a bundle of Sinter's; choose another output, or replace it with --force");

  llvm::StringSet<> known = {SINTER_PROGRAM_FILE, SINTER_MANIFEST_FILE, SINTER_WEIGHTS_FILE};
  if (std::optional<llvm::json::Object> manifest = readManifest(out))
    for (const char *list : {"code", "files"})
      if (const llvm::json::Array *entries = manifest->getArray(list))
        for (const llvm::json::Value &entry : *entries)
          if (const llvm::json::Object *object = entry.getAsObject())
            if (std::optional<llvm::StringRef> name = object->getString("file"))
              known.insert(*name);
  bool isOurs = isBundle(out);
  std::error_code failure;
  for (llvm::sys::fs::directory_iterator it(out, failure), end; it != end && !failure; it.increment(failure)) {
    llvm::StringRef name = llvm::sys::path::filename(it->path());
    if (!isOurs)
      return usage("'" + out +
                   "' exists and is not a bundle of Sinter's; choose another output, or replace it with --force");
    if (!known.contains(name) && !(name.starts_with("code-") && name.ends_with(".so")))
      return usage("'" + out + "' holds '" + name +
                   "', which is not part of the bundle; choose another output, or replace it with --force");
  }
  if (failure)
    return ioFailure("'" + out + "' cannot be read: " + failure.message());
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Bundles
//===----------------------------------------------------------------------===//

llvm::Error sinter::writeBundle(const BundleDescription &bundle, llvm::StringRef out, const WriteOptions &options,
                                BundleSummary *summary) {
  if (llvm::Error error = checkDescription(bundle))
    return error;
  if (!options.force)
    if (llvm::Error error = checkReplaceable(out))
      return error;
  llvm::Expected<AtomicOutput> output = AtomicOutput::folder(out);
  if (!output)
    return output.takeError();

  uint64_t weightsBytes;
  std::vector<PlacedSection> sections = placeSections(bundle, weightsBytes);
  if (llvm::Error error = writeWeights(bundle, sections, weightsBytes, options,
                                       pathIn(output->path(), SINTER_WEIGHTS_FILE), pathIn(out, SINTER_WEIGHTS_FILE)))
    return error;
  for (const BundleVariant &variant : bundle.variants)
    if (llvm::Error error = output->write(codeFileName(variant), variant.code))
      return error;
  for (const BundleFile &file : bundle.files)
    if (llvm::Error error = output->write(file.name, file.contents()))
      return error;

  llvm::Expected<std::string> program = encodeTables(bundle, sections, weightsBytes, /*linkedIn=*/false);
  if (!program)
    return program.takeError();
  std::string manifest = encodeManifest(bundle, sections, weightsBytes, *program);
  sealProgram(*program, manifest);
  if (llvm::Error error = output->write(SINTER_MANIFEST_FILE, manifest))
    return error;
  if (llvm::Error error = output->write(SINTER_PROGRAM_FILE, *program))
    return error;
  if (llvm::Error error = output->commit())
    return error;

  if (summary) {
    summary->sha256 = sha256Hex(*program);
    summary->weightsBytes = weightsBytes;
    summary->totalBytes = weightsBytes + manifest.size() + program->size();
    for (const BundleVariant &variant : bundle.variants)
      summary->codeBytes += variant.code.size();
    summary->totalBytes += summary->codeBytes;
    for (const BundleFile &file : bundle.files)
      summary->totalBytes += file.contents().size();
  }
  return llvm::Error::success();
}

llvm::Expected<std::string> sinter::encodeProgram(const BundleDescription &bundle, llvm::StringRef weightsFile,
                                                  const WriteOptions &options) {
  if (llvm::Error error = checkDescription(bundle))
    return error;
  llvm::Expected<AtomicOutput> output = AtomicOutput::file(weightsFile);
  if (!output)
    return output.takeError();
  uint64_t weightsBytes;
  std::vector<PlacedSection> sections = placeSections(bundle, weightsBytes);
  if (llvm::Error error =
          writeWeights(bundle, sections, weightsBytes, options, output->path().str(), weightsFile.str()))
    return error;
  llvm::Expected<std::string> program = encodeTables(bundle, sections, weightsBytes, /*linkedIn=*/true);
  if (!program)
    return program.takeError();
  sealProgram(*program, "");
  if (llvm::Error error = output->commit())
    return error;
  return program;
}
