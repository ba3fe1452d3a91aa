"""The final images of several runs in one: python scripts/sheet.py RUNS... [--rows KEY] [--columns KEY] [--inputs]"""

from dlcourse.cli.start import begin

begin()
if __name__ == "__main__":
    from dlcourse.cli.sheet import main

    main()
