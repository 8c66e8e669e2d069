"""What a schema can't say, said to schemathesis: whole numbers without a fraction, rules between two fields, a SKU that is on sale.

What is made up is changed only where it fits the schema: what is to be refused stays as it is.
"""

import re

import schemathesis

SKU = re.compile(r"[A-Za-z0-9._-]{1,64}")
TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d.*")
ON_SALE = "demo"
DAY_MS = 86_400_000


@schemathesis.hook
def map_body(context, body):
    return mapped(body)


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    return mapped(path_parameters)


def mapped(value, may_sell=True):
    # To a schema 31.0 is a whole number, and to the contract it is not.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        # One line at most: lines of one SKU are summed, and their sum has a bound.
        return [mapped(item, may_sell and place == 0) for place, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    value = {name: mapped(item, may_sell) for name, item in value.items()}
    if may_sell and is_text(SKU, value.get("sku")) and len(value["sku"]) % 2 and "stock" not in value:
        value["sku"] = ON_SALE
    # The longest hold is the cluster's own setting.
    if isinstance(value.get("hold_ttl_ms"), int) and value["hold_ttl_ms"] > DAY_MS:
        value["hold_ttl_ms"] %= DAY_MS
    # A sale closes after it opens.
    if is_text(TIME, value.get("opens_at")) and is_text(TIME, value.get("closes_at")):
        del value["closes_at"]
    return value


def is_text(pattern, value):
    return isinstance(value, str) and pattern.fullmatch(value) is not None
