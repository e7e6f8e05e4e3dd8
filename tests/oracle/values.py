"""Values the oracle is made of: exact decimals, times, identifiers, canonical JSON, homes."""
import base64
import datetime
import decimal
import functools
import hashlib
import json
import re

MICRO = 10 ** 6
INT64_MIN, INT64_MAX = -2 ** 63, 2 ** 63 - 1


@functools.lru_cache(maxsize=None)
def read_limits(path):
    """Bounds from limits.h, read as text: {name without SUNDER_: int}."""
    with open(path, encoding="utf-8") as file:
        found = re.findall(r"^#define\s+SUNDER_(\w+)[\s\\]+(\d+)\b", file.read(), flags=re.MULTILINE)
    return {name: int(value) for name, value in found}


class Num:
    """A JSON number as written."""
    __slots__ = ("text",)

    def __init__(self, text):
        self.text = text


class NotDecimal(Exception):
    pass


class TooLong(Exception):
    pass


DECIMAL = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")


@functools.lru_cache(maxsize=4096)
def parse_decimal(text, chars_max=64):
    """(unscaled int, scale >= 0) without trailing zeros: the exact value is unscaled / 10**scale."""
    match = DECIMAL.fullmatch(text)
    if not match:
        raise NotDecimal()
    if len(text) > chars_max:
        raise TooLong()
    sign, whole, fraction, exponent = match.groups()
    fraction, exponent = fraction or "", int(exponent or 0)
    if abs(exponent) > 64:
        raise TooLong()
    unscaled, scale = int(whole + fraction), len(fraction) - exponent
    if scale < 0:
        unscaled, scale = unscaled * 10 ** -scale, 0
    while scale > 0 and unscaled % 10 == 0:
        unscaled, scale = unscaled // 10, scale - 1
    return (-unscaled if sign else unscaled), scale


def to_micro(number):
    """Micro-units of an exact decimal, or None when it needs more than six places or int64."""
    unscaled, scale = number
    if scale > 6:
        return None
    micro = unscaled * 10 ** (6 - scale)
    return micro if INT64_MIN <= micro <= INT64_MAX else None


def plain(number):
    """Shortest plain string of an exact decimal."""
    unscaled, scale = number
    sign, digits = ("-" if unscaled < 0 else ""), str(abs(unscaled))
    if scale == 0:
        return sign + digits
    digits = digits.rjust(scale + 1, "0")
    return sign + digits[:-scale] + "." + digits[-scale:]


def plain_micro(micro):
    unscaled, scale = micro, 6
    while scale > 0 and unscaled % 10 == 0:
        unscaled, scale = unscaled // 10, scale - 1
    return plain((unscaled, scale))


TIME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
                  r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))")


def parse_time(text):
    """RFC 3339 to milliseconds since 1970, digits after the third dropped; None when it is no timestamp."""
    match = TIME.fullmatch(text)
    if not match:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, sign, zone_hour, zone_minute = match.groups()[6:]
    if hour > 23 or minute > 59 or second > 59:
        return None
    offset = 0
    if sign:
        if int(zone_hour) > 23 or int(zone_minute) > 59:
            return None
        offset = (int(zone_hour) * 60 + int(zone_minute)) * (1 if sign == "+" else -1)
    try:
        days = datetime.date(year, month, day).toordinal() - datetime.date(1970, 1, 1).toordinal()
    except ValueError:
        return None
    seconds = days * 86400 + hour * 3600 + minute * 60 + second - offset * 60
    return seconds * 1000 + int(((fraction or "") + "000")[:3])


IDENTIFIER = re.compile(rb"[A-Za-z0-9._~:/@+=#%-]{1,256}")
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@functools.lru_cache(maxsize=4096)
def is_identifier(text):
    """S42."""
    if not IDENTIFIER.fullmatch(text.encode("utf-8")):
        return False
    scheme = SCHEME.match(text)
    rest = text[scheme.end():] if scheme else text
    if "//" in rest or text.endswith("/") or (scheme and rest.startswith("/")):
        return False
    return not any(segment in (".", "..") for segment in rest.split("/"))


