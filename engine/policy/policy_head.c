/* The keys of a policy above its catalogue and rules. */
#include "engine/base/text.h"
#include "engine/policy/policy_parts.h"

#define S SUNDER_STR

enum head_key {
    HEAD_SUNDER,
    HEAD_NAME,
    HEAD_DOMAIN,
    HEAD_REQUIRE,
    HEAD_AUTHORITY,
    HEAD_TENANT,
    HEAD_HORIZON,
    HEAD_APPROVALS,
    HEAD_CATALOGUE,
    HEAD_RULES,
    HEAD_PURPOSES,
    HEAD_ENTITLE,
    HEAD_SCOPES,
    HEAD_RATES,
    HEAD_DISCLOSE,
    HEAD_TESTS,
    HEAD_KEY_COUNT = HEAD_TESTS + 6 /* and those of later builds */
};

static const struct policy_word head_keys[HEAD_KEY_COUNT] = {
    [HEAD_SUNDER] = {POLICY_WORD("sunder"), 0, false},
    [HEAD_NAME] = {POLICY_WORD("name"), 0, false},
    [HEAD_DOMAIN] = {POLICY_WORD("domain"), 0, false},
    [HEAD_REQUIRE] = {POLICY_WORD("require"), 0, false},
    [HEAD_AUTHORITY] = {POLICY_WORD("authority"), 0, false},
    [HEAD_TENANT] = {POLICY_WORD("tenant"), 0, false},
    [HEAD_HORIZON] = {POLICY_WORD("horizon"), 0, false},
    [HEAD_APPROVALS] = {POLICY_WORD("approvals"), 0, false},
    [HEAD_CATALOGUE] = {POLICY_WORD("catalogue"), 0, false},
    [HEAD_RULES] = {POLICY_WORD("rules"), 0, false},
    [HEAD_PURPOSES] = {POLICY_WORD("purposes"), 0, false},
    [HEAD_ENTITLE] = {POLICY_WORD("entitle"), 0, false},
    [HEAD_SCOPES] = {POLICY_WORD("scopes"), 0, false},
    [HEAD_RATES] = {POLICY_WORD("rates"), 0, false},
    [HEAD_DISCLOSE] = {POLICY_WORD("disclose"), 0, false},
    [HEAD_TESTS] = {POLICY_WORD("tests"), 0, false},
    {POLICY_WORD("identity"), 0, true},
    {POLICY_WORD("grants"), 0, true},
    {POLICY_WORD("memory"), 0, true},
    {POLICY_WORD("forget_after"), 0, true},
    {POLICY_WORD("publish"), 0, true},
};

static void read_version(
    struct policy_compile *c, const struct sunder_doc *root, const struct sunder_doc *doc)
{
    struct sunder_str text;
    if (doc == NULL) {
        POLICY_SAY(c,
            ERROR,
            MISSING,
            root,
            S("`sunder` is missing: write `sunder: 1`, the version of the language"));
    } else if (policy_read_text(c, doc, S("sunder"), &text) && !sunder_str_equal(text, S("1"))) {
        POLICY_SAY(c,
            ERROR,
            UNSUPPORTED,
            doc,
            S("this build knows version 1 of the language: write `sunder: 1`"));
    }
}

static void read_open_world(
    struct policy_compile *c, const struct sunder_doc *root, const struct sunder_doc *const *values)
{
    static const struct policy_word tenants[] = {
        {POLICY_WORD("payload"), 0, false},
        {POLICY_WORD("topic"), 0, true},
        {POLICY_WORD("proof"), 0, true},
        {POLICY_WORD("fixed"), 0, true},
    };
    static const struct policy_word authorities[] = {{POLICY_WORD("open"), 0, false}};
    uint32_t ignored;
    const struct sunder_doc *authority = values[HEAD_AUTHORITY];
    if (authority == NULL) {
        POLICY_SAY(c,
            ERROR,
            MISSING,
            root,
            S("`authority` is missing: write `authority: open`, since this build cannot check who "
              "publishes"));
    } else if (authority->kind == SUNDER_DOC_MAP) {
        POLICY_SAY(c,
            ERROR,
            UNSUPPORTED,
            authority,
            S("a list of authorities is not supported by this build yet: write `authority: open`"));
    } else {
        (void)policy_read_word(c, authority, S("authority"), POLICY_WORDS(authorities), &ignored);
    }
    if (values[HEAD_TENANT] == NULL) {
        POLICY_SAY(c,
            ERROR,
            MISSING,
            root,
            S("`tenant` is missing: write `tenant: payload`, since this build takes it from the "
              "event"));
    } else {
        (void)policy_read_word(
            c, values[HEAD_TENANT], S("tenant"), POLICY_WORDS(tenants), &ignored);
    }
}

