"""First thing in the child process: gives up memory, time, files and core dumps, then runs the script it is told to.

It stands alone, as the child imports nothing of the product: `python -I confined.py MEMORY_BYTES CPU_SECONDS SCRIPT …`.
"""

import resource
import runpy
import sys

if __name__ == "__main__":
    memory, seconds, script = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    for limit, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        resource.setrlimit(limit, (value, value))
    sys.argv = sys.argv[3:]
    runpy.run_path(script, run_name="__main__")
