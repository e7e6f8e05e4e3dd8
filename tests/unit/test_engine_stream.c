#include "tests/unit/test_engine_stream.h"

#include "tests/support/random.h"

#define STREAM_CATALOGUE                                                                           \
    "approvals: {count: 1, from: [user:eve@acme.example]}\n"                                       \
    "catalogue:\n"                                                                                 \
    "  - {tool: erp, action: read, duty: read, phase: observe, tier: low, shared: true}\n"         \
    "  - {tool: erp, action: create, duty: create, phase: recommend, object: args.v}\n"            \
    "  - {tool: erp, action: submit, duty: submit, phase: execute, tier: high}\n"                  \
    "  - {tool: erp, action: submit, duty: large, when: amount > 50.0}\n"                          \
    "  - {tool: erp, action: confirm, duty: confirm, phase: execute, tier: medium}\n"              \
    "  - {tool: erp, action: audit, duty: audit, case: \"'PO-' + args.c\"}\n"                      \
    "  - {tool: e*, action: \"bulk.*\", duty: read, object: args.v}\n"

#define STREAM_RULES                                                                               \
    "rules:\n"                                                                                     \
    "  - {separation: pay, duties: [create, submit, confirm], at_most: 1}\n"                       \
    "  - {separation: cases, duties: [submit, confirm], per: case, by: [actor], within: 20s}\n"    \
    "  - {separation: tasks, duties: [create, confirm], per: task, by: [task, principal]}\n"       \
    "  - {separation: phased, phases: [recommend, execute], per: tenant, by: [credential],\n"      \
    "     mode: shadow}\n"                                                                         \
    "  - {distinct: [audit, submit], name: audits, per: object, by: [delegator], then: "           \
    "escalate}\n"                                                                                  \
    "  - {requires: create, before: confirm, name: created, per: object, then: escalate}\n"        \
    "  - {requires: read, before: submit, name: seen, per: args.k, by: [agent], then: alert}\n"    \
    "  - {limit: money, sum: amount, currency: EUR, of: [submit, large], by: [agent, "             \
    "principal],\n"                                                                                \
    "     within: 30s, max: 250}\n"                                                                \
    "  - {limit: total, sum: args.total, of: confirm, by: [task], mode: shadow, max: 10}\n"        \
    "  - {limit: many, count: true, of: read, by: [agent], within: 5s, max: 40,\n"                 \
    "     unless: \"tier == 'high'\"}\n"                                                           \
    "  - {limit: wide, distinct: object, of: read, by: [credential], max: 3, then: alert}\n"       \
    "  - {limit: tries, count: true, of: attempts, by: [agent], within: 2s, max: 25,\n"            \
    "     then: revoke}\n"                                                                         \
    "  - {limit: each, count: true, of: submit, per: object, by: [actor], within: 60s, max: 6}\n"  \
    "  - {condition: asks, when: \"duty == 'confirm' && history.count('read') > 3\",\n"            \
    "     by: [agent, task], within: 20s, then: alert}\n"                                          \
    "  - {gate: sums, when: \"duty == 'submit' && history.sum(amount) > 100.0\", per: object,\n"   \
    "     by: [actor, principal], then: alert}\n"                                                  \
    "  - {condition: crowd, when: \"size(history.agents()) > 2\", per: args.k, by: principal,\n"   \
    "     mode: shadow}\n"                                                                         \
    "  - {condition: busy, when: \"history.since(duration('5s')).sum(amount) > 400.0\",\n"         \
    "     by: [credential, delegator], except: [{when: \"'create' in duties\", owner: o,\n"        \
    "     until: \"1970-01-01T00:10:00Z\"}], then: alert}\n"

/* Under a finer domain every rule's key fixes the domain. */
#define STREAM_RULES_FINE                                                                          \
    "rules:\n"                                                                                     \
    "  - {separation: pay, duties: [create, submit, confirm], at_most: 1, per: case}\n"            \
    "  - {separation: cases, duties: [submit, confirm], per: case, by: [actor, task]}\n"           \
    "  - {separation: phased, phases: [recommend, execute], per: case, mode: shadow}\n"            \
    "  - {requires: create, before: confirm, name: created, per: case, then: escalate}\n"          \
    "  - {limit: money, sum: amount, currency: EUR, of: [submit, large], by: [agent, "             \
    "principal],\n"                                                                                \
    "     per: case, within: 30s, max: 150}\n"                                                     \
    "  - {limit: wide, distinct: object, of: read, by: [credential], per: case, max: 2,\n"         \
    "     then: alert}\n"                                                                          \
    "  - {limit: tries, count: true, of: attempts, by: [agent], per: case, max: 60,\n"             \
    "     then: revoke}\n"

