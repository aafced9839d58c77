//===- Npy.cpp - NumPy's files of arrays ----------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Support/Npy.h"

#include "lib/Support/Failure.h"
#include "lib/Support/MappedFile.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/raw_ostream.h"

#include <cstring>
#include <optional>

using namespace sinter;

namespace {

constexpr llvm::StringLiteral magic("\x93NUMPY");
constexpr size_t maxHeaderBytes = 1 << 16;
constexpr size_t maxRank = 32;
constexpr size_t dataAlignment = 64;

struct Header {
  std::string descr;
  bool fortranOrder = false;
  std::vector<int64_t> shape;
};

/// Reads the one Python dictionary that a header is.
class HeaderParser {
public:
  explicit HeaderParser(llvm::StringRef text) : rest(text) {}

  /// None, with `problem` set, where the text is anything else.
  std::optional<Header> parse() {
    bool hasDescr = false, hasOrder = false, hasShape = false;
    if (!take("{"))
      return none("it does not begin with '{'");
    while (!take("}")) {
      std::optional<std::string> key = takeString();
      if (!key || !take(":"))
        return none("a key in quotes and a colon are expected");
      if (*key == "descr") {
        std::optional<std::string> descr = takeString();
        if (!descr)
          return none("'descr' is not a string; arrays of structures are not supported");
        header.descr = *descr;
        hasDescr = true;
      } else if (*key == "fortran_order") {
        header.fortranOrder = take("True");
        if (!header.fortranOrder && !take("False"))
          return none("'fortran_order' is neither True nor False");
        hasOrder = true;
      } else if (*key == "shape") {
        if (!takeShape())
          return none("'shape' is not a tuple of at most " + std::to_string(maxRank) + " sizes");
        hasShape = true;
      } else {
        return none("it has the unknown key '" + *key + "'");
      }
      if (!take(",")) {
        if (!take("}"))
          return none("',' or '}' is expected");
        break;
      }
    }
    if (!rest.ltrim(" \n").empty())
      return none("something follows the dictionary");
    if (!hasDescr || !hasOrder || !hasShape)
      return none("one of 'descr', 'fortran_order' and 'shape' is missing");
    return header;
  }

  std::string problem;

private:
  std::nullopt_t none(std::string text) {
    problem = std::move(text);
    return std::nullopt;
  }

  bool take(llvm::StringRef token) {
    rest = rest.ltrim(' ');
    return rest.consume_front(token);
  }

  std::optional<std::string> takeString() {
    rest = rest.ltrim(' ');
    if (rest.empty() || (rest.front() != '\'' && rest.front() != '"'))
      return std::nullopt;
    size_t end = rest.find(rest.front(), 1);
    if (end == llvm::StringRef::npos)
      return std::nullopt;
    std::string text = rest.slice(1, end).str();
    rest = rest.drop_front(end + 1);
    return text;
  }

  bool takeShape() {
    if (!take("("))
      return false;
    header.shape.clear();
    while (!take(")")) {
      rest = rest.ltrim(' ');
      llvm::StringRef digits = rest.take_while(llvm::isDigit);
      int64_t size;
      if (digits.getAsInteger(10, size) || header.shape.size() == maxRank)
        return false;
      rest = rest.drop_front(digits.size());
      rest.consume_front("L"); // Python 2 wrote long integers so
      header.shape.push_back(size);
      if (!take(","))
        return take(")");
    }
    return true;
  }

  llvm::StringRef rest;
  Header header;
};

struct DescrRow {
  llvm::StringLiteral descr; // without the byte order
  ElementType type;
};

constexpr DescrRow descrRows[] = {
    {"f2", ElementType::F16},  {"V2", ElementType::BF16}, {"f4", ElementType::F32}, {"f8", ElementType::F64},
    {"i1", ElementType::I8},   {"i2", ElementType::I16},  {"i4", ElementType::I32}, {"i8", ElementType::I64},
    {"u1", ElementType::U8},   {"u2", ElementType::U16},  {"u4", ElementType::U32}, {"u8", ElementType::U64},
    {"b1", ElementType::Bool},
};

/// What has no letter in NumPy: floats of 8 bits and fewer as opaque bytes, as the package ml_dtypes does, integers of
/// fewer bits as those of 8. They are read back as bytes.
llvm::StringRef formatNarrow(ElementType type) { return isNarrowFloat(type) ? "V1" : isSignedType(type) ? "i1" : "u1"; }

llvm::Expected<ElementType> parseDescr(llvm::StringRef descr, llvm::StringRef name) {
  llvm::StringRef letters = descr;
  char order = '|';
  if (!letters.empty() && llvm::StringRef("<>|=").contains(letters.front())) {
    order = letters.front();
    letters = letters.drop_front();
  }
  // What ml_dtypes calls f1 is a float of 8 bits, too.
  if (letters == "V1" || letters == "f1")
    return ElementType::U8;
  for (const DescrRow &row : descrRows) {
    if (letters != row.descr)
      continue;
    if (order == '>' && elementSize(row.type) > 1)
      return unusable("'" + name + "' has big-endian elements (" + descr +
                      "); save the array as little-endian (numpy: a.astype(a.dtype.newbyteorder('<')))");
    return row.type;
  }
  return unusable("'" + name + "' has elements of type '" + descr +
                  "'; the types f2, f4, f8, i1 to i8, u1 to u8, b1, U, S, V1 for floats of 8 bits, and V2 for bfloat16 "
                  "can be read");
}

llvm::StringRef formatDescr(ElementType type) {
  for (const DescrRow &row : descrRows)
    if (row.type == type)
      return row.descr;
  return formatNarrow(type);
}

/// Copies elements in Fortran order (the first axis varies fastest) to C order.
void transposeToC(const char *source, HostTensor &tensor) {
  size_t size = elementSize(tensor.type), rank = tensor.dims.size();
  std::vector<int64_t> position(rank, 0), stride(rank, 1);
  for (size_t axis = 1; axis < rank; ++axis)
    stride[axis] = stride[axis - 1] * tensor.dims[axis - 1];
  int64_t index = 0, count = tensor.numElements();
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(tensor.data.data() + static_cast<size_t>(i) * size, source + static_cast<size_t>(index) * size, size);
    for (size_t axis = rank; axis-- > 0;) {
      index += stride[axis];
      if (++position[axis] < tensor.dims[axis])
        break;
      index -= stride[axis] * tensor.dims[axis];
      position[axis] = 0;
    }
  }
}