static void read_domain(struct policy_compile *c, const struct sunder_doc *doc)
{
    static const struct policy_word attributes[] = {
        {POLICY_WORD("tenant"), SUNDER_FIELD_TENANT, false},
        {POLICY_WORD("agent"), SUNDER_FIELD_AGENT, false},
        {POLICY_WORD("principal"), SUNDER_FIELD_PRINCIPAL, false},
        {POLICY_WORD("task"), SUNDER_FIELD_TASK, false},
        {POLICY_WORD("case"), SUNDER_FIELD_CASE, false},
        {POLICY_WORD("object"), SUNDER_FIELD_OBJECT, false},
    };
    struct sunder_policy *policy = c->policy;
    c->domain_doc = doc;
    policy->domain_field_count = 1;
    policy->domain_fields[0] = SUNDER_FIELD_TENANT;
    if (doc == NULL) {
        return;
    }
    if (doc->kind != SUNDER_DOC_LIST) {
        struct sunder_str text;
        if (policy_read_text(c, doc, S("domain"), &text) && !sunder_str_equal(text, S("tenant"))) {
            POLICY_SAY(c,
                ERROR,
                WRONG_VALUE,
                doc,
                S("`domain` is `tenant` or a list that begins with it, as in `[tenant, case]`"));
        }
        return;
    }
    sunder_field_set seen = 0;
    for (uint32_t i = 0; i < doc->count; i++) {
        uint32_t field = 0;
        if (!policy_read_word(c, &doc->items[i], S("domain"), POLICY_WORDS(attributes), &field)) {
            continue;
        }
        if ((seen & SUNDER_FIELD_BIT(field)) != 0) {
            POLICY_SAY(c,
                ERROR,
                REPEATED,
                &doc->items[i],
                S("`"),
                doc->items[i].text,
                S("` is here twice"));
            continue;
        }
        seen |= SUNDER_FIELD_BIT(field);
        if (i > 0) { /* No repeats, so at most six. */
            policy->domain_fields[policy->domain_field_count] = (enum sunder_field)field;
            policy->domain_field_count += field == SUNDER_FIELD_TENANT ? 0 : 1;
        }
    }
    if (doc->count == 0 || !sunder_str_equal(doc->items[0].text, S("tenant"))) {
        POLICY_SAY(c,
            ERROR,
            WRONG_VALUE,
            doc,
            S("`domain` must begin with `tenant`: nothing is shared between tenants"));
    }
}

/* Whoever writes a number there means how many. */
static bool approvals_are_a_map(struct policy_compile *c, const struct sunder_doc *doc)
{
    if (doc->kind != SUNDER_DOC_MAP) {
        POLICY_SAY(c,
            ERROR,
            WRONG_TYPE,
            doc,
            S("`approvals` must be a map, as in `{count: 1, from: [group:supervisors]}`"));
    }
    return doc->kind == SUNDER_DOC_MAP;
}

