#include "proto/wire_words.h"

#define WORD(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }
#define END                                                                                        \
    {                                                                                              \
        NULL, 0                                                                                    \
    }

const struct sunder_str SUNDER_WORDS_VERDICT[] = {
    WORD(""), WORD("allow"), WORD("escalate"), WORD("deny"), END};
const struct sunder_str SUNDER_WORDS_SCOPE[] = {
    WORD(""), WORD("detect"), WORD("shadow"), WORD("enforce"), END};
const struct sunder_str SUNDER_WORDS_EFFECT[] = {
    WORD("alert"), WORD("escalate"), WORD("deny"), WORD("revoke"), END};
const struct sunder_str SUNDER_WORDS_TIER[] = {
    WORD(""), WORD("low"), WORD("medium"), WORD("high"), END};
const struct sunder_str SUNDER_WORDS_PHASE[] = {
    WORD("observe"), WORD("recommend"), WORD("execute"), END};
const struct sunder_str SUNDER_WORDS_KIND[] = {WORD(""),
    WORD("observed"),
    WORD("outcome"),
    WORD("task"),
    WORD("delegation"),
    WORD("case"),
    WORD("control"),
    WORD("dead_letter"),
    END};
const struct sunder_str SUNDER_WORDS_RESULT[] = {
    WORD(""), WORD("executed"), WORD("failed"), WORD("abandoned"), END};
const struct sunder_str SUNDER_WORDS_OUTCOME_EFFECT[] = {
    WORD("none"), WORD("confirmed"), WORD("released"), WORD("restored"), WORD("late"), END};
const struct sunder_str SUNDER_WORDS_TASK_STATE[] = {
    WORD(""), WORD("opened"), WORD("updated"), WORD("renewed"), WORD("ended"), END};
const struct sunder_str SUNDER_WORDS_CHANGE[] = {
    WORD("approval"), WORD("wait"), WORD("amount"), WORD("party"), WORD("closed"), END};
const struct sunder_str SUNDER_WORDS_CONTROL[] = {
    WORD(""), WORD("quarantine"), WORD("release"), END};

_Static_assert(SUNDER_RECORD_OBSERVED == 1 && SUNDER_RECORD_DEAD_LETTER == 7, "order of the words");
_Static_assert(SUNDER_OUTCOME_EFFECT_LATE == 4 && SUNDER_TASK_ENDED == 4, "order of the words");
_Static_assert(SUNDER_EFFECT_REVOKE == 3 && SUNDER_VERDICT_DENY == 3, "order of the words");
_Static_assert(SUNDER_TIER_HIGH == 3 && SUNDER_OUTCOME_ABANDONED == 3, "order of the words");
_Static_assert(SUNDER_SCOPE_DETECT == 1 && SUNDER_SCOPE_ENFORCE == 3, "order of the words");
_Static_assert(SUNDER_CHANGE_APPROVAL == 0 && SUNDER_CHANGE_CLOSED == 4, "order of the words");
_Static_assert(SUNDER_CONTROL_RELEASE == 2 && SUNDER_PHASE_EXECUTE == 4, "order of the words");

struct sunder_str sunder_words_type(enum sunder_record_kind kind)
{
    if (kind == SUNDER_RECORD_DECISION) {
        return SUNDER_STR("dev.sunder.decision.v1");
    }
    if (kind == SUNDER_RECORD_REVOCATION) {
        return SUNDER_STR("dev.sunder.revocation.v1");
    }
    return SUNDER_STR("dev.sunder.recorded.v1");
}

int sunder_words_find(const struct sunder_str *words, struct sunder_str word)
{
    for (int i = 0; words[i].at != NULL; i++) {
        if (word.len != 0 && sunder_str_equal(words[i], word)) {
            return i;
        }
    }
    return -1;
}
