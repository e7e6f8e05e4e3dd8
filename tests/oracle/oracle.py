#!/usr/bin/env python3
"""The second implementation of what a decision means: slow, plain, written from the rules and not from the engine.

usage: oracle.py --policy FILE [--in FILE|-] [--out FILE|-] [--partitions N] [--dead-letters FILE] [--limits FILE]

Reads CloudEvents as NDJSON and writes the records of the decisions topic without seq, prev, policy, engine, message."""
import argparse
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from event import COPIED, decode, placement, read
from history import CONFIRMED, LATE, RELEASED, RESERVED, Domain, Edge, Fact, Remembered, Task, Tenant
from labels import give
from meaning import Context, delegated, understand
from operators import ExprError, truth
from output import Place, action_digest, described, drop_empty, envelope, moved, reason, sha256_hex, tail, where
from policy import Policy
from rules import firings, judge_gate, leave_out_dear, present, reason_of, revocations, verdict_of
from values import Refused, home, is_identifier, read_limits

LIMITS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../engine/model/limits.h")
WITHOUT_ROOM = ("delegation", "objects", "cases", "duties", "rules")  # Fields of `limit_reached`: the act itself is too large.


class DeadLetter(Exception):
    def __init__(self, code, field=None):
        super().__init__(code)
        self.code, self.field = code, field


