"""Random templates and conversations for templates.py.

Expressions are mostly of the type that their place asks for, so that few cases are errors.
"""

TEXTS = ["", "a", " a b ", "\n\nHi\n", "<|im_end|>", "e\u0301", "\U0001f600x", "don't \"say\" \\", "A-B c_d", "straße Σ",
         "<think>\nx\n</think>\n\ny", "1", "12.5", "\u00a0z\u2028", "[INST] x [/INST]", "x,y,,z", "İ ǆ ﬁ", "user", "ΑΣ. Σ"]
ROLES = ["user", "assistant", "system", "tool", "User"]
STRINGS = ["''", "'a'", "\"b\"", "'\\n'", "' '", "'<|x|>'", "'role'", "'user'", "'system'", "'é'", "', '", "'\\u00e9'", "'a' 'b'"]
TEXT_FILTERS = ["trim", "upper", "lower", "title", "capitalize", "reverse", "default('d')", "default('d', true)", "tojson",
                "replace('a', 'b')", "replace('', '-', 2)", "trim('a ')", "indent", "indent(2, true)", "center(9)", "truncate(5)",
                "string", "first", "last", "tojson(ensure_ascii=true)", "list | join('-')", "d('x')"]
TEXT_METHODS = ["strip()", "lstrip()", "rstrip()", "strip('a\\n')", "lstrip('\\n')", "upper()", "lower()", "title()",
                "capitalize()", "split('\\n')[0]", "split(' ', 1)[-1]", "rsplit('a', 1)[0]", "split('</think>')[-1]",
                "split('</think>')[0].split('<think>')[-1]", "replace('a', 'bb')", "replace('x', '', 1)", "join(['a', 'b'])",
                "format(1)", "partition(' ')[2]", "zfill(4)", "swapcase()", "removeprefix('a')", "ljust(3)", "center(5, '*')"]
TEXT_TESTS = ["startswith('a')", "endswith(('a', '\\n'))", "startswith(' ', 1)", "isdigit()", "isalpha()", "isupper()",
              "islower()", "isspace()", "isalnum()", "isnumeric()"]
TESTS = ["defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "mapping", "sequence", "iterable",
         "true", "false", "callable", "lower", "upper", "eq(1)", "ne 'a'", "in ['user', 1]", "sameas(none)", "escaped"]
SUBSCRIPTS = ["[0]", "[-1]", "[1:]", "[:-1]", "[::-1]", "[1]", "[:3]", "[::2]", "[5]", "[-3:5]"]
TAILS = ["", "\n", "  ", " x ", "\n\n  ", "text\n", "<|im_start|>", "\t\n", "\n    "]


class Scope:
    """Names by the type of what they hold."""

    def __init__(self, texts, lists, numbers, messages, others):
        self.texts, self.lists, self.numbers, self.messages, self.others = texts, lists, numbers, messages, others

    def plus(self, texts=(), lists=(), numbers=(), messages=(), others=()):
        return Scope(self.texts + list(texts), self.lists + list(lists), self.numbers + list(numbers),
                     self.messages + list(messages), self.others + list(others))


