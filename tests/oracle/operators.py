"""Values of conditions and what the operators of CEL do with them; anything that goes wrong is ExprError.

bool, int, str, bytes, list, dict and None are Python's own; a float is a double; Dec is an exact decimal in micro-units."""
from fractions import Fraction

from values import INT64_MAX, INT64_MIN, MICRO, plain_micro

STRING_MAX = 4096
UINT64_MAX = 2 ** 64 - 1
NANOS = 10 ** 9
TIME_MIN, TIME_MAX = -62135596800 * NANOS, 253402300799 * NANOS + NANOS - 1


class ExprError(Exception):
    pass


class Absent(ExprError):
    """A field or argument that is not there; `name` as it is written."""

    def __init__(self, name):
        super().__init__(f"{name} is absent")
        self.name = name


class Dec:
    __slots__ = ("micro",)

    def __init__(self, micro):
        if not INT64_MIN <= micro <= INT64_MAX:
            raise ExprError("decimal out of range")
        self.micro = micro


class UInt(int):
    """An unsigned number; a type of its own."""


class Timestamp:
    __slots__ = ("nanos",)

    def __init__(self, nanos):
        if not TIME_MIN <= nanos <= TIME_MAX:
            raise ExprError("timestamp out of range")
        self.nanos = nanos


class Duration:
    __slots__ = ("nanos",)

    def __init__(self, nanos):
        if not INT64_MIN <= nanos <= INT64_MAX:
            raise ExprError("duration out of range")
        self.nanos = nanos


class Type:
    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name


class Inexact:
    """A number of the event that is neither int nor exact decimal: reading it is an error."""


INEXACT = Inexact()


def type_of(value):
    if value is None:
        return "null_type"
    for kind, name in ((bool, "bool"), (UInt, "uint"), (int, "int"), (float, "double"), (Dec, "decimal"), (str, "string"),
                       (bytes, "bytes"), (list, "list"), (dict, "map"), (Timestamp, "google.protobuf.Timestamp"),
                       (Duration, "google.protobuf.Duration"), (Type, "type")):
        if isinstance(value, kind):
            return name
    raise ExprError("no value")


def read(value):
    """A value out of a container, where a number may not be readable."""
    if value is INEXACT:
        raise ExprError("number not exact in six places")
    return value


def truth(value):
    if not isinstance(value, bool):
        raise ExprError("not a truth value")
    return value


def is_number(value):
    return isinstance(value, (int, float, Dec)) and not isinstance(value, bool)


def micro_of(value):
    return value.micro if isinstance(value, Dec) else value * MICRO


def exact(value):
    """A number that Python compares exactly with any other."""
    return Fraction(value.micro, MICRO) if isinstance(value, Dec) else value


