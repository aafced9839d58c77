//===- Npz.cpp - NumPy's archives of arrays -------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Support/Failure.h"
#include "lib/Support/MappedFile.h"
#include "lib/Support/Npy.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Endian.h"

#include <algorithm>
#include <zlib.h>

using namespace sinter;
using llvm::support::endian::read16le;
using llvm::support::endian::read32le;
using llvm::support::endian::read64le;

namespace {

// Sizes and signatures of the records (APPNOTE 4.3).
constexpr size_t endBytes = 22, end64LocatorBytes = 20, end64Bytes = 56, centralBytes = 46, localBytes = 30;
constexpr uint32_t endSignature = 0x06054b50, end64LocatorSignature = 0x07064b50, end64Signature = 0x06064b50;
constexpr uint32_t centralSignature = 0x02014b50, localSignature = 0x04034b50;
constexpr uint64_t maxCommentBytes = 0xffff;
constexpr uint64_t maxMembers = 100'000;
/// Deflate's best ratio: 258 bytes for 2 bits.
constexpr uint64_t maxRatio = 1032;

struct Member {
  std::string name;
  uint16_t flags = 0, method = 0;
  uint32_t checksum = 0;
  uint64_t packedBytes = 0, bytes = 0, localOffset = 0;
};

class ArchiveReader {
public:
  ArchiveReader(llvm::ArrayRef<char> archive, llvm::StringRef name) : archive(archive), name(name) {}

  llvm::Expected<std::vector<NamedTensor>> read();

private:
  llvm::Error fail(const llvm::Twine &text) const { return unusable("'" + name + "' " + text); }
  bool contains(uint64_t offset, uint64_t length) const {
    return offset <= archive.size() && length <= archive.size() - offset;
  }
  const char *at(uint64_t offset) const { return archive.data() + offset; }

  llvm::Error findDirectory(uint64_t &offset, uint64_t &numMembers) const;
  llvm::Expected<std::vector<Member>> readDirectory() const;
  llvm::Expected<llvm::ArrayRef<char>> packedData(const Member &member) const;
  llvm::Error inflateMember(const Member &member, llvm::ArrayRef<char> packed, std::vector<char> &bytes) const;

  llvm::ArrayRef<char> archive;
  llvm::StringRef name;
};

llvm::Error ArchiveReader::findDirectory(uint64_t &offset, uint64_t &numMembers) const {
  if (archive.size() < endBytes)
    return fail("is not a .npz file: it is shorter than an empty archive");
  // The end record is followed by a comment of any length, so it is searched from behind.
  uint64_t last = archive.size() - endBytes;
  uint64_t first = last > maxCommentBytes ? last - maxCommentBytes : 0;
  std::optional<uint64_t> end;
  for (uint64_t candidate = last + 1; candidate-- > first;)
    if (read32le(at(candidate)) == endSignature &&
        candidate + endBytes + read16le(at(candidate + 20)) == archive.size()) {
      end = candidate;
      break;
    }
  if (!end)
    return fail("is not a .npz file, or it is cut off: it has no end record");
  numMembers = read16le(at(*end + 10));
  offset = read32le(at(*end + 16));
  if (numMembers != 0xffff && offset != 0xffffffff)
    return llvm::Error::success();
  if (*end < end64LocatorBytes || read32le(at(*end - end64LocatorBytes)) != end64LocatorSignature)
    return llvm::Error::success(); // the numbers are what they are
  uint64_t end64 = read64le(at(*end - end64LocatorBytes + 8));
  if (!contains(end64, end64Bytes) || read32le(at(end64)) != end64Signature)
    return fail("is damaged: its 64-bit end record is not where it says");
  numMembers = read64le(at(end64 + 32));
  offset = read64le(at(end64 + 48));
  return llvm::Error::success();
}

llvm::Expected<std::vector<Member>> ArchiveReader::readDirectory() const {
  uint64_t offset = 0, numMembers = 0;
  if (llvm::Error error = findDirectory(offset, numMembers))
    return error;
  if (numMembers > maxMembers)
    return fail("has " + llvm::Twine(numMembers) + " members; at most " + llvm::Twine(maxMembers) + " can be read");
  std::vector<Member> members;
  for (uint64_t i = 0; i < numMembers; ++i) {
    if (!contains(offset, centralBytes) || read32le(at(offset)) != centralSignature)
      return fail("is damaged: entry " + llvm::Twine(i) + " of its directory is not at byte " + llvm::Twine(offset));
    Member member;
    member.flags = read16le(at(offset + 8));
    member.method = read16le(at(offset + 10));
    member.checksum = read32le(at(offset + 16));
    member.packedBytes = read32le(at(offset + 20));
    member.bytes = read32le(at(offset + 24));
    member.localOffset = read32le(at(offset + 42));
    uint64_t nameBytes = read16le(at(offset + 28)), extraBytes = read16le(at(offset + 30));
    uint64_t commentBytes = read16le(at(offset + 32));
    offset += centralBytes;
    if (!contains(offset, nameBytes + extraBytes + commentBytes))
      return fail("is damaged: its directory ends beyond the file");
    member.name.assign(at(offset), nameBytes);

    // Numbers that do not fit 32 bits are in an extra field, in this order, each only where it is needed.
    uint64_t extra = offset + nameBytes, extraEnd = extra + extraBytes;
    while (extraEnd - extra >= 4) {
      uint64_t id = read16le(at(extra)), size = read16le(at(extra + 2));
      extra += 4;
      if (size > extraEnd - extra)
        break;
      uint64_t value = extra, valueEnd = extra + size;
      for (uint64_t *number : {&member.bytes, &member.packedBytes, &member.localOffset})
        if (id == 1 && *number == 0xffffffff && valueEnd - value >= 8) {
          *number = read64le(at(value));
          value += 8;
        }
      extra = valueEnd;
    }
    offset += nameBytes + extraBytes + commentBytes;
    members.push_back(std::move(member));
  }
  return members;
}

llvm::Expected<llvm::ArrayRef<char>> ArchiveReader::packedData(const Member &member) const {
  if (!contains(member.localOffset, localBytes) || read32le(at(member.localOffset)) != localSignature)
    return fail("is damaged: member '" + member.name + "' is not at byte " + llvm::Twine(member.localOffset));
  // The local header repeats the name, and may have other extra fields.
  uint64_t data =
      member.localOffset + localBytes + read16le(at(member.localOffset + 26)) + read16le(at(member.localOffset + 28));
  if (!contains(data, member.packedBytes))
    return fail("is cut off: member '" + member.name + "' is bytes " + llvm::Twine(data) + " and " +
                llvm::Twine(member.packedBytes) + " more, and the file has " + llvm::Twine(archive.size()));
  return archive.slice(static_cast<size_t>(data), static_cast<size_t>(member.packedBytes));
}

llvm::Error ArchiveReader::inflateMember(const Member &member, llvm::ArrayRef<char> packed,
                                         std::vector<char> &bytes) const {
  if (member.bytes / maxRatio > member.packedBytes)
    return fail("is damaged: member '" + member.name + "' says that " + llvm::Twine(member.packedBytes) +
                " bytes inflate to " + llvm::Twine(member.bytes));
  bytes.resize(static_cast<size_t>(member.bytes));
  z_stream stream = {};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
    return internalError("zlib cannot be set up");
  // zlib counts in 32 bits.
  constexpr size_t chunk = 1 << 30;
  size_t taken = 0, written = 0;
  char spare;
  int status = Z_OK;
  while (status == Z_OK) {
    size_t in = std::min(chunk, packed.size() - taken), out = std::min(chunk, bytes.size() - written);
    stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(packed.data() + taken));
    stream.avail_in = static_cast<uInt>(in);
    // One byte more than there should be tells whether there are more.
    bool isFull = out == 0;
    stream.next_out = reinterpret_cast<Bytef *>(isFull ? &spare : bytes.data() + written);
    stream.avail_out = isFull ? 1 : static_cast<uInt>(out);
    status = inflate(&stream, Z_NO_FLUSH);
    taken += in - stream.avail_in;
    size_t produced = (isFull ? 1 : out) - stream.avail_out;
    if (isFull && produced) {
      status = Z_DATA_ERROR;
      break;
    }
    written += produced;
  }
  inflateEnd(&stream);
  if (status != Z_STREAM_END || written != bytes.size())
    return fail("is damaged: member '" + member.name + "' does not inflate to the " + llvm::Twine(member.bytes) +
                " bytes that it says");
  return llvm::Error::success();
}

