/* Base64 of RFC 4648: the url alphabet without padding for digests, the standard one for CloudEvents' data_base64.
 * Pure; any thread. */
#pragma once

#include "engine/base/err.h"
#include "engine/base/str.h"

#define SUNDER_BASE64_DIGEST_CHARS 43 /* 32 bytes, unpadded. */

/* Room that encoding `len` bytes needs at most. */
#define SUNDER_BASE64_CHARS(len) ((((len) + 2) / 3) * 4)

/* Writes unpadded base64url; returns the length. */
size_t sunder_base64url_encode(const uint8_t *bytes, size_t len, char *buf);

/* Writes padded standard base64; returns the length. */
size_t sunder_base64_encode(const uint8_t *bytes, size_t len, char *buf);

/* Reads unpadded base64url of exactly `len` bytes. SUNDER_ERR_MALFORMED: another alphabet or length, or bits left over. */
SUNDER_MUST_USE enum sunder_err sunder_base64url_decode(
    struct sunder_str text, uint8_t *bytes, size_t len);

/* Reads standard base64 with its padding; no white space. `bytes` has room for text.len / 4 * 3.
 * SUNDER_ERR_MALFORMED as above. */
SUNDER_MUST_USE enum sunder_err sunder_base64_decode(
    struct sunder_str text, uint8_t *bytes, size_t *ret_len);
