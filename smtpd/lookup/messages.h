// What lookup receives and answers, by subject: its slice of the configuration, questions about recipients, tables and
// names.
// SPDX-License-Identifier: ISC
#pragma once

#include "smtpd/lookup/messages_check.h"
#include "smtpd/lookup/messages_config.h"
#include "smtpd/lookup/messages_dns.h"
#include "smtpd/lookup/messages_tables.h"
