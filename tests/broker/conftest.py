from fixtures import *  # noqa: F401,F403 - fixtures and hooks are found by name
from stream import stream  # noqa: F401
