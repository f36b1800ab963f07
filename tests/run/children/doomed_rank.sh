#!/bin/sh
# Python for torchrun (PYTHON_EXEC), with which rank 1 alone meets its doom: see doomed_worker.py.
# Words: -u -m xclass.run.worker SPEC; XCLASS_PYTHON is the real one.
if [ "$RANK" = 1 ]; then
    shift 3
    exec "$XCLASS_PYTHON" "$(dirname "$0")/doomed_worker.py" "$@"
fi
exec "$XCLASS_PYTHON" "$@"
