"""What has happened: plain lists of facts that are scanned, never summarised."""

RESERVED, CONFIRMED, RELEASED, LATE = "reserved", "confirmed", "released", "late"


class Act:
    """What an intent or observed act means, fixed at its decision."""

    def __init__(self):
        self.agent = self.task = self.tier = self.currency = None
        self.subjects = []        # [(subject, set of roles)] in S12 order
        self.subjects_out = {}
        self.depth = 0
        self.principal = None
        self.duties, self.phases, self.objects, self.cases = [], [], [], []
        self.measures = {}        # limit -> number or text that counts
        self.measure_texts = {}   # limit -> what the record says; `sum: amount` is in the record already
        self.keys = {}            # rule -> key, for `per` expressions
        self.rule_keys = {}       # those of them that later acts ask for, or that the act is counted under
        self.cut = set()          # "objects", "cases": there are more than fit
        self.left_out = set()     # rules whose keys and values have no room: not judged, not counted by them
        self.unjudged, self.too_dear = set(), False  # rules whose expressions would have to be evaluated too often
        self.missing = {}         # rule -> field of context_missing
        self.amount = self.credential = None
        self.labels, self.carries, self.claimed, self.gains = [], [], [], []
        self.kept = []            # its labels and gains, as far as they fit
        self.inherited = {}       # label -> Label, from task, agent, credential and parents
        self.marked = []          # sources that hold more labels than fit
        self.unknown_parents = []

    def subject_names(self):
        return [name for name, _ in self.subjects]


class Fact:
    """An act in history. `order` is its place in the log, `since` where it began to count, or did so again; `t` the stream
    time there."""

    def __init__(self, intent, act, t, order, state):
        self.intent, self.act, self.t, self.order, self.state = intent, act, t, order, state
        self.since = order
        self.given, self.marked = {}, False  # Its labels and gains as they were stored with it: label -> Label

    @property
    def counts(self):
        return self.state != RELEASED


class Remembered:
    """A decided intent (S7)."""

    def __init__(self, event, digest, act, t):
        self.id, self.agent, self.key = event.id, event.get("agent"), event.get("idempotency_key")
        self.digest, self.act, self.t = digest, act, t
        self.verdict = self.decision_id = self.fact = None


class Facts:
    """A list, and the same list cut by subject, object, case and task so that scanning stays short."""

    def __init__(self):
        self.all, self.by_subject, self.by_object, self.by_case, self.by_task = [], {}, {}, {}, {}

    def add(self, fact):
        self.all.append(fact)
        for name in dict.fromkeys(fact.act.subject_names()):
            self.by_subject.setdefault(name, []).append(fact)
        for name in fact.act.objects:
            self.by_object.setdefault(name, []).append(fact)
        for name in fact.act.cases:
            self.by_case.setdefault(name, []).append(fact)
        if fact.act.task is not None:
            self.by_task.setdefault(fact.act.task, []).append(fact)

    def of_party(self, name, role):
        """The facts that count for a subject; for `actor` those it acted in, for `task` those of the task."""
        if role == "task":
            return self.by_task.get(name, [])
        mine = self.by_subject.get(name, [])
        return [fact for fact in mine if fact.act.agent == name] if role == "actor" else mine


class Task:
    def __init__(self):
        self.principal = self.purpose = self.case = self.duties = self.agents = self.expires = None
        self.ended = False


class Edge:
    def __init__(self, from_, to, task):
        self.from_, self.to, self.task = from_, to, task
        self.duties = self.expires = None
        self.revoked = False

    def live(self, now):
        return not self.revoked and (self.expires is None or now < self.expires)

    def allows(self, duty):
        return self.duties is None or duty in self.duties


class Tenant:
    """What copied kinds make: the same in every partition."""

    def __init__(self, name):
        self.name, self.time = name, None
        self.tasks, self.edges, self.quarantined = {}, [], set()
        self.copies = {}          # (source, id) -> time
        self.domains = {}

    def move(self, timestamp):
        self.time = timestamp if self.time is None else max(self.time, timestamp)


class Domain:
    def __init__(self, tenant, name):
        self.tenant, self.name, self.time = tenant, name, None
        self.facts, self.attempts = Facts(), Facts()
        self.intents = {}         # id -> [Remembered], latest last
        self.keys = {}            # (agent, idempotency key) -> [Remembered], latest last
        self.copies = {}
        self.closed_cases = {}    # case -> order of the closing record
        self.ended_tasks = {}     # task -> order of the record that ended it
        self.closed_objects = {}  # object -> order of the latest closing record
        self.overbound = set()    # keys with more open cases than fit
        self.unbound = {}         # key -> order of the closing that ended all its bindings
        self.full = set()         # keys of acts that count and did not fit
        self.holders = {}         # ("task" | "agent" | "credential", name) -> Holder
        self.observed = {}        # id -> the latest observed Fact
        self.credentials = {}     # credential -> agents seen with it, in order
        self.order = 0

    def move(self, timestamp):
        self.time = timestamp if self.time is None else max(self.time, timestamp)

    @property
    def now(self):
        return max(time for time in (self.time, self.tenant.time) if time is not None)

    def next_order(self):
        self.order += 1
        return self.order

    def bound_cases(self, key):
        """Open cases that counting facts bind to an object or task."""
        facts = (self.facts.by_object if key[0] == "object" else self.facts.by_task).get(key[1], [])
        since_ = self.unbound.get(key, 0)
        return {case for fact in facts if fact.counts and fact.since > since_ for case in fact.act.cases
                if case not in self.closed_cases}

    def lent_cases(self, key):
        """Those that an act gets by naming the key; of more than fit nobody knows which."""
        return set() if key in self.overbound else self.bound_cases(key)

    def closed_before(self, rule, key):
        """Facts at or before this place no longer count for a separation under the key (S36)."""
        if rule.per == "object":
            return self.closed_objects.get(key, 0)
        if rule.per == "case":
            return self.closed_cases.get(key, 0)
        return self.ended_tasks.get(key, 0) if rule.per == "task" else 0


def since(facts, now, within):
    """The facts with now - t < within; t never falls along the log."""
    if within is None:
        return facts
    first, end = 0, len(facts)
    while first < end:  # bisect has no `key` in the Python that PyPy offers.
        middle = (first + end) // 2
        if facts[middle].t <= now - within:
            first = middle + 1
        else:
            end = middle
    return facts[first:]
