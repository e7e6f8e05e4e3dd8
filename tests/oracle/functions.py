"""The functions of CEL that conditions may call, and those of `history`."""
import calendar
import datetime
import re

from operators import (MICRO, NANOS, Dec, Duration, ExprError, Timestamp, Type, UInt, bounded, checked, contained, equal,
                       is_number, negate, order, read, text_of, type_of)
from values import NotDecimal, TooLong, parse_decimal, to_micro

EPOCH = datetime.datetime(1970, 1, 1)


def need(value, *kinds):
    if not any(type(value) is kind for kind in kinds):
        raise ExprError(f"unexpected {type_of(value)}")
    return value


def ascii_fold(text, lower):
    first, last, shift = ("A", "Z", 32) if lower else ("a", "z", -32)
    return "".join(chr(ord(c) + shift) if first <= c <= last else c for c in need(text, str))


# ---- texts

def size(value):
    return len(need(value, str, bytes, list, dict))


def char_at(text, index):
    if not 0 <= need(index, int) <= len(need(text, str)):
        raise ExprError("index out of range")
    return text[index:index + 1]


def index_of(text, part, start=0):
    need(text, str), need(part, str)
    if not 0 <= need(start, int) <= len(text):
        raise ExprError("index out of range")
    return text.find(part, start)


def last_index_of(text, part, start=None):
    need(text, str), need(part, str)
    if start is not None and not 0 <= need(start, int) <= len(text):
        raise ExprError("index out of range")
    return text.rfind(part) if start is None else text.rfind(part, 0, start + len(part))


def replace(text, old, new, count=-1):
    return bounded(need(text, str).replace(need(old, str), need(new, str), max(-1, need(count, int))))


def split(text, separator, count=-1):
    need(text, str), need(separator, str)
    if need(count, int) == 0:
        return []
    if separator:
        return text.split(separator, count - 1 if count > 0 else -1)
    parts = list(text)
    return parts if count < 0 or len(parts) <= count else parts[:count - 1] + ["".join(parts[count - 1:])]


def substring(text, start, end=None):
    end = len(need(text, str)) if end is None else need(end, int)
    if not 0 <= need(start, int) <= end <= len(text):
        raise ExprError("index out of range")
    return text[start:end]


def join(items, separator=""):
    return bounded(need(separator, str).join(need(one, str) for one in need(items, list)))


def matches(text, pattern):
    return re.search(need(pattern, str), need(text, str)) is not None


# ---- lists and sets

def distinct(items):
    out = []
    for item in need(items, list):
        if not any(equal(item, other) for other in out):
            out.append(item)
    return out


def sort(items):
    out = []
    for item in need(items, list):
        at = len(out)
        while at > 0 and order(item, out[at - 1]) == -1:
            at -= 1
        out.insert(at, item)
    return out


def cut(items, start, end):
    if not 0 <= need(start, int) <= need(end, int) <= len(need(items, list)):
        raise ExprError("index out of range")
    return items[start:end]


def flatten(items, depth=1):
    if need(depth, int) < 0:
        raise ExprError("negative depth")
    out = []
    for item in need(items, list):
        out += flatten(item, depth - 1) if isinstance(item, list) and depth > 0 else [item]
    return out


def end_of(items, index):
    if not need(items, list):
        raise ExprError("empty list")
    return read(items[index])


def extreme(sign, *values):
    if len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    if not values or not all(is_number(one) for one in values):
        raise ExprError("numbers expected")
    best = values[0]
    for one in values[1:]:
        if order(one, best) == sign:
            best = one
    return best


def absolute(value):
    if not is_number(value):
        raise ExprError("number expected")
    return negate(value) if order(value, 0) == -1 else value


# ---- conversions

