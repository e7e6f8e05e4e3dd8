/* What `sunder demo` is made of: a broker and an engine in this process, and what is embedded in the program.
 * Thread: the engine has one of its own; everything else belongs to the caller's. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "engine/policy/policy.h"
#include "ops/cli/cli.h"

/* Files of the source tree, ended by a zero byte that `len` does not count. */
extern const unsigned char sunder_demo_policy[]; /* ops/policies/purchase-to-pay/policy.yaml */
extern const size_t sunder_demo_policy_len;
extern const unsigned char sunder_demo_scenario[]; /* ops/demo/finance.ndjson */
extern const size_t sunder_demo_scenario_len;
extern const unsigned char sunder_schema_policy[]; /* ops/policies/policy.schema.json */
extern const size_t sunder_schema_policy_len;
extern const unsigned char sunder_schema_test[]; /* ops/policies/test.schema.json */
extern const size_t sunder_schema_test_len;
extern const unsigned char sunder_schema_event[]; /* ops/policies/event.schema.json */
extern const size_t sunder_schema_event_len;

struct sunder_demo_cluster;

/* Starts the broker, with the topics sunder.intents, sunder.decisions, sunder.revocations and
 * sunder.dead-letters (4 partitions each), and an engine that judges by the policy, which is borrowed and outlives it. */
enum sunder_exit sunder_demo_cluster_start(
    const struct sunder_policy *policy, struct sunder_demo_cluster **ret_cluster);

/* host:port for any client of this machine; lives as long as the cluster. */
const char *sunder_demo_cluster_brokers(const struct sunder_demo_cluster *cluster);

/* Why the engine has ended, NULL as long as it runs. Thread: any. */
const char *sunder_demo_cluster_failure(struct sunder_demo_cluster *cluster);

/* Ends the engine and the broker; everything in them is gone. */
void sunder_demo_cluster_stop(struct sunder_demo_cluster **cluster);
