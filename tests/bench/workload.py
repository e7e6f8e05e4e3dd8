#!/usr/bin/env python3
"""Writes the benchmark workload: one intent per line, as `sunder replay` and the benchmarks read it.

usage: workload.py RULES OUT [N=1200000] [SEED=1] [AGENTS=100000]

100k agents (Zipf 0.99), each of one of 20k principals in 50 tenants; 50k open task slots, a slot re-opens after 20 intents on
average; 2 cases per task; 40 tools of 12 duties, 62 % look-ups; 86 h of stream time per 1.2 M intents. 0.5 % repeat a recent
intent (same value, new time), some repeat one after more than 24 h. The same N, SEED and AGENTS give the same bytes."""
import json
import random
import sys
import time as _t

rules = json.load(open(sys.argv[1])); out = open(sys.argv[2], "w", buffering=1 << 20)
N = int(sys.argv[3]) if len(sys.argv) > 3 else 1200000
R = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 1)
AGENTS = int(sys.argv[5]) if len(sys.argv) > 5 else 100000
PRINCIPALS, SLOTS, TENANTS, ZIPF = AGENTS // 5, AGENTS // 2, 50, 0.99
by_duty = {}
for t, d in rules["tools"].items(): by_duty.setdefault(d, []).append(t)
work = [d for d in rules["duties"] if d != "lookup"]
lookup = by_duty["lookup"]
money = {"po.create", "invoice.post", "payment.submit"}
cum, s = [], 0.0
for r in range(AGENTS):
    s += 1.0 / (r + 1) ** ZIPF; cum.append(s)
name = list(range(AGENTS)); R.shuffle(name)                    # rank -> agent number
owner = [R.randrange(PRINCIPALS) for _ in range(AGENTS)]       # agent number -> principal
team = {}
for a in range(AGENTS): team.setdefault(owner[a], []).append(a)
def spiffe(a): return "spiffe://bank.example/t%02d/agent/a%06d" % (owner[a] % TENANTS, a)
slots = [[] for _ in range(PRINCIPALS)]                        # 50k open tasks over the principals
for k in range(SLOTS): slots[k % PRINCIPALS].append(k)
gen = [0] * SLOTS; theme = [None] * SLOTS; cases = [None] * SLOTS; ncase = 0
def reopen(k):
    global ncase
    gen[k] += 1; theme[k] = R.sample(work, 2); cases[k] = ["c%07d" % (ncase + i) for i in range(2)]; ncase += 2
for k in range(SLOTS): reopen(k)
ts = 1767571200000.0                                           # 2026-01-05T00:00:00Z
recent, old = [], []
def iso(ms): return _t.strftime("%Y-%m-%dT%H:%M:%S", _t.gmtime(ms // 1000)) + ".%03dZ" % (ms % 1000)
def hexid():
    h = "%032x" % R.getrandbits(128)
    return "%s-%s-4%s-a%s-%s" % (h[:8], h[8:12], h[13:16], h[17:20], h[20:])
done = 0
while done < N:
    for rank in R.choices(range(AGENTS), cum_weights=cum, k=min(100000, N - done)):
        ts += R.expovariate(1 / 259.2); ms = int(ts); u = R.random(); done += 1
        if u < 0.005 and recent:                               # a retry: same value, new record timestamp
            val = recent[int(R.random() * len(recent))]
            out.write('%s,"sundertimestamp":%d}\n' % (val, ms)); continue
        if u < 0.0052 and old and old[0][0] < ms - 87000000:   # the same id again after the dedupe window
            _, val = old.pop(0)
            out.write('%s,"sundertimestamp":%d}\n' % (val, ms)); continue
        a = name[rank]; p = owner[a]; k = slots[p][int(R.random() * len(slots[p]))]
        if R.random() < 0.05: reopen(k)
        v = R.random()
        duty = "lookup" if v < 0.62 else theme[k][int(R.random() * 2)] if v < 0.985 else work[int(R.random() * len(work))]
        tl = by_duty[duty]; tool = tl[int(R.random() * len(tl))]
        kc = k if R.random() < 0.95 else slots[p][int(R.random() * len(slots[p]))]
        case = cases[kc][int(R.random() * 2)]
        amount = int(R.lognormvariate(10.2, 0.9)) if duty in money else 0
        w = R.random()
        dc = "public" if w < 0.4 else "internal" if w < 0.955 else "confidential" if w < 0.985 else "restricted" if w < 0.995 else "pii"
        mates = team[p]; chain = [spiffe(mates[int(R.random() * len(mates))]) for _ in range(1 if R.random() < 0.8 else 2)]
        t = p % TENANTS
        amount = '"amount":"%d.%02d","currency":"EUR",' % (amount // 100, amount % 100) if amount else ""
        val = ('{"specversion":"1.0","id":"%s","source":"%s","type":"dev.sunder.intent.v1","time":"%s",'
               '"data":{"tenant":"t%02d","principal":"p%05d","delegation":["%s"],"task":"k%05d.%d","tool":"%s",'
               '"action":"%s","object":"%s/R-%06d","case":"%s",%s"args":{"data_class":"%s"}}') % (
               hexid(), spiffe(a), iso(ms), t, p, '","'.join(chain), k, gen[k], tool,
               "read" if duty == "lookup" else "write", tool.split(".")[1], int(R.random() * 1e6), case, amount, dc)
        out.write('%s,"sundertimestamp":%d}\n' % (val, ms))
        if len(recent) < 2000: recent.append(val)
        else: recent[done % 2000] = val
        if R.random() < 0.001: old.append((ms, val))
out.close()