@functools.lru_cache(maxsize=4096)
def number_es6(text):
    """A JSON number as RFC 8785 writes it."""
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError("number out of range")
    if value == 0:
        return "0"
    sign, digits, exponent = decimal.Decimal(repr(value)).as_tuple()
    digits = "".join(str(digit) for digit in digits)
    point = len(digits) + exponent
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        out = digits + "0" * (point - count)
    elif 0 < point <= 21:
        out = digits[:point] + "." + digits[point:]
    elif -6 < point <= 0:
        out = "0." + "0" * -point + digits
    else:
        power = point - 1
        out = digits[0] + ("." + digits[1:] if count > 1 else "")
        out += "e" + ("+" if power > 0 else "-") + str(abs(power))
    return ("-" if sign else "") + out


quoted = json.encoder.encode_basestring  # As RFC 8785 writes a string.


def canonical(value):
    """RFC 8785 text of a parsed JSON value."""
    if isinstance(value, str):
        return quoted(value)
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, Num):
        return number_es6(value.text)
    if isinstance(value, list):
        return "[" + ",".join([canonical(item) for item in value]) + "]"
    names = sorted(value, key=None if all(map(str.isascii, value)) else lambda name: name.encode("utf-16-be"))
    return "{" + ",".join([quoted(name) + ":" + canonical(value[name]) for name in names]) + "}"


def digest_text(raw):
    return base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).rstrip(b"=").decode()


def murmur2(data):
    """As org.apache.kafka.common.utils.Utils.murmur2, as an unsigned 32 bit number."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = (0x9747B28C ^ len(data)) & mask
    whole = len(data) // 4 * 4
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i:i + 4], "little")
        k = k * m & mask
        k ^= k >> 24
        k = k * m & mask
        h = h * m & mask ^ k
    rest = data[whole:]
    if rest:
        h ^= int.from_bytes(rest, "little")
        h = h * m & mask
    h ^= h >> 13
    h = h * m & mask
    return h ^ h >> 15


def home(domain, partitions):
    return (murmur2(domain.encode("utf-8")) & 0x7FFFFFFF) % partitions


class Refused(Exception):
    """The whole value is not an event."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


def _pairs(pairs):
    out = {}
    for name, value in pairs:
        if name in out:
            raise Refused("malformed")
        out[name] = value
    return out


def _constant(_):
    raise Refused("malformed")


DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_float=Num, parse_int=Num, parse_constant=_constant, strict=True)
SURROGATE, ESCAPED = re.compile("[\ud800-\udfff]"), re.compile(r"\\u[dD][89a-fA-F]")


def _depth(value):
    if isinstance(value, dict):
        return 1 + max((_depth(item) for item in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((_depth(item) for item in value), default=0)
    return 0


def _has_surrogate(value):
    if isinstance(value, str):
        return bool(SURROGATE.search(value))
    if isinstance(value, dict):
        return any(_has_surrogate(name) or _has_surrogate(item) for name, item in value.items())
    if isinstance(value, list):
        return any(_has_surrogate(item) for item in value)
    return False


def parse_json(raw, limits):
    """The parsed value of one record, numbers as Num; raises Refused."""
    if len(raw) > limits["EVENT_BYTES_MAX"]:
        raise Refused("limit_reached")
    try:
        text = raw.decode("utf-8")
        value = DECODER.decode(text)
    except RecursionError:
        raise Refused("limit_reached") from None
    except ValueError:
        raise Refused("malformed") from None
    depth = limits["EVENT_DEPTH_MAX"]
    if text.count("{") + text.count("[") > depth and _depth(value) > depth:
        raise Refused("limit_reached")
    if ESCAPED.search(text) and _has_surrogate(value):
        raise Refused("malformed")
    return value
