"""■ in Jupyter: an interrupted training cell ends between two steps and gives back its model."""

import time

import pytest
from jupyter_client.manager import start_new_kernel

TRAIN = """
from gan_course.config import recipe
from gan_course.data import load_images
from gan_course.training import sample, train
images = load_images("fashion-mnist", count=256)
print("ready", flush=True)
run = train(recipe("gan", preset="quick", steps=10**6), images=images, device="cpu", progress=False)
"""
REPORT = "print(run.interrupted, run.step > 0, tuple(sample(run.average, 2).shape))"


def outcome(client, code: str, timeout: float = 60) -> list[str]:
    """Texts and errors that a cell gives, until the kernel is idle again."""
    said = []
    message = client.execute(code)
    while True:
        reply = client.get_iopub_msg(timeout=timeout)
        if reply["parent_header"].get("msg_id") != message:
            continue
        kind, content = reply["msg_type"], reply["content"]
        if kind == "stream":
            said.append(content["text"].strip())
        elif kind == "error":
            said.append(f"{content['ename']}: {content['evalue']}")
        elif kind == "status" and content["execution_state"] == "idle":
            return said


@pytest.mark.slow
def test_the_stop_button_gives_back_the_model_trained_so_far(tmp_path):
    manager, client = start_new_kernel(cwd=str(tmp_path))
    try:
        message = client.execute(TRAIN)
        while True:
            reply = client.get_iopub_msg(timeout=90)
            if reply["msg_type"] == "stream" and "ready" in reply["content"]["text"]:
                break
        time.sleep(2)
        manager.interrupt_kernel()
        while client.get_shell_msg(timeout=30)["parent_header"].get("msg_id") != message:
            pass
        assert outcome(client, REPORT) == ["True True (2, 1, 28, 28)"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
