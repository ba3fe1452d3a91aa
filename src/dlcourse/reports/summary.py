"""The page of a run, summary.html in its folder: results, images, curves, commands and config in one file.

It is made from the run's folder alone, which may be a stranger's: all text is escaped, sizes are bounded, and what is
broken is left out.
"""

import platform
import re
import shlex
from datetime import datetime
from pathlib import Path
from typing import Any

from PIL import Image

from dlcourse.engine.build import locate
from dlcourse.engine.checkpoint import task_of
from dlcourse.engine.logger import best_row, duration, readable
from dlcourse.engine.nodes import node_at
from dlcourse.engine.run_folder import all_of, step_of
from dlcourse.engine.task import Task
from dlcourse.engine.tensorboard import chart_of
from dlcourse.errors import UserError
from dlcourse.files.atomic import atomic_write
from dlcourse.reports import sheet
from dlcourse.reports.animation import thin_out
from dlcourse.reports.curves import COLORS, chart
from dlcourse.reports.doctor import version_of
from dlcourse.reports.page import figure, safe, titled, whole_page
from dlcourse.reports.runs import Run, images_seen, kinds_of, read_config, read_yaml, rows_if_readable, twice_as_long
from dlcourse.style_transfer.demo_images import IMAGES

LARGEST, MEDIUM, SMALL = 2048, 512, 192  # pixels on the longer side: the result, its inputs and other images, earlier
MOST_EARLIER, MOST_KINDS, MOST_WORDS = 12, 6, 50
MOST_STEPS, SLOWEST = 10**15, 1e-9  # other numbers of steps, and steps per second, are mistakes


def write_summary(
    run_dir: Path, total: int | None = None, ended: str | None = None, folder: Path | None = None
) -> Path:
    """Write a run's page, atomically, and return its path.

    Args:
        run_dir: a folder whose links were checked, see `check_links`.
        total: steps of the whole run; None: `runner.max_steps`, if it is a number.
        folder: where to write it, which is made if need be; None: in the run.
        ended: "finished", or how else the training ended, if that is known.

    Raises:
        UserError: config.yaml is not the config of a run.
        OSError: the page cannot be written.
    """
    content = page(run_dir, total, ended)
    path = (folder or run_dir) / "summary.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        temporary.write_text(content, encoding="utf-8")
    return path


def page(run_dir: Path, total: int | None, ended: str | None) -> str:
    """The HTML of a run's page."""
    config = read_config(run_dir)
    run, task = Run(run_dir, {}, rows_if_readable(run_dir)), task_of(config)
    name = node_at(config, "choices.experiment") or task.kind
    most, asked = total or node_at(config, "runner.max_steps"), node_at(config, "task.total_images")
    if most is None and type(asked) is int and 0 < asked <= images_seen(run.rows):
        most = last_step(run)
    step, total = last_step(run), most if type(most) is int and 0 < most < MOST_STEPS else None
    words = [word for word in words_of(config) if not word.startswith(("experiment=", "run_dir="))]
    body = [
        f"<h1>{safe(name)}</h1>",
        f"<p>{safe(state(run, step, total, ended))}</p>",
        f"<p>{' '.join(f'<code>{safe(word)}</code>' for word in words)}</p>" if words else "",
        facts(run, task, config),
        *images(run_dir, task, inputs(run_dir, config, is_own=ended is not None)),
        titled("Curves", "curves", charts(run, task)),
        "" if run.rows else "<p>No metrics were logged yet.</p>",
        commands(run, config, step, total, ended),
        whole_config(run_dir),
        f"<footer>{safe(versions())}</footer>",
    ]
    return whole_page(" ".join([str(name), *words]), body)


def last_step(run: Run) -> int:
    """The last step that was saved or logged."""
    return max([0, *map(step_of, all_of(run.path)), *(row["step"] for row in run.rows[-1:])])


