"""A sweep that does not ship is run on the spot, and says so."""

from gan_course import experiments
from gan_course.config import recipe
from gan_course.ruler import load_ruler


def test_a_missing_sweep_is_run(tmp_path, monkeypatch, capsys):
    def arms(**changes):
        return {"a": recipe("gan", **changes), "b": recipe("gan", lambda2=0.1, **changes)}

    monkeypatch.setitem(experiments.SWEEPS, "lambda", arms)
    monkeypatch.setattr(experiments, "DATA_FOLDER", tmp_path)
    monkeypatch.setattr(experiments, "SAMPLES", 100)
    monkeypatch.setattr(experiments, "load_ruler", lambda split: load_ruler(split=split, count=100))
    sweep = experiments.load_or_run_sweep("lambda_sweep", "lambda", preset="quick", steps=1)
    assert [row["arm"] for row in sweep.rows] == ["a", "b"]
    assert sweep.caption == "trained here, seed 0"
    assert "not here" in capsys.readouterr().out


def test_a_shipped_sweep_is_loaded(tmp_path, monkeypatch):
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / "lambda_sweep.pt").touch()
    monkeypatch.setattr(experiments, "DATA_FOLDER", tmp_path)
    monkeypatch.setattr(experiments, "load_sweep", lambda name: name)
    assert experiments.load_or_run_sweep("lambda_sweep", "lambda") == "lambda_sweep"
