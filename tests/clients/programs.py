"""The clients of other languages: how each is made ready, and run as PROGRAM BOOTSTRAP TOPIC FILE."""
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


class Missing(Exception):
    """A toolchain is not on this machine, or cannot get what it needs."""


def need(program):
    path = shutil.which(program)
    if path is None:
        raise Missing(f"there is no {program} on PATH")
    return path


def make(command, folder, seconds=300, **environment):
    try:
        done = subprocess.run(command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True,
                              timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise Missing(f"{' '.join(command)} took over {seconds} s") from error
    if done.returncode != 0:
        raise Missing(f"{' '.join(command)}: exit code {done.returncode}: {(done.stderr or done.stdout)[-1500:]}")
    return done.stdout


def copied(name, build):
    """A copy of a client's sources in the build folder, so that nothing is installed into the tree."""
    target = os.path.join(build, "clients", name)
    shutil.copytree(os.path.join(HERE, name), target, dirs_exist_ok=True)
    return target


def kcat(_):
    path = need("kcat")
    return lambda bootstrap, topic, file: [
        path, "-P", "-b", bootstrap, "-t", topic, "-K", "\t", "-Z", "-X", "enable.idempotence=true", "-l", file]


def python(_):
    return lambda bootstrap, topic, file: [sys.executable, os.path.join(HERE, "python_client.py"), bootstrap, topic, file]


def node(build):
    path, folder = need("node"), copied("kafkajs", build)
    make([need("npm"), "ci", "--no-audit", "--no-fund", "--loglevel=error"], folder)
    return lambda bootstrap, topic, file: [path, os.path.join(folder, "publish.js"), bootstrap, topic, file]


def go(build):
    path, folder = need("go"), copied("franz-go", build)
    program = os.path.join(folder, "publish")
    make([path, "build", "-mod=readonly", "-o", program, "."], folder, GOFLAGS="", GOTOOLCHAIN="local", CGO_ENABLED="0")
    return lambda bootstrap, topic, file: [program, bootstrap, topic, file]


def java(build):
    path, folder = need("java"), copied("kafka-clients", build)
    script = os.environ.get("SUNDER_KAFKA_LOCAL") or os.path.join(HERE, "..", "..", "ops", "kafka", "kafka-local")
    classes = os.path.join(make([script, "jars"], folder).strip(), "*")
    make([need("javac"), "-cp", classes, "Publish.java"], folder)
    return lambda bootstrap, topic, file: [path, "-Xmx256m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp",
                                           f"{classes}:{folder}", "Publish", bootstrap, topic, file]


CLIENTS = {"kcat": kcat, "python": python, "node": node, "go": go, "java": java}
