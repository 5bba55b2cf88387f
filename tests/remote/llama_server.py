"""A real llama-server, from the wheel `xllamacpp`, as a child process of a test.

``python llama_server.py MODEL [KEY]`` listens on a free port of 127.0.0.1, prints its address on
the last line it writes to standard output, and ends when its input does.
"""

import os
import sys

import xllamacpp


def main(model: str, key: str = "") -> None:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = model
    parameters.n_ctx = 2048
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = 2
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.endpoint_slots = True
    parameters.warmup = False
    if key:
        parameters.api_keys = [key]
    server = xllamacpp.Server(parameters)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.buffer.read()
    # Its threads are not joined: the process is what a test ends.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
