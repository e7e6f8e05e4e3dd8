"""The small expression language of this build: a parser to closures, and their evaluation.

Values: str, bool, int, Dec (micro-units), list. Anything that goes wrong is ExprError."""
import re

from values import INT64_MAX, INT64_MIN, MICRO, plain_micro

STRING_MAX = 4096


class ExprError(Exception):
    pass


class ParseError(Exception):
    pass


class Dec:
    __slots__ = ("micro",)

    def __init__(self, micro):
        if not INT64_MIN <= micro <= INT64_MAX:
            raise ExprError("decimal out of range")
        self.micro = micro


TOKEN = re.compile(r"""\s*(?:
    (?P<decimal>[0-9]+\.[0-9]+) | (?P<int>[0-9]+) |
    (?P<string>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*") |
    (?P<name>[A-Za-z_][A-Za-z0-9_]*) |
    (?P<op>\|\||&&|==|!=|<=|>=|[<>!+?:().,\[\]-]))""", re.VERBOSE)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"'}


def tokens_of(text):
    out, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            raise ParseError(f"at {at} in {text!r}")
        out.append((match.lastgroup, match.group(match.lastgroup)))
        at = match.end()
    out.append(("end", ""))
    return out


class Parser:
    def __init__(self, text):
        self.tokens = tokens_of(text)
        self.at = 0

    def peek(self):
        return self.tokens[self.at][1] if self.tokens[self.at][0] in ("op", "name") else None

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
        condition = self.disjunction()
        if not self.take("?"):
            return condition
        then = self.disjunction()
        self.need(":")
        other = self.ternary()
        return lambda ctx: then(ctx) if truth(condition(ctx)) else other(ctx)

    def disjunction(self):
        node = self.conjunction()
        while self.take("||"):
            node = absorbing(node, self.conjunction(), True)
        return node

    def conjunction(self):
        node = self.relation()
        while self.take("&&"):
            node = absorbing(node, self.relation(), False)
        return node

    def relation(self):
        node = self.addition()
        while True:
            word = self.take("==", "!=", "<=", ">=", "<", ">", "in")
            if not word:
                return node
            node = comparing(word, node, self.addition())

    def addition(self):
        node = self.unary()
        while self.take("+"):
            node = adding(node, self.unary())
        return node

    def unary(self):
        if self.take("!"):
            inner = self.unary()
            return lambda ctx: not truth(inner(ctx))
        return self.member()

    def member(self):
        node = self.primary()
        while self.take("."):
            name = self.name()
            if not self.take("("):
                raise ParseError("only fields of the event and args can be selected")
            arguments = self.arguments()
            node = method(name, node, arguments)
        return node

    def name(self):
        kind, text = self.tokens[self.at]
        if kind != "name":
            raise ParseError(f"name expected, found {text}")
        self.at += 1
        return text

    def arguments(self):
        out = []
        if self.take(")"):
            return out
        while True:
            out.append(self.ternary())
            if self.take(")"):
                return out
            self.need(",")

    def path(self, first):
        """The longest run of names that is a field: args.a.b, or one word; a name before '(' is a method."""
        path = [first]
        while first == "args" and self.peek() == "." and self.tokens[self.at + 2][1] != "(":
            self.at += 1
            path.append(self.name())
        return path

    def primary(self):
        kind, text = self.tokens[self.at]
        if self.take("("):
            node = self.ternary()
            self.need(")")
            return node
        if self.take("["):
            return self.list()
        self.at += 1
        if kind == "decimal":
            whole, fraction = text.split(".")
            if len(fraction.rstrip("0")) > 6:
                raise ParseError(f"{text} has more than six places")
            value = Dec(int(whole) * MICRO + int((fraction.rstrip("0") + "000000")[:6]))
            return lambda ctx: value
        if kind == "int":
            number = int(text)
            return lambda ctx: number
        if kind == "string":
            content = re.sub(r"\\(.)", lambda m: ESCAPES[m.group(1)], text[1:-1])
            return lambda ctx: content
        if kind == "name":
            return self.word(text)
        raise ParseError(f"unexpected {text!r}")

    def list(self):
        items = []
        if not self.take("]"):
            while True:
                items.append(self.ternary())
                if self.take("]"):
                    break
                self.need(",")
        return lambda ctx: [item(ctx) for item in items]

    def word(self, text):
        if text in ("true", "false"):
            value = text == "true"
            return lambda ctx: value
        if text == "has":
            self.need("(")
            path = self.path(self.name())
            self.need(")")
            return lambda ctx: ctx.has(path)
        if text in ("size", "string"):
            self.need("(")
            arguments = self.arguments()
            if len(arguments) != 1:
                raise ParseError(f"{text} takes one argument")
            return method(text, arguments[0], [])
        path = self.path(text)
        return lambda ctx: ctx.get(path)