class Grammar:
    def __init__(self, rng):
        self.rng = rng

    def pick(self, *choices):
        return self.rng.choice(choices)

    # Values.

    def conversation(self):
        turns = []
        for number in range(self.rng.randint(0 if self.rng.random() < 0.1 else 1, 4)):
            role = "system" if number == 0 and self.rng.random() < 0.4 else self.rng.choice(ROLES)
            turns.append({"role": role, "content": self.rng.choice(TEXTS)})
            if self.rng.random() < 0.1:
                turns[-1][self.pick("name", "tool_calls", "items")] = self.pick("x", [1, {"a": None}], 2, [[], {}])
        return turns

    def case(self):
        variables = {"messages": self.conversation(), "tools": None, "documents": None,
                     "add_generation_prompt": self.rng.random() < 0.5, "bos_token": "<s>", "eos_token": "</s>"}
        if self.rng.random() < 0.3:
            variables["enable_thinking"] = self.rng.random() < 0.5
        variables["s"] = self.rng.choice(TEXTS)
        variables["xs"] = self.rng.choice([[], [3, 1, 2], ["b", "A", "c"], [1, "a", None, 2.5], [[1], [2, 3]], ["x", "x", "X"]])
        variables["n"] = self.rng.choice([0, 3, -7, 2.5, 1e16, 10])
        variables["d"] = self.rng.choice([{}, {"b": 1, "A": [2.0], "role": "r"}, {"items": "x", "a": {"b": ["c"]}}])
        scope = Scope(["s", "bos_token", "eos_token"], ["messages", "messages", "xs"], ["n"], ["messages[0]", "messages[-1]"],
                      ["enable_thinking", "tools", "add_generation_prompt", "missing", "d"])
        return self.block(scope, 3), variables

    # Expressions of a type.

    def wild(self, scope, depth):
        """Of any type."""
        return self.pick(self.text, self.text, self.number, self.flag, self.list, self.other)(scope, depth)

    def other(self, scope, depth):
        if depth > 0 and self.rng.random() < 0.4:
            inner = self.wild(scope, depth - 1)
            return self.pick(f"{{'k': {inner}}}", f"({inner},)", f"({inner})", f"{inner} if {self.flag(scope, depth - 1)}",
                             f"{self.list(scope, depth - 1)} | {self.pick('first', 'last', 'min', 'max', 'dictsort', 'sort')}")
        return self.rng.choice(scope.others + scope.messages + [
            "none", "{}", "{'a': 1, 'b': 'x'}", "(1, 2)", "range(3)", "dict(x=1)", "d.a", "d['A']", "d | dictsort", "d.items()",
            "d.keys() | list", "d | items | list", "d | length", "d.get('b')", "d.get('q', [])", "namespace(a=1).a", "d | tojson(indent=2)"])

    def text(self, scope, depth=2):
        if depth <= 0 or self.rng.random() < 0.2:
            kind = self.rng.random()
            if kind < 0.4:
                return self.rng.choice(scope.texts)
            if kind < 0.7:
                return self.rng.choice(scope.messages) + self.pick(".content", ".role", "['content']", "['role']")
            return self.rng.choice(STRINGS)
        inner = lambda: self.text(scope, depth - 1)  # noqa: E731
        kind = self.rng.randrange(9)
        if kind == 0:
            return f"{inner()} + {inner()} + {inner()}"
        if kind == 1:
            return f"{inner()} ~ {self.wild(scope, depth - 1)}"
        if kind in (2, 3):
            return f"({inner()}) | {self.rng.choice(TEXT_FILTERS)}"
        if kind in (4, 5):
            return f"({inner()}).{self.rng.choice(TEXT_METHODS)}"
        if kind == 6:
            return f"({inner()}){self.rng.choice(SUBSCRIPTS)}"
        if kind == 7:
            return f"({inner()} if {self.flag(scope, depth - 1)} else {inner()})"
        return self.pick(f"{self.list(scope, depth - 1)} | join({self.pick('', repr('-'))})", f"{inner()} * {self.pick('0', '2', '3')}",
                         f"'%s|%5s|%-4s' % ({inner()}, {self.number(scope, 0)}, {inner()})", f"{self.wild(scope, depth - 1)} | string",
                         f"'{{}}={{}}'.format({inner()}, {self.number(scope, 0)})", f"{self.wild(scope, depth - 1)} | tojson",
                         f"({self.list(scope, depth - 1)} | map('string') | list) | join(', ')")

    def number(self, scope, depth=2):
        if depth <= 0 or self.rng.random() < 0.3:
            return self.rng.choice(scope.numbers + ["0", "1", "2", "3", "10", "2.5", "0.1", "1e3", "7"])
        inner = lambda: self.number(scope, depth - 1)  # noqa: E731
        return self.pick(
            f"{inner()} {self.pick('+', '-', '*', '/', '//', '%')} {inner()}", f"({inner()}) ** {self.pick('2', '0', '-1', '0.5')}",
            f"-{self.number(scope, 0)}", f"({self.list(scope, depth - 1)} | length)", f"({self.text(scope, depth - 1)} | length)",
            f"({self.text(scope, depth - 1)} | int)", f"({self.text(scope, depth - 1)} | float(1.5))", f"({inner()} | abs)",
            f"({inner()} | round)", f"({inner()} | round(1))", f"({inner()} | int)", f"({self.text(scope, depth - 1)}).find('a')",
            f"({self.text(scope, depth - 1)}).count(' ')", f"({self.text(scope, depth - 1)}).rfind('x')", f"({inner()} | round(0, 'floor'))")

    def flag(self, scope, depth=2):
        if depth <= 0 or self.rng.random() < 0.15:
            return self.pick("true", "false", "add_generation_prompt", "missing is defined", "enable_thinking", "loop is defined")
        wild = lambda: self.wild(scope, depth - 1)  # noqa: E731
        kind = self.rng.randrange(10)
        if kind < 2:
            return f"{wild()} is {self.pick('', 'not ')}{self.rng.choice(TESTS)}"
        if kind < 4:
            return f"{self.text(scope, depth - 1)} {self.pick('==', '!=', '<', 'in', 'not in')} {self.text(scope, depth - 1)}"
        if kind == 4:
            return f"{self.number(scope, depth - 1)} {self.pick('==', '<', '>=', '!=')} {self.number(scope, depth - 1)}"
        if kind == 5:
            return f"{self.number(scope, 0)} is {self.pick('odd', 'even', 'divisibleby(2)', 'divisibleby 3', 'gt(1)', 'number')}"
        if kind == 6:
            return f"({self.text(scope, depth - 1)}).{self.rng.choice(TEXT_TESTS)}"
        if kind == 7:
            return f"({self.flag(scope, depth - 1)} {self.pick('and', 'or', 'and not')} {self.flag(scope, depth - 1)})"
        if kind == 8:
            return f"not {self.flag(scope, depth - 1)}"
        return self.pick(f"{wild()} in {self.list(scope, depth - 1)}", f"{wild()} == {wild()}",
                         f"'role' in {self.rng.choice(scope.messages)}", f"{self.rng.choice(scope.messages)}.role == 'user'")

    def list(self, scope, depth=2):
        if depth <= 0 or self.rng.random() < 0.3:
            return self.rng.choice(scope.lists + ["[]", "[1, 'a', none]", "['x', 'Y']", "range(4)", "messages[1:]"])
        inner = lambda: self.list(scope, depth - 1)  # noqa: E731
        return self.pick(
            f"({inner()} | list){self.pick('[1:]', '[:-1]', '[::-1]', '[:2]', '[::2]')}", f"({inner()} | reverse | list)",
            f"(({inner()} | list) + [{self.wild(scope, depth - 1)}])", f"[{self.text(scope, depth - 1)}, {self.text(scope, depth - 1)}]",
            f"({self.text(scope, depth - 1)}).{self.pick('split()', 'splitlines()', 'splitlines(true)', 'rsplit(None, 1)')}",
            f"({self.text(scope, depth - 1)}).split({self.pick(repr(' '), repr('a'), repr(chr(44)))})", f"({inner()} | map('string') | list)",
            f"({inner()} | select | list)", f"({inner()} | reject('none') | list)", f"({inner()} | batch(2) | list)",
            f"({inner()} | slice(2) | list)", f"({inner()} | map('string') | sort)", f"({inner()} | map('string') | unique | list)",
            f"(messages | map(attribute='{self.pick('role', 'content', 'name', 'content.0')}') | list)",
            f"(messages | selectattr('role', 'equalto', '{self.pick('user', 'system')}') | list)", f"({inner()} | select('string') | list)",
            "(messages | rejectattr('role', 'eq', 'user') | map(attribute='content') | list)", "(messages | selectattr('name', 'defined') | list)",
            "(messages | sort(attribute='role') | map(attribute='content') | list)", f"({self.text(scope, depth - 1)} | list)")

    # Statements.

    def open(self):
        return "{%" + self.pick("", "", "-", "-", "+") + self.pick(" ", " ", "")

    def close(self):
        return self.pick(" ", " ", "") + self.pick("", "", "-", "-", "+") + "%}"

    def tag(self, words):
        return self.open() + words + self.close()

    def output(self, scope):
        value = self.text(scope) if self.rng.random() < 0.6 else self.wild(scope, 2)
        if self.rng.random() < 0.04:
            value = f"({value}) | {self.pick('safe', 'e', 'safe | trim', 'escape | upper')}"
        return "{{" + self.pick(" ", "- ", " ", "-") + value + self.pick(" }}", " -}}", " }}")

    def block(self, scope, depth):
        return "".join(self.statement(scope, depth) + self.rng.choice(TAILS) for _ in range(self.rng.randint(1, 3)))

    def statement(self, scope, depth):
        kind = self.rng.randrange(16)
        if depth <= 0 or kind < 4:
            return self.output(scope)
        inner = lambda **more: self.block(scope.plus(**more), depth - 1)  # noqa: E731
        if kind in (4, 5):
            text = self.tag("if " + self.flag(scope)) + inner()
            if self.rng.random() < 0.4:
                text += self.tag("elif " + self.flag(scope)) + inner()
            if self.rng.random() < 0.6:
                text += self.tag("else") + inner()
            return text + self.tag("endif")
        if kind in (6, 7, 8):
            return self.loop(scope, depth)
        if kind in (9, 10):
            name, value = self.pick(("texts", self.text), ("lists", self.list), ("numbers", self.number), ("others", self.wild))
            return self.tag(f"set a = {value(scope, 2)}") + inner(**{name: ["a", "a"]})
        if kind == 11:
            changed = self.text(scope.plus(texts=["m.content", "ns.y", "ns.y"]), 1)
            return (self.tag("set ns = namespace(x=0, y='')") + self.tag("for m in messages") + self.tag(f"set ns.y = {changed}")
                    + self.tag("set ns.x = ns.x + loop.index") + self.tag("endfor")
                    + inner(texts=["ns.y"], numbers=["ns.x"], others=["ns.z"]))
        if kind == 12:
            call = self.pick("f(s)", "f('x', b=n)", "f()", "f(messages | length, 2)", "f(b='z', a=eos_token)", "f(f(s))")
            body = self.block(Scope(["s"], ["xs"], ["n"], ["messages[0]"], ["a", "b", "missing"]), depth - 1)
            return self.tag("macro f(a, b='q')") + body + self.tag("endmacro") + "{{ " + call + " }}"
        if kind == 13:
            return self.tag("set a") + inner() + self.tag("endset") + self.output(scope.plus(texts=["a", "a", "a"]))
        if kind == 14:
            return self.pick("{# c #}", "{#- c -#}\n", "{% raw %}{{ x }}{% endraw %}", " {# c #}\n", "{%- raw %}\n {% x %}{% endraw -%}\n",
                             self.tag("generation") + inner() + self.tag("endgeneration"),
                             self.tag("filter " + self.pick("upper", "trim", "title | trim")) + inner() + self.tag("endfilter"),
                             self.tag("macro w()") + "<{{ caller(s) }}>" + self.tag("endmacro") + self.tag("call(z) w()")
                             + inner(texts=["z"]) + self.tag("endcall"))
        return self.pick(self.tag("with a = " + self.text(scope, 1)) + inner(texts=["a"]) + self.tag("endwith"),
                         "{{ strftime_now('%d %b %Y') }}",
                         "{% if messages | length > 3 %}{{ raise_exception('no') }}{% endif %}")

    def loop(self, scope, depth):
        source = self.pick("messages", "messages", "messages[1:]", "messages | reverse", "messages[::-1]", "xs", self.list(scope, 1))
        ofMessages = source.startswith("messages")
        test = f" if m.role {self.pick('==', '!=')} 'user'" if ofMessages and self.rng.random() < 0.2 else ""
        more = dict(numbers=["loop.index", "loop.index0", "loop.length", "loop.revindex"],
                    others=["loop.first", "loop.last", "loop.previtem", "loop.nextitem", "loop.cycle('o', 'e')", "m", "m"])
        if ofMessages:
            more.update(messages=["m", "m"], texts=["m.content", "m['content']", "m.role"])
        body = self.block(scope.plus(**more), depth - 1)
        if self.rng.random() < 0.15:
            jump = self.tag("if " + self.flag(scope.plus(**more), 1)) + self.tag(self.pick("break", "continue")) + self.tag("endif")
            body = jump + body
        other = self.tag("else") + self.block(scope, depth - 1) if self.rng.random() < 0.2 else ""
        return self.tag(f"for m in {source}{test}") + body + other + self.tag("endfor")
