"""How to search, as configured."""

from dataclasses import dataclass

SAMPLERS = ("random", "tpe")
PRUNERS = ("none", "median", "successive_halving", "hyperband")
DIRECTIONS = ("minimize", "maximize")


@dataclass(frozen=True)
class Search:
    """How to search; the keys are explained in configs/search.yaml.

    Raises:
        ValueError: a value outside its range.
    """

    metric: str
    direction: str
    trials: int
    sampler: str
    pruner: str
    refine_after: int | None
    refine_best: int
    refine_zoom: float
    max_failures: int
    storage: str | None
    study: str | None
    folder: str | None
    grace_period: int
    seed: int

    def __post_init__(self) -> None:
        for name, allowed in {"direction": DIRECTIONS, "sampler": SAMPLERS, "pruner": PRUNERS}.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}")
        for name in ("trials", "refine_after", "refine_best", "max_failures", "grace_period"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if not 0 < self.refine_zoom <= 1:
            raise ValueError(f"refine_zoom must be in (0, 1], got {self.refine_zoom}")
        if self.storage is not None and self.study is None:
            raise ValueError(f"storage={self.storage} needs a name for the study in it: search.study=NAME")


@dataclass(frozen=True)
class Lengths:
    """Of a run, in updates: whole, between two evaluations, and until every metric has been logged."""

    max_steps: int
    evaluate_every: int
    first_record: int
