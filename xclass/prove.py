"""``python -m xclass.prove``: repeat a recorded phase under a real cap of memory."""

from xclass.cli.prove import main

if __name__ == "__main__":
    main()
