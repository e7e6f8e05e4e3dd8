"""Conditions: a parser of CEL to closures, and their evaluation by walking them. Types are looked at while evaluating only.

A closure takes an Env: the context, which knows the fields, and the variables of macros. Decimals: ARCHITECTURE.md, Readings
16 and 17. The values and operators are in operators.py, the functions in functions.py."""
import re

from functions import GLOBAL, METHODS
from operators import (ARITHMETIC, INT64_MAX, INT64_MIN, ORDERS, UINT64_MAX, Absent, Dec, ExprError, Type, UInt, at_key,
                       compare, has_key, negate, read, truth)
from values import parse_decimal, to_micro

DOTTED = ("task.purpose", "task.principal", "task.case")
FIELDS = ("tenant agent principal delegation depth task purpose tool action object case args amount currency labels confidence "
          "credential duty duties phase tier now history").split()
MACROS = ("all", "exists", "exists_one", "map", "filter")
TYPES = {"bool": "bool", "int": "int", "uint": "uint", "double": "double", "decimal": "decimal", "string": "string",
         "bytes": "bytes", "list": "list", "map": "map", "null_type": "null_type", "type": "type",
         "google.protobuf.Timestamp": "google.protobuf.Timestamp", "google.protobuf.Duration": "google.protobuf.Duration"}


class ParseError(Exception):
    pass


TOKEN = re.compile(r"""(?:\s|//[^\n]*)*(?:
    (?P<decimal>(?:[0-9]+\.[0-9]+|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+) |
    (?P<int>0[xX][0-9a-fA-F]+[uU]?|[0-9]+[uU]?) |
    (?P<string>(?:[rR][bB]?|[bB][rR]?)?(?:\"{3}(?:\\.|[^\\])*?\"{3}|'{3}(?:\\.|[^\\])*?'{3}|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")) |
    (?P<name>[A-Za-z_][A-Za-z0-9_]*) |
    (?P<op>\|\||&&|==|!=|<=|>=|[<>!+?:().,\[\]{}*/%-])|(?P<end>$))""", re.VERBOSE | re.DOTALL)
ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", "'": "'", '"': '"',
           "`": "`", "?": "?"}
ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|X[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2}|.)", re.DOTALL)


def tokens_of(text):
    out, at = [], 0
    while True:
        match = TOKEN.match(text, at)
        if not match:
            raise ParseError(f"at {at} in {text!r}")
        out.append((match.lastgroup, match.group(match.lastgroup)))
        if match.lastgroup == "end":
            return out
        at = match.end()


def literal_text(text):
    """The value of a string or bytes literal."""
    prefix = re.match(r"[rRbB]*", text).group().lower()
    quotes = 3 if text[len(prefix):][:3] in ("'''", '"""') and len(text) - len(prefix) >= 6 else 1
    body = text[len(prefix) + quotes:len(text) - quotes]
    if "r" in prefix:
        return body.encode() if "b" in prefix else body

    def one(match):
        word = match.group(1)
        if word in ESCAPES:
            return ESCAPES[word].encode() if "b" in prefix else ESCAPES[word]
        if word[0] not in "xXuU01234567" or len(word) == 1:
            raise ParseError(f"unknown escape in {text}")
        number = int(word, 8) if word[0].isdigit() else int(word[1:], 16)
        return bytes([number]) if "b" in prefix else chr(number)
    if "b" not in prefix:
        return ESCAPE.sub(one, body)
    out, at = b"", 0
    for match in ESCAPE.finditer(body):
        out, at = out + body[at:match.start()].encode() + one(match), match.end()
    return out + body[at:].encode()


class Env:
    """The context, and the variables of macros around an expression."""

    def __init__(self, context, names=None):
        self.context, self.names = context, names or {}

    def having(self, name, value):
        return Env(self.context, {**self.names, name: value})


class Node:
    """`run(env)`; `path` is the dotted way of a field or argument, None of anything else. `known`: a text or a list of texts that is
    written out. `guards`: [(field, fits)] of the operands of `&&` that compare a text field with such."""

    def __init__(self, run, path=None, known=None, guards=(), chain=False):
        self.run, self.path, self.known, self.guards, self.chain = run, path, known, list(guards), chain