bool policy_read_approvals(
    struct policy_compile *c, const struct sunder_doc *doc, struct sunder_wanted *ret_wanted)
{
    enum {
        COUNT,
        FROM,
        VALID,
        KEYS,
        APPROVALS_MAX = 16
    };
    static const struct policy_word keys[KEYS] = {
        {POLICY_WORD("count"), 0, false},
        {POLICY_WORD("from"), 0, false},
        {POLICY_WORD("valid"), 0, false},
    };
    const struct sunder_doc *values[KEYS];
    struct sunder_wanted wanted = {0};
    if (!approvals_are_a_map(c, doc) ||
        !policy_read_map(c, doc, S("`approvals`"), POLICY_WORDS(keys), values)) {
        return false;
    }
    if (values[COUNT] == NULL || values[FROM] == NULL) {
        POLICY_SAY(c,
            ERROR,
            MISSING,
            doc,
            S("`approvals` needs `count` and `from`, as in `{count: 1, from: "
              "[group:supervisors]}`"));
        return false;
    }
    bool ok = policy_read_count(c, values[COUNT], S("count"), &wanted.count);
    if (ok && (wanted.count == 0 || wanted.count > APPROVALS_MAX)) {
        POLICY_SAY(c, ERROR, WRONG_VALUE, values[COUNT], S("`count` of approvals is 1 to 16"));
        ok = false;
    }
    int64_t valid_ms;
    ok = (values[VALID] == NULL || policy_read_duration(c, values[VALID], S("valid"), &valid_ms)) &&
         ok;
    if (!policy_read_texts(c, values[FROM], S("from"), &wanted.from)) {
        return false;
    }
    bool people_only = true;
    for (uint32_t i = 0; i < wanted.from.count; i++) {
        struct sunder_str who = wanted.from.at[i];
        people_only = people_only && !sunder_str_starts_with(who, S("group:"));
        if (memchr(who.at, ':', who.len) == NULL) {
            const struct sunder_doc *from = values[FROM];
            POLICY_SAY(c,
                WARNING,
                WRONG_VALUE,
                from->kind == SUNDER_DOC_LIST ? &from->items[i] : from,
                S("`"),
                who,
                S("` says neither `group:` nor `user:`: a group is `group:"),
                who,
                S("`, a person `user:"),
                who,
                S("`"));
        }
    }
    if (ok && people_only && wanted.count > wanted.from.count) {
        POLICY_SAY(c,
            ERROR,
            IMPOSSIBLE,
            values[COUNT],
            S("`from` names fewer people than `count` wants: it could never be approved"));
        ok = false;
    }
    *ret_wanted = wanted;
    return ok;
}

void policy_compile_head(struct policy_compile *c,
    const struct sunder_doc *root,
    const struct sunder_doc **ret_catalogue,
    const struct sunder_doc **ret_rules)
{
    const struct sunder_doc *values[HEAD_KEY_COUNT];
    *ret_catalogue = NULL;
    *ret_rules = NULL;
    if (!policy_read_map(c, root, S("the policy"), POLICY_WORDS(head_keys), values)) {
        return;
    }
    read_version(c, root, values[HEAD_SUNDER]);
    if (values[HEAD_NAME] == NULL) {
        POLICY_SAY(c, ERROR, MISSING, root, S("`name` is missing: a policy has a name"));
    } else {
        (void)policy_read_name(c, values[HEAD_NAME], S("name"), &c->policy->name);
    }
    read_open_world(c, root, values);
    read_domain(c, values[HEAD_DOMAIN]);
    c->context = (struct policy_context_docs){
        .require = values[HEAD_REQUIRE],
        .purposes = values[HEAD_PURPOSES],
        .entitle = values[HEAD_ENTITLE],
        .scopes = values[HEAD_SCOPES],
        .rates = values[HEAD_RATES],
        .disclose = values[HEAD_DISCLOSE],
        .tests = values[HEAD_TESTS],
    };
    c->policy->horizon_ms = SUNDER_HORIZON_MS_DEFAULT;
    if (values[HEAD_HORIZON] != NULL) {
        (void)policy_read_duration(c, values[HEAD_HORIZON], S("horizon"), &c->policy->horizon_ms);
    }
    c->approvals_doc = values[HEAD_APPROVALS];
    if (c->approvals_doc != NULL) {
        (void)policy_read_approvals(c, c->approvals_doc, &c->approvals);
    }
    *ret_catalogue = values[HEAD_CATALOGUE];
    *ret_rules = values[HEAD_RULES];
}
