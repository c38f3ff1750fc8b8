"""Reads `go test -json` and prints what a reader needs: a line a package, all
output of what failed, the reason of each skip, and measurements (lines that a
test logs with "measured:").

usage: test_report.py COUNTS < json. COUNTS gets "passed failed skipped" added
as one line, and one line "skip<TAB>reason" for each skip.
"""

import collections
import json
import re
import sys


def main(counts_file):
    output = collections.defaultdict(list)  # (package, test) -> lines; test is None for the package's own
    counts = collections.Counter()
    failures, skips = [], []
    for line in sys.stdin:
        try:
            e = json.loads(line)
        except ValueError:
            print(line, end="")  # the go command's own words
            continue
        package, test, action = e.get("Package") or e.get("ImportPath"), e.get("Test"), e["Action"]
        if action in ("output", "build-output"):
            output[package, test].append(e["Output"])
            if "measured:" in e["Output"]:
                print("   " + e["Output"].strip(), flush=True)
            continue
        if action not in ("pass", "fail", "skip", "build-fail"):
            continue
        if test:
            counts[action] += 1
            if action == "fail":
                failures.append((package, test))
            elif action == "skip":
                reason = [s.strip() for s in output[package, test] if not re.match(r" *(===|---) ", s)]
                skips.append(" ".join(reason))
            else:
                del output[package, test]
            continue
        if action in ("fail", "build-fail"):
            if not any(p == package for p, _ in failures):
                counts["fail"] += 1  # it did not build, or died outside of any test
                failures.append((package, None))
        for s in output[package, None]:
            if s.startswith(("ok ", "FAIL\t")):
                print(s, end="", flush=True)
    for key in failures:
        print(f"\n--- {key[0]} {key[1] or ''}")
        print("".join(s for s in output[key] if not s.startswith("=== ")), end="")
    with open(counts_file, "a") as f:
        print(counts["pass"], counts["fail"], counts["skip"], file=f)
        for reason in skips:
            print("skip", reason, sep="\t", file=f)


main(sys.argv[1])
