"""Judgement by the rules (S17 to S21, S43)."""
import itertools

from functions import History
from history import since
from meaning import Context, applies, extra_of, keys_of, serves, shared_elements
from operators import Absent
from output import drop_empty
from values import plain_micro

EFFECT_VERDICT = {"deny": "deny", "revoke": "deny", "escalate": "escalate"}


class Firing:
    """A rule that fired for one subject and key; `more` makes the rest of the reason when it is the first one."""

    def __init__(self, subject, key, more):
        self.subject, self.key, self.more = subject, key, more


def parties(rule, act):
    """[(name, role)] a rule looks at: subjects in S12 order, then the actor, then the task."""
    out = [(name, "any") for name, roles in act.subjects if roles & set(rule.by)]
    if "actor" in rule.by:
        out.append((act.agent, "actor"))
    if "task" in rule.by and act.task is not None:
        out.append((act.task, "task"))
    return out


def facts_of(party, domain):
    name, role = party
    return domain.facts.all if name is None else domain.facts.of_party(name, role)


def has_key(rule, fact, key):
    return key in keys_of(rule, fact.act)


def evidence(pairs):
    return [{"intent": fact.intent, "agent": fact.act.agent, "duty": duty, "time": fact.t} for fact, duty in pairs]


def history(rule, act, domain, party, key):
    """What `history` is for a subject and key under test: counting facts with duties, within the rule's window."""
    if party is None and rule.by == ["task"]:
        return Absent("task")
    if rule.per is not None and key is None:
        return Absent(rule.per)
    if party is None:
        return History([], domain.now)
    facts = since(facts_of(party, domain), domain.now, rule.within)
    return History([fact for fact in facts if fact.counts and fact.act.duties and has_key(rule, fact, key)], domain.now)


def separation(rule, act, domain, excused):
    here = shared_elements(rule, act)
    for party in parties(rule, act):
        facts = since(facts_of(party, domain), domain.now, rule.within)
        for key in keys_of(rule, act):
            closed = domain.closed_before(rule, key)
            first = {}
            for fact in facts:
                if fact.counts and fact.order > closed and has_key(rule, fact, key):
                    for element in shared_elements(rule, fact.act):
                        if element not in first or fact.order < first[element].order:
                            first[element] = fact
            if len(set(here) | set(first)) > rule.at_most and not excused(party, key):
                rest = sorted((element for element in first if element not in here), key=str.encode)
                yield Firing(party[0], key, {"evidence": evidence([(first[element], element) for element in rest])})


def requires(rule, act, domain, excused):
    for party in parties(rule, act) if rule.by else [(None, None)]:
        facts = facts_of(party, domain)
        for key in keys_of(rule, act):
            earlier = any(fact.counts and rule.needs in fact.act.duties and has_key(rule, fact, key) for fact in facts)
            if not earlier and not excused(party, key):
                yield Firing(party[0], key, {})


def limit(rule, act, domain, excused):
    attempts = domain.attempts if rule.attempts else domain.facts
    for name, role in parties(rule, act):
        facts = since(attempts.of_party(name, role), domain.now, rule.within)
        for key in keys_of(rule, act):
            counting = [fact for fact in facts if fact.counts and applies(rule, fact.act) and has_key(rule, fact, key)
                        and (rule.aggregate == "count" or rule.name in fact.act.measures)]
            value, text = aggregate(rule, act, counting)
            if value > rule.max and not excused((name, role), key):
                named = [(fact, next(duty for duty in fact.act.duties if rule.attempts or not rule.of
                                     or duty in rule.of)) for fact in counting[-16:]]
                yield Firing(name, key, {"count": len(counting), "value": text, "evidence": evidence(named)})


def aggregate(rule, act, counting):
    """(value in micro-units, its text) with the new act's own value."""
    if rule.aggregate == "sum":
        value = sum(fact.act.measures[rule.name] for fact in counting) + act.measures[rule.name]
        return value, plain_micro(value)
    if rule.aggregate == "count":
        number = len(counting) + 1
    else:
        number = len({fact.act.measures[rule.name] for fact in counting} | {act.measures[rule.name]})
    return number * 1_000_000, str(number)


# ---- sequences

