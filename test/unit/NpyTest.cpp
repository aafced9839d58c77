//===- NpyTest.cpp - Tests of NumPy's files -------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The files in hexadecimal were written by NumPy 1.26 (and ml_dtypes for
// bfloat16).
//
//===----------------------------------------------------------------------===//

#include "lib/Support/Npy.h"
#include "lib/Support/Failure.h"

#include "llvm/ADT/StringExtras.h"

#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <random>
#include <zlib.h>

using namespace sinter;

namespace {

llvm::ArrayRef<char> bytesOf(const std::string &text) { return {text.data(), text.size()}; }

std::string reasonOf(llvm::Error error) {
  Failure failure = takeFailure(std::move(error));
  EXPECT_EQ(failure.status, ExitStatus::Unusable);
  return failure.message;
}

std::string npy(const std::string &header, const std::string &data, char major = 1) {
  std::string file = std::string("\x93NUMPY") + major + '\0';
  for (int i = 0; i < (major == 1 ? 2 : 4); ++i)
    file += static_cast<char>(header.size() >> 8 * i & 0xff);
  return file + header + data;
}

std::string paddedTo(size_t size, std::string text) {
  text.resize(size - 1, ' ');
  return text + '\n';
}

template <typename T> std::vector<T> valuesOf(const HostTensor &tensor) { return tensor.as<T>().vec(); }

// Tests that an array that NumPy wrote is read, and written with the same bytes.
TEST(Npy, matrixAsNumpyWritesIt) {
  std::string file = llvm::fromHex(
      "934e554d5059010076007b276465736372273a20273c6634272c2027666f727472616e5f6f72646572273a2046616c7365"
      "2c20277368617065273a2028322c2033292c207d202020202020202020202020202020202020202020202020202020202020"
      "202020202020202020202020202020202020202020202020202020200a000000000000003f0000803f0000c03f0000004000"
      "002040");
  llvm::Expected<HostTensor> tensor = parseNpy(bytesOf(file), "x.npy");
  ASSERT_TRUE(bool(tensor)) << llvm::toString(tensor.takeError());
  EXPECT_EQ(tensor->type, ElementType::F32);
  EXPECT_EQ(tensor->dims, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(valuesOf<float>(*tensor), (std::vector<float>{0, 0.5, 1, 1.5, 2, 2.5}));
  EXPECT_EQ(formatNpy(*tensor), file);
}

// Tests the forms that NumPy gives to scalars, empty and one-dimensional arrays, one-byte types and bfloat16.
TEST(Npy, otherFormsAsNumpyWritesThem) {
  struct Case {
    const char *header;
    std::string data;
    ElementType type;
    std::vector<int64_t> dims;
  };
  const Case table[] = {
      {"{'descr': '|b1', 'fortran_order': False, 'shape': (), }", "\x01", ElementType::Bool, {}},
      {"{'descr': '<u8', 'fortran_order': False, 'shape': (0, 4), }", "", ElementType::U64, {0, 4}},
      {"{'descr': '|i1', 'fortran_order': False, 'shape': (2,), }", "\x01\x02", ElementType::I8, {2}},
      {"{'descr': '<V2', 'fortran_order': False, 'shape': (1,), }", "\x80\x3f", ElementType::BF16, {1}},
  };
  for (const Case &one : table) {
    std::string file = npy(paddedTo(118, one.header), one.data);
    llvm::Expected<HostTensor> tensor = parseNpy(bytesOf(file), "x.npy");
    ASSERT_TRUE(bool(tensor)) << llvm::toString(tensor.takeError());
    EXPECT_EQ(tensor->type, one.type);
    EXPECT_EQ(tensor->dims, one.dims);
    EXPECT_EQ(std::string(tensor->data.data(), tensor->data.size()), one.data);
    EXPECT_EQ(formatNpy(*tensor), file);
  }
}

// Tests that text is read as UTF-32 and as bytes, without the zeros behind it, and written as NumPy writes it.
TEST(Npy, strings) {
  // numpy.array(["a\u00e9\u6f22", ""]).
  std::string data("a\0\0\0\xe9\0\0\0\x22\x6f\0\0", 12);
  std::string file =
      npy(paddedTo(118, "{'descr': '<U3', 'fortran_order': False, 'shape': (2,), }"), data + std::string(12, '\0'));
  llvm::Expected<HostTensor> tensor = parseNpy(bytesOf(file), "x.npy");
  ASSERT_TRUE(bool(tensor)) << llvm::toString(tensor.takeError());
  EXPECT_EQ(tensor->type, ElementType::String);
  EXPECT_EQ(tensor->getString(0), "a\xc3\xa9\xe6\xbc\xa2");
  EXPECT_EQ(tensor->getString(1), "");
  EXPECT_EQ(formatNpy(*tensor), file);

  // Bytes, in Fortran order: [["ab", "c"], ["d", "e"]].
  file = npy("{'descr': '|S2', 'fortran_order': True, 'shape': (2, 2), }", std::string("abd\0c\0e\0", 8));
  tensor = parseNpy(bytesOf(file), "x.npy");
  ASSERT_TRUE(bool(tensor)) << llvm::toString(tensor.takeError());
  EXPECT_EQ(tensor->getString(0), "ab");
  EXPECT_EQ(tensor->getString(1), "c");
  EXPECT_EQ(tensor->getString(2), "d");
  EXPECT_EQ(tensor->getString(3), "e");

  // What is not UTF-8 is written as bytes.
  std::string bytes = formatNpy(HostTensor::ofStrings({"\xff\xfe", "x"}, {2}));
  EXPECT_NE(bytes.find("'descr': '|S2'"), std::string::npos);
  EXPECT_EQ(bytes.substr(bytes.size() - 4), std::string("\xff\xfex\0", 4));
}

// Tests that text is refused that is no Unicode, too short, or takes memory that the file does not.
TEST(Npy, malformedStrings) {
  auto reason = [&](const std::string &header, const std::string &data) {
    std::string file = npy(header, data);
    llvm::Expected<HostTensor> tensor = parseNpy(bytesOf(file), "x.npy");
    return tensor ? std::string() : reasonOf(tensor.takeError());
  };
  EXPECT_EQ(reason("{'descr': '<U1', 'fortran_order': False, 'shape': (1,), }", std::string("\0\xd8\0\0", 4)),
            "'x.npy' has a string that is no Unicode");
  EXPECT_EQ(reason("{'descr': '<U2', 'fortran_order': False, 'shape': (1,), }", "abcd"),
            "'x.npy' has 4 bytes of data; <U2 of shape 1 needs 8");
  EXPECT_NE(reason("{'descr': '<U0', 'fortran_order': False, 'shape': (1000000000,), }", ""), "");
  EXPECT_NE(reason("{'descr': '>U1', 'fortran_order': False, 'shape': (1,), }", "abcd"), "");
}

// Tests that narrow elements are written as bytes: bits of floats, values of integers; and that such bits are read.
TEST(Npy, narrowElements) {
  const std::tuple<ElementType, const char *, ElementType> table[] = {{ElementType::F8E4M3FN, "'|V1'", ElementType::U8},
                                                                      {ElementType::F4E2M1, "'|V1'", ElementType::U8},
                                                                      {ElementType::I4, "'|i1'", ElementType::I8},
                                                                      {ElementType::U2, "'|u1'", ElementType::U8}};
  for (auto [type, descr, readBack] : table) {
    HostTensor tensor(type, {2});
    tensor.data[1] = 1;
    std::string file = formatNpy(tensor);
    EXPECT_NE(file.find(descr), std::string::npos) << elementTypeName(type).str();
    llvm::Expected<HostTensor> read = parseNpy(bytesOf(file), "x.npy");
    ASSERT_TRUE(bool(read)) << llvm::toString(read.takeError());
    EXPECT_EQ(read->type, readBack);
    EXPECT_EQ(read->data, tensor.data);
  }
  // As ml_dtypes 0.5 calls float8_e5m2.
  std::string file = npy(paddedTo(118, "{'descr': '<f1', 'fortran_order': False, 'shape': (1,), }"), "\x3c");
  EXPECT_EQ(llvm::cantFail(parseNpy(bytesOf(file), "x.npy")).type, ElementType::U8);
}

// Tests that the first axis of an array in Fortran order varies fastest.
TEST(Npy, fortranOrder) {
  // numpy.arange(24, dtype=u1).reshape(2, 3, 4) in Fortran order.
  std::string data;
  for (int k = 0; k < 4; ++k)
    for (int j = 0; j < 3; ++j)
      for (int i = 0; i < 2; ++i)
        data += static_cast<char>(12 * i + 4 * j + k);
  std::string file = npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 4), }", data);
  llvm::Expected<HostTensor> tensor = parseNpy(bytesOf(file), "x.npy");
  ASSERT_TRUE(bool(tensor)) << llvm::toString(tensor.takeError());
  for (int i = 0; i < 24; ++i)
    EXPECT_EQ(tensor->data[i], i);
}