def truth(value):
    if not isinstance(value, bool):
        raise ExprError("not a truth value")
    return value


def absorbing(left, right, decisive):
    """&& and ||: the decisive value wins over an error on either side."""
    def run(ctx):
        failure = None
        try:
            if truth(left(ctx)) == decisive:
                return decisive
        except ExprError as error:
            failure = error
        if truth(right(ctx)) == decisive:
            return decisive
        if failure:
            raise failure
        return not decisive
    return run


def is_number(value):
    return isinstance(value, Dec) or (isinstance(value, int) and not isinstance(value, bool))


def micro_of(value):
    return value.micro if isinstance(value, Dec) else value * MICRO


def equal(left, right):
    if is_number(left) and is_number(right):
        return micro_of(left) == micro_of(right)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(equal(a, b) for a, b in zip(left, right))
    if type(left) is not type(right):
        raise ExprError("values of different types")
    return left == right


def comparing(word, left_of, right_of):
    def run(ctx):
        left, right = left_of(ctx), right_of(ctx)
        if word == "in":
            if not isinstance(right, list):
                raise ExprError("in needs a list")
            return any(equal(left, item) for item in right)
        if word in ("==", "!="):
            return equal(left, right) == (word == "==")
        if is_number(left) and is_number(right):
            left, right = micro_of(left), micro_of(right)
        elif isinstance(left, str) and isinstance(right, str):
            left, right = left.encode("utf-8"), right.encode("utf-8")
        else:
            raise ExprError("no order between these")
        return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[word]
    return run


def bounded(text):
    if len(text.encode("utf-8")) > STRING_MAX:
        raise ExprError("string too long")
    return text


def adding(left_of, right_of):
    def run(ctx):
        left, right = left_of(ctx), right_of(ctx)
        if isinstance(left, str) and isinstance(right, str):
            return bounded(left + right)
        if not (is_number(left) and is_number(right)):
            raise ExprError("cannot add these")
        if isinstance(left, Dec) or isinstance(right, Dec):
            return Dec(micro_of(left) + micro_of(right))
        if not INT64_MIN <= left + right <= INT64_MAX:
            raise ExprError("overflow")
        return left + right
    return run


def text_of(value):
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Dec):
        return plain_micro(value.micro)
    if isinstance(value, int):
        return str(value)
    raise ExprError("has no text")


def ascii_fold(text, lower):
    first, last, shift = ("A", "Z", 32) if lower else ("a", "z", -32)
    return "".join(chr(ord(c) + shift) if first <= c <= last else c for c in text)


def method(name, target, arguments):
    count = {"startsWith": 1, "endsWith": 1, "contains": 1, "lowerAscii": 0, "upperAscii": 0, "size": 0, "string": 0}
    if count.get(name) != len(arguments):
        raise ParseError(f"no function {name} with {len(arguments)} arguments")

    def run(ctx):
        value = target(ctx)
        if name == "string":
            return text_of(value)
        if name == "size" and isinstance(value, (str, list)):
            return len(value)
        if not isinstance(value, str):
            raise ExprError(f"{name} of something that is no string")
        if name in ("lowerAscii", "upperAscii"):
            return ascii_fold(value, name == "lowerAscii")
        other = arguments[0](ctx)
        if not isinstance(other, str):
            raise ExprError(f"{name} with something that is no string")
        if name == "startsWith":
            return value.startswith(other)
        if name == "endsWith":
            return value.endswith(other)
        return other in value
    return run


class Expr:
    """A compiled expression; `text` is as written."""

    def __init__(self, text):
        self.text = text
        self.run = Parser(text).whole()

    def value(self, ctx):
        return self.run(ctx)

    def is_true(self, ctx):
        """True only; an error is not true."""
        try:
            return self.run(ctx) is True
        except ExprError:
            return False

    def true_or_error(self, ctx):
        try:
            return truth(self.run(ctx))
        except ExprError:
            return True
