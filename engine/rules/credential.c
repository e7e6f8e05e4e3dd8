#include "engine/rules/credential.h"

enum {
    SEEN = 1, /* else it only had a fact: a late one, or where a scope let it pass before the rules */
};

struct user {
    struct sunder_str agent;
    struct sunder_str fact; /* absent: none yet */
    uint8_t bits;
};

struct users {
    struct user at[SUNDER_CREDENTIAL_AGENTS_MAX + 1];
    uint32_t count;
};

static void users_key(struct sunder_key *key, const struct sunder_use *use)
{
    sunder_key_start(key, SUNDER_TABLE_CREDENTIAL, use->domain);
    sunder_key_u8(key, 0);
    sunder_key_u32(key, use->credential);
}

static void other_key(struct sunder_key *key, const struct sunder_use *use)
{
    sunder_key_start(key, SUNDER_TABLE_CREDENTIAL, use->domain);
    sunder_key_u8(key, 1);
    sunder_key_u32(key, use->credential);
    sunder_key_u32(key, use->agent);
}

static enum sunder_err users_get(
    const struct sunder_state *state, const struct sunder_use *use, struct users *ret_users)
{
    struct sunder_key key;
    users_key(&key, use);
    struct sunder_str value;
    ret_users->count = 0;
    enum sunder_err err = sunder_row_get(state, &key, &value);
    if (err != SUNDER_OK) {
        return err == SUNDER_ERR_NOT_FOUND ? SUNDER_OK : err;
    }
    struct sunder_in in = sunder_in_of(value);
    uint32_t count = sunder_in_u8(&in);
    if (count > SUNDER_CREDENTIAL_AGENTS_MAX) {
        return SUNDER_ERR_CORRUPT;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct user *user = &ret_users->at[i];
        bool room = sunder_row_text(&in, state->arena, &user->agent);
        user->bits = SEEN;
        room = sunder_row_text(&in, state->arena, &user->fact) && room;
        if (!room) {
            return in.failed ? SUNDER_ERR_CORRUPT : SUNDER_ERR_FULL;
        }
    }
    ret_users->count = count;
    return in.failed || in.pos != in.len ? SUNDER_ERR_CORRUPT : SUNDER_OK;
}

static enum sunder_err users_put(
    const struct sunder_state *state, const struct sunder_use *use, const struct users *users)
{
    struct sunder_key key;
    users_key(&key, use);
    uint32_t size = 1;
    for (uint32_t i = 0; i < users->count; i++) {
        size += 4 + users->at[i].agent.len + users->at[i].fact.len;
    }
    struct sunder_out out = sunder_row_buffer(state, size);
    sunder_out_u8(&out, (uint8_t)users->count);
    for (uint32_t i = 0; i < users->count; i++) {
        sunder_out_text(&out, users->at[i].agent);
        sunder_out_text(&out, users->at[i].fact);
    }
    return sunder_row_put(state, &key, &out);
}

/* The agent's place; the count when it has none. */
static uint32_t place_of(const struct users *users, struct sunder_str agent)
{
    uint32_t at = 0;
    while (at < users->count && !sunder_str_equal(users->at[at].agent, agent)) {
        at += 1;
    }
    return at;
}

/* The row of an agent that is not in the list; all zero when there is none. */
static enum sunder_err other_get(const struct sunder_state *state, const struct sunder_use *use, struct user *ret_user)
{
    struct sunder_key key;
    other_key(&key, use);
    struct sunder_str value;
    *ret_user = (struct user){.agent = use->agent_text};
    enum sunder_err err = use->agent == 0 ? SUNDER_ERR_NOT_FOUND : sunder_row_get(state, &key, &value);
    if (err != SUNDER_OK) {
        return err == SUNDER_ERR_NOT_FOUND ? SUNDER_OK : err;
    }
    struct sunder_in in = sunder_in_of(value);
    ret_user->bits = sunder_in_u8(&in);
    if (!sunder_row_text(&in, state->arena, &ret_user->fact)) {
        return in.failed ? SUNDER_ERR_CORRUPT : SUNDER_ERR_FULL;
    }
    return in.failed || in.pos != in.len ? SUNDER_ERR_CORRUPT : SUNDER_OK;
}

static enum sunder_err other_put(
    const struct sunder_state *state, const struct sunder_use *use, const struct user *user)
{
    struct sunder_key key;
    other_key(&key, use);
    struct sunder_out out = sunder_row_buffer(state, 3 + user->fact.len);
    sunder_out_u8(&out, user->bits);
    sunder_out_text(&out, user->fact);
    return sunder_row_put(state, &key, &out);
}

enum sunder_err sunder_credential_findings(const struct sunder_state *state, const struct sunder_use *use,
    const struct sunder_finding **ret_findings, uint32_t *ret_count)
{
    struct users users;
    *ret_findings = NULL;
    *ret_count = 0;
    if (use->domain == 0 || use->credential == 0) {
        return SUNDER_OK;
    }
    SUNDER_TRY(users_get(state, use, &users));
    uint32_t own = place_of(&users, use->agent_text);
    bool known = own < users.count;
    if (!known && users.count == SUNDER_CREDENTIAL_AGENTS_MAX) {
        struct user other;
        SUNDER_TRY(other_get(state, use, &other));
        known = (other.bits & SEEN) != 0;
    }
    if (known || users.count == 0) {
        return SUNDER_OK;
    }
    struct sunder_finding *list = SUNDER_ARENA_NEW(state->arena, struct sunder_finding, users.count);
    if (list == NULL) {
        return SUNDER_ERR_FULL;
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < users.count; i++) {
        const struct user *user = &users.at[i];
        uint32_t at = count;
        while (at > 0 && sunder_str_compare(list[at - 1].subject, user->agent) > 0) {
            list[at] = list[at - 1];
            at -= 1;
        }
        list[at] = (struct sunder_finding){
            .code = SUNDER_STR("shared_credential"), .subject = user->agent, .intent = user->fact};
        count += 1;
    }
    *ret_findings = list;
    *ret_count = count;
    return SUNDER_OK;
}

enum sunder_err sunder_credential_note(
    const struct sunder_state *state, const struct sunder_use *use, bool seen, struct sunder_str fact)
{
    struct users users;
    SUNDER_TRY(users_get(state, use, &users));
    uint32_t own = place_of(&users, use->agent_text);
    bool listed = own < users.count;
    struct user user;
    if (listed) {
        user = users.at[own];
    } else {
        SUNDER_TRY(other_get(state, use, &user));
    }
    bool news = (seen && (user.bits & SEEN) == 0) || (fact.at != NULL && user.fact.at == NULL);
    if (!news) {
        return SUNDER_OK;
    }
    bool was_other = !listed && (user.bits != 0 || user.fact.at != NULL);
    user.bits |= seen ? SEEN : 0;
    user.fact = user.fact.at == NULL ? fact : user.fact;
    if (!listed && ((user.bits & SEEN) == 0 || own == SUNDER_CREDENTIAL_AGENTS_MAX)) {
        return other_put(state, use, &user);
    }
    users.count = listed ? users.count : own + 1;
    users.at[own] = user;
    if (was_other) {
        struct sunder_key key;
        other_key(&key, use);
        SUNDER_TRY(sunder_row_remove(state, &key));
    }
    return users_put(state, use, &users);
}