class Parser:
    def __init__(self, text):
        self.tokens, self.at = tokens_of(text), 0
        self.reads, self.asks, self.scope = set(), set(), []

    def peek(self, ahead=0):
        kind, text = self.tokens[min(self.at + ahead, len(self.tokens) - 1)]
        return text if kind in ("op", "name") else None

    def take(self, *words):
        if self.peek() in words:
            self.at += 1
            return self.tokens[self.at - 1][1]
        return None

    def need(self, word):
        if not self.take(word):
            raise ParseError(f"{word} expected, found {self.tokens[self.at]}")

    def whole(self):
        node = self.ternary()
        if self.tokens[self.at][0] != "end":
            raise ParseError(f"unexpected {self.tokens[self.at]}")
        return node

    def ternary(self):
        node = self.disjunction()
        if not self.take("?"):
            return node
        condition, then = node.run, self.disjunction().run
        self.need(":")
        other = self.ternary().run
        return Node(lambda env: then(env) if truth(condition(env)) else other(env))

    def disjunction(self):
        node = self.conjunction()
        while self.take("||"):
            node = Node(absorbing([node.run, self.conjunction().run], True))
        return node

    def conjunction(self):
        node = self.relation()
        while self.take("&&"):
            other = self.relation()
            guards = node.guards + ([] if other.chain else other.guards)
            node = Node(absorbing([node.run, other.run], False), guards=guards, chain=True)
        return node

    def relation(self):
        node = self.sum()
        while True:
            word = self.take("in", "==", "!=", *ORDERS)
            if not word:
                return node
            left, right = node, self.sum()
            node = binary(lambda left, right, word=word: compare(word, left, right), left, right)
            node.guards = guard_of(word, left, right)

    def sum(self):
        node = self.product()
        while (word := self.take("+", "-")):
            node = binary(ARITHMETIC[word], node, self.product())
        return node

    def product(self):
        node = self.unary()
        while (word := self.take("*", "/", "%")):
            node = binary(ARITHMETIC[word], node, self.unary())
        return node

    def unary(self):
        if self.take("!"):
            inner = self.unary().run
            return Node(lambda env: not truth(inner(env)))
        if self.peek() == "-":
            kind, text = self.tokens[self.at + 1]
            self.at += 1
            if kind in ("int", "decimal") and not text.endswith(("u", "U")):
                self.at += 1
                return self.members(constant(number_of(kind, text, -1)))
            inner = self.unary().run
            return Node(lambda env: negate(inner(env)))
        return self.members(self.primary())

    def members(self, node):
        while True:
            if self.take("."):
                name = self.name()
                node = self.call(node, name) if self.take("(") else select(node, name)
            elif self.take("["):
                kind, text = self.tokens[self.at]
                index = self.ternary()
                self.need("]")
                named = kind == "string" and self.tokens[self.at - 2] == (kind, text)
                node = select(node, literal_text(text)) if named and node.path else at_index(node, index)
            else:
                return node

    def name(self):
        kind, text = self.tokens[self.at]
        if kind != "name":
            raise ParseError(f"name expected, found {text}")
        self.at += 1
        return text

    def arguments(self, end=")"):
        out = []
        while not self.take(end):
            out.append(self.ternary())
            if not self.take(","):
                self.need(end)
                break
        return out

    def call(self, target, name):
        """A method or a macro; its bracket is open."""
        if name in MACROS:
            return self.macro(target, name)
        if name in ("has", "count", "sum", "agents"):
            kind, text = self.tokens[self.at]
            if name == "sum" and self.tokens[self.at + 1][1] == ",":
                kind, text = self.tokens[self.at + 2]
            self.asks.add(literal_text(text) if kind == "string" else "*")
        if name == "sum":  # A field's name, not its value.
            if self.name() != "amount":
                raise ParseError("history.sum takes amount")
            return applied(name, METHODS, [target] + (self.arguments() if self.take(",") else self.need(")") or []))
        given = self.arguments()
        node = applied(name, METHODS, [target] + given)
        if name == "startsWith" and len(given) == 1:
            node.guards = guard_of(name, target, given[0])
        return node

    def macro(self, target, name):
        variable = self.name()
        self.need(",")
        self.scope.append(variable)
        parts = [one.run for one in self.arguments()]
        self.scope.pop()
        if len(parts) not in ((1, 2) if name == "map" else (1,)):
            raise ParseError(f"{name} with {len(parts) + 1} arguments")
        return Node(comprehension(name, target.run, variable, parts))

    def primary(self):
        kind, text = self.tokens[self.at]
        if self.take("("):
            node = self.ternary()
            self.need(")")
            return Node(node.run, guards=node.guards, chain=node.chain)
        if self.take("["):
            nodes = self.arguments("]")
            items = [one.run for one in nodes]
            known = [one.known for one in nodes]
            return Node(lambda env: [read(item(env)) for item in items],
                        known=known if all(isinstance(one, str) for one in known) else None)
        if self.take("{"):
            return self.map()
        self.at += 1
        if kind in ("decimal", "int"):
            return constant(number_of(kind, text, 1))
        if kind == "string":
            value = literal_text(text)
            return Node(lambda env: value, known=value if isinstance(value, str) else None)
        if kind == "name":
            return self.word(text)
        raise ParseError(f"unexpected {text!r}")

    def map(self):
        pairs = []
        while not self.take("}"):
            key = self.ternary().run
            self.need(":")
            pairs.append((key, self.ternary().run))
            if not self.take(","):
                self.need("}")
                break

        def run(env):
            out = {}
            for key, value in pairs:
                name = key(env)
                if has_key(out, name):
                    raise ExprError("repeated key")
                out[name] = value(env)
            return out
        return Node(run)

    def word(self, text):
        if text in ("true", "false", "null"):
            return constant({"true": True, "false": False, "null": None}[text])
        if text in self.scope:
            return Node(lambda env: read(env.names[text]))
        if text == "has":
            return self.has()
        spaced = f"{text}.{self.peek(1)}"
        if self.peek() == "." and self.peek(2) == "(" and (spaced in GLOBAL or spaced == "cel.bind"):
            self.at += 3
            return self.bind() if spaced == "cel.bind" else applied(spaced, GLOBAL, self.arguments())
        if self.take("("):
            return applied(text, GLOBAL, self.arguments())
        if text in FIELDS:
            return self.field(text)
        if text in TYPES:
            return constant(Type(TYPES[text]))
        raise ParseError(f"unknown field {text}")

    def field(self, text):
        if self.peek() == "." and f"{text}.{self.peek(1)}" in DOTTED:
            text, self.at = f"{text}.{self.peek(1)}", self.at + 2
        self.reads.add(text)
        return Node(lambda env: env.context.get(text), text)

    def bind(self):
        variable = self.name()
        self.need(",")
        value = self.ternary().run
        self.need(",")
        self.scope.append(variable)
        body = self.ternary().run
        self.scope.pop()
        self.need(")")
        return Node(lambda env: body(env.having(variable, value(env))))

    def has(self):
        self.need("(")
        node = self.ternary()
        self.need(")")
        if getattr(node, "presence", None):
            return Node(node.presence)
        if node.path is None:
            raise ParseError("has takes a field")
        return Node(lambda env: env.context.has(node.path))


