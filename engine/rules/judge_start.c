#include "engine/base/text.h"
#include "engine/rules/judge.h"

/* The event's value of a domain attribute. Domains are made of what the event says, never of what state says (S2). */
static struct sunder_str attribute(const struct sunder_event *event, enum sunder_field field)
{
    switch ((uint32_t)field) {
    case SUNDER_FIELD_TENANT:
        return event->tenant;
    case SUNDER_FIELD_AGENT:
        return event->agent;
    case SUNDER_FIELD_PRINCIPAL:
        return event->principal;
    case SUNDER_FIELD_TASK:
        return event->task;
    case SUNDER_FIELD_CASE:
        return event->case_id;
    case SUNDER_FIELD_OBJECT:
        return event->objects.count != 0 ? event->objects.at[0] : event->object;
    default:
        return (struct sunder_str){0};
    }
}

static struct sunder_str attribute_name(enum sunder_field field)
{
    static const struct sunder_str names[] = {
#define FIELD_NAME(code, name, type) {name, sizeof(name) - 1},
        SUNDER_FIELD_LIST(FIELD_NAME)
#undef FIELD_NAME
    };
    return names[field];
}

enum sunder_err sunder_domain_of(const struct sunder_policy *policy, const struct sunder_event *event,
    struct sunder_arena *arena, struct sunder_str *ret_domain)
{
    struct sunder_str domain = {0};
    for (uint32_t i = 0; i < policy->domain_field_count; i++) {
        struct sunder_str part = attribute(event, policy->domain_fields[i]);
        if (!sunder_identifier(part)) {
            *ret_domain = (struct sunder_str){0};
            return SUNDER_OK;
        }
        domain = i == 0 ? part : sunder_text(arena, domain, SUNDER_STR("|"), part);
        if (domain.at == NULL) {
            return SUNDER_ERR_FULL;
        }
    }
    *ret_domain = domain;
    return SUNDER_OK;
}

uint32_t sunder_domain_missing(const struct sunder_policy *policy, const struct sunder_event *event,
    struct sunder_str ret_names[SUNDER_DOMAIN_FIELDS_MAX])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < policy->domain_field_count; i++) {
        if (sunder_identifier(attribute(event, policy->domain_fields[i]))) {
            continue;
        }
        struct sunder_str name = attribute_name(policy->domain_fields[i]);
        uint32_t at = count;
        while (at > 0 && sunder_str_compare(ret_names[at - 1], name) > 0) {
            ret_names[at] = ret_names[at - 1];
            at -= 1;
        }
        ret_names[at] = name;
        count += 1;
    }
    return count;
}

/* Stream time never goes back. */
static int64_t later(const struct sunder_name *name, int64_t time_ms)
{
    return (name->flags & SUNDER_NAME_HAS_TIME) != 0 && name->time_ms > time_ms ? name->time_ms : time_ms;
}

enum sunder_err sunder_judge_start(struct sunder_judge *judge, struct sunder_str domain)
{
    struct sunder_name *tenant = &judge->tenant_name;
    SUNDER_TRY(sunder_name_find(&judge->state, SUNDER_SCOPE_ROOT, judge->event->tenant, tenant));
    judge->domain_name = *tenant;
    if (!sunder_str_equal(domain, judge->event->tenant)) {
        SUNDER_TRY(sunder_name_find(&judge->state, SUNDER_SCOPE_ROOT, domain, &judge->domain_name));
    }
    judge->domain = domain;
    judge->tenant_id = tenant->id;
    judge->domain_id = judge->domain_name.id;
    judge->now_ms = later(&judge->domain_name, judge->event->at.timestamp_ms);
    judge->now_ms = later(tenant, judge->now_ms); /* Copied kinds move every domain of the tenant. */
    return SUNDER_OK;
}
