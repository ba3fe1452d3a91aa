"""The doctor reads versions, survives a broken nvidia-smi, and believes in a device only after arithmetic."""

import argparse
import json
import os
import subprocess
import sys

import pytest
import torch

from conftest import ROOT, run_script
from dlcourse.cli import doctor as script
from dlcourse.reports import doctor
from dlcourse.reports.doctor import Driver, diagnose_cuda, parse_driver, read_driver

HEADING = """
Mon Jan  6 10:00:00 2025
+-----------------------------------------------------------------------------------------+
| NVIDIA-SMI 550.54.15              Driver Version: 550.54.15      CUDA Version: 12.4     |
|-----------------------------------------+------------------------+----------------------+
"""
NEWER = "| NVIDIA-SMI 590.44.01    KMD Version: 590.44.01    CUDA UMD Version: 13.1 |"
NO_DRIVER = Driver(None, None, "there is no nvidia-smi")


def fake_nvidia_smi(folder, body):
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.parametrize(
    ("text", "driver"),
    [
        (HEADING, Driver("550.54.15", "12.4", None)),
        (NEWER, Driver("590.44.01", "13.1", None)),
        (HEADING.replace("12.4", "N/A "), Driver("550.54.15", None, None)),
        ("Segmentation fault", Driver(None, None, "nvidia-smi names no driver: Segmentation fault")),
        ("", Driver(None, None, "nvidia-smi names no driver: no message")),
    ],
)
def test_the_heading_of_nvidia_smi(text, driver):
    assert parse_driver(text, 0) == driver


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("echo 'NVIDIA-SMI has failed'; echo more; exit 9", "nvidia-smi fails with status 9: NVIDIA-SMI has failed"),
        ("printf '\\377\\376'; exit 1", "nvidia-smi fails with status 1: \ufffd\ufffd"),
        ("kill -9 $$", "nvidia-smi fails with status -9: no message"),
        ("exec sleep 60", "nvidia-smi cannot be run: Command '['nvidia-smi']' timed out"),
    ],
)
def test_a_broken_nvidia_smi_is_a_finding(body, problem, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", fake_nvidia_smi(tmp_path, body))
    monkeypatch.setattr(doctor, "PATIENCE", 0.5 if "sleep" in body else 30.0)
    driver = read_driver()
    assert (driver.version, driver.cuda) == (None, None) and driver.problem.startswith(problem)


def test_a_missing_or_senseless_nvidia_smi_is_a_finding(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_driver() == NO_DRIVER
    (tmp_path / "nvidia-smi").write_bytes(b"\x00\x01\x02")
    (tmp_path / "nvidia-smi").chmod(0o755)
    assert read_driver().problem.startswith("nvidia-smi cannot be run:")


@pytest.mark.parametrize(
    ("build", "driver", "is_available", "words"),
    [
        ("12.8", Driver("550", "12.4", None), True, ["torch sees a GPU"]),
        ("12.8", NO_DRIVER, False, ["no CUDA", "no NVIDIA driver (there is no nvidia-smi)"]),
        (None, NO_DRIVER, False, ["no CUDA", "no NVIDIA driver", "torch is built without CUDA"]),
        (None, Driver("550", "12.4", None), False, ["built without CUDA", "CUDA up to 12.4", "install"]),
        ("13.2", Driver("550", "12.4", None), False, ["too old", "up to 12.4", "built for 13.2", "for CUDA 12"]),
        ("12.8", Driver("550", "12.4", None), False, ["fit", "CUDA_VISIBLE_DEVICES"]),
        ("12.8", Driver("550", None, None), False, ["a CUDA that it does not name", "CUDA_VISIBLE_DEVICES"]),
    ],
)
def test_the_diagnosis_says_what_is_missing_or_too_old(build, driver, is_available, words):
    sentence = diagnose_cuda(build, driver, is_available)
    for word in words:
        assert word in sentence
    assert ("no CUDA" in sentence) is not is_available


@pytest.mark.parametrize(("number", "version"), [(None, None), (8907, "8.9.7"), (90100, "9.1.0"), (91002, "9.10.2")])
def test_cudnn_version(number, version, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: number)
    assert doctor.cudnn_version() == version


def test_vgg19_weights_are_found_in_torchs_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert doctor.vgg19_weights() is None
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "vgg19_bn-c79401a0.pth").touch()
    assert doctor.vgg19_weights() is None
    (folder / "vgg19-dcbb9e9d.pth").touch()
    assert doctor.vgg19_weights() == str(folder / "vgg19-dcbb9e9d.pth")


def test_the_cpu_computes():
    check = doctor.check_device("cpu")
    assert check.problem is None and check.error < 1e-5 and check.milliseconds > 0


def test_a_device_that_is_not_there_or_errs_is_a_finding(monkeypatch):
    missing = doctor.check_device("cuda:99")
    assert missing.problem and missing.error is None
    right = doctor.arithmetic

    def wrong_gradient(inputs, factor):
        *results, last = right(inputs)
        return [*results, last * (factor if inputs[0].dtype == torch.float32 else 1)]

    monkeypatch.setattr(doctor, "arithmetic", lambda inputs: wrong_gradient(inputs, 1.1))
    assert doctor.check_device("cpu").problem == "wrong results: error 0.1"
    monkeypatch.setattr(doctor, "arithmetic", lambda inputs: wrong_gradient(inputs, torch.nan))
    assert doctor.check_device("cpu").problem == "wrong results: not finite"


def test_a_device_that_fails_is_reported_and_costs_the_status(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "device_names", lambda: ["cpu", "cuda:99"])
    with pytest.raises(SystemExit) as end:
        script.print_findings(argparse.Namespace(json=True))
    printed = capsys.readouterr()
    assert end.value.code == 1 and printed.err.startswith("error: cuda:99: ") and printed.err.count("\n") == 1
    assert [check["problem"] is None for check in json.loads(printed.out)["devices"]] == [True, False]


def test_json_is_one_object_with_what_nvidia_smi_said(tmp_path):
    path = fake_nvidia_smi(tmp_path, f"cat <<'END'\n{HEADING}\nEND")
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "doctor.py", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"PATH": path, "CUDA_VISIBLE_DEVICES": ""},
    )
    assert done.returncode == 0, done.stderr
    findings = json.loads(done.stdout)
    assert findings["driver"] == {"version": "550.54.15", "cuda": "12.4", "problem": None}
    assert findings["diagnosis"].startswith("no CUDA") and findings["gpus"] == []
    assert findings["packages"]["torch"] and findings["devices"][0]["device"] == "cpu"
    assert findings["python"] == ".".join(map(str, sys.version_info[:3]))


def test_for_people(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "read_driver", lambda: Driver("550.54", "12.4", None))
    script.print_findings(argparse.Namespace(json=False))
    printed = capsys.readouterr().out
    for word in ("python", "torch", "hydra-core", "CUDA build", "VGG19 weights", "cpu", "works: "):
        assert word in printed
    assert "550.54, supports CUDA up to 12.4" in printed


def test_an_unknown_option_is_told_in_a_line_without_torch(tmp_path):
    done = run_script("doctor.py", "--jason", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "error: unrecognized arguments: --jason (--help tells more)\n")