def number_of(kind, text, sign):
    if kind == "decimal":
        micro = to_micro(parse_decimal(("0" if text.startswith(".") else "") + text))
        if micro is None:
            raise ParseError(f"{text} has more than six places or is too large")
        return Dec(sign * micro)
    value = sign * int(text.rstrip("uU"), 16 if text[:2] in ("0x", "0X") else 10)
    if text[-1] in "uU":
        if value > UINT64_MAX:
            raise ParseError(f"{text} is too large")
        return UInt(value)
    if not INT64_MIN <= value <= INT64_MAX:
        raise ParseError(f"{text} is too large")
    return value


def constant(value):
    return Node(lambda env: value)


def select(node, name):
    """node.name: a member of a map; a missing argument of the intent is absent by its name."""
    path = f"{node.path}.{name}" if node.path and node.path.split(".")[0] == "args" else None

    def base(env):
        if path and not env.context.has("args"):
            raise Absent("args." + path.split(".")[1])
        value = node.run(env)
        if not isinstance(value, dict):
            raise ExprError("not a map")
        return value

    def run(env):
        value = base(env)
        if path and name not in value:
            raise Absent(path)
        return at_key(value, name)
    out = Node(run, path)
    out.presence = lambda env: name in base(env) if node.path != "args" or env.context.has("args") else False
    return out


