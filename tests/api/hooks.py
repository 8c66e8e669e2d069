"""What a schema can't say, said to schemathesis: whole numbers without a fraction, and a SKU that is on sale."""

import re

import schemathesis

SKU = re.compile(r"[A-Za-z0-9._-]{1,64}")
ON_SALE = "demo"


@schemathesis.hook
def map_body(context, body):
    return mapped(body)


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    return mapped(path_parameters)


def mapped(value):
    """To a schema 31.0 is a whole number, and to the contract it is not. Where a good name stands, every other one is of the SKU on sale."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [mapped(item) for item in value]
    if isinstance(value, dict):
        return {name: on_sale(item) if name == "sku" else mapped(item) for name, item in value.items()}
    return value


def on_sale(name):
    is_good = isinstance(name, str) and SKU.fullmatch(name)
    return ON_SALE if is_good and len(name) % 2 else name
