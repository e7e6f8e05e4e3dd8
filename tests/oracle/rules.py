"""Judgement by the rules (S17, S43, S19, S21)."""
from history import since
from meaning import Context, applies, extra_of, keys_of, shared_elements
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


def has_key(rule, fact, key):
    return key in keys_of(rule, fact.act)


def evidence(pairs):
    return [{"intent": fact.intent, "agent": fact.act.agent, "duty": duty, "time": fact.t} for fact, duty in pairs]


def separation(rule, act, domain, excused):
    here = shared_elements(rule, act)
    for name, role in parties(rule, act):
        facts = since(domain.facts.of_party(name, role), domain.now, rule.within)
        for key in keys_of(rule, act):
            closed = domain.closed_before(rule, key)
            first = {}
            for fact in facts:
                if fact.counts and fact.order > closed and has_key(rule, fact, key):
                    for element in shared_elements(rule, fact.act):
                        if element not in first or fact.order < first[element].order:
                            first[element] = fact
            if len(set(here) | set(first)) > rule.at_most and not excused(key):
                rest = sorted((element for element in first if element not in here), key=lambda e: e.encode())
                yield Firing(name, key, {"evidence": evidence([(first[element], element) for element in rest])})


def requires(rule, act, domain, excused):
    for name, role in parties(rule, act) if rule.by else [(None, None)]:
        facts = domain.facts.all if name is None else domain.facts.of_party(name, role)
        for key in keys_of(rule, act):
            earlier = any(fact.counts and rule.needs in fact.act.duties and has_key(rule, fact, key) for fact in facts)
            if not earlier and not excused(key):
                yield Firing(name, key, {})


def limit(rule, act, domain, excused):
    history = domain.attempts if rule.attempts else domain.facts
    for name, role in parties(rule, act):
        facts = since(history.of_party(name, role), domain.now, rule.within)
        for key in keys_of(rule, act):
            counting = [fact for fact in facts if fact.counts and applies(rule, fact.act) and has_key(rule, fact, key)
                        and (rule.aggregate == "count" or rule.name in fact.act.measures)]
            value, text = aggregate(rule, act, counting)
            if value > rule.max and not excused(key):
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


JUDGES = {"separation": separation, "requires": requires, "limit": limit}


def firings(rule, act, event, domain, intent=True):
    """Every (subject, key) for which a rule fires."""
    if not applies(rule, act) or (intent and act.missing.get(rule.name)):
        return []
    if rule.kind == "limit" and rule.expr and rule.name not in act.measures:
        return []

    def excused(key):
        if rule.unless is None:
            return False
        return rule.unless.is_true(Context(event, act, extra_of(rule, act, key), labels=False))
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


def revocations(fired):
    """[(subject, reason)]: rules by name, subjects in order, a subject once with the firings that are its own."""
    out, seen = [], set()
    for rule, found in fired:
        for name in dict.fromkeys(one.subject for one in found):
            if name is not None and name not in seen:
                seen.add(name)
                out.append((name, reason_of(rule, [one for one in found if one.subject == name])))
    return out


def verdict_of(effects):
    verdicts = {EFFECT_VERDICT.get(effect) for effect in effects}
    return "deny" if "deny" in verdicts else "escalate" if "escalate" in verdicts else "allow"
