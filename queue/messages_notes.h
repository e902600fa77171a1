// What relay must remember, and the reports that it makes.
// SPDX-License-Identifier: ISC
#pragma once

#include "lib/base/limits.h"
#include "lib/imsg/codec.h"

namespace mailkeep::queue {

constexpr size_t kMaxNoteName = 300;
constexpr size_t kMaxNoteValue = 60 * 1024;

// Of what a note is; relay alone knows what stands in it.
enum class NoteKind : uint8_t { kSts, kLearned, kScores, kTlsReport };

// From relay: keep this until then, over what was kept under that name; an empty value forgets it. Not answered; after
// a crash the last seconds' may be gone, unless it is asked to be durable: then it is so before what relay says next
// has any effect.
struct KeepNote {
  static constexpr uint16_t kType = 485;
  NoteKind kind = NoteKind::kSts;
  std::string name;
  int64_t expires = 0;  // seconds since 1970
  std::string value;
  bool durable = false;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.choice(m.kind, NoteKind::kTlsReport);
    c.text(m.name, kMaxNoteName);
    c.i64(m.expires);
    c.text(m.value, kMaxNoteValue);
    c.flag(m.durable);
  }
};

// From relay. Answered by NoteFound.
struct FindNote {
  static constexpr uint16_t kType = 486;
  NoteKind kind = NoteKind::kSts;
  std::string name;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.choice(m.kind, NoteKind::kTlsReport);
    c.text(m.name, kMaxNoteName);
  }
};

// Received by relay.
struct NoteFound {
  static constexpr uint16_t kType = 487;
  NoteKind kind = NoteKind::kSts;
  std::string name;
  bool found = false;
  std::string value;
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.choice(m.kind, NoteKind::kTlsReport);
    c.text(m.name, kMaxNoteName);
    c.flag(m.found);
    c.text(m.value, kMaxNoteValue);
  }
};

// From relay: a report of its own making (RFC 8460), with the null sender. Not answered: it is kept, or logged as lost.
struct SubmitReport {
  static constexpr uint16_t kType = 488;
  std::vector<std::string> recipients;
  std::string text;  // the whole message, CRLF lines
  template <class C, class M>
  static void fields(C& c, M& m) {
    c.texts(m.recipients, 4, kMaxAddress);
    c.text(m.text, kSmallMessage);
  }
};

}  // namespace mailkeep::queue
