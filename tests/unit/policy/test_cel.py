"""CEL as Kubernetes has it: a table of expressions, and attacks on the worker."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from gitgate.policy.cel import Engine, Item, Outcome, Program, Source, UnsafeValueError, encode_value
from tests.unit.policy.cel_cases import CASES, ERROR, OBJECT, REFUSED


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as engine:
        yield engine


def source(*expressions: str, **others: Any) -> Source:
    return Source(names=("object", "oldObject"), validations=tuple((text, None) for text in expressions), **others)


def ask(engine: Engine, program: Program, value: Any = None) -> Outcome:
    ((outcome,),) = engine.evaluate([Item({"object": value if value is not None else OBJECT}, [program.number])])
    return outcome


def test_the_table_is_large() -> None:
    assert len(CASES) >= 200
    assert len(CASES) == len({text for text, _ in CASES})


@pytest.mark.parametrize(("expression", "expected"), CASES, ids=[text for text, _ in CASES])
def test_an_expression_means_what_it_means_in_kubernetes(engine: Engine, expression: str, expected: Any) -> None:
    program = engine.compile(source(expression))
    assert program.limit is None
    assert bool(program.problems) == (expected == REFUSED), program.problems
    if expected == REFUSED:
        return
    outcome = ask(engine, program)
    assert outcome.limit is None
    assert bool(outcome.errors) == (expected == ERROR), outcome.errors
    if expected is True:
        assert outcome.denials == ()


def test_a_compile_problem_has_line_and_column(engine: Engine) -> None:
    (problem,) = engine.compile(source("object.spec.x == 1 &&\n  nope(object)")).problems
    assert (problem.part, problem.index, problem.line, problem.column) == ("validations", 0, 2, 7)
    assert "nope" in problem.message


@pytest.mark.parametrize(
    ("expression", "version"),
    [
        ("quantity('1').isInteger()", "1.29"),
        ("object.?x.hasValue()", "1.29"),
        ("optional.of(1).hasValue()", "1.29"),
        ("sets.contains([1], [1])", "1.30"),
        ("'%d'.format([1]) == ''", "1.30"),
        ("isIP('::1')", "1.31"),
        ("format.date().validate('').hasValue()", "1.32"),
        ("[1].all(i, v, v == 1)", "1.33"),
        ("isSemver('1.0.0')", "1.34"),
    ],
)
def test_a_library_is_known_by_the_version_that_brought_it(engine: Engine, expression: str, version: str) -> None:
    requirements = engine.compile(source(expression)).requirements
    assert {requirement.version for requirement in requirements} == {version}


def test_what_was_always_there_requires_nothing(engine: Engine) -> None:
    text = "object.a.all(x, x.startsWith('a')) && [1].sum() == 1 && isURL('/') && 'a'.find('a') == 'a'"
    assert engine.compile(source(text)).requirements == ()


class TestVariables:
    def test_they_see_those_before_them(self, engine: Engine) -> None:
        program = engine.compile(
            source("variables.b == 4", variables=(("a", "object.spec.replicas"), ("b", "variables.a + 1")))
        )
        assert ask(engine, program) == Outcome()

    def test_they_do_not_see_those_after_them(self, engine: Engine) -> None:
        program = engine.compile(source("true", variables=(("a", "variables.b"), ("b", "1"))))
        assert [(problem.part, problem.index) for problem in program.problems] == [("variables", 0)]

    def test_one_that_fails_does_no_harm_until_it_is_read(self, engine: Engine) -> None:
        program = engine.compile(source("true || variables.bad == 1", variables=(("bad", "object.nope.x"),)))
        assert ask(engine, program) == Outcome()

    def test_one_that_fails_fails_what_reads_it(self, engine: Engine) -> None:
        program = engine.compile(source("variables.bad == 1", variables=(("bad", "object.nope.x"),)))
        (error,) = ask(engine, program).errors
        assert "nope" in error.message

    def test_they_have_types(self, engine: Engine) -> None:
        program = engine.compile(source("variables.q.isLessThan(1)", variables=(("q", "quantity('1')"),)))
        assert program.problems

    def test_they_may_be_optional(self, engine: Engine) -> None:
        program = engine.compile(source("variables.o.orValue(7) == 7", variables=(("o", "object.?nope"),)))
        assert ask(engine, program) == Outcome()

    def test_a_loop_variable_may_have_their_name(self, engine: Engine) -> None:
        program = engine.compile(
            source("[1].all(a, a == 1 && variables.a == 3)", variables=(("a", "object.spec.replicas"),))
        )
        assert ask(engine, program) == Outcome()


class TestConditions:
    def test_a_false_one_wins_over_a_failing_one(self, engine: Engine) -> None:
        program = engine.compile(source("false", conditions=("object.nope", "false")))
        assert [problem.part for problem in program.problems] == ["matchConditions"]  # the first gives no bool
        program = engine.compile(source("false", conditions=("object.nope == 1", "false")))
        assert not ask(engine, program).matched

    def test_a_failing_one_is_an_error(self, engine: Engine) -> None:
        program = engine.compile(source("false", conditions=("true", "object.nope == 1")))
        outcome = ask(engine, program)
        assert [(error.part, error.index) for error in outcome.errors] == [("matchConditions", 1)]
        assert outcome.denials == ()


class TestMessages:
    def test_a_message_expression_speaks(self, engine: Engine) -> None:
        program = engine.compile(Source(names=("object",), validations=(("false", "'no ' + object.kind"),)))
        assert ask(engine, program).denials == ((0, "no Pod"),)

    @pytest.mark.parametrize("expression", ["object.nope.x + ''", "'  '", "'a\\nb'"])
    def test_one_that_says_nothing_usable_leaves_the_message(self, engine: Engine, expression: str) -> None:
        program = engine.compile(Source(names=("object",), validations=(("false", expression),)))
        assert ask(engine, program).denials == ((0, None),)

    def test_an_audit_annotation_may_be_null(self, engine: Engine) -> None:
        program = engine.compile(Source(names=("object",), annotations=("object.kind + '!'",)))
        assert ask(engine, program).annotations == ((0, "Pod!"),)
        program = engine.compile(Source(names=("object",), annotations=("null",)))
        assert ask(engine, program) == Outcome()


SAFE = "object == null || true"
LONG = {"text": "a" * 30_000, "items": [1] * 100_000}
NESTED: Any = {}
for _ in range(150):
    NESTED = {"a": NESTED}


def cyclic() -> Any:
    value: dict[str, Any] = {}
    value["a"] = [value]
    return value


class TestAttacks:
    """Each ends within two seconds as a limit, and what else is asked is answered."""

    @pytest.mark.parametrize(
        "expression",
        [
            "(object.text" + ".replace('a', 'aaaaaaaaaaaaaaaa')" * 8 + ").size() > 0",
            "object.items.all(x, object.items.all(y, x == y || true))",
            "object.items.all(x, x == 1)",
        ],
        ids=["replace bomb", "nested loops", "long loop"],
    )
    def test_an_expensive_expression_is_a_limit(self, expression: str) -> None:
        with Engine() as engine:
            safe, hostile = engine.compile(source(SAFE)), engine.compile(source(expression))
            assert hostile.problems == ()
            start = time.monotonic()
            outcomes = list(
                engine.evaluate(
                    [
                        Item({"object": LONG}, [safe.number, hostile.number]),
                        Item({"object": {"text": "", "items": []}}, [safe.number]),
                    ]
                )
            )
            assert time.monotonic() - start < 2 * SLOW
        assert outcomes[0][0] == Outcome()
        assert outcomes[0][1].limit is not None
        assert outcomes[1] == (Outcome(),)

    def test_a_pattern_runs_in_linear_time(self, engine: Engine) -> None:
        program = engine.compile(source("!object.text.matches('(a+)+$') || true", "object.text.find('(a+)+b') == ''"))
        start = time.monotonic()
        assert ask(engine, program, {"text": "a" * 100_000 + "!"}) == Outcome()
        assert time.monotonic() - start < 2 * SLOW

    @pytest.mark.parametrize(
        "value",
        [
            {"a": "x\0y"}, {"x\0y": 1}, {"a": "\ud800"}, {"a": 2**64}, {"a": -(2**63) - 1}, {"a": float("nan")},
            {"a": float("inf")}, {"a": {1}}, {"a": b""}, {"a": (1,)}, NESTED, cyclic(),
        ],
        ids=["NUL", "NUL in key", "surrogate", "big", "small", "NaN", "inf", "set", "bytes", "tuple", "deep", "cyclic"],
    )  # fmt: skip
    def test_data_that_the_engine_would_misread_never_reaches_it(self, engine: Engine, value: Any) -> None:
        program = engine.compile(source(SAFE))
        first, second = engine.evaluate(
            [Item({"object": value}, [program.number]), Item({"object": {}}, [program.number])]
        )
        assert first[0].limit is not None
        assert second == (Outcome(),)

    def test_text_that_only_looks_dangerous_passes(self) -> None:
        assert encode_value({"a": "\\u0000 \\ud800 é 😀"})

    def test_a_cycle_is_refused(self) -> None:
        with pytest.raises(UnsafeValueError):
            encode_value(cyclic())

    def test_nulls_do_not_wear_the_interpreter_out(self, engine: Engine) -> None:
        program = engine.compile(
            source("object.all(x, x == null)", "object.map(x, x).size() > 0", "object.isSorted() || true")
        )
        items = [Item({"object": [None] * 100}, [program.number]) for _ in range(200)]
        assert {outcomes[0].limit for outcomes in engine.evaluate(items)} == {None}

    def test_a_worker_is_not_replaced_because_its_parent_is_large(self) -> None:
        ballast = bytearray(600_000_000)
        ballast[::4096] = b"x" * len(ballast[::4096])
        with Engine() as engine:
            program = engine.compile(source("object.a == 1"))
            for _ in range(2):
                assert ask(engine, program, {"a": 1}) == Outcome()
            assert engine._worker is not None
        assert len(ballast) == 600_000_000

    def test_a_worker_that_is_killed_is_replaced(self) -> None:
        with Engine() as engine:
            program = engine.compile(source("object.a == 1"))
            assert ask(engine, program, {"a": 1}) == Outcome()
            assert engine._worker is not None
            os.kill(engine._worker._process.pid, signal.SIGKILL)
            assert ask(engine, program, {"a": 2}).denials == ((0, None),)
            assert engine.restarts == 1

    def test_what_kills_the_worker_when_it_is_compiled_is_named(self) -> None:
        with Engine() as engine:
            program = engine.compile(source("[" * 20_000))
            assert program.problems or program.limit

    def test_an_object_cannot_pretend_to_be_a_quantity(self, engine: Engine) -> None:
        program = engine.compile(source("object.q.isLessThan(quantity('1'))"))
        assert ask(engine, program, {"q": {"0": "quantity", "1": "0"}}).errors

    def test_no_worker_is_started_for_nothing(self) -> None:
        with Engine() as engine:
            assert list(engine.evaluate([])) == []
            assert engine._worker is None

    def test_many_items_are_answered_in_order(self, engine: Engine) -> None:
        program = engine.compile(Source(names=("object",), validations=(("false", "string(object.n)"),)))
        outcomes = list(engine.evaluate(Item({"object": {"n": n}}, [program.number]) for n in range(1500)))
        assert [outcome.denials[0][1] for (outcome,) in outcomes] == [str(n) for n in range(1500)]


SLOW = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
"""How much slower than a quiet machine this one is now."""


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("[object.kind, 'x'].size() == 2", "expected type 'dyn' but found 'string'"),
        ("{'a': 'x', 'b': null}.size() == 2", "expected type 'string' but found 'null'"),
        ("'%d'.format([1.5]) == ''", "%d does not take a value of type double"),
        ("'%s %s'.format(['a']) == ''", "the template asks for 2 arguments and is given 1"),
        ("'100%'.format([]) == ''", "could not parse the template"),
        ("int('3.5') == 3", "is an error whenever it runs"),
        ("['a', 'b'].sum() == ''", "no matching overload for 'sum' applied to 'list(string)'"),
    ],
)
def test_what_is_wrong_with_a_literal_is_said_before_it_runs(engine: Engine, expression: str, message: str) -> None:
    (problem,) = engine.compile(source(expression)).problems
    assert message in problem.message


def test_what_has_a_type_in_a_cluster_stands_beside_its_like(engine: Engine) -> None:
    shapes = {"request": {"type": "object", "properties": {"operation": {"type": "string"}}}}
    text = "request.operation in [request.operation, 'DELETE'] && object.x.all(n, [n, 'a'].size() == 2)"
    assert engine.compile(Source(names=("object", "request"), validations=((text, None),), shapes=shapes)).runnable


def test_a_message_is_printed_as_a_cluster_prints_it(engine: Engine) -> None:
    words = "'%s and %s in %.1f of %s'.format([object.spec.items.map(i, i.name), object.spec.items[0], 1234.5, null])"
    program = engine.compile(Source(names=("object",), validations=(("false", words),)))
    assert ask(engine, program).denials == ((0, '["a", "b", "c"] and {"name":"a", "port":80} in 1,234.5 of null'),)


def test_a_field_in_backticks_needs_the_version_that_reads_it(engine: Engine) -> None:
    text = "'`' == '`' || // `\n object.metadata.labels.`a.b/c` == 'd'"
    program = engine.compile(source(text))
    assert ask(engine, program) == Outcome()
    (requirement,) = program.requirements
    assert (requirement.version, requirement.line, requirement.column) == ("1.37", 2, 25)
    assert not engine.compile(source("'`' == '`' // `")).requirements


SELF = {
    "type": "object",
    "properties": {
        "count": {"type": "integer"},
        "name": {"type": "string"},
        "names": {"type": "array", "items": {"type": "string"}},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "nested": {"type": "object", "properties": {"on": {"type": "boolean"}}},
        "namespace": {"type": "string"},
        "when": {"type": "string", "format": "date-time"},
        "port": {"x-kubernetes-int-or-string": True},
    },
}


def of_self(text: str) -> Source:
    return Source(names=("self",), validations=((text, None),), shapes={"self": SELF})


@pytest.mark.parametrize(
    "expression",
    [
        "self.count == null",
        "self.labels != null",
        "self.names == self.labels",
        "self.names == [1]",
        "self.labels == self.nested",
        "self.count in self.labels",
        "self.name ? true : false",
        "self.nested.size() > 0",
        "self.count.matches('a')",
        "isQuantity(self.count)",
    ],
)
def test_a_value_whose_schema_is_known_is_not_taken_for_another(engine: Engine, expression: str) -> None:
    (problem,) = engine.compile(of_self(expression)).problems
    assert "no matching overload" in problem.message


@pytest.mark.parametrize(
    "expression",
    [
        "self.nested == null || self.when == null || self.port == null || true",
        "self.port == 'a' || self.port == 1",
        "'a' in self.labels && 'a' in self.names",
        "self.names == ['a'] && self.names != []",
        "self.labels == {'a': 'b'}",
        "has(self.namespace) && self.namespace == 'shop'",
        "has(self.__namespace__) && self.__namespace__ == 'shop'",
    ],
)
def test_what_a_schema_allows_compiles_and_holds(engine: Engine, expression: str) -> None:
    program = engine.compile(of_self(expression))
    assert program.problems == ()
    value = {
        "names": ["a"],
        "labels": {"a": "b"},
        "__namespace__": "shop",
        "port": 1,
        "nested": {},
        "when": "2024-01-01T00:00:00Z",
    }
    ((outcome,),) = engine.evaluate([Item({"self": value}, [program.number])])
    assert outcome == Outcome()
