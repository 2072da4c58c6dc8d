"""Remakes Tests/JinjaTests/Fixtures: what jinja2, set as transformers sets it, renders.

Needs: pip install jinja2. Run anywhere: python scripts/make_template_fixtures.py
"""
import json
import pathlib

from jinja_expressions import EXPRESSIONS, VARIABLES
from jinja_reference import pack, render
from jinja_shapes import SHAPES, conversations
from jinja_statements import STATEMENTS

FIXTURES = pathlib.Path(__file__).parent.parent / "Tests/JinjaTests/Fixtures"


def write(name, value):
    (FIXTURES / name).write_text(json.dumps(value, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


def table(templates):
    return {
        "variables": bindings(VARIABLES),
        "cases": [{"template": template, "text": render(template, VARIABLES)} for template in templates],
    }


def bindings(values):
    return [[key, pack(value)] for key, value in values.items()]


def shapes():
    """Every shape's text for every conversation, None where the template or jinja2 ends with an error."""
    cases = list(conversations())
    return {
        "conversations": [bindings(values) for values in cases],
        "shapes": [{
            "name": name, "template": template, "tokens": bindings(tokens),
            "texts": [render(template, {**tokens, **values}) for values in cases],
        } for name, (template, tokens) in SHAPES.items()],
    }


def main():
    FIXTURES.mkdir(parents=True, exist_ok=True)
    write("expressions.json", table(["{{ " + line + " }}" for line in EXPRESSIONS]))
    write("statements.json", table(STATEMENTS))
    write("shapes.json", shapes())


if __name__ == "__main__":
    main()