/* Labels, effects and what follows from them. */
#define STREAM_FLOW                                                                                \
    "approvals: {count: 1, from: [user:eve@acme.example]}\n"                                       \
    "catalogue:\n"                                                                                 \
    "  - {tool: erp, action: read, duty: read, phase: observe, tier: low, gains: [pii]}\n"         \
    "  - {tool: erp, action: create, duty: create, labels: [draft, internal], causes: [audit]}\n"  \
    "  - {tool: erp, action: submit, duty: submit, tier: high, when: \"!('vip' in labels)\"}\n"    \
    "  - {tool: erp, action: submit, duty: large, gains: [\"can:pay\"], causes: [read, submit]}\n" \
    "  - {tool: erp, action: confirm, duty: confirm, phase: execute}\n"                            \
    "  - {tool: erp, action: audit, duty: audit, case: \"'PO-' + args.c\", causes: [read]}\n"      \
    "rules:\n"                                                                                     \
    "  - {separation: pay, duties: [create, submit, confirm], at_most: 2,\n"                       \
    "     unless: \"'pii' in labels\"}\n"                                                          \
    "  - {limit: many, count: true, of: read, by: [agent], within: 5s, max: 20}\n"                 \
    "  - {sequence: learnt, steps: [\"label:secret\", create, \"label:internal\", confirm],\n"     \
    "     along: information, within: 10s}\n"                                                      \
    "  - {sequence: told, steps: [read, \"label:draft\", submit], along: information, per: "       \
    "object,\n"                                                                                    \
    "     within: task, then: escalate}\n"                                                         \
    "  - {sequence: kept, steps: [audit, \"label:vip\"], along: information, per: \"'k' + "        \
    "args.k\",\n"                                                                                  \
    "     within: 20s, then: revoke}\n"                                                            \
    "  - {sequence: drop, steps: [create, \"label:pii\", confirm], along: subject, per: object,\n" \
    "     by: [agent, principal], within: 15s}\n"                                                  \
    "  - {sequence: same, steps: [submit, submit, audit], along: subject, by: [actor, task],\n"    \
    "     within: task, mode: shadow}\n"                                                           \
    "  - {sequence: own, steps: [\"label:vip\", confirm], along: subject, per: args.k,\n"          \
    "     by: [credential], within: 30s, then: alert}\n"

const char STREAM_POLICY_FLOW[] =
    "sunder: 1\nname: flow\nauthority: open\ntenant: payload\nhorizon: 20s\n" STREAM_FLOW;
const char STREAM_POLICY[] =
    "sunder: 1\nname: stream\nauthority: open\ntenant: payload\nhorizon: 20s\n" STREAM_CATALOGUE
        STREAM_RULES;
const char STREAM_POLICY_FINE[] =
    "sunder: 1\nname: fine\ndomain: [tenant, case]\nauthority: open\ntenant: payload\nhorizon: "
    "20s\n" STREAM_CATALOGUE STREAM_RULES_FINE;

static const char *pick(struct stream *stream, const char *const *texts, uint32_t count)
{
    return texts[test_random_below(&stream->random, count)];
}
#define PICK(stream, texts) pick((stream), (texts), sizeof(texts) / sizeof((texts)[0]))

static bool chance(struct stream *stream, uint32_t one_in)
{
    return test_random_below(&stream->random, one_in) == 0;
}

static const char *const TENANTS[] = {"acme", "acme", "acme", "acme", "acme", "globex"};
static const char *const AGENTS[] = {"bot:1", "bot:2", "bot:3", "bot:4", "bot:5"};
static const char *const PRINCIPALS[] = {"user:ana", "user:max", "svc:root"};
static const char *const OBJECTS[] = {"vendor/V1", "vendor/V2", "vendor/V3", "vendor/V4"};
static const char *const CASES[] = {"PO-1", "PO-2", "PO-3"};
/* Every third ROUND has a case of its own: after ROUND_ACTS events the outcomes of its acts, at the end its closing. What was bound to
 * it is met in the rounds that follow. */
#define ROUND 64u
#define ROUND_ACTS 36u
static const char *const TASKS[] = {"T-1", "T-2", "T-3", "T-4"};
static const char *const CREDENTIALS[] = {"sha256:aa", "sha256:bb"};
static const char *const ACTIONS[] = {"read",
    "read",
    "read",
    "read",
    "read",
    "read",
    "bulk.list",
    "create",
    "submit",
    "submit",
    "confirm",
    "audit",
    "unknown"};
