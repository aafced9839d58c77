//===- AtomicOutput.cpp - Files and folders written whole or not at all ---===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Support/AtomicOutput.h"

#include "lib/Support/Failure.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace sinter;

//===----------------------------------------------------------------------===//
// What an interrupt removes
//===----------------------------------------------------------------------===//

namespace {

/// Paths of temporaries, as a signal's handler can read them: fixed places, and a
/// path in one only while it is in use.
constexpr unsigned maxPending = 16;
struct Pending {
  std::atomic<bool> taken{false};
  std::atomic<bool> ready{false};
  char path[4096];
};
Pending pending[maxPending];

int registerPending(llvm::StringRef path) {
  if (path.size() >= sizeof(Pending::path))
    return -1;
  for (unsigned i = 0; i < maxPending; ++i) {
    bool expected = false;
    if (!pending[i].taken.compare_exchange_strong(expected, true))
      continue;
    std::memcpy(pending[i].path, path.data(), path.size());
    pending[i].path[path.size()] = 0;
    pending[i].ready = true;
    return i;
  }
  return -1; // more at once than anybody writes: the destructor still removes it
}

void unregisterPending(int place) {
  if (place < 0)
    return;
  pending[place].ready = false;
  pending[place].taken = false;
}

struct DirectoryEntry { // linux_dirent64
  uint64_t inode;
  int64_t offset;
  unsigned short length;
  unsigned char type;
  char name[];
};

/// Removes everything in the folder `descriptor`. Only system calls: a handler of
/// signals runs this, too.
void removeContents(int descriptor, unsigned depth) {
  alignas(DirectoryEntry) char buffer[2048];
  for (;;) {
    long bytes = syscall(SYS_getdents64, descriptor, buffer, sizeof buffer);
    if (bytes <= 0)
      return;
    for (long at = 0; at < bytes;) {
      auto *entry = reinterpret_cast<DirectoryEntry *>(buffer + at);
      at += entry->length;
      const char *name = entry->name;
      if (name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0)))
        continue;
      if (unlinkat(descriptor, name, 0) == 0 || depth == 0)
        continue;
      int inner = openat(descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (inner >= 0) {
        removeContents(inner, depth - 1);
        close(inner);
        unlinkat(descriptor, name, AT_REMOVEDIR);
      }
    }
  }
}

/// Removes a file or folder, also while other threads still write into it.
void removeTree(const char *path) {
  for (unsigned attempt = 0; attempt < 100; ++attempt) {
    if (unlink(path) == 0 || errno == ENOENT)
      return;
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0)
      return;
    removeContents(descriptor, 8);
    close(descriptor);
    if (rmdir(path) == 0 || (errno != ENOTEMPTY && errno != EEXIST))
      return;
  }
}

void onInterrupt(int) {
  for (Pending &place : pending)
    if (place.ready)
      removeTree(place.path);
  _exit(130);
}

} // namespace

void sinter::removeOnInterrupt() {
  struct sigaction action = {};
  action.sa_handler = onInterrupt;
  sigfillset(&action.sa_mask);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before;
    // Who ignores a signal (nohup) keeps it ignored.
    if (sigaction(signal, nullptr, &before) == 0 && before.sa_handler != SIG_IGN)
      sigaction(signal, &action, nullptr);
  }
}

//===----------------------------------------------------------------------===//
// Outputs
//===----------------------------------------------------------------------===//

static const char temporaryMark[] = ".sinter-tmp-";

static bool lockNow(int descriptor) { return flock(descriptor, LOCK_EX | LOCK_NB) == 0; }

/// Removes what processes that were killed left of `prefix`* in `folder`.
static void removeLeftovers(const std::string &folder, llvm::StringRef prefix) {
  DIR *directory = opendir(folder.c_str());
  if (!directory)
    return;
  while (dirent *entry = readdir(directory)) {
    if (!llvm::StringRef(entry->d_name).starts_with(prefix))
      continue;
    int descriptor = openat(dirfd(directory), entry->d_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0)
      continue;
    if (lockNow(descriptor))
      removeTree((folder + "/" + entry->d_name).c_str());
    close(descriptor);
  }
  closedir(directory);
}