def equal(left, right):
    """Values of different types are not equal, but numbers compare by value."""
    left, right = read(left), read(right)
    if is_number(left) and is_number(right):
        return exact(left) == exact(right)
    if type_of(left) != type_of(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(equal(a, b) for a, b in zip(left, right))
    if isinstance(left, dict):
        return len(left) == len(right) and all(has_key(right, key) and equal(item, at_key(right, key))
                                               for key, item in left.items())
    if isinstance(left, (Timestamp, Duration)):
        return left.nanos == right.nanos
    return left.name == right.name if isinstance(left, Type) else left == right


def key_of(value):
    """A map's key: numbers of all types meet."""
    if is_number(value) and not isinstance(value, Dec):
        return int(value) if value == int(value) else value
    if isinstance(value, (str, bool)):
        return (type_of(value), value)
    raise ExprError("not a key")


def has_key(map_, key):
    return isinstance(key, str) and key in map_ or any(key_of(one) == key_of(key) for one in map_)


def at_key(map_, key):
    if isinstance(key, str) and key in map_:
        return read(map_[key])
    for one, value in map_.items():
        if key_of(one) == key_of(key):
            return read(value)
    raise ExprError("no such key")


def contained(value, container):
    if isinstance(container, list):
        return any(equal(value, item) for item in container)
    if isinstance(container, dict):
        return has_key(container, value)
    raise ExprError("in needs a list or a map")


def order(left, right):
    """-1, 0, 1, or None when no order can be told (NaN)."""
    if is_number(left) and is_number(right):
        a, b = exact(left), exact(right)
        if a != a or b != b:
            return None
    elif isinstance(left, (Timestamp, Duration)) and type(left) is type(right):
        a, b = left.nanos, right.nanos
    elif isinstance(left, str) and isinstance(right, str):
        a, b = left.encode("utf-8"), right.encode("utf-8")
    elif isinstance(left, (bytes, bool)) and type(left) is type(right):
        a, b = left, right
    else:
        raise ExprError("no order between these")
    return (a > b) - (a < b)


def bounded(text):
    if len(text.encode("utf-8")) > STRING_MAX:
        raise ExprError("string too long")
    return text


def checked(value, kind):
    if kind is UInt:
        if not 0 <= value <= UINT64_MAX:
            raise ExprError("overflow")
        return UInt(value)
    if not INT64_MIN <= value <= INT64_MAX:
        raise ExprError("overflow")
    return int(value)


def same(left, right, *kinds):
    """The one of `kinds` that both are, or None."""
    for kind in kinds:
        if type(left) is kind and type(right) is kind:
            return kind
    return None


def decimals(left, right):
    """Whether they make a decimal: one is, the other is one or an int."""
    return any(isinstance(one, Dec) for one in (left, right)) and \
        all(isinstance(one, Dec) or type(one) is int for one in (left, right))


def add(left, right):
    kind = same(left, right, int, UInt)
    if kind:
        return checked(int(left) + int(right), kind)
    if decimals(left, right):
        return Dec(micro_of(left) + micro_of(right))
    if same(left, right, str):
        return bounded(left + right)
    if same(left, right, list, bytes, float):
        return left + right
    if isinstance(left, Timestamp) and isinstance(right, Duration):
        return Timestamp(left.nanos + right.nanos)
    if isinstance(left, Duration) and isinstance(right, (Timestamp, Duration)):
        return type(right)(left.nanos + right.nanos)
    raise ExprError("cannot add these")


def subtract(left, right):
    kind = same(left, right, int, UInt)
    if kind:
        return checked(int(left) - int(right), kind)
    if decimals(left, right):
        return Dec(micro_of(left) - micro_of(right))
    if same(left, right, float):
        return left - right
    if isinstance(left, Timestamp) and isinstance(right, (Timestamp, Duration)):
        return (Duration if isinstance(right, Timestamp) else Timestamp)(left.nanos - right.nanos)
    if same(left, right, Duration):
        return Duration(left.nanos - right.nanos)
    raise ExprError("cannot subtract these")


def multiply(left, right):
    kind = same(left, right, int, UInt)
    if kind:
        return checked(int(left) * int(right), kind)
    if decimals(left, right):
        product, rest = divmod(micro_of(left) * micro_of(right), MICRO)
        if rest:
            raise ExprError("more than six decimals")
        return Dec(product)
    if same(left, right, float):
        return left * right
    raise ExprError("cannot multiply these")


def divide(left, right):
    kind = same(left, right, int, UInt)
    if kind:
        if right == 0:
            raise ExprError("division by zero")
        quotient = abs(int(left)) // abs(int(right))
        return checked(-quotient if (left < 0) != (right < 0) else quotient, kind)
    if same(left, right, float):
        if right == 0:
            return float("nan") if left == 0 or left != left else float("inf") if left > 0 else float("-inf")
        return left / right
    raise ExprError("cannot divide these")


def modulo(left, right):
    kind = same(left, right, int, UInt)
    if not kind:
        raise ExprError("% takes ints")
    if right == 0:
        raise ExprError("modulus by zero")
    if left == INT64_MIN and right == -1:
        raise ExprError("overflow")
    rest = abs(int(left)) % abs(int(right))
    return checked(-rest if left < 0 else rest, kind)


def negate(value):
    if type(value) is int:
        return checked(-value, int)
    if isinstance(value, Dec):
        return Dec(-value.micro)
    if isinstance(value, float):
        return -value
    raise ExprError("cannot negate this")


ARITHMETIC = {"+": add, "-": subtract, "*": multiply, "/": divide, "%": modulo}
ORDERS = {"<": (-1,), "<=": (-1, 0), ">": (1,), ">=": (0, 1)}


def compare(word, left, right):
    if word == "in":
        return contained(left, right)
    if word in ("==", "!="):
        return equal(left, right) == (word == "==")
    return order(left, right) in ORDERS[word]


def text_of(value):
    """string(value)."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Dec):
        return plain_micro(value.micro)
    if isinstance(value, int):
        return str(int(value))
    raise ExprError("has no text")
