#include "engine/rules/names.h"

#include "engine/base/hash.h"

static void name_key(struct sunder_key *key, uint32_t scope, struct sunder_str text)
{
    sunder_key_start(key, SUNDER_TABLE_NAME, scope);
    bool hashed = text.len > SUNDER_IDENTIFIER_BYTES_MAX || (text.len != 0 && text.at[0] == '|');
    if (!hashed) {
        sunder_key_text(key, text);
        return;
    }
    /* The text of a finer domain, and the source of an observed act, may be longer than a key. What a hash stands for is told by a
     * `|`, which begins no identifier, but may begin a source. */
    uint8_t hash[32];
    sunder_hash_256(text, hash);
    sunder_key_u8(key, (uint8_t)'|');
    sunder_key_text(key, (struct sunder_str){(const char *)hash, sizeof hash});
}

enum sunder_err sunder_name_find(
    const struct sunder_state *state, uint32_t scope, struct sunder_str text, struct sunder_name *ret_name)
{
    struct sunder_key key;
    name_key(&key, scope, text);
    struct sunder_str value;
    enum sunder_err err = sunder_row_get(state, &key, &value);
    if (err == SUNDER_ERR_NOT_FOUND) {
        *ret_name = (struct sunder_name){0};
        return SUNDER_OK;
    }
    SUNDER_TRY(err);
    struct sunder_in in = sunder_in_of(value);
    struct sunder_name name = {.id = sunder_in_u32(&in)};
    name.flags = sunder_in_u8(&in);
    name.time_ms = (name.flags & SUNDER_NAME_HAS_TIME) != 0 ? sunder_in_i64(&in) : 0;
    if (in.failed || in.pos != in.len || name.id == 0) {
        return SUNDER_ERR_CORRUPT;
    }
    *ret_name = name;
    return SUNDER_OK;
}

void sunder_name_expect(
    const struct sunder_view *view, uint32_t scope, struct sunder_str first, struct sunder_str second)
{
    struct sunder_key rows[2];
    name_key(&rows[0], scope, first);
    name_key(&rows[1], scope, second);
    const struct sunder_str keys[] = {sunder_key_str(&rows[0]), sunder_key_str(&rows[1])};
    view->expect(view->ctx, keys, sunder_str_equal(first, second) ? 1 : 2);
}

enum sunder_err sunder_name_put(
    const struct sunder_state *state, uint32_t scope, struct sunder_str text, struct sunder_name name)
{
    struct sunder_key key;
    name_key(&key, scope, text);
    uint8_t raw[13];
    struct sunder_out out = sunder_out_of(raw, sizeof raw);
    sunder_out_u32(&out, name.id);
    sunder_out_u8(&out, name.flags);
    if ((name.flags & SUNDER_NAME_HAS_TIME) != 0) {
        sunder_out_i64(&out, name.time_ms);
    }
    return sunder_row_put(state, &key, &out);
}

static enum sunder_err next_id(const struct sunder_state *state, uint32_t *ret_id)
{
    struct sunder_key key;
    sunder_key_start(&key, SUNDER_TABLE_COUNTER, 0);
    struct sunder_str value;
    uint32_t id = 1;
    enum sunder_err err = sunder_row_get(state, &key, &value);
    if (err == SUNDER_OK) {
        struct sunder_in in = sunder_in_of(value);
        id = sunder_in_u32(&in);
        if (in.failed || id == 0) {
            return SUNDER_ERR_CORRUPT;
        }
    } else if (err != SUNDER_ERR_NOT_FOUND) {
        return err;
    }
    if (id == UINT32_MAX) {
        return SUNDER_ERR_FULL;
    }
    uint8_t raw[4];
    struct sunder_out out = sunder_out_of(raw, sizeof raw);
    sunder_out_u32(&out, id + 1);
    SUNDER_TRY(sunder_row_put(state, &key, &out));
    *ret_id = id;
    return SUNDER_OK;
}

enum sunder_err sunder_name_intern(
    const struct sunder_state *state, uint32_t scope, struct sunder_str text, struct sunder_name *ret_name)
{
    struct sunder_name name;
    SUNDER_TRY(sunder_name_find(state, scope, text, &name));
    if (name.id == 0) {
        SUNDER_TRY(next_id(state, &name.id));
        SUNDER_TRY(sunder_name_put(state, scope, text, name));
    }
    *ret_name = name;
    return SUNDER_OK;
}
