// What SEARCH and SORT compare instead of the text itself: like i;unicode-casemap (RFC 5051), with Unicode's
// full case folding and compatibility decomposition by libunistring. Pure.
// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <string_view>

namespace mailkeep::text {

// `utf8` folded; bad bytes become U+FFFD first. ASCII text only has its letters lowered. Substrings of folded
// texts compare as RFC 5051's do. The result may be longer (ligatures), at most by a factor of 18.
std::string casefold(std::string_view utf8);

// Whether `haystack` contains `folded_needle` when folded.
bool contains_folded(std::string_view haystack, std::string_view folded_needle);

}  // namespace mailkeep::text
