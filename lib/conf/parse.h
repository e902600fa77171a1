// mailkeep.conf(5): from text to conf::Config, in two passes.
//
// Errors are texts for people, each exactly "file:line:column: found X, expected Y"; a parse collects the first
// kMaxErrors of them. The result is all or nothing: a Config only when there was no error.
//
// SPDX-License-Identifier: ISC
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/conf/config.h"

namespace mailkeep::conf {

constexpr size_t kMaxErrors = 10;
constexpr size_t kMaxConfigFile = 1024 * 1024;  // bytes, each file
constexpr int kMaxIncludeDepth = 8;
constexpr size_t kMaxIncludes = 64;
constexpr size_t kMaxStatements = 10'000;
constexpr size_t kMaxListenerPki = 16;
constexpr size_t kMaxListenerFilters = 100;
constexpr size_t kMaxTableEntries = 100'000;
constexpr size_t kMaxDomains = 10'000;          // and in all so many bytes, for they travel to lookup and auth in one
constexpr size_t kMaxDomainBytes = 512 * 1024;  // message; of more domains, accept mail by a `match` with a table

// How the parser reads a file that `include` names; tests and fuzzers give their own.
using ReadFile = std::function<Result<std::string>(const std::string& path)>;

// The Error's text holds all errors found, one a line, no newline at the end.
Result<Config> parse_file(const std::string& path);
Result<Config> parse_text(std::string_view text, const std::string& name, const ReadFile& read);

// What the grammar takes but this build does not do yet: one "file:line:column: found X, expected Y" a finding, all of
// them, in the file's order. Empty: the configuration can run.
std::vector<std::string> check_supported(const Config& config);

// The text of the configuration that `mailkeepd --demo dir` runs: loopback, high ports, one account; and of the files
// beside it. Nothing is written here.
struct DemoFile {
  std::string name;  // below dir
  std::string text;
};
std::string demo_config(const std::string& dir);
std::vector<DemoFile> demo_files();

// The options' table as mdoc source, for mailkeep.conf(5).
std::string options_as_mdoc();

}  // namespace mailkeep::conf