def sequence(rule, act, domain, excused):
    for party in [(None, None)] if rule.information else parties(rule, act):
        for key in keys_of(rule, act):
            served = complete(rule, act, domain, party, key)
            if served is not None and not excused(party, key):
                found = [(fact, step) for fact, step in zip(served, rule.steps) if fact is not None]
                yield Firing(party[0], key, {"evidence": evidence(found)})


def candidates(rule, act, domain, party, step):
    """The facts that may serve a step, whatever their key and time."""
    if not rule.information:
        return facts_of(party, domain)
    if step.startswith("label:"):
        label = act.inherited.get(step[6:])
        return label.origins if label else []
    told = {fact.order for label in act.inherited.values() for fact in label.origins}
    return [fact for fact in domain.facts.all if fact.order in told or act.task is not None and fact.act.task == act.task]


def complete(rule, act, domain, party, key):
    """For each step the fact that serves it, None for the new act itself; or None when the sequence is not complete."""
    if rule.in_task and act.task is None:
        return None  # An observed act that lacks the task, as one that lacks a key.
    task, now = act.recorded_task, domain.now
    over = rule.in_task and task is not None and (task.ended or task.expires is not None and now >= task.expires)
    doing, fact, out = act, None, [None]
    more = not rule.steps[-1].startswith("label:")  # Who does a duty step may serve the label steps right before it.
    for step in reversed(rule.steps[:-1]):
        if not (more and step.startswith("label:") and step[6:] in doing.carries):
            earlier = [one for one in candidates(rule, act, domain, party, step)
                       if not over and one.counts and serves(one.act, step) and has_key(rule, one, key)
                       and (fact is None or one.order < fact.order) and (not rule.in_task or one.act.task == act.task)]
            if not earlier:
                return None
            fact = max(earlier, key=lambda one: one.order)
            doing, more = fact.act, not step.startswith("label:")
        out.insert(0, fact)
    if out[0] is not None and rule.within is not None and now - out[0].t >= rule.within:
        return None
    return out


JUDGES = {"separation": separation, "requires": requires, "limit": limit, "sequence": sequence}


# ---- gates and conditions

class Judged:
    """What a gate or condition came to: firings, and the absent fields that it names."""

    def __init__(self):
        self.fired, self.missing = [], []


def combinations(rule, act):
    """[(party, key, extra)] in the order subject, key, duty, object, case, phase; what there is none of is absent, once."""
    def some(name, items):
        return (items or [None]) if name in rule.reads else [None]
    subjects = some("history", parties(rule, act))
    keys = (keys_of(rule, act) or [None]) if rule.per is not None else [None]
    objects = [None] if rule.per == "object" else some("object", act.objects)
    cases = [None] if rule.per == "case" else some("case", act.cases)
    for party, key, duty, object_, case, phase in itertools.product(
            subjects, keys, some("duty", act.duties), objects, cases, some("phase", act.phases)):
        extra = {"duty": duty, "object": key if rule.per == "object" else object_,
                 "case": key if rule.per == "case" else case, "phase": phase, "tier": act.tier}
        yield party, key, extra


def fitting(rule, field, values):
    """The values of a field for which no operand of the outermost `&&` of `when` is false; an absent one is an error, not false."""
    return [value for value in values if value is None or all(fits(value) for name, fits in rule.when.guards if name == field)]


def single(context, field):
    try:
        return context.get(field)
    except Absent:
        return None


def pairs(rule, act):
    """How many pairs of subject and key a rule looks at that is neither gate nor condition (Readings, 18)."""
    if rule.kind in ("gate", "condition") or not applies(rule, act):
        return 0
    anybody = rule.kind == "requires" and not rule.by or rule.kind == "sequence" and rule.information
    return (1 if anybody else len(parties(rule, act))) * len(keys_of(rule, act))


def evaluations(rule, act, event, limits):
    """How many evaluations of its expressions a rule may take for an act (Readings, 18)."""
    gate = rule.kind in ("gate", "condition")
    expressions = gate + (rule.unless is not None) + len(rule.excepts)
    if not gate:
        return expressions * pairs(rule, act)
    if not act.duties:
        return 0
    lists = {"duty": act.duties[:limits["INTENT_DUTIES_MAX"] + 1], "object": act.objects,
             "case": act.cases, "phase": act.phases}
    context, number = Context(event, act, {"tier": act.tier}, act.labels), expressions
    if "history" in rule.reads:
        number *= len(parties(rule, act) or [None])
    keyed = {rule.per} & {"object", "case"}
    if rule.per is not None and not keyed:
        number *= len(keys_of(rule, act) or [None])
    for field in rule.reads | keyed:
        if field in lists:
            number *= len(fitting(rule, field, lists[field] or [None]))
    for field in {name for name, _ in rule.when.guards} - set(lists):
        number *= len(fitting(rule, field, [single(context, field)]))
    return number


