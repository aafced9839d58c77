//===- ExternalData.cpp - Data files beside an ONNX model -----------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/onnx/ExternalData.h"

#include "lib/Support/Failure.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"

#include <cerrno>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace sinter;
using namespace sinter::onnx;

namespace {

constexpr int openFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

/// The file that a descriptor stands for, all links followed; empty where the
/// system does not say.
std::string pathOf(int descriptor) {
  std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  llvm::SmallVector<char, 4096> path(4096);
  ssize_t length = ::readlink(link.c_str(), path.data(), path.size());
  if (length <= 0 || static_cast<size_t>(length) == path.size())
    return {};
  return std::string(path.data(), static_cast<size_t>(length));
}

/// -1 with errno; EXDEV where the file is outside the folder.
int openWithoutKernelSupport(int folder, const std::string &location) {
  int descriptor = ::openat(folder, location.c_str(), openFlags);
  if (descriptor < 0)
    return -1;
  std::string root = pathOf(folder), path = pathOf(descriptor);
  if (root.empty() || path.empty() || (root != "/" && !llvm::StringRef(path).starts_with(root + "/"))) {
    ::close(descriptor);
    errno = EXDEV;
    return -1;
  }
  return descriptor;
}

/// -1 with errno; EXDEV where the file is outside the folder.
int openBeneath(int folder, const std::string &location) {
#ifdef SYS_openat2
  struct open_how how = {};
  how.flags = openFlags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  int descriptor = -1;
  // EAGAIN: something on the way was renamed meanwhile, so that the check has to be repeated.
  for (int attempt = 0; attempt < 8; ++attempt) {
    descriptor = static_cast<int>(::syscall(SYS_openat2, folder, location.c_str(), &how, sizeof(how)));
    if (descriptor >= 0 || errno != EAGAIN)
      break;
  }
  // Old systems do not know the call, and some containers forbid what they do not know.
  if (descriptor >= 0 || (errno != ENOSYS && errno != EPERM && errno != EINVAL))
    return descriptor;
#endif
  return openWithoutKernelSupport(folder, location);
}

} // namespace

llvm::Expected<std::string> ExternalData::normalize(llvm::StringRef location) {
  if (location.empty())
    return unusable("a data file's location is empty");
  if (location.contains('\0'))
    return unusable("the data file's location '" + location.split('\0').first + "' contains a NUL byte");
  if (location.starts_with("/"))
    return unusable("the data file '" + location + "' has an absolute path; it must be in the model's folder");
  llvm::SmallVector<llvm::StringRef> components, kept;
  location.split(components, '/');
  for (llvm::StringRef component : components) {
    if (component == "..")
      return unusable("the data file '" + location + "' has '..' in its path; it must be in the model's folder");
    if (!component.empty() && component != ".")
      kept.push_back(component);
  }
  if (kept.empty() || location.ends_with("/"))
    return unusable("the data file '" + location + "' is a directory, not a file");
  return llvm::join(kept, "/");
}

std::optional<uint64_t> ExternalData::parseNumber(llvm::StringRef digits) {
  uint64_t number;
  if (!llvm::all_of(digits, llvm::isDigit) || digits.getAsInteger(10, number))
    return std::nullopt;
  return number;
}

llvm::Expected<std::shared_ptr<const MappedFile>> ExternalData::open(llvm::StringRef location, bool allowAbsent) {
  llvm::Expected<std::string> normal = normalize(location);
  if (!normal)
    return normal.takeError();
  if (folder.empty())
    return unusable("the data file '" + location +
                    "' is looked for in the model's folder, and this model is not in a folder; give it as a file");
  auto known = byLocation.find(*normal);
  if (known != byLocation.end() && (known->second || allowAbsent))
    return known->second;
  if (byLocation.size() >= maxFiles)
    return unusable("the model names more than " + llvm::Twine(maxFiles) + " data files");

  int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0)
    return unusable("the model's folder '" + folder + "' cannot be opened: " + std::generic_category().message(errno));
  llvm::scope_exit close([&] { ::close(directory); });
  std::string path = folder == "/" ? "/" + *normal : folder + "/" + *normal;
  int descriptor = openBeneath(directory, *normal);
  if (descriptor < 0) {
    if (errno == ENOENT && allowAbsent) {
      byLocation[*normal] = nullptr;
      return nullptr;
    }
    if (errno == ENOENT)
      return unusable("the data file '" + *normal + "' is not in the model's folder '" + folder + "'");
    if (errno == EXDEV || errno == ELOOP)
      return unusable("the data file '" + *normal + "' is a link that leaves the model's folder '" + folder + "'");
    return unusable("the data file '" + path + "' cannot be opened: " + std::generic_category().message(errno));
  }
  llvm::Expected<std::shared_ptr<const MappedFile>> file = MappedFile::fromDescriptor(descriptor, path);
  if (!file)
    return file.takeError();
  byLocation[*normal] = *file;
  opened.push_back(*file);
  return *file;
}
