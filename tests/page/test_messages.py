"""What the page makes of the server's messages in Chinese: the functions of the page themselves, run by Node.js."""

import json
import re
import shutil
import subprocess

import pytest
from test_front_end import chinese_messages

from dlcourse.page.app import STATIC
from dlcourse.page.uploads import shown_name

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="no node here (Debian: apt-get install nodejs)")
PROGRAM = """
globalThis.localStorage = { getItem: () => "zh" };
const { translated } = await import("./messages.js");
const { shortened } = await import("./api.js");
const { readFileSync } = await import("node:fs");
const answer = { translated, shortened, timed };
function timed(message) {
  translated(message.slice(1)); // the patterns are compiled at their first use
  const start = performance.now();
  translated(message);
  return performance.now() - start;
}
const [name, texts] = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(texts.map(answer[name])));
"""
OURS = {  # parts of messages, in both languages
    "what": ("no such file", "没有这个文件"),
    "wanted": ("true or false", "真假值（true 或 false）"),
    "reason": ("Permission denied", "没有权限"),
    "limits": ("at most 3 million pixels, 4 per side", "最多 3 百万像素，每边最多 4"),
    "found": ("30 points in 4 classes", "30 个点，4 类"),
    "wrong": ("x1 of sample 2 is 'nothing'", "第 2 个样本的 x1 是 'nothing'"),
}
WORDS = {"quoted": '"it\'s: no such file"', "mark": "','"}
FREE = ["columns", "command", "folder", "formats", "layers", "name", "network", "others", "path", "value"]
COMMAND = "dlcourse train dataset=points_file 'dataset.path=\"my: t, {x}; no such file: nothing.csv\"'"
REFUSED = "upload must be a whole number from 0 to 9, got"


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A function that asks one of the page's functions, "translated" or "shortened", for each of some texts."""
    folder = tmp_path_factory.mktemp("static")
    for name in ("messages.js", "words.js", "api.js"):
        shutil.copy(STATIC / name, folder)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "program.js").write_text(PROGRAM)

    def ask(function, texts):
        given = json.dumps([function, texts])
        done = subprocess.run([NODE, "program.js"], cwd=folder, input=given, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return ask


def filled(text, language):
    def value(found):
        name = found[1]
        free = "my: true or false, {x}; nothing" if name in FREE else "7"
        return OURS[name][language] if name in OURS else WORDS.get(name, free)

    return re.sub(r"\{(\w+)\}", value, text)


def test_each_message_is_translated_by_its_own_sentence_and_values_stay(asked):
    pairs = [(filled(english, 0), filled(chinese, 1)) for english, chinese in chinese_messages().items()]
    pairs += [(f"a: b.csv: {one}", f"a: b.csv：{other}") for one, other in pairs if "an error of" not in one]
    found = asked("translated", [english for english, _ in pairs])
    wrong = {one: text for (one, right), text in zip(pairs, found, strict=True) if text != right}
    assert not wrong


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("nothing: no such file", "nothing：没有这个文件"),
        ("one of you.png: an empty file", "one of you.png：空文件"),
        ("no such file: an empty file", "no such file：空文件"),
        ("no such file; did you mean one of you.png?", "没有这个文件；要找的是 one of you.png 吗？"),
        ("content=a: b.png: no such file; there is no folder true or false",
         "content=a: b.png：没有这个文件；也没有文件夹 true or false"),
        (f"{REFUSED} nothing", "upload 必须是从 0 到 9 的整数（收到：空值）"),
        (f"{REFUSED} 'nothing'", "upload 必须是从 0 到 9 的整数（收到：'nothing'）"),
        (f"{REFUSED} 'a: no such file'", "upload 必须是从 0 到 9 的整数（收到：'a: no such file'）"),
        (f"2500 points in 3 classes: at most 2000 in 6 here; for more: {COMMAND}",
         f"2500 个点，3 类：这里最多 2000 个点、6 类；更多请用命令 {COMMAND}"),
        ("t: 1.csv: only one class, 'a: b'; at least 2 are needed", "t: 1.csv：只有一个类别 'a: b'；至少需要 2 个"),
        ("""latent: there is no projection called "a'b: c" in runs/a: b""", """runs/a: b 里没有名为 "a'b: c" 的投影"""),
        ("t.csv: x1 of sample 2 is 'a, but b: c', not a finite number of at most 1e+18 (line 3)",
         "t.csv：第 2 个样本的 x1 是 'a, but b: c'，不是绝对值不超过 1e+18 的有限数（第 3 行）"),
        ("t.csv: has no x1, label (it has nothing)", "t.csv：缺少 x1, label（现有 nothing）"),
        ("t.csv: more than 1000 different labels; they must be classes",
         "t.csv：不同的标签超过 1000 个；标签必须是类别"),
        ("t.csv: has no x1, x2, label in a header of at most 65536 letters",
         "t.csv：在最多 65536 个字符的表头里缺少 x1, x2, label"),
        ("another page has opened bundled faces: load this page anew", "另一个页面打开了自带的人脸网络：请刷新本页"),
        ("another page has opened nothing: load this page anew", "另一个页面打开了 nothing：请刷新本页"),
        ("my: words: of another program", "my: words: of another program"),
    ],
)  # fmt: skip
def test_names_quoted_values_and_commands_stay(asked, english, chinese):
    assert asked("translated", [english]) == [chinese]


def test_no_message_takes_long(asked):
    parts = (
        "x of sample 1 is y, but ",
        "a: ",
        ": ; did you mean ",
        "no such file; did you mean b?; there is no folder c: ",
        "x must be one of a, got ",
        "1 points in 2 classes: at most ",
        "'",
        "has no a (it has b",
        " ",
    )
    ends = ("", "?", ")", "; a is enough")
    longest = [(part * 600)[: 600 - len(end)] + end for part in parts for end in ends]
    longer = [part * 4000 for part in parts]
    texts = longest + longer
    times = dict(zip(texts, asked("timed", texts), strict=True))
    slow = {text[-80:]: time for text, time in times.items() if time > 50}  # milliseconds
    assert not slow
    assert asked("translated", longer) == longer


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("me.png", "me.png"),
        ("图" * 56 + ".png", "图" * 56 + ".png"),
        ("图" * 100 + ".jpeg", "图" * 55 + ".jpeg"),
        ("🎨" * 100, "🎨" * 60),
        ("a" * 70 + ". no extension", "a" * 60),
        (".png", ".png"),
    ],
)
def test_a_long_name_keeps_its_extension(asked, name, sent):
    assert asked("shortened", [name]) == [sent]
    assert len(shown_name(sent)) == len(sent) and shown_name(sent).endswith(sent[-5:].lstrip("🎨"))
