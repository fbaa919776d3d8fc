import keyword
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alchemi_core.errors import ExpressionError
from alchemi_core.expressions import Expression, Group, Members, Term, parse_expression
from alchemi_core.frozenmap import FrozenMap
from alchemi_core.weights import Affine, Coupling, Weight

A, B, C = Term("a"), Term("b"), Term("c")


def caret(error: ExpressionError) -> tuple[str, int]:
    """The line shown and the column under which the caret stands."""
    _, line, mark = error.found.split("\n")
    return line[4:], len(mark) - 5


@pytest.mark.parametrize("text", ["a + b + c", "(a + b) + c", "a + (b + c)", "((a)) + ((b + (c)))", " a+\n b +c # end"])
def test_any_bracketing_gives_the_same_flat_sum(text):
    assert parse_expression(text) == Expression((A, B, C))


def test_weights_multiply_through_brackets():
    # 2 (a + 3 (b + c/2)) = 2 a + 6 b + 3 c
    expected = Expression((Term("a", weight=2.0), Term("b", weight=6.0), Term("c", weight=3.0)))
    assert parse_expression("2*(a + 3*(b + c*0.5))") == expected
    assert parse_expression("-2*-1*a").terms[0].weight == 2.0


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a - b", "a + -1*b"),
        ("a - (b - c)", "a + -1*b + c"),
        ("a - b - c", "a + -1*b + -1*c"),
        ("-a + b", "-1*a + b"),
        ("b - -a", "b + a"),
        ("-(a + 2*b)", "-1*a + -2*b"),
        ("-[a, b]", "-1*[a, b]"),
        ("a/2 - (b + c)/4", "0.5*a + -0.25*b + -0.25*c"),
        ("1/2*a", "0.5*a"),
        ("a - b-c", "a + -1*b-c"),
    ],
)
def test_differences_and_quotients(text, plain):
    assert parse_expression(text) == parse_expression(plain)
    assert parse_expression(str(parse_expression(text))) == parse_expression(text)


@pytest.mark.parametrize(
    "text", ["[a, b] + c", "([a, b]) + (c)", "[(a), b,] + c", "[a,  # first\n b]\n+ c", " [\na,\nb\n] + c"]
)
def test_square_brackets_hold_steps_in_order(text):
    assert parse_expression(text) == Expression((Group((A, B)), C))


def test_groups_keep_their_place_in_a_sum():
    assert parse_expression("a + ([b] + [c, a]) + b").terms == (A, Group((B,)), Group((C, A)), B)


def test_weights_before_and_in_square_brackets_multiply():
    # ½ [a, 3 b] = [½ a, 3⁄2 b]
    expected = Group((Term("a", weight=0.5), Term("b", weight=1.5)))
    assert parse_expression("0.5*[a, 3*b] + 2*([a, 3*b]*0.25)").terms == (expected, expected)


@pytest.mark.parametrize("text", ["0.5*a >> {'x': 'y'}", "0.5*(a >> {'x': 'y'})", "(a >> {'x': 'y'})*0.5"])
def test_renames_follow_a_model(text):
    renamed = Term("a", weight=0.5, wire={"x": "y"})
    assert parse_expression(text).terms == (renamed,)
    assert parse_expression(f"[{text}, b] + ({text})").terms == (Group((renamed, B)), renamed)


def test_models_of_all_summands_are_told():
    assert [model.name for model in parse_expression("[a, 2*b] + c").models] == ["a", "b", "c"]


