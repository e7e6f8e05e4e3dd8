/* Watching the group from outside, as its coordinator tells it.
 *
 * A partition changes hands in two rounds: its owner gives it up in the first and asks for the second, in which another gets it.
 * An owner that dies between them and comes back under its name within the session starts no round: the group is stable, and
 * nobody has the partition, for ever. So every member looks: when a stable group leaves a partition to nobody for a session, the
 * member with the fewest partitions leaves and joins again, which is a round. And a client that is not in the group, or does not
 * have what the group gave it, for several sessions is of no use: all clients are replaced. */
#include "consumers/bus_group_kafka.h"

#include <librdkafka/rdkafka.h>
#include <string.h>

#include "consumers/bus_kafka.h"
#include "consumers/clock.h"

#define LOOKS_PER_SESSION 2
#define ASTRAY_SESSIONS 3 /* A rebalance that goes well takes less than one. */

enum sight {
    SIGHT_WELL,
    SIGHT_UNSTABLE,
    SIGHT_INCOMPLETE, /* A partition has no owner, and it is this member that shall ask for a round. */
    SIGHT_ASTRAY      /* The group and this member do not agree on what it has. */
};

static void ask(struct sunder_bus *bus, struct bus_watch *watch)
{
    char text[160] = "";
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(bus->helper, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, BUS_CALL_MS, text, sizeof text);
    const char *group = bus->options.group;
    rd_kafka_DescribeConsumerGroups(bus->helper, &group, 1, options, watch->answers);
    rd_kafka_AdminOptions_destroy(options);
    watch->asked = true;
}

/* Whether the group gives this member what it owns. Without the lock. */
static bool agrees(struct sunder_bus *bus, const rd_kafka_topic_partition_list_t *given)
{
    uint32_t owned = 0;
    bool all = true;
    (void)pthread_mutex_lock(&bus->lock);
    for (uint32_t i = 0; i < bus->counts[SUNDER_BUS_INTENTS]; i++) {
        owned += bus->partitions[i].owned ? 1 : 0;
    }
    for (int i = 0; i < given->cnt; i++) {
        int32_t number = given->elems[i].partition;
        all = all && number >= 0 && (uint32_t)number < bus->counts[SUNDER_BUS_INTENTS] &&
              bus->partitions[number].owned;
    }
    (void)pthread_mutex_unlock(&bus->lock);
    return all && owned == (uint32_t)given->cnt;
}

static const rd_kafka_topic_partition_list_t *given_to(const rd_kafka_MemberDescription_t *member)
{
    return rd_kafka_MemberAssignment_partitions(rd_kafka_MemberDescription_assignment(member));
}

/* The one that gives up least; the ids break a tie in the same way for all who look. */
static bool gives_up_less(
    const rd_kafka_MemberDescription_t *one, const rd_kafka_MemberDescription_t *other)
{
    int fewer = given_to(one)->cnt - given_to(other)->cnt;
    return fewer < 0 || (fewer == 0 && strcmp(rd_kafka_MemberDescription_consumer_id(one),
                                           rd_kafka_MemberDescription_consumer_id(other)) < 0);
}

static enum sight look(struct sunder_bus *bus, const rd_kafka_ConsumerGroupDescription_t *group)
{
    if (rd_kafka_ConsumerGroupDescription_state(group) != RD_KAFKA_CONSUMER_GROUP_STATE_STABLE) {
        return SIGHT_UNSTABLE;
    }
    char *id = rd_kafka_memberid(bus->consumer);
    const rd_kafka_MemberDescription_t *self = NULL;
    const rd_kafka_MemberDescription_t *least = NULL;
    uint32_t given =
        0; /* No partition is given twice: members of one group agree on the assignment. */
    size_t count = rd_kafka_ConsumerGroupDescription_member_count(group);
    for (size_t i = 0; i < count; i++) {
        const rd_kafka_MemberDescription_t *member =
            rd_kafka_ConsumerGroupDescription_member(group, i);
        if (given_to(member) == NULL) {
            least = NULL;
            self = NULL;
            break;
        }
        given += (uint32_t)given_to(member)->cnt;
        self = id != NULL && strcmp(id, rd_kafka_MemberDescription_consumer_id(member)) == 0
                   ? member
                   : self;
        least = least == NULL || gives_up_less(member, least) ? member : least;
    }
    rd_kafka_mem_free(bus->consumer, id);
    if (self == NULL || !agrees(bus, given_to(self))) {
        return SIGHT_ASTRAY;
    }
    return given < bus->counts[SUNDER_BUS_INTENTS] && self == least ? SIGHT_INCOMPLETE : SIGHT_WELL;
}

static void act(struct sunder_bus *bus, struct bus_watch *watch, enum sight sight)
{
    int64_t now_ms = sunder_clock_ms();
    if ((int)sight != watch->sight) {
        watch->sight = (int)sight;
        watch->since_ms = now_ms;
    }
    int64_t lasted_ms = now_ms - watch->since_ms;
    if (sight == SIGHT_INCOMPLETE && lasted_ms >= bus->session_ms) {
        watch->since_ms = now_ms;
        sunder_log_write(bus->options.log,
            &(struct sunder_log_line){
                SUNDER_LOG_WARNING, SUNDER_LOG_NO_PARTITION, "group_incomplete", NULL},
            "the group is stable and gives a partition to nobody: leaving and joining again, for "
            "a new assignment");
        atomic_store_explicit(&bus->rejoin, BUS_REJOIN_LEAVE, memory_order_relaxed);
    }
    if (sight == SIGHT_ASTRAY && lasted_ms >= (int64_t)ASTRAY_SESSIONS * bus->session_ms) {
        bus_trouble(bus,
            SUNDER_ERR_IO,
            0,
            "the group does not give this node what it has, or does not know it, for %d sessions",
            ASTRAY_SESSIONS);
    }
}

void bus_watch_serve(struct sunder_bus *bus, struct bus_watch *watch)
{
    if (bus->options.unchecked_topics) {
        return;
    }
    int64_t now_ms = sunder_clock_ms();
    if (watch->answers == NULL) {
        watch->answers = rd_kafka_queue_new(bus->helper);
        watch->next_ms = now_ms + bus->session_ms;
    }
    if (!watch->asked) {
        if (now_ms >= watch->next_ms) {
            watch->next_ms = now_ms + bus->session_ms / LOOKS_PER_SESSION;
            ask(bus, watch);
        }
        return;
    }
    rd_kafka_event_t *event = rd_kafka_queue_poll(watch->answers, 0);
    if (event == NULL) {
        return;
    }
    watch->asked = false;
    const rd_kafka_DescribeConsumerGroups_result_t *result =
        rd_kafka_event_DescribeConsumerGroups_result(event);
    size_t count = 0;
    const rd_kafka_ConsumerGroupDescription_t **groups =
        result == NULL ? NULL : rd_kafka_DescribeConsumerGroups_result_groups(result, &count);
    /* Without an answer nothing is known: the coordinator may be away, or Describe not be permitted. */
    bool known = rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR && count == 1 &&
                 rd_kafka_error_code(rd_kafka_ConsumerGroupDescription_error(groups[0])) ==
                     RD_KAFKA_RESP_ERR_NO_ERROR;
    act(bus, watch, known ? look(bus, groups[0]) : SIGHT_UNSTABLE);
    rd_kafka_event_destroy(event);
}

void bus_watch_end(struct bus_watch *watch)
{
    if (watch->answers != NULL) {
        rd_kafka_queue_destroy(watch->answers);
        watch->answers = NULL;
    }
}
