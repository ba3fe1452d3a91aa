"""A study asks, trains and tells: counted, reproducible, narrowed, pruned, and told in a line when it goes wrong."""

import importlib
import math
import sys

import optuna
import pytest
from optuna.importance import FanovaImportanceEvaluator
from test_study_space import SPACE

import dlcourse.search
from dlcourse.errors import UserError
from dlcourse.search.results import draw_study, drawable_study, trials_of, trials_spreadsheet, trials_table
from dlcourse.search.space import narrow, numbers
from dlcourse.search.study import Lengths, Search, open_study
from dlcourse.search.worker import Worker

SETTINGS = {
    "metric": "dev/loss",
    "direction": "minimize",
    "trials": 6,
    "sampler": "random",
    "pruner": "none",
    "refine_after": None,
    "refine_best": 3,
    "refine_zoom": 0.25,
    "max_failures": 3,
    "storage": None,
    "study": None,
    "folder": None,
    "grace_period": 60,
    "seed": 0,
}
LENGTHS = Lengths(max_steps=40, evaluate_every=10, first_record=10)


def bowl(values):
    """Lowest at lr = 1e-3; the kind matters a little, the width does not."""
    return (math.log10(values["lr"]) + 3) ** 2 + 0.1 * (values["kind"] == "b") + 0.01


def train(number, values, observe):
    for step in (10, 20, 30, 40):
        observe(step - 5, {"train/loss": 1.0})
        observe(step, {"train/loss": 1.0, "dev/loss": bowl(values) + 1 / step})


def carry_out(train=train, space=SPACE, **changes):
    search = Search(**SETTINGS | changes)
    study = open_study(search, search.study or "test", space, [], LENGTHS)
    Worker(study, search, space, train, LENGTHS).run()
    return study


def params_of(study):
    return [trial.params for trial in study.trials]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sampler": "grids"}, "sampler must be one of grid, random, tpe, got 'grids'"),
        ({"sampler": "grid", "refine_after": 3}, "refine_after narrows intervals, and a grid has none"),
        ({"pruner": "yes"}, "pruner must be one of none, median, successive_halving, hyperband"),
        ({"direction": "up"}, "direction must be one of minimize, maximize"),
        ({"trials": 0}, "trials must be at least 1, got 0"),
        ({"refine_zoom": 0.0}, r"refine_zoom must be in \(0, 1\], got 0.0"),
        ({"storage": "sqlite:///a.db"}, "needs a name for the study in it: search.study=NAME"),
    ],
)
def test_senseless_settings_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Search(**SETTINGS | changes)


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_seed_repeats_itself_and_no_trial_another(sampler):
    first, again = (carry_out(sampler=sampler, trials=15) for _ in range(2))
    assert params_of(first) == params_of(again)
    assert len({trial.params["lr"] for trial in first.trials}) == 15
    assert params_of(carry_out(sampler=sampler, trials=15, seed=1)) != params_of(first)


def test_tpe_learns_where_random_does_not():
    means = {}
    for sampler in ("random", "tpe"):
        late = [
            trial.value for seed in range(3) for trial in carry_out(sampler=sampler, trials=40, seed=seed).trials[20:]
        ]
        means[sampler] = sum(late) / len(late)
    assert means["tpe"] < 0.7 * means["random"]


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_late_trials_come_from_around_the_best_coarse_ones(direction):
    study = carry_out(trials=30, refine_after=15, direction=direction)
    stages = [trial.user_attrs["stage"] for trial in study.trials]
    assert stages == ["whole"] * 15 + ["narrowed"] * 15
    coarse = sorted(study.trials[:15], key=lambda trial: trial.value, reverse=direction == "maximize")
    fine = narrow(SPACE, [trial.params for trial in coarse[:3]], 0.25)
    assert fine["lr"].high / fine["lr"].low < SPACE["lr"].high / SPACE["lr"].low
    for trial in study.trials[15:]:
        assert fine["lr"].low <= trial.params["lr"] <= fine["lr"].high


@pytest.mark.parametrize("pruner", ["median", "successive_halving", "hyperband"])
def test_bad_runs_end_early_and_count(pruner):
    steps = {}

    def counted(number, values, observe):
        for step in range(10, 41, 10):
            steps[number] = step
            observe(step, {"dev/loss": bowl(values) + 1 / step})

    study = carry_out(counted, pruner=pruner, trials=30)
    states = [trial.state.name for trial in study.trials]
    assert len(states) == 30 and set(states) == {"COMPLETE", "PRUNED"}
    assert all((steps[trial.number] < 40) == (trial.state.name == "PRUNED") for trial in study.trials)
    assert study.best_trial.state.name == "COMPLETE"


