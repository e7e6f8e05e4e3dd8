"""From an event to what it means: chain, principal, duties, objects, cases, keys, measures (S12, S13, S39, S41)."""
import re

from history import Act
from labels import put_labels
from operators import INEXACT, INT64_MAX, INT64_MIN, MICRO, Absent, Dec, ExprError, Timestamp, is_number, micro_of, text_of
from output import by_bytes, claimed_objects, subjects as subjects_out
from policy import PHASES, TIERS
from values import NotDecimal, Num, TooLong, is_identifier, parse_decimal, plain_micro, to_micro

KEY_BYTES_MAX = 256  # A key or a distinct value made by an expression.


def argument(value):
    """A value inside args, as a condition sees it: a member that is null is absent."""
    if isinstance(value, Num):
        try:
            micro = to_micro(parse_decimal(value.text))
        except (NotDecimal, TooLong):
            micro = None
        if re.fullmatch("-?[0-9]+", value.text) and INT64_MIN <= int(value.text) <= INT64_MAX:
            return int(value.text)
        return INEXACT if micro is None else Dec(micro)
    if isinstance(value, dict):
        return {name: argument(item) for name, item in value.items() if item is not None}
    return [argument(item) for item in value] if isinstance(value, list) else value


class Context:
    """What a condition may read. `extra` holds what a rule runs over: object, case, duty, phase, tier, and history."""

    TEXTS = ("agent", "task", "purpose", "tool", "action", "currency", "credential", "case")

    def __init__(self, event, act, extra=None, labels=None):
        self.event, self.act, self.extra, self.labels = event, act, extra or {}, labels

    def get(self, name):
        value = self._find(name)
        if isinstance(value, Absent):
            raise value
        if value is None:
            raise Absent(name)
        return value

    def has(self, name):
        return self._find(name) is not None

    def _find(self, name):
        if name in self.extra:
            return self.extra[name]
        if name in self.TEXTS:
            return self.event.get(name)
        if name in ("amount", "confidence"):
            micro = self.event.get(name + "_micro")
            return None if micro is None else Dec(micro)
        if name == "args":
            if self.event.arguments is None and self.event.get("args") is not None:
                self.event.arguments = argument(self.event.get("args"))
            return self.event.arguments
        if name == "labels":
            return (self.event.get("labels") or []) if self.labels is None else self.labels
        if name == "object":
            return next(iter(claimed_objects(self.event)), None)
        if name.startswith("task."):
            return getattr(self.act.recorded_task, name[5:], None)
        if name == "now":
            return Timestamp(self.act.now * 10 ** 6)
        return getattr(self.act, name)  # tenant, principal, delegation, depth, duties


def edges_for(tenant, task):
    """Recorded edges of the intent's chain, live or not, but for those of an ended task."""
    def ended(edge):
        return edge.task in tenant.tasks and tenant.tasks[edge.task].ended
    return [edge for edge in tenant.edges
            if (task is None or edge.task is None or edge.task == task) and not ended(edge)]


def chain_of(agent, edges, claimed):
    """([agent, members reached by recorded edges], [then claimed ones])."""
    seen, reached, level = {agent}, [], [agent]
    while level:
        level = [name for name in by_bytes(edge.from_ for edge in edges if edge.to in level) if name not in seen]
        seen.update(level)
        reached.extend(level)
    rest = [name for name in dict.fromkeys(claimed) if name not in seen]
    return reached, rest


def put_subjects(act, event, tenant, most):
    """`most`: delegators of an act (CHAIN_MAX); a longer chain is cut where it passes that, in its own order."""
    edges = edges_for(tenant, act.task)
    reached, claimed = chain_of(act.agent, edges, event.get("delegation") or [])
    act.chain_full, reached = len(reached) > most + 1, reached[:most + 1]
    with_incoming = {edge.to for edge in edges}
    task = tenant.tasks.get(act.task)
    said = event.get("principal")
    root = next((name for name in reached if name not in with_incoming), None)
    if task and task.principal is not None:
        principal = task.principal
    elif said is not None and said.startswith("user:"):
        principal = said
    else:
        principal = root if root is not None else said
    act.attributed = principal is not None
    act.principal = principal if act.attributed else "unattributed"
    delegators = [name for name in reached + claimed if name not in (act.agent, act.principal)]
    act.chain_full, delegators = act.chain_full or len(delegators) > most, delegators[:most]
    act.depth, act.delegation = len(delegators), delegators
    credential = event.get("credential")
    roles = {}
    for name, role in [(act.agent, "agent")] + [(name, "delegator") for name in delegators] + [
            (act.principal, "principal"), (credential, "credential")]:
        if name is not None:
            roles.setdefault(name, set()).add(role)
    act.subjects = list(roles.items())
    act.subjects_out = subjects_out(act.agent, delegators, act.principal, credential)
    act.edges, act.reached = edges, {act.agent, *reached}


