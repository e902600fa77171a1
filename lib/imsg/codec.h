// The codec of messages between processes. A message is a plain struct with one list of fields:
//
//   struct CheckRcpt {
//     static constexpr uint16_t kType = 301;
//     uint64_t session = 0;
//     std::string path;
//     Fd body;
//     template <class C, class M>
//     static void fields(C& c, M& m) {
//       c.num(m.session);
//       c.text(m.path, kMaxPath);
//       c.fd(m.body);
//     }
//   };
//
// The Encoder and the Decoder both walk that list. On the wire (little endian):
//   num: its size in bytes · flag: 1 byte, 0 or 1 · choice: 1 byte, at most `last` · text: u32 length, bytes
//   list: u32 count, items · fd: 1 byte, 1 if a descriptor comes along
// The Decoder refuses truncation, trailing bytes, lengths over the cap, bad flags and choices, and a number
// of descriptors that differs. It never allocates more than a cap before the bytes are there.
// SPDX-License-Identifier: ISC
#pragma once

#include <concepts>
#include <cstdint>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "lib/base/fd.h"
#include "lib/base/result.h"

namespace mailkeep::imsg {

// What one message may weigh: header and all. Larger things travel as a descriptor.
constexpr size_t kMaxMessage = 1024 * 1024;
constexpr size_t kMaxFds = 4;

class Encoder {
 public:
  template <std::unsigned_integral T>
  void num(const T& v) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &v, sizeof v);
    out_.append(bytes, sizeof bytes);
  }
  void i64(const int64_t& v) { num(static_cast<uint64_t>(v)); }
  void flag(const bool& v) { out_ += static_cast<char>(v ? 1 : 0); }
  template <class E>
  void choice(const E& v, E last) {
    if (v > last) fatal("imsg: choice out of range");
    out_ += static_cast<char>(v);
  }
  void text(const std::string& v, size_t max) {
    if (v.size() > max) fatal("imsg: text over its cap");
    num(static_cast<uint32_t>(v.size()));
    out_ += v;
  }
  template <class T>
  void list(const std::vector<T>& v, size_t max) {
    if (v.size() > max) fatal("imsg: list over its cap");
    num(static_cast<uint32_t>(v.size()));
    for (const T& item : v) T::fields(*this, item);
  }
  void texts(const std::vector<std::string>& v, size_t max, size_t max_each) {
    if (v.size() > max) fatal("imsg: list over its cap");
    num(static_cast<uint32_t>(v.size()));
    for (const auto& item : v) text(item, max_each);
  }
  template <class T>
  void part(const T& v) {
    T::fields(*this, v);
  }
  // The descriptor is taken from the message: the sender closes its own copy when it has been sent.
  void fd(const Fd& v) {
    flag(static_cast<bool>(v));
    if (v) fds_.push_back(&const_cast<Fd&>(v));
  }

  std::string& bytes() { return out_; }
  std::vector<Fd*>& fds() { return fds_; }

 private:
  std::string out_;
  std::vector<Fd*> fds_;
};

class Decoder {
 public:
  Decoder(std::string_view in, std::deque<Fd>& fds) : in_(in), fds_(fds) {}

  template <std::unsigned_integral T>
  void num(T& v) {
    const std::string_view bytes = take(sizeof(T));
    if (bytes.size() == sizeof(T)) std::memcpy(&v, bytes.data(), sizeof v);
  }
  void i64(int64_t& v) {
    uint64_t u = 0;
    num(u);
    v = static_cast<int64_t>(u);
  }
  void flag(bool& v) {
    uint8_t b = 0;
    num(b);
    if (b > 1) bad_ = true;
    v = b == 1;
  }
  template <class E>
  void choice(E& v, E last) {
    uint8_t b = 0;
    num(b);
    if (b > static_cast<uint8_t>(last)) bad_ = true;
    v = bad_ ? E{} : static_cast<E>(b);
  }
  void text(std::string& v, size_t max) {
    uint32_t n = 0;
    num(n);
    if (n > max) bad_ = true;
    v = take(n);
  }
  template <class T>
  void list(std::vector<T>& v, size_t max) {
    for (uint32_t n = count(max); n > 0 && !bad_; n--) {
      v.emplace_back();
      T::fields(*this, v.back());
    }
  }
  void texts(std::vector<std::string>& v, size_t max, size_t max_each) {
    for (uint32_t n = count(max); n > 0 && !bad_; n--) text(v.emplace_back(), max_each);
  }
  template <class T>
  void part(T& v) {
    T::fields(*this, v);
  }
  void fd(Fd& v) {
    bool present = false;
    flag(present);
    if (!present || bad_) return;
    if (fds_.empty()) {
      bad_ = true;
      return;
    }
    v = std::move(fds_.front());
    fds_.pop_front();
    fds_taken_++;
  }

  bool done() const { return !bad_ && in_.empty(); }
  size_t fds_taken() const { return fds_taken_; }

 private:
  std::string_view take(size_t n) {
    if (bad_ || n > in_.size()) {
      bad_ = true;
      return {};
    }
    const auto out = in_.substr(0, n);
    in_.remove_prefix(n);
    return out;
  }
  uint32_t count(size_t max) {
    uint32_t n = 0;
    num(n);
    if (n > max) bad_ = true;
    return n;
  }

  std::string_view in_;
  std::deque<Fd>& fds_;
  size_t fds_taken_ = 0;
  bool bad_ = false;
};

template <class M>
bool decode(std::string_view in, std::deque<Fd>& fds, M& out) {
  Decoder d(in, fds);
  M::fields(d, out);
  return d.done();
}

}  // namespace mailkeep::imsg