// Tests that versions 2 and 3 have longer lengths, and that keys may come in any order and without a last comma.
TEST(Npy, versionsAndSpellings) {
  for (char major : {2, 3}) {
    std::string file = npy("{\"shape\":(3),'fortran_order':False,'descr':'=u2'}\n", "abcdef", major);
    llvm::Expected<HostTensor> tensor = parseNpy(bytesOf(file), "x.npy");
    ASSERT_TRUE(bool(tensor)) << llvm::toString(tensor.takeError());
    EXPECT_EQ(valuesOf<uint16_t>(*tensor), (std::vector<uint16_t>{0x6261, 0x6463, 0x6665}));
  }
}

// Tests that a true bool is 1 in memory, whatever the file has.
TEST(Npy, boolsAreZeroOrOne) {
  std::string file = npy("{'descr': '|b1', 'fortran_order': False, 'shape': (3,)}", std::string("\x00\x02\xff", 3));
  llvm::Expected<HostTensor> tensor = parseNpy(bytesOf(file), "x.npy");
  ASSERT_TRUE(bool(tensor));
  EXPECT_EQ(valuesOf<uint8_t>(*tensor), (std::vector<uint8_t>{0, 1, 1}));
}

// Tests that what is no array of a known type is refused, with the reason.
TEST(Npy, refused) {
  const std::pair<std::string, const char *> table[] = {
      {"", "does not begin with \\x93NUMPY"},
      {"\x93NUMPY", "ends within its header"},
      {npy("", "", 4), "has version 4 of the .npy format"},
      {"\x93NUMPY\x01", "ends within its header"},
      {npy("{}", "").substr(0, 9), "ends within its header"},
      {npy("{'descr': '<f4'", "").substr(0, 12), "ends within its header"},
      {std::string("\x93NUMPY\x02\x00\xff\xff\xff\xff", 12), "has a header of 4294967295 bytes; at most 65536"},
      {npy("{}", ""), "one of 'descr', 'fortran_order' and 'shape' is missing"},
      {npy("[]", ""), "does not begin with '{'"},
      {npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } x", ""), "something follows the dictionary"},
      {npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}", ""), "unknown key 'x'"},
      {npy("{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}", ""), "neither True nor False"},
      {npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", ""), "is not a tuple"},
      {npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1 2)}", ""), "is not a tuple"},
      {npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", ""), "is not a tuple"},
      {npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}", ""), "arrays of structures"},
      {npy("{'descr': '>f4', 'fortran_order': False, 'shape': ()}", "abcd"), "big-endian"},
      {npy("{'descr': '<c8', 'fortran_order': False, 'shape': ()}", "abcdefgh"), "elements of type '<c8'"},
      {npy("{'descr': '|O', 'fortran_order': False, 'shape': ()}", "abcdefgh"), "elements of type '|O'"},
      {npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "abcd"),
       "has 4 bytes of data; f32 of shape 2 needs 8"},
      {npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", "abcdefgh"),
       "has 8 bytes of data; f32 of shape 1 needs 4"},
      {npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", ""), "does not fit 64 bits"},
      {npy("{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904,)}", ""), "does not fit 64 bits"},
  };
  for (const auto &[file, reason] : table) {
    llvm::Expected<HostTensor> tensor = parseNpy(bytesOf(file), "x.npy");
    ASSERT_FALSE(bool(tensor)) << reason;
    std::string message = reasonOf(tensor.takeError());
    EXPECT_NE(message.find(reason), std::string::npos) << message;
    EXPECT_NE(message.find("'x.npy'"), std::string::npos) << message;
  }
}

// Tests that a tensor of each type survives a file, and that a folder or a full disk is a failure.
TEST(Npy, files) {
  for (int type = 0; type <= static_cast<int>(ElementType::Bool); ++type) {
    HostTensor tensor(static_cast<ElementType>(type), {2, 0, 3});
    if (type % 2)
      tensor = HostTensor(static_cast<ElementType>(type), {3, 1});
    for (char &byte : tensor.data)
      byte = 1;
    ASSERT_FALSE(bool(writeNpy("npy-test-file.npy", tensor)));
    llvm::Expected<HostTensor> read = readNpy("npy-test-file.npy");
    ASSERT_TRUE(bool(read)) << llvm::toString(read.takeError());
    EXPECT_EQ(read->type, tensor.type);
    EXPECT_EQ(read->dims, tensor.dims);
    EXPECT_EQ(read->data, tensor.data);
  }
  EXPECT_EQ(takeFailure(writeNpy("/no-such-folder/x.npy", HostTensor())).status, ExitStatus::Io);
  EXPECT_EQ(takeFailure(writeNpy("/dev/full", HostTensor(ElementType::F32, {1 << 16}))).status, ExitStatus::Io);
  EXPECT_NE(reasonOf(readNpy("no-such-file.npy").takeError()).find("no-such-file.npy"), std::string::npos);
  EXPECT_NE(reasonOf(readNpy(".").takeError()).find("is a directory"), std::string::npos);
}

// numpy.savez_compressed(a=full((2, 3), 1.5, f4), b=array([True, False, True]))
std::string compressedArchive() {
  return llvm::fromHex(
      "504b03042d000000080000002100e28ddbc2ffffffffffffffff05001400612e6e70790100100098000000000000004c000000000000009b"
      "ec17ea1b10c9c850c650ad9e925a9c5ca46ea5a06e9366a2aea3a09e965f54529498179f5f94920a12774bcc294e058a17672416a402f91a"
      "463a0ac69a3a0ab50a64032e068603f6d83000504b03042d00000008000000210016938cbbffffffffffffffff05001400622e6e70790100"
      "1000830000000000000047000000000000009bec17ea1b10c9c850c650ad9e925a9c5ca46ea5a05e9364a8aea3a09e965f54529498179f5f"
      "94920a12774bcc294e058a17672416a402f91ac63a9a3a0ab50a14002e46064600504b01022d032d000000080000002100e28ddbc24c0000"
      "0098000000050000000000000000000000800100000000612e6e7079504b01022d032d00000008000000210016938cbb4700000083000000"
      "050000000000000000000000800183000000622e6e7079504b0506000000000200020066000000010100000000");
}

// Tests that deflated and stored archives that NumPy wrote are read.
TEST(Npy, archivesAsNumpyWritesThem) {
  std::string file = compressedArchive();
  llvm::Expected<std::vector<NamedTensor>> tensors = parseNpz(bytesOf(file), "x.npz");
  ASSERT_TRUE(bool(tensors)) << llvm::toString(tensors.takeError());
  ASSERT_EQ(tensors->size(), 2u);
  EXPECT_EQ((*tensors)[0].name, "a");
  EXPECT_EQ((*tensors)[0].tensor.dims, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(valuesOf<float>((*tensors)[0].tensor), std::vector<float>(6, 1.5f));
  EXPECT_EQ((*tensors)[1].name, "b");
  EXPECT_EQ(valuesOf<uint8_t>((*tensors)[1].tensor), (std::vector<uint8_t>{1, 0, 1}));

  std::string stored = llvm::fromHex(
      "504b03042d0000000000000021005fbb811cffffffffffffffff0d001400696e7075742e6964732e6e707901001000900000000000000090"
      "00000000000000934e554d5059010076007b276465736372273a20273c6938272c2027666f727472616e5f6f72646572273a2046616c7365"
      "2c20277368617065273a2028312c2032292c207d202020202020202020202020202020202020202020202020202020202020202020202020"
      "202020202020202020202020202020202020202020200a0100000000000000feffffffffffffff504b01022d032d0000000000000021005f"
      "bb811c90000000900000000d0000000000000000000000800100000000696e7075742e6964732e6e7079504b050600000000010001003b00"
      "0000cf0000000000");
  tensors = parseNpz(bytesOf(stored), "x.npz");
  ASSERT_TRUE(bool(tensors)) << llvm::toString(tensors.takeError());
  ASSERT_EQ(tensors->size(), 1u);
  EXPECT_EQ((*tensors)[0].name, "input.ids");
  EXPECT_EQ(valuesOf<int64_t>((*tensors)[0].tensor), (std::vector<int64_t>{1, -2}));
}

/// One member of an archive that the test makes, with everything it claims.
struct MadeMember {
  std::string name = "a.npy";
  uint16_t flags = 0, method = 0;
  std::string packed;
  uint32_t checksum = 0, packedBytes = 0, bytes = 0;
};

MadeMember storedMember(const std::string &data) {
  MadeMember member;
  member.packed = data;
  member.checksum = crc32(0, reinterpret_cast<const Bytef *>(data.data()), data.size());
  member.packedBytes = member.bytes = data.size();
  return member;
}

MadeMember deflatedMember(const std::string &data) {
  MadeMember member = storedMember(data);
  member.method = 8;
  z_stream stream = {};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY);
  member.packed.resize(data.size() + 1000);
  stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(data.data()));
  stream.avail_in = data.size();
  stream.next_out = reinterpret_cast<Bytef *>(member.packed.data());
  stream.avail_out = member.packed.size();
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  member.packed.resize(stream.total_out);
  member.packedBytes = stream.total_out;
  deflateEnd(&stream);
  return member;
}

