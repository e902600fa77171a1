// lib/receive/data_reader: however the bytes are cut, the result is the same; the data ends at the first CRLF.CRLF and
// nowhere else; what is taken as good has only CRLF line ends and no NUL.
// SPDX-License-Identifier: ISC
#include "lib/receive/data_reader.h"

#include <algorithm>
#include <cstdlib>

#include "lib/receive/chunk_reader.h"

using mailkeep::receive::DataReader;

using mailkeep::receive::ChunkReader;

// The same bytes as chunks: what is good of them is text with whole lines, and no byte is lost.
static void as_chunks(std::string_view in, size_t step, uint64_t max_size) {
  ChunkReader whole(max_size), pieces(max_size);
  std::string content, again;
  whole.feed(in, content);
  whole.finish(content);
  for (size_t at = 0; at < in.size(); at += step) pieces.feed(in.substr(at, step), again);
  pieces.finish(again);
  const bool is_good = whole.fault() == DataReader::Fault::kNone;
  if (is_good != (pieces.fault() == DataReader::Fault::kNone) || whole.size() != in.size()) abort();
  if (!is_good) return;
  if (content != again || content.find('\0') != std::string::npos || !std::string_view(content).starts_with(in))
    abort();
  if (!content.empty() && !content.ends_with("\r\n")) abort();
  for (size_t i = 0; i < content.size(); i++) {
    if ((content[i] == '\n' && (i == 0 || content[i - 1] != '\r')) || (content[i] == '\r' && content[i + 1] != '\n'))
      abort();
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const size_t step = data[0] % 16 + 1;
  const uint64_t max_size = data[1] < 128 ? data[1] : 1000000;
  const std::string_view in(reinterpret_cast<const char*>(data + 2), size - 2);
  as_chunks(in, step, max_size);
  DataReader whole(max_size);
  std::string content;
  const size_t took = whole.feed(in, content);

  DataReader pieces(max_size);
  std::string again;
  size_t at = 0;
  while (at < in.size() && !pieces.done()) at += pieces.feed(in.substr(at, step), again);
  // Which of several faults is named may depend on the cuts, whether there is one may not.
  const bool is_good = whole.fault() == DataReader::Fault::kNone;
  if (at != took || pieces.done() != whole.done() || (pieces.fault() == DataReader::Fault::kNone) != is_good) abort();

  const size_t end = in.starts_with(".\r\n")                          ? 3
                     : in.find("\r\n.\r\n") == std::string_view::npos ? 0
                                                                      : in.find("\r\n.\r\n") + 5;
  if (whole.done() != (end != 0) || took != (end != 0 ? end : in.size())) abort();
  if (!is_good) return 0;
  if (again != content || content.size() > max_size || content.find('\0') != std::string::npos) abort();
  for (size_t i = 0; i < content.size(); i++) {
    if (content[i] == '\n' && (i == 0 || content[i - 1] != '\r')) abort();
    if (content[i] == '\r' && i + 1 < content.size() && content[i + 1] != '\n') abort();
  }
  return 0;
}
