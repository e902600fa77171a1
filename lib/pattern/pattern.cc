// PCRE2 behind one type: see pattern.h.
// SPDX-License-Identifier: ISC
#include "lib/pattern/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <ctime>
#include <string>

namespace mailkeep::pattern {
namespace {

// No bytes of a UTF-8 character are taken for one, no single byte is cut out of one, and no pattern says otherwise.
constexpr uint32_t kOptions =
    PCRE2_CASELESS | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY;

PCRE2_SPTR bytes_of(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

template <class T, void (*release)(T*)>
struct Release {
  void operator()(T* p) const { release(p); }
};
using CompileContext =
    std::unique_ptr<pcre2_compile_context, Release<pcre2_compile_context, pcre2_compile_context_free>>;
using MatchContext = std::unique_ptr<pcre2_match_context, Release<pcre2_match_context, pcre2_match_context_free>>;
using MatchData = std::unique_ptr<pcre2_match_data, Release<pcre2_match_data, pcre2_match_data_free>>;

Micros processor_time() {
  struct timespec used {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::duration_cast<Micros>(Seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec));
}

}  // namespace

Budget::Budget(Micros most) : end_(processor_time() + most) {}
bool Budget::is_spent() const { return processor_time() >= end_; }

void Pattern::Free::operator()(void* code) const { pcre2_code_free(static_cast<pcre2_code*>(code)); }

Result<Pattern> Pattern::compile(std::string_view text) {
  if (text.empty()) return Error("an empty pattern");
  if (text.size() > kMaxPattern)
    return Error("a pattern of " + std::to_string(text.size()) + " bytes: at most " + std::to_string(kMaxPattern));
  if (std::any_of(text.begin(), text.end(),
                  [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; })) {
    return Error("a control byte in a pattern");
  }
  const CompileContext context(pcre2_compile_context_create(nullptr));
  if (!context) return Error("no memory for a pattern", ENOMEM);
  pcre2_set_parens_nest_limit(context.get(), kMaxNesting);
  int code = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* compiled = pcre2_compile(bytes_of(text), text.size(), kOptions, &code, &offset, context.get());
  if (compiled != nullptr) return Pattern(compiled);
  PCRE2_UCHAR message[200] = "";
  pcre2_get_error_message(code, message, sizeof message);
  return Error(std::string(reinterpret_cast<const char*>(message)) + " at byte " + std::to_string(offset + 1));
}

Outcome Pattern::match(std::string_view subject) const {
  if (subject.size() > kMaxSubject) return Outcome::kTooMuch;
  const MatchContext context(pcre2_match_context_create(nullptr));
  const MatchData data(pcre2_match_data_create(1, nullptr));
  if (!context || !data) return Outcome::kTooMuch;
  pcre2_set_match_limit(context.get(), kMaxSteps);
  pcre2_set_depth_limit(context.get(), kMaxDepth);
  pcre2_set_heap_limit(context.get(), kMaxHeap);
  // An empty view may have no address.
  const std::string_view text = subject.empty() ? std::string_view("") : subject;
  const int found = pcre2_match(static_cast<const pcre2_code*>(code_.get()), bytes_of(text), text.size(), 0, 0,
                                data.get(), context.get());
  return found >= 0 ? Outcome::kYes : found == PCRE2_ERROR_NOMATCH ? Outcome::kNo : Outcome::kTooMuch;
}

}  // namespace mailkeep::pattern