def at_index(node, index):
    def run(env):
        value, at = node.run(env), index.run(env)
        if isinstance(value, dict):
            return at_key(value, at)
        if not isinstance(value, list):
            raise ExprError("not a list")
        if isinstance(at, bool) or not isinstance(at, (int, float)) or at != int(at) or not 0 <= at < len(value):
            raise ExprError("index out of range")
        return read(value[int(at)])
    return Node(run)


TEXT_FIELDS = set(FIELDS) - set("delegation depth args amount labels confidence duties now history".split()) | set(DOTTED)


def guard_of(word, left, right):
    """[(field, fits)] when a text field is compared with texts that are written out."""
    if word == "==" and right.path is not None:
        left, right = right, left
    texts = right.known if isinstance(right.known, list) else [right.known]
    if word not in ("==", "in", "startsWith") or left.path not in TEXT_FIELDS or right.known is None:
        return []
    if word == "startsWith":
        return [(left.path, lambda value: value.startswith(tuple(texts)))]
    return [(left.path, lambda value: value in texts)]


def binary(operator, left, right):
    left, right = left.run, right.run
    return Node(lambda env: operator(left(env), right(env)))


def applied(name, table, arguments):
    least, most, function = table.get(name, (1, 0, None))
    if not least <= len(arguments) <= most:
        raise ParseError(f"no function {name} with {len(arguments)} arguments")
    runs = [one.run for one in arguments]
    return Node(lambda env: function(*[run(env) for run in runs]))


def absorbing(runs, decisive):
    """&& and ||: the decisive value wins over an error on any side; else the first error counts."""
    def run(env):
        failure = None
        for one in runs:
            try:
                if truth(one(env)) == decisive:
                    return decisive
            except ExprError as error:
                failure = failure or error
        if failure:
            raise failure
        return not decisive
    return run


def comprehension(name, source, variable, parts):
    def elements(env):
        value = source(env)
        if isinstance(value, dict):
            return sorted(value, key=lambda key: (str(type(key)), key))
        if not isinstance(value, list):
            raise ExprError("not a list or map")
        return value

    def run(env):
        inner = [env.having(variable, item) for item in elements(env)]
        if name in ("all", "exists"):
            return absorbing([lambda _, one=one: parts[0](one) for one in inner], name == "exists")(env)
        if name == "exists_one":
            return sum(truth(parts[0](one)) for one in inner) == 1
        if name == "filter" or len(parts) == 2:
            inner = [one for one in inner if truth(parts[0](one))]
        return [read(one.names[variable]) if name == "filter" else read(parts[-1](one)) for one in inner]
    return run


class Expr:
    """A compiled expression; `text` as written, `reads` the fields that it names, `asks` the duties that it asks history
    for, "*" for any."""

    def __init__(self, text):
        self.text = text
        parser = Parser(text)
        whole = parser.whole()
        self.run, self.guards = whole.run, whole.guards
        self.reads, self.asks = parser.reads, parser.asks

    def value(self, context):
        return read(self.run(Env(context)))

    def is_true(self, context):
        """True only; an error is not true."""
        try:
            return self.value(context) is True
        except ExprError:
            return False

    def outcome(self, context):
        """(true or error, the name of an absent field that was the error)."""
        try:
            return truth(self.value(context)), None
        except Absent as error:
            return True, error.name
        except ExprError:
            return True, None

    def true_or_error(self, context):
        return self.outcome(context)[0]
