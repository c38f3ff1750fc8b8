"""What a schema cannot say: members that go together, and objects that must exist.

Requests that are valid by the document are edited so that they also keep those
rules, and must then be taken. Requests that are not valid stay as they are.
BRICKS_TEST_OBJECTS is JSON: the ids of a setting and a policy that stay alive, and
the url of what stands in for the provider.
"""

import json
import os
import uuid

import schemathesis

OBJECTS = json.loads(os.environ["BRICKS_TEST_OBJECTS"])
LONGEST_REPORT = 86400 * 1000  # seconds
PAIRS = (("costLimitInUsdOverTime", "costLimitInUsdUnit"), ("rateLimitOverTime", "rateLimitUnit"))


@schemathesis.hook
def before_call(context, case, kwargs):
    parameters = case.path_parameters or {}
    if case.method.upper() == "DELETE":  # the others build on these
        for name, value in parameters.items():
            if value in OBJECTS.values():
                parameters[name] = str(uuid.uuid4())
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    operation = case.operation.definition.raw["operationId"]
    query = case.query or {}
    body = case.body if isinstance(case.body, dict) else {}
    for values in (query, body):
        in_order(values, "start", "end")
        in_order(values, "from", "to")
        if operation != "listAudit":
            values.pop("cursor", None)  # only the API can make one
    rule = RULES.get(operation)
    if rule:
        rule(body, query)
    if query:
        case.query = query


def in_order(values, low, high):
    both = all(values.get(name) not in (None, "") for name in (low, high))
    if both and float(values[low]) > float(values[high]):
        values[low], values[high] = values[high], values[low]


def replace(values, name, value):
    """Gives a member that says something another value."""
    if values.get(name):
        values[name] = value


def limits(body):
    for name in ("costLimitInUsd", "costLimitInUsdOverTime"):
        if isinstance(body.get(name), float):
            body[name] = round(body[name], 9)
    for amount, unit in PAIRS:
        if body.get(amount) is None or body.get(unit) is None:
            body.pop(amount, None)
            body.pop(unit, None)
    replace(body, "ttl", "24h")
    if not body.get("revoked"):
        body.pop("revokedReason", None)


def key(body, query):
    limits(body)
    body.pop("settingId", None)
    body["settingIds"] = [OBJECTS["setting"]]
    replace(body, "policyId", OBJECTS["policy"])


def key_patch(body, query):
    key(body, query)
    body.pop("key", None)  # must be what it is


def rotation(body, query):
    replace(body, "gracePeriod", "1h")


def user(body, query):
    limits(body)
    for name in ("tag", "tags", "keyIds"):  # must be in the body
        query.pop(name, None)
    if "keyIds" in body:
        body["keyIds"] = []
    if len((body.get("userId") or "").encode()) > 256:
        body["userId"] = "spike"


def user_by_name(body, query):
    user(body, {})
    if not query.get("userId") and not any(query.get("tags") or []):
        query["userId"] = "nobody"


def setting(body, query):
    body.update(provider="openai", setting={"apikey": "sk-0123456789abcdef", "url": OBJECTS["url"]})


def setting_patch(body, query):
    body.pop("provider", None)
    if "setting" in body:
        body["setting"] = {"apiKey": "sk-0123456789abcdef"}


def custom_provider(body, query):
    if "provider" in body:
        body["provider"] = ("c" + body["provider"])[:64]  # none of the gateway's own
    for number, route in enumerate(body.get("route_configs") or []):
        route.update(path=f"/p{number}", target_url="https://example.com/v1/chat/completions")
        for name in list(route):
            if name.endswith("_location"):
                replace(route, name, "choices.#.text")
    header = body.pop("authentication_header", None)
    body.pop("authentication_query", None)
    replace(body, "authentication_param", "token")
    if header and body.get("authentication_param"):
        body["authentication_header"] = "x-acme-key"


def custom_provider_patch(body, query):
    custom_provider(body, query)
    body.pop("provider", None)
    if not body.get("authentication_param", True):
        body.update(authentication_header="", authentication_query="")


def policy(body, query):
    for rule in (body.get("regexConfig") or {}).get("rules") or []:
        rule["definition"] = "ACME-[0-9]{6}"


def route(body, query):
    if "steps" in body:
        body["steps"] = [{"provider": "openai", "model": "gpt-4o-mini", "retries": step.get("retries"), "timeout": "5s"} for step in body["steps"]]
    if "keyIds" in body:
        body["keyIds"] = []
    replace(body.get("cacheConfig") or {}, "ttl", "1h")


def price(body, query):
    body["prices"] = {"input_cost_per_token": 0.000001, "output_cost_per_token": 0}


def report(body, query):
    body["end"] = min(body["end"], body["start"] + LONGEST_REPORT)
    if "increment" in body:
        body["increment"] = max(body["increment"], 86400)


def events(body, query):
    if any(query.get("keyIds") or []):
        query["start"] = query.get("start") or 0
        query["end"] = query.get("end") or 253402300799
        in_order(query, "start", "end")


def anchor(body, query):
    query.pop("anchor", None)  # only the API can make one


RULES = {
    "createKey": key, "postKey": key, "updateKey": key_patch, "rotateKey": rotation,
    "createUser": user, "putUser": user, "updateUser": user, "updateUserByName": user_by_name,
    "createProviderSetting": setting, "putProviderSetting": setting, "updateProviderSetting": setting_patch,
    "createCustomProvider": custom_provider, "updateCustomProvider": custom_provider_patch,
    "createPolicy": policy, "updatePolicy": policy,
    "createRoute": route, "updateRoute": route,
    "putModelPrice": price, "putSettingModelPrice": price,
    "reportEvents": report, "reportEventsByDay": report, "listEvents": events, "verifyAudit": anchor,
}
