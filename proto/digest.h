/* SHA-256. Thread: a context belongs to one thread; contexts do not know of each other. */
#pragma once

#include "engine/base/err.h"
#include "engine/base/str.h"
#include "engine/model/event.h"

struct sunder_sha256; /* Opaque: the context of the cryptographic library. */

/* Gives a context, to be used over and over. SUNDER_ERR_FULL: no memory, or a library without SHA-256. */
SUNDER_MUST_USE enum sunder_err sunder_sha256_create(struct sunder_sha256 **ret_sha256);
void sunder_sha256_destroy(struct sunder_sha256 **sha256);

/* The digest of some bytes in one call. A library that fails here is broken: SUNDER_MUST. */
struct sunder_digest sunder_sha256_of(struct sunder_sha256 *sha256, struct sunder_str bytes);
