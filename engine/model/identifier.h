/* The texts that name things: tenants, agents, objects, labels, ids (S42). Pure; any thread. */
#pragma once

#include <stdbool.h>

#include "engine/base/str.h"

/* 1 to SUNDER_IDENTIFIER_BYTES_MAX bytes of A-Z a-z 0-9 . _ ~ : / @ + = # % - without empty or dotted segments. */
bool sunder_identifier(struct sunder_str text);