llvm::Expected<AtomicOutput> AtomicOutput::begin(llvm::StringRef wanted, bool isFolder) {
  AtomicOutput output;
  output.isFolder = isFolder;
  // A link is followed, so that it still leads to the output afterwards.
  llvm::SmallString<256> real;
  if (llvm::sys::fs::is_symlink_file(wanted) && !llvm::sys::fs::real_path(wanted, real))
    wanted = real;
  while (wanted.size() > 1 && wanted.ends_with("/"))
    wanted = wanted.drop_back();
  llvm::StringRef base = llvm::sys::path::filename(wanted);
  if (base.empty() || base == "." || base == ".." || base == "/")
    return usage("'" + wanted + "' cannot be an output: it has no name of its own");
  output.out = wanted.str();
  std::string parent = llvm::sys::path::parent_path(wanted).str();
  if (parent.empty())
    parent = ".";
  std::string prefix = "." + base.str() + temporaryMark;
  removeLeftovers(parent, prefix);

  for (unsigned attempt = 0;; ++attempt) {
    output.temporary = parent + "/" + prefix + "XXXXXX";
    if (isFolder) {
      if (!mkdtemp(output.temporary.data()))
        return ioFailure("'" + wanted + "' cannot be written: a folder beside it cannot be made", errno);
      chmod(output.temporary.c_str(), 0755);
      output.lock = open(output.temporary.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    } else {
      output.lock = mkostemp(output.temporary.data(), O_CLOEXEC);
      if (output.lock < 0)
        return ioFailure("'" + wanted + "' cannot be written: a file beside it cannot be made", errno);
      fchmod(output.lock, 0644);
    }
    // Another process may have taken it for a leftover before it was locked.
    struct stat here, there;
    if (output.lock >= 0 && lockNow(output.lock) && fstat(output.lock, &here) == 0 &&
        stat(output.temporary.c_str(), &there) == 0 && here.st_ino == there.st_ino)
      break;
    if (output.lock >= 0)
      close(output.lock);
    output.lock = -1;
    if (attempt == 8)
      return ioFailure("'" + wanted + "' cannot be written: the temporary beside it disappears");
  }
  output.registered = registerPending(output.temporary);
  return output;
}

llvm::Expected<AtomicOutput> AtomicOutput::folder(llvm::StringRef out) { return begin(out, true); }
llvm::Expected<AtomicOutput> AtomicOutput::file(llvm::StringRef out) { return begin(out, false); }

AtomicOutput::AtomicOutput(AtomicOutput &&other)
    : out(std::move(other.out)), temporary(std::move(other.temporary)), lock(other.lock), registered(other.registered),
      isFolder(other.isFolder) {
  other.lock = -1;
  other.registered = -1;
  other.temporary.clear();
}

AtomicOutput::~AtomicOutput() {
  if (!temporary.empty())
    removeTree(temporary.c_str());
  unregisterPending(registered);
  if (lock >= 0)
    close(lock);
}

llvm::Error sinter::writeAll(int descriptor, llvm::StringRef bytes, llvm::StringRef path, int64_t offset) {
  while (!bytes.empty()) {
    // Some systems take at most 2 GB at once.
    size_t count = std::min<size_t>(bytes.size(), size_t(1) << 30);
    ssize_t written =
        offset < 0 ? ::write(descriptor, bytes.data(), count) : pwrite(descriptor, bytes.data(), count, offset);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return ioFailure("'" + path + "' cannot be written", written < 0 ? errno : ENOSPC);
    bytes = bytes.drop_front(written);
    if (offset >= 0)
      offset += written;
  }
  return llvm::Error::success();
}

/// Writes the file `path`, called `shown` in messages.
static llvm::Error writeNewFile(const std::string &path, llvm::StringRef bytes, const std::string &shown, bool sync) {
  int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0)
    return ioFailure("'" + shown + "' cannot be written", errno);
  llvm::Error error = writeAll(descriptor, bytes, shown);
  if (!error && sync && fsync(descriptor) != 0)
    error = ioFailure("'" + shown + "' cannot be written", errno);
  if (close(descriptor) != 0 && !error)
    error = ioFailure("'" + shown + "' cannot be written", errno);
  return error;
}

