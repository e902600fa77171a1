// A tool of the build, never installed: the options of mailkeep.conf(5) as mdoc source, from their one table.
// SPDX-License-Identifier: ISC
#include <cstdio>

#include "lib/conf/parse.h"

int main() { return std::fputs(mailkeep::conf::options_as_mdoc().c_str(), stdout) < 0 ? 1 : 0; }