/// Characters of 4 bytes, or bytes, of each string; none where the elements are no strings.
std::optional<std::pair<char, size_t>> parseStringDescr(llvm::StringRef descr) {
  llvm::StringRef letters = descr.ltrim("<|=");
  size_t length;
  if (descr.size() - letters.size() > 1 || (!letters.starts_with("U") && !letters.starts_with("S")) ||
      letters.drop_front().getAsInteger(10, length) || length > UINT32_MAX)
    return std::nullopt;
  return std::pair(letters.front(), length);
}

/// The string of `units` characters at `data`, without the zeros behind it.
llvm::Expected<std::string> decodeString(char kind, llvm::StringRef data, llvm::StringRef name) {
  if (kind == 'S')
    return data.rtrim('\0').str();
  std::vector<llvm::UTF32> characters(data.size() / sizeof(llvm::UTF32));
  std::memcpy(characters.data(), data.data(), data.size());
  while (!characters.empty() && characters.back() == 0)
    characters.pop_back();
  std::string text(4 * characters.size(), 0);
  const llvm::UTF32 *source = characters.data();
  auto *begin = reinterpret_cast<llvm::UTF8 *>(text.data()), *target = begin;
  if (llvm::ConvertUTF32toUTF8(&source, source + characters.size(), &target, begin + text.size(),
                               llvm::strictConversion) != llvm::conversionOK)
    return unusable("'" + name + "' has a string that is no Unicode");
  text.resize(size_t(target - begin));
  return text;
}

llvm::Expected<HostTensor> parseStrings(const Header &header, char kind, size_t length, llvm::StringRef data,
                                        llvm::StringRef name) {
  size_t bytes = kind == 'U' ? length * sizeof(llvm::UTF32) : length, required;
  std::optional<int64_t> count = countElements(header.shape);
  if (!count || __builtin_mul_overflow(static_cast<size_t>(*count), bytes, &required) ||
      (bytes == 0 && *count > (1 << 20)))
    return unusable("'" + name + "' has the shape " + formatDims(header.shape) + ", which is too large");
  if (data.size() != required)
    return unusable("'" + name + "' has " + llvm::Twine(data.size()) + " bytes of data; " + header.descr +
                    " of shape " + formatDims(header.shape) + " needs " + llvm::Twine(required));
  std::vector<std::string> texts;
  for (int64_t i = 0; i < *count; ++i) {
    llvm::Expected<std::string> text = decodeString(kind, data.substr(static_cast<size_t>(i) * bytes, bytes), name);
    if (!text)
      return text.takeError();
    texts.push_back(std::move(*text));
  }
  HostTensor tensor = HostTensor::ofStrings(std::move(texts), header.shape);
  if (header.fortranOrder) {
    std::vector<char> elements(tensor.data.begin(), tensor.data.end());
    transposeToC(elements.data(), tensor);
  }
  return tensor;
}

/// The elements of strings as an array has them, and its descr.
std::pair<std::string, std::string> encodeStrings(const HostTensor &tensor) {
  std::vector<std::u32string> wide;
  size_t longest = 1, longestWide = 1;
  bool isUnicode = true;
  for (const StringElement &element : tensor.as<StringElement>()) {
    llvm::StringRef text = element.str();
    std::vector<llvm::UTF32> characters(text.size());
    const auto *source = reinterpret_cast<const llvm::UTF8 *>(text.data());
    llvm::UTF32 *target = characters.data();
    isUnicode &= llvm::ConvertUTF8toUTF32(&source, source + text.size(), &target, target + characters.size(),
                                          llvm::strictConversion) == llvm::conversionOK;
    wide.emplace_back(characters.data(), target);
    longest = std::max(longest, text.size());
    longestWide = std::max(longestWide, wide.back().size());
  }
  std::string bytes;
  for (size_t i = 0; i < wide.size(); ++i)
    if (isUnicode) {
      wide[i].resize(longestWide);
      bytes.append(reinterpret_cast<const char *>(wide[i].data()), longestWide * sizeof(char32_t));
    } else {
      bytes += tensor.getString(i);
      bytes.resize((i + 1) * longest);
    }
  return {isUnicode ? "<U" + std::to_string(longestWide) : "|S" + std::to_string(longest), bytes};
}

} // namespace