def words_of(config: dict[str, Any]) -> list[str]:
    """The overrides with which a run was started, as far as a config of a stranger may propose them."""
    words = config.get("overrides")
    given = [word for word in words if isinstance(word, str) and "=" in word] if isinstance(words, list) else []
    unfit = ("-", "hydra", "resume=")
    return [word for word in given if not word.lstrip("+~").startswith(unfit) and "${" not in word][:MOST_WORDS]


def state(run: Run, step: int, total: int | None, ended: str | None) -> str:
    """How far a run is, and about how long it took."""
    of = f" of {total:,}" if total and (step == total or ended != "finished") else ""
    rate = run.final().get("perf/steps_per_second")
    took = (
        f", about {duration(step / rate)} at {readable(rate)} steps/s"
        if rate and rate > SLOWEST and step < MOST_STEPS
        else ""
    )
    how = f"{ended[:1].upper()}{ended[1:]}: step" if ended else "Step"
    return f"{how} {step:,}{of}{took}"


def facts(run: Run, task: type[Task], config: dict[str, Any]) -> str:
    """The last values of the metrics that a task is judged by, and the lowest of the one for which best.pt is kept."""
    final, keep_best = run.final(), node_at(config, "runner.keep_best")
    results = {tag: f"result/{tag.rpartition('/')[2]}" for tag in task.shown}
    tags = [results[tag] if results[tag] in final else tag for tag in task.shown]
    cells = [(tag, readable(final[tag]), "") for tag in tags if final.get(tag) is not None]
    if best := best_row(run.path, keep_best if isinstance(keep_best, str) else None):
        cells.append((f"lowest {keep_best}", readable(best[0]), f"at step {best[1]:,}"))
    found = [f"<div><dt>{safe(a)}</dt><dd>{safe(b)} <small>{safe(c)}</small></dd></div>" for a, b, c in cells]
    verdict = task.verdict({tag: value for tag, value in final.items() if isinstance(value, int | float)})
    told = f"<p>{safe(verdict[:1].upper() + verdict[1:])}</p>" if verdict else ""
    return (f"<dl>{''.join(found)}</dl>" if found else "") + told


def images(run_dir: Path, task: type[Task], inputs: dict[str, Image.Image]) -> list[str]:
    """The result in full, beside its inputs; the last image of each other kind; the earlier ones of the first kind."""
    kinds = kinds_of(run_dir)
    names = [
        *(name for name in task.main_images if name in kinds),
        *(name for name in kinds if name not in task.main_images),
    ]
    if not names:
        return []
    main, *others = names[:MOST_KINDS]
    *earlier, last = kinds[main]
    given = [figure(image, MEDIUM, name) for name, image in inputs.items()]
    result = figure(kinds[main][last], LARGEST, f"{main}, step {last:,}", shown=576)
    beside = f'<div class="inputs">{"".join(given)}</div>' if given else ""
    more = [figure(list(kinds[name].values())[-1], MEDIUM, name, shown=256) for name in others]
    also = f'<div class="more">{"".join(more)}</div>' if more else ""
    before = [figure(kinds[main][step], SMALL, f"step {step:,}") for step in thin_out(earlier, MOST_EARLIER)]
    return [titled("Result", "result", [beside, result, also]), titled("On the way", "earlier", before)]


def inputs(run_dir: Path, config: dict[str, Any], is_own: bool) -> dict[str, Image.Image]:
    """The content and styles of a style transfer, if they are still there.

    A run that was not trained just now may be a stranger's, whose config names any file: of such, only built-in images
    and those in the current folder are shown.
    """
    content, style = node_at(config, "dataset.content"), node_at(config, "dataset.style")
    paths = [content, *(style if isinstance(style, list) else [style])]
    if not all(isinstance(path, str) and (is_own or path in IMAGES or is_here(path)) for path in paths):
        return {}
    try:
        return {title: image for (_, title), image in sheet.inputs([run_dir]).items()}
    except UserError:
        return {}


