"""Prints what genai-prices says that usages cost.

Reads {"providers": [...], "cases": [{"name", "usage", "terms"}]} and prints
{provider: {model: {case: dollars}}}. A case with terms is left out for models
that have no prices of their own for them.
"""
import datetime
import json
import sys
import warnings

from genai_prices import Usage, calc_price
from genai_prices.data import providers

# When the list that is checked was current.
WHEN = datetime.datetime(2026, 11, 2, 15, tzinfo=datetime.timezone.utc)


def cost(provider, model, case):
    terms = case["terms"]
    if terms and not any(v.when == terms for v in model.price_variants or []):
        return None
    try:
        price = calc_price(
            Usage(**case["usage"]), model_ref=model.id, provider_id=provider.id,
            genai_request_timestamp=WHEN, price_context=terms or None,
        )
    except (LookupError, ValueError, TypeError):
        return None
    # Another entry may match this one's name; it is compared under its own.
    return str(price.total_price) if price.model.id == model.id else None


def main():
    warnings.simplefilter("ignore")
    asked = json.load(sys.stdin)
    out = {}
    for provider in providers:
        if provider.id not in asked["providers"]:
            continue
        for model in provider.models:
            costs = {c["name"]: cost(provider, model, c) for c in asked["cases"]}
            out.setdefault(provider.id, {})[model.id] = {k: v for k, v in costs.items() if v is not None}
    json.dump(out, sys.stdout)


main()