llvm::Expected<HostTensor> sinter::readNpy(llvm::StringRef path) {
  llvm::Expected<std::shared_ptr<const MappedFile>> file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  return parseNpy((*file)->bytes(), path);
}

llvm::Expected<HostTensor> sinter::parseNpy(llvm::ArrayRef<char> bytes, llvm::StringRef name) {
  llvm::StringRef text(bytes.data(), bytes.size());
  if (!text.starts_with(magic))
    return unusable("'" + name + "' is not a .npy file: it does not begin with \\x93NUMPY");
  if (text.size() < magic.size() + 2)
    return unusable("'" + name + "' ends within its header");
  unsigned major = static_cast<uint8_t>(text[magic.size()]);
  if (major < 1 || major > 3)
    return unusable("'" + name + "' has version " + llvm::Twine(major) + " of the .npy format; 1 to 3 can be read");
  size_t lengthBytes = major == 1 ? 2 : 4;
  text = text.drop_front(magic.size() + 2);
  if (text.size() < lengthBytes)
    return unusable("'" + name + "' ends within its header");
  size_t headerBytes =
      major == 1 ? llvm::support::endian::read16le(text.data()) : llvm::support::endian::read32le(text.data());
  text = text.drop_front(lengthBytes);
  if (headerBytes > maxHeaderBytes)
    return unusable("'" + name + "' has a header of " + llvm::Twine(headerBytes) + " bytes; at most " +
                    llvm::Twine(maxHeaderBytes) + " can be read");
  if (headerBytes > text.size())
    return unusable("'" + name + "' ends within its header");

  HeaderParser parser(text.take_front(headerBytes));
  std::optional<Header> header = parser.parse();
  if (!header)
    return unusable("'" + name + "' has a header that cannot be read: " + parser.problem);
  if (auto strings = parseStringDescr(header->descr))
    return parseStrings(*header, strings->first, strings->second, text.drop_front(headerBytes), name);
  llvm::Expected<ElementType> type = parseDescr(header->descr, name);
  if (!type)
    return type.takeError();
  std::optional<int64_t> count = countElements(header->shape);
  size_t required;
  if (!count || __builtin_mul_overflow(static_cast<size_t>(*count), elementSize(*type), &required))
    return unusable("'" + name + "' has the shape " + formatDims(header->shape) +
                    ", whose number of elements does not fit 64 bits");
  llvm::StringRef data = text.drop_front(headerBytes);
  if (data.size() != required)
    return unusable("'" + name + "' has " + llvm::Twine(data.size()) + " bytes of data; " + elementTypeName(*type) +
                    " of shape " + formatDims(header->shape) + " needs " + llvm::Twine(required));

  HostTensor tensor(*type, std::move(header->shape));
  if (required == 0)
    return tensor;
  if (header->fortranOrder)
    transposeToC(data.data(), tensor);
  else
    std::memcpy(tensor.data.data(), data.data(), required);
  if (tensor.type == ElementType::Bool)
    for (char &truth : tensor.data)
      truth = truth != 0;
  return tensor;
}

std::string sinter::formatNpy(const HostTensor &tensor) {
  std::string descr = (elementSize(tensor.type) == 1 ? "|" : "<") + formatDescr(tensor.type).str(), strings;
  llvm::StringRef data(tensor.data.data(), tensor.data.size());
  if (tensor.type == ElementType::String) {
    std::tie(descr, strings) = encodeStrings(tensor);
    data = strings;
  }
  std::string header = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (";
  for (int64_t size : tensor.dims)
    header += std::to_string(size) + ", ";
  // A tuple of one has its comma, longer ones end without.
  if (tensor.dims.size() == 1)
    header.pop_back();
  else if (tensor.dims.size() > 1)
    header.resize(header.size() - 2);
  header += "), }";
  size_t before = magic.size() + 4;
  size_t total = (before + header.size() + 1 + dataAlignment - 1) / dataAlignment * dataAlignment;
  header.append(total - before - header.size() - 1, ' ');
  header += '\n';

  std::string file;
  file.reserve(total + data.size());
  file += magic;
  file += {1, 0, static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
  file += header;
  file += data;
  return file;
}

llvm::Error sinter::writeNpy(llvm::StringRef path, const HostTensor &tensor) {
  std::error_code code;
  llvm::raw_fd_ostream file(path, code);
  if (code)
    return ioFailure("'" + path + "' cannot be written: " + code.message());
  file << formatNpy(tensor);
  file.flush();
  code = file.error();
  file.clear_error(); // else its destructor ends the program
  if (code)
    return ioFailure("'" + path + "' cannot be written: " + code.message());
  return llvm::Error::success();
}
