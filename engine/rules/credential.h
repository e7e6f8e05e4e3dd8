/* Who was seen with a credential (S14): an agent by an intent that reached the rules, or by an observed act. One credential in the
 * hands of several agents hides who acts, so each new agent is told with the others.
 *
 *   row of a credential   | count | agents in the order they were seen: text, first fact's intent |
 *
 * Agents beyond SUNDER_CREDENTIAL_AGENTS_MAX, and those with a fact that were not seen yet, have a row each.
 * Pure; the view's thread. */
#pragma once

#include "engine/rules/judge.h"

/* A use of a credential by an agent. credential, agent: ids of names, 0: nobody has that name yet. */
struct sunder_use {
    uint32_t domain;
    uint32_t credential;
    uint32_t agent;
    struct sunder_str agent_text;
};

/* The findings of an act that is seen, by subject; none when its agent was seen with the credential before, or is the first. */
SUNDER_MUST_USE enum sunder_err sunder_credential_findings(const struct sunder_state *state,
    const struct sunder_use *use, const struct sunder_finding **ret_findings, uint32_t *ret_count);

/* Remembers that the agent was seen; fact: the intent, when it is a fact. Fold only. */
SUNDER_MUST_USE enum sunder_err sunder_credential_note(
    const struct sunder_state *state, const struct sunder_use *use, bool seen, struct sunder_str fact);
