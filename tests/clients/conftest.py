import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "broker"))

from fixtures import *  # noqa: E402,F401,F403 - fixtures and hooks are found by name
