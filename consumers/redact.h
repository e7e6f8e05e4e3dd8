/* Dead letters without secrets (S38): the value of every member `proof` is replaced by its SHA-256, and whatever looks like a
 * signed token is masked, also in bytes that no parser understands. Thread: the caller's. */
#pragma once

#include "engine/base/arena.h"
#include "engine/base/str.h"
#include "proto/digest.h"

/* Longer originals are cut: a dead letter must fit into a message; its digest is that of the whole. */
#define SUNDER_DEAD_LETTER_BYTES_MAX 524288u

/* The bytes to publish; lives in the arena, or is a view of `bytes` when nothing had to go.
 * at == NULL: no room in the arena, then nothing must be published. */
struct sunder_str sunder_redact(
    struct sunder_arena *arena, struct sunder_sha256 *sha256, struct sunder_str bytes);