def delegated(act, duty, now):
    """One path from the principal, or from a member without a recorded incoming edge, all live and allowing."""
    with_incoming = {edge.to for edge in act.edges}
    level, seen = [act.agent], {act.agent}
    while level:
        if any(name == act.principal or name not in with_incoming for name in level):
            return True
        level = [edge.from_ for edge in act.edges if edge.to in level and edge.live(now) and edge.allows(duty)
                 and edge.from_ in act.reached and edge.from_ not in seen]
        seen.update(level)
    return False


def put_duties(act, event, policy):
    """The matching entries of the catalogue; duties, phases and tier, with those of what the duties cause (S23)."""
    context = Context(event, act)
    entries = [entry for entry in policy.catalogue if entry.names(event.get("tool"), event.get("action"))
               and (entry.when is None or entry.when.true_or_error(context))]
    caused = policy.effects({entry.duty for entry in entries})
    act.duties = by_bytes({entry.duty for entry in entries} | caused)
    telling = entries + [entry for entry in policy.catalogue if entry.duty in caused]
    act.phases = [phase for phase in PHASES if any(entry.phase == phase for entry in telling)]
    tiers = [entry.tier for entry in telling if entry.tier]
    if entries and not act.attributed:
        tiers.append("high")
    act.tier = max(tiers, key=TIERS.index) if tiers else None
    return entries


def derive(expression, context, name, found):
    """Adds a catalogue object or case, or its problem, to `found`."""
    try:
        value = expression.value(context)
        if not isinstance(value, str):
            raise ExprError("not a string")
    except ExprError:
        found["missing"].add(name)
        return
    if is_identifier(value):
        found[name].add(value)
    else:
        found["bad"].add(name)


def fitting(act, field, names, most, more=frozenset()):
    """The first in byte order that fit, then as many of `more`."""
    more = by_bytes(more - names)
    if len(names) + len(more) > most:
        act.cut.add(field)
    return by_bytes((by_bytes(names) + more)[:most])


def put_keys(act, event, domain, policy, entries):
    """Objects and cases (S39). Returns {"missing": names, "bad": names, "case": derived cases}."""
    context = Context(event, act)
    found = {"object": set(claimed_objects(event)), "case": set(), "missing": set(), "bad": set()}
    for entry in entries:
        if entry.object:
            derive(entry.object, context, "object", found)
        if entry.case:
            derive(entry.case, context, "case", found)
    act.objects = fitting(act, "objects", found["object"], policy.limits["INTENT_OBJECTS_MAX"])
    cases, lent = set(found["case"]), set()
    with_expression = {entry.duty for entry in entries if entry.case}
    plain_entries = [entry for entry in entries if entry.duty not in with_expression]
    act.follows_objects = any(not entry.shared for entry in plain_entries)
    if plain_entries or not entries:
        if event.get("case") is not None:
            cases.add(event.get("case"))
    if plain_entries:
        if act.follows_objects:
            for name in act.objects:
                lent |= domain.lent_cases(("object", name))
        if act.task is not None:
            lent |= domain.lent_cases(("task", act.task))
    act.cases = fitting(act, "cases", cases, policy.limits["INTENT_CASES_MAX"], lent)
    return found


def applies(rule, act):
    """Whether a rule applies by duty."""
    if rule.kind == "separation":
        return bool(shared_elements(rule, act))
    if rule.kind == "requires":
        return rule.before in act.duties
    if rule.kind == "sequence":
        return serves(act, rule.steps[-1])
    return bool(act.duties) and (rule.of is None or any(duty in rule.of for duty in act.duties))


def serves(act, step):
    """Whether an act does a step itself: its duty, or a label that it carries or gains."""
    return step[6:] in act.carries or step[6:] in act.gains if step.startswith("label:") else step in act.duties


def keyed(rule, act):
    """Whether an act counts for a rule, so that its key is told: a step of it, or asked for in its history."""
    if any(duty in rule.asks or "*" in rule.asks for duty in act.duties):
        return True
    if rule.kind in ("gate", "condition"):
        return False
    if rule.kind == "requires":
        return rule.needs in act.duties or rule.before in act.duties
    if rule.kind == "sequence":
        return any(serves(act, step) for step in rule.steps)
    return applies(rule, act)


def shared_elements(rule, act):
    return [name for name in (act.phases if rule.phases else act.duties) if name in rule.over]


def extra_of(rule, act, key=None):
    """object, case, duty, phase, tier as a rule's expressions see them."""
    if rule.kind == "separation":
        named = [] if rule.phases else shared_elements(rule, act)
    elif rule.kind == "requires":
        named = [rule.before] if rule.before in act.duties else []
    elif rule.kind == "sequence":
        named = [duty for duty in act.duties if duty == rule.steps[-1] or rule.steps[-1].startswith("label:")]
    else:
        of = getattr(rule, "of", None)
        named = [duty for duty in act.duties if of is None or duty in of]
    extra = {"duty": named[0] if named else None, "tier": act.tier,
             "phase": min(act.phases, key=PHASES.index) if act.phases else None}
    if key is not None and rule.per in ("object", "case"):
        extra[rule.per] = key
    return extra


