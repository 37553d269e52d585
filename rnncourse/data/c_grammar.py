"""A grammar of C-like files, which marks where each construct opens and closes.

The files compile: every name is declared and in scope, and every header that is needed is included. Strings
and comments hold signs that do not count, and some bodies have no braces.
"""

import numpy as np

# Each construct has two marks, before the character that opens it and before the one that closes it.
DEPTH, PARENTHESES, QUOTE, COMMENT, CONDITION = range(5)
FIRST_MARK = 0xE000  # for private use: in no text
INDENT = "    "
Scope = dict[str, list[str]]  # the names that may be used, by kind

NOUNS = "item word line node block page user field token frame packet record sample task".split()
VERBS = "count find update read write check parse merge clear print insert remove scan copy".split()
NAMES = {
    "int": "size offset limit value result pos start length state best last sum total width".split(),
    "string": "text name path label".split(),
    "array": "values table buffer data".split(),
    "entry": "head first list top".split(),
}
TYPES = {"int": "int ", "string": "const char *", "array": "int *"}
FIELDS = "key count flags weight".split()
HEADERS = {"printf": "stdio", "strlen": "string", "strcmp": "string", "isdigit": "ctype", "isspace": "ctype"}
CHARACTERS = [*"{}()/*,x#", r"\"", r"\'", r"\\", r"\0", r"\n"]
REMARKS = (
    "skip the first {0}", "don't count a {0} twice", "the {0} (if any) comes last", "TODO: free each {0}",
    'a "{0}" may be empty', "was: if (n > 0) {{ n--; }} for each {0}", "stop at }} or after the last {0}",
)  # fmt: skip
MESSAGES = (
    r"%d {0}s\n", r"bad {0}: %d\n", r'no {0} \"%d\"\n', r"{0} {{%d\n", r"{0} (%d)\n", r"// {0} %d\n",
    r"if (%d) /* {0} */\n", r"%d }} {0}\n",
)  # fmt: skip


def _mark(construct: int, opening: str, inside: str, closing: str) -> str:
    on = FIRST_MARK + 2 * construct
    return f"{chr(on)}{opening}{inside}{chr(on + 1)}{closing}"


def _parens(inside: str) -> str:
    return _mark(PARENTHESES, "(", inside, ")")


def _quoted(inside: str, sign: str = '"') -> str:
    return _mark(QUOTE, sign, inside, sign)


def _braces(inside: str) -> str:
    return _mark(DEPTH, "{", inside, "}")


def _comment(inside: str) -> str:
    return "/" + _mark(COMMENT, "*", f"{inside}*", "/")


def _line_comment(inside: str) -> str:
    return "/" + _mark(COMMENT, "/", f" {inside}", "\n")