std::string number(uint64_t value, int size) {
  std::string text;
  for (int i = 0; i < size; ++i)
    text += static_cast<char>(value >> 8 * i & 0xff);
  return text;
}

std::string archive(const std::vector<MadeMember> &members, const std::string &comment = "") {
  std::string file, directory;
  for (const MadeMember &member : members) {
    std::string both = number(20, 2) + number(member.flags, 2) + number(member.method, 2) + number(0, 4) +
                       number(member.checksum, 4) + number(member.packedBytes, 4) + number(member.bytes, 4) +
                       number(member.name.size(), 2);
    directory += number(0x02014b50, 4) + number(20, 2) + both + number(0, 2) + number(0, 2) + number(0, 8) +
                 number(file.size(), 4) + member.name;
    file += number(0x04034b50, 4) + both + number(0, 2) + member.name + member.packed;
  }
  std::string end = number(0x06054b50, 4) + number(0, 4) + number(members.size(), 2) + number(members.size(), 2) +
                    number(directory.size(), 4) + number(file.size(), 4) + number(comment.size(), 2) + comment;
  return file + directory + end;
}

std::string onesNpy(int64_t count) {
  HostTensor tensor(ElementType::U8, {count});
  std::fill(tensor.data.begin(), tensor.data.end(), 1);
  return formatNpy(tensor);
}

