"""An exporter ends when it is told to."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest

from regobs.exporters.serving import wait_for_end

PROGRAM = """
import signal, threading, time
from regobs.exporters.serving import wait_for_end

def hand_over():
    time.sleep(0.3)
    signal.pthread_kill(threading.get_ident(), signal.{name})
    time.sleep(30)

threading.Thread(target=hand_over, daemon=True).start()
print(wait_for_end())
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_that_the_kernel_hands_to_another_thread_ends_it_too(name: str) -> None:
    command = [sys.executable, "-c", PROGRAM.format(name=name)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout.strip() == name


def test_it_ends_without_a_signal_once_the_event_is_set_and_puts_the_handlers_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    end = threading.Event()
    threading.Timer(0.05, end.set).start()
    assert wait_for_end(end) == ""
    assert signal.getsignal(signal.SIGTERM) is before
