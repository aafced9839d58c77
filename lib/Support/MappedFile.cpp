//===- MappedFile.cpp - A file read through memory mapping ----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Support/MappedFile.h"

#include "lib/Support/Failure.h"

#include "llvm/ADT/ScopeExit.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace sinter;

llvm::Expected<std::shared_ptr<const MappedFile>> MappedFile::open(llvm::StringRef path) {
  // Not blocking, so that a pipe that nobody writes to does not hang: what it is comes out afterwards.
  int descriptor = ::open(path.str().c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0)
    return unusable("'" + path + "' cannot be opened: " + std::generic_category().message(errno));
  return fromDescriptor(descriptor, path);
}

llvm::Expected<std::shared_ptr<const MappedFile>> MappedFile::fromDescriptor(int descriptor, llvm::StringRef path) {
  llvm::scope_exit close([&] { ::close(descriptor); });
  struct stat status;
  if (::fstat(descriptor, &status) != 0)
    return unusable("'" + path + "' cannot be read: " + std::generic_category().message(errno));
  if (S_ISDIR(status.st_mode))
    return unusable("'" + path + "' is a directory, not a file");
  if (!S_ISREG(status.st_mode))
    return unusable("'" + path + "' is not a regular file");

  std::shared_ptr<MappedFile> file(new MappedFile);
  file->path = path.str();
  file->numBytes = static_cast<uint64_t>(status.st_size);
  file->device = status.st_dev;
  file->inode = status.st_ino;
  file->changedSeconds = status.st_mtim.tv_sec;
  file->changedNanoseconds = status.st_mtim.tv_nsec;
  if (file->numBytes == 0) {
    file->owned = std::make_unique<char[]>(1); // mmap refuses a length of 0
    file->start = file->owned.get();
    return file;
  }
  void *mapping = ::mmap(nullptr, static_cast<size_t>(file->numBytes), PROT_READ, MAP_SHARED, descriptor, 0);
  if (mapping == MAP_FAILED)
    return unusable("'" + path + "' cannot be mapped (" + llvm::Twine(file->numBytes) +
                    " bytes): " + std::generic_category().message(errno));
  file->mapping = mapping;
  file->start = static_cast<const char *>(mapping);
  return file;
}

std::shared_ptr<const MappedFile> MappedFile::fromMemory(llvm::ArrayRef<char> bytes, llvm::StringRef name) {
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->path = name.str();
  file->numBytes = bytes.size();
  // No more than the bytes, so that a sanitizer sees a read beyond them.
  file->owned.reset(new char[bytes.empty() ? 1 : bytes.size()]);
  if (!bytes.empty())
    std::memcpy(file->owned.get(), bytes.data(), bytes.size());
  file->start = file->owned.get();
  return file;
}

MappedFile::~MappedFile() {
  if (mapping)
    ::munmap(mapping, static_cast<size_t>(numBytes));
}

bool MappedFile::isUnchanged() const {
  if (!inode)
    return true;
  struct stat status;
  if (::stat(path.c_str(), &status) != 0)
    return false;
  return status.st_dev == device && status.st_ino == inode && static_cast<uint64_t>(status.st_size) == numBytes &&
         status.st_mtim.tv_sec == changedSeconds && status.st_mtim.tv_nsec == changedNanoseconds;
}

void MappedFile::release(uint64_t offset, uint64_t length) const {
  if (!mapping || !contains(offset, length))
    return;
  // Only whole pages, so that a neighbour's bytes stay.
  uint64_t page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  uint64_t begin = (offset + page - 1) / page * page;
  uint64_t end = (offset + length) / page * page;
  if (begin < end)
    ::madvise(static_cast<char *>(mapping) + begin, static_cast<size_t>(end - begin), MADV_DONTNEED);
}