LAM, MIX = Coupling(), Coupling("mix")


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("(1 - coupling)*a", 1 - LAM),
        ("a*coupling/2", 0.5 * LAM),
        ("coupling**2 * 3*a", 3 * LAM**2),
        ("-(coupling - 1)*a", -(LAM - 1)),
        ("0.5*(1 - coupling**2)*(2*a)", 1 - LAM**2),
        ("coupling.ramp(0, 0.5)*(1 - Coupling('mix'))*a", LAM.ramp(0, 0.5) * (1 - MIX)),
        ("(1 - coupling).ramp(-0.5, 1)**2*a", (1 - LAM).ramp(-0.5, 1) ** 2),
        ("(1 - coupling + Coupling('coupling'))*a", 1.0),
        ("(1 - 0.25 + 2**-0)*a", 1.75),
        ("0*coupling*a", 0.0),
        ("(1 +\n coupling)*a", 1 + LAM),
    ],
)
def test_weights_are_those_of_python(text, weight):
    assert parse_expression(text).terms == (Term("a", weight=weight),)


def test_weights_with_parameters_stand_before_brackets_and_groups():
    written = str(parse_expression("coupling*(a + 0.5*[b, 2*c] - d)"))
    assert written == "coupling*a + [0.5*coupling*b, coupling*c] + -1.0*coupling*d"
    assert str(parse_expression("(1 - coupling**2)*a + Coupling('mix')*b")) == (
        "(1.0 - coupling**2)*a + Coupling('mix')*b"
    )


def test_committees_hold_models_sums_groups_and_committees():
    text = "0.5*committee(a, b + 3*c, [a, b], 2*committee(a, b), calibration=1.5)"
    half = [Term(name, weight=0.5) for name in "ab"]
    members = (half[:1], (half[1], Term("c", weight=1.5)), [Group(tuple(half))], [Members((sum_of(A), sum_of(B)))])
    assert parse_expression(text).terms == (Members(tuple(sum_of(*terms) for terms in members), 1.5),)


def sum_of(*terms):
    return Expression(terms)


def test_options_are_kept_as_literals():
    term = parse_expression("m(s='p-b', i=-3, f=1e-3, t=True, n=None, l=[1, (2,)], d={'k': [1]})").terms[0]
    assert dict(term.options) == {
        "s": "p-b",
        "i": -3,
        "f": 0.001,
        "t": True,
        "n": None,
        "l": (1, (2,)),
        "d": FrozenMap({"k": (1,)}),
    }
    assert type(term.options["i"]) is int
    hash(term)


@pytest.mark.parametrize("name", ["lennard-jones", "lennard_jones", "sevennet-0", "mace-mp-0b3", "é-b"])
def test_names_stand_as_written(name):
    assert parse_expression(f"0.5*{name}(x=1) + {name}") == Expression(
        (Term(name, FrozenMap({"x": 1}), 0.5), Term(name))
    )


def test_hyphens_in_texts_and_exponents_are_left_alone():
    term = parse_expression("1e-3*m(s='''it's a-b''', t=\"x-y\")").terms[0]
    assert (term.weight, dict(term.options)) == (1e-3, {"s": "it's a-b", "t": "x-y"})


