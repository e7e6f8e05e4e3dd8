#!/usr/bin/env python3
"""The CloudTrail sample is what its generator writes.

usage: sample.py FOLDER
"""
import os
import subprocess
import sys


def main(folder):
    written = subprocess.run([sys.executable, os.path.join(folder, "generate.py")], capture_output=True, check=True).stdout
    with open(os.path.join(folder, "cloudtrail.json"), "rb") as file:
        same = file.read() == written
    print("same bytes" if same else "cloudtrail.json is not what generate.py writes: run it again")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
