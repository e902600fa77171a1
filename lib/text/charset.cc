// Charsets to UTF-8: see the header.
// SPDX-License-Identifier: ISC
#include "lib/text/charset.h"

#include <dlfcn.h>
#include <iconv.h>

#include <array>
#include <cerrno>

#include "lib/base/text.h"
#include "lib/text/utf8.h"

namespace mailkeep::text {
namespace {

class Converter {
 public:
  explicit Converter(std::string_view charset) : handle_(iconv_open("UTF-8", std::string(charset).c_str())) {}
  ~Converter() {
    if (is_open()) iconv_close(handle_);
  }
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;
  bool is_open() const { return handle_ != reinterpret_cast<iconv_t>(-1); }  // NOLINT(performance-no-int-to-ptr)

  std::string convert(std::string_view bytes, size_t max) {
    std::string out;
    char* in = const_cast<char*>(bytes.data());  // iconv(3) wants a non-const pointer; it does not write there
    size_t in_left = bytes.size();
    while (in_left > 0 && out.size() < max) {
      const size_t before = in_left;
      const int failure = step(&in, &in_left, out);
      if (failure == EILSEQ || failure == EINVAL) {
        out += "\xEF\xBF\xBD";
        ++in;
        --in_left;
      } else if (in_left == before) {
        break;  // neither progress nor a bad byte: a converter that does not play by the rules
      }
    }
    step(nullptr, nullptr, out);
    return out;
  }

 private:
  int step(char** in, size_t* in_left, std::string& out) {
    std::array<char, 4096> buffer;
    char* to = buffer.data();
    size_t room = buffer.size();
    const size_t done = iconv(handle_, in, in_left, &to, &room);
    const int failure = done == static_cast<size_t>(-1) ? errno : 0;
    out.append(buffer.data(), buffer.size() - room);
    return failure;
  }

  iconv_t handle_;
};

// iconv takes "NAME//TRANSLIT" and may look for files by the name: only plain registered names pass.
bool is_plain_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxCharsetName) return false;
  for (const char c : name) {
    if (!is_alnum(c) && c != '-' && c != '_' && c != ':' && c != '.' && c != '+') return false;
  }
  return name[0] != '.';
}

bool is_ascii_name(std::string_view name) {
  return name.empty() || equals_nocase(name, "us-ascii") || equals_nocase(name, "ascii") ||
         equals_nocase(name, "ansi_x3.4-1968");
}

bool is_utf8_name(std::string_view name) { return equals_nocase(name, "utf-8") || equals_nocase(name, "utf8"); }

// What mail calls by one name and programs write in its superset.
std::string_view superset(std::string_view name) {
  if (equals_nocase(name, "iso-8859-1") || equals_nocase(name, "latin1")) return "WINDOWS-1252";
  if (equals_nocase(name, "gb2312") || equals_nocase(name, "gbk")) return "GB18030";
  if (equals_nocase(name, "ks_c_5601-1987") || equals_nocase(name, "euc-kr")) return "CP949";
  return name;
}

}  // namespace

std::string converter_directory() {
  Dl_info info{};
  if (dladdr(dlsym(RTLD_DEFAULT, "iconv_open"), &info) == 0 || info.dli_fname == nullptr) return "";
  const std::string library = info.dli_fname;  // …/libc.so.6, beside which glibc has them
  const size_t slash = library.rfind('/');
  return slash == std::string::npos ? "" : library.substr(0, slash) + "/gconv";
}

bool is_known_charset(std::string_view charset) {
  if (is_ascii_name(charset)) return !charset.empty();
  if (is_utf8_name(charset)) return true;
  return is_plain_name(charset) && Converter(superset(charset)).is_open();
}

std::string to_utf8(std::string_view bytes, std::string_view charset, size_t max) {
  charset = trim(charset);
  if (is_utf8_name(charset)) return repair_utf8(bytes, max);
  if (is_ascii_name(charset)) {
    if (is_utf8(bytes)) return repair_utf8(bytes, max);
    charset = "WINDOWS-1252";
  }
  if (!is_plain_name(charset)) return repair_utf8(bytes, max);
  Converter converter(superset(charset));
  if (!converter.is_open()) return repair_utf8(bytes, max);
  // A converter may leave what UTF-8 forbids (a lone surrogate), and the last step may pass the limit.
  return repair_utf8(converter.convert(bytes, max), max);
}

}  // namespace mailkeep::text