// Tests that a member larger than zlib's window and a comment after the archive are read.
TEST(Npy, largeMembersAndComments) {
  std::string file = archive({deflatedMember(onesNpy(3'000'000))}, "a comment");
  llvm::Expected<std::vector<NamedTensor>> tensors = parseNpz(bytesOf(file), "x.npz");
  ASSERT_TRUE(bool(tensors)) << llvm::toString(tensors.takeError());
  EXPECT_EQ((*tensors)[0].tensor.dims[0], 3'000'000);
  EXPECT_EQ((*tensors)[0].tensor.data.back(), 1);
  tensors = parseNpz(bytesOf(archive({})), "x.npz");
  ASSERT_TRUE(bool(tensors));
  EXPECT_TRUE(tensors->empty());
}

// Tests that damaged and hostile archives are refused, with the reason.
TEST(Npy, refusedArchives) {
  auto changed = [](MadeMember member, auto change) {
    change(member);
    return archive({member});
  };
  MadeMember good = storedMember(onesNpy(8)), packed = deflatedMember(onesNpy(1000));
  const std::pair<std::string, const char *> table[] = {
      {"", "shorter than an empty archive"},
      {std::string(100, 'x'), "has no end record"},
      {archive({good}).substr(1), "is damaged"},
      {archive({good, good}), "two members 'a'"},
      {changed(good, [](MadeMember &member) { member.name = "a.txt"; }), "is not a .npy file"},
      {changed(good, [](MadeMember &member) { member.flags = 1; }), "encrypted"},
      {changed(good, [](MadeMember &member) { member.method = 12; }), "packed by method 12"},
      {changed(good, [](MadeMember &member) { ++member.bytes; }), "has two sizes"},
      {changed(good, [](MadeMember &member) { member.checksum ^= 1; }), "does not have its checksum"},
      {changed(good, [](MadeMember &member) { member.packedBytes = member.bytes = 0x7fffffff; }),
       "longer than the file"},
      {changed(packed, [](MadeMember &member) { ++member.bytes; }), "does not inflate"},
      {changed(packed, [](MadeMember &member) { --member.bytes; }), "does not inflate"},
      {changed(packed, [](MadeMember &member) { member.bytes = 0xf0000000; }), "inflate to 4026531840"},
      {changed(packed, [](MadeMember &member) { member.packed[0] = 7; }), "does not inflate"},
      {archive({storedMember("not an array")}), "does not begin with \\x93NUMPY"},
  };
  for (const auto &[file, reason] : table) {
    llvm::Expected<std::vector<NamedTensor>> tensors = parseNpz(bytesOf(file), "x.npz");
    ASSERT_FALSE(bool(tensors)) << reason;
    std::string message = reasonOf(tensors.takeError());
    EXPECT_NE(message.find(reason), std::string::npos) << message;
  }
}

// Tests that no damage to a byte, and no cut, makes the readers do anything but refuse or read.
TEST(Npy, damage) {
  std::mt19937 random(3);
  std::string archiveFile = compressedArchive(), arrayFile = onesNpy(40);
  for (const std::string &original : {archiveFile, arrayFile}) {
    auto tryBoth = [](const std::string &file) {
      // In memory of its own, so that a sanitizer sees what is read beyond it.
      std::vector<char> copy(file.begin(), file.end());
      copy.shrink_to_fit();
      if (llvm::Expected<HostTensor> tensor = parseNpy(copy, "x"); !tensor)
        EXPECT_NE(reasonOf(tensor.takeError()), "");
      if (llvm::Expected<std::vector<NamedTensor>> tensors = parseNpz(copy, "x"); !tensors)
        EXPECT_NE(reasonOf(tensors.takeError()), "");
    };
    for (size_t size = 0; size < original.size(); ++size)
      tryBoth(original.substr(0, size));
    for (int i = 0; i < 4000; ++i) {
      std::string file = original;
      for (int changes = 1 + i % 3; changes > 0; --changes)
        file[random() % file.size()] = static_cast<char>(random());
      tryBoth(file);
    }
  }
}

} // namespace