static const char *const AMOUNTS[] = {"\"5\"", "12.5", "\"49.999999\"", "75", "\"-1\"", "1e30"};
static const char *const DUTIES[] = {
    "[\"read\",\"submit\"]", "[\"create\",\"confirm\",\"nonsense\"]", "[]", "[\"read\"]"};

static const char *const LABELS[] = {"pii", "vip", "secret", "draft"};

static bool is_passing(const struct stream *stream)
{
    return stream->serial / ROUND % 3 == 0;
}

static const char *passing_case(const struct stream *stream)
{
    return rig_text("PO-R%u", stream->serial / ROUND);
}

static const char *any_case(struct stream *stream)
{
    return is_passing(stream) && chance(stream, 2) ? passing_case(stream) : PICK(stream, CASES);
}

/* What an act learnt elsewhere. */
static const char *sources(struct stream *stream)
{
    const char *labels = chance(stream, 5) ? rig_text(",\"labels\":[\"%s\",\"l%u\"]",
                                                 PICK(stream, LABELS),
                                                 test_random_below(&stream->random, 40))
                                           : "";
    uint32_t recent = stream->intents < 20 ? stream->intents + 1 : 20;
    const char *parents = chance(stream, 6)
                              ? rig_text(",\"parents\":[\"i%u\",\"i%u\"]",
                                    stream->intents - test_random_below(&stream->random, recent),
                                    test_random_below(&stream->random, recent))
                              : "";
    return rig_text("%s%s", labels, parents);
}

/* One part of a JSON object; now and then nothing. */
static const char *maybe(struct stream *stream, const char *name, const char *value)
{
    return chance(stream, 2) ? "" : rig_text(",\"%s\":\"%s\"", name, value);
}

static const char *act_data(struct stream *stream)
{
    const char *who = rig_text("%s%s%s%s",
        maybe(stream, "principal", PICK(stream, PRINCIPALS)),
        chance(stream, 4) ? rig_text(",\"delegation\":[\"%s\"]", PICK(stream, AGENTS)) : "",
        maybe(stream, "task", PICK(stream, TASKS)),
        maybe(stream, "credential", PICK(stream, CREDENTIALS)));
    const char *args = rig_text(",\"args\":{\"v\":\"%s\",\"k\":\"k%u\",\"c\":\"%u\",\"total\":%u}",
        PICK(stream, OBJECTS),
        test_random_below(&stream->random, 3),
        1 + test_random_below(&stream->random, 3),
        test_random_below(&stream->random, 9));
    const char *what = rig_text("%s%s%s%s",
        chance(stream, 8) ? "" : rig_text(",\"object\":\"%s\"", PICK(stream, OBJECTS)),
        chance(stream, 6) ? "" : rig_text(",\"case\":\"%s\"", any_case(stream)),
        chance(stream, 5) ? "" : rig_text(",\"amount\":%s", PICK(stream, AMOUNTS)),
        chance(stream, 8) ? ",\"currency\":\"USD\"" : ",\"currency\":\"EUR\"");
    const char *retry = chance(stream, 6) ? rig_text(",\"idempotency_key\":\"r%u\"",
                                                test_random_below(&stream->random, 20))
                                          : "";
    return rig_text("{\"tenant\":\"%s\",\"tool\":\"erp\",\"action\":\"%s\"%s%s%s%s%s}",
        chance(stream, 60) ? "bad tenant" : PICK(stream, TENANTS),
        PICK(stream, ACTIONS),
        who,
        chance(stream, 9) ? "" : args,
        what,
        retry,
        sources(stream));
}

static const struct sunder_event *act(struct stream *stream, struct rig *rig)
{
    bool observed = chance(stream, 8);
    uint32_t id = stream->intents;
    if (stream->intents != 0 && chance(stream, 12)) {
        id = test_random_below(&stream->random, stream->intents);
    } else {
        stream->intents += 1;
    }
    return rig_event(rig,
        observed ? "observed" : "intent",
        rig_text("i%u", id),
        PICK(stream, AGENTS),
        act_data(stream));
}

static const struct sunder_event *outcome(struct stream *stream, struct rig *rig, const char *id)
{
    static const char *const results[] = {"executed", "failed", "abandoned"};
    static const char *const sources[] = {"erp:system", "erp:system", "bot:1", "user:ana"};
    uint32_t recent = stream->intents < 30 ? stream->intents + 1 : 30;
    uint32_t intent = stream->intents - test_random_below(&stream->random, recent);
    const char *data =
        rig_text("{\"tenant\":\"acme\",\"intent\":\"i%u\",\"result\":\"%s\",\"case\":\"%s\"}",
            intent,
            PICK(stream, results),
            PICK(stream, CASES));
    return rig_event(rig, "outcome", id, PICK(stream, sources), data);
}