def test_failures_are_recorded_and_do_not_count(capsys):
    def sometimes(number, values, observe):
        if number == 1:
            raise UserError("task.batch_size must be in [1, 400], got 500")
        if number == 2:
            raise RuntimeError("CUDA out of memory\nand so on")
        observe(10, {"dev/loss": math.nan if number == 4 else 1.0 + number})

    study = carry_out(sometimes)
    assert [trial.state.name for trial in study.trials].count("COMPLETE") == 6 and len(study.trials) == 9
    errors = {trial.number: trial.user_attrs.get("error") for trial in study.trials if trial.state.name == "FAIL"}
    assert errors == {
        1: "task.batch_size must be in [1, 400], got 500",
        2: "RuntimeError: CUDA out of memory",
        4: "dev/loss is no number after 10 steps",
    }
    assert "trial 2 failed: RuntimeError: CUDA out of memory" in capsys.readouterr().err


def test_it_gives_up_after_failures_in_a_row():
    def broken(number, values, observe):
        raise UserError("no such file")

    with pytest.raises(UserError, match="3 trials failed in a row, the last one: no such file"):
        carry_out(broken)


def test_an_unknown_metric_names_those_that_there_are():
    with pytest.raises(UserError, match="search.metric=dev/los: .* but dev/loss, train/loss"):
        carry_out(metric="dev/los")


@pytest.mark.filterwarnings("ignore:Heartbeat of storage")
def test_of_two_that_ask_for_the_last_trial_one_withdraws(tmp_path):
    shared = {"storage": f"sqlite:///{tmp_path}/search.db", "study": "x"}
    search = Search(**SETTINGS | shared)
    study = open_study(search, "x", SPACE, [], LENGTHS)
    others = [study.ask() for _ in range(6)]  # as many as there should be, all running elsewhere
    worker = Worker(study, search, SPACE, train, LENGTHS)
    worker.one_trial()
    assert study.trials[-1].state.name == "FAIL" and study.trials[-1].params == {}
    assert len(trials_of(study)) == 6
    for trial in others[1:]:
        study.tell(trial, 1.0)
    study.tell(others[0], state=optuna.trial.TrialState.FAIL)
    worker.run()
    assert [trial.state.name for trial in study.trials].count("COMPLETE") == 6


@pytest.mark.filterwarnings("ignore:Heartbeat of storage")
def test_a_trial_of_a_dead_process_is_trained_again(tmp_path):
    shared = {"storage": f"sqlite:///{tmp_path}/search.db", "study": "x", "grace_period": 1}
    study = open_study(Search(**SETTINGS | shared), "x", SPACE, [], LENGTHS)
    dead = study.ask()
    study._storage.record_heartbeat(dead._trial_id)  # its only sign of life
    done = carry_out(**shared)
    states = [trial.state.name for trial in done.trials]
    assert states[0] == "FAIL" and states.count("COMPLETE") == 6
    assert trials_spreadsheet(done, "dev/loss", SPACE)[1][-1] == "interrupted"


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_trial_that_others_took_for_dead_is_lost_and_another_is_trained(when, tmp_path, capsys):
    shared = {"storage": f"sqlite:///{tmp_path}/search.db", "study": "x"}

    def slow(number, values, observe):
        if when == "after":
            observe(40, {"dev/loss": 1.0})
        if number == 0:
            others = optuna.load_study(study_name="x", storage=shared["storage"])
            others.tell(0, state=optuna.trial.TrialState.FAIL)
        if when == "before":
            observe(40, {"dev/loss": 1.0})

    states = [trial.state.name for trial in carry_out(slow, **shared).trials]
    assert states == ["FAIL"] + ["COMPLETE"] * 6
    assert "a trial was lost, for it was silent for too long" in capsys.readouterr().err