def is_here(path: str) -> bool:
    return Path(path).resolve().is_relative_to(Path.cwd())


def charts(run: Run, task: type[Task]) -> list[str]:
    """A chart for each quantity that a task is judged by, with its curves on train and dev."""
    logged = sorted({tag for row in run.rows for tag in row})
    patterns = dict(chart_of(tag) for tag in task.shown if not tag.startswith("progress/"))
    found = []
    for title, pattern in patterns.items():
        tags = [tag for tag in logged if re.match(pattern, tag)][:COLORS]
        found.append(chart(title, {tag: [(row["step"], row[tag]) for row in run.rows if tag in row] for tag in tags}))
    return found


def commands(run: Run, config: dict[str, Any], step: int, total: int | None, ended: str | None) -> str:
    """The commands that made the run, continue it, and take it."""
    made = shlex.join(["dlcourse", "train", *words_of(config)])
    resume = shlex.join(["dlcourse", "train", f"resume={run.path}"])
    lines = {"Made by": [made] if isinstance(config.get("overrides"), list) else []}
    if total and step >= total:
        lines["Train further"] = [f"{resume} {twice_as_long(config, step, run.rows)}"]
    elif ended != "finished":
        lines["Go on"] = [resume]
    lines["Next"] = next_commands(run.path, config)
    parts = [
        f'<p class="faint">{title}</p>{"".join(f"<pre class=command>{safe(line)}</pre>" for line in found)}'
        for title, found in lines.items()
        if found
    ]
    return titled("Commands", "commands", parts)


def next_commands(run_dir: Path, config: dict[str, Any]) -> list[str]:
    """The commands that take a run, and the one that shows its curves."""
    try:
        example = getattr(locate(node_at(config, "dataset._target_"), "dataset"), "example", "")
    except UserError:
        example = ""
    named = config.get("checkpoint")  # of the network that a projection is for
    checkpoint = shlex.quote(f"checkpoint={named}") if isinstance(named, str) else ""
    fixed = {"INPUT": example, "checkpoint=CHECKPOINT": checkpoint}
    filled_in = lambda word: fixed.get(word, shlex.quote(word.replace("RUN", shown(run_dir))))
    lines = [" ".join(filter(None, map(filled_in, one.split(" ")))) for one in task_of(config).commands]
    if (number := class_of(config)) is not None:
        lines = [f"{line} classes={number}" if line.startswith("dlcourse sample ") else line for line in lines]
    return [*lines, f"tensorboard --logdir {shlex.quote(shown(logdir_of(run_dir)))}"]


def class_of(config: dict[str, Any]) -> int | None:
    """The class that a projection was for, or of a StyleGAN with classes the first; else None."""
    chosen = node_at(config, "task.synthesizer.classes")
    count = node_at(config, "model.generator.num_classes")
    return chosen if type(chosen) is int else 0 if type(count) is int and count > 0 else None


def shown(path: Path) -> str:
    """A path as a command takes it: not as an option if it begins with a dash."""
    return f"./{path}" if str(path).startswith("-") else str(path)


def logdir_of(run_dir: Path) -> Path:
    """The folder for TensorBoard: runs, where the other runs are, too, or a run that lies elsewhere."""
    return Path("runs") if run_dir.parts[:1] == ("runs",) and ".." not in run_dir.parts else run_dir


def whole_config(run_dir: Path) -> str:
    lines = "\n".join(map(safe, read_yaml(run_dir / "config.yaml").splitlines()))
    return f"<h2>Config</h2><details><summary>config.yaml, resolved</summary><pre>{lines}</pre></details>"


def versions() -> str:
    """What wrote the page, and when."""
    packages = [f"{name} {version_of(name) or '(not installed)'}" for name in ("dlcourse", "torch")]
    return f"Written {datetime.now():%Y-%m-%d %H:%M} by {', '.join(packages)}, Python {platform.python_version()}"
