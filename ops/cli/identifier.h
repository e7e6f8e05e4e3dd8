/* Foreign names as identifiers of Sunder (SEMANTICS S42), so that different names stay different. Pure but for the digest of
 * names that are too long; one thread. */
#pragma once

#include "engine/base/arena.h"
#include "engine/base/str.h"
#include "proto/digest.h"

/* Every byte outside A-Z a-z 0-9 . _ ~ : / @ + = # - becomes %XX, and so do % itself, the second slash of two, a slash at the
 * end, and the dots of "." and ".." segments. What is then longer than 256 bytes is cut to 212, with ~ and its SHA-256 in
 * base64url behind it. Lives in the arena; an empty name stays empty. at == NULL: no room, or `name` is absent. */
struct sunder_str sunder_identifier_of(
    struct sunder_arena *arena, struct sunder_sha256 *sha256, struct sunder_str name);
