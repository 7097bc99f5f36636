# SPDX-License-Identifier: GPL-3.0-or-later
"""One software TPM per virtual machine, on a UNIX socket."""
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time


def manufacture(state, banks):
    """A TPM that has never been used, with these banks; made once."""
    state = pathlib.Path(state)
    if (state / "tpm2-00.permall").exists():
        return state
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True)
    subprocess.run(
        ["swtpm_setup", "--tpm2", "--tpmstate", str(state), "--createek",
         "--pcr-banks", banks, "--overwrite"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return state


def provisioned(state, folder, holdfast, generation):
    """A copy as an operator leaves it: owner and lockout values set, TPM2_Clear off, the generation
    kept. That was a boot of its own: it counts one reset more."""
    folder = pathlib.Path(folder)
    folder.mkdir()
    shutil.copy(pathlib.Path(state) / "tpm2-00.permall", folder)
    for name in ("owner", "lockout"):
        (folder / f"{name}.auth").write_text(f"{name}-value-1\n")
    with tempfile.TemporaryDirectory() as sockets:
        process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder}", "--server",
             f"type=unixio,path={sockets}/tpm", "--ctrl", f"type=unixio,path={sockets}/tpm.ctrl",
             "--flags", "not-need-init,startup-clear"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            end = time.monotonic() + 20
            while not os.path.exists(f"{sockets}/tpm") and time.monotonic() < end:
                time.sleep(0.02)
            subprocess.run([str(holdfast), "provision", "--tcti", f"swtpm:path={sockets}/tpm",
                            "--owner-auth-file", f"{folder}/owner.auth", "--lockout-auth-file",
                            f"{folder}/lockout.auth", "--generation", str(generation)], check=True,
                           stdout=subprocess.DEVNULL)
        finally:
            process.terminate()
            process.wait()
    return folder


class Tpm:
    """state: what manufacture() made; it is copied, so every run starts from the same
    TPM. The socket is listening before swtpm starts, so nothing has to be waited for."""

    def __init__(self, state, out_dir, socket_dir):
        self.dir = pathlib.Path(out_dir) / "tpm"
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir(parents=True)
        shutil.copy(pathlib.Path(state) / "tpm2-00.permall", self.dir)
        self.path = pathlib.Path(socket_dir) / "tpm"
        with socket.socket(socket.AF_UNIX) as listener, \
                open(self.dir / "stderr", "wb") as errors:
            listener.bind(str(self.path))
            listener.listen(1)
            self.process = subprocess.Popen(
                ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.dir}",
                 "--ctrl", f"type=unixio,fd={listener.fileno()}", "--terminate"],
                pass_fds=[listener.fileno()], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True)

    def arguments(self):
        return ["-chardev", f"socket,id=ctpm,path={self.path}",
                "-tpmdev", "emulator,id=tpm0,chardev=ctpm", "-device", "tpm-crb,tpmdev=tpm0"]

    def close(self):
        if self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
