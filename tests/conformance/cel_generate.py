"""Random CEL expressions that are well typed, with variables bound to random values, some of which make them err: division by zero,
overflow, indices out of range, keys that are not there, texts that are no numbers. One test as cel_convert.py writes them, without
`expect`. Left out is where cel-go goes its own way: the order in which it walks a map; repeated keys in a map literal, which the
conformance suite makes an error; `T` as a bool; the offset of a timestamp, which it keeps; math.least of NaN; uint(-0.5)."""
import random

SCALARS = ["int", "uint", "double", "string", "bytes", "bool", "timestamp", "duration"]
ALL = SCALARS + ["list(int)", "list(string)", "map(string, int)", "dyn"]
VARIABLES = {
    "i": "int", "j": "int", "u": "uint", "d": "double", "s": "string", "t": "string", "y": "bytes", "b": "bool",
    "at": "timestamp", "for_": "duration", "li": "list(int)", "ls": "list(string)", "m": "map(string, int)", "x": "dyn",
}
INTS = [0, 1, -1, 2, 3, 5, 7, 60, 255, 1000, 2**31, 2**53, 2**62, 2**63 - 1, -2**63, -2**63 + 1]
UINTS = [0, 1, 2, 3, 10, 2**32, 2**63, 2**64 - 1]
DOUBLES = [0.0, 1.0, -1.0, 0.5, 1.5, -2.25, 3.0, 100.125, 1e6, 9007199254740993.0]
STRINGS = ["", "a", "b", "ab", "abc", "Abc", "12", "-3", "1.5", "true", "äöü", "a,b,c", " pad ", "1h", "2026-01-01T00:00:00Z", "😀x"]
PATTERNS = ["a", "^a", "b$", "^[a-c]+$", "a|b", "[0-9]+", "^$", "ä.ü", "(ab)*c"]


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.locals = []

    def pick(self, items):
        return items[self.random.randrange(len(items))]

    def text(self, value):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def value(self, kind):
        """A literal of a type."""
        pick = self.pick
        if kind == "int":
            value = pick(INTS)
            return "(-9223372036854775807 - 1)" if value == -2**63 else str(value) if value >= 0 else f"({value})"
        if kind == "uint":
            return f"{pick(UINTS)}u"
        if kind == "double":
            value = repr(pick(DOUBLES))
            return f"({value})" if value[0] == "-" else value
        if kind == "string":
            return self.text(pick(STRINGS))
        if kind == "bytes":
            return "b" + self.text(pick(STRINGS))
        if kind == "bool":
            return pick(["true", "false"])
        if kind == "timestamp":
            return f"timestamp('{pick(['2026-01-01T00:00:00Z', '2024-02-29T23:59:59.5Z', '1970-01-01T00:00:00Z', '2026-03-02T09:00:00.001Z'])}')"
        if kind == "duration":
            return f"duration('{pick(['0s', '1s', '-90m', '24h', '1.5s', '100ms', '1h30m'])}')"
        if kind == "list(int)":
            return "[" + ", ".join(self.value("int") for _ in range(self.random.randrange(4))) + "]"
        if kind == "list(string)":
            return "[" + ", ".join(self.value("string") for _ in range(self.random.randrange(4))) + "]"
        if kind == "map(string, int)":
            keys = self.random.sample(["a", "b", "c", "d"], self.random.randrange(4))
            return "{" + ", ".join(f"'{key}': {self.value('int')}" for key in keys) + "}"
        return f"dyn({self.value(pick(SCALARS))})"

    def leaf(self, kind):
        names = [name for name, own in list(VARIABLES.items()) + self.locals if own == kind]
        return self.pick(names) if names and self.random.random() < 0.6 else self.value(kind)

    def expr(self, kind, depth):
        if depth <= 0 or self.random.random() < 0.12:
            return self.leaf(kind)
        make = {"bool": self.bool, "int": self.int, "uint": self.uint, "double": self.double, "string": self.string, "bytes": self.bytes,
                "timestamp": self.timestamp, "duration": self.duration, "list(int)": self.ints, "list(string)": self.strings,
                "map(string, int)": self.map, "dyn": self.dyn}[kind]
        return make(depth - 1)

    def choice(self, kind, depth):
        return f"({self.expr('bool', depth)} ? {self.expr(kind, depth)} : {self.expr(kind, depth)})"

    def macro(self, depth, name, kind, body):
        """list.name(v, body) with v of the element's type."""
        element = kind[5:-1]
        source = self.expr(kind, depth)
        local = f"v{len(self.locals)}"
        self.locals.append((local, element))
        inner = self.expr(body or element, depth)
        self.locals.pop()
        return f"{source}.{name}({local}, {inner})"

    def bool(self, depth):
        one = self.expr
        kind = self.pick(SCALARS[:6] + ["timestamp", "duration"])
        return self.pick([
            lambda: f"({one('bool', depth)} && {one('bool', depth)})",
            lambda: f"({one('bool', depth)} || {one('bool', depth)})",
            lambda: f"!({one('bool', depth)})",
            lambda: f"({one(kind, depth)} {self.pick(['==', '!=', '<', '<=', '>', '>='])} {one(kind, depth)})",
            lambda: f"({one('dyn', depth)} {self.pick(['==', '!='])} {one('dyn', depth)})",
            lambda: f"({self.pick(['li', self.value('list(int)')])} == {one('list(int)', depth)})",
            lambda: f"({one('int', depth)} in {one('list(int)', depth)})",
            lambda: f"({one('string', depth)} in {one('map(string, int)', depth)})",
            lambda: f"{one('string', depth)}.{self.pick(['contains', 'startsWith', 'endsWith'])}({one('string', depth)})",
            lambda: f"{one('string', depth)}.matches({self.text(self.pick(PATTERNS))})",
            lambda: f"has(m.{self.pick('abcd')})",
            lambda: self.macro(depth, self.pick(["all", "exists", "exists_one"]), self.pick(["list(int)", "list(string)"]), "bool"),
            lambda: f"(dyn({one(self.pick(['int', 'uint', 'double']), depth)}) {self.pick(['<', '>=', '=='])} {one(self.pick(['int', 'uint', 'double']), depth)})",
            lambda: f"sets.{self.pick(['contains', 'intersects', 'equivalent'])}({one('list(int)', depth)}, {one('list(int)', depth)})",
            lambda: self.choice("bool", depth),
            lambda: f"bool({self.text(self.pick(['true', 'false', '1', 'yes', 'FALSE']))})",
        ])()

    def int(self, depth):
        one = self.expr
        return self.pick([
            lambda: f"({one('int', depth)} {self.pick('+-*/%')} {one('int', depth)})",
            lambda: f"(-{self.leaf('int')})" if self.random.random() < 0.5 else self.leaf("int"),
            lambda: f"size({one(self.pick(['string', 'bytes', 'list(int)', 'map(string, int)']), depth)})",
            lambda: f"int({one(self.pick(['uint', 'double', 'string']), depth)})",
            lambda: f"{one('list(int)', depth)}[{one('int', 0)}]",
            lambda: f"{one('map(string, int)', depth)}[{one('string', 0)}]",
            lambda: f"m.{self.pick('abcd')}",
            lambda: f"{one('timestamp', depth)}.{self.pick(['getFullYear', 'getMonth', 'getDate', 'getDayOfMonth', 'getDayOfWeek', 'getDayOfYear', 'getHours', 'getMinutes', 'getSeconds', 'getMilliseconds'])}({self.pick(['', repr('+02:00'), repr('-11:30'), repr('UTC')])})",
            lambda: f"{one('duration', depth)}.{self.pick(['getHours', 'getMinutes', 'getSeconds'])}()",
            lambda: f"{one('string', depth)}.{self.pick(['indexOf', 'lastIndexOf'])}({one('string', 0)})",
            lambda: f"math.{self.pick(['least', 'greatest'])}({one('int', depth)}, {one('int', depth)})",
            lambda: f"math.abs({one('int', depth)})",
            lambda: f"cel.bind(w, {one('int', depth)}, w + w)",
            lambda: self.choice("int", depth),
        ])()

    def uint(self, depth):
        one = self.expr
        return self.pick([
            lambda: f"({one('uint', depth)} {self.pick('+-*/%')} {one('uint', depth)})",
            lambda: f"uint({one(self.pick(['int', 'string']), depth)})",
            lambda: self.choice("uint", depth),
        ])()

    def double(self, depth):
        one = self.expr
        return self.pick([
            lambda: f"({one('double', depth)} {self.pick('+-*/')} {one('double', depth)})",
            lambda: f"double({one(self.pick(['int', 'uint', 'string']), depth)})",
            lambda: self.choice("double", depth),
        ])()

    def string(self, depth):
        one = self.expr
        return self.pick([
            lambda: f"({one('string', depth)} + {one('string', depth)})",
            lambda: f"string({one(self.pick(['int', 'uint', 'bool', 'timestamp', 'duration']), depth)})",
            lambda: f"string({one('bytes', depth)})",
            lambda: f"{one('string', depth)}.{self.pick(['lowerAscii', 'upperAscii', 'trim', 'reverse'])}()",
            lambda: f"{one('string', depth)}.charAt({one('int', 0)})",
            lambda: f"{one('string', depth)}.replace({one('string', 0)}, {one('string', 0)}{self.pick(['', ', 1', ', -1', ', 0'])})",
            lambda: f"{one('string', depth)}.substring({one('int', 0)}{self.pick(['', ', 2'])})",
            lambda: f"{one('list(string)', depth)}.join({self.pick(['', self.value('string')])})",
            lambda: f"{one('list(string)', depth)}[{one('int', 0)}]",
            lambda: self.choice("string", depth),
        ])()

    def bytes(self, depth):
        one = self.expr
        return self.pick([
            lambda: f"({one('bytes', depth)} + {one('bytes', depth)})",
            lambda: f"bytes({one('string', depth)})",
            lambda: self.choice("bytes", depth),
        ])()

    def timestamp(self, depth):
        one = self.expr
        return self.pick([
            lambda: f"({one('timestamp', depth)} {self.pick('+-')} {one('duration', depth)})",
            lambda: f"timestamp({self.pick([repr('2026-01-01T00:00:00Z'), repr('nonsense'), '1767225600'])})",
            lambda: self.choice("timestamp", depth),
        ])()

    def duration(self, depth):
        one = self.expr
        return self.pick([
            lambda: f"({one('duration', depth)} {self.pick('+-')} {one('duration', depth)})",
            lambda: f"({one('timestamp', depth)} - {one('timestamp', depth)})",
            lambda: f"duration({self.pick([repr('1h'), repr('x'), repr('-1.25s'), repr('3us')])})",
            lambda: self.choice("duration", depth),
        ])()

    def ints(self, depth):
        one = self.expr
        return self.pick([
            lambda: f"({one('list(int)', depth)} + {one('list(int)', depth)})",
            lambda: f"[{one('int', depth)}, {one('int', depth)}]",
            lambda: self.macro(depth, "map", "list(int)", None),
            lambda: self.macro(depth, "filter", "list(int)", "bool"),
            lambda: self.macro(depth, "map", "list(string)", "int"),
            lambda: f"{one('list(int)', depth)}.slice({self.pick('012')}, {self.pick('0123')})",
            lambda: f"{one('list(int)', depth)}.{self.pick(['distinct', 'sort', 'reverse'])}()",
            lambda: self.choice("list(int)", depth),
        ])()

    def strings(self, depth):
        one = self.expr
        return self.pick([
            lambda: f"({one('list(string)', depth)} + {one('list(string)', depth)})",
            lambda: f"[{one('string', depth)}]",
            lambda: f"{one('string', depth)}.split({self.value('string')}{self.pick(['', ', 2', ', 0', ', -1'])})",
            lambda: self.macro(depth, "filter", "list(string)", "bool"),
            lambda: f"{one('list(string)', depth)}.{self.pick(['distinct', 'sort', 'reverse'])}()",
            lambda: self.choice("list(string)", depth),
        ])()

    def map(self, depth):
        return self.pick([
            lambda: f"{{'a': {self.expr('int', depth)}, 'b' + {self.expr('string', 0)}: {self.expr('int', depth)}}}",
            lambda: self.choice("map(string, int)", depth),
        ])()

    def dyn(self, depth):
        kind = self.pick(ALL[:-1])
        return self.pick([
            lambda: f"dyn({self.expr(kind, depth)})",
            lambda: f"[dyn({self.expr('int', depth)}), dyn({self.expr('string', depth)})][{self.expr('int', 0)}]",
            lambda: f"type({self.expr(kind, depth)})" if self.random.random() < 0.3 else f"dyn({self.expr(kind, depth)})",
        ])()

    def bound(self, kind):
        """A random value in the form of cel_convert.py."""
        pick = self.pick
        if kind == "int":
            return {"int": str(pick(INTS))}
        if kind == "uint":
            return {"uint": str(pick(UINTS))}
        if kind == "double":
            return {"double": pick(DOUBLES).hex()}
        if kind == "string":
            return {"string": pick(STRINGS)}
        if kind == "bytes":
            return {"bytes": pick(STRINGS).encode().hex()}
        if kind == "bool":
            return {"bool": pick([True, False])}
        if kind == "timestamp":
            return {"timestamp": [str(pick([0, 1767225600, -1, 1709251199])), str(pick([0, 500000000, 1000000]))]}
        if kind == "duration":
            return {"duration": [str(pick([0, 1, 3600, 86400])), str(pick([0, 5000000]))]}
        if kind.startswith("list"):
            return {"list": [self.bound(kind[5:-1]) for _ in range(self.random.randrange(4))]}
        if kind.startswith("map"):
            return {"map": [[{"string": key}, self.bound("int")] for key in self.random.sample("abcd", self.random.randrange(4))]}
        return self.bound(pick(ALL[:-1]))

    def test(self, number):
        expr = self.expr(self.pick(ALL), self.random.randrange(1, 5))
        return {"id": f"random/{number}", "expr": expr, "type_env": VARIABLES,
                "bindings": {name: self.bound(kind) for name, kind in VARIABLES.items()}}