def leave_out_dear(rules, act, event, limits):
    """Where judging would take too many evaluations, no rule with an expression is judged; where it would look at too many pairs,
    only gates and conditions are."""
    if sum(pairs(rule, act) for rule in rules) > limits["INTENT_PAIRS_MAX"]:
        act.too_dear = True
        act.unjudged |= {rule.name for rule in rules if rule.kind not in ("gate", "condition")}
    if sum(evaluations(rule, act, event, limits) for rule in rules) > limits["INTENT_EVALUATIONS_MAX"]:
        act.too_dear = True
        act.unjudged |= {rule.name for rule in rules if rule.unless or rule.excepts or rule.kind in ("gate", "condition")}


def judge_gate(rule, act, event, domain):
    out, seen = Judged(), set()
    if rule.name in act.left_out or rule.name in act.unjudged:
        return out
    for party, key, extra in combinations(rule, act) if act.duties else ():
        extra["history"] = history(rule, act, domain, party, key) if "history" in rule.reads else None
        fires, absent = rule.when.outcome(Context(event, act, extra, act.labels))
        if absent is not None and rule.kind == "gate":
            out.missing.append(absent)
        elif fires and (party, key) not in seen and not excuse(rule, act, event, domain.now, extra):
            seen.add((party, key))
            out.fired.append(Firing(party[0] if party else None, key, {}))
    if out.fired and rule.kind == "gate":
        out.missing += [name for name in rule.require if not present(name, act, event)]
    if out.missing:
        out.fired = []
    return out


def present(name, act, event):
    have = {"object": act.objects, "case": act.cases, "principal": act.attributed}
    return bool(have[name]) if name in have else event.get(name) is not None


def excuse(rule, act, event, now, extra):
    """`unless`, or an exception that still holds; only when true (S20)."""
    context = Context(event, act, extra, act.attested)
    return rule.unless is not None and rule.unless.is_true(context) \
        or any(now < one.until and one.when.is_true(context) for one in rule.excepts)


def firings(rule, act, event, domain, intent=True):
    """Every (subject, key) for which a rule fires."""
    if rule.name in act.left_out or rule.name in act.unjudged:
        return []
    if rule.kind in ("gate", "condition"):
        return judge_gate(rule, act, event, domain).fired
    if not applies(rule, act) or (intent and act.missing.get(rule.name)):
        return []
    if rule.kind == "limit" and rule.expr and rule.name not in act.measures:
        return []

    def excused(party, key):
        extra = extra_of(rule, act, key)
        extra["history"] = history(rule, act, domain, party, key) if "history" in rule.reads else None
        return excuse(rule, act, event, domain.now, extra)
    return list(JUDGES[rule.kind](rule, act, domain, excused))


def reason_of(rule, found):
    """One reason per rule: the first firing with its evidence, the others as `also`."""
    first = found[0]
    also = [drop_empty([("subject", one.subject), ("key", one.key)]) for one in found[1:]]
    more = first.more
    return drop_empty([
        ("rule", rule.name), ("code", rule.kind), ("effect", rule.then),
        ("mode", "shadow" if rule.mode == "shadow" else None), ("subject", first.subject), ("key", first.key),
        ("count", more.get("count")), ("value", more.get("value")), ("evidence", more.get("evidence")),
        ("also", also), ("tags", rule.tags)])


def revocations(fired, agent=None):
    """[(subject, reason)]: rules by name, subjects in order, a subject once with the firings that are its own; what a
    sequence along information has no subject for falls to `agent`."""
    out, seen = [], set()
    for rule, found in fired:
        for own in dict.fromkeys(one.subject for one in found):
            name = agent if own is None and rule.kind == "sequence" else own
            if name is not None and name not in seen:
                seen.add(name)
                out.append((name, reason_of(rule, [one for one in found if one.subject == own])))
    return out


def verdict_of(effects):
    verdicts = {EFFECT_VERDICT.get(effect) for effect in effects}
    return "deny" if "deny" in verdicts else "escalate" if "escalate" in verdicts else "allow"
