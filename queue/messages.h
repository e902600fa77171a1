// What the queue receives and answers, by subject. A `user` channel comes from the parent as a Wire with its account.
// What relay answers is in smtpd/relay/messages.h.
// SPDX-License-Identifier: ISC
#pragma once

#include "queue/messages_config.h"
#include "queue/messages_delivery.h"
#include "queue/messages_history.h"
#include "queue/messages_intake.h"
#include "queue/messages_notes.h"
#include "queue/messages_operator.h"