llvm::Expected<std::vector<NamedTensor>> ArchiveReader::read() {
  llvm::Expected<std::vector<Member>> members = readDirectory();
  if (!members)
    return members.takeError();
  // Members that share bytes would let a small file inflate to any size.
  uint64_t total = 0;
  for (const Member &member : *members)
    if (__builtin_add_overflow(total, member.packedBytes, &total) || total > archive.size())
      return fail("is damaged: its members are longer than the file");

  std::vector<NamedTensor> tensors;
  llvm::StringSet<> names;
  for (const Member &member : *members) {
    llvm::StringRef memberName = member.name;
    if (!memberName.consume_back(".npy"))
      return fail("has the member '" + memberName + "', which is not a .npy file");
    if (!names.insert(memberName).second)
      return fail("has two members '" + memberName + "'");
    if (member.flags & 1)
      return fail("has the encrypted member '" + memberName + "'");
    llvm::Expected<llvm::ArrayRef<char>> data = packedData(member);
    if (!data)
      return data.takeError();
    std::vector<char> inflated;
    if (member.method == 8) {
      if (llvm::Error error = inflateMember(member, *data, inflated))
        return error;
      data = llvm::ArrayRef<char>(inflated);
    } else if (member.method != 0) {
      return fail("has member '" + memberName + "' packed by method " + llvm::Twine(member.method) +
                  "; stored and deflated ones can be read");
    } else if (member.bytes != member.packedBytes) {
      return fail("is damaged: the stored member '" + memberName + "' has two sizes");
    }
    uLong checksum = crc32_z(0, reinterpret_cast<const Bytef *>(data->data()), data->size());
    if (checksum != member.checksum)
      return fail("is damaged: member '" + memberName + "' does not have its checksum");
    llvm::Expected<HostTensor> tensor = parseNpy(*data, (name + ":" + member.name).str());
    if (!tensor)
      return tensor.takeError();
    tensors.push_back({memberName.str(), std::move(*tensor)});
  }
  return tensors;
}

} // namespace

llvm::Expected<std::vector<NamedTensor>> sinter::readNpz(llvm::StringRef path) {
  llvm::Expected<std::shared_ptr<const MappedFile>> file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  return parseNpz((*file)->bytes(), path);
}

llvm::Expected<std::vector<NamedTensor>> sinter::parseNpz(llvm::ArrayRef<char> bytes, llvm::StringRef name) {
  return ArchiveReader(bytes, name).read();
}
