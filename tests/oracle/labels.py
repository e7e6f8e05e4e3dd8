"""Labels flow with information: who holds them, where they came from (S16, S24)."""
from output import by_bytes


class Label:
    """`origins`: facts that carried or gained it themselves; `attested`: the catalogue gave it to somebody on the way."""

    def __init__(self, origins=(), attested=False):
        self.origins, self.attested = list(origins), attested


class Holder:
    def __init__(self):
        self.labels, self.marked = {}, False


def merged(into, name, label, most):
    """Adds a label to a dict of them; of the origins the latest stay."""
    if name not in into:
        into[name] = Label()
    mine = into[name]
    if mine.origins != label.origins:
        origins = {fact.order: fact for fact in mine.origins + label.origins}
        mine.origins = [origins[order] for order in sorted(origins)][-most:]
    mine.attested = mine.attested or label.attested


def holders_of(act, tenant, domain):
    """[(id, Holder)] of task, agent and credential; a task that has ended holds nothing."""
    task = tenant.tasks.get(act.task)
    names = [("task", act.task if not (task and task.ended) else None), ("agent", act.agent), ("credential", act.credential)]
    return [(name, domain.holders.setdefault((kind, name), Holder())) for kind, name in names if name is not None]


def parent_of(id_, domain):
    """The fact that a parent names, or None."""
    known = domain.intents.get(id_, [None])[-1]
    return known.fact if known is not None and known.fact is not None else domain.observed.get(id_)


def put_labels(act, event, place, policy, entries):
    tenant, domain = place
    catalogued = {label for entry in entries for label in entry.labels}
    act.carries = by_bytes(catalogued | set(event.get("labels") or []))
    act.claimed = [label for label in act.carries if label not in catalogued]
    act.gains = by_bytes(label for entry in entries for label in entry.gains)
    sources = holders_of(act, tenant, domain) if policy.keeps_labels else []
    most = policy.limits["LABEL_ORIGINS_MAX"]
    for _, holder in sources:
        for name, label in holder.labels.items():
            merged(act.inherited, name, label, most)
    act.marked = [name for name, holder in sources if holder.marked]
    for id_ in event.get("parents") or []:
        parent = parent_of(id_, domain)
        if parent is None:
            act.unknown_parents.append(id_)
            continue
        for name, label in parent.given.items() if policy.keeps_labels else ():
            merged(act.inherited, name, label, most)
        act.marked += [id_] if parent.marked else []
    own, room = by_bytes(act.carries + act.gains), policy.limits["HOLDER_LABELS_MAX"]
    others = by_bytes(name for name in act.inherited if name not in own)
    act.overflow = len(own) > policy.limits["LABELS_MAX"] or len(own + others) > room
    act.kept = by_bytes((own + others)[:room])
    act.carries, act.claimed, act.gains = ([name for name in names if name in act.kept]
                                           for names in (act.carries, act.claimed, act.gains))
    act.labels = [name for name in act.kept if name in act.carries or name in act.inherited]
    act.attested = [name for name in act.kept if name in catalogued
                    or name in act.inherited and act.inherited[name].attested]


def give(fact, tenant, domain, policy, mark):
    """A fact's labels and gains go to its task, agent and credential, and stay with it for those who name it as parent."""
    if not policy.keeps_labels:
        return
    act, most = fact.act, policy.limits["LABEL_ORIGINS_MAX"]
    for name in act.kept:
        if name in act.inherited:
            merged(fact.given, name, act.inherited[name], most)
        own = name in act.carries or name in act.gains
        attested = name in act.gains or name in act.carries and name not in act.claimed
        merged(fact.given, name, Label([fact] if own else [], attested), most)
    fact.marked = mark
    for _, holder in holders_of(act, tenant, domain):
        for name, label in fact.given.items():
            merged(holder.labels, name, label, most)
        kept = by_bytes(holder.labels)[:policy.limits["HOLDER_LABELS_MAX"]]
        holder.marked = holder.marked or mark or len(kept) < len(holder.labels)
        holder.labels = {name: holder.labels[name] for name in kept}