def put_rule_values(act, event, policy):
    """rule_keys, measures, and what is missing for rules that apply."""
    for rule in policy.rules:
        gate = rule.kind in ("gate", "condition")
        if not (keyed(rule, act) or gate and act.duties):
            continue
        context = Context(event, act, extra_of(rule, act), act.labels)
        if rule.per_expr:
            try:
                value = rule.per_expr.value(context)
                if isinstance(value, str) and 1 <= len(value.encode("utf-8")) <= KEY_BYTES_MAX:
                    act.keys[rule.name] = value
                    if keyed(rule, act):
                        act.rule_keys[rule.name] = value
            except ExprError:
                pass
        if gate or not applies(rule, act):
            continue
        missing = act.missing.setdefault(rule.name, set())
        if rule.per is not None and not keys_of(rule, act):
            missing.add(f"{rule.name}:{rule.per}")
        if (rule.by == ["task"] or rule.in_task) and act.task is None:
            missing.add(f"{rule.name}:task")
        if rule.kind == "limit" and rule.expr:
            put_measure(rule, act, event, context, policy)


def put_measure(rule, act, event, context, policy):
    missing = act.missing[rule.name]
    if rule.aggregate == "sum" and rule.text == "amount" and "amount" in event.inexact:
        act.unaddable.add(rule.name)
        put_currency(rule, act, event, policy)
        return
    try:
        value = rule.expr.value(context)
        if rule.aggregate == "distinct":
            text = text_of(value)
            if not 1 <= len(text.encode("utf-8")) <= KEY_BYTES_MAX:
                raise ExprError("nothing to tell apart, or too long")
            act.measures[rule.name] = act.measure_texts[rule.name] = text
            return
        if not is_number(value):
            raise ExprError("not a number")
    except ExprError:
        missing.add(f"{rule.name}:{'distinct' if rule.aggregate == 'distinct' else rule.text}")
        return
    micro = micro_of(value)
    if micro < 0:
        act.negative.add(rule.name)
    rate = put_currency(rule, act, event, policy)
    if rate is not None:
        micro, negative = -(-abs(micro) * rate // MICRO), micro < 0  # Away from zero: never under-counted.
        micro = -micro if negative else micro
    if not INT64_MIN <= micro <= INT64_MAX:
        act.unaddable.add(rule.name)
        act.out_of_range.add(rule.name)
        return
    if rate is not None or rule.text != "amount" and rule.rates is None:
        act.measure_texts[rule.name] = plain_micro(micro)
    if rule.name not in act.negative and rule.name not in act.mismatched:
        act.measures[rule.name] = micro


def put_currency(rule, act, event, policy):
    """The rate in micro-units, where the rule has rates and they know the currency."""
    currency = event.get("currency")
    if rule.rates is None:
        if rule.currency is not None and currency != rule.currency:
            act.mismatched.add(rule.name)
        return None
    table = policy.rates[rule.rates]
    if currency is None or currency != table["to"] and (currency == "to" or currency not in table):
        act.mismatched.add(rule.name)
        return None
    return MICRO if currency == table["to"] else to_micro(parse_decimal(table[currency]))


def keys_of(rule, act):
    """The keys under which a rule sees an act; [None] when the rule has no key."""
    if rule.per is None:
        return [None]
    if rule.per == "object":
        return act.objects
    if rule.per == "case":
        return act.cases
    if rule.per == "task":
        return [act.task] if act.task is not None else []
    if rule.per == "tenant":
        return [act.tenant]
    return [act.keys[rule.name]] if rule.name in act.keys else []


def understand(event, tenant, domain, policy):
    """(Act, derived)."""
    act = Act()
    act.now, act.recorded_task = domain.now, tenant.tasks.get(event.get("task"))
    act.amount, act.credential = event.get("amount_micro"), event.get("credential")
    act.tenant, act.agent, act.task = tenant.name, event.get("agent"), event.get("task")
    act.currency = event.get("currency")
    act.negative, act.mismatched, act.unaddable, act.out_of_range = set(), set(), set(), set()
    put_subjects(act, event, tenant, policy.limits["CHAIN_MAX"])
    entries = put_duties(act, event, policy)
    put_labels(act, event, (tenant, domain), policy, entries)
    derived = put_keys(act, event, domain, policy, entries)
    put_rule_values(act, event, policy)
    leave_out(act, policy)
    return act, derived


def leave_out(act, policy):
    """Only so much of keys and values of rules is kept, rule by rule in byte order of their names (Readings, 15)."""
    used = 0
    for name in sorted(set(act.rule_keys) | set(act.measure_texts) | {rule.name for rule in policy.rules},
                       key=str.encode):
        used += sum(4 + len(kept[name].encode()) for kept in (act.rule_keys, act.measure_texts) if name in kept)
        if used > policy.limits["INTENT_RULE_TEXTS_MAX"]:
            act.left_out.add(name)
            act.rule_keys.pop(name, None)
            act.keys.pop(name, None)
            if act.measure_texts.pop(name, None) is not None:
                act.measures.pop(name, None)
