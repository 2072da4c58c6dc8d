"""jinja2 set as transformers' apply_chat_template sets it (its documentation, "Writing a chat template").

Needs: pip install jinja2.
"""
import datetime
import json

import jinja2
import jinja2.ext
import jinja2.nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

DAY = datetime.datetime(2026, 11, 25)


class Generation(jinja2.ext.Extension):
    """`{% generation %} … {% endgeneration %}`: rendered as a call block, as transformers does it."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("rendered"), [], [], body).set_lineno(line)

    @jinja2.pass_eval_context
    def rendered(self, context, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def environment():
    result = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    result.filters["tojson"] = tojson
    result.globals["raise_exception"] = raise_exception
    result.globals["strftime_now"] = lambda form: DAY.strftime(form)
    return result


ENVIRONMENT = environment()


def render(template, variables):
    """The text, or None where jinja2 ends with an error or prints an address."""
    try:
        text = ENVIRONMENT.from_string(template).render(**variables)
    except Exception:
        return None
    return None if " at 0x" in text else text


def pack(value):
    """A value as JSON that keeps floats, tuples and the order of keys."""
    if isinstance(value, dict):
        return {"dict": [[key, pack(item)] for key, item in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [pack(item) for item in value]}
    if isinstance(value, list):
        return [pack(item) for item in value]
    if isinstance(value, float):
        return {"float": repr(value)}
    return value
