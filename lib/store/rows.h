// Message: a message's row in its mailbox. Rows: those of one mailbox, in UID order, of which the older ones lie in the
// mapped index (index.h) and the newer ones, since that was written, in memory of their own.
// SPDX-License-Identifier: ISC
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace mailkeep::store {

using Seq = uint64_t;
using Uid = uint32_t;
using MailboxId = uint32_t;  // never used twice in an account; also MAILBOXID of RFC 8474
using ObjectId = uint64_t;   // the bytes of a message

// Fixed size, and the same in memory and in the index.
struct Message {
  Uid uid = 0;
  uint32_t size = 0;          // bytes, RFC822.SIZE
  int64_t internal_date = 0;  // seconds since 1970 UTC
  int64_t saved = 0;          // when it came into this mailbox (SAVEDATE, RFC 8514)
  uint64_t keywords = 0;      // bit i: Mailbox::keywords[i]
  Seq modseq = 0;
  ObjectId object = 0;
  uint8_t flags = 0;  // of Flag
  uint8_t unused[7] = {};
  bool operator==(const Message&) const = default;
};
static_assert(sizeof(Message) == 56 && std::is_trivially_copyable_v<Message>);

class Rows {
 public:
  class Iterator {
   public:
    using iterator_category = std::random_access_iterator_tag;
    using value_type = Message;
    using difference_type = ptrdiff_t;
    using pointer = const Message*;
    using reference = const Message&;
    Iterator() = default;
    Iterator(const Rows* rows, size_t at) : rows_(rows), at_(at) {}
    reference operator*() const { return (*rows_)[at_]; }
    pointer operator->() const { return &(*rows_)[at_]; }
    reference operator[](difference_type n) const { return *(*this + n); }
    Iterator& operator++() { return *this += 1; }
    Iterator& operator--() { return *this += -1; }
    Iterator operator++(int) { return std::exchange(*this, *this + 1); }
    Iterator operator--(int) { return std::exchange(*this, *this - 1); }
    Iterator& operator+=(difference_type n) {
      at_ = static_cast<size_t>(static_cast<difference_type>(at_) + n);
      return *this;
    }
    Iterator& operator-=(difference_type n) { return *this += -n; }
    friend Iterator operator+(Iterator i, difference_type n) { return i += n; }
    friend Iterator operator+(difference_type n, Iterator i) { return i += n; }
    friend Iterator operator-(Iterator i, difference_type n) { return i -= n; }
    difference_type operator-(const Iterator& other) const {
      return static_cast<difference_type>(at_) - static_cast<difference_type>(other.at_);
    }
    bool operator==(const Iterator& other) const { return at_ == other.at_; }
    auto operator<=>(const Iterator& other) const { return at_ <=> other.at_; }

   private:
    const Rows* rows_ = nullptr;
    size_t at_ = 0;
  };

  Rows() = default;
  Rows(Rows&&) = default;
  Rows& operator=(Rows&&) = default;
  Rows(const Rows&) = delete;  // two would write to the same base
  Rows& operator=(const Rows&) = delete;

  size_t size() const { return base_.size() + tail_.size(); }
  bool empty() const { return size() == 0; }
  const Message& operator[](size_t i) const { return i < base_.size() ? base_[i] : tail_[i - base_.size()]; }
  const Message& back() const { return (*this)[size() - 1]; }
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, size()}; }

  // The store's own: nobody else changes rows.
  Message& at(size_t i) { return i < base_.size() ? base_[i] : tail_[i - base_.size()]; }
  void push_back(const Message& row) { tail_.push_back(row); }
  void insert(size_t i, const Message& row);
  void truncate(size_t size);
  // These are all the rows now; `base` outlives this, or the next adopt().
  void adopt(std::span<Message> base) {
    base_ = base;
    tail_ = {};
  }
  std::span<const Message> base() const { return base_; }
  std::span<const Message> tail() const { return tail_; }

 private:
  std::span<Message> base_;
  std::vector<Message> tail_;
};

}  // namespace mailkeep::store