class CGrammar:
    """The grammar: each method returns a piece of marked text and draws its choices from `rng`."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.struct = self.pick(NOUNS)
        self.fields = ["key", *(f for f in FIELDS[1:] if self.chance(0.6))]
        self.constants = {f"MAX_{self.struct.upper()}": self.pick("16 64 256 1024".split())}
        self.constants[f"{self.pick(VERBS).upper()}_LIMIT"] = self.pick("7 10 100 4096".split())
        self.headers: set[str] = set()
        self.functions: dict[str, tuple[bool, list[str]]] = {}  # gives an int; kinds of arguments
        self.returns = False  # whether the function being written returns an int

    def pick(self, options: list | tuple | str) -> str:
        return options[int(self.rng.integers(len(options)))]

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def file(self, functions: int) -> str:
        body = "\n".join(self.function() for _ in range(functions))
        remark = _comment(f" {self.remark()} ") + "\n\n" if self.chance(0.5) else ""
        includes = "".join(f"#include <{h}.h>\n" for h in sorted(self.headers | {"stdio"}))
        defines = "".join(f"#define {name} {value}\n" for name, value in self.constants.items())
        fields = "".join(f"    int {f};\n" for f in self.fields)
        fields += f"    const char *name;\n    struct {self.struct} *next;\n"
        struct = f"struct {self.struct} " + _braces(f"\n{fields}")
        return f"{remark}{includes}\n{defines}\n{struct};\n\n{body}"

    def function(self) -> str:
        name = f"{self.pick(VERBS)}_{self.pick(NOUNS)}"
        while name in self.functions:
            name += self.pick("abcdefgh")
        self.taken: set[str] = set()  # a name has one meaning in a function, whatever the block
        self.scope: Scope = {kind: [] for kind in (*NAMES, "loop")}
        self.returns = self.chance(0.7)
        kinds = [self.pick(list(NAMES)) for _ in range(int(self.rng.integers(1, 4)))]
        types = TYPES | {"entry": f"struct {self.struct} *"}
        arguments = _parens(", ".join(types[kind] + self.declare(kind) for kind in kinds))
        head = "static " * self.chance(0.5) + ("int " if self.returns else "void ") + name + arguments
        body = f"\n    int {self.declare('int')} = {self.pick('01')};\n\n"
        body += self.block(1, int(self.rng.integers(3, 7)))
        if self.returns:
            body += f"\n    return {self.number()};\n"
        self.functions[name] = (self.returns, kinds)
        remark = _comment(f"\n * {self.remark()}\n * {self.remark()}\n ") + "\n" if self.chance(0.3) else ""
        return f"{remark}{head}\n{_braces(body)}\n"

    def declare(self, kind: str) -> str:
        free = [name for name in NAMES[kind] if name not in self.taken]
        name = self.pick(free) if free else f"{NAMES[kind][0]}{len(self.taken)}"
        self.taken.add(name)
        self.scope[kind].append(name)
        return name

    def block(self, level: int, statements: int, *, loop: bool = False, names: Scope | None = None) -> str:
        outside = self.scope
        self.scope = {kind: held + (names or {}).get(kind, []) for kind, held in outside.items()}
        text = "".join(self.statement(level, loop) for _ in range(statements))
        self.scope = outside
        return text

    def inner(self, level: int, loop: bool, names: Scope | None = None) -> str:
        text = self.block(level + 1, int(self.rng.integers(1, 4)), loop=loop, names=names)
        return _braces(f"\n{text}{INDENT * level}")

    def statement(self, level: int, loop: bool) -> str:
        pad = INDENT * level
        remark = pad + _line_comment(self.remark()) if self.chance(0.08) else ""
        draw = self.rng.random() + (level > 3)  # no deeper than 4
        if draw < 0.25:
            return remark + pad + self.branch(level, loop) + "\n"
        if draw < 0.45:
            return remark + pad + self.loop(level) + "\n"
        if self.chance(0.25):
            value = self.number()
            text = f"int {self.declare('int')} = {value};"
        else:
            text = self.simple()
        end = "  " + _line_comment(self.remark()) if self.chance(0.04) else "\n"
        return remark + pad + text + end

    def branch(self, level: int, loop: bool) -> str:
        text = "if " + self.condition()
        if self.chance(0.4):
            leave = f"return {self.pick('0 1 -1'.split())};" if self.returns else "return;"
            last = self.pick([leave, "break;", "continue;"] if loop else [leave])
            return f"{text}\n{INDENT * (level + 1)}{last if self.chance(0.7) else self.simple()}"
        text += " " + self.inner(level, loop)
        if self.chance(0.2):
            text += f" else if {self.condition()} {self.inner(level, loop)}"
        return text + f" else {self.inner(level, loop)}" * self.chance(0.35)

    def loop(self, level: int) -> str:
        kind = self.pick("count count list down spaces".split())
        name = "ijk"[level - 1]
        if kind == "list" and self.scope["entry"]:
            name = "pqr"[level - 1]
            first = f"struct {self.struct} *{name} = {self.pick(self.scope['entry'])}"
            head = f"{first}; {name}; {name} = {name}->next"
            return f"for {_parens(head)} {self.inner(level, True, {'entry': [name]})}"
        if kind == "spaces" and self.scope["string"]:
            text = self.pick(self.scope["string"])
            return f"while {_parens(self.library('isspace', '*' + text))}\n{INDENT * (level + 1)}{text}++;"
        if kind == "down":
            return f"while {_parens(self.pick(self.scope['int']) + '-- > 0')} {self.inner(level, True)}"
        head = f"int {name} = 0; {name} < {self.pick([*self.scope['int'], *self.constants])}; {name}++"
        return f"for {_parens(head)} {self.inner(level, True, {'loop': [name]})}"

    def simple(self) -> str:
        target = self.pick(self.scope["int"])
        kind = self.pick("set set step array entry print print call".split())
        if kind == "print":
            text = _quoted(self.pick(MESSAGES).format(self.pick(NOUNS)))
            return self.library("printf", f"{text}, {self.number()}") + ";"
        if kind == "call" and (call := self.call(returns=False)):
            return call + ";"
        if kind == "step":
            return target + self.pick(["++;", "--;"])
        if kind in ("array", "entry") and self.scope[kind]:
            target = self.element(kind)
        value = self.number()
        return f"{target} {self.pick('= = += -='.split())} {value if value != target else 0};"

    def number(self) -> str:
        draw = self.rng.random()
        if draw < 0.15 and (call := self.call(returns=True)):
            return call
        if draw < 0.6:
            return self.atom()
        left, right = self.atom(), self.atom()
        both = f"{left} {self.pick('+-')} {right if right != left else 1}"
        return both if draw < 0.9 else f"{_parens(both)} {self.pick('*/%')} {self.pick('248')}"

    def atom(self) -> str:
        kind = self.pick("int int int loop loop literal literal constant array entry length".split())
        if kind == "literal":
            return self.pick("0 1 2 3 5 8 10 32 100".split())
        if kind == "constant":
            return self.pick(list(self.constants))
        if kind == "length" and self.scope["string"]:
            return f"{_parens('int')} {self.library('strlen', self.pick(self.scope['string']))}"
        if kind in ("array", "entry") and self.scope[kind]:
            return self.element(kind)
        return self.pick(self.scope["loop" if kind == "loop" and self.scope["loop"] else "int"])

    def element(self, kind: str) -> str:
        name = self.pick(self.scope[kind])
        if kind == "entry":
            return f"{name}->{self.pick(self.fields)}"
        return f"{name}[{self.pick(self.scope['int'] + self.scope['loop'] * 3)}]"

    def call(self, *, returns: bool) -> str:
        """A call of an earlier function that has its arguments in scope; "" where there is none."""
        fitting = [
            name
            for name, (gives, kinds) in self.functions.items()
            if gives >= returns and all(self.scope[kind] for kind in kinds)
        ]
        if not fitting:
            return ""
        name = self.pick(fitting)
        kinds = self.functions[name][1]
        return name + _parens(
            ", ".join(self.atom() if kind == "int" else self.pick(self.scope[kind]) for kind in kinds)
        )

    def condition(self) -> str:
        text = self.test()
        if self.chance(0.2):
            text += self.pick([" && ", " || "]) + self.test()
        return _mark(CONDITION, "", _parens(text)[:-1], ")")

    def test(self) -> str:
        kind = self.pick("int int int int entry equal character digit".split())
        if kind == "entry" and self.scope["entry"]:
            return self.pick(["!", ""]) + self.pick(self.scope["entry"])
        if kind in ("equal", "character", "digit") and self.scope["string"]:
            text = self.pick(self.scope["string"])
            if kind == "equal":
                return self.library("strcmp", f"{text}, {_quoted(self.pick(NOUNS))}") + " == 0"
            place = f"{text}[{self.pick(['0', *self.scope['int'], *self.scope['loop']])}]"
            if kind == "digit":
                return self.library("isdigit", place)
            return f"{place} {self.pick(['==', '!='])} {_quoted(self.pick(CHARACTERS), chr(39))}"
        left, right = self.pick(self.scope["int"] + self.scope["loop"]), self.atom()
        return f"{left} {self.pick('< > <= >= == !='.split())} {right if right != left else 0}"

    def library(self, name: str, arguments: str) -> str:
        self.headers.add(HEADERS[name])
        return name + _parens(arguments)

    def remark(self) -> str:
        return self.pick(REMARKS).format(self.pick(NOUNS))