class Oracle:
    def __init__(self, policy, limits, partitions):
        self.policy, self.limits, self.partitions = policy, limits, partitions
        self.tenants, self.last = {}, {}
        self.records, self.dead_letters = [], []

    # ---- where a record is decided

    def feed(self, number, raw):
        """Decides one line; returns its records."""
        self.records = []
        try:
            value = read(raw, self.limits)
        except Refused as error:
            self._unread(error.code, self._position(0, number, 0, 0), raw)
            return self.records
        lies, offset, timestamp = placement(value)
        spot = (lies, number if offset is None else offset, timestamp)
        try:
            event = decode(value, self.policy, self.limits)
        except Refused as error:
            self._unread(error.code, self._position(lies, spot[1], timestamp, lies), raw)
            return self.records
        self._place(event, spot, raw)
        return self.records

    def _position(self, target, offset, timestamp, lies):
        last = self.last.get(target, -1)
        offset = max(last + 1, offset) if target == lies else last + 1
        self.last[target] = offset
        return Place(target, offset, timestamp)

    def _unread(self, code, place, raw):
        """A value that is no event: a dead letter only."""
        self._letter(place, code, None, raw)

    def _attribute(self, event, name):
        """A readable attribute of the domain, or None."""
        value = event.get(name)
        if name == "object" and value is None and event.get("objects"):
            value = event.get("objects")[0]
        return value if isinstance(value, str) and is_identifier(value) else None

    def _place(self, event, spot, raw):
        lies, offset, timestamp = spot
        tenant_name = self._attribute(event, "tenant")
        if tenant_name is not None and event.kind in COPIED and self.policy.finer:
            self._everywhere(event, self._tenant(tenant_name), spot, raw)
            return
        values = [self._attribute(event, name) for name in self.policy.domain]
        if tenant_name is None or None in values:
            self._homeless(event, tenant_name, self._position(lies, offset, timestamp, lies), raw)
            return
        domain_name = tenant_name if values == [tenant_name] else "|".join(values)
        tenant = self._tenant(tenant_name)
        if domain_name not in tenant.domains:
            tenant.domains[domain_name] = Domain(tenant, domain_name)
        domain = tenant.domains[domain_name]
        if event.kind in COPIED:
            tenant.move(timestamp)
        domain.move(timestamp)
        place = self._position(home(domain_name, self.partitions), offset, timestamp, lies)
        self._decide(event, tenant, domain, place, raw)

    def _tenant(self, name):
        if name not in self.tenants:
            self.tenants[name] = Tenant(name)
        return self.tenants[name]

    def _everywhere(self, event, tenant, spot, raw):
        """A copied kind under finer domains: every partition judges it from the same state and records the same."""
        lies, offset, timestamp = spot
        before = tenant.time
        tenant.move(timestamp)
        here = self._position(lies, offset, timestamp, lies)
        self._decide(event, tenant, None, here, raw)
        if any(record["data"].get("kind") == "dead_letter" for record in self.records):
            tenant.time, self.records = before, []  # What is refused is copied nowhere and moves no time.
            return
        places = [here] + [self._position(target, offset, timestamp, lies)
                           for target in range(self.partitions) if target != lies]
        self.records = [moved(record, place) for place in places for record in self.records]

    # ---- stages 1 to 3

    def _homeless(self, event, tenant_name, place, raw):
        """No readable tenant or domain: judged where it lies, at its own timestamp, without any state."""
        names, stage, problems = (tenant_name, None), 1, set(event.problems)
        if event.kind is None:
            self._bury(place, names, DeadLetter("kind_unsupported", "type"), event, raw)
            return
        if not problems:
            stage = 2
            if tenant_name is None:
                problems.add(("context_missing", "tenant"))
            if event.kind not in COPIED:
                code = "domain_missing" if event.kind in ("outcome", "case") else "context_missing"
                problems.update((code, one) for one in self.policy.domain
                                if one != "tenant" and self._attribute(event, one) is None)
        if event.kind == "intent":
            self._refuse(event, names, place, (stage, sorted(problems)), raw)
        else:
            self._bury(place, names, DeadLetter(*self._kind_first(event, min(problems))), event, raw)

    def _kind_first(self, event, problem):
        if event.kind == "control" and event.get("control") in ("tick", "activate"):
            return "kind_unsupported", "control"
        return problem

    def _refuse(self, event, names, place, why, raw, now=None):
        """A deny of stages 1 and 2, which is a dead letter as well."""
        stage, problems = why
        code, field = problems[0]
        self._letter(place, code, field, raw)
        digest = None if ("malformed", "data") in problems else action_digest(event)
        reasons = [reason(code, field) for code, field in problems]
        self._decision(event, names, place, place.timestamp if now is None else now,
                       {"verdict": "deny", "stage": stage, "reasons": reasons}, (None, digest))

    def _decide(self, event, tenant, domain, place, raw):
        now = domain.now if domain else tenant.time
        names = (tenant.name, domain.name if domain else tenant.name)
        if event.kind == "intent":
            if event.problems:
                self._refuse(event, names, place, (1, sorted(event.problems)), raw, now)
            else:
                self._intent(event, tenant, domain, place)
            return
        try:
            if event.kind is None:
                raise DeadLetter("kind_unsupported", "type")
            if event.problems:
                raise DeadLetter(*self._kind_first(event, min(event.problems)))
            getattr(self, "_" + event.kind)(event, tenant, domain, place)
        except DeadLetter as dead:
            self._bury(place, names, dead, event, raw, now)

    # ---- records

    def _emit(self, place, type_, data, index=0):
        self.records.append(envelope(place, index, type_, data))

    def _letter(self, place, code, field, raw):
        self.dead_letters.append({"source": place.source, **drop_empty([("code", code), ("field", field)]),
                                  "sha256": sha256_hex(raw)})

    def _bury(self, place, names, dead, event, raw, now=None):
        self._letter(place, dead.code, dead.field, raw)
        if now is None:
            return  # No domain's record: it changes no state, the dead letter is all.
        self._emit(place, "recorded", drop_empty(
            where(names[0], names[1]) + [
                ("kind", "dead_letter"), ("event", event.id if event else None),
                ("publisher", event.source if event else None), ("code", dead.code), ("field", dead.field)]) | tail(place, now))

    def _decision(self, event, names, place, now, ruling, meaning):
        act, digest = meaning
        data = drop_empty(where(names[0], names[1]) + [
            ("intent", event.id), ("verdict", ruling["verdict"]),
            ("duplicate", ruling.get("duplicate")), ("of", ruling.get("of")), ("scope", ruling.get("scope")),
            ("would_be", ruling.get("would_be")), ("stage", ruling.get("stage")),
            ("authority_open", True), ("reasons", ruling["reasons"]), ("shadow", ruling.get("shadow")),
            ("approvals", ruling.get("approvals")), ("findings", ruling.get("findings"))] + described(event, act, digest), keep=("intent", "reasons"))
        self._emit(place, "decision", data | tail(place, now))
        for index, (subject, why) in enumerate(ruling.get("revoked", []), 1):
            self._revocation(event, names, place, now, (index, subject, "rule", why))

    def _revocation(self, event, names, place, now, what):
        index, subject, cause, why = what
        data = drop_empty(where(names[0], names[1]) + [
            ("subject", subject), ("cause", cause), ("intent", event.id), ("reasons", [why])])
        self._emit(place, "revocation", data | tail(place, now), index)

    def _recorded(self, event, names, place, now, more, duplicate=False, findings=None):
        keep = ("duties",) if event.kind in ("task", "delegation") and event.get("duties") is not None else ()
        self._emit(place, "recorded", drop_empty(where(names[0], names[1]) + [
            ("kind", event.kind), ("event", event.id), ("publisher", event.source), ("duplicate", duplicate),
            ("findings", findings)] + more, keep=keep) | tail(place, now))

    # ---- intents: stages 4 to 8

    def _intent(self, event, tenant, domain, place):
        now, digest = domain.now, action_digest(event)
        names = (tenant.name, domain.name)
        copied = self._copy(event, domain, digest, now)
        if copied is not None:
            self._decision(event, names, place, now, copied, (None, digest))
            return
        act, derived = understand(event, tenant, domain, self.policy)
        leave_out_dear(self.policy.rules, act, event, self.limits)
        ruling = self._judge(event, act, derived, tenant, domain)
        self._watch(event, act, ruling, tenant)
        if ruling["verdict"] == "deny" and ruling.get("stage") in (5, 6):
            ruling["findings"] = self._without_room(act)  # No reason tells it, and it may be done all the same.
        known = Remembered(event, digest, act, now)
        known.verdict, known.decision_id = ruling["verdict"], place.id()
        known.cut = any(why["code"] == "limit_reached" and "rule" not in why and why.get("field") in WITHOUT_ROOM
                        for why in ruling["reasons"]) or {"code": "limit_reached"} in ruling.get("findings", [])
        domain.intents.setdefault(event.id, []).append(known)
        if known.key is not None:
            domain.keys.setdefault((known.agent, known.key), []).append(known)
        order = domain.next_order()
        if "stage" not in ruling:
            domain.attempts.add(Fact(event.id, act, now, order, "attempt"))
            ruling["findings"] = self._shared(act, domain)
        if ruling["verdict"] == "allow":
            known.fact = Fact(event.id, act, now, order, RESERVED)
            domain.facts.add(known.fact)
            if "would_be" in ruling:
                ruling["findings"] = self._without_room(act) + ruling.get("findings", [])
                self._squeeze(known.fact, tenant, domain)
            else:
                give(known.fact, tenant, domain, self.policy, False)
        self._decision(event, names, place, now, ruling, (act, digest))

    def _unfit(self, act):
        """An act that counts though its labels do not fit, or those of a source did not."""
        return self.policy.keeps_labels and (act.overflow or bool(act.marked))

    def _scope(self, event, act):
        """The strictest match; one that errors is enforced (S29)."""
        context, modes = Context(event, act), []
        for scope in self.policy.scopes:
            try:
                modes += [scope.mode] if truth(scope.match.value(context)) else []
            except ExprError:
                modes.append("enforce")
        return next((mode for mode in ("enforce", "shadow", "detect") if mode in modes), "enforce")

    def _watch(self, event, act, ruling, tenant):
        """Where a scope only watches, what would be denied is told and allowed; a quarantine stands, and so does what may hide one."""
        scope = self._scope(event, act)
        if scope != "enforce" and ruling["verdict"] != "allow" and not act.chain_full \
                and not any(name in tenant.quarantined for name in act.subject_names()):
            ruling.update(would_be=ruling["verdict"], scope=scope, verdict="allow", revoked=[], approvals=[])

    def _shared(self, act, domain):
        """The finding of S14, on the first act of an agent with a credential that others were seen with."""
        if act.credential is None:
            return []
        seen = domain.credentials.setdefault(act.credential, [])
        if act.agent in seen:
            return []
        others = sorted(seen[:self.limits["CREDENTIAL_AGENTS_MAX"]], key=str.encode)
        seen.append(act.agent)
        first = {name: min((fact for fact in domain.facts.by_subject.get(name, [])
                            if fact.act.agent == name and fact.act.credential == act.credential),
                           key=lambda fact: fact.order, default=None) for name in others}
        return [drop_empty([("code", "shared_credential"), ("subject", name),
                            ("intent", first[name].intent if first[name] else None)]) for name in others]

    def _live(self, known, now):
        return known if known is not None and now - known.t < self.policy.horizon else None

    def _copy(self, event, domain, digest, now):
        """Stage 4: a ruling when the id or the idempotency key is in use."""
        known, field = self._live(domain.intents.get(event.id, [None])[-1], now), "id"
        if known is None and event.get("idempotency_key") is not None:
            key = (event.get("agent"), event.get("idempotency_key"))
            known, field = self._live(domain.keys.get(key, [None])[-1], now), "idempotency_key"
        if known is None:
            return None
        if known.agent != event.get("agent") or known.digest != digest:
            return {"verdict": "deny", "stage": 4, "reasons": [reason("key_reuse", field)]}
        ruling = {"verdict": known.verdict, "duplicate": True, "of": known.decision_id, "reasons": []}
        if known.fact is not None and known.fact.state == RELEASED:
            ruling.update(verdict="deny", stage=4, reasons=[reason("intent_ended", "id")])
        return ruling

    def _judge(self, event, act, derived, tenant, domain):
        five = [("bad_identifier", name) for name in derived["bad"]] + ([] if act.duties else [("no_duty", None)])
        if five:
            return self._stop(5, five)
        self._gates(event, act, domain, late=False)
        shadow = self._shadow_missing(act)
        six = self._context(event, act, derived, tenant, domain)
        if six:
            return self._stop(6, six, shadow)
        seven = self._bounds(event, act, domain)
        if seven:
            return self._stop(7, seven, shadow)
        return self._rules(event, act, domain)

    def _gates(self, event, act, domain, late):
        """What gates miss; late ones read `history` and are judged in stage 8."""
        for rule in self.policy.rules:
            if rule.kind == "gate" and ("history" in rule.when.reads) == late:
                act.missing[rule.name] = {f"{rule.name}:{field}" for field in judge_gate(rule, act, event, domain).missing}

    def _stop(self, stage, problems, shadow=()):
        problems = sorted(set(problems), key=lambda one: (one[0].encode(), (one[1] or "").encode()))
        return {"verdict": "deny", "stage": stage, "reasons": [reason(code, field) for code, field in problems],
                "shadow": [why for _, why in shadow]}

    def _shadow_missing(self, act):
        """[(rule, reason)] of shadow rules that cannot be judged."""
        return [(rule.name, reason("context_missing", field, rule=rule.name, mode="shadow")
                 | ({"tags": rule.tags} if rule.tags else {}))
                for rule in self.policy.rules if rule.mode == "shadow"
                for field in sorted(act.missing.get(rule.name, ()), key=str.encode)]

    def _context(self, event, act, derived, tenant, domain):
        """Stage 6."""
        now, found = domain.now, []
        found += [("context_missing", name) for name in self.policy.required(act) if not present(name, act, event)]
        if self.policy.purposes is not None and event.get("purpose") not in self.policy.purposes:
            found.append(("context_missing" if event.get("purpose") is None else "no_purpose", "purpose"))
        found += [("not_entitled", pair) for pair in self._not_entitled(act)]
        found += [("parent_unknown", id_) for id_ in act.unknown_parents]
        found += [("context_missing", name) for name in derived["missing"]]
        for rule in self.policy.rules:
            if rule.mode == "enforce":
                found += [("context_missing", field) for field in act.missing.get(rule.name, ())]
        found += [("quarantined", name) for name in act.subject_names() if name in tenant.quarantined]
        if event.get("principal") is not None and event.get("principal") != act.principal:
            found.append(("principal_mismatch", "principal"))
        if not act.chain_full:  # Else nobody knows where the paths lead.
            found += [("outside_delegation", duty) for duty in act.duties if not delegated(act, duty, now)]
        named = set(derived["case"]) | ({event.get("case")} if event.get("case") is not None else set())
        found += [("case_closed", case) for case in named if case in domain.closed_cases]
        task = tenant.tasks.get(act.task)
        if task:
            found += self._task_problems(task, act, now)
        return found

    def _not_entitled(self, act):
        if self.policy.entitle is None:
            return []
        return [duty if object_ is None else f"{duty} {object_}" for duty in act.duties for object_ in act.objects or [None]
                if not any(one.covers((act.agent, act.principal), duty, object_) for one in self.policy.entitle)]

    def _task_problems(self, task, act, now):
        found = []
        if task.ended or (task.expires is not None and now >= task.expires):
            found.append(("task_ended", act.task))
        if task.agents is not None and act.agent not in task.agents:
            found.append(("outside_task", "agent"))
        if task.duties is not None:
            found += [("outside_task", duty) for duty in act.duties if duty not in task.duties]
        if task.case is not None:
            found += [("case_mismatch", case) for case in act.cases if case != task.case]
        return found

    def _bounds(self, event, act, domain):
        """Stage 7."""
        found = [("amount_range", name) for name in event.inexact]
        found += [("limit_reached", "delegation")] if act.chain_full else []
        found += [("limit_reached", name) for kind, name in self._keys(act) if (kind, name) in domain.full]
        found += [("limit_reached", field) for field in act.cut]
        found += [("limit_reached", "duties")] if len(act.duties) > self.limits["INTENT_DUTIES_MAX"] else []
        if act.overflow:
            found.append(("limit_reached", "labels"))
        if act.left_out or act.too_dear:
            found.append(("limit_reached", "rules"))
        found += [("limit_reached", name) for name in act.marked]
        for key in self._binding(act):
            if key in domain.overbound:
                found.append(("limit_reached", key[1]))
            elif len(domain.bound_cases(key) | set(act.cases)) > self.limits["KEY_CASES_MAX"]:
                found.append(("limit_reached", "cases"))
        for rule in self.policy.rules:
            if rule.mode == "enforce" and rule.name in act.negative:
                found.append(("amount_negative", "amount"))
            if rule.mode == "enforce" and rule.name in act.mismatched:
                found.append(("currency_mismatch", "currency"))
            if rule.mode == "enforce" and rule.name in act.out_of_range:
                found.append(("amount_range", "amount"))
        return found

    def _keys(self, act):
        task = [("task", act.task)] if act.task is not None else []
        return [("object", name) for name in act.objects] + [("case", name) for name in act.cases] + task

    def _too_large(self, act):
        """Whether an act that counts all the same does not fit as a whole."""
        return bool(act.chain_full or act.left_out or act.too_dear or act.cut or len(act.duties) > self.limits["INTENT_DUTIES_MAX"])

    def _without_room(self, act):
        """Findings about an act that counts though it does not fit (S31)."""
        labels = [{"code": "limit_reached", "field": "labels"}] if self.policy.keeps_labels and act.overflow else []
        return labels + ([{"code": "limit_reached"}] if self._too_large(act) else [])

    def _squeeze(self, fact, tenant, domain):
        """A fact that nobody could deny: what does not fit marks its keys and holders."""
        act = fact.act
        give(fact, tenant, domain, self.policy, self._unfit(act))
        self._overbind(act, domain)
        if self._too_large(act):
            domain.full.update(self._keys(act))

    def _binding(self, act):
        """The objects and the task that an act binds its cases to."""
        return [key for key in self._keys(act) if key[0] != "case"]

    def _rules(self, event, act, domain):
        """Stage 8."""
        self._gates(event, act, domain, late=True)
        late = [("context_missing", field) for rule in self.policy.rules if rule.mode == "enforce" and rule.kind == "gate"
                for field in act.missing[rule.name]]
        fired = []
        for rule in self.policy.rules:
            found = firings(rule, act, event, domain)
            if found and rule.then is not None:
                fired.append((rule, found))
        late = [reason(code, field) for code, field in sorted(late, key=lambda one: one[1].encode())]
        shadow = self._shadow_missing(act)
        enforced = [(rule, found) for rule, found in fired if rule.mode == "enforce"]
        verdict = verdict_of([rule.then for rule, _ in enforced] + ["deny"] * len(late))
        shadows = shadow + [(rule.name, reason_of(rule, found)) for rule, found in fired if rule.mode == "shadow"]
        approvals = []
        if verdict == "escalate":
            approvals = [{"rule": rule.name, "count": int(rule.approvals.get("count", 1)),
                          "from": rule.approvals.get("from", [])} for rule, _ in enforced if rule.then == "escalate"]
        return {"verdict": verdict, "reasons": late + [reason_of(rule, found) for rule, found in enforced],
                "shadow": [why for _, why in sorted(shadows, key=lambda one: one[0].encode())], "approvals": approvals,
                "revoked": revocations([(rule, found) for rule, found in enforced if rule.then == "revoke"], act.agent)}

    # ---- other kinds

    def _is_copy(self, event, state, now):
        key = (event.source, event.id)
        seen = state.copies.get(key)
        if seen is not None and now - seen < self.policy.horizon:
            return True
        return False

    def _note(self, event, state, now):
        state.copies[(event.source, event.id)] = now

    def _observed(self, event, tenant, domain, place):
        now, names = domain.now, (tenant.name, domain.name)
        digest = action_digest(event)
        if self._is_copy(event, domain, now):
            self._recorded(event, names, place, now, described(event, None, digest), duplicate=True)
            return
        act, derived = understand(event, tenant, domain, self.policy)
        leave_out_dear(self.policy.rules, act, event, self.limits)
        self._note(event, domain, now)
        self._gates(event, act, domain, late=False)
        findings = [{"code": "observed_incomplete", "field": field} for field in self._incomplete(act, derived)]
        findings += self._without_room(act)
        fired = [(rule, found) for rule in self.policy.rules if self._revokes(rule)
                 and (found := firings(rule, act, event, domain, intent=False))]
        findings += self._shared(act, domain)
        self._recorded(event, names, place, now, described(event, act, digest), findings=findings)
        watched = self._scope(event, act) != "enforce"
        for index, (subject, why) in enumerate([] if watched else revocations(fired, act.agent), 1):
            self._revocation(event, names, place, now, (index, subject, "rule", why))
        fact = Fact(event.id, act, now, domain.next_order(), CONFIRMED)
        domain.facts.add(fact)
        domain.observed[event.id] = fact
        self._squeeze(fact, tenant, domain)

    def _revokes(self, rule):
        """Whether a rule that fires for an observed act takes back what its subjects hold."""
        return rule.mode == "enforce" and (
            rule.then == "revoke" or rule.kind in ("separation", "sequence") and rule.then == "deny")

    def _incomplete(self, act, derived):
        """What an observed act lacks: catalogue objects and cases, keys and values of rules in force."""
        found = derived["missing"] | derived["bad"] | set(act.unknown_parents)
        for rule in self.policy.rules:
            if rule.mode == "enforce":
                found |= act.missing.get(rule.name, set())
                if rule.name in act.negative | act.unaddable:
                    found.add(f"{rule.name}:{rule.text}")
        return sorted(found, key=str.encode)

    def _overbind(self, act, domain):
        for key in self._binding(act):
            if len(domain.bound_cases(key)) > self.limits["KEY_CASES_MAX"]:
                domain.overbound.add(key)

    def _outcome(self, event, tenant, domain, place):
        now, names, result = domain.now, (tenant.name, domain.name), event.get("result")
        known = domain.intents.get(event.get("intent"), [None])[-1]  # However long ago: silence releases nothing.
        if known is not None and result != "executed" and event.source != known.agent \
                and event.source in known.act.subject_names():
            raise DeadLetter("not_authorised")
        more = [("intent", event.get("intent")), ("result", result)]
        if self._is_copy(event, domain, now):
            self._recorded(event, names, place, now, more + [("effect", "none")], duplicate=True)
            return
        if known is None:
            raise DeadLetter("intent_unknown")
        self._note(event, domain, now)
        effect, finding = self._outcome_effect(known, result, event.source == known.agent, (tenant, domain))
        self._recorded(event, names, place, now, more + [("effect", effect)],
                       findings=[{"code": finding, "intent": known.id}] if finding else None)

    def _outcome_effect(self, known, result, own, where_):
        fact, (tenant, domain) = known.fact, where_
        if result == "executed":
            if fact is None:
                known.fact = Fact(known.id, known.act, domain.now, domain.next_order(), CONFIRMED)
                domain.facts.add(known.fact)
                give(known.fact, tenant, domain, self.policy, self._unfit(known.act))
                self._overbind(known.act, domain)
                if known.cut:
                    domain.full.update(self._keys(known.act))
                return LATE, "executed_without_allow"
            before, fact.state = fact.state, CONFIRMED
            if before == RELEASED:
                fact.since = domain.next_order()
                self._overbind(known.act, domain)
                return "restored", "executed_after_release"
            return ("confirmed", None) if before == RESERVED else ("none", None)
        if own or fact is None:
            return "none", None
        if fact.state == CONFIRMED:
            return "none", "outcome_conflict"
        if fact.state == RESERVED:
            fact.state = RELEASED
            return "released", None
        return "none", None

    def _case(self, event, tenant, domain, place):
        now, names = domain.now, (tenant.name, domain.name)
        kind = "case" if event.get("case") is not None else "object"
        key = event.get(kind)
        facts = (domain.facts.by_case if kind == "case" else domain.facts.by_object).get(key, [])
        epoch = (domain.closed_objects if kind == "object" else domain.closed_cases).get(key, 0)
        if any(fact.counts and fact.order > epoch and event.source in fact.act.subject_names() for fact in facts):
            raise DeadLetter("not_authorised")
        more = [(kind, key)]
        if self._is_copy(event, domain, now):
            self._recorded(event, names, place, now, more, duplicate=True)
            return
        if kind == "case" and key in domain.closed_cases:
            raise DeadLetter("case_closed", key)
        if any(fact.state == RESERVED for fact in facts):
            raise DeadLetter("case_busy", key)
        self._note(event, domain, now)
        closed = domain.closed_cases if kind == "case" else domain.closed_objects
        closed[key] = domain.next_order()
        if (kind, key) in domain.overbound:
            domain.overbound.discard((kind, key))
            domain.unbound[(kind, key)] = closed[key]
        domain.full.discard((kind, key))
        self._recorded(event, names, place, now, more)

    def _copied(self, tenant, domain):
        """(state that remembers copies, now, names): the tenant's own when domains are finer."""
        if domain is None:
            return tenant, tenant.time, (tenant.name, tenant.name)
        return domain, domain.now, (tenant.name, domain.name)

    def _task(self, event, tenant, domain, place):
        state, now, names = self._copied(tenant, domain)
        name, word = event.get("task"), event.get("state")
        task = tenant.tasks.get(name)
        agents = set((task.agents if task else None) or []) | set(event.get("agents") or [])
        if event.source in agents:
            raise DeadLetter("not_authorised")
        more = [(one, event.get(one)) for one in
                ("task", "state", "principal", "purpose", "case", "duties", "agents", "expires")]
        if self._is_copy(event, state, now):
            self._recorded(event, names, place, now, more, duplicate=True)
            return
        if word == "opened":
            if task:
                raise DeadLetter("task_reused", "task")
            task = tenant.tasks[name] = Task()
        elif task is None:
            raise DeadLetter("task_unknown", "task")
        elif task.ended:
            raise DeadLetter("task_ended", "task")
        self._note(event, state, now)
        carried = ("expires",) if word == "renewed" else () if word == "ended" else (
            "principal", "purpose", "case", "duties", "agents", "expires")
        for one in carried:
            if event.get(one) is not None:
                setattr(task, one, event.get(one))
        task.ended = word == "ended"
        for each in tenant.domains.values() if task.ended else ():
            each.ended_tasks[name] = each.next_order()
        self._recorded(event, names, place, now, more)

    def _delegation(self, event, tenant, domain, place):
        state, now, names = self._copied(tenant, domain)
        more = [(one, event.get(one)) for one in ("from", "to", "duties", "task", "expires", "revoked")]
        if self._is_copy(event, state, now):
            self._recorded(event, names, place, now, more, duplicate=True)
            return
        key = (event.get("from"), event.get("to"), event.get("task"))
        edge = next((one for one in tenant.edges if (one.from_, one.to, one.task) == key), None)
        if edge is None:
            if event.get("revoked"):
                raise DeadLetter("delegation_unknown")
            if sum(1 for one in tenant.edges if one.to == key[1]) >= self.limits["EDGES_MAX"]:
                raise DeadLetter("limit_reached", "to")
            edge = Edge(*key)
            tenant.edges.append(edge)
        self._note(event, state, now)
        edge.duties, edge.expires, edge.revoked = event.get("duties"), event.get("expires"), bool(event.get("revoked"))
        self._recorded(event, names, place, now, more)

    def _control(self, event, tenant, domain, place):
        state, now, names = self._copied(tenant, domain)
        word, subject = event.get("control"), event.get("subject")
        if word in ("tick", "activate"):
            raise DeadLetter("kind_unsupported", "control")
        if event.source == subject:
            raise DeadLetter("not_authorised")
        more = [("control", word), ("subject", subject)]
        if self._is_copy(event, state, now):
            self._recorded(event, names, place, now, more, duplicate=True)
            return
        self._note(event, state, now)
        self._recorded(event, names, place, now, more)
        if word == "release":
            tenant.quarantined.discard(subject)
            return
        tenant.quarantined.add(subject)
        why = {"code": "quarantined", "effect": "revoke", "subject": subject}
        self._revocation(event, names, place, now, (1, subject, "quarantine", why))