@pytest.mark.parametrize(
    ("text", "line", "column", "fix"),
    [
        ("a / b", "a / b", 4, "0.5*a"),
        ("a / 0", "a / 0", 4, "0.5*a"),
        ("2 / a", "2 / a", 4, "0.5*a"),
        ("a - 2", "a - 2", 4, "2*name"),
        ("a + 2", "a + 2", 4, "2*name"),
        ("a * b", "a * b", 4, "a + b"),
        ("b + +a", "b + +a", 4, "such as"),
        ("coupling", "coupling", 0, "coupling*name"),
        ("a + coupling", "a + coupling", 4, "coupling*name"),
        ("lam*a", "lam*a", 4, "Coupling('lam')"),
        ("(1 - couplng)*a", "(1 - couplng)*a", 1, "write 'coupling'"),
        ("(coupling-1)*a", "(coupling-1)*a", 13, "coupling - 1"),
        ("(1 - coupling-mix)*a", "(1 - coupling-mix)*a", 1, "coupling - mix"),
        ("a/coupling", "a/coupling", 2, "0.5*a"),
        ("a**2", "a**2", 0, "coupling**2*a"),
        ("coupling**0.5*a", "coupling**0.5*a", 10, "coupling**2"),
        ("b + coupling**65*a", "b + coupling**65*a", 4, "(1 - coupling)*a"),
        ("coupling**-1*a", "coupling**-1*a", 0, "(1 - coupling)*a"),
        ("(coupling**2).ramp(0, 1)*a", "(coupling**2).ramp(0, 1)*a", 0, "coupling.ramp(0, 0.5)"),
        ("coupling.ramp(0)*a", "coupling.ramp(0)*a", 0, "coupling.ramp(0, 0.5)"),
        ("coupling.ramp(0, coupling)*a", "coupling.ramp(0, coupling)*a", 0, "coupling.ramp(0, 0.5)"),
        ("coupling.ramp(1, 1)*a", "coupling.ramp(1, 1)*a", 0, "coupling.ramp(0, 0.5)"),
        ("a.ramp(0, 1)", "a.ramp(0, 1)", 0, "coupling.ramp(0, 0.5)"),
        ("ramp(coupling, 0, 1)*a", "ramp(coupling, 0, 1)*a", 5, "coupling.ramp(0, 0.5)"),
        ("2*coupling(x=1)", "2*coupling(x=1)", 2, "Coupling('mix')"),
        ("Coupling('positions')*a", "Coupling('positions')*a", 0, "Coupling('mix')"),
        ("Coupling(2)*a", "Coupling(2)*a", 0, "Coupling('mix')"),
        ("Coupling(name='mix')*a", "Coupling(name='mix')*a", 0, "Coupling('mix')"),
        ("b + committee(a-b)", "b + committee(a-b)", 4, "committee(a, b)"),
        ("committee([a-b, c])", "committee([a-b, c])", 0, "committee(a-b, c)"),
        ("committee(a, 2)", "committee(a, 2)", 13, "2*name"),
        ("committee(a, b, calibratio=2)", "committee(a, b, calibratio=2)", 16, "calibration=1.5"),
        ("committee(a, b, calibration=0)", "committee(a, b, calibration=0)", 16, "calibration=1.5"),
        ("committee(a, b, calibration='2')", "committee(a, b, calibration='2')", 16, "calibration=1.5"),
        ("[a, committee(b, c)]", "[a, committee(b, c)]", 4, "committee(...) + [...]"),
        ("a + 'b'", "a + 'b'", 4, "without quotes: b"),
        ("dftd3('pbe')", "dftd3('pbe')", 6, "dftd3(option=value)"),
        ("m(**x)", "m(**x)", 2, "m(option=value)"),
        ("m(x=1, x=2)", "m(x=1, x=2)", 7, "m(option=value)"),
        ("m(x=n())", "m(x=n())", 4, "such as"),
        ("dftd3(functional=pbe)", "dftd3(functional=pbe)", 17, "'pbe'"),
        ("a)+(b", "a)+(b", 1, "such as"),
        ("((a)", "((a)", 4, "such as"),
        ("a +\n é + 'b'", " é + 'b'", 5, "without quotes: b"),
        ("m(é='x', y=z)", "m(é='x', y=z)", 11, "'z'"),
        ("[a, b-c + 2*(d + e)]", "[a, b-c + 2*(d + e)]", 4, "[a, b-c, 2.0*d, 2.0*e]"),
        ("[[a, b], c]", "[[a, b], c]", 1, "[a, b, c]"),
        ("c + [ ]", "c + [ ]", 4, "[eeq, ewald]"),
        ("[a, 2]", "[a, 2]", 4, "2*name"),
        ("[a]*[b]", "[a]*[b]", 4, "a + b"),
        ("a, b-c", "a, b-c", 3, "[a, b-c]"),
        ("eeq >> ewald", "eeq >> ewald", 7, "[eeq, ewald]"),
        ("[eeq >> ewald(x=1)]", "[eeq >> ewald(x=1)]", 8, "[eeq, ewald(x=1)]"),
        ("a >> {'x': 'y'} + b", "a >> {'x': 'y'} + b", 5, "(a >> {'x': 'y'}) + b"),
        ("a + b >> {'x': 'y'}", "a + b >> {'x': 'y'}", 0, "a + (b >> {'x': 'y'})"),
        ("[a, b] >> {'x': 'y'}", "[a, b] >> {'x': 'y'}", 0, "[eeq >> {'x': 'y'}, ewald]"),
        ("a >> {'x': 1}", "a >> {'x': 1}", 5, "{'partial_charges': 'charges'}"),
        ("a >> {x: 'y'}", "a >> {x: 'y'}", 5, "{'key': value}"),
        ("a >> {'x': 'y'} >> {'y': 'z'}", "a >> {'x': 'y'} >> {'y': 'z'}", 19, "all renames in one"),
    ],
)
def test_the_place_is_marked_and_a_fix_is_named(text, line, column, fix):
    with pytest.raises(ExpressionError) as caught:
        parse_expression(text)
    assert caret(caught.value) == (line, column)
    assert fix in caught.value.fix


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n ",
        "2",
        "a.b",
        "a[0]",
        "[a][0]",
        "[a](x=1)",
        "[*a]",
        "[a for a in b]",
        "(a,)",
        "a << {'x': 'y'}",
        "2 >> {'x': 'y'}",
        "a >> {**b}",
        "[1e200*a, b]*1e200",
        "{'a': b}",
        "a b",
        "0.5a",
        "lambda: a",
        "a if b else c",
        "[a, b",
        "[a, b)",
        "a := b",
        "f'{a}'",
        "m(x=f'{a}')",
        "m(x=b'a')",
        "m(x=1j)",
        "m(x=...)",
        "m(x={1})",
        "m(x={'a': 1, **b})",
        "m(x={'a': 1, 'a': 2})",
        "m(x=1e999)",
        "1e999*a",
        "1e200*(1e200*a)",
        "1e200*(1e200*coupling*a)",
        "(2**64)**64*a",
        "coupling**True*a",
        "coupling**coupling*a",
        "2**a",
        "coupling*(coupling)",
        "coupling.clip(0, 1)*a",
        "coupling.ramp*a",
        "coupling.ramp(0, 1, 2)*a",
        "coupling.ramp(0, end=1)*a",
        "coupling >> {'x': 'y'}",
        "[coupling]",
        "region(coupling, 'qm')",
        "m(x=coupling)",
        "Coupling()*a",
        "Coupling('a b')*a",
        "Coupling('a', 'b')*a",
        "Coupling(mix)*a",
        "committee()",
        "committee(*a)",
        "committee(a, b, **c)",
        "committee(a, b, calibration=1e999)",
        "committee(a, b, calibration=True)",
        "committee(a, b) >> {'x': 'y'}",
        "committee(a, b)*committee(c, d)",
        "True*a",
        "a @ b",
        "not a",
        "m()()",
        "a\0",
        "a\udc80",
        "__import__('os').system('true')",
        "a + #",
        "m(x='unfinished)",
    ],
)
def test_everything_else_is_refused(text):
    with pytest.raises(ExpressionError):
        parse_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 60 + "a" + ")" * 60,
        "m(x=" + "[" * 60 + "]" * 60 + ")",
        "[" * 60 + "a" + "]" * 60,
        "-" * 9_000 + "1*a",
        "a+" * 4_900 + "a",
        "a" * 20_000,
        "(1 + (" * 20 + "coupling" + ")**2)**9" * 20 + "*a",
        "(coupling + " + " + ".join(f"coupling**{power}" for power in range(2, 30)) + ")*a",
        "(" + " + ".join(f"Coupling('n{i}')" for i in range(300)) + ")*a",
        "*".join(["coupling"] * 65) + "*a",
        "committee(a, " * 51 + "b" + ")" * 51,
        "m(x=" + "9" * 5_000 + ")",
    ],
)
def test_what_is_too_deep_or_too_long_is_refused(text):
    with pytest.raises(ExpressionError):
        parse_expression(text)


