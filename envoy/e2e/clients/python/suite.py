"""A runner of a few lines: cases are functions, failures are tracebacks.

It is not a test framework, so that the two virtual environments hold the SDKs
and nothing else.
"""

import os
import sys
import traceback

cases = []


def case(function):
    """Register function as a case."""
    cases.append(function)
    return function


def setting(name, default=None):
    value = os.environ.get("SUITE_" + name, default)
    if value is None:
        sys.exit(f"SUITE_{name} is not set")
    return value


def equal(got, want):
    if got != want:
        raise AssertionError(f"got {got!r}, want {want!r}")


def raises(kind, status, call):
    """Expect call to raise the SDK's error kind, and nothing derived from it."""
    try:
        call()
    except kind as e:
        equal(type(e), kind)
        equal(e.status_code, status)
        return e
    raise AssertionError(f"no {kind.__name__}")


def main():
    failed = 0
    for function in cases:
        try:
            function()
        except Exception:
            failed += 1
            print(f"FAIL {function.__name__}")
            traceback.print_exc(file=sys.stdout)
    print(f"{len(cases) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