def test_a_study_goes_on_and_refuses_another_space(tmp_path):
    shared = {"storage": f"sqlite:///{tmp_path}/search.db", "study": "x"}
    carry_out(**shared, trials=4)
    longer = carry_out(**shared, trials=6)
    assert params_of(longer) == params_of(carry_out(trials=6))  # as if it had not stopped
    with pytest.raises(
        UserError, match="search.study=x searches for something else; choose another name .*space there"
    ):
        carry_out(**shared, space={"lr": SPACE["lr"]})
    with pytest.raises(UserError, match="direction there: minimize, here: maximize"):
        carry_out(**shared, direction="maximize")


def test_a_storage_that_cannot_be_used_and_a_missing_optuna(monkeypatch):
    with pytest.raises(UserError, match="search.storage=sqlite:////nowhere/a.db: cannot be used"):
        carry_out(storage="sqlite:////nowhere/a.db", study="x")
    with pytest.raises(UserError, match="search.storage=what: cannot be used"):
        carry_out(storage="what", study="x")
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UserError, match=r"a search needs Optuna: pip install 'dlcourse\[search\]'"):
        importlib.reload(dlcourse.search)


@pytest.mark.parametrize("fails", [(), (3,)])
def test_a_grid_is_gone_through_once(fails):
    def some_fail(number, values, observe):
        if number in fails:
            raise UserError("no such file")
        observe(40, {"dev/loss": 1.0 + values["width"]})

    space = {name: SPACE[name] for name in ("width", "kind")}
    study = carry_out(some_fail, space=space, sampler="grid", trials=100)
    assert len({(trial.params["width"], trial.params["kind"]) for trial in study.trials}) == len(study.trials) == 16
    assert [trial.state.name for trial in study.trials].count("FAIL") == len(fails)
    assert len(carry_out(some_fail, space=space, sampler="grid", trials=7).trials) == 7


def test_a_grid_has_no_intervals():
    with pytest.raises(UserError, match="search.sampler=grid needs values to go through: give lr a list, a,b,c, or a"):
        carry_out(sampler="grid")


def test_one_minus_beta_is_searched_on_a_log_scale():
    space = {"1 - momentum": numbers(0.0, 0.999, tags=["one_minus_log"])}
    seen = []

    def remember(number, values, observe):
        seen.append(values["momentum"])
        observe(40, {"dev/loss": 1 - values["momentum"]})

    study = carry_out(remember, space=space, trials=300)
    windows = [math.floor(math.log10(1 / (1 - momentum))) for momentum in seen]
    assert all(0.25 < windows.count(decade) / 300 < 0.42 for decade in range(3))  # every decade as often
    heading, best = trials_table(study, "dev/loss", space, 1)
    assert heading == ["trial", "dev/loss", "momentum", "state"] and float(best[2]) == pytest.approx(max(seen), 1e-3)


@pytest.fixture(scope="module")
def study():
    def some_fail(number, values, observe):
        train(number, values, observe) if number % 9 else observe(10, {"dev/loss": math.nan})

    return carry_out(some_fail, trials=30, refine_after=20, pruner="median")


def test_importance_finds_what_matters(study):
    shown = drawable_study(study, SPACE)
    shares = optuna.importance.get_param_importances(shown, evaluator=FanovaImportanceEvaluator(seed=0))
    assert max(shares, key=shares.get) == "lr" and sum(shares.values()) == pytest.approx(1)
    assert set(shares) == set(SPACE)


def test_table_and_spreadsheet(study):
    heading, *rows = trials_table(study, "dev/loss", SPACE, 5)
    assert heading == ["trial", "dev/loss", "lr", "width", "kind", "state"] and len(rows) == 5
    assert rows[0][0] == f"{study.best_trial.number:04}"
    heading, *rows = trials_spreadsheet(study, "dev/loss", SPACE)
    assert heading == ["trial", "state", "dev/loss", "lr", "width", "kind", "stage", "seconds", "error"]
    assert [row[0] for row in rows] == list(range(len(study.trials)))
    assert rows[9][1] == "failed" and rows[9][-1] == "dev/loss is no number after 10 steps"


def test_images_of_many_few_and_no_complete_trials(study):
    assert draw_study(study, "dev/loss", SPACE).shape[2] > 500  # with the importance below
    complete = [trial for trial in study.trials if trial.state.name == "COMPLETE"]
    pruned = [trial for trial in study.trials if trial.state.name == "PRUNED"]
    assert pruned
    for trials in (complete[:1], complete[:2], pruned):
        few = optuna.create_study()
        few.add_trials(trials)
        assert draw_study(few, "dev/loss", SPACE).shape[:3] == (1, 3, 400)