numbers = st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, min_value=-1e300, max_value=1e300)
literals = st.recursive(
    numbers | st.text(st.characters(codec="utf-8", exclude_categories=["Cs"])) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(st.text("ab-c"), inner).map(FrozenMap),
    max_leaves=6,
)
names = st.from_regex(r"[a-z][a-z0-9]{0,4}(-[a-z0-9]{1,3}){0,2}", fullmatch=True).filter(
    lambda name: not keyword.iskeyword(name)
)
option_names = st.from_regex(r"x_[a-z]{0,4}", fullmatch=True)
finite = st.floats(min_value=-1e6, max_value=1e6)
ramps = st.none() | st.tuples(finite, finite).filter(lambda ends: ends[0] != ends[1])
factors = st.builds(Affine, st.sampled_from(["coupling", "mix"]), finite, finite, ramps)
products = st.builds(Weight, finite, st.lists(factors, min_size=1, max_size=3).map(tuple))
weights = finite | products | st.tuples(products, products).map(lambda pair: 0.5 * pair[0] * (1 - pair[1]))
any_text = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=5)
wires = st.just(FrozenMap()) | st.dictionaries(any_text, any_text, max_size=2).map(FrozenMap)
terms = st.builds(Term, names, st.dictionaries(option_names, literals, max_size=3).map(FrozenMap), weights, wires)
groups = st.lists(terms, min_size=1, max_size=3).map(tuple).map(Group)
calibrations = st.floats(min_value=1e-3, max_value=1e3)
summands = st.recursive(
    terms | groups,
    lambda inner: st.builds(
        Members,
        st.lists(st.lists(inner, min_size=1, max_size=2).map(tuple).map(Expression), min_size=2, max_size=3).map(tuple),
        calibrations,
    ),
    max_leaves=5,
)