def to_int(value):
    if isinstance(value, Timestamp):
        return value.nanos // NANOS
    if type(value) is str:
        if not re.fullmatch(r"-?[0-9]+", value):
            raise ExprError("not a number")
        return checked(int(value), int)
    if isinstance(value, Dec):
        return -(-value.micro // MICRO) if value.micro < 0 else value.micro // MICRO
    return checked(int(number(value)), int)


def to_uint(value):
    if type(value) is str:
        if not re.fullmatch(r"[0-9]+", value):
            raise ExprError("not a number")
        return checked(int(value), UInt)
    return checked(to_int(value) if isinstance(value, Dec) else int(number(value)), UInt)


def number(value):
    need(value, int, UInt, float)
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        raise ExprError("no number")
    return value


def to_double(value):
    if type(value) is str:
        try:
            return float(value)
        except ValueError:
            raise ExprError("not a number") from None
    return value.micro / MICRO if isinstance(value, Dec) else float(need(value, int, UInt, float))


def to_decimal(value):
    if type(value) is str:
        try:
            micro = to_micro(parse_decimal(value))
        except (NotDecimal, TooLong):
            raise ExprError("not a decimal") from None
        if micro is None:
            raise ExprError("not exact in six places")
        return Dec(micro)
    return value if isinstance(value, Dec) else Dec(need(value, int, UInt) * MICRO)


def to_string(value):
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            raise ExprError("invalid UTF-8") from None
    if isinstance(value, Timestamp):
        seconds, nanos = divmod(value.nanos, NANOS)
        moment = (EPOCH + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
        return moment + (f".{nanos:09d}".rstrip("0") if nanos else "") + "Z"
    if isinstance(value, Duration):
        seconds, nanos = divmod(abs(value.nanos), NANOS)
        return ("-" if value.nanos < 0 else "") + str(seconds) + (f".{nanos:09d}".rstrip("0") if nanos else "") + "s"
    return text_of(value)


def to_bool(value):
    if isinstance(value, str):
        for words, truth in ((("1", "t", "T", "true", "TRUE", "True"), True), (("0", "f", "F", "false", "FALSE", "False"), False)):
            if value in words:
                return truth
    return need(value, bool)


STAMP = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?(Z|[+-][0-9]{2}:[0-9]{2})")
PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?(ns|us|ms|s|m|h)")
UNITS = {"ns": 1, "us": 1000, "ms": 10 ** 6, "s": NANOS, "m": 60 * NANOS, "h": 3600 * NANOS}


def to_timestamp(value):
    if isinstance(value, Timestamp):
        return value
    if type(value) is int:
        return Timestamp(value * NANOS)
    match = STAMP.fullmatch(need(value, str))
    if not match:
        raise ExprError("not a timestamp")
    try:
        moment = datetime.datetime.strptime(match.group(1), "%Y-%m-%dT%H:%M:%S")
    except ValueError:
        raise ExprError("not a timestamp") from None
    seconds = calendar.timegm(moment.timetuple()) - offset_of(match.group(3))
    return Timestamp(seconds * NANOS + int((match.group(2) or "").ljust(9, "0")))


def to_duration(value):
    if isinstance(value, Duration):
        return value
    text = need(value, str).lstrip("+-") if value[:1] in ("+", "-") else need(value, str)
    at, nanos = 0, 0
    while at < len(text):
        match = PART.match(text, at)
        if not match or not (match.group(1) or match.group(2)):
            raise ExprError("not a duration")
        unit = UNITS[match.group(3)]
        nanos += int(match.group(1) or 0) * unit + int((match.group(2) or "").ljust(9, "0")[:9]) * unit // NANOS
        at = match.end()
    if not text:
        raise ExprError("not a duration")
    return Duration(-nanos if value.startswith("-") else nanos)


def offset_of(zone):
    """Seconds east of UTC; zones by name are refused."""
    if zone in ("UTC", "Z"):
        return 0
    match = re.fullmatch(r"([+-]?)([0-9]{2}):([0-9]{2})", zone)
    if not match:
        raise ExprError("unknown time zone")
    return (int(match.group(2)) * 3600 + int(match.group(3)) * 60) * (-1 if match.group(1) == "-" else 1)


def getter(of_moment, of_duration=None):
    def run(value, zone="UTC"):
        if isinstance(value, Duration) and of_duration:
            return of_duration(value.nanos)
        nanos = need(value, Timestamp).nanos + offset_of(need(zone, str)) * NANOS
        try:
            return of_moment(EPOCH + datetime.timedelta(seconds=nanos // NANOS), nanos % NANOS)
        except OverflowError:
            raise ExprError("timestamp out of range") from None
    return run


def toward_zero(nanos, unit):
    return -(-nanos // unit) if nanos < 0 else nanos // unit


GETTERS = {
    "getFullYear": getter(lambda moment, _: moment.year), "getMonth": getter(lambda moment, _: moment.month - 1),
    "getDate": getter(lambda moment, _: moment.day), "getDayOfMonth": getter(lambda moment, _: moment.day - 1),
    "getDayOfWeek": getter(lambda moment, _: moment.isoweekday() % 7),
    "getDayOfYear": getter(lambda moment, _: moment.timetuple().tm_yday - 1),
    "getHours": getter(lambda moment, _: moment.hour, lambda nanos: toward_zero(nanos, 3600 * NANOS)),
    "getMinutes": getter(lambda moment, _: moment.minute, lambda nanos: toward_zero(nanos, 60 * NANOS)),
    "getSeconds": getter(lambda moment, _: moment.second, lambda nanos: toward_zero(nanos, NANOS)),
    "getMilliseconds": getter(lambda _, nanos: nanos // 10 ** 6,
                              lambda nanos: toward_zero(nanos - toward_zero(nanos, NANOS) * NANOS, 10 ** 6)),
}


# ---- history

class History:
    """Counting facts of one subject under one key, without the new intent."""

    def __init__(self, facts, now):
        self.facts, self.now = facts, now

    def has(self, duty):
        return any(need(duty, str) in fact.act.duties for fact in self.facts)

    def count(self, duty=None):
        return len(self.facts) if duty is None else sum(1 for fact in self.facts if need(duty, str) in fact.act.duties)

    def sum(self, duty=None):
        return Dec(sum(max(0, fact.act.amount or 0) for fact in self.facts if duty is None or need(duty, str) in fact.act.duties))

    def agents(self):
        return sorted({fact.act.agent for fact in self.facts}, key=str.encode)

    def since(self, length):
        nanos = need(length, Duration).nanos
        return History([fact for fact in self.facts if (self.now - fact.t) * 10 ** 6 < nanos], self.now)


def of_history(name):
    def run(history, *arguments):
        return getattr(need(history, History), name)(*arguments)
    return run


# name -> [(least, most arguments, what it does)]; a method's receiver is the first argument
GLOBAL = {
    "size": (1, 1, size), "int": (1, 1, to_int), "uint": (1, 1, to_uint), "double": (1, 1, to_double),
    "decimal": (1, 1, to_decimal), "string": (1, 1, to_string), "bool": (1, 1, to_bool), "dyn": (1, 1, lambda value: value),
    "bytes": (1, 1, lambda value: value if isinstance(value, bytes) else need(value, str).encode("utf-8")),
    "type": (1, 1, lambda value: Type(type_of(value))), "timestamp": (1, 1, to_timestamp), "duration": (1, 1, to_duration),
    "matches": (2, 2, matches),
    "math.least": (1, 99, lambda *values: extreme(-1, *values)), "math.greatest": (1, 99, lambda *values: extreme(1, *values)),
    "math.abs": (1, 1, absolute),
    "sets.contains": (2, 2, lambda whole, part: all(contained(one, need(whole, list)) for one in need(part, list))),
    "sets.intersects": (2, 2, lambda a, b: any(contained(one, need(b, list)) for one in need(a, list))),
    "sets.equivalent": (2, 2, lambda a, b: all(contained(one, need(b, list)) for one in need(a, list))
                        and all(contained(one, a) for one in b)),
}
METHODS = {
    "size": (1, 1, size), "matches": (2, 2, matches), "contains": (2, 2, lambda a, b: need(b, str) in need(a, str)),
    "startsWith": (2, 2, lambda a, b: need(a, str).startswith(need(b, str))),
    "endsWith": (2, 2, lambda a, b: need(a, str).endswith(need(b, str))),
    "lowerAscii": (1, 1, lambda text: ascii_fold(text, True)), "upperAscii": (1, 1, lambda text: ascii_fold(text, False)),
    "charAt": (2, 2, char_at), "indexOf": (2, 3, index_of), "lastIndexOf": (2, 3, last_index_of), "replace": (3, 4, replace),
    "split": (2, 3, split), "substring": (2, 3, substring), "join": (1, 2, join),
    "trim": (1, 1, lambda text: need(text, str).strip()),
    "reverse": (1, 1, lambda value: need(value, str, list)[::-1]), "distinct": (1, 1, distinct), "sort": (1, 1, sort),
    "slice": (3, 3, cut), "flatten": (1, 2, flatten), "first": (1, 1, lambda items: end_of(items, 0)),
    "last": (1, 1, lambda items: end_of(items, -1)),
    "has": (2, 2, of_history("has")), "count": (1, 2, of_history("count")), "sum": (1, 2, of_history("sum")),
    "agents": (1, 1, of_history("agents")), "since": (2, 2, of_history("since")),
    **{name: (1, 2, run) for name, run in GETTERS.items()},
}
