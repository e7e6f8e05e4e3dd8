/* Policies from text, for the tests of engine/policy. Thread: one. */
#pragma once

#include "engine/policy/policy_compile.h"
#include "tests/support/test.h"

#define HEAD "sunder: 1\nname: p\nauthority: open\ntenant: payload\n"
#define CATALOGUE                                                                                  \
    "catalogue:\n"                                                                                 \
    "  - {tool: erp, action: vendor.create, duty: vendor.create, tier: high, object: args.v}\n"    \
    "  - {tool: pay, action: submit, duty: payment.submit, phase: execute, object: args.v}\n"      \
    "  - {tool: pay, action: confirm, duty: payment.confirm, phase: execute, object: args.v}\n"    \
    "  - {tool: crm, action: read, duty: customer.read, phase: observe, object: args.v}\n"

/* What the last compilation said. */
extern struct sunder_complaints test_complaints;

/* Compiles YAML into the arena; the YAML itself must be good. */
enum sunder_err test_policy_compile(
    struct sunder_arena *arena, const char *text, struct sunder_policy **ret_policy);

/* Compiles what has no errors; lives until the next call. */
const struct sunder_policy *test_policy_of(const char *text);