/* The end of a round. */
static const struct sunder_event *settle(struct stream *stream, struct rig *rig, const char *id)
{
    uint32_t step = stream->serial % ROUND;
    const char *name = passing_case(stream);
    if (step == ROUND - 1) {
        const char *closes =
            rig_text("{\"tenant\":\"acme\",\"case\":\"%s\",\"state\":\"closed\"}", name);
        return rig_event(rig, "case", id, "closer", closes);
    }
    uint32_t back = step - ROUND_ACTS;
    uint32_t intent = back < stream->intents ? stream->intents - back : 0;
    const char *done =
        rig_text("{\"tenant\":\"acme\",\"intent\":\"i%u\",\"result\":\"executed\",\"case\":\"%s\"}",
            intent,
            name);
    return rig_event(rig, "outcome", id, "erp:system", done);
}

static const struct sunder_event *task(struct stream *stream, struct rig *rig, const char *id)
{
    static const char *const states[] = {"opened", "opened", "updated", "renewed", "ended"};
    const char *fresh = rig_text("T-%u", 1 + test_random_below(&stream->random, 9));
    const char *data = rig_text("{\"tenant\":\"acme\",\"task\":\"%s\",\"state\":\"%s\"%s%s%s%s}",
        fresh,
        PICK(stream, states),
        maybe(stream, "principal", PICK(stream, PRINCIPALS)),
        chance(stream, 4) ? rig_text(",\"duties\":%s", PICK(stream, DUTIES)) : "",
        chance(stream, 6) ? ",\"agents\":[\"bot:1\",\"bot:2\"]" : "",
        chance(stream, 3) ? ",\"expires\":\"1970-01-01T00:17:30Z\"" : "");
    return rig_event(rig, "task", id, "orchestrator", data);
}

static const struct sunder_event *other(struct stream *stream, struct rig *rig, const char *id)
{
    const char *tenant = PICK(stream, TENANTS);
    switch (test_random_below(&stream->random, 4)) {
    case 0:
        return rig_event(rig,
            "delegation",
            id,
            "user:eve",
            rig_text("{\"tenant\":\"%s\",\"from\":\"%s\",\"to\":\"%s\"%s%s%s}",
                tenant,
                chance(stream, 2) ? PICK(stream, PRINCIPALS) : PICK(stream, AGENTS),
                PICK(stream, AGENTS),
                maybe(stream, "task", PICK(stream, TASKS)),
                chance(stream, 3) ? rig_text(",\"duties\":%s", PICK(stream, DUTIES)) : "",
                chance(stream, 4) ? ",\"revoked\":true" : ""));
    case 1:
        return rig_event(rig,
            "case",
            id,
            "closer",
            rig_text("{\"tenant\":\"%s\",\"%s\":\"%s\",\"state\":\"closed\"}",
                tenant,
                "object",
                PICK(stream, OBJECTS)));
    case 2:
        return rig_event(rig,
            chance(stream, 4) ? "approval" : "case",
            id,
            "closer",
            rig_text("{\"tenant\":\"%s\",\"case\":\"%s\",\"state\":\"closed\"}",
                tenant,
                chance(stream, 3) ? PICK(stream, CASES) : rig_text("PO-%u", 9 + stream->serial)));
    default:
        return rig_event(rig,
            "control",
            id,
            "sentry",
            rig_text("{\"tenant\":\"%s\",\"control\":\"%s\",\"subject\":\"%s\"}",
                tenant,
                chance(stream, 5) ? "quarantine" : "release",
                chance(stream, 2) ? "bot:5" : PICK(stream, CREDENTIALS)));
    }
}

const struct sunder_event *stream_next(struct stream *stream, struct rig *rig)
{
    static const int32_t steps[] = {0, 1, 10, 10, 100, 100, 300, -500};
    rig->now_ms += steps[test_random_below(&stream->random, 8)];
    const char *id = rig_text("e%u", stream->serial - (chance(stream, 20) ? 1 : 0));
    stream->serial += 1;
    if (is_passing(stream) && stream->serial % ROUND >= ROUND_ACTS) {
        return settle(stream, rig, id);
    }
    switch (test_random_below(&stream->random, 20)) {
    case 0:
    case 1:
    case 2:
    case 3:
        return outcome(stream, rig, id);
    case 4:
        return task(stream, rig, id);
    case 5:
        return other(stream, rig, id);
    default:
        return act(stream, rig);
    }
}
