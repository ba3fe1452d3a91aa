"""The spaces of searches: from the command line's grammar, and narrowed."""

import optuna
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from dlcourse.cli.search import space_of, split_command_line
from dlcourse.errors import UserError
from dlcourse.search.space import config_values, narrow, numbers, suggest

SPACE = {
    "lr": numbers(1e-5, 1e-1, tags=["log"]),
    "width": numbers(16, 128, step=16),
    "kind": CategoricalDistribution(("a", "b")),
}


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("optimizer.lr=tag(log,interval(1e-5,1e-1))", FloatDistribution(1e-5, 1e-1, log=True)),
        ("model.dropout=interval(0,0.5)", FloatDistribution(0.0, 0.5)),
        ("model.width=range(16,129,16)", IntDistribution(16, 128, step=16, log=False)),
        ("model.width=range(128,0,-64)", IntDistribution(64, 128, step=64, log=False)),
        ("model.width=tag(log,range(1,9))", IntDistribution(1, 8, step=1, log=True)),
        ("model.width=int(interval(1,5))", IntDistribution(1, 5, step=1, log=False)),
        ("model.dropout=range(0,1,0.25)", FloatDistribution(0.0, 0.75, step=0.25)),
        ("optimizer=choice(adam,sgd)", CategoricalDistribution(("adam", "sgd"))),
        ("task.batch_size=16,32,null", CategoricalDistribution(("16", "32", "null"))),
        ("task.batch_size=tag(one_minus_log,choice(0.9,0.99))", CategoricalDistribution(("0.9", "0.99"))),
        ("model.hidden=[],[10,10]", CategoricalDistribution(("[]", "[10,10]"))),
    ],
)
def test_the_grammar_becomes_a_space(word, expected):
    sweeps, others = split_command_line([word, "seed=3", "-m", "--cfg", "job", "search.trials=7"])
    assert space_of(sweeps) == {word.partition("=")[0]: expected}
    assert others == ["seed=3", "--cfg", "job", "search.trials=7"]
    drawn = {str(suggest(optuna.create_study().ask(), "x", expected)) for _ in range(20)}
    parser = OverridesParser.create()
    for text in drawn:  # what is drawn is a value of a command line
        assert not parser.parse_override(f"key={text}").is_sweep_override()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "there is nothing to search: give at least one key a space, such as 'optimizer.lr=tag"),
        (["a=interval(3,1)"], r"a=interval\(3,1\): low must be below high, got 3 and 1"),
        (["a=interval(1,1)"], "low must be below high, got 1 and 1"),
        (["a=tag(log,interval(0,1))"], "low must be above 0 on a logarithmic scale, got 0"),
        (["a=tag(log,interval(-1,1))"], "low must be above 0 on a logarithmic scale, got -1"),
        (["a=tag(one_minus_log,interval(0.5,1))"], "high must be below 1 on the scale of 1 - beta, got 1"),
        (["a=tag(one_minus_log,interval(0.5,0))"], "low must be below high, got 0.5 and 0"),
        (["a=range(3,1)"], "an empty range, from 3 to 1 by 1"),
        (["a=tag(log,range(1,9,2))"], "on a logarithmic scale a range goes by whole numbers, step 1; got step 2"),
        (["a=tag(one_minus_log,range(0.9,0.99,0.01))"], "on a logarithmic scale a range goes by whole numbers"),
        (["a=glob(*)"], "glob is not understood here; list the options, a,b,c"),
        (["search.sampler=tpe,random"], "search.sampler=tpe,random: how to search is not searched for"),
    ],
)
def test_a_space_that_is_none_is_refused(words, message):
    with pytest.raises(UserError, match=message):
        space_of(split_command_line(words)[0])


def test_momentum_on_the_scale_of_one_minus_beta():
    space = space_of(split_command_line(["optimizer.momentum=tag(one_minus_log,interval(0.9,0.999))"])[0])
    assert space == {"1 - optimizer.momentum": numbers(0.9, 0.999, tags=["one_minus_log"])}
    (part,) = space.values()
    assert (part.low, part.high, part.log) == (pytest.approx(0.001), pytest.approx(0.1), True)
    assert config_values({"1 - optimizer.momentum": 0.01, "kind": "a"}) == {"optimizer.momentum": 0.99, "kind": "a"}


def test_narrowing_spans_the_best_and_at_least_the_zoom():
    best = [{"lr": 1e-3, "width": 64, "kind": "a"}, {"lr": 1e-2, "width": 64, "kind": "b"}]
    fine = narrow(SPACE, best, 0.5)
    assert fine["lr"].low == pytest.approx(10**-3.5) and fine["lr"].high == pytest.approx(10**-1.5)
    assert fine["width"] == IntDistribution(32, 96, step=16, log=False)
    assert fine["kind"] == SPACE["kind"]
    edge = narrow(SPACE, [{"lr": 1e-5, "width": 128, "kind": "a"}], 0.25)
    assert edge["lr"].low == pytest.approx(1e-5) and edge["lr"].high == pytest.approx(1e-4)  # moved, not cut
    assert edge["width"] == IntDistribution(96, 128, step=16, log=False)
    spanned = narrow(SPACE, [{"lr": 1e-5, "width": 16, "kind": "a"}, {"lr": 1e-1, "width": 128, "kind": "a"}], 0.1)
    assert spanned["lr"] == SPACE["lr"] and spanned["width"] == SPACE["width"]