@given(st.lists(summands, min_size=1, max_size=5))
def test_what_is_printed_reads_back_as_the_same(parts):
    expression = Expression(tuple(parts))
    assert parse_expression(str(expression)) == expression


PIECES = [
    "a",
    "b-c",
    "(",
    ")",
    "+",
    "*",
    "-",
    "/",
    "2",
    "0.5",
    "x=",
    "'s'",
    "[",
    "]",
    "{",
    "}",
    ":",
    ",",
    ".",
    " ",
    "\n",
]
PIECES += [
    ">> {'x': 'y'}",
    ">>",
    "print",
    "__import__('os')",
    "lambda",
    "if",
    "else",
    "for",
    "in",
    "await",
    "yield",
    "@",
    "**",
    ":=",
    "#",
    "f'{a}'",
    "coupling",
    "**2",
    ".ramp(0, 1)",
    "Coupling('mix')",
    "committee(",
    "calibration=1.5",
]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join) | st.text(max_size=40))
def test_any_text_gives_an_expression_or_the_one_error_and_runs_nothing(text):
    events = []
    recorder.hear = events.append
    try:
        parsed = parse_expression(text)
    except ExpressionError:
        parsed = None
    finally:
        recorder.hear = None
    assert parsed is None or parse_expression(str(parsed)) == parsed
    assert not {event for event in events if event in {"exec", "os.system", "subprocess.Popen", "open", "import"}}


class Recorder:
    """Hears Python's audit events; a hook cannot be removed, so it is added once and told when to listen."""

    hear = None

    def __call__(self, event, arguments):
        if self.hear is not None:
            self.hear(event)


recorder = Recorder()
sys.addaudithook(recorder)


def test_the_recorder_hears_an_evaluation():
    events = []
    recorder.hear = events.append
    try:
        exec(compile("1", "here", "eval"))  # noqa: S102 - shows that the test above would notice
    finally:
        recorder.hear = None
    assert "exec" in events