llvm::Error AtomicOutput::write(llvm::StringRef name, llvm::StringRef bytes) {
  return name.empty() ? writeNewFile(temporary, bytes, out, /*sync=*/true)
                      : writeNewFile(temporary + "/" + name.str(), bytes, out + "/" + name.str(), /*sync=*/true);
}

llvm::Error sinter::writeFile(llvm::StringRef path, llvm::StringRef bytes) {
  return writeNewFile(path.str(), bytes, path.str(), /*sync=*/false);
}

static llvm::Error syncFolder(const std::string &path, llvm::StringRef shown) {
  int descriptor = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int failure = descriptor < 0 || fsync(descriptor) != 0 ? errno : 0;
  if (descriptor >= 0)
    close(descriptor);
  // File systems that cannot sync a folder say so.
  if (failure && failure != EINVAL && failure != ENOTSUP)
    return ioFailure("'" + shown + "' cannot be written", failure);
  return llvm::Error::success();
}

llvm::Error AtomicOutput::commit() {
  if (isFolder) {
    if (llvm::Error error = syncFolder(temporary, out))
      return error;
  } else if (fsync(lock) != 0) {
    return ioFailure("'" + out + "' cannot be written", errno);
  }

  struct stat status;
  bool exists = lstat(out.c_str(), &status) == 0;
  int failure = 0;
  bool exchanged = false;
  if (exists && !isFolder && S_ISDIR(status.st_mode)) {
    failure = EISDIR;
  } else if (exists && isFolder) {
    const unsigned exchange = 1 << 1; // RENAME_EXCHANGE
    exchanged = syscall(SYS_renameat2, AT_FDCWD, temporary.c_str(), AT_FDCWD, out.c_str(), exchange) == 0;
    failure = exchanged ? 0 : errno;
    if (failure == EINVAL || failure == ENOSYS) {
      // A file system without exchange: there is a moment without an output.
      std::string old = temporary + ".old";
      failure = rename(out.c_str(), old.c_str()) == 0 ? 0 : errno;
      if (!failure && rename(temporary.c_str(), out.c_str()) != 0) {
        failure = errno;
        (void)rename(old.c_str(), out.c_str());
      } else if (!failure) {
        removeTree(old.c_str());
      }
    }
  } else if (rename(temporary.c_str(), out.c_str()) != 0) {
    failure = errno;
  }
  if (failure)
    return ioFailure("'" + out + "' cannot be put in place", failure);
  if (exchanged)
    removeTree(temporary.c_str()); // what was there before
  temporary.clear();
  std::string parent = llvm::sys::path::parent_path(out).str();
  return syncFolder(parent.empty() ? "." : parent, out);
}

//===----------------------------------------------------------------------===//
// Temporary folders
//===----------------------------------------------------------------------===//

llvm::Expected<TemporaryFolder> TemporaryFolder::create() {
  llvm::SmallString<128> pattern;
  llvm::sys::path::system_temp_directory(/*ErasedOnReboot=*/true, pattern);
  llvm::sys::path::append(pattern, "sinter-XXXXXX");
  TemporaryFolder result;
  result.folder = pattern.str().str();
  if (!mkdtemp(result.folder.data())) {
    int failure = errno;
    result.folder.clear();
    return ioFailure("a temporary folder cannot be made as '" + pattern + "'", failure);
  }
  result.registered = registerPending(result.folder);
  return result;
}

TemporaryFolder::TemporaryFolder(TemporaryFolder &&other)
    : folder(std::move(other.folder)), registered(other.registered) {
  other.folder.clear();
  other.registered = -1;
}

TemporaryFolder::~TemporaryFolder() {
  if (!folder.empty())
    removeTree(folder.c_str());
  unregisterPending(registered);
}
