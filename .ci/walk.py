"""Runs the README's commands, as they stand there, in a fresh clone.

Every ```sh block of the sections "Quick start" and "From nothing to an answer"
is run. Three things differ from a newcomer's walk: the provider is the fake
one, so its URL is added to the setting, its address is allowed, and the words
in capitals (YOUR_OPENAI_KEY, SETTING_ID, BRICKS_KEY, KEY_ID, POLICY_ID) are
filled in from the answers, as a reader would.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SECTIONS = ("Quick start", "From nothing to an answer")
READY_WITHIN = 300  # seconds: it builds and fetches Envoy


def commands(readme):
    """The commands of the sections' sh blocks; a backslash or an open quote continues one."""
    found = []
    for title in SECTIONS:
        section = re.search(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", readme, re.S | re.M)
        if not section:
            sys.exit(f"README.md has no section {title!r}")
        for block in re.findall(r"^```sh\n(.*?)^```$", section.group(1), re.S | re.M):
            command = ""
            for line in block.splitlines():
                if not command and (not line.strip() or line.startswith("#")):
                    continue
                command += line + "\n"
                if line.endswith("\\") or command.count("'") % 2:
                    continue
                found.append(command.strip())
                command = ""
    return found


def read_json_line(process, event, within):
    """The first line of JSON with this event that process prints, within seconds."""
    deadline = time.monotonic() + within
    os.set_blocking(process.stdout.fileno(), False)
    text = b""
    while time.monotonic() < deadline:
        text += process.stdout.read() or b""
        for line in text.splitlines():
            if line.startswith(b'{') and f'"event":"{event}"'.encode() in line:
                return json.loads(line)
        if process.poll() is not None:
            break
        time.sleep(0.05)
    sys.exit(f"no {event} line; printed:\n{text.decode(errors='replace')}")


def run(command, clone):
    print("$", command, flush=True)
    done = subprocess.run(["bash", "-c", command.replace("curl ", "curl -sS --fail-with-body ")], cwd=clone, capture_output=True, text=True, timeout=60)
    print(done.stdout.strip()[:2000], flush=True)
    if done.returncode:
        sys.exit(f"exit status {done.returncode}: {done.stderr}")
    return done.stdout


def walk(clone, fake):
    known = {"YOUR_OPENAI_KEY": fake["openai_key"]}
    gateway = None
    try:
        for command in commands((clone / "README.md").read_text()):
            for name, value in known.items():
                if name.isupper():
                    command = command.replace(name, value)
            if command == "make run":
                print("$", command, flush=True)
                variables = {k: v for k, v in os.environ.items() if k != "ENVOY_PATH"}
                variables["ALLOWED_PRIVATE_UPSTREAMS"] = fake["url"].removeprefix("http://")
                # A session of its own, so that the interrupt reaches what a terminal's Ctrl-C would.
                gateway = subprocess.Popen(["make", "run"], cwd=clone, env=variables, stdout=subprocess.PIPE, start_new_session=True)
                start = time.monotonic()
                read_json_line(gateway, "ready", READY_WITHIN)
                print(f"ready after {time.monotonic() - start:.1f} s", flush=True)
                drain(gateway)
                continue
            command = command.replace('"setting":{', '"setting":{"url":"%s",' % fake["url"])
            learn(run(command, clone), known)
            # An event is in the store a moment after its answer, as a reader's next command is.
            deadline = time.monotonic() + 5
            while known.get("events") == "0" and time.monotonic() < deadline:
                time.sleep(0.1)
                learn(run(command, clone), known)
        check(known)
    finally:
        if gateway:
            os.killpg(gateway.pid, signal.SIGINT)
            gateway.wait(timeout=60)
            print("stopped", flush=True)


def drain(process):
    """Keep reading what process prints, or it would stop when the pipe is full."""
    os.set_blocking(process.stdout.fileno(), True)
    import threading

    threading.Thread(target=lambda: [None for _ in process.stdout], daemon=True).start()


def learn(output, known):
    """Take from an answer what later commands need."""
    try:
        answer = json.loads(output)
    except ValueError:
        known["streamed"] = known.get("streamed", "") + output
        return
    if "apiKeyMask" in answer:
        known["SETTING_ID"] = answer["id"]
    elif "regexConfig" in answer:
        known["POLICY_ID"] = answer["id"]
    elif "spans" in answer:
        known["found"] = answer["spans"][0]["type"]
    elif answer.get("policyId"):
        known["policy"] = answer["policyId"]
    elif "keyId" in answer:
        known["BRICKS_KEY"], known["KEY_ID"] = answer["key"], answer["keyId"]
    elif "choices" in answer:
        known["answer"] = answer["choices"][0]["message"]["content"]
    elif "events" in answer:
        known["events"] = str(len(answer["events"]))


def check(known):
    if not known.get("answer", "").startswith("You said: "):
        sys.exit("the README's call got no answer")
    if not known.get("streamed", "").strip().endswith("data: [DONE]"):
        sys.exit("the README's stream did not come to its end")
    if known.get("events", "0") == "0":
        sys.exit("the README's command for events shows none")
    if known.get("policy") != known.get("POLICY_ID", "none"):
        sys.exit("the README's key has no policy")
    if known.get("found") != "email":
        sys.exit("the README's scan finds nothing")


def main():
    with tempfile.TemporaryDirectory(prefix="bricks-walk-") as directory:
        clone = pathlib.Path(directory) / "bricks"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        program = pathlib.Path(directory) / "fakeprovider"
        subprocess.run(["go", "build", "-o", str(program), "./internal/fakeprovider/cmd/fakeprovider"], cwd=clone, check=True)
        fake = subprocess.Popen([str(program)], stdout=subprocess.PIPE)
        try:
            walk(clone, read_json_line(fake, "ready", 30))
        finally:
            fake.terminate()
        if fake.wait(timeout=10):
            sys.exit("the provider saw what it must not see: " + (fake.stdout.read() or b"").decode())
    print("README walk: 1 passed, 0 failed")


if __name__ == "__main__":
    main()
