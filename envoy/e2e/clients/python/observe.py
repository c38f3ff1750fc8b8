"""Observations: each scenario's result, as its SDK showed it, one JSON line each.

It judges nothing. Whoever runs a suite twice compares what it printed.
"""

import json
import os
import sys

HELLO = [{"role": "user", "content": "hello there gateway"}]
CITY = [{"role": "user", "content": "New York"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = [{"type": "function", "function": {"name": "get_weather", "description": "Weather of a city", "parameters": SCHEMA}}]


def setting(name):
    value = os.environ.get("SUITE_" + name)
    if value is None:
        sys.exit(f"SUITE_{name} is not set")
    return value


def tool(name, arguments):
    """A tool call; arguments may be the model's text."""
    return {"name": name, "arguments": json.loads(arguments) if isinstance(arguments, str) else arguments}


def usage(of, input_name, output_name):
    return of and {"input": getattr(of, input_name), "output": getattr(of, output_name)}


def whole(o):
    """All that the SDK read from the answer, and nothing that it only filled in."""
    return o.model_dump(mode="json", exclude_unset=True, warnings=False)


def failure(e):
    response = getattr(e, "response", None)
    return {"class": type(e).__name__, "status": getattr(e, "status_code", None), "code": getattr(e, "code", None),
            "message": str(e), "body": getattr(e, "body", None),
            "retry_after": response.headers.get("retry-after") if response is not None else None}


def observe(scenarios):
    """Print what each of scenarios, a name and a function each, returns or raises."""
    for name, run in scenarios.items():
        try:
            observed = run()
        except Exception as e:
            observed = {"error": failure(e)}
        print(json.dumps({"scenario": name, "observed": observed}), flush=True)
