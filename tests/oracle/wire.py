"""JSON as the generator writes it: numbers exactly as given."""
from json.encoder import encode_basestring as quoted


class Raw:
    """A number as it is to appear."""

    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text


def dump(value):
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, dict):
        return "{" + ",".join([quoted(name) + ":" + dump(item) for name, item in value.items()]) + "}"
    if isinstance(value, list):
        return "[" + ",".join([dump(item) for item in value]) + "]"
    return "null" if value is None else str(value).lower()
