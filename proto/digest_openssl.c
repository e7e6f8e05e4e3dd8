#include "proto/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "engine/base/must.h"

/* Fetched once: a look-up of the algorithm by name costs more than the digest of a short record. */
struct sunder_sha256 {
    EVP_MD *algorithm;
    EVP_MD_CTX *ctx;
};

enum sunder_err sunder_sha256_create(struct sunder_sha256 **ret_sha256)
{
    struct sunder_sha256 *sha256 = calloc(1, sizeof(*sha256));
    if (sha256 == NULL) {
        return SUNDER_ERR_FULL;
    }
    sha256->algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    sha256->ctx = EVP_MD_CTX_new();
    if (sha256->algorithm == NULL || sha256->ctx == NULL) {
        sunder_sha256_destroy(&sha256);
        return SUNDER_ERR_FULL;
    }
    *ret_sha256 = sha256;
    return SUNDER_OK;
}

void sunder_sha256_destroy(struct sunder_sha256 **sha256)
{
    if (*sha256 != NULL) {
        EVP_MD_CTX_free((*sha256)->ctx);
        EVP_MD_free((*sha256)->algorithm);
        free(*sha256);
        *sha256 = NULL;
    }
}

struct sunder_digest sunder_sha256_of(struct sunder_sha256 *sha256, struct sunder_str bytes)
{
    struct sunder_digest digest;
    unsigned int len = 0;
    bool begun = EVP_DigestInit_ex2(sha256->ctx, sha256->algorithm, NULL) == 1;
    SUNDER_MUST(begun);
    bool taken = bytes.len == 0 || EVP_DigestUpdate(sha256->ctx, bytes.at, bytes.len) == 1;
    SUNDER_MUST(taken);
    bool ended = EVP_DigestFinal_ex(sha256->ctx, digest.bytes, &len) == 1;
    SUNDER_MUST(ended && len == sizeof(digest.bytes));
    return digest;
}