def lines_of(raw):
    """[(number, bytes)]: blank lines have no number."""
    return list(enumerate(line for line in raw.split(b"\n") if line.strip()))


PARTITION = re.compile(rb'"sunderpartition"\s*:\s*([0-9]+)')


def partitions_of(lines, limits):
    highest = 0
    for _, line in lines:
        if any(int(number) > highest for number in PARTITION.findall(line)):
            try:
                highest = max(highest, placement(read(line, limits))[0])
            except Refused:
                continue
    return highest + 1


def replay(policy_text, raw, partitions=None, limits_path=LIMITS):
    """(records, dead letters) of a whole input."""
    limits = read_limits(limits_path)
    lines = lines_of(raw)
    oracle = Oracle(Policy(policy_text, limits), limits, partitions or partitions_of(lines, limits))
    records = []
    for number, line in lines:
        records.extend(oracle.feed(number, line))
    return records, oracle.dead_letters


def write_lines(path, items):
    text = "".join(json.dumps(item, ensure_ascii=False, separators=(",", ":")) + "\n" for item in items)
    if path == "-":
        sys.stdout.write(text)
    else:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policy", required=True)
    parser.add_argument("--in", dest="input", default="-")
    parser.add_argument("--out", default="-")
    parser.add_argument("--partitions", type=int)
    parser.add_argument("--dead-letters")
    parser.add_argument("--limits", default=LIMITS)
    options = parser.parse_args(argv)
    with open(options.policy, encoding="utf-8") as file:
        policy_text = file.read()
    if options.input == "-":
        raw = sys.stdin.buffer.read()
    else:
        with open(options.input, "rb") as file:
            raw = file.read()
    records, dead_letters = replay(policy_text, raw, options.partitions, options.limits)
    write_lines(options.out, records)
    if options.dead_letters:
        write_lines(options.dead_letters, dead_letters)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
